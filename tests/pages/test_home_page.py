"""Home with no runs, and with training, finished and failed runs."""

import time

import pytest
from pages_harness import button, finish, make_study, open_page, progress_texts, texts

from core.backbones.registry import DEFAULT_BASE
from core.experiment.runs.run import RunError, RunStatus, State
from core.experiment.runs.run_store import RunStore


def test_without_runs_it_explains_itself_and_offers_two_ways_to_start(root):
    page = open_page()
    assert "Which transfer-learning strategy works best" in texts(page) and "No model has been trained yet" in texts(
        page
    )
    assert [link.proto.label for link in page.get("page_link")] == ["Use my own images"]


def test_the_button_starts_the_three_strategies_on_the_sample_set(root):
    page = open_page()
    button(page, "Try it on the sample set").click().run()
    runs = RunStore(root).runs()
    assert len(runs) == 3 and {run.config.data for run in runs} == {"sample"} and "Queued" in texts(page)


def test_without_imagenet_weights_it_names_the_weights_used_instead(root, offline):
    page = open_page()
    assert texts(page).count("Training starts from the sample base") == 1
    button(page, "Try it on the sample set").click().run()
    assert {run.config.weights for run in RunStore(root).runs()} == {"sample"}


@pytest.mark.faults
def test_without_the_sample_base_it_shows_a_notice_and_trains_from_random_weights(root, offline, tmp_path, monkeypatch):
    monkeypatch.setitem(vars(DEFAULT_BASE.sample), "file", tmp_path / "gone.npz")
    page = open_page()
    assert "it is missing" in texts(page) and "nothing is transferred" in texts(page)
    button(page, "Try it on the sample set").click().run()
    assert {run.config.weights for run in RunStore(root).runs()} == {"random"}


def test_a_training_study_is_listed_and_linked_in_the_sidebar(root):
    store, study = make_study(root)
    store.write_status(study.runs[0].id, RunStatus(State.RUNNING))
    page = open_page()
    assert "running" in page.dataframe[0].value["State"][0]
    assert "Show progress" in [link.proto.label for link in page.sidebar.get("page_link")]


def test_runs_that_train_side_by_side_have_one_entry_in_the_sidebar(root):
    store, study = make_study(root)
    for run in study.runs[:2]:
        store.write_status(run.id, RunStatus(State.RUNNING))
    page = open_page()
    assert [link.proto.label for link in page.sidebar.get("page_link")].count("Show progress") == 1
    assert any("2 runs side by side" in text for text in progress_texts(page))


def test_the_newest_results_are_shown(root):
    store, study = make_study(root)
    for run, accuracy in zip(study.runs, (0.71, 0.72, 0.83), strict=True):
        finish(store, run, accuracy)
    page = open_page()
    assert "83.0%" in texts(page) and page.dataframe[0].value["Best test accuracy"][0] == "Two-phase, 83.0%"


def test_failed_and_corrupt_runs_are_listed(root):
    store, study = make_study(root)
    store.write_status(
        study.runs[0].id, RunStatus(State.FAILED, error=RunError("x", "It broke.", "Mend it."), ended=time.time())
    )
    (store.path(study.runs[1].id) / "config.json").write_text("{")
    assert "failed" in open_page().dataframe[0].value["State"][0]


@pytest.mark.faults
def test_a_home_folder_that_cannot_be_used_is_a_one_line_error(root, monkeypatch):
    monkeypatch.setenv("TRANSFER_LAB_HOME", "/proc/nope")
    page = open_page()
    button(page, "Try it on the sample set").click().run()
    assert not page.exception and len(page.error) == 1 and "[Errno" not in page.error[0].value


def test_waiting_runs_are_counted_in_the_sidebar(root):
    make_study(root)
    assert "3 runs waiting" in texts(open_page())
