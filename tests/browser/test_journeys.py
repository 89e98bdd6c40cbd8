"""Journeys of a user through the pages, in a real browser with real training."""

import re
import shutil
import signal
import subprocess
import sys
import zipfile

import pytest
from pages_harness import finish, make_study
from PIL import Image
from playwright.sync_api import expect
from steps import (
    SECOND,
    fill_in_smallest_study,
    start_button,
    stop_buttons,
    total_curve_length,
    wait_for,
    wait_until_idle,
)

from core.data.datasets.scan import scan
from core.data.study_plan import plan_study
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.strategy import Phase, Strategy

EPOCH = re.compile(r"Epoch \d+ of [\d,]*\d")
pytestmark = [pytest.mark.browser, pytest.mark.faults, pytest.mark.timeout(900)]


def test_a_study_streams_and_survives_reload_edit_and_a_killed_dashboard(server, page):
    fill_in_smallest_study(page, server.url)
    start_button(page).dblclick()
    expect(stop_buttons(page)).to_have_count(3, timeout=30 * SECOND)
    assert len(server.store.runs()) == 3, "a double click starts one study"
    expect(page.get_by_text(EPOCH).first).to_be_visible(timeout=120 * SECOND)
    before = total_curve_length(page)
    wait_for(lambda: total_curve_length(page) > before)

    first = next(run for run in server.store.active() if run.state is State.RUNNING)
    (server.folder / "pages" / "parts" / "runs" / "live.py").open("a").write("\n# edited while training\n")
    page.wait_for_timeout(3 * SECOND)  # the server notices the change and imports everything again
    page.reload()
    expect(page.get_by_text(EPOCH).first).to_be_visible(timeout=60 * SECOND)
    pid = server.store.get(first.id).status.pid

    server.end(signal.SIGKILL)
    epochs = len(server.store.metrics(first.id).epochs)
    server.start()
    page.goto(f"{server.url}/runs?study={first.study}")
    wait_for(lambda: len(server.store.metrics(first.id).epochs) > epochs)
    assert server.store.get(first.id).status.pid == pid and len(server.store.runs()) == 3

    for remaining in (2, 1, 0):
        wait_for(lambda: any(run.state is State.RUNNING for run in server.store.active()))
        stop_buttons(page).first.click()  # runs that train are above the queued ones
        expect(stop_buttons(page)).to_have_count(remaining, timeout=60 * SECOND)
    assert {run.state for run in server.store.runs()} == {State.STOPPED}
    rows = server.store.metrics(first.id).epochs
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))


def test_a_study_started_in_one_window_is_stopped_in_another(server, page):
    fill_in_smallest_study(page, server.url)
    start_button(page).click()
    expect(stop_buttons(page)).to_have_count(3, timeout=30 * SECOND)
    second_page = page.context.browser.new_context().new_page()
    second_page.set_default_timeout(120 * SECOND)
    second_page.goto(f"{server.url}/runs")
    expect(stop_buttons(second_page)).to_have_count(3, timeout=30 * SECOND)
    for _ in range(3):
        before = stop_buttons(second_page).count()
        stop_buttons(second_page).first.click()
        expect(stop_buttons(second_page)).to_have_count(before - 1, timeout=60 * SECOND)
    expect(stop_buttons(page)).to_have_count(0, timeout=30 * SECOND)
    expect(page.get_by_text("Stopped", exact=True).first).to_be_visible()
    assert {run.state for run in server.store.runs()} == {State.STOPPED}


def test_seeds_stream_side_by_side_and_stop_one_by_one(server, page, tiny_folder):
    """Four seeds of the head train in one process; each has its curve, and its own Stop."""
    strategy = Strategy("feature-extraction", (Phase(0, 1e-4, 500),))
    config = RunConfig(data=str(tiny_folder), image_size=96, alpha=0.35, weights="sample", views=0)
    study = server.store.create_study(plan_study(config, [strategy], scan(tiny_folder), range(4)))
    page.goto(f"{server.url}/runs?study={study.id}")
    expect(page.get_by_text(EPOCH)).to_have_count(4, timeout=180 * SECOND)
    assert len({server.store.get(run.id).status.pid for run in study.runs}) == 1
    stop_buttons(page).nth(1).click()
    expect(page.get_by_text(EPOCH)).to_have_count(3, timeout=60 * SECOND)
    wait_for(lambda: len(server.store.active()) == 3)
    epochs = [len(server.store.metrics(run.id).epochs) for run in server.store.active()]
    wait_for(
        lambda: all(
            len(server.store.metrics(run.id).epochs) > n for run, n in zip(server.store.active(), epochs, strict=True)
        )
    )
    for remaining in (2, 1, 0):
        stop_buttons(page).first.click()
        expect(stop_buttons(page)).to_have_count(remaining, timeout=60 * SECOND)
    assert {run.state for run in server.store.runs()} == {State.STOPPED}


