"""The page in its empty, busy, finished and failed state, without a browser."""

import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import streamlit as st
from streamlit.testing.v1 import AppTest

from core.experiment.run import RunConfig, RunError, RunStatus, State, Study
from core.experiment.store import RunStore
from core.experiment.strategy import STRATEGIES

DASHBOARD = Path(__file__).parents[2] / "dashboard.py"
MANIFEST = "path,hash,label,split\na.jpg,0,a,train\n"


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> Iterator[Path]:
    """A runs folder of the page's own, in which nothing is ever started: another leader holds it."""
    from filelock import FileLock

    monkeypatch.setattr(sys, "argv", ["dashboard.py", "--runs", str(tmp_path / "runs"), "--data-root",
                                      str(tiny_folder.parent)])
    st.cache_resource.clear()
    (tmp_path / "runs").mkdir()
    with FileLock(tmp_path / "runs" / ".launcher.lock"):
        yield tmp_path / "runs"
        st.cache_resource.clear()  # closes the launcher before it could lead


def open_page(study: str = "") -> AppTest:
    page = AppTest.from_file(str(DASHBOARD), default_timeout=60)
    if study:
        page.query_params["study"] = study
    page.run()
    assert not page.exception, page.exception
    return page


def texts(page: AppTest) -> str:
    kinds = ("title", "subheader", "markdown", "caption", "error", "warning", "text")
    return "\n".join(str(element.value) for kind in kinds for element in page.get(kind))


def button(page: AppTest, label: str):
    return next(b for b in page.button if b.label == label)


def make_study(root: Path) -> tuple[RunStore, Study]:
    store = RunStore(root)
    planned = [(RunConfig(strategy=strategy), MANIFEST) for strategy in STRATEGIES.values()]
    return store, store.create_study(planned)


def epoch(number: int, phase: int = 1) -> dict:
    return {"kind": "epoch", "epoch": number, "phase": phase, "unfreeze": 0, "learning_rate": 1e-3, "loss": 1 / number,
            "accuracy": 0.5, "val_loss": 1 / number, "val_accuracy": 0.873, "seconds": 2.0, "elapsed": 2.0 * number,
            "trainable_parameters": 165_514, "images_per_second": 60.0}


def write_rows(store: RunStore, run_id: str, rows: list[dict]) -> None:
    from core.experiment.metrics import MetricsWriter

    writer = MetricsWriter(store.path(run_id) / "metrics.jsonl")
    for row in rows:
        writer.append(row)
    writer.close()


def test_empty_it_offers_the_form_and_the_plan_in_words(root):
    page = open_page()
    assert "600 images, 10 classes" in texts(page) and "3 runs, 65 epochs in all" in texts(page)
    assert "1,691,914 parameters train" in texts(page) and not button(page, "Start").disabled


def test_start_makes_one_study_however_often_it_is_pressed(root):
    page = open_page()
    button(page, "Start").click().run()
    again = open_page()
    button(again, "Start").click().run()
    runs = RunStore(root).runs()
    assert [run.config.strategy.name for run in reversed(runs)] == list(STRATEGIES) and len(runs) == 3
    assert page.query_params["study"] == again.query_params["study"] and not page.exception


def test_without_a_strategy_there_is_nothing_to_start(root):
    page = open_page()
    for name in STRATEGIES:
        page.checkbox(key=f"use-{name}").uncheck()
    page.run()
    assert button(page, "Start").disabled


def test_a_setting_against_the_guidelines_is_warned_of_not_forbidden(root):
    page = open_page()
    page.select_slider(key="phase2-rate").set_value("1e-2").run()
    assert "not below the head's" in texts(page) and not button(page, "Start").disabled


@pytest.mark.parametrize("path", ["/etc", "../..", "/nowhere", "a\0b", "x" * 5_000])
def test_folders_that_may_not_be_used_are_one_line(root, path):
    page = open_page()
    page.segmented_control[0].set_value("Folder").run()
    page.text_input(key="folder").set_value(path).run()
    assert len(page.error) == 1 and not page.exception and button(page, "Start").disabled


def test_a_folder_below_the_roots_is_reported(root, tiny_folder):
    page = open_page()
    page.segmented_control[0].set_value("Folder").run()
    page.text_input(key="folder").set_value(str(tiny_folder)).run()
    assert "60 images, 10 classes" in texts(page) and not button(page, "Start").disabled


def test_busy_it_shows_the_epoch_the_phase_and_stop(root):
    store, study = make_study(root)
    run = study.runs[0]
    write_rows(store, run.id, [epoch(1), epoch(2)])
    store.write_status(run.id, RunStatus(State.RUNNING, phase=1, epoch=3, images_per_second=61.0))
    page = open_page(study.id)
    assert "Running" in texts(page) and "Queued" in texts(page)
    assert [b.label for b in page.button].count("Stop") == 3
    button(page, "Stop").click().run()
    assert store.stop_requested(run.id)


def test_finished_it_shows_the_test_figures_and_the_studies(root):
    store, study = make_study(root)
    for run in study.runs:
        write_rows(store, run.id, [epoch(1)])
        (store.path(run.id) / "evaluation.json").write_text('{"accuracy": 0.81, "macro_f1": 0.8, "images": 379}')
        store.write_status(run.id, RunStatus(State.COMPLETED, ended=time.time()))
    page = open_page(study.id)
    table = page.dataframe[0].value
    assert list(table["Test accuracy"]) == ["81.0%"] * 3 and "379 test images" in texts(page)
    assert "Studies" in texts(open_page())


def test_failed_it_says_why_what_to_do_and_offers_resume(root):
    store, study = make_study(root)
    run = study.runs[0]
    error = RunError("out of memory", "Not enough <img src=x onerror=alert(1)>.", "Choose a smaller batch.")
    store.write_status(run.id, RunStatus(State.FAILED, error=error, ended=time.time()))
    page = open_page(study.id)
    assert "Choose a smaller batch" in texts(page) and "Failed" in texts(page)
    button(page, "Resume").click().run()
    assert store.get(run.id).state is State.QUEUED


def test_a_corrupt_run_a_lost_study_and_a_wild_id_are_messages(root):
    store, study = make_study(root)
    (store.path(study.runs[1].id) / "config.json").write_text("{")
    assert "Corrupt" in texts(open_page(study.id))
    for wild in ("20200101-000000-000", "../../etc", "a\0b", "<script>"):
        assert "no longer in the runs folder" in texts(open_page(wild))


def test_a_runs_folder_that_cannot_be_used_is_one_line(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", ["dashboard.py", "--runs", str(tmp_path / "file" / "runs")])
    st.cache_resource.clear()
    page = open_page()
    assert "Expected a folder for runs" in page.error[0].value


def test_status_changes_are_followed(root):
    store, study = make_study(root)
    page = open_page(study.id)
    for run in study.runs:
        store.write_status(run.id, replace(run.status, state=State.STOPPED))
    page.run()
    assert "Stopped" in texts(page) and "Stop" not in [b.label for b in page.button]
