"""Open the inputs of a run: manifest, images, feature cache and network. Training, range test and export share this."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.changed_images import expect_unchanged
from core.data.datasets.folder_layout import images_root
from core.data.datasets.split import Manifest
from core.experiment.run_config import RunConfig
from core.learning.inputs.training_data import TrainingData, load_data
from core.learning.network.run_network import RunNetwork


class RunInputs(NamedTuple):
    """The untrained network of a run, its images, and its access to the feature cache."""

    network: RunNetwork
    data: TrainingData
    run_cache: RunCache


def read_manifest(run: Path) -> Manifest:
    """Read the manifest in a run's folder. Raises `OSError`, `DataError`."""
    return Manifest.from_csv((run / "manifest.csv").read_bytes().decode())


def expect_images(config: RunConfig, manifest: Manifest, run: Path) -> None:
    """Raise `DataError` if an image is missing or has changed since the run's manifest was written."""
    root = images_root(config.data, (item.path for item in manifest.items))
    expect_unchanged(root, manifest.items, (run / "manifest.csv").stat().st_mtime)


def open_inputs(
    config: RunConfig,
    manifest: Manifest,
    warn: Callable[[str], None] = lambda text: None,
    before_build: Callable[[], None] = lambda: None,
    head_only: bool | None = None,
) -> RunInputs:
    """Open the network of a run, then its images.

    `warn` receives a sentence if the feature cache cannot be written; for `before_build` and `head_only` see
    `RunNetwork`. Raises `UnknownBase`, `WeightsError`, `DataError`.
    """
    network = RunNetwork(config, len(manifest.classes), before_build=before_build, head_only=head_only)
    return RunInputs(network, *open_images(config, manifest, config.image_size, warn))


def open_images(
    config: RunConfig, manifest: Manifest, image_size: int, warn: Callable[[str], None] = lambda text: None
) -> tuple[TrainingData, RunCache]:
    """Open the images of a run, cached if the run reuses computed features. Raises `DataError`."""
    run_cache = RunCache(FeatureCache() if config.reuse else None, len(manifest.items), warn)
    root = images_root(config.data, (item.path for item in manifest.items))
    return load_data(manifest, root, image_size, run_cache), run_cache