def test_from_the_first_button_to_a_comparison_and_a_prediction(server, page, tiny_folder):
    page.goto(server.url)
    page.get_by_role("button", name="Try it on the sample set").click()
    expect(stop_buttons(page)).to_have_count(3, timeout=60 * SECOND)
    wait_for(lambda: not server.store.active(), 500)
    assert {run.state for run in server.store.runs()} == {State.COMPLETED}
    expect(stop_buttons(page)).to_have_count(0, timeout=60 * SECOND)
    wait_until_idle(page)  # a link redrawn between press and release is not clicked
    page.get_by_role("link", name="Compare these runs").click(timeout=60 * SECOND)
    wait_until_idle(page)
    headline = page.get_by_text("on the test images: ").first  # "did best", or "did equally well" for a tie
    expect(headline).to_be_visible(timeout=60 * SECOND)
    page.get_by_role("link", name="Predict").click()
    wait_until_idle(page)
    text, giant = server.folder / "text.jpg", server.folder / "giant.png"
    text.write_text("not an image")
    Image.new("1", (12_000, 12_000)).save(giant)
    images = sorted(tiny_folder.rglob("*.jpg"))[:10]
    page.locator('input[type="file"]').first.set_input_files([*map(str, images), str(text), str(giant)])
    expect(page.get_by_text("10 images, 3 models.")).to_be_visible(timeout=120 * SECOND)
    expect(page.get_by_text("text.jpg: not an image")).to_be_visible()
    expect(page.get_by_text("giant.png: 12000 x 12000 pixels")).to_be_visible()
    for image in images:
        expect(page.get_by_text(image.name).first).to_be_visible()
    page.get_by_text("Show heat maps").click()
    expect(page.locator('img[alt^="Heat map of "]')).to_have_count(30, timeout=60 * SECOND)
    assert page.get_by_test_id("stException").count() == 0


def test_a_run_of_the_terminal_is_exported_on_its_page(server, page, tiny_folder):
    options = "--strategy", "feature-extraction", "--phase1-epochs", "1", "--weights", "sample"
    command = sys.executable, "transfer_learning.py", "--data", str(tiny_folder), "--runs", str(server.runs), *options
    subprocess.run(command, cwd=server.folder, check=True, capture_output=True, timeout=120)
    page.goto(f"{server.url}/runs")
    wait_until_idle(page)
    page.get_by_text("Export model").click()
    page.get_by_role("button", name="Export all formats").click()
    expect(page.get_by_text("Each file was run on")).to_be_visible(timeout=480 * SECOND)
    with page.expect_download(timeout=60 * SECOND) as download:
        page.get_by_role("button", name="ONNX").click()
    with zipfile.ZipFile(download.value.path()) as archive:
        assert set(archive.namelist()) == {"model.onnx", "model.json", "example.py", "decode.py", "README.md"}


def test_a_pasted_address_shows_the_same_comparison(server, page, tmp_path):
    store, study = make_study(tmp_path / "elsewhere")
    for run, accuracy in zip(study.runs, (0.71, 0.72, 0.83), strict=True):
        finish(store, run, accuracy)
        shutil.move(store.path(run.id), server.runs / run.id)
    page.goto(f"{server.url}/compare")
    expect(page.get_by_text("Two-phase did best on the test images: 83.0%")).to_be_visible(timeout=60 * SECOND)
    page.get_by_role("radio", name="Time", exact=True).click()
    page.get_by_text("Align at fine-tuning").click()
    page.get_by_role("tab", name="Settings").click()
    wait_until_idle(page)
    address = page.evaluate("location.href")
    assert study.id in address
    second_page = page.context.browser.new_context().new_page()
    second_page.set_default_timeout(120 * SECOND)
    second_page.goto(address)
    expect(second_page.get_by_role("radio", name="Time", exact=True)).to_be_checked(timeout=60 * SECOND)
    expect(second_page.locator('input[aria-label="Align at fine-tuning"]')).to_be_checked()
    expect(second_page.get_by_role("tab", name="Settings")).to_have_attribute("aria-selected", "true")
    expect(second_page.get_by_text("from the start of fine-tuning").first).to_be_visible()


def test_after_ctrl_c_training_continues_and_the_stop_command_is_printed(server, page):
    fill_in_smallest_study(page, server.url)
    start_button(page).click()
    expect(stop_buttons(page)).to_have_count(3, timeout=30 * SECOND)
    first = server.store.active()[0]
    wait_for(lambda: server.store.get(first.id).state is State.RUNNING)
    server.end(signal.SIGINT)
    epochs = len(server.store.metrics(first.id).epochs)
    wait_for(lambda: len(server.store.metrics(first.id).epochs) > epochs)
    assert f"transfer_learning.py --stop {first.id}" in server.log.read_text()
    server.start()
    page.goto(server.url)
    wait_until_idle(page)  # opening a page starts the queue, so that the runs can be stopped


@pytest.mark.parametrize("size", [(1440, 900), (390, 844)])
def test_every_page_fits_the_screen_and_shows_no_traceback(server, page, size):
    page.set_viewport_size({"width": size[0], "height": size[1]})
    for name in ("", "data", "train", "runs", "compare", "predict"):
        page.goto(f"{server.url}/{name}")
        expect(page.get_by_test_id("stHeading").first).to_be_visible(timeout=60 * SECOND)
        wait_until_idle(page)
        assert page.evaluate("() => document.documentElement.scrollWidth") <= size[0], name
        assert page.get_by_test_id("stException").count() == 0, name
