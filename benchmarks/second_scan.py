"""Time until the images of an unchanged folder are ready: `python benchmarks/second_scan.py`.

Draws 5,000 photos of 200 px in ten classes, every tenth a near-duplicate of the one before. Then scans them, and starts
`transfer_learning.py` on them until it has created its run, each in a new process: without a scan cache, with it, and
after one photo was added. The ways take turns; each figure is the median of the rounds.
"""

import argparse
import shutil
import signal
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import numpy as np
from PIL import Image, ImageEnhance

from benchmarks.support.common import PROJECT, Measurement, machine, print_table, run_python, seconds, temporary_home
from core.data.datasets.scan_cache.file_stamp import CLOCK_STEP
from core.machine.paths import scan_cache_folder

_SCAN = """
import json, sys, time
from pathlib import Path
from core.data.datasets.scan import scan
start, busy = time.perf_counter(), time.process_time()
scan(Path(sys.argv[1]))
print(json.dumps([time.perf_counter() - start, time.process_time() - busy]))
"""
_IMPORT = """
import json, sys, time
start = time.perf_counter()
import transfer_learning
print(json.dumps([time.perf_counter() - start, bool({"keras", "tensorflow"} & set(sys.modules))]))
"""
_POLL_SECONDS = 0.005
_TARGET = "0.5 s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--photos", type=int, default=5_000, help="number of photos")
    parser.add_argument("--rounds", type=int, default=3, help="repetitions of everything")
    arguments = parser.parse_args()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        for number in range(arguments.photos):
            _draw(folder / "photos", number)
        print_table(_measure(folder, arguments.photos, arguments.rounds))


def _draw(root: Path, number: int) -> None:
    """Write a soft picture as a photo; every tenth is the one before, a little darker."""
    is_copy = number % 10 == 9
    small = np.random.default_rng(number - is_copy).integers(0, 256, (8, 8, 3), np.uint8)
    image = Image.fromarray(small).resize((200, 200), Image.Resampling.BICUBIC)
    path = root / f"class {number // 10 % 10}" / f"{number:05d}.jpg"
    path.parent.mkdir(parents=True, exist_ok=True)
    (ImageEnhance.Brightness(image).enhance(0.9) if is_copy else image).save(path, "JPEG", quality=88)


def _measure(folder: Path, photos: int, rounds: int) -> Iterator[Measurement]:
    times: dict[str, list[float]] = defaultdict(list)
    for number in range(rounds):
        for name, value in _round(folder, photos + number).items():
            times[name].append(value)
    middle = {name: median(values) for name, values in times.items()}
    for name, value in middle.items():
        yield Measurement(name, seconds(value), _TARGET if name == "Scan of the unchanged folder" else "")
    ready = middle["Terminal to the created run, unchanged folder"] - middle["Importing the terminal's modules"]
    yield Measurement("Terminal to the created run, without starting Python and imports", seconds(ready), _TARGET)
    yield Measurement("Size of the scan cache", f"{_cache_bytes() / 2**20:.1f} MB")


def _round(folder: Path, added: int) -> dict[str, float]:
    """Measure every way once, and add a photo at the end."""
    root = folder / "photos"
    shutil.rmtree(scan_cache_folder(), ignore_errors=True)
    time.sleep(1.5 * CLOCK_STEP)  # younger photos are read again
    times = {
        **_scan_seconds(root, "Scan without a cache"),
        **_scan_seconds(root, "Scan of the unchanged folder"),
        "Importing the terminal's modules": _import_seconds(),
        "Terminal to the created run, unchanged folder": _terminal_seconds(folder),
    }
    shutil.rmtree(scan_cache_folder())
    times["Terminal to the created run, without a cache"] = _terminal_seconds(folder)
    _draw(root, added)
    return times | _scan_seconds(root, "Scan after one photo was added")


def _scan_seconds(root: Path, name: str) -> dict[str, float]:
    """Time of a scan, and its processor time, which depends less on what else the machine does."""
    duration, busy = run_python("-c", _SCAN, str(root))
    return {name: duration, f"{name}, processor time": busy}


def _import_seconds() -> float:
    """Time from the start of Python to the end of the imports. Raises `RuntimeError` if Keras is among them."""
    start = time.perf_counter()
    _, has_keras = run_python("-c", _IMPORT)
    if has_keras:
        raise RuntimeError("Expected a terminal that leaves Keras to its worker; it has imported Keras.")
    return time.perf_counter() - start


def _terminal_seconds(folder: Path) -> float:
    """Time from the start of the terminal to its first run on the disk. The run is then stopped and deleted."""
    runs = folder / "runs"
    command = [sys.executable, "transfer_learning.py", "--data", str(folder / "photos"), "--runs", str(runs)]
    command += ["--strategy", "feature-extraction", "--weights", "random", "--alpha", "0.35", "--image-size", "96"]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    while not any(runs.glob("[0-9]*")):
        if process.poll() is not None:
            raise RuntimeError(f"Expected a run; the terminal ended with exit code {process.returncode}.")
        time.sleep(_POLL_SECONDS)
    duration = time.perf_counter() - start
    process.send_signal(signal.SIGINT)
    process.wait()
    shutil.rmtree(runs)
    return duration


def _cache_bytes() -> int:
    return sum(path.stat().st_size for path in scan_cache_folder().iterdir())


if __name__ == "__main__":
    main()
