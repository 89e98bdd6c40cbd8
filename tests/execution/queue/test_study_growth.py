"""Growing studies: what is added when, why they end, and launchers that are stopped, killed and replaced."""

import json
import os
import signal
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from growth_harness import CLEAR, DATASET, OPEN, STRATEGIES, TEMPLATE, WITH_A_LOSER, begin, measured
from harness import Lab, two_devices, wait_for
from stub_worker import epoch

from core.analysis.results.growth_text import describe_growth
from core.data.datasets.dataset import DataError
from core.data.growing_study import begin_growing_study
from core.data.study_plan import plan_study
from core.execution.queue.study_growth import grow_studies
from core.experiment.growth_limits import GrowthLimits
from core.experiment.named_strategies import FEATURE_EXTRACTION, FINE_TUNING, TWO_PHASE
from core.experiment.runs.growth import Growth, GrowthState
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore


class Study:
    """A growing study without workers: `end` writes the results of its runs, `look` takes the next look."""

    images = 100

    def __init__(self, root: Path, accuracies: dict[str, list[float | None]], limits: GrowthLimits) -> None:
        self.store, self.accuracies = RunStore(root / "runs"), accuracies
        strategies = [STRATEGIES[name] for name in accuracies]
        self.id = begin_growing_study(self.store, TEMPLATE, strategies, DATASET, limits).id
        self.growths = GrowthStore(self.store)

    @property
    def growth(self) -> Growth:
        return self.growths.load(self.id)

    def seeds(self) -> dict[str, int]:
        """Number of runs of each strategy."""
        return Counter(run.config.strategy.name for run in self.store.study(self.id).runs)

    def end(self, state: State = State.COMPLETED) -> None:
        for run in self.store.study(self.id).runs:
            if not run.state.is_finished:
                values = self.accuracies[run.config.strategy.name]
                accuracy = values[run.config.seed % len(values)]
                results = {"images": self.images, "accuracy": accuracy, "classes": ["a", "b"]}
                (self.store.path(run.id) / "evaluation.json").write_text(json.dumps(results))
                row = epoch(1) | {"elapsed": 60.0}
                (self.store.path(run.id) / "metrics.jsonl").write_text(json.dumps(row) + "\n")
                self.store.write_status(run.id, RunStatus(state if accuracy is not None else State.FAILED))

    def look(self) -> Growth:
        self.end()
        grow_studies(self.store)
        return self.growth


def study(root: Path, accuracies: dict[str, list[float | None]] = OPEN, **limits: float) -> Study:
    return Study(root, accuracies, GrowthLimits(**limits))


def test_an_open_study_goes_on_to_the_next_looks_and_ends_when_the_seeds_are_used_up(tmp_path):
    growing = study(tmp_path)
    for seeds in (3, 5, 7, 10):
        assert growing.seeds() == {"two-phase": seeds, "fine-tuning": seeds}
        grow_studies(growing.store)
        assert growing.growth.seeds == seeds, "nothing is added while runs wait"
        growing.look()
    assert growing.look().state is GrowthState.BUDGET_USED and growing.seeds() == {"two-phase": 20, "fine-tuning": 20}
    assert [look.seeds for look in growing.growth.looks] == [3, 5, 7, 10, 20]
    ids = [run.id.split("-")[3] for run in growing.store.study(growing.id).runs]
    assert ids == [f"{number:02d}" for number in range(1, 41)]
    text = describe_growth(growing.growth)
    assert (
        text.startswith("Judged with 20 seeds each (time 5 of 5). ") and "has ended: all 20 seeds are trained." in text
    )


def test_added_runs_are_what_a_study_of_that_many_seeds_would_have_been(tmp_path):
    growing = study(tmp_path, max_seeds=5)
    growing.look()
    planned = plan_study(TEMPLATE, [TWO_PHASE, FINE_TUNING], DATASET, range(5))
    runs = growing.store.study(growing.id).runs
    assert [(run.config, growing.store.manifest(run.id)) for run in runs] == planned


def test_a_settled_study_ends(tmp_path):
    growing = study(tmp_path, CLEAR)
    assert growing.look().state is GrowthState.SETTLED and growing.seeds() == {"two-phase": 3, "fine-tuning": 3}
    assert "Judged with 3 seeds each (time 1 of 5). Two-phase did best" in describe_growth(growing.growth)
    grow_studies(growing.store)
    assert len(growing.growth.looks) == 1


def test_practically_equal_strategies_are_settled_too(tmp_path):
    growing = study(tmp_path, {"two-phase": [0.9], "fine-tuning": [0.9]})
    growing.images = 20_000
    while growing.look().state is GrowthState.GROWING:
        pass
    assert growing.growth.state is GrowthState.SETTLED and "practically equal" in growing.growth.looks[-1].finding


