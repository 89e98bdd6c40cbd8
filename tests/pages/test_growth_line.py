"""The line on a growing study on Runs and Compare, with its buttons."""

from dataclasses import replace
from pathlib import Path

import pytest
from pages_harness import button, finish, open_page, texts

from core.data.growing_study import begin_growing_study
from core.execution.queue.study_growth import grow_studies
from core.experiment.growth_limits import GrowthLimits
from core.experiment.named_strategies import FINE_TUNING, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.growth import Growth, GrowthState
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore


@pytest.fixture
def study(root: Path, tiny_dataset) -> tuple[RunStore, str]:
    store = RunStore(root)
    template = RunConfig(data=str(tiny_dataset.root), weights="random")
    strategies = [TWO_PHASE, FINE_TUNING]
    return store, begin_growing_study(store, template, strategies, tiny_dataset, GrowthLimits(10)).id


def end_runs(store: RunStore, study_id: str, lead: float) -> None:
    """Complete the runs that wait; the first strategy leads by `lead`, a little more with odd seeds."""
    for run in store.study(study_id).runs:
        if not run.state.is_finished:
            is_first = run.config.strategy.name == "two-phase"
            finish(store, run, 0.7 + (lead + 0.01 * (run.config.seed % 2)) * is_first)


def growth_of(study: tuple[RunStore, str]) -> Growth:
    return GrowthStore(study[0]).load(study[1])


def labels(page) -> set[str]:
    return {found.label for found in page.button}


@pytest.mark.parametrize("name", ["runs", "compare"])
def test_a_growing_study_is_described_with_what_is_known_and_what_comes_next(study, name):
    store, study_id = study
    page = open_page(name, study=study_id)
    assert "first. More are added until the best strategy is known, at most 10 seeds each." in texts(page)
    for run in store.study(study_id).runs:
        finish(store, run, 0.7 + 0.1 * ((run.config.seed + (run.config.strategy == TWO_PHASE)) % 2))
    grow_studies(store)
    page.run()
    assert "Judged with 3 seeds each (time 1 of 4)." in texts(page) and "Goes on to 5 seeds." in texts(page)
    assert len(store.study(study_id).runs) == 10 and "Stop growing" in labels(page)


def test_growing_is_stopped_and_continued(study):
    store, study_id = study
    page = open_page("runs", study=study_id)
    button(page, "Stop growing").click().run()
    assert growth_of(study).state is GrowthState.STOPPED
    assert "No more seeds will be added: stopped by hand." in texts(page)
    store.write_status(store.study(study_id).runs[0].id, RunStatus(State.STOPPED))
    button(page, "Grow again").click().run()
    assert growth_of(study).state is GrowthState.GROWING and store.study(study_id).runs[0].state is State.QUEUED
    assert "Stop growing" in labels(page) and not page.exception


def test_compare_shows_how_it_ended(study):
    store, study_id = study
    end_runs(store, study_id, 0.2)
    grow_studies(store)
    page = open_page("compare", study=study_id)
    assert "Judged with 3 seeds each (time 1 of 4). The study has ended: it is settled." in texts(page)
    assert texts(page).count("Two-phase did best") == 1, "the headline is not repeated"
    assert not {"Stop growing", "Grow again"} & labels(page)


def test_a_study_whose_budget_is_used_up_continues_to_the_next_look(study):
    store, study_id = study
    growths, growth = GrowthStore(store), growth_of(study)
    used = replace(growth, limits=GrowthLimits(3, 1.0), state=GrowthState.BUDGET_USED, reason="all 3 seeds are trained")
    growths.update(growth, used)
    page = open_page("runs", study=study_id)
    button(page, "Continue to 5 seeds").click().run()
    assert growth_of(study).state is GrowthState.GROWING and growth_of(study).limits == GrowthLimits(5)
    growths.update(growth_of(study), replace(used, seeds=20, limits=GrowthLimits()))
    page.run()
    assert not page.exception and not any(label.startswith("Continue") for label in labels(page))


@pytest.mark.faults
def test_a_study_that_another_window_has_ended_is_not_continued(study):
    page = open_page("runs", study=study[1])
    growths, growth = GrowthStore(study[0]), growth_of(study)
    growths.stop(study[1])
    page.run()
    growths.update(growth_of(study), replace(growth, state=GrowthState.SETTLED, reason="it is settled"))
    button(page, "Grow again").click().run()
    assert not page.exception and growth_of(study).state is GrowthState.SETTLED
