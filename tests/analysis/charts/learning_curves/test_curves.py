"""Learning curves show the values of the rows on each axis."""

from dataclasses import replace
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.learning_curves.curve_options import CurveOptions
from core.analysis.charts.learning_curves.curves import learning_curves, smoothed
from core.analysis.charts.learning_curves.phase_lines import place_labels
from core.analysis.charts.palette import GREY, STRATEGY_COLOURS
from core.experiment.named_strategies import FEATURE_EXTRACTION, FINE_TUNING
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import CorruptRun, Run, RunStatus

RUN = Run("20260101-000000-000-03-two-phase", RunConfig(), RunStatus())
HEAD = Run("20260101-000000-000-01-feature-extraction", RunConfig(strategy=FEATURE_EXTRACTION), RunStatus())
TUNED = Run("20260101-000000-000-02-fine-tuning", RunConfig(strategy=FINE_TUNING), RunStatus())
STEPS = 4


def metrics_of(*phases: tuple[int, int], seconds: float = 10.0, running: bool = False) -> Metrics:
    """Metrics of phases given as (unfrozen layers, epochs); if running, plus half of the next epoch's steps."""
    depths = [(number, unfreeze) for number, (unfreeze, epochs) in enumerate(phases, 1) for _ in range(epochs)]
    epochs = tuple(
        {
            "epoch": i,
            "phase": phase,
            "unfreeze": unfreeze,
            "loss": 1 / i,
            "accuracy": i / 20,
            "val_loss": 2 / i,
            "val_accuracy": i / 40,
            "seconds": seconds,
            "elapsed": i * seconds,
        }
        for i, (phase, unfreeze) in enumerate(depths, 1)
    )
    ended = range(STEPS * len(epochs) + (STEPS // 2 if running else 0))
    steps = tuple(
        {
            "step": n + 1,
            "epoch": n // STEPS + 1,
            "phase": 1,
            "done": (n % STEPS + 1) / STEPS,
            "loss": 9.0,
            "accuracy": 0.1,
            "elapsed": (n + 1) / STEPS * seconds,
        }
        for n in ended
    )
    return Metrics(epochs, steps)


TWO = metrics_of((0, 2), (30, 1))


def lines(figure):
    return {trace.meta.partition(", ")[2]: trace for trace in figure.data}


def test_training_is_solid_and_ends_with_steps_and_validation_is_dashed():
    found = lines(learning_curves([RUN], {RUN.id: metrics_of((0, 2), (30, 1), running=True)}, "accuracy"))
    assert found["training"].line.dash == "solid" and list(found["training"].x) == [1, 2, 3, 3.25, 3.5]
    assert list(found["training"].y) == [0.05, 0.1, 0.15, 0.1, 0.1]
    assert found["validation"].line.dash == "dash" and list(found["validation"].y) == [0.025, 0.05, 0.075]
    star = found["best epoch"]
    assert (star.x[0], star.y[0], star.marker.symbol) == (3, 0.075, "star")
    assert {trace.line.color for trace in found.values()} - {None} == {STRATEGY_COLOURS["two-phase"]}


def test_the_legend_has_one_entry_per_run_which_toggles_all_its_lines():
    figure = learning_curves([HEAD, RUN], {HEAD.id: TWO, RUN.id: TWO}, "loss")
    assert [trace.name for trace in figure.data if trace.showlegend] == ["Feature extraction", "Two-phase"]
    assert {trace.legendgroup for trace in figure.data} == {HEAD.id, RUN.id}
    assert figure.layout.hovermode == "x unified" and figure.layout.hoversort == "value descending"


@pytest.mark.parametrize(
    ("axis", "boundary", "training", "validation"),
    [
        ("epoch", 2, [1, 2, 3], [1, 2, 3]),
        ("step", 8, list(range(1, 13)), [4, 8, 12]),
        ("elapsed", 20, [2.5 * n for n in range(1, 13)], [10, 20, 30]),
    ],
)
def test_each_axis_marks_where_fine_tuning_starts(axis, boundary, training, validation):
    for aligned in (False, True):
        figure = learning_curves([RUN], {RUN.id: TWO}, "loss", CurveOptions(axis, aligned))
        found, origin = lines(figure), boundary if aligned else 0
        assert list(found["training"].x) == [x - origin for x in training]
        assert list(found["validation"].x) == [x - origin for x in validation]
        assert [line.x0 for line in figure.layout.shapes] == [boundary - origin]
        assert [note.text for note in figure.layout.annotations] == ["fine-tuning starts"]


def test_all_strategies_can_be_aligned():
    rows = {RUN.id: TWO, HEAD.id: metrics_of((0, 5)), TUNED.id: metrics_of((154, 3))}
    figure = learning_curves([HEAD, TUNED, RUN], rows, "loss", CurveOptions(aligned=True))
    assert [list(trace.x) for trace in figure.data if trace.line.dash == "solid"] == [
        [-4, -3, -2, -1, 0],
        [1, 2, 3],
        [-1, 0, 1],
    ]


def test_long_trainings_are_shown_in_minutes_and_hours():
    for seconds, unit in ((10.0, "seconds"), (100.0, "minutes"), (9_000.0, "hours")):
        figure = learning_curves([RUN], {RUN.id: metrics_of((0, 2), seconds=seconds)}, "loss", CurveOptions("elapsed"))
        assert unit in figure.layout.xaxis.title.text
    assert list(lines(figure)["validation"].x) == [2.5, 5.0]


def test_a_boundary_shared_by_strategies_is_one_grey_line_with_one_label():
    second_seed = replace(HEAD, config=RunConfig(seed=1))
    figure = learning_curves([RUN, second_seed], {RUN.id: TWO, second_seed.id: TWO}, "loss")
    assert len(figure.layout.shapes) == len(figure.layout.annotations) == 1
    assert figure.layout.shapes[0].line.color == STRATEGY_COLOURS["two-phase"], "seeds of a strategy share its colour"
    strategies = learning_curves([RUN, TUNED], {RUN.id: TWO, TUNED.id: TWO}, "loss")
    assert [line.line.color for line in strategies.layout.shapes] == [GREY]


@given(st.lists(st.tuples(st.floats(0, 25), st.sampled_from(["fine-tuning starts", "phase 3"])), max_size=9))
def test_labels_never_overlap(drawn):
    placed = place_labels(sorted(drawn), 0, 25)
    spans = [(x, x + 0.5 * len(text)) if side == "left" else (x - 0.5 * len(text), x) for x, text, side in placed]
    assert all(left[1] <= right[0] + 1e-9 for left, right in pairwise(spans))
    assert all(low >= -1e-9 and high <= 25 + 1e-9 for low, high in spans) and bool(placed) == bool(drawn)


@given(st.lists(st.floats(-5, 5), min_size=1, max_size=60), st.floats(0, 0.99))
def test_smoothing_stays_within_the_values_and_keeps_a_constant(values, weight):
    result = smoothed(values, weight)
    assert len(result) == len(values) and result[0] == pytest.approx(values[0])
    assert min(values) - 1e-9 <= min(result) and max(result) <= max(values) + 1e-9
    assert smoothed(values, 0) == values and smoothed([3.0] * 9, weight) == pytest.approx([3.0] * 9)


def test_smoothing_is_that_of_tensorboard():
    assert smoothed([1, 0, 0], 0.5) == pytest.approx([1, 0.25 / 0.75, 0.125 / 0.875])


def test_the_raw_line_is_drawn_behind_a_smoothed_one():
    by_step = lines(learning_curves([RUN], {RUN.id: TWO}, "loss", CurveOptions("step", smoothing=0.6)))
    assert list(by_step) == ["training, raw", "training", "validation", "best epoch"]
    by_epoch = lines(learning_curves([RUN], {RUN.id: TWO}, "loss", CurveOptions(smoothing=0.6)))
    assert list(by_epoch["validation, raw"].y) == [2, 1, 2 / 3] != list(by_epoch["validation"].y)
    assert by_epoch["validation, raw"].opacity < 0.5 and "raw" in by_epoch["validation"].hovertemplate


def test_only_losses_can_be_logarithmic_and_outliers_are_ignored():
    outlier = Metrics(tuple(row | {"loss": 1e6 if row["epoch"] == 1 else 0.5} for row in metrics_of((0, 40)).epochs))
    for measure, kind in (("loss", "log"), ("accuracy", "linear")):
        figure = learning_curves([RUN], {RUN.id: outlier}, measure, CurveOptions(log=True))
        assert figure.layout.yaxis.type == kind and figure.layout.yaxis.range is None
    low, high = learning_curves([RUN], {RUN.id: outlier}, "loss", CurveOptions(ignore_outliers=True)).layout.yaxis.range
    assert low < 0.5 < high < 3
    low, high = learning_curves(
        [RUN], {RUN.id: outlier}, "loss", CurveOptions(log=True, ignore_outliers=True)
    ).layout.yaxis.range
    assert -2 < low < high < 1


def test_the_zoom_is_kept_for_new_rows_and_reset_for_another_axis():
    shown = [
        learning_curves([RUN], {RUN.id: rows}, "loss", options).layout.uirevision
        for rows, options in ((TWO, CurveOptions()), (metrics_of((0, 2)), CurveOptions()), (TWO, CurveOptions("step")))
    ]
    assert shown[0] == shown[1] != shown[2]


def test_long_runs_are_downsampled():
    rows = tuple({"step": n, "epoch": 1, "done": n / 4_000, "loss": n % 7, "accuracy": 0.5} for n in range(1, 4_000))
    figure = learning_curves([RUN], {RUN.id: Metrics((), rows)}, "loss", CurveOptions("step", smoothing=0.6))
    assert all(len(trace.x) <= 1_000 for trace in figure.data)


@pytest.mark.faults
@pytest.mark.parametrize("axis", ["epoch", "step", "elapsed"])
def test_missing_fields_and_rows_do_not_break_the_chart(axis):
    minimal = Metrics(
        tuple(
            {name: row[name] for name in ("epoch", "phase", "loss", "accuracy", "val_loss", "val_accuracy")}
            for row in TWO.epochs[::2]
        ),
        ({"step": 1, "epoch": 1, "loss": 1.0, "accuracy": 0.0},),
    )
    for rows in (minimal, Metrics(), Metrics(minimal.epochs), Metrics((), minimal.steps)):
        for aligned in (False, True):
            learning_curves(
                [CorruptRun(RUN.id, RUN.status), HEAD],
                {RUN.id: rows, HEAD.id: TWO},
                "loss",
                CurveOptions(axis, aligned, 0.5, True, True),
            )


@pytest.mark.faults
def test_names_are_escaped(monkeypatch):
    monkeypatch.setattr("core.experiment.strategy.Strategy.title", property(lambda self: "<b>%{x}</b>"))
    for trace in learning_curves([RUN], {RUN.id: TWO}, "loss").data:
        assert "<b>" not in f"{trace.name} {trace.meta} {(trace.hovertemplate or '').replace('<extra>', '')}"
        assert "%{x}" not in (trace.hovertemplate or "")


@pytest.mark.parametrize(
    "wrong",
    [
        {"axis": "time"},
        {"smoothing": 1.0},
        {"smoothing": float("nan")},
        {"smoothing": True},
        {"aligned": 1},
        {"log": "yes"},
        {"ignore_outliers": None},
    ],
)
def test_invalid_options_are_rejected(wrong):
    with pytest.raises(ValueError, match="Expected"):
        CurveOptions(**wrong)
