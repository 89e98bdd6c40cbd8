"""What journeys have in common: waiting, sliding, and a study of the smallest model."""

import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

SECOND = 1_000


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "what was waited for did not happen"
        time.sleep(0.1)


def settle(page: Page) -> None:
    """Wait until the page's script has come to rest."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=60 * SECOND)
    page.wait_for_timeout(300)


def slide(page: Page, label: str, key: str, times: int = 1, nth: int = 0) -> None:
    """Move a slider with the keyboard, and wait until the page has taken it."""
    slider = page.locator(f'input[aria-label="{label}"]').nth(nth)
    slider.focus()
    for _ in range(times):
        slider.press(key)
    settle(page)


def fill_in_the_smallest_study(page: Page, url: str) -> None:
    page.goto(f"{url}/train")
    expect(start_button(page)).to_be_enabled(timeout=60 * SECOND)
    page.get_by_text("Advanced", exact=True).click()
    slide(page, "Image size", "Home")
    slide(page, "Width of MobileNetV2 (alpha)", "Home")
    views = page.locator('input[aria-label="Views of each training image"]')
    views.fill("0")  # new ones in each epoch: training that takes its time
    views.press("Enter")
    settle(page)
    for epochs in page.locator('input[aria-label="Epochs"]').all():
        epochs.fill("500")  # on no machine is a run through before a test stops it
        epochs.press("Enter")
        settle(page)


def start_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Start", exact=True)


def stop_buttons(page: Page) -> Locator:
    return page.get_by_role("button", name="Stop", exact=True)


def reach(page: Page) -> float:
    """How far the lines of the page's first chart go along its axis, all of them together."""
    return page.evaluate("""() => [...document.querySelectorAll('.js-plotly-plot')].slice(0, 1)
        .flatMap(plot => plot._fullData).reduce((sum, trace) => sum + Math.max(0, ...(trace.x || [])), 0)""")
