"""Compare with no runs, and with training, finished and failed runs."""

import json
import time
from pathlib import Path

import pytest
from pages_harness import MANIFEST, epoch, finish, make_study, open_page, texts, write_rows
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.experiment.named_strategies import FINE_TUNING, STRATEGIES, TWO_PHASE, rate_sweep, unfreeze_sweep
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunError, RunStatus, State, Study
from core.experiment.runs.run_store import RunStore

HOSTILE_NAMES = [
    "<img src=x onerror=alert(1)>",
    r"$\href{javascript:alert(1)}{x}$",
    "[x](javascript:alert(1))",
    "\u202egpj" + "a" * 300,
]


def finished(root: Path) -> tuple[RunStore, Study]:
    """A study whose runs are all tested; the last run is the best."""
    store, study = make_study(root)
    for run, accuracy in zip(study.runs, (0.71, 0.72, 0.83), strict=True):
        finish(store, run, accuracy)
    return store, study


def charts(page: AppTest) -> list[dict]:
    return [json.loads(chart.proto.spec) for chart in page.get("plotly_chart")]


def table(page: AppTest, column: str) -> list:
    return list(next(frame.value for frame in page.dataframe if column in frame.value)[column])


def test_without_runs_it_offers_the_next_steps(root):
    page = open_page("compare")
    assert "There is nothing to compare yet" in texts(page)
    assert [link.proto.label for link in page.main.get("page_link")] == ["Train on the sample set", "Set up a study"]


def test_finished_runs_have_a_verdict_with_its_charts_and_tables(root):
    _, study = finished(root)
    page = open_page("compare", study=study.id)
    assert "Two-phase did best on the test images: 83.0%, 11.0 points above" in texts(page)
    bars, differences, cost, accuracy, loss = charts(page)
    assert len(cost["data"]) == 4, "three settings and the frontier"
    assert differences["data"][0]["x"] == [pytest.approx(11.0)] and len(table(page, "Judgement")) == 3
    assert [bar["x"] for bar in bars["data"]] and (
        accuracy["layout"]["title"]["text"],
        loss["layout"]["title"]["text"],
    ) == ("Accuracy", "Loss")
    assert table(page, "Test accuracy") == [0.71, 0.72, 0.83]
    assert table(page, "Trainable parameters") == ["165,514"] * 3
    assert "Show progress" not in [link.proto.label for link in page.main.get("page_link")]


def test_the_equivalence_margin_is_an_input_that_is_in_the_url(root):
    store = RunStore(root)
    study = store.create_study(
        [(RunConfig(strategy=s, seed=n, split_seed=n), MANIFEST) for n in range(3) for s in (TWO_PHASE, FINE_TUNING)]
    )
    for run, accuracy in zip(study.runs, (0.810, 0.815, 0.812, 0.811, 0.814, 0.809), strict=True):
        finish(store, run, accuracy)
    page = open_page("compare", study=study.id)
    assert set(table(page, "Judgement")) == {"too close to call"}
    assert sum(table(page, name)[0] for name in ("Higher is better", "Practically equal", "Lower is better")) == (
        pytest.approx(1)
    )
    page.number_input(key="zone").set_value(20.0).run()
    assert set(table(page, "Judgement")) == {"practically equal"} and "practically equal: less than" in texts(page)
    assert set(table(open_page("compare", study=study.id, zone="20.0"), "Judgement")) == {"practically equal"}


def test_differences_are_relative_to_the_chosen_baseline(root):
    _, study = finished(root)
    page = open_page("compare", study=study.id)
    page.selectbox(key="baseline").select(study.runs[2].id).run()
    assert table(page, "Run")[0] == "Two-phase (baseline)"
    assert table(page, "Test, difference")[1:] == pytest.approx([-0.12, -0.11])
    again = open_page("compare", study=study.id, baseline="Two-phase")
    assert table(again, "Run")[0] == "Two-phase (baseline)", "the baseline is in the URL"


