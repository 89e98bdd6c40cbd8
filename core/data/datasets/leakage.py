"""Data leakage: test images whose duplicates, or other images of their group, are used for training or validation."""

from collections.abc import Callable, Set

from core.data.datasets.dataset import Dataset
from core.data.datasets.groups import small_classes
from core.data.datasets.split import Manifest, ManifestRow, divided_images

_GIVE_GROUPS = "Give groups (--groups in the terminal) to keep images together that belong together."
_UNTICK = "To divide near-duplicates in all classes, untick Group near-duplicates (--allow-near-duplicates)."


def leaked_images(dataset: Dataset, manifest: Manifest) -> Set[str]:
    """Return the paths of test images with an exact or near-duplicate, or a member of their group, in another split."""
    return _by_duplicates(dataset, manifest) | _by_groups(dataset, manifest)


def split_warnings(dataset: Dataset, manifest: Manifest, leak_free: bool = True) -> list[str]:
    """Say in sentences what the split means for the test: leaked test images, and classes that it does not measure."""
    return [
        *(_undivided_classes(dataset) if leak_free else []),
        *_leaks(dataset, manifest),
        *_absent_classes(dataset, manifest),
    ]


def _by_duplicates(dataset: Dataset, manifest: Manifest) -> Set[str]:
    groups = dataset.duplicate_groups
    used_in_training = {item.hash for item in manifest.items if item.split != "test"}
    pairs = {*dataset.other_near_duplicates, *((second, first) for first, second in dataset.other_near_duplicates)}
    similar = {first for first, second in pairs if second in used_in_training}
    return _in_other_splits(manifest, lambda item: groups.get(item.hash, item.hash)) | {
        item.path for item in manifest.in_split("test") if item.hash in similar
    }


def _by_groups(dataset: Dataset, manifest: Manifest) -> Set[str]:
    """Groups of the manifest count, and for images that have none there, those of the data set."""
    groups = {image.path: image.group for image in dataset.images}
    return _in_other_splits(manifest, lambda item: item.group or groups.get(item.path, ""))


def _in_other_splits(manifest: Manifest, key: Callable[[ManifestRow], str]) -> Set[str]:
    """Return the paths of test images whose key an image of another split has; "" is no key."""
    used_in_training = {key(item) for item in manifest.items if item.split != "test"} - {""}
    return {item.path for item in manifest.in_split("test") if key(item) in used_in_training}


def _undivided_classes(dataset: Dataset) -> list[str]:
    """Report the classes in which near-duplicates could not stay together."""
    images, into = divided_images(dataset)
    by_group = small_classes(images, len(into), leak_free=False)
    small = {label: number for label, number in small_classes(images, len(into)).items() if label not in by_group}
    return [
        f"{label}: its {dataset.counts[label]:,} images form {number} {'group' if number == 1 else 'groups'} of "
        f"near-duplicates, too few or too large for {len(into)} parts, so they are divided image by image. "
        f"{_GIVE_GROUPS} {_UNTICK}"
        for label, number in sorted(small.items())
    ]


def _leaks(dataset: Dataset, manifest: Manifest) -> list[str]:
    tests = len(manifest.in_split("test"))
    reason, advice = "", f" {_GIVE_GROUPS}"
    if dataset.has_split_folders:
        reason, advice = "your folders are used as they are, and ", ""
    return [
        f"{len(paths):,} of {tests:,} test images ({len(paths) / tests:.1%}) {relation} images for training or "
        f"validation: {reason}the test accuracy may be higher than on new images.{advice}"
        for paths, relation in (
            (_by_duplicates(dataset, manifest), "are near-duplicates of"),
            (_by_groups(dataset, manifest), "are in the same group as"),
        )
        if paths
    ]


def _absent_classes(dataset: Dataset, manifest: Manifest) -> list[str]:
    """Report classes that are absent from a part because of their groups."""
    images, into = divided_images(dataset)
    present = {(item.split, item.label) for item in manifest.items}
    grouped = {image.label for image in images if image.group}
    return [
        f"{label} has no {name} images, because its images form too few groups"
        f"{': the test does not measure it' if name == 'test' else ''}. Give smaller groups, or add images."
        for label in sorted(grouped)
        for name in into
        if (name, label) not in present
    ]
