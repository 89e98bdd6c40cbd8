"""A dashboard of one's own, and a browser to look at it with."""

import shutil
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.support.common import PROJECT

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

PATIENCE_SECONDS = 120
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


@dataclass(frozen=True)
class Server:
    """A dashboard that answers. `began` and `ready` are `time.perf_counter()` of its start and first answer."""

    pid: int
    url: str
    began: float
    ready: float


@contextmanager
def dashboard(runs: Path, port: int | None = None) -> Iterator[Server]:
    """`streamlit run dashboard.py` over this runs folder, until the block ends."""
    with streamlit(PROJECT / "dashboard.py", port or free_port(), "--runs", str(runs)) as server:
        yield server


@contextmanager
def streamlit(script: Path, port: int, *arguments: str) -> Iterator[Server]:
    """`streamlit run` of any script with these arguments, until the block ends."""
    command = [
        sys.executable,
        "-m",
        "streamlit",
        "run",
        str(script),
        "--server.headless",
        "true",
        "--server.port",
        str(port),
        "--",
        *arguments,
    ]
    began = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _await_answer(f"{url}/_stcore/health", process)
        yield Server(process.pid, url, began, time.perf_counter())
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port on which nobody listens now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _await_answer(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"Expected the dashboard to answer at {url}; it did not.")


def chromium_path() -> str | None:
    """The browser to measure with; None where there is none, or no Playwright to steer it."""
    if find_spec("playwright") is None:
        return None
    named = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in named if path), None)


@contextmanager
def chromium(path: str) -> Iterator["Browser"]:
    """A headless Chromium, running before anything is measured."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visitor(browser: "Browser") -> Iterator["Page"]:
    """An empty page of a visitor whose browser has nothing cached yet."""
    context = browser.new_context()
    context.set_default_timeout(1_000 * PATIENCE_SECONDS)
    try:
        yield context.new_page()
    finally:
        context.close()


def await_first_button(page: "Page") -> None:
    """Return once Home's button is on the page."""
    page.get_by_role("button", name="Try it on the sample set").wait_for()
