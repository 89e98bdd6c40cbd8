"""The verdict: settings ranked by their accuracy on the test images, and the contrasts of all pairs of them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import combinations

from core.analysis.comparison.pairs.contrast import Contrast, Judgement
from core.analysis.comparison.pairs.pairwise import compare
from core.analysis.comparison.replicates import Group, adjusted_accuracies, groups_of
from core.analysis.results.evaluation_file import evaluation_figures
from core.analysis.statistics.multiple_comparisons import adjust
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_store import RunStore


@dataclass(frozen=True)
class Verdict:
    """Result of comparing runs.

    Args:
        groups: tested settings, the best first.
        contrasts: of all pairs of settings that can be compared, in the order of the groups.
        runs: number of runs given.
        missing: number of runs without a test result.
        left_out: number of runs excluded because no other setting was tested on their test images.
    """

    groups: tuple[Group, ...]
    contrasts: tuple[Contrast, ...]
    runs: int
    missing: int
    left_out: int = 0

    @property
    def margin(self) -> float:
        """The equivalence margin of its contrasts; 0 if there are none."""
        return self.contrasts[0].margin if self.contrasts else 0.0

    @property
    def has_several_seeds(self) -> bool:
        return any(len(group.results) > 1 for group in self.groups)

    @property
    def is_settled(self) -> bool:
        """Whether the best setting is better than the next, or practically equal to it, or there is no other."""
        if len(self.groups) == 1:
            return True
        contrast = self.between(*self.groups[:2]) if self.groups else None
        return contrast is not None and contrast.judgement.is_settled

    @property
    def worse_groups(self) -> tuple[Group, ...]:
        """The settings that are significantly worse than the best."""
        contrasts = [(group, self.between(self.groups[0], group)) for group in self.groups[1:]]
        return tuple(
            group
            for group, contrast in contrasts
            if contrast and contrast.judgement is Judgement.BETTER and contrast.second.name == group.name
        )

    def with_margin(self, margin: float) -> "Verdict":
        """Return the verdict for another equivalence margin, from 0 to below 1. Raises `ValueError`."""
        if not 0 <= margin < 1:
            raise ValueError(f"Expected an equivalence margin from 0 to below 1; received {margin!r}.")
        return replace(self, contrasts=tuple(replace(contrast, margin=margin) for contrast in self.contrasts))

    def between(self, first: Group, second: Group) -> Contrast | None:
        """The contrast of two settings, in either order; None if they cannot be compared."""
        names = {first.name, second.name}
        return next((found for found in self.contrasts if {found.first.name, found.second.name} == names), None)


def judge(store: RunStore, runs: Sequence[AnyRun]) -> Verdict:
    """Compare runs by setting. Raises `NoSuchRun`.

    Settings that share test images are compared on the seeds that the two have in common; other runs of theirs are left
    out. They are ranked by accuracies that are adjusted for seeds that not all of them have.
    """
    results = {run.id: evaluation_figures(store.evaluation(run.id)) for run in runs}
    tested = [run for run in runs if results[run.id].accuracy is not None]
    groups = _on_shared_images(groups_of(store, tested, results))
    accuracies = adjusted_accuracies(groups)
    ranked = sorted(groups, key=lambda group: -accuracies[group.name])
    found = [contrast.better_first() for pair in combinations(ranked, 2) if (contrast := compare(store, *pair))]
    adjusted = adjust([contrast.p for contrast in found], len(ranked))
    return Verdict(
        tuple(ranked),
        tuple(contrast.adjusted(by.p, by.confidence) for contrast, by in zip(found, adjusted, strict=True)),
        len(runs),
        len(runs) - len(tested),
        len(tested) - sum(len(group.results) for group in ranked),
    )


def _on_shared_images(groups: Sequence[Group]) -> list[Group]:
    """Remove the results on test images of one setting only, if the setting has others."""
    tested_by = Counter(test_id for group in groups for test_id in group.test_splits)
    shared = {test_id for test_id, settings in tested_by.items() if settings > 1}
    return [group.restricted_to(shared) if group.test_splits & shared else group for group in groups]
