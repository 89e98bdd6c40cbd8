"""Time of a second run with another learning rate: `python benchmarks/second_run.py [--data DIR --weights FILE]`.

Starts feature extraction on the Train page, and after its end its duplicate with another learning rate, in a real
browser. Measures from the press of Start until the page shows each stage. `--pictures DIR` saves screenshots.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Measurement, add_data, add_network, machine, print_table, seconds, temporary_home
from benchmarks.support.dashboard_server import chromium, chromium_path, dashboard, open_page
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.scan import scan
from core.data.study_plan import plan_study
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy

if TYPE_CHECKING:
    from playwright.sync_api import Page

TIMEOUT_MS = 1_800_000
READING_MS = 15_000
"""Time that a user needs to read the form; meanwhile a worker is prewarmed."""
RUN_NAMES = "first run", "second run, other learning rate"


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with temporary_home() as folder:
        print_table(_measure(folder, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add_data(parser)
    add_network(parser, 96, 0.35)
    add("--epochs", type=int, default=15, help="epochs of each run")
    add("--pictures", type=Path, help="folder for screenshots of the page after each run")
    return parser.parse_args()


def _measure(folder: Path, arguments: argparse.Namespace) -> Iterator[Measurement]:
    store = RunStore(folder / "runs")
    template = _create_template(store, arguments)
    with chromium(chromium_path()) as browser, dashboard(store.root) as server, open_page(browser) as page:
        page.set_default_timeout(TIMEOUT_MS)
        page.goto(f"{server.url}/train?from={template}")
        page.wait_for_timeout(READING_MS)
        first = _run(page, store, arguments)
        page.goto(f"{server.url}/train?from={store.runs()[0].id}")
        rate = page.locator('input[aria-label="Learning rate"]').first
        rate.press("ArrowRight")
        page.wait_for_timeout(READING_MS)
        second = _run(page, store, arguments)
    for name in first:
        for run_name, times in zip(RUN_NAMES, (first, second), strict=True):
            yield Measurement(f"{name}: {run_name}", seconds(times[name]))
        yield Measurement(f"{name}: ratio", f"{first[name] / second[name]:.1f}x")
    saved = [run.status.saved_seconds for run in reversed(store.runs()) if run.id != template]
    yield Measurement("Time saved by cached features, as the runs report it", " and ".join(map(seconds, saved)))


def _create_template(store: RunStore, arguments: argparse.Namespace) -> str:
    """Create a run that never trains, as the source of the Train page's settings, and return its id."""
    config = RunConfig(
        data=arguments.data, weights=arguments.weights, image_size=arguments.image_size, alpha=arguments.alpha
    )
    strategy = Strategy("feature-extraction", (Phase(0, 1e-3, arguments.epochs),))
    dataset = scan(data_folder(arguments.data))
    run = store.create_study(plan_study(config, [strategy], dataset)).runs[0]
    store.write_status(run.id, replace(run.status, state=State.STOPPED))
    return run.id


def _run(page: "Page", store: RunStore, arguments: argparse.Namespace) -> dict[str, float]:
    """Start a run; return the seconds until its first steps, its second epoch and its test results are shown."""
    start = page.get_by_role("button", name="Start", exact=True)
    start.and_(page.locator(":enabled")).wait_for()
    click_time = time.perf_counter()
    start.click()
    times = {}
    for name, text in (
        ("First steps on the page", "images/s"),
        ("Second epoch", f"Epoch 2 of {arguments.epochs}"),
        ("Test results", "On the test images"),
    ):
        _wait_for_either(page, text, "On the test images")
        times[name] = time.perf_counter() - click_time
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=arguments.pictures / f"run-{len(store.runs())}.png", full_page=True)
    return times


def _wait_for_either(page: "Page", text: str, later: str) -> None:
    """Wait for a text, or for a later one if a fast run has already passed the first."""
    page.get_by_text(text).or_(page.get_by_text(later)).first.wait_for()


if __name__ == "__main__":
    main()
