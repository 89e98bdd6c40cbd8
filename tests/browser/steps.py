"""Steps shared by the browser tests: waiting, moving sliders, and filling in the smallest study."""

import time
from collections.abc import Callable

from playwright.sync_api import Locator, Page, expect

SECOND = 1_000


def wait_for(condition: Callable[[], object], seconds: float = 120.0) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "the condition did not become true"
        time.sleep(0.1)


def wait_until_idle(page: Page) -> None:
    """Wait until the page's script has finished."""
    expect(page.get_by_test_id("stApp")).to_have_attribute("data-test-script-state", "notRunning", timeout=180 * SECOND)
    page.wait_for_timeout(300)


def move_slider(page: Page, label: str, key: str, times: int = 1, nth: int = 0) -> None:
    """Move a slider with the keyboard, and wait until the page's script has finished."""
    slider = page.locator(f'input[aria-label="{label}"]').nth(nth)
    slider.focus()
    for _ in range(times):
        slider.press(key)
    wait_until_idle(page)


def fill_in_smallest_study(page: Page, url: str) -> None:
    page.goto(f"{url}/train")
    expect(start_button(page)).to_be_enabled(timeout=60 * SECOND)
    page.get_by_text("Advanced", exact=True).click()
    move_slider(page, "Image size", "Home")
    move_slider(page, "Width of MobileNetV2 (alpha)", "Home")
    copies = page.locator('input[aria-label="Augmented copies per image"]')
    copies.fill("0")  # new copies in each epoch: training takes longer
    copies.press("Enter")
    wait_until_idle(page)
    for epochs in page.locator('input[aria-label="Epochs"]').all():
        epochs.fill("500")  # no run completes before the test stops it
        epochs.press("Enter")
        wait_until_idle(page)


def start_button(page: Page) -> Locator:
    return page.get_by_role("button", name="Start", exact=True)


def stop_buttons(page: Page) -> Locator:
    return page.get_by_role("button", name="Stop", exact=True)


def total_curve_length(page: Page) -> float:
    """Return the sum of the largest x values of all lines in the page's first chart."""
    return page.evaluate("""() => [...document.querySelectorAll('.js-plotly-plot')].slice(0, 1)
        .flatMap(plot => plot._fullData).reduce((sum, trace) => sum + Math.max(0, ...(trace.x || [])), 0)""")
