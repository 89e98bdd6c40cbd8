"""Ensembles: the models of the seeds of one setting, whose mean prediction is used as that of one model."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.analysis.results.settings import group_by_setting, run_labels
from core.analysis.results.trained_models import ModelError, TrainedModel, trained_model
from core.experiment.runs.run import AnyRun, Run, State
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class Ensemble:
    """The models of several seeds of one setting, the oldest run first.

    Its probabilities are the mean of the calibrated ones of its members; so are its heat maps and novelty scores.
    Raises `ModelError` unless there are two members or more, with the same classes and image size.
    """

    members: tuple[TrainedModel, ...]

    def __post_init__(self) -> None:
        if len(self.members) < 2:
            raise ModelError(
                "Expected at least two completed seeds of one setting, whose models are averaged; received "
                f"{len(self.members)}. Train the setting with more seeds, or choose a single run."
            )
        if len({(member.classes, member.image_size) for member in self.members}) > 1:
            raise ModelError(
                f"Expected seeds of {self.run.title} with the same classes and image size; received different ones. "
                "Choose single runs."
            )

    @property
    def id(self) -> str:
        """Distinct from the ids of runs."""
        return ensemble_id(self.run)

    @property
    def run(self) -> Run:
        """The first member's run, which stands for the setting."""
        return self.members[0].run

    @property
    def title(self) -> str:
        return _with_seeds(self.run.title, len(self.members))

    @property
    def classes(self) -> tuple[str, ...]:
        return self.members[0].classes

    @property
    def image_size(self) -> int:
        return self.members[0].image_size

    @property
    def scales(self) -> tuple[str, ...] | None:
        """Those of the first member; each member reads images with its own."""
        return self.members[0].scales


AnyModel = TrainedModel | Ensemble


def ensemble_id(run: Run) -> str:
    """The id of the ensemble whose first member is this run."""
    return f"mean-{run.id}"


def ensemble_members(runs: Iterable[AnyRun]) -> list[tuple[Run, ...]]:
    """The completed runs of each setting that has several seeds, the oldest first; of each seed the newest run.

    Args:
        runs: runs that have a model.
    """
    completed = sorted((run for run in runs if run.state is State.COMPLETED), key=lambda run: run.id)
    return [members for _, group in group_by_setting(completed) if len(members := _one_run_per_seed(group)) > 1]


def _one_run_per_seed(runs: Sequence[AnyRun]) -> tuple[Run, ...]:
    newest = {run.config: run for run in runs if isinstance(run, Run)}
    return tuple(sorted(newest.values(), key=lambda run: run.id))


def load_ensemble(store: RunStore, runs: Sequence[Run]) -> Ensemble:
    """The ensemble of these runs' models. Raises `ModelError`."""
    return Ensemble(tuple(trained_model(store, run) for run in runs))


def model_labels(models: Sequence[AnyModel]) -> dict[str, str]:
    """A distinct label for each model, by id."""
    ensembles = [[member.run for member in model.members] for model in models if isinstance(model, Ensemble)]
    return run_labels([model.run for model in models if isinstance(model, TrainedModel)]) | ensemble_labels(ensembles)


def ensemble_labels(ensembles: Sequence[Sequence[Run]]) -> dict[str, str]:
    """A distinct label for each ensemble, by id; each is given by the runs of its members."""
    labels = run_labels([setting for setting, _ in group_by_setting([runs[0] for runs in ensembles])])
    return {ensemble_id(runs[0]): _with_seeds(labels[runs[0].id], len(runs)) for runs in ensembles}


def _with_seeds(name: str, seeds: int) -> str:
    return f"{name}, mean of {seeds} seeds"
