"""Time from the button on the Home page to the verdict, in a real browser: `python benchmarks/home_minute.py`.

Starts with an empty cache and without the sample set. Measures from the press of "Try it on the sample set" to the
first steps, to the end of all strategies, and to the verdict on Compare, checking the page ten times per second. Also
reports the longest time during which the page did not change. `--pictures DIR` saves screenshots.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, machine, print_table, seconds, temporary_home
from benchmarks.support.dashboard_server import chromium, chromium_path, dashboard, open_page
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore

if TYPE_CHECKING:
    from playwright.sync_api import Page

TIMEOUT_SECONDS = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="folder for a screenshot at each measurement")
    screenshots = parser.parse_args().pictures
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(RunStore(folder / "runs"), screenshots))


def _measure(store: RunStore, screenshots: Path | None) -> Iterator[Measurement]:
    with chromium(chromium_path()) as browser, dashboard(store.root) as server, open_page(browser) as page:
        page.set_default_timeout(1000 * TIMEOUT_SECONDS)
        page.goto(server.url)
        button = page.get_by_role("button", name="Try it on the sample set")
        button.wait_for()
        page.wait_for_timeout(5_000)  # a user reads first; meanwhile a worker is prewarmed
        start = time.perf_counter()
        button.click()
        page.get_by_text("images/s").first.wait_for()
        yield _measurement("First steps on the page", start, page, screenshots)
        longest = _wait_for_completion(page, store)
        yield _measurement("All three completed", start, page, screenshots)
        page.get_by_role("link", name="Compare").first.click()
        page.get_by_text("points").first.wait_for()
        yield _measurement("The verdict on Compare", start, page, screenshots, "60 s")
        yield Measurement("Longest time without a change of the page", seconds(longest))
    for run in reversed(store.runs()):
        yield Measurement(f"  {run.title}: test accuracy", f"{100 * store.evaluation(run.id)['accuracy']:.1f}%")


def _measurement(name: str, start: float, page: "Page", screenshots: Path | None, target: str = "") -> Measurement:
    duration = time.perf_counter() - start
    if screenshots:
        screenshots.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=screenshots / f"{name.lower().replace(' ', '-')}.png", full_page=True)
    return Measurement(name, seconds(duration), target)


def _wait_for_completion(page: "Page", store: RunStore) -> float:
    """Wait until all runs are completed; return the longest time during which the page's text did not change."""
    longest, text, since = 0.0, "", time.perf_counter()
    deadline = since + TIMEOUT_SECONDS
    while any(run.state is not State.COMPLETED for run in store.runs()):
        if time.perf_counter() > deadline:
            raise RuntimeError(f"Expected three completed runs within {TIMEOUT_SECONDS} s; see {store.root}.")
        current, now = page.inner_text("section.main, [data-testid=stMain]"), time.perf_counter()
        if current != text:
            longest, text, since = max(longest, now - since), current, now
        page.wait_for_timeout(100)
    return longest


if __name__ == "__main__":
    main()
