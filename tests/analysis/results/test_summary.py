"""Progress and results of a run, from its metric rows."""

import json
from pathlib import Path

import pytest

from core.analysis.results.evaluation_file import describe_accuracy, evaluation_figures
from core.analysis.results.summary import PhaseSummary, progress, summarise
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import Metrics, MetricsWriter
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase, Strategy

CONFIG = RunConfig(strategy=Strategy("tiny", (Phase(0, 1e-3, 15), Phase(30, 1e-4, 10))))


def epochs(phase1: int, phase2: int = 0) -> tuple[dict, ...]:
    phases = [1] * phase1 + [2] * phase2
    return tuple(
        {"kind": "epoch", "epoch": i, "phase": phase, "seconds": 10.0 * phase}
        for i, phase in enumerate(phases, start=1)
    )


def step(epoch: int, phase: int, done: float) -> dict:
    return {"kind": "step", "step": 1, "epoch": epoch, "phase": phase, "done": done}


def run(state: State = State.RUNNING) -> Run:
    return Run("20260101-000000-000-01-tiny", CONFIG, RunStatus(state))


def test_without_rows_the_remaining_time_is_unknown():
    now = progress(run(), Metrics())
    assert (now.share, now.epoch, now.epochs, now.seconds_left) == (0.0, 1, 25, None)


def test_steps_of_the_current_epoch_count():
    now = progress(run(), Metrics(epochs(5), (step(6, 1, 0.5),)))
    assert now.share == pytest.approx(5.5 / 25) and (now.phase, now.epoch) == (1, 6)
    assert now.seconds_left is None, "no epoch has trained the layers of phase 2 yet"
    opened = progress(run(), Metrics(epochs(15, 1), (step(17, 2, 0.5),)))
    assert opened.seconds_left == pytest.approx(8.5 * epochs(15, 1)[-1]["seconds"])


def test_after_the_last_epoch_of_a_phase_the_next_one_comes():
    now = progress(run(), Metrics(epochs(15)))
    assert (now.phase, now.epoch, now.seconds_left) == (2, 16, None)


def test_remaining_epochs_of_a_phase_that_stopped_early_do_not_count():
    now = progress(run(), Metrics(epochs(5), (step(6, 2, 0.5),)))
    assert (now.phase, now.epoch, now.epochs) == (2, 6, 15) and now.share == pytest.approx(5.5 / 15)
    later = progress(run(), Metrics(epochs(5, 3)))
    assert (later.epochs, later.seconds_left) == (15, 7 * 20.0)


def test_a_completed_run_is_at_100_percent_even_if_phases_stopped_early():
    now = progress(run(State.COMPLETED), Metrics(epochs(5, 3)))
    assert (now.share, now.epoch, now.epochs) == (1.0, 8, 8)


def test_a_stopped_run_counts_only_finished_epochs():
    now = progress(run(State.STOPPED), Metrics(epochs(5), (step(6, 1, 0.9),)))
    assert now.share == pytest.approx(5 / 25) and now.epoch == 5


@pytest.mark.faults
def test_more_rows_than_planned_do_not_exceed_100_percent():
    for state in (State.RUNNING, State.STOPPED):
        for rows in (epochs(40, 2), epochs(5, 40), epochs(5, 10)):
            now = progress(run(state), Metrics(rows, (step(len(rows) + 1, rows[-1]["phase"], 0.5),)))
            assert 0 <= now.share <= 1 and now.epoch <= now.epochs and now.seconds_left >= 0


def write_epoch(writer: MetricsWriter, number: int, phase: int, accuracy: float, seconds: float) -> None:
    writer.append(
        {
            "kind": "epoch",
            "epoch": number,
            "phase": phase,
            "unfreeze": 30 * (phase - 1),
            "loss": 1.0,
            "accuracy": 0.9,
            "val_loss": 1.0,
            "val_accuracy": accuracy,
            "seconds": seconds,
            "trainable_parameters": 100 * phase,
            "images_per_second": 600 / seconds,
        }
    )


