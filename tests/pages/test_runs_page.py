"""The Runs page with no runs, and with training, finished and failed runs."""

import hashlib
import json
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import streamlit as st
from pages_harness import MANIFEST, button, epoch, finish, make_study, open_page, progress_texts, texts, write_rows

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.row_store import Kind
from core.execution.keras_service.client import KerasServiceError
from core.experiment.export_formats import ENSEMBLE_FORMAT, FORMATS, ExportedFile, measurement_path, model_hash
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunError, RunStatus, State
from core.experiment.runs.run_store import RunStore


def test_without_runs_it_offers_the_next_step(root):
    assert "No model has been trained yet" in texts(open_page("runs"))


def test_a_training_run_shows_its_state_and_can_be_stopped(root):
    store, study = make_study(root)
    run = study.runs[0]
    write_rows(store, run.id, [epoch(1), epoch(2)])
    store.write_status(run.id, RunStatus(State.RUNNING, phase=1, epoch=3, images_per_second=61.0))
    page = open_page("runs")
    assert "Running" in texts(page) and "Queued" in texts(page)
    assert [found.label for found in page.button].count("Stop") == 3
    button(page, "Stop").click().run()
    assert store.stop_requested(run.id)


def test_finished_runs_show_their_test_results(root):
    store, study = make_study(root)
    for run in study.runs:
        finish(store, run)
    page = open_page("runs", study=study.id)
    table = next(frame.value for frame in page.dataframe if "Test accuracy" in frame.value)
    assert list(table["Test accuracy"]) == [0.81] * 3 and list(table["Test images"]) == [380] * 3
    assert "Stop" not in [found.label for found in page.button]


@pytest.mark.faults
def test_a_failed_run_shows_its_error_with_advice_and_can_be_resumed(root):
    store, study = make_study(root)
    run = study.runs[0]
    error = RunError("out of memory", "Not enough <img src=x onerror=alert(1)>.", "Choose a smaller batch.")
    store.write_status(run.id, RunStatus(State.FAILED, error=error, ended=time.time()))
    page = open_page("runs", run=run.id)
    assert "Choose a smaller batch" in texts(page) and "Failed" in texts(page)
    assert r"\<img" in page.error[0].value, "names are escaped"
    button(page, "Resume").click().run()
    assert store.get(run.id).state is State.QUEUED


def test_a_finished_run_is_deleted_after_confirmation(root):
    store, study = make_study(root)
    for run in study.runs:
        finish(store, run)
    page = open_page("runs", study=study.id)
    page.button(key=f"delete-{study.runs[0].id}").click().run()
    assert not page.exception and len(store.runs()) == 2 and texts(page).count("Completed") == 2


def test_runs_of_several_studies_are_chosen_by_the_url_and_the_list(root):
    store, first = make_study(root)
    for run in first.runs:
        finish(store, run)
    _, second = make_study(root, image_size=96)
    page = open_page("runs")
    assert len([found for found in page.button if found.label == "Stop"]) == 3, "the newest study by default"
    page.checkbox(key=f"pick-{first.runs[0].id}").check().run()
    assert sorted(page.query_params["run"]) == sorted([first.runs[0].id, *(run.id for run in second.runs)])
    page.button(key=f"study-{first.id}").click().run()
    assert page.query_params.get("run") is None and first.id in page.query_params["study"]
    assert "On the test images" in texts(page)


def test_all_runs_can_be_deselected(root):
    _, study = make_study(root)
    page = open_page("runs", run=study.runs[0].id)
    page.checkbox(key=f"pick-{study.runs[0].id}").uncheck().run()
    assert "No run is chosen. Choose runs in the list" in texts(page) and not page.warning
    page.checkbox(key=f"pick-{study.runs[1].id}").check().run()
    assert study.runs[1].id in page.query_params["run"]


def test_the_number_of_runs_on_the_page_is_limited(root):
    store = RunStore(root)
    study = store.create_study([(RunConfig(seed=seed), MANIFEST) for seed in range(40)])
    page = open_page("runs", study=study.id)
    shown = "30 of 40 chosen runs are shown, those that wait or train first."
    assert shown in texts(page) and "Waiting, 29 runs ahead" in progress_texts(page)
    for run in study.runs[:20]:
        store.write_status(run.id, RunStatus(State.STOPPED))
    assert "Waiting, 19 runs ahead" in progress_texts(open_page("runs", study=study.id))


