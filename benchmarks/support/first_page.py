"""Time until the dashboard's first page is visible, and the part of it that Streamlit itself needs."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.support.common import Measurement, seconds
from benchmarks.support.dashboard_server import (
    Server,
    dashboard,
    free_port,
    open_page,
    streamlit,
    wait_for_first_button,
)
from core.data.sample_set.generate import sample_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TARGET = "under 2 s"
Serve = Callable[[], AbstractContextManager[Server]]


def first_page(browser: "Browser", folder: Path, quick: bool) -> Iterator[Measurement]:
    """Measure the seconds from `streamlit run` to the first button, with the sample set drawn; medians of 3 starts.

    A returning user's browser has Streamlit's scripts cached. A page with one button shows how much time Streamlit
    and the browser need for any page.
    """
    started = time.perf_counter()
    sample_folder()
    drawing = time.perf_counter() - started
    port, starts = free_port(), 1 if quick else 3
    one_button = folder / "one_button.py"
    one_button.write_text('import streamlit as st\n\nst.button("Try it on the sample set")\n', encoding="utf-8")
    runs = folder / "first-page"
    yield from _rows("First page after start, returning browser", _returning(browser, runs, port, starts), TARGET)
    new = [_new(browser, lambda: dashboard(runs, port)) for _ in range(starts)]
    yield from _rows("First page after start, nothing cached", new, TARGET)
    bare = [_new(browser, lambda: streamlit(one_button, port)) for _ in range(starts)]
    yield from _rows("A page with one button, nothing cached", bare)
    yield Measurement("Drawing the sample set, once per machine (not included above)", seconds(drawing))


def _rows(name: str, starts: list[tuple[float, float]], target: str = "") -> Iterator[Measurement]:
    ready, shown = (seconds(median(start[i] for start in starts)) for i in (0, 1))
    yield Measurement(name, seconds(median(map(sum, starts))), target)
    yield Measurement("  until the first response + from then to the button", f"{ready} + {shown}")


def _returning(browser: "Browser", runs: Path, port: int, starts: int) -> list[tuple[float, float]]:
    """Time several starts in one browser session; the first one fills the browser's cache and is not counted."""
    with open_page(browser) as page:
        return [_start(page, lambda: dashboard(runs, port)) for _ in range(1 + starts)][1:]


def _new(browser: "Browser", serve: Serve) -> tuple[float, float]:
    with open_page(browser) as page:
        return _start(page, serve)


def _start(page: "Page", serve: Serve) -> tuple[float, float]:
    """Return the seconds from the start to the server's first response, and from there to the button."""
    with serve() as server:
        page.goto(server.url)
        wait_for_first_button(page)
        shown = time.perf_counter() - server.ready
        page.goto("about:blank")
    return server.ready - server.started, shown
