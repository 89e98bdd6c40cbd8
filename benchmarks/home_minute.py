"""What Home's button takes, in a real browser: `python benchmarks/home_minute.py [--pictures DIR]`.

From a first visit, with nothing drawn or kept yet: from the press of "Try it on the sample set" to the first steps, the
end of all strategies, and the verdict on Compare. The page is asked each tenth of a second; the longest time in which
it showed nothing new is told too.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, machine, own_room, print_table, seconds
from benchmarks.support.dashboard_server import chromium, chromium_path, dashboard, visitor
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONGEST = 600


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--pictures", type=Path, help="folder for a picture of the page at each figure")
    pictures = parser.parse_args().pictures
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_figures(RunStore(room / "runs"), pictures))


def _figures(store: RunStore, pictures: Path | None) -> Iterator[Figure]:
    with chromium(chromium_path()) as browser, dashboard(store.root) as server, visitor(browser) as page:
        page.set_default_timeout(1000 * LONGEST)
        page.goto(server.url)
        button = page.get_by_role("button", name="Try it on the sample set")
        button.wait_for()
        page.wait_for_timeout(5_000)  # a visitor reads first; meanwhile a worker is made ready
        began = time.perf_counter()
        button.click()
        page.get_by_text("images/s").first.wait_for()
        yield _figure("First steps on the page", began, page, pictures)
        longest = _watch(page, store)
        yield _figure("All three ended and tested", began, page, pictures)
        page.get_by_role("link", name="Compare").first.click()
        page.get_by_text("points").first.wait_for()
        yield _figure("The verdict on Compare", began, page, pictures, "60 s")
        yield Figure("Longest time without anything new on the page", seconds(longest))
    for run in reversed(store.runs()):
        yield Figure(f"  {run.title}: test accuracy", f"{100 * store.evaluation(run.id)['accuracy']:.1f}%")


def _figure(what: str, began: float, page: "Page", pictures: Path | None, target: str = "") -> Figure:
    took = time.perf_counter() - began
    if pictures:
        pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=pictures / f"{what.lower().replace(' ', '-')}.png", full_page=True)
    return Figure(what, seconds(took), target)


def _watch(page: "Page", store: RunStore) -> float:
    """Look at the page until all runs have ended; the longest time for which its text stayed the same."""
    longest, text, since = 0.0, "", time.perf_counter()
    deadline = since + LONGEST
    while any(run.state is not State.COMPLETED for run in store.runs()):
        if time.perf_counter() > deadline:
            raise RuntimeError(f"Expected three finished runs within {LONGEST} s; see {store.root}.")
        seen, now = page.inner_text("section.main, [data-testid=stMain]"), time.perf_counter()
        if seen != text:
            longest, text, since = max(longest, now - since), seen, now
        page.wait_for_timeout(100)
    return longest


if __name__ == "__main__":
    main()
