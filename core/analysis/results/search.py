"""Finding runs by words."""

from collections.abc import Iterable, Iterator

from core.analysis.results.settings import data_name
from core.analysis.text import study_time
from core.experiment.runs.run import AnyRun, Run


def matching(runs: Iterable[AnyRun], text: str) -> Iterator[AnyRun]:
    """The runs in which every word of `text` occurs: in strategy, images, state, seed, date or id."""
    words = text.lower().split()
    return (run for run in runs if not words or all(word in _haystack(run) for word in words))


def _haystack(run: AnyRun) -> str:
    told = (run.config.data, data_name(run.config.data), f"seed {run.config.seed}") if isinstance(run, Run) else ()
    return " ".join((run.id, run.title, str(run.state), study_time(run.study), *told)).lower()