def test_each_tab_shows_its_content(root):
    _, study = finished(root)
    assert table(open_page("compare", study=study.id), "Class") == ["glass", "paper"]
    page = open_page("compare", study=study.id, more="Confusions")
    assert [chart["data"][0]["type"] for chart in charts(page)[5:]] == ["heatmap"] * 3
    page = open_page("compare", study=study.id, more="Confusions", cells="Percent")
    assert charts(page)[5]["data"][0]["text"][0] == ["79", "21"]
    assert "No per-image predictions were saved" in texts(open_page("compare", study=study.id, more="Images"))
    page = open_page("compare", study=study.id, more="Settings")
    assert table(page, "Setting") == ["Strategy", "Phase 1", "Phase 2"]
    page.toggle(key="apart").set_value(False).run()
    assert "Batch size" in table(page, "Setting")
    assert set(table(open_page("compare", study=study.id, more="Course ranges"), "Result")) == {"above (+2.3 points)"}


def test_disputed_images_are_shown_with_the_prediction_of_each_model(root, tiny_folder):
    store, study = make_study(root, data=str(tiny_folder))
    images = sorted(path.relative_to(tiny_folder) for path in tiny_folder.rglob("*.jpg"))[:12]
    for run, predicted in zip(study.runs, ("<b>", "paper", "<b>"), strict=True):
        finish(store, run)
        lines = [f"{path},{path.parent},{predicted if number < 9 else 'tin'},0.9" for number, path in enumerate(images)]
        (store.path(run.id) / "predictions.csv").write_text("\n".join(["path,label,predicted,p_a", *lines]))
    page = open_page("compare", study=study.id, more="Images")
    assert "9 test images, most confident mistakes first" in texts(page)
    html = "".join(element.proto.body for element in page.get("html"))
    assert "&lt;b&gt;" in html and "<b></bdi>" not in html and "90.0%, wrong" in html
    page.segmented_control(key="disputed").set_value("All are wrong").run()
    assert "12 test images" in texts(page)
    mistakes = page.selectbox(key="mistake")
    mistakes.select(next(option for option in mistakes.options if "tin" in option)).run()
    assert "3 test images" in texts(page) and not page.exception


def test_a_disputed_image_of_more_than_8_bits_is_shown_as_the_models_see_it(root, tmp_path):
    (tmp_path / "data" / "glass").mkdir(parents=True)
    Image.new("I;16", (40, 30), 1_000).save(tmp_path / "data" / "glass" / "1.png")
    store, study = make_study(root, data=str(tmp_path / "data"))
    shown = []
    for scale in ("16-bit grey: 1023", "16-bit grey: 4095"):
        for run, predicted in zip(study.runs, ("glass", "paper", "paper"), strict=True):
            finish(store, run)
            row = f"glass/1.png,{predicted},0.9"
            (store.path(run.id) / "predictions.csv").write_text(f"path,predicted,p_a,label\n{row},glass\n")
            (store.path(run.id) / "manifest.csv").write_text(
                f"path,hash,label,scale,split\nglass/1.png,0,glass,{scale},test\n"
            )
        (image,) = open_page("compare", study=study.id, more="Images").get("image")
        shown.append(image.proto.imgs[0].url)  # contains a hash of the thumbnail
    assert shown[0] != shown[1]


@pytest.fixture
def nine(root) -> Study:
    """A study of three settings with three seeds each, every seed with test images of its own."""
    store = RunStore(root)
    study = store.create_study(
        [
            (RunConfig(strategy=strategy, seed=seed, split_seed=seed), MANIFEST + f"b.jpg,{seed},a,test\n")
            for seed in range(3)
            for strategy in STRATEGIES.values()
        ]
    )
    for number, run in enumerate(study.runs):
        finish(store, run, 0.7 + number / 100)
    return study


def test_several_seeds_are_drawn_as_means_or_run_by_run(nine):
    page = open_page("compare", study=nine.id)
    assert "3 seeds" in texts(page) and "on average" in texts(page)
    settings = {f"{name}, 3 seeds" for name in ("Feature extraction", "Fine-tuning all layers", "Two-phase")}
    assert {trace["name"] for trace in charts(page)[3]["data"] if trace.get("showlegend")} == settings
    page.segmented_control(key="curves-seeds").set_value("Each run").run()
    assert "Two-phase, seed 1" in {trace.get("name") for trace in charts(page)[3]["data"]} and not page.exception
    by_step = open_page("compare", study=nine.id, **{"curves-by": "Step"})
    assert "Runs with several seeds" in [control.label for control in by_step.segmented_control]


