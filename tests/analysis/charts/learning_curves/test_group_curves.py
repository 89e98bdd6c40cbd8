"""Means over seeds and their bands."""

import numpy as np
import pytest

from core.analysis.charts.learning_curves.curve_options import CurveOptions
from core.analysis.charts.learning_curves.group_curves import group_curves, has_several_seeds, mean_metrics
from core.analysis.statistics.random_effects import mean_interval
from core.data.datasets.split import TEST_TO_TRAINING
from core.experiment.named_strategies import FEATURE_EXTRACTION, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import Run, RunStatus, State


def run(number: int, strategy=TWO_PHASE, seed: int = 0) -> Run:
    return Run(
        f"20260101-000000-000-{number:02d}-x",
        RunConfig(strategy=strategy, seed=seed, split_seed=seed),
        RunStatus(State.COMPLETED),
    )


def rows(*values: float) -> Metrics:
    return Metrics(
        tuple(
            {
                "kind": "epoch",
                "epoch": i,
                "phase": 1 + (i > 2),
                "unfreeze": 30 * (i > 2),
                "loss": 1.0,
                "accuracy": value,
                "val_loss": 1.0,
                "val_accuracy": value,
                "seconds": 90.0,
                "elapsed": 90.0 * i,
            }
            for i, value in enumerate(values, start=1)
        )
    )


RUNS = [run(1), run(2, seed=1), run(3, FEATURE_EXTRACTION)]
METRICS = {RUNS[0].id: rows(0.5, 0.6, 0.9), RUNS[1].id: rows(0.7, 0.8), RUNS[2].id: rows(0.4, 0.4)}


def test_a_mean_ends_at_the_last_epoch_that_all_seeds_have():
    assert [row["val_accuracy"] for row in mean_metrics([METRICS[r.id] for r in RUNS[:2]]).epochs] == [
        pytest.approx(0.6),
        pytest.approx(0.7),
    ]
    figure = group_curves(RUNS, METRICS, "accuracy")
    names = {trace.name for trace in figure.data if trace.showlegend}
    assert names == {"Two-phase, 2 seeds", "Feature extraction, one seed"}
    line = next(trace for trace in figure.data if trace.meta == "Two-phase, 2 seeds, validation")
    assert list(line.y) == [pytest.approx(0.6), pytest.approx(0.7)] and list(line.x) == [1, 2]


@pytest.mark.parametrize(
    ("band", "edges"),
    [
        ("range", (0.5, 0.7)),
        ("deviation", (0.6 - 0.1414, 0.6 + 0.1414)),
        ("interval", mean_interval(np.array([0.5, 0.7]), TEST_TO_TRAINING)),
    ],
)
def test_a_band_shows_the_spread_of_the_seeds(band: str, edges: tuple[float, float]):
    figure = group_curves(RUNS, METRICS, "accuracy", CurveOptions("elapsed"), band)
    (drawn,) = [trace for trace in figure.data if trace.fill == "toself"]
    assert (drawn.y[-1], drawn.y[0]) == (pytest.approx(edges[0], abs=1e-3), pytest.approx(edges[1], abs=1e-3))
    line = next(trace for trace in figure.data if trace.meta == "Two-phase, 2 seeds, validation")
    np.testing.assert_allclose(drawn.x, [*line.x, *line.x[::-1]])


def with_steps(metrics: Metrics, steps_per_epoch: int, accuracies: tuple[float, float]) -> Metrics:
    """Add step rows whose accuracy rises linearly from the start to the end of training."""
    number = steps_per_epoch * len(metrics.epochs)
    values = np.linspace(*accuracies, number + 1)[1:]
    steps = (
        {
            "kind": "step",
            "step": i + 1,
            "epoch": 1 + i // steps_per_epoch,
            "done": (1 + i % steps_per_epoch) / steps_per_epoch,
            "accuracy": float(values[i]),
            "loss": 1.0,
        }
        for i in range(number)
    )
    return Metrics(metrics.epochs, tuple(steps))


def test_by_step_the_mean_is_drawn_over_the_steps_of_the_first_seed():
    """The other seed has twice as many rows, and one epoch more, whose steps do not count."""
    metrics = METRICS | {
        RUNS[0].id: with_steps(rows(0.5, 0.6, 0.9), 4, (0.0, 0.6)),
        RUNS[1].id: with_steps(rows(0.7, 0.8), 2, (0.4, 0.8)),
    }
    figure = group_curves([RUNS[1], RUNS[0]], metrics, "accuracy", CurveOptions("step"))
    lines = {trace.meta: trace for trace in figure.data}
    training, validation = (lines[f"Two-phase, 2 seeds, {kind}"] for kind in ("training", "validation"))
    assert list(training.x) == [1, 2, 3, 4]
    assert list(training.y) == pytest.approx([(0.5 + 0.1) / 2, (0.6 + 0.2) / 2, (0.7 + 0.3) / 2, (0.8 + 0.4) / 2])
    assert list(validation.x) == [2, 4] and list(validation.y) == pytest.approx([0.6, 0.7])
    assert len([trace for trace in figure.data if trace.fill == "toself"]) == 1


def test_a_run_that_still_trains_has_its_own_curve_beside_the_mean_of_the_finished_seeds():
    training = Run("20260101-000000-000-04-x", RUNS[0].config, RunStatus(State.RUNNING))
    queued = Run("20260101-000000-000-05-x", RUNS[0].config, RunStatus(State.QUEUED))
    metrics = METRICS | {training.id: rows(0.3), queued.id: Metrics()}
    figure = group_curves([*RUNS[:2], training, queued], metrics, "accuracy")
    shown = {trace.legendgroup: list(trace.y) for trace in figure.data if (trace.meta or "").endswith(" validation")}
    assert shown == {RUNS[0].id: pytest.approx([0.6, 0.7]), training.id: [0.3]}


def test_runs_without_an_epoch_are_left_out_and_invalid_options_rejected():
    metrics = METRICS | {RUNS[1].id: Metrics()}
    assert not [trace for trace in group_curves(RUNS, metrics, "loss").data if trace.fill == "toself"]
    assert len(group_curves(RUNS, dict.fromkeys(METRICS, Metrics()), "loss").data) == 0
    with pytest.raises(ValueError, match="Expected one of range, "):
        group_curves(RUNS, METRICS, "loss", CurveOptions(), "wide")
    assert has_several_seeds(RUNS) and not has_several_seeds(RUNS[1:])