def test_a_summary_has_the_figures_of_each_phase(tmp_path: Path):
    store = RunStore(tmp_path)
    created = store.create(CONFIG, "path,hash,label,split\n")
    writer = MetricsWriter(store.path(created.id) / "metrics.jsonl")
    for number, phase, accuracy, seconds in ((1, 1, 0.70, 10.0), (2, 1, 0.60, 10.0), (3, 2, 0.85, 20.0)):
        write_epoch(writer, number, phase, accuracy, seconds)
    writer.close()
    summary = summarise(store, created)
    assert summary.phases == (PhaseSummary(1, 0, 100, 2, 0.70), PhaseSummary(2, 30, 200, 1, 0.85))
    assert (summary.best_epoch, summary.best_val_accuracy) == (3, 0.85)
    assert (summary.trainable_parameters, summary.seconds) == (200, 40)
    assert summary.gap == pytest.approx(0.05) and summary.images_per_second == pytest.approx(3 * 600 / 40)
    assert summary.test_accuracy is None and summary.interval is None
    (store.path(created.id) / "evaluation.json").write_text('{"accuracy": 0.8, "macro_f1": 0.7, "images": 100}')
    summary = summarise(store, created)
    assert summary.interval == pytest.approx((0.7112, 0.8666), abs=1e-4) and json.dumps(summary.to_json())


def test_a_run_without_rows_has_no_figures_and_a_deleted_run_is_an_error(tmp_path: Path):
    store = RunStore(tmp_path)
    created = store.create(CONFIG, "path,hash,label,split\n")
    summary = summarise(store, created)
    assert (summary.epochs, summary.phases, summary.best_epoch, summary.gap) == (0, (), None, None)
    assert summary.images_per_second is None
    with pytest.raises(NoSuchRun):
        summarise(store, run())


@pytest.mark.faults
@pytest.mark.parametrize(
    "damaged",
    [
        None,
        {},
        {"accuracy": 7.0, "images": -1, "macro_f1": True},
        {"accuracy": float("nan"), "images": "many"},
        {"accuracy": "x", "classes": 3},
        {"classes": ["a"], "per_class": [1], "confusion": [[1, 2]]},
        {"classes": ["a"], "per_class": {"a": {"f1": "x"}}, "confusion": [["x"]]},
        {"classes": ["a", "b"], "per_class": {"a": 1}, "confusion": [[1], [2, 3]]},
        {"classes": ["a"], "confusion": [[-1]]},
        {"classes": [], "confusion": []},
    ],
)
def test_damaged_values_of_an_evaluation_count_as_not_measured(damaged):
    figures = evaluation_figures(damaged)
    assert figures.accuracy is figures.macro_f1 is figures.test_images is figures.confusion is None
    assert not figures.f1 and not figures.images


def counts(**images: int) -> dict:
    """Scores of classes with these numbers of test images: all right, but none without images."""
    return {name: {"recall": float(n > 0), "f1": float(n > 0), "images": n} for name, n in images.items()}


@pytest.mark.faults
def test_files_of_earlier_versions_are_read_with_means_over_the_classes_that_have_test_images():
    per_class = counts(glass=5, paper=5, absent=0)
    earlier = {"accuracy": 1.0, "macro_f1": 2 / 3, "classes": list(per_class), "per_class": per_class}
    figures = evaluation_figures(earlier)
    assert figures.macro_f1 == figures.balanced_accuracy == 1.0 and not figures.is_unbalanced
    assert evaluation_figures({"macro_f1": 0.7, "balanced_accuracy": 0.6}).macro_f1 == 0.7
    assert evaluation_figures({"macro_f1": 0.7, "balanced_accuracy": 0.6}).balanced_accuracy == 0.6
    del per_class["paper"]["f1"]
    assert evaluation_figures(earlier).macro_f1 == 2 / 3, "a mean needs every class"


@pytest.mark.parametrize(
    ("images", "largest", "is_unbalanced"),
    [
        ({"glass": 90, "paper": 1}, ("glass", 90 / 91), True),
        ({"glass": 9, "paper": 3}, ("glass", 0.75), False),
        ({"glass": 10, "paper": 3, "absent": 0}, ("glass", 10 / 13), True),
        ({"paper": 8, "glass": 8, "cork": 4}, ("glass", 0.4), False),
        ({"glass": 5, "paper": 5}, None, False),
        ({}, None, False),
    ],
)
def test_the_largest_class_of_the_test_images(images, largest, is_unbalanced):
    figures = evaluation_figures({"accuracy": 0.98, "classes": list(images), "per_class": counts(**images)})
    assert (figures.largest_class, figures.is_unbalanced) == (largest, is_unbalanced)
    assert describe_accuracy(figures) == ("98.0% (balanced 100.0%)" if is_unbalanced else "98.0%")
