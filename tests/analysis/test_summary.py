"""How far a run is and what came out of it, from its rows."""

import pytest

from core.analysis.summary import progress
from core.experiment.metrics import Metrics
from core.experiment.run import Run, RunConfig, RunStatus, State
from core.experiment.strategy import Phase, Strategy

CONFIG = RunConfig(strategy=Strategy("tiny", (Phase(0, 1e-3, 15), Phase(30, 1e-4, 10))))


def epochs(phase1: int, phase2: int = 0) -> tuple[dict, ...]:
    phases = [1] * phase1 + [2] * phase2
    return tuple({"kind": "epoch", "epoch": i, "phase": phase, "seconds": 10.0 * phase}
                 for i, phase in enumerate(phases, start=1))


def step(epoch: int, phase: int, done: float) -> dict:
    return {"kind": "step", "step": 1, "epoch": epoch, "phase": phase, "done": done}


def run(state: State = State.RUNNING) -> Run:
    return Run("20260101-000000-000-01-tiny", CONFIG, RunStatus(state))


def test_before_anything_there_is_no_time_to_tell():
    now = progress(run(), Metrics())
    assert (now.share, now.epoch, now.epochs, now.seconds_left) == (0.0, 1, 25, None)


def test_within_an_epoch_its_steps_count():
    now = progress(run(), Metrics(epochs(5), (step(6, 1, 0.5),)))
    assert now.share == pytest.approx(5.5 / 25) and (now.phase, now.epoch) == (1, 6)
    assert now.seconds_left == pytest.approx(10 * 10 + 10 * 10 - 0.5 * 10)


def test_a_phase_that_ended_early_takes_its_epochs_with_it():
    now = progress(run(), Metrics(epochs(5), (step(6, 2, 0.5),)))
    assert (now.phase, now.epoch, now.epochs) == (2, 6, 15) and now.share == pytest.approx(5.5 / 15)
    later = progress(run(), Metrics(epochs(5, 3)))
    assert (later.epochs, later.seconds_left) == (15, 7 * 20.0)


def test_a_completed_run_is_whole_however_early_its_phases_ended():
    now = progress(run(State.COMPLETED), Metrics(epochs(5, 3)))
    assert (now.share, now.epoch, now.epochs) == (1.0, 8, 8)


def test_a_stopped_run_stands_at_its_last_whole_epoch():
    now = progress(run(State.STOPPED), Metrics(epochs(5), (step(6, 1, 0.9),)))
    assert now.share == pytest.approx(5 / 25) and now.epoch == 5
