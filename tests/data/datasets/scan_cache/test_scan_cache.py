"""The scan cache: scans that use it find what a first scan would find, and read only new and changed files."""

import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from core.data.datasets import scan as scan_module
from core.data.datasets.dataset import Dataset
from core.data.datasets.scan import scan
from core.data.datasets.scan_cache import file_stamp, scan_cache
from core.data.datasets.scan_cache.file_content import ImageContent, Refusal, read_content
from core.data.datasets.scan_cache.reader_version import READER_VERSION
from core.machine.paths import scan_cache_folder

pytestmark = pytest.mark.faults
STEP = 0.02
"""Seconds for `CLOCK_STEP`: the clocks of local file systems are more precise than 2 s, and tests cannot wait."""

READ = scan_module.read_content


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch) -> Path:
    """An application folder without a scan cache, and a small clock step."""
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(file_stamp, "CLOCK_STEP", STEP)
    return tmp_path / "home"


@pytest.fixture
def reads(monkeypatch) -> list[str]:
    """The names of the files that are read."""
    names: list[str] = []

    def read(path: Path):
        names.append(path.name)
        return READ(path)

    monkeypatch.setattr(scan_module, "read_content", read)
    return names


def painting(number: int) -> Image.Image:
    """A soft picture, different for each number; those of an odd number are near-duplicates of the one before."""
    small = np.random.default_rng(number // 2).integers(0, 256, (5, 5, 3), np.uint8)
    image = Image.fromarray(small).resize((40, 40), Image.Resampling.BICUBIC)
    return ImageEnhance.Brightness(image).enhance(0.9) if number % 2 else image


def paint(path: Path, number: int) -> None:
    """Write a bitmap: all of them have the same size in bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
    painting(number).save(path, "BMP")


@pytest.fixture
def root(tmp_path) -> Path:
    return filled(tmp_path / "set")


def filled(root: Path) -> Path:
    """A data set of two classes with four images and a text each."""
    for label, first in (("glass", 0), ("paper", 10)):
        for number in range(first, first + 4):
            paint(root / label / f"{number}.bmp", number)
        (root / label / "text.bmp").write_text("no image")
    return root


def settled_scan(root: Path) -> Dataset:
    """Scan when the files are old enough to be known again."""
    time.sleep(1.5 * STEP)
    return scan(root)


def first_scan(root: Path) -> Dataset:
    """Scan without a cache."""
    with tempfile.TemporaryDirectory() as empty, pytest.MonkeyPatch.context() as patch:
        patch.setenv("TRANSFER_LAB_HOME", empty)
        return scan(root)


def cache_file() -> Path:
    (path,) = scan_cache_folder().iterdir()
    return path


def test_an_unchanged_folder_is_not_read_again(root, reads):
    first = settled_scan(root)
    assert len(reads) == 10 and len(first.near_duplicates) == 4 and len(first.problems) == 2
    assert scan(root) == first and len(reads) == 10


def test_only_new_and_changed_files_are_read(root, reads):
    settled_scan(root)
    paint(root / "glass" / "new.bmp", 20)
    paint(root / "paper" / "10.bmp", 21)
    (root / "paper" / "11.bmp").unlink()
    reads.clear()
    assert settled_scan(root) == first_scan(root) and reads[:2] == ["new.bmp", "10.bmp"] and len(reads) == 2 + 10


def test_progress_counts_all_files(root):
    for _ in range(2):
        calls: list[tuple[int, int]] = []
        time.sleep(1.5 * STEP)
        scan(root, lambda done, total, calls=calls: calls.append((done, total)))
        assert calls == [(10, 10)]


def test_layouts_share_what_is_known_of_a_folder(root, reads):
    settled_scan(root)
    assert scan(root, layout="nested").counts == {"glass": 4, "paper": 4} and len(reads) == 10


def _replaced_by_one_of_the_same_times(path: Path, number: int) -> None:
    info, other = path.stat(), path.with_suffix(".new")
    paint(other, number)
    os.utime(other, ns=(info.st_atime_ns, info.st_mtime_ns))
    other.replace(path)


def _rewritten_with_the_same_times(path: Path, number: int) -> None:
    info = path.stat()
    paint(path, number)
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))


def _copied(path: Path, number: int) -> None:
    shutil.copy2(path, path.with_name(f"copy {number}.bmp"))


def _moved_to_the_other_class(path: Path, number: int) -> None:
    other = path.parent.with_name("paper" if path.parent.name == "glass" else "glass")
    other.mkdir(exist_ok=True)
    path.replace(other / path.name)


def _class_renamed(path: Path, number: int) -> None:
    if not (other := path.parent.with_name(f"class {number}")).exists():
        path.parent.rename(other)


_EDITS: tuple[Callable[[Path, int], None], ...] = (
    lambda path, number: paint(path.with_name(f"{number}.bmp"), number),
    lambda path, number: paint(path.parents[1] / "cork" / f"{number}.bmp", number),
    lambda path, number: path.unlink(),
    lambda path, number: path.write_bytes(path.read_bytes()[:-number]),
    lambda path, number: path.touch(),
    lambda path, number: os.utime(path, (1e9, 1e9)),
    lambda path, number: path.replace(path.with_name(f"renamed {number}.bmp")),
    paint,
    _rewritten_with_the_same_times,
    _replaced_by_one_of_the_same_times,
    _copied,
    _moved_to_the_other_class,
    _class_renamed,
)


_edits = st.lists(st.tuples(st.sampled_from(_EDITS), st.integers(0, 30), st.integers(1, 30)), max_size=5)


@settings(max_examples=25)
@given(st.lists(_edits, min_size=1, max_size=2))
def test_a_scan_after_any_edits_finds_what_a_first_scan_finds(rounds):
    with tempfile.TemporaryDirectory() as folder:
        root = filled(Path(folder) / "set")
        assert settled_scan(root) == first_scan(root)
        for edits in rounds:
            for edit, place, number in edits:
                if files := sorted(root.glob("*/*.bmp")):
                    edit(files[place % len(files)], number)
            assert settled_scan(root) == first_scan(root)


@settings(max_examples=15)
@given(_edits)
def test_a_scan_right_after_any_edit_finds_what_a_first_scan_finds(edits):
    with tempfile.TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(file_stamp, "CLOCK_STEP", 2.0)
        root = filled(Path(folder) / "set")
        for edit, place, number in edits:
            scan(root)
            if files := sorted(root.glob("*/*.bmp")):
                edit(files[place % len(files)], number)
            assert scan(root) == first_scan(root)


def test_a_file_written_just_before_it_is_read_is_read_again(root, reads, monkeypatch):
    monkeypatch.setattr(file_stamp, "CLOCK_STEP", 2.0)
    scan(root)
    scan(root)
    assert len(reads) == 20 and read_content(root / "glass" / "0.bmp")[1] is None


def test_a_refusal_is_known_again_only_if_the_content_is_its_reason(root, monkeypatch):
    time.sleep(1.5 * STEP)
    content, stamp = read_content(root / "glass" / "text.bmp")
    assert content == Refusal("not an image, or in an unsupported format") and stamp
    assert isinstance(read_content(root / "glass" / "0.bmp")[0], ImageContent)
    assert read_content(root / "glass" / "missing.bmp")[1] is None

    def without_memory(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(Image.Image, "convert", without_memory)
    content, stamp = read_content(root / "glass" / "0.bmp")
    assert content == Refusal("damaged: MemoryError") and stamp is None


def _with_checksum(text: bytes) -> bytes:
    return hashlib.sha256(text).hexdigest().encode() + b"\n" + text


def _of_an_earlier_reader(content: bytes) -> bytes:
    return _with_checksum(content.partition(b"\n")[2].replace(READER_VERSION.encode(), b"0" * 64))


def _of_another_form(content: bytes) -> bytes:
    stored = json.loads(content.partition(b"\n")[2])
    return _with_checksum(json.dumps(stored | {"files": [["glass/0.bmp", 1]]}).encode())


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: b"",
        lambda content: content[: len(content) // 2],
        lambda content: content[:3000] + bytes([content[3000] ^ 1]) + content[3001:],
        lambda content: content + b" ",
        lambda content: b"\x80" * 3000,
        lambda content: _with_checksum(b"[]"),
        lambda content: _with_checksum(b"[" * 100_000),
        lambda content: _with_checksum(b'{"about": 1}'),
        _of_an_earlier_reader,
        _of_another_form,
    ],
)
def test_a_damaged_or_foreign_cache_is_ignored_and_written_again(root, reads, damage):
    first = settled_scan(root)
    content = cache_file().read_bytes()
    cache_file().write_bytes(damage(content))
    assert scan(root) == first and len(reads) == 20, "all files are read again"
    assert cache_file().read_bytes() == content and scan(root) == first and len(reads) == 20


def test_a_cache_of_another_folder_is_ignored(root, tmp_path, reads):
    settled_scan(root)
    content = cache_file().read_bytes()
    cache_file().unlink()
    other = shutil.copytree(root, tmp_path / "other")
    settled_scan(other)
    cache_file().write_bytes(content)
    reads.clear()
    scan(other)
    assert len(reads) == 10


def test_without_a_place_to_write_every_scan_reads_all_files(root, reads, home):
    home.mkdir()
    scan_cache_folder().touch()  # a file where the folder should be
    assert settled_scan(root) == settled_scan(root) and len(reads) == 20


def test_a_full_disk_leaves_the_earlier_cache(root, monkeypatch):
    settled_scan(root)
    content = cache_file().read_bytes()
    paint(root / "glass" / "new.bmp", 20)

    def full(path: Path, *_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(scan_cache, "write_atomically", full)
    assert settled_scan(root) == first_scan(root) and cache_file().read_bytes() == content


def test_an_interrupted_scan_keeps_what_it_has_read(root, reads):
    def interrupt(done: int, total: int) -> None:
        raise KeyboardInterrupt

    time.sleep(1.5 * STEP)
    with pytest.raises(KeyboardInterrupt):
        scan(root, interrupt)
    assert scan(root) == first_scan(root) and len(reads) == 10 + 10, "read once, and once by the scan without a cache"


def test_near_duplicates_are_not_remembered_if_a_file_changed_during_the_scan(root, reads):
    original = (root / "glass" / "1.bmp").read_bytes()

    def change(done: int, total: int) -> None:
        paint(root / "glass" / "1.bmp", 99)

    time.sleep(1.5 * STEP)
    scan(root, change)
    (root / "glass" / "1.bmp").write_bytes(original)
    assert settled_scan(root) == first_scan(root)


def test_the_folders_that_were_scanned_longest_ago_are_dropped(root, tmp_path, monkeypatch, reads):
    settled_scan(root)
    roots = [root, *(shutil.copytree(root, tmp_path / name) for name in ("b", "c"))]
    monkeypatch.setattr(scan_cache, "MAX_BYTES", int(2.5 * cache_file().stat().st_size))
    for number, folder in enumerate((roots[1], roots[0], roots[2])):
        settled_scan(folder)
        for path in scan_cache_folder().iterdir():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 100 + number))
    reads.clear()
    settled_scan(roots[0])
    assert not reads and len(list(scan_cache_folder().iterdir())) == 2
    settled_scan(roots[1])
    assert len(reads) == 10


_SCANS = """
import sys
from pathlib import Path
from core.data.datasets.scan import scan
for _ in range(20):
    print(len(scan(Path(sys.argv[1])).images))
"""


def test_two_processes_may_scan_a_folder_at_once(root, start, reads):
    first = first_scan(root)
    time.sleep(2.1)  # the processes trust nothing younger
    outputs = [process.communicate(timeout=60) for process in [start(_SCANS, root) for _ in range(2)]]
    assert [out.split() for out, _ in outputs] == [["8"] * 20] * 2, outputs
    reads.clear()
    assert scan(root) == first and not reads and len(list(scan_cache_folder().iterdir())) == 1