def test_a_setting_with_several_seeds_has_one_row_in_every_table_and_its_seeds_unfold(nine):
    page = open_page("compare", study=nine.id)
    assert table(page, "Setting") == ["Feature extraction (baseline)", "Fine-tuning all layers", "Two-phase"]
    assert table(page, "Seeds") == [3, 3, 3]
    assert table(page, "Test accuracy") == pytest.approx([0.73, 0.74, 0.75])
    seeds = next(frame.value for frame in page.dataframe if "Run" in frame.value)
    assert list(seeds["Run"]) == [f"Feature extraction, seed {seed}" for seed in range(3)]
    page.selectbox(key="seeds-of").select(nine.runs[2].id).run()
    seeds = next(frame.value for frame in page.dataframe if "Run" in frame.value)
    assert list(seeds["Test, difference"]) == pytest.approx([0.02] * 3), "each to the same seed of the baseline"
    assert "Two-phase, difference" in next(frame.value for frame in page.dataframe if "Class" in frame.value)
    page = open_page("compare", study=nine.id, more="Confusions")
    matrices = [chart["data"][0] for chart in charts(page) if chart["data"][0]["type"] == "heatmap"]
    assert [matrix["text"][0] for matrix in matrices] == [["450", "120"]] * 3
    page = open_page("compare", study=nine.id, more="Settings")
    page.toggle(key="apart").set_value(False).run()
    shown = next(frame.value for frame in page.dataframe if "Two-phase" in frame.value)
    assert shown.set_index("Setting")["Two-phase"]["Seed"] == "0, 1, 2"


def test_a_run_in_an_old_link_means_its_setting_as_the_baseline(nine):
    for named in (nine.runs[5].id, "Two-phase, seed 1", "Two-phase"):
        page = open_page("compare", study=nine.id, baseline=named)
        assert table(page, "Setting")[0] == "Two-phase (baseline)"
        assert page.query_params["baseline"] in ("Two-phase", ["Two-phase"])
        page.selectbox(key="baseline").select(nine.runs[1].id).run()
        assert table(page, "Setting")[0] == "Fine-tuning all layers (baseline)"


def test_the_options_of_the_curves_are_in_the_url(root):
    _, study = finished(root)
    page = open_page("compare", study=study.id, **{"curves-by": "Time", "curves-aligned": "true"})
    assert charts(page)[3]["layout"]["xaxis"]["title"]["text"] == "Seconds from the start of fine-tuning"
    page.toggle(key="curves-log").set_value(True).run()
    assert charts(page)[4]["layout"]["yaxis"]["type"] == "log"


def test_unfinished_runs_are_counted_with_a_link_to_their_progress(root):
    store, study = make_study(root)
    finish(store, study.runs[0])
    write_rows(store, study.runs[1].id, [epoch(1)])
    store.write_status(study.runs[1].id, RunStatus(State.RUNNING, phase=1, epoch=2))
    page = open_page("compare", study=study.id)
    assert "2 of 3 runs are still waiting or training" in texts(page) and "2 of 3 runs have no result" in texts(page)
    progress = next(link for link in page.main.get("page_link") if link.proto.label == "Show progress")
    assert study.runs[0].id in progress.proto.query_string and len(table(page, "Run")) == 3


def test_queued_runs_have_no_charts(root):
    _, study = make_study(root)
    page = open_page("compare", study=study.id)
    assert "None of these runs has been measured" in texts(
        page
    ) and "3 of 3 runs are still waiting or training" in texts(page)
    assert not charts(page)


@pytest.mark.faults
def test_failed_and_corrupt_runs_are_shown_with_the_others(root):
    store, study = finished(root)
    error = RunError("out of memory", "It broke.", "Mend it.")
    store.write_status(study.runs[0].id, RunStatus(State.FAILED, error=error, ended=time.time()))
    (store.path(study.runs[0].id) / "evaluation.json").unlink()
    (store.path(study.runs[1].id) / "config.json").write_text("{")
    for more in ("Classes", "Confusions", "Settings", "Course ranges"):
        page = open_page("compare", study=study.id, more=more)
        assert set(table(page, "State")) == {"completed", "failed", "corrupt"}
        assert "1 of 3 runs has no result" in texts(page)