@pytest.mark.faults
def test_damaged_rows_and_more_epochs_than_planned_break_nothing(root):
    store, study = make_study(root)
    run = study.runs[0]
    write_rows(store, run.id, [epoch(number) for number in range(1, 40)])
    write_rows(
        store,
        run.id,
        [
            epoch(40) | {"seconds": "abc"},
            {"kind": "step", "step": 1, "epoch": 41, "loss": 1.0, "accuracy": 0.1, "done": "x"},
        ],
    )
    store.write_status(run.id, RunStatus(State.RUNNING, epoch=40))
    for name in ("runs", "compare", "home"):
        open_page(name)
    assert "2 damaged lines" in texts(open_page("runs"))


def test_the_list_of_runs_can_be_searched(root):
    make_study(root)
    page = open_page("runs")
    page.text_input(key="find").set_value("two queued").run()
    assert [box.label for box in page.checkbox] == [r"Two\-phase :gray[queued]"]
    page.text_input(key="find").set_value("nothing like this").run()
    assert "No run matches" in texts(page)


@pytest.mark.faults
def test_a_corrupt_run_and_unknown_ids_are_messages(root):
    store, study = make_study(root)
    (store.path(study.runs[1].id) / "config.json").write_text("{")
    assert "Corrupt" in texts(open_page("runs", study=study.id))
    for unknown in ("20200101-000000-000", "../../etc", "a\0b", "<script>"):
        assert "no longer in the runs folder" in texts(open_page("runs", study=unknown))
        assert "no longer in the runs folder" in texts(open_page("runs", run=[unknown, study.runs[0].id]))


@pytest.mark.faults
def test_damaged_lines_are_counted(root):
    store, study = make_study(root)
    run = study.runs[0]
    with (store.path(run.id) / "metrics.jsonl").open("w") as file:
        file.write('{"kind": "epoch", "epo\n')
    write_rows(store, run.id, [epoch(1)])
    assert "1 damaged line" in texts(open_page("runs", study=study.id))


@pytest.mark.faults
def test_a_runs_folder_that_cannot_be_used_is_a_one_line_error(monkeypatch, tmp_path):
    (tmp_path / "file").write_text("")
    monkeypatch.setattr(sys, "argv", ["dashboard.py", "--runs", str(tmp_path / "file" / "runs")])
    st.cache_resource.clear()
    page = open_page()
    assert "Expected a writable folder for runs" in page.error[0].value


def test_status_changes_are_shown(root):
    store, study = make_study(root)
    page = open_page("runs", study=study.id)
    for run in study.runs:
        store.write_status(run.id, replace(run.status, state=State.STOPPED))
    page.run()
    assert "Stopped" in texts(page) and "Stop" not in [found.label for found in page.button]


def test_the_feature_cache_is_listed_limited_and_cleared(root, monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path / "home"))
    feature_cache, kind = FeatureCache(), Kind("activations at pool", (4,), "float32", {})
    feature_cache.open(kind, 1).append(["ab" * 32], np.ones((1, 4), np.float32), 1.0)
    make_study(root)
    page = open_page("runs")
    assert "activations at pool" in str(page.dataframe[-1].value) and "instead of computing them again" in texts(page)
    page.number_input(key="kept-room").set_value(1.0).run()
    button(page, "Set limit").click().run()
    assert FeatureCache().budget == 10**9 and len(feature_cache.entries()) == 1
    button(page, "Clear the cache").click().run()
    assert (
        feature_cache.entries() == ()
        and not page.exception
        and "Feature cache: 0 MB" in [e.label for e in page.expander]
    )


def test_a_remark_and_the_time_saved_are_shown_with_the_run(root):
    store, study = make_study(root)
    finish(store, study.runs[0])
    status = store.get(study.runs[0].id).status
    store.write_status(
        study.runs[0].id, replace(status, remark="No more features are cached: <b>full</b>.", saved_seconds=75)
    )
    page = open_page("runs", study=study.id)
    assert "No more features are cached: <b>full</b>." in texts(
        page
    ) and "1 min 15 s saved by the feature cache" in texts(page)
    other = store.get(study.runs[1].id).status
    store.write_status(study.runs[1].id, replace(other, state=State.STOPPED, saved_seconds=30))
    assert "All runs together saved **1 min 45 s** of computation" in texts(open_page("runs", study=study.id))


