"""How soon the dashboard is there, and how much of that is Streamlit's own."""

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from benchmarks.support.common import Figure, seconds
from benchmarks.support.dashboard_server import Server, await_first_button, dashboard, free_port, streamlit, visitor
from core.data.sample_set.generate import sample_folder

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

TARGET = "under 2 s"
Serve = Callable[[], AbstractContextManager[Server]]


def first_page(browser: "Browser", room: Path, quick: bool) -> Iterator[Figure]:
    """Seconds from `streamlit run` to Start on the page, the sample set drawn before; medians of three starts.

    A returning visitor's browser has Streamlit's own scripts cached. The page of one button tells what Streamlit and
    the browser need for any page.
    """
    began = time.perf_counter()
    sample_folder()
    drawn = time.perf_counter() - began
    port, starts = free_port(), 1 if quick else 3
    one_button = room / "one_button.py"
    one_button.write_text('import streamlit as st\n\nst.button("Start")\n', encoding="utf-8")
    runs = room / "first-page"
    yield from _shown("First page after start, returning visitor", _returning(browser, runs, port, starts), TARGET)
    new = [_new(browser, lambda: dashboard(runs, port)) for _ in range(starts)]
    yield from _shown("First page after start, nothing cached", new, TARGET)
    bare = [_new(browser, lambda: streamlit(one_button, port)) for _ in range(starts)]
    yield from _shown("A page of one button, nothing cached", bare)
    yield Figure("Drawing the sample set, once a machine (not in the above)", seconds(drawn))


def _shown(what: str, starts: list[tuple[float, float]], target: str = "") -> Iterator[Figure]:
    ready, shown = (seconds(median(start[i] for start in starts)) for i in (0, 1))
    yield Figure(what, seconds(median(map(sum, starts))), target)
    yield Figure("  until the server answers + from then to Start", f"{ready} + {shown}")


def _returning(browser: "Browser", runs: Path, port: int, starts: int) -> list[tuple[float, float]]:
    """The same visitor at every start; the first visit does not count."""
    with visitor(browser) as page:
        return [_start(page, lambda: dashboard(runs, port)) for _ in range(1 + starts)][1:]


def _new(browser: "Browser", serve: Serve) -> tuple[float, float]:
    with visitor(browser) as page:
        return _start(page, serve)


def _start(page: "Page", serve: Serve) -> tuple[float, float]:
    """(seconds from the start to the server's first answer, seconds from there to the button)."""
    with serve() as server:
        page.goto(server.url)
        await_first_button(page)
        shown = time.perf_counter() - server.ready
        page.goto("about:blank")
    return server.ready - server.began, shown