@pytest.mark.faults
def test_runs_that_all_failed_in_the_first_epoch_link_to_the_reason(root):
    store, study = make_study(root)
    for run in study.runs:
        store.write_status(run.id, RunStatus(State.FAILED, error=RunError("x", "It broke.", "Mend it.")))
    page = open_page("compare", study=study.id)
    assert "None of these runs finished an epoch" in texts(page)
    assert "See why" in [link.proto.label for link in page.main.get("page_link")]


@pytest.mark.faults
@pytest.mark.parametrize("damaged", ["{", "[]", '{"accuracy": 1e9, "classes": 1, "per_class": [], "confusion": {}}'])
def test_a_damaged_evaluation_counts_as_missing(root, damaged):
    store, study = finished(root)
    for run in study.runs:
        (store.path(run.id) / "evaluation.json").write_text(damaged)
    for more in ("Classes", "Confusions"):
        assert "No run has been evaluated" in texts(open_page("compare", study=study.id, more=more))


@pytest.mark.faults
def test_unknown_ids_are_messages_and_invalid_options_are_defaults(root):
    _, study = finished(root)
    for unknown in ("20200101-000000-000", "../../etc", "a\0b", "<script>"):
        assert "no longer in the runs folder" in texts(open_page("compare", study=unknown))
        assert "no longer in the runs folder" in texts(open_page("compare", run=[unknown, study.runs[0].id]))
    page = open_page(
        "compare",
        study=study.id,
        baseline="<b>",
        more="x",
        cells="y",
        apart="z",
        **{"curves-by": "Nothing", "curves-aligned": "7", "curves-smooth-epoch": "nan", "curves-log": "<"},
    )
    assert len(charts(page)) == 5 and table(page, "Run")[0] == "Feature extraction (baseline)"


@pytest.mark.faults
def test_a_run_deleted_while_it_is_shown_is_a_message(root):
    store, study = finished(root)
    page = open_page("compare", run=[run.id for run in study.runs])
    store.delete(study.runs[1].id)
    page.run()
    assert not page.exception and "no longer in the runs folder" in texts(page) and len(table(page, "Run")) == 2


@pytest.mark.faults
def test_names_of_classes_are_escaped(root):
    store, study = make_study(root)
    scores = {name: {"f1": 0.5, "images": 3} for name in HOSTILE_NAMES}
    for run in study.runs:
        finish(store, run)
        (store.path(run.id) / "evaluation.json").write_text(
            json.dumps(
                {
                    "accuracy": 0.5,
                    "images": 12,
                    "classes": HOSTILE_NAMES,
                    "per_class": scores,
                    "confusion": [[1, 1, 1, 0]] * 4,
                }
            )
        )
    assert table(open_page("compare", study=study.id), "Class") == HOSTILE_NAMES, "cells of a table are plain text"
    page = open_page("compare", study=study.id, more="Confusions")
    for chart in charts(page)[5:]:
        shown = [*chart["layout"]["xaxis"]["ticktext"], *chart["data"][0]["x"]]
        assert shown and not any("<" in text or "\u202e" in text for text in shown)
    assert not any("<img" in element.value for element in (*page.markdown, *page.caption))


def test_all_runs_of_a_large_study_are_compared(root):
    store = RunStore(root)
    store.create_study([(RunConfig(strategy=TWO_PHASE, seed=seed), MANIFEST) for seed in range(31)])
    page = open_page("compare")
    assert "31 of 31 runs are still waiting" in texts(page) and "are shown" not in texts(page)


