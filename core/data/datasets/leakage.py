"""Data leakage: test images whose duplicates, or other images of their group, are used for training or validation."""

from collections import Counter
from collections.abc import Callable, Sequence, Set

from core.data.datasets.dataset import Dataset
from core.data.datasets.groups import indivisible_classes
from core.data.datasets.layout.shown_names import list_names
from core.data.datasets.split import Manifest, ManifestRow, divided_images
from core.experiment.run_config import IN_TURN, RANDOM

_GIVE_GROUPS = (
    "To keep the images of a recording, object or burst together, give Groups (Data page: Images that stay together; "
    "Train page: Advanced; terminal: --groups)."
)
_CHAIN = (
    "in a series that changes step by step, such as the frames of a video, only images that all resemble each other "
    "stay together, and "
)
_UNTICK = "To divide all classes image by image, untick Keep near-duplicates together (--allow-near-duplicates)."
_LEAST_TRAINING = 0.55
_NOUNS = {"train": "training", "validation": "validation"}


def leaked_images(dataset: Dataset, manifest: Manifest) -> Set[str]:
    """Return the paths of test images with an exact or near-duplicate, or a member of their group, in another split."""
    return _by_duplicates(dataset, manifest) | _by_groups(dataset, manifest)


def split_warnings(dataset: Dataset, manifest: Manifest, leak_free: bool = True, test_parts: str = RANDOM) -> list[str]:
    """Describe in sentences what limits the test: images left out, leaked test images, and classes without a test."""
    undivided = _undivided_classes(dataset) if leak_free else []
    return [
        *_left_out(dataset),
        *undivided,
        *_leaks(dataset, manifest, _CHAIN if leak_free and not undivided else ""),
        *_absent_classes(dataset, manifest, test_parts),
        *_few_training_images(dataset, manifest),
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
    """Compare by the groups in the manifest, and by those of the data set for images that have none in the manifest."""
    groups = {image.path: image.group for image in dataset.images}
    return _in_other_splits(manifest, lambda item: item.group or groups.get(item.path, ""))


def _in_other_splits(manifest: Manifest, key: Callable[[ManifestRow], str]) -> Set[str]:
    """Return the paths of test images whose key an image of another split has; "" is no key."""
    used_in_training = {key(item) for item in manifest.items if item.split != "test"} - {""}
    return {item.path for item in manifest.in_split("test") if key(item) in used_in_training}


def _left_out(dataset: Dataset) -> list[str]:
    """Report the number of images that are left out of the user's own split (see `Dataset.left_out_duplicates`)."""
    counts = Counter(image.split for image in dataset.left_out_duplicates)
    if not counts:
        return []
    numbers = [f"{counts[name]:,} {noun}" for name, noun in _NOUNS.items() if counts[name]]
    left_out, same = ("image is", "the same file is") if counts.total() == 1 else ("images are", "the same files are")
    return [
        f"{' and '.join(numbers)} {left_out} left out, because {same} also in validation or test: the accuracy on "
        "images that were used for training says nothing about new images."
    ]


def _undivided_classes(dataset: Dataset) -> list[str]:
    """Report the classes in which near-duplicates could not stay together, except those whose groups are the reason."""
    images, into = divided_images(dataset)
    small = indivisible_classes(images, len(into)) - indivisible_classes(images, len(into), leak_free=False)
    if not small:
        return []
    return [
        f"Near-duplicates in {list_names(small)} cannot stay together, because {' or '.join(into[1:])} would have too "
        f"few images: {'this class is' if len(small) == 1 else 'these classes are'} divided image by image. "
        f"{_GIVE_GROUPS} {_UNTICK}"
    ]


def _leaks(dataset: Dataset, manifest: Manifest, reason: str) -> list[str]:
    """Report the number of leaked test images; `reason` says why there are any if near-duplicates stay together."""
    tests, advice = len(manifest.in_split("test")), f" {_GIVE_GROUPS}"
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


def _absent_classes(dataset: Dataset, manifest: Manifest, test_parts: str) -> list[str]:
    """Report the classes that are absent from a part because of their groups, in one sentence for each part."""
    images, into = divided_images(dataset)
    present = {(item.split, item.label) for item in manifest.items}
    grouped = {image.label for image in images if image.group}
    absent = {name: [label for label in grouped if (name, label) not in present] for name in into}
    return [_absence(name, labels, test_parts) for name, labels in absent.items() if labels]


def _absence(part: str, labels: Sequence[str], test_parts: str) -> str:
    verb, whose, them = ("has", "its", "it") if len(labels) == 1 else ("have", "their", "them")
    which = "this seed's test" if test_parts == IN_TURN else "the test"
    consequence = f": {which} does not measure {them}" if part == "test" else ""
    return (
        f"{list_names(labels)} {verb} no {part} images, because {whose} images form too few groups{consequence}. "
        "Add images of other recordings, objects or bursts."
    )


def _few_training_images(dataset: Dataset, manifest: Manifest) -> list[str]:
    """Report that whole groups leave much less than the usual 70% for training."""
    total, train = len(manifest.items), len(manifest.in_split("train"))
    if dataset.has_split_folders or not any(item.group for item in manifest.items) or train >= _LEAST_TRAINING * total:
        return []
    return [
        f"Only {train:,} of {total:,} images ({train / total:.0%}) are for training instead of about 70%, because "
        "groups are not divided. More and smaller groups would make the parts more even."
    ]