def test_a_strategy_that_is_worse_leaves_the_race(tmp_path):
    growing = study(tmp_path, WITH_A_LOSER, max_seeds=5)
    growth = growing.look()
    assert growth.state is GrowthState.GROWING and growth.looks[0].left == (FEATURE_EXTRACTION,)
    assert growing.seeds() == {"two-phase": 5, "fine-tuning": 5, "feature-extraction": 3}
    assert "Not trained further: Feature extraction. Goes on to 5 seeds." in describe_growth(growth)
    assert "5 seeds" in growing.look().looks[1].finding, "the three seeds of the loser do not limit the comparison"


def test_it_goes_on_until_the_difference_is_clear(tmp_path):
    differences = [0.1, -0.01, 0.1, *[0.1] * 17]
    growing = study(tmp_path, {"two-phase": [0.7 + d for d in differences], "fine-tuning": [0.7]})
    assert growing.look().state is GrowthState.GROWING
    while growing.growth.state is GrowthState.GROWING:
        growing.look()
    assert growing.growth.state is GrowthState.SETTLED and 5 <= growing.growth.seeds <= 20


def test_the_training_time_of_all_runs_together_is_limited(tmp_path):
    growing = study(tmp_path, minutes=9)
    assert growing.look().state is GrowthState.GROWING, "6 runs of a minute"
    assert growing.look().state is GrowthState.BUDGET_USED and growing.growth.seeds == 5
    assert "has ended: it has trained for 10 min" in describe_growth(growing.growth)


def test_a_failed_run_is_missing_and_a_look_of_failed_runs_ends_the_growth(tmp_path):
    growing = study(tmp_path, {"two-phase": [0.84, 0.76, None, None, None], "fine-tuning": [0.8, 0.8, 0.8, None, None]})
    assert growing.look().state is GrowthState.GROWING
    ended = growing.look()
    assert ended.state is GrowthState.STOPPED and ended.reason == "all 4 runs of the newest seeds failed"
    growing.accuracies = OPEN
    growing.growths.resume(growing.id)
    assert [run.state for run in growing.store.study(growing.id).runs].count(State.QUEUED) == 5
    assert growing.look().seeds == 7 and [look.seeds for look in growing.growth.looks] == [3, 5]


def test_a_stopped_study_does_not_grow_until_it_is_continued(tmp_path):
    growing = study(tmp_path)
    growing.growths.stop(growing.id)
    assert growing.look().seeds == 3 and growing.growth.state is GrowthState.STOPPED
    assert describe_growth(growing.growth).endswith("No more seeds will be added: stopped by hand.")
    growing.growths.resume(growing.id)
    grow_studies(growing.store)
    assert growing.growth.seeds == 5
    growing.end(State.STOPPED)
    grow_studies(growing.store)
    assert growing.growth.state is GrowthState.STOPPED and growing.growth.reason == "a run was stopped"
    growing.growths.resume(growing.id)
    assert growing.look().seeds == 7


def test_a_settled_study_cannot_be_continued(tmp_path):
    growing = study(tmp_path, CLEAR)
    growing.look()
    for study_id in (growing.id, "20200101-000000-000"):
        with pytest.raises(ValueError, match="Expected a stopped study that grows"):
            growing.growths.resume(study_id)


def test_a_study_whose_budget_is_used_up_continues_within_higher_limits(tmp_path):
    growing = study(tmp_path, max_seeds=4, minutes=100)
    growing.look()
    assert growing.look().state is GrowthState.BUDGET_USED
    for limits, message in (
        (None, r"Expected more than the 4 seeds .*; received 4: give a higher --max-seeds, up to 20\."),
        (GrowthLimits(10, minutes=8), r"Expected more than 8 minutes .*; received 8: give a higher --minutes\."),
    ):
        with pytest.raises(ValueError, match=message):
            growing.growths.resume(growing.id, limits)
    growing.growths.resume(growing.id, GrowthLimits(5))
    grow_studies(growing.store)
    assert growing.seeds() == {"two-phase": 5, "fine-tuning": 5}
    assert growing.look().state is GrowthState.BUDGET_USED and growing.growth.limits == GrowthLimits(5)
    assert describe_growth(growing.growth).startswith("Judged with 5 seeds each (time 3 of 3). ")


def test_a_study_that_has_trained_long_enough_continues_with_more_minutes(tmp_path):
    growing = study(tmp_path, minutes=3)
    assert growing.look().state is GrowthState.BUDGET_USED and growing.growth.seeds == 3
    with pytest.raises(ValueError, match="give a higher --minutes"):
        growing.growths.resume(growing.id, GrowthLimits(minutes=6))
    growing.growths.resume(growing.id, GrowthLimits(minutes=7))
    grow_studies(growing.store)
    assert growing.growth.seeds == 5


