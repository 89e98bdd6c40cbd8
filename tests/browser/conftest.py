"""Fixtures: a dashboard server on a copy of the project, and a page in a real Chromium."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness import enable_ctrl_c

from core.experiment.runs.run_store import RunStore

PROJECT = Path(__file__).parents[2]
CHROMIUM = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-quic",
]


class Server:
    """`streamlit run dashboard.py` on a copy of the project, whose source a test may edit."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.runs = folder, folder / "runs-of-test"
        self.url = f"http://127.0.0.1:{_free_port()}"
        self.log = folder / "server.log"
        (folder / "tmp").mkdir()
        self._process: subprocess.Popen | None = None

    @property
    def store(self) -> RunStore:
        return RunStore(self.runs)

    def start(self) -> None:
        command = [
            sys.executable,
            "-m",
            "streamlit",
            "run",
            "dashboard.py",
            "--server.headless",
            "true",
            "--server.port",
            self.url.rpartition(":")[2],
            "--",
            "--runs",
            str(self.runs),
        ]
        with self.log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                cwd=self.folder,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=enable_ctrl_c,
                env=os.environ | {"TMPDIR": str(self.folder / "tmp")},
            )
        for _ in range(300):
            try:
                urllib.request.urlopen(f"{self.url}/_stcore/health", timeout=1)
                return
            except OSError:
                time.sleep(0.1)
        pytest.fail(f"the server did not start: {self.log.read_text()[-2000:]}")

    def end(self, signal_number: signal.Signals) -> None:
        self._process.send_signal(signal_number)
        self._process.wait(30)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    copy = tmp_path / "project"
    skipped = shutil.ignore_patterns(".git", "__pycache__", ".venv", ".*_cache")
    shutil.copytree(
        PROJECT,
        copy,
        ignore=lambda folder, names: skipped(folder, names) | ({"runs"} if Path(folder) == PROJECT else set()),
    )
    server = Server(copy)
    server.start()
    yield server
    for run in server.store.active():
        server.store.request_stop(run.id)
    for _ in range(300):
        if not server.store.active():
            break
        time.sleep(0.1)
    server.end(signal.SIGKILL)


@pytest.fixture
def page() -> Iterator[object]:
    """A page in a new Chromium. Skips the test if Chromium is not installed, unless `REQUIRE_BROWSER` is set."""
    if not Path(CHROMIUM).exists() and not os.environ.get("REQUIRE_BROWSER"):
        pytest.skip(f"needs Chromium at {CHROMIUM}")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)  # ms: while other tests train, a page takes long to draw
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        page = browser.new_page(viewport={"width": 1440, "height": 1000})
        page.set_default_timeout(120_000)
        yield page
        browser.close()
