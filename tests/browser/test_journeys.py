"""What a person does, in a real browser, with real training."""

import signal
import time
from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

from core.experiment.run import State

pytestmark = [pytest.mark.browser, pytest.mark.faults, pytest.mark.timeout(600)]

SECOND = 1_000


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.1)


def slide(page: Page, label: str, key: str, times: int, nth: int = 0) -> None:
    """Move a slider with the keyboard, and wait until the page has taken it."""
    slider = page.locator(f'input[aria-label="{label}"]').nth(nth)
    slider.focus()
    for _ in range(times):
        slider.press(key)
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=30 * SECOND)
    page.wait_for_timeout(300)


def fill_in_the_smallest_study(page: Page, url: str) -> None:
    page.goto(url)
    expect(start_button(page)).to_be_enabled(timeout=60 * SECOND)
    page.get_by_text("Advanced", exact=True).click()
    slide(page, "Image size", "Home", 1)
    slide(page, "Width of MobileNetV2 (alpha)", "Home", 1)
    slide(page, "Epochs", "Home", 1, nth=1)


def start_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Start", exact=True)


def points(page: Page) -> int:
    """How many points the accuracy chart draws."""
    return page.evaluate("""() => [...document.querySelectorAll('.js-plotly-plot')].slice(0, 1)
        .flatMap(plot => plot.data).reduce((sum, trace) => sum + (trace.x ? (trace.x.length || 0) : 0), 0)""")


def test_a_study_streams_and_survives_reload_edit_and_a_killed_dashboard(server, page):
    fill_in_the_smallest_study(page, server.url)
    start_button(page).dblclick()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(3, timeout=30 * SECOND)
    assert len(server.store.runs()) == 3, "a double click starts one study"
    first = server.store.runs()[-1]

    expect(page.get_by_text("Epoch 3 of 15")).to_be_visible(timeout=120 * SECOND)
    before = points(page)
    wait_for(lambda: points(page) > before)

    (server.folder / "pages" / "live.py").open("a").write("\n# edited while training\n")
    page.reload()
    expect(page.get_by_text("of 15, phase 1")).to_be_visible(timeout=60 * SECOND)
    pid = server.store.get(first.id).status.pid

    server.end(signal.SIGKILL)
    epochs = len(server.store.metrics(first.id).epochs)
    server.start()
    page.goto(f"{server.url}/?study={first.study}")
    wait_for(lambda: len(server.store.metrics(first.id).epochs) > epochs)
    assert server.store.get(first.id).status.pid == pid and len(server.store.runs()) == 3

    wait_for(lambda: server.store.get(first.id).state is State.COMPLETED)
    expect(page.get_by_text("On the test images")).to_be_visible(timeout=30 * SECOND)
    assert [row["epoch"] for row in server.store.metrics(first.id).epochs] == list(range(1, 16))

    second = server.store.runs()[-2]
    wait_for(lambda: server.store.get(second.id).state is State.RUNNING)
    page.get_by_role("button", name="Stop", exact=True).first.click()
    wait_for(lambda: server.store.get(second.id).state is State.STOPPED, 30)
    expect(page.get_by_text("Stopped")).to_be_visible(timeout=30 * SECOND)
    page.get_by_role("button", name="Stop", exact=True).first.click()
    wait_for(lambda: not server.store.active(), 60)


def test_ctrl_c_leaves_the_training_alone_and_says_how_to_stop_it(server, page):
    fill_in_the_smallest_study(page, server.url)
    start_button(page).click()
    expect(page.get_by_role("button", name="Stop", exact=True)).to_have_count(3, timeout=30 * SECOND)
    first = server.store.runs()[-1]
    wait_for(lambda: server.store.get(first.id).state is State.RUNNING)
    server.end(signal.SIGINT)
    epochs = len(server.store.metrics(first.id).epochs)
    wait_for(lambda: len(server.store.metrics(first.id).epochs) > epochs)
    assert f"transfer_learning.py --stop {first.id}" in server.log.read_text()
    server.start()


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_the_page_fits_the_screen_and_shows_no_traceback(server, page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    page.goto(server.url)
    expect(start_button(page)).to_be_visible(timeout=60 * SECOND)
    assert page.evaluate("() => document.documentElement.scrollWidth") <= size[0]
    assert page.get_by_test_id("stException").count() == 0