def test_runs_of_several_depths_have_a_depth_curve(root):
    store = RunStore(root)
    study = store.create_study([(RunConfig(strategy=strategy), MANIFEST) for strategy in unfreeze_sweep([0, 30, 56])])
    for run, accuracy in zip(study.runs, (0.7, 0.8, 0.75), strict=True):
        finish(store, run, accuracy)
    page = open_page("compare", study=study.id)
    assert "How deep to unfreeze" in [heading.value for heading in page.subheader]
    assert "Unfreezing the top 30 layers did best: 80.0% on the test images. Not all depths have 5 seeds" in texts(page)
    two = open_page("compare", run=[run.id for run in study.runs[:2]])
    assert "How deep to unfreeze" not in texts(two)


def test_calibration_is_shown_before_and_after_temperature_scaling(root):
    store, study = finished(root)
    first = store.path(study.runs[0].id)
    rows = [f"{i}.jpg,glass,{'glass,0.9,0.1' if i < 6 else 'paper,0.1,0.9'}" for i in range(10)]
    (first / "predictions.csv").write_text("\n".join(["path,label,predicted,p_glass,p_paper", *rows]))
    page = open_page("compare", study=study.id, more="Calibration")
    assert "No per-image probabilities" not in texts(page) and "model is overconfident" in texts(page)
    table = next(frame.value for frame in page.dataframe if "Overconfidence" in frame.value)
    assert table["Overconfidence"].tolist() == [pytest.approx(0.3)] and table["Temperature"].isna().all()
    evaluation = json.loads((first / "evaluation.json").read_text()) | {"temperature": 3.0}
    (first / "evaluation.json").write_text(json.dumps(evaluation))
    page = open_page("compare", study=study.id, more="Calibration", probabilities="Calibrated")
    table = next(frame.value for frame in page.dataframe if "Overconfidence" in frame.value)
    assert table["Calibration error, scaled"][0] < table["Calibration error"][0] and table["Temperature"].tolist() == [
        3.0
    ]


def test_a_rate_sweep_is_drawn_and_its_best_rate_by_validation_is_taken_to_the_train_page(root):
    store = RunStore(root)
    planned = [
        (RunConfig(strategy=strategy, seed=n, split_seed=n, dropout=dropout), MANIFEST.replace("0", str(n)))
        for n in range(2)
        for dropout in (0.2, 0.5)
        for strategy in rate_sweep((1e-4, 1e-3, 1e-2))
    ]
    study = store.create_study(planned)
    for run in study.runs:
        is_best = run.config.dropout == 0.2 and run.config.strategy.title.endswith("1e-3")
        finish(store, run, 0.7 if is_best else 0.8)
        validation = {"val_accuracy": 0.95, "val_loss": 0.1} if is_best else {"val_accuracy": 0.85, "val_loss": 0.2}
        write_rows(store, run.id, [epoch(3) | validation])
    page = open_page("compare", study=study.id)
    assert "How much the learning rate matters" in texts(page)
    assert "Highest validation accuracy: 95.0% at a learning rate of 1e-3 and a dropout of 0.2" in texts(page)
    assert "The test accuracy there, 70.0%, is the one to report" in texts(page)
    validation, test, bars = charts(page)[:3]
    assert [validation["layout"]["xaxis"]["type"], test["layout"]["xaxis"]["type"]] == ["log", "log"]
    assert {"dropout 0.2", "dropout 0.5", "best by validation"} <= {trace["name"] for trace in test["data"]}
    take = next(link for link in page.main.get("page_link") if link.proto.label == "Train with this rate")
    assert len(bars["data"]) == 2 * 6, "a bar and the seeds of each setting"
    best = next(run for run in study.runs if run.config.dropout == 0.2 and run.config.strategy.title.endswith("1e-3"))
    assert take.proto.page == "train" and take.proto.query_string == f"rate-of={best.id}"
    form = open_page("train", **{"rate-of": best.id})
    assert form.select_slider(key="card-0-phase-0-rate").value == 1e-3
    assert form.multiselect(key="dropouts").value == [0.2]


def test_two_rates_are_no_sweep(root):
    store = RunStore(root)
    study = store.create_study([(RunConfig(strategy=strategy), MANIFEST) for strategy in rate_sweep((1e-4, 1e-3))])
    for run in study.runs:
        finish(store, run)
    assert "How much the learning rate matters" not in texts(open_page("compare", study=study.id))