class Exporter:
    """Replaces the Keras service: writes the measurements of each exported format, except for one that fails."""

    unmeasured: tuple[str, ...] = ()

    def export(self, run: Path, name: str) -> ExportedFile:
        form = FORMATS[name]
        if name == "litert":
            raise KerasServiceError("Expected to write the model as LiteRT, 32 bits; received: no. Choose another.")
        form.path(run).parent.mkdir(exist_ok=True)
        form.path(run).write_bytes(b"model")
        agreement, model = 0.5 if "int8" in name else 1.0, hashlib.sha256(b"model").hexdigest()
        exported = ExportedFile(name, "", model, 5, 90, 0.81, 0.82, agreement, 2.5, "A processor")
        if name in self.unmeasured:
            exported = ExportedFile(name, "", model, 5, 0, None, None, None, None, "A processor", "the images are gone")
        measurement_path(form, run).parent.mkdir(exist_ok=True)
        measurement_path(form, run).write_text(json.dumps(exported.to_json()))
        return exported

    def export_ensemble(self, members: list[tuple[Path, float]], held_out: dict[str, str]) -> ExportedFile:
        first, model = members[0][0], model_hash(*(run for run, _ in members))
        ENSEMBLE_FORMAT.path(first).parent.mkdir()
        ENSEMBLE_FORMAT.path(first).write_bytes(b"model")
        accuracy = 0.9 if held_out else None
        exported = ExportedFile(ENSEMBLE_FORMAT.name, "", model, 5, 50, accuracy, accuracy, 1.0, 2.5, "A processor")
        measurement_path(ENSEMBLE_FORMAT, first).write_text(json.dumps(exported.to_json()))
        return exported

    def close(self) -> None:
        return


def test_the_seeds_of_a_setting_are_exported_together_as_onnx(root, monkeypatch):
    monkeypatch.setattr("pages.parts.shared.services.KerasService", Exporter)
    store = RunStore(root)
    study = store.create_study([(RunConfig(seed=seed), MANIFEST) for seed in range(3)])
    for run in study.runs:
        finish(store, run)
        (store.path(run.id) / "model.keras").write_bytes(b"model")
    page = open_page("runs")
    assert page.selectbox(key="export").options[-1] == "Two-phase, mean of 3 seeds"
    page.selectbox(key="export").select(f"mean-{study.runs[0].id}").run()
    assert "Keras and LiteRT files hold one model" in texts(page)
    page.button(key="make-ensemble").click().run()
    (table,) = [table.value for table in page.dataframe if "Agreement with Keras" in table.value]
    assert list(table["Format"]) == ["ONNX, mean of seeds"] and table["Test accuracy"].isna().all()
    assert (
        "Accuracy of the mean of 3 seeds: not measured, because the manifest or" in texts(page) and not page.exception
    )
    page.run()
    assert "make-ensemble" not in [found.key for found in page.button], "the exported file is offered"
    assert "ONNX, mean of seeds" in [found.proto.label for found in page.get("download_button")]


def test_a_model_is_exported_in_all_formats_that_work(root, monkeypatch):
    monkeypatch.setattr("pages.parts.shared.services.KerasService", Exporter)
    store, study = make_study(root)
    assert "Export model" not in [box.label for box in open_page("runs").expander], "no model is trained yet"
    for run in study.runs[:2]:
        finish(store, run)
        (store.path(run.id) / "model.keras").write_bytes(b"model")
    page = open_page("runs")
    assert page.selectbox(key="export").options == ["Feature extraction", "Fine-tuning all layers"]
    page.button(key="make-exports").click().run()
    assert "received: no. Choose another" in texts(page) and "50.0% of the test images" in page.warning[0].value
    (table,) = [table.value for table in page.dataframe if "Agreement with Keras" in table.value]
    assert list(table["Format"]) == ["Keras", "LiteRT, 16 bits", "LiteRT, 8 bits", "ONNX"]
    page.run()
    assert button(page, "Export 1 more format") and not page.exception


@pytest.mark.faults
def test_files_that_were_not_measured_are_offered_with_a_warning_and_can_be_measured_later(root, monkeypatch):
    monkeypatch.setattr("pages.parts.shared.services.KerasService", Exporter)
    monkeypatch.setattr(Exporter, "unmeasured", tuple(FORMATS))
    store, study = make_study(root)
    finish(store, study.runs[0])
    (store.path(study.runs[0].id) / "model.keras").write_bytes(b"model")
    page = open_page("runs")
    page.button(key="make-exports").click().run()
    warnings = [warning.value for warning in page.warning]
    assert "ONNX was not measured, because the images are gone. Check it before you use it." in warnings
    assert "Each file was run on" not in texts(page) and not page.exception
