"""How immediate a second try is, in a real browser: `python benchmarks/second_run.py [--data DIR --weights FILE]`.

Feature extraction, started on the Train page; when it has ended, its duplicate with another learning rate. Times are
from the press of Start until the page shows it. `--pictures DIR` keeps what the page looks like then.
"""

import argparse
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.support.common import Figure, add_data, add_network, machine, own_room, print_table, seconds
from benchmarks.support.dashboard_server import chromium, chromium_path, dashboard, visitor
from core.data.datasets.scan import data_folder, scan
from core.data.study_plan import plan_study
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy

if TYPE_CHECKING:
    from playwright.sync_api import Page

LONGEST_MS = 1_800_000
READING_MS = 15_000
"""What a person takes to look at the form; meanwhile a spare worker is made ready."""
TRIES = "first run", "second run, another rate"


def main() -> None:
    arguments = _parse()
    print(*machine(), "", sep="\n")
    with own_room() as room:
        print_table(_figures(room, arguments))


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    add_data(parser)
    add_network(parser, 96, 0.35)
    add("--epochs", type=int, default=15)
    add("--pictures", type=Path, help="folder for pictures of the page after each run")
    return parser.parse_args()


def _figures(room: Path, arguments: argparse.Namespace) -> Iterator[Figure]:
    store = RunStore(room / "runs")
    template = _template(store, arguments)
    with chromium(chromium_path()) as browser, dashboard(store.root) as server, visitor(browser) as page:
        page.set_default_timeout(LONGEST_MS)
        page.goto(f"{server.url}/train?from={template}")
        page.wait_for_timeout(READING_MS)
        first = _run(page, store, arguments)
        page.goto(f"{server.url}/train?from={store.runs()[0].id}")
        rate = page.locator('input[aria-label="Learning rate"]').first
        rate.press("ArrowRight")
        page.wait_for_timeout(READING_MS)
        second = _run(page, store, arguments)
    for name in first:
        for what, took in zip(TRIES, (first, second), strict=True):
            yield Figure(f"{name}: {what}", seconds(took[name]))
        yield Figure(f"{name}: ratio", f"{first[name] / second[name]:.1f}x")
    saved = [run.status.saved_seconds for run in reversed(store.runs()) if run.id != template]
    yield Figure("What the runs say they took from earlier computation", " and ".join(map(seconds, saved)))


def _template(store: RunStore, arguments: argparse.Namespace) -> str:
    """A run that never trains, for the Train page to take its settings from."""
    config = RunConfig(
        data=arguments.data, weights=arguments.weights, image_size=arguments.image_size, alpha=arguments.alpha
    )
    strategy = Strategy("feature-extraction", (Phase(0, 1e-3, arguments.epochs),))
    dataset = scan(data_folder(arguments.data))
    run = store.create_study(plan_study(config, [strategy], dataset)).runs[0]
    store.write_status(run.id, replace(run.status, state=State.STOPPED))
    return run.id


def _run(page: "Page", store: RunStore, arguments: argparse.Namespace) -> dict[str, float]:
    """Seconds from Start to the first curve, to the second epoch's place in the row, and to the end."""
    start = page.get_by_role("button", name="Start", exact=True)
    start.and_(page.locator(":enabled")).wait_for()
    began = time.perf_counter()
    start.click()
    took = {}
    for name, text in (
        ("First steps on the page", "images/s"),
        ("Second epoch", f"Epoch 2 of {arguments.epochs}"),
        ("The end, tested", "On the test images"),
    ):
        _await_either(page, text, "On the test images")
        took[name] = time.perf_counter() - began
    if arguments.pictures:
        arguments.pictures.mkdir(parents=True, exist_ok=True)
        page.screenshot(path=arguments.pictures / f"run-{len(store.runs())}.png", full_page=True)
    return took


def _await_either(page: "Page", text: str, later: str) -> None:
    """Wait for a text, or for a later one where a quick run has gone past the first."""
    page.get_by_text(text).or_(page.get_by_text(later)).first.wait_for()


if __name__ == "__main__":
    main()