@pytest.mark.faults
@pytest.mark.parametrize("added", [0, 1, 4])
def test_runs_that_a_killed_launcher_had_added_are_not_added_again(tmp_path, added):
    growing = study(tmp_path)
    before = growing.growth
    growing.end()
    planned = plan_study(TEMPLATE, [TWO_PHASE, FINE_TUNING], DATASET, range(3, 5))
    growing.store.add_runs(growing.id, planned[:added])
    growing.end()
    assert growing.growth == before
    grow_studies(growing.store)
    assert growing.seeds() == {"two-phase": 5, "fine-tuning": 5} and growing.growth.seeds == 5
    assert [run.config.seed for run in growing.store.study(growing.id).runs] == sorted([*range(5), *range(5)])


@pytest.mark.faults
def test_a_stop_that_comes_while_the_next_seeds_are_planned_wins(tmp_path):
    growing = study(tmp_path)
    before = growing.growth
    growing.growths.stop(growing.id)
    growing.growths.update(before, replace(before, seeds=5), plan_study(TEMPLATE, [TWO_PHASE], DATASET, [3]))
    assert growing.growth.state is GrowthState.STOPPED and growing.seeds() == {"two-phase": 3, "fine-tuning": 3}


@pytest.mark.faults
def test_images_that_have_changed_end_the_growth_with_the_reason(tmp_path):
    growing = study(tmp_path)
    growing.growths.update(
        growing.growth, replace(growing.growth, basis=replace(growing.growth.basis, root=str(tmp_path), scanned=1.0))
    )
    ended = growing.look()
    assert ended.state is GrowthState.STOPPED and "which is missing" in ended.reason
    assert ended.looks[-1].seeds == 3 and growing.seeds() == {"two-phase": 3, "fine-tuning": 3}


@pytest.mark.faults
@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"study": 1}'])
def test_a_damaged_record_is_no_record_and_a_deleted_study_is_forgotten(tmp_path, content):
    growing = study(tmp_path)
    path = growing.store.root / ".growth" / f"{growing.id}.json"
    stored = path.read_text()
    path.write_text(content)
    grow_studies(growing.store)
    assert growing.growth is None
    path.write_text(stored)
    growing.end()
    for run in growing.store.study(growing.id).runs:
        growing.store.delete(run.id)
    grow_studies(growing.store)
    assert not path.exists()


def test_fewer_than_two_strategies_are_refused_and_create_nothing(tmp_path):
    store = RunStore(tmp_path)
    with pytest.raises(ValueError, match=r"at least two strategies to compare until it is settled; received 1\."):
        begin_growing_study(store, TEMPLATE, [TWO_PHASE], DATASET, GrowthLimits())
    with pytest.raises(DataError):
        begin_growing_study(store, TEMPLATE, [TWO_PHASE, FINE_TUNING], replace(DATASET, images=()), GrowthLimits())
    assert not store.runs() and not (tmp_path / ".growth").exists()


# With launchers and workers


def ended(lab: Lab, study_id: str) -> Growth | None:
    growth = GrowthStore(lab.store).load(study_id)
    return growth if growth.state is not GrowthState.GROWING else None


def test_two_launchers_train_a_growing_study_to_its_end_and_add_its_seeds_once(lab: Lab):
    study_id = begin(lab, WITH_A_LOSER, max_seeds=4)
    for _ in range(2):
        lab.launch(command=measured, devices=two_devices, grow=grow_studies)
    growth = wait_for(lambda: ended(lab, study_id), 120)
    runs = lab.store.study(study_id).runs
    assert growth.state is GrowthState.BUDGET_USED and [look.seeds for look in growth.looks] == [3, 4]
    assert sorted((run.config.strategy.name, run.config.seed) for run in runs) == sorted(
        [(name, seed) for name in ("two-phase", "fine-tuning") for seed in range(4)]
        + [("feature-extraction", seed) for seed in range(3)]
    )
    assert {run.state for run in runs} == {State.COMPLETED}


LAUNCHER = """
import sys
sys.path.insert(0, "tests/execution")
from pathlib import Path
from core.execution.queue.study_growth import grow_studies
from growth_harness import measured
from harness import DeviceLocks, Launcher, RunStore, two_devices
root = Path(sys.argv[1])
Launcher(RunStore(root / "runs"), DeviceLocks(root / "locks"), devices=two_devices, command=measured, grow=grow_studies)
print("ready", flush=True)
sys.stdin.read()
"""


@pytest.mark.faults
def test_another_launcher_goes_on_where_a_killed_one_ended(lab: Lab, start):
    study_id = begin(lab, OPEN, max_seeds=4)
    process = start(LAUNCHER, lab.root)
    wait_for(lambda: any(run.state is State.COMPLETED for run in lab.store.study(study_id).runs), 120)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    assert not ended(lab, study_id)
    lab.launch(command=measured, devices=two_devices, grow=grow_studies)
    growth = wait_for(lambda: ended(lab, study_id), 120)
    seeds = Counter((run.config.strategy.name, run.config.seed) for run in lab.store.study(study_id).runs)
    assert growth.seeds == 4 and len(seeds) == 8 and set(seeds.values()) == {1}
