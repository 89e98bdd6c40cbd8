"""Let studies grow: judge those whose runs have all ended, and add seeds to those that are not settled."""

from collections.abc import Sequence
from dataclasses import replace

from core.analysis.comparison.headline import headline
from core.analysis.comparison.verdict import Verdict, judge
from core.analysis.text import count, duration
from core.data.growing_study import plan_next_seeds
from core.experiment.runs.growth import Growth, GrowthState, Look
from core.experiment.runs.growth_store import GrowthStore, trained_seconds
from core.experiment.runs.run import AnyRun, Run, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore


def grow_studies(store: RunStore) -> None:
    """Take the next look at each growing study of which nothing waits or trains. Only the active launcher calls it."""
    growths, errors = GrowthStore(store), list[Exception]()
    for growth in growths.growing():
        try:
            _grow(store, growths, growth)
        except Exception as error:  # an error of one study must not block the others
            errors.append(error)
    if errors:
        raise errors[0]


def _grow(store: RunStore, growths: GrowthStore, growth: Growth) -> None:
    try:
        runs = store.study(growth.study).runs
    except NoSuchRun:
        growths.forget(growth.study)
        return
    if all(run.state.is_finished for run in runs):
        _take_look(store, growths, growth, runs)


def _take_look(store: RunStore, growths: GrowthStore, growth: Growth, runs: Sequence[AnyRun]) -> None:
    """Judge the study, then end it or add the seeds until the next look."""
    if any(run.state is State.STOPPED for run in runs):
        growths.update(growth, _ended(growth, GrowthState.STOPPED, "a run was stopped"))
        return
    race = _race(growth, runs)
    verdict = judge(store, race)
    strategy_of = {run.id: run.config.strategy for run in race}
    worse = tuple(strategy_of[group.results[0].run_id] for group in verdict.worse_groups)
    looked = replace(growth, looks=(*_earlier_looks(growth), Look(growth.seeds, headline(verdict), worse)))
    if ended := _end(store, looked, runs, verdict):
        growths.update(growth, ended)
        return
    try:
        planned = plan_next_seeds(store, looked)
    except ValueError as error:  # an image has changed, or the base is no longer there
        growths.update(growth, _ended(looked, GrowthState.STOPPED, str(error)))
        return
    growths.update(growth, replace(looked, seeds=growth.seeds + len(looked.next_seeds)), planned)


def _earlier_looks(growth: Growth) -> tuple[Look, ...]:
    """The looks at fewer seeds: a study that was stopped and continued is judged again."""
    return tuple(look for look in growth.looks if look.seeds < growth.seeds)


def _end(store: RunStore, growth: Growth, runs: Sequence[AnyRun], verdict: Verdict) -> Growth | None:
    """The record of a study that ends at this look, with the reason as a clause; None if it goes on."""
    trained = trained_seconds(store, runs)
    if reason := _cannot_decide(growth, runs, verdict):
        return _ended(growth, GrowthState.STOPPED, reason)
    if verdict.is_settled:
        return _ended(growth, GrowthState.SETTLED, "it is settled")
    if not growth.next_seeds:
        return _ended(growth, GrowthState.BUDGET_USED, f"all {count(growth.limits.max_seeds, 'seed')} are trained")
    if growth.limits.minutes is not None and trained >= 60 * growth.limits.minutes:
        return _ended(
            growth,
            GrowthState.BUDGET_USED,
            f"it has trained for {duration(trained)}, at most {growth.limits.minutes:g} min",
        )
    return None


def _cannot_decide(growth: Growth, runs: Sequence[AnyRun], verdict: Verdict) -> str:
    """Why more seeds would not help; "" if they may."""
    before = max((look.seeds for look in growth.looks[:-1]), default=0)
    newest = [run for run in _race(growth, runs) if run.config.seed >= growth.template.seed + before]
    if not any(run.state is State.COMPLETED for run in newest):
        return f"all {count(len(newest), 'run')} of the newest seeds failed"
    if len(verdict.groups) < 2:
        return "fewer than two strategies have test results"
    return ""


def _ended(growth: Growth, state: GrowthState, reason: str) -> Growth:
    return replace(growth, state=state, reason=reason)


def _race(growth: Growth, runs: Sequence[AnyRun]) -> list[Run]:
    """The runs of the strategies that had not left the race before the newest look."""
    left = {strategy for look in _earlier_looks(growth) for strategy in look.left}
    return [run for run in runs if isinstance(run, Run) and run.config.strategy not in left]
