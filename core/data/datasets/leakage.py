"""Data leakage: test images whose exact or near-duplicates are used for training or for choosing the best epoch."""

from collections.abc import Set

from core.data.datasets.dataset import Dataset
from core.data.datasets.split import Manifest


def leaked_images(dataset: Dataset, manifest: Manifest) -> Set[str]:
    """Return the paths of test images with an exact or near-duplicate in the training or validation split."""
    groups = dataset.duplicate_groups
    used_in_training = {groups.get(item.hash, item.hash) for item in manifest.items if item.split != "test"}
    return {item.path for item in manifest.in_split("test") if groups.get(item.hash, item.hash) in used_in_training}
