"""Search runs by words."""

from collections.abc import Iterable, Iterator

from core.analysis.results.settings import data_name
from core.analysis.text import study_time
from core.experiment.runs.run import AnyRun, Run


def search_runs(runs: Iterable[AnyRun], text: str) -> Iterator[AnyRun]:
    """Yield the runs that contain every word of `text` in their strategy, data set, state, seed, date or id."""
    words = text.lower().split()
    return (run for run in runs if not words or all(word in _searchable_text(run) for word in words))


def _searchable_text(run: AnyRun) -> str:
    settings = (run.config.data, data_name(run.config.data), f"seed {run.config.seed}") if isinstance(run, Run) else ()
    return " ".join((run.id, run.title, str(run.state), study_time(run.study), *settings)).lower()
