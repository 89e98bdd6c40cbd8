"""A dashboard server for benchmarks, and a browser to measure it with."""

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

TIMEOUT_SECONDS = 120
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
    """A running dashboard. `started` and `ready` are `time.perf_counter()` at its start and at its first response."""

    pid: int
    url: str
    started: float
    ready: float


@contextmanager
def dashboard(runs: Path, port: int | None = None) -> Iterator[Server]:
    """Run `streamlit run dashboard.py` with this runs folder until the block ends."""
    with streamlit(PROJECT / "dashboard.py", port or free_port(), "--runs", str(runs)) as server:
        yield server


@contextmanager
def streamlit(script: Path, port: int, *arguments: str) -> Iterator[Server]:
    """Run `streamlit run` with any script and arguments until the block ends."""
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
    started = time.perf_counter()
    process = subprocess.Popen(command, cwd=PROJECT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        url = f"http://127.0.0.1:{port}"
        _wait_for_response(f"{url}/_stcore/health", process)
        yield Server(process.pid, url, started, time.perf_counter())
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """Return a port that is free now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for_response(url: str, process: subprocess.Popen) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.01)
    raise RuntimeError(f"Expected a response of the dashboard at {url}; received none within {TIMEOUT_SECONDS} s.")


def chromium_path() -> str | None:
    """Return the path of the browser to measure with; None if there is none or Playwright is not installed."""
    if find_spec("playwright") is None:
        return None
    found = (shutil.which(name) for name in ("chromium", "chromium-browser", "google-chrome"))
    return next((path for path in found if path), None)


@contextmanager
def chromium(path: str) -> Iterator["Browser"]:
    """Start a headless Chromium, and close it when the block ends."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def open_page(browser: "Browser") -> Iterator["Page"]:
    """Open an empty page in a new browser session, with an empty cache."""
    context = browser.new_context()
    context.set_default_timeout(1_000 * TIMEOUT_SECONDS)
    try:
        yield context.new_page()
    finally:
        context.close()


def wait_for_first_button(page: "Page") -> None:
    """Wait until the button of the Home page is visible."""
    page.get_by_role("button", name="Try it on the sample set").wait_for()
