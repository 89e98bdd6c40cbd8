"""Format numbers, times and names for the pages and the terminal."""

import csv
import io
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any


def percent(share: float | None) -> str:
    """0.873 -> "87.3%"; None -> "–"."""
    return "–" if share is None else f"{100 * share:.1f}%"


def points(difference: float) -> str:
    """0.031 -> "+3.1 points": the difference of two proportions in percentage points, with its sign."""
    return f"{round(100 * difference, 1) + 0.0:+.1f} points"  # + 0.0: there is no -0.0


def duration(seconds: float) -> str:
    """125 -> "2 min 05 s"; 7 -> "7 s"; 4,000 -> "1 h 06 min"."""
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3_600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3_600} h {whole % 3_600 // 60:02d} min"


def study_time(study_id: str) -> str:
    """Start time in a study id: `20261123-220052-417` -> "2026-11-23 22:00"."""
    return f"{study_id[:4]}-{study_id[4:6]}-{study_id[6:8]} {study_id[9:11]}:{study_id[11:13]}"


def local_time(unix_seconds: float) -> str:
    """Unix time as "2026-11-23 22:00" in the machine's time zone."""
    return datetime.fromtimestamp(unix_seconds).strftime("%Y-%m-%d %H:%M")


def millions(number: int) -> str:
    """1691914 -> "1.69 M"."""
    return f"{number / 1e6:.2f} M"


def gigabytes(size: int) -> str:
    """Memory in bytes -> "23.4 GB": powers of 1,024, as operating systems count memory."""
    return f"{size / 1024**3:.1f} GB"


def size(bytes: int) -> str:
    """Size of files: 2_400_000 -> "2 MB"; 3_000_000_000 -> "3.0 GB", powers of 1,000."""
    return f"{bytes / 1e9:.1f} GB" if bytes >= 1e9 else f"{bytes / 1e6:.0f} MB"


def count(number: int, noun: str) -> str:
    """(1, "run") -> "1 run"; (3, "run") -> "3 runs"; class -> classes."""
    plural = noun if number == 1 else noun + ("es" if noun.endswith("s") else "s")
    return f"{number:,} {plural}"


def round_to_two_digits(number: int) -> int:
    """1_234 -> 1_200: an estimate shown with more digits would look more precise than it is."""
    return int(float(f"{number:.1e}"))


def escape_markdown(text: str) -> str:
    """Escape text so that Markdown shows it literally: a file or class name must not act as formatting."""
    one_line = "".join(character if character.isprintable() else " " for character in " ".join(text.split()))
    return re.sub(r"([\\`*_{}\[\]()<>#+\-.!|$~:^=@&])", r"\\\1", one_line)


def lower_first(name: str) -> str:
    """Lower the first letter of a name, for use within a sentence: "Two-phase" -> "two-phase"."""
    return name[:1].lower() + name[1:]


def join_words(items: Iterable[object]) -> str:
    """("a", "b", "c") -> "a, b and c"."""
    *most, last = map(str, items)
    return f"{', '.join(most)} and {last}" if most else last


def shorten(text: str, length: int = 60) -> str:
    """Shorten to at most `length` characters by cutting the middle, so that the end of a path stays readable."""
    return text if len(text) <= length else f"{text[: length // 3]}…{text[-(length - length // 3 - 1) :]}"


def to_csv(rows: Sequence[Mapping[str, Any]]) -> str:
    """Write rows as CSV text, with one column for each key of the first row."""
    if not rows:
        return ""
    names = list(rows[0])
    return _csv_line(names) + "".join(_csv_line([_escape_formula(row.get(name, "")) for name in names]) for row in rows)


def _csv_line(values: Sequence[Any]) -> str:
    """One line of CSV, ended by a line feed. The writer quotes a carriage return only if it also ends lines."""
    text = io.StringIO()
    csv.writer(text, lineterminator="\r\n").writerow(values)
    return text.getvalue().removesuffix("\r\n") + "\n"


def _escape_formula(value: Any) -> Any:
    """Prefix text that a spreadsheet would read as a formula with an apostrophe; numbers stay numbers."""
    return f"'{value}" if isinstance(value, str) and value.startswith(("=", "+", "-", "@")) else value
