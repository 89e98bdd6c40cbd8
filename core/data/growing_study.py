"""Create studies, and plan those that grow until they are settled: their beginning, and the runs of further seeds."""

from collections.abc import Sequence
from pathlib import Path

from core.data.datasets.dataset import Dataset, ImageFile
from core.data.datasets.split import Manifest, ManifestRow
from core.data.study_plan import plan_runs, plan_study
from core.experiment.growth_limits import MAX_SEEDS, GrowthLimits
from core.experiment.preset import Preset
from core.experiment.run_config import RunConfig
from core.experiment.runs.growth import Growth, SplitBasis
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run import Study
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Strategy


def create_study(store: RunStore, preset: Preset, dataset: Dataset) -> Study:
    """Create the runs of a study, which grows until it is settled if the preset has limits for that.

    Raises the errors of `plan_study` and `begin_growing_study`, and `OSError`.
    """
    if preset.growth:
        return begin_growing_study(store, preset.template, preset.strategies, dataset, preset.growth)
    return store.create_study(
        plan_study(preset.template, preset.strategies, dataset, preset.seed_range, preset.dropouts)
    )


def begin_growing_study(
    store: RunStore,
    template: RunConfig,
    strategies: Sequence[Strategy],
    dataset: Dataset,
    limits: GrowthLimits,
) -> Study:
    """Create a study with the seeds of the first look, and the record by which launchers add further ones.

    Raises the errors of `plan_study`, and `ValueError` for fewer than two strategies.
    """
    seeds = limits.looks[0]
    Growth("", tuple(strategies), template, SplitBasis(""), seeds, limits)  # refuses bad values early
    planned = plan_study(template, strategies, dataset, range(template.seed, template.seed + seeds))
    study = store.create_study(planned, most_runs=MAX_SEEDS * len(strategies))
    trained = tuple(dict.fromkeys(config.strategy for config, _ in planned))
    growth = Growth(study.id, trained, planned[0][0], split_basis(dataset), seeds, limits)
    GrowthStore(store).add(growth)
    return study


def plan_next_seeds(store: RunStore, growth: Growth) -> list[tuple[RunConfig, str]]:
    """Return the runs until the next look, split exactly as if they had been planned at the beginning.

    The images come from a manifest of the study and are not read again, except files that have changed since.
    Raises `DataError` if an image has changed or is missing, `NoSuchRun` if the study has no runs any more.
    """
    manifest = Manifest.from_csv(store.manifest(store.study(growth.study).runs[0].id))
    return plan_runs(growth.template, growth.in_race, dataset_of(manifest, growth.basis), growth.next_seeds)


def split_basis(dataset: Dataset) -> SplitBasis:
    """Return what a split of these images needs besides a manifest."""
    groups = {image.hash: image.duplicate_group for image in dataset.images if image.duplicate_group != image.hash}
    return SplitBasis(
        str(dataset.root),
        dataset.scanned,
        tuple(sorted({image.split for image in dataset.images} - {""})),
        tuple(sorted(groups.items())),
    )


def dataset_of(manifest: Manifest, basis: SplitBasis) -> Dataset:
    """Return the images of a manifest with all that a split depends on; their sizes in pixels are unknown."""
    duplicate_groups = dict(basis.duplicate_groups)
    images = (
        ImageFile(
            item.path,
            item.hash,
            item.label,
            width=0,
            height=0,
            split=_predefined_split(item, basis.predefined),
            duplicate_group=duplicate_groups.get(item.hash, item.hash),
            scale=item.scale or "",
            group=item.group,
        )
        for item in manifest.items
    )
    return Dataset(Path(basis.root), tuple(images), (), scanned=basis.scanned)


def _predefined_split(item: ManifestRow, predefined: Sequence[str]) -> str:
    """The part that the folders determine; images of parts that they do not determine were drawn from train."""
    if not predefined:
        return ""
    return item.split if item.split in predefined else "train"
