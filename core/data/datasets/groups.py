"""Groups: images that belong together, such as those of one recording, object or burst, stay in one part of the split.

The user defines them with a pattern of file names or a CSV file. A group may contain images of several classes.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.data.datasets.dataset import DataError, Dataset, ImageFile
from core.data.datasets.group_csv import normalised, read_group_csv
from core.experiment.group_pattern import check_groups, group_name, is_csv

_LEAST_SHARE = 0.075
"""Share of a class that validation needs at least, and test too: half of their usual share, which is 15% each."""


def absolute_groups(groups: str) -> str:
    """Return the absolute path of a CSV file, with links resolved, or a pattern unchanged.

    A CSV file is read, so that a bad one is refused before anything else happens. Raises `ValueError` for a bad pattern
    or CSV file.
    """
    check_groups(groups)
    if not is_csv(groups):
        return groups
    path = str(Path(groups).expanduser().resolve())
    read_group_csv(path)
    return path


def group_summary(dataset: Dataset) -> str:
    """Describe the groups, e.g. `12 groups of 20 to 60 images, 3 images in no group`; "" if there are none."""
    sizes = Counter(image.group for image in dataset.images)
    alone = sizes.pop("", 0)
    if not sizes:
        return ""
    least, most = min(sizes.values()), max(sizes.values())
    images = f"{least:,} to {most:,} images" if least < most else "1 image" if most == 1 else f"{most:,} images"
    noun = "group" if len(sizes) == 1 else "groups"
    rest = f", {alone:,} {'image' if alone == 1 else 'images'} in no group" if alone else ""
    return f"{len(sizes):,} {noun} of {images}{rest}"


def with_groups(dataset: Dataset, groups: str) -> Dataset:
    """Set the group of each image from a CSV file or by a pattern (see `RunConfig.groups`); "" removes all groups.

    A pattern is searched in the path below the class folder. The paths in a CSV file are absolute or relative to the
    data set. Raises `ValueError` for a bad pattern or CSV file, and if no image is in a group.
    """
    check_groups(groups)
    if not groups and not any(image.group for image in dataset.images):
        return dataset
    names = _group_names(dataset, groups)
    if groups and names and not any(names):
        raise _fits_none(dataset, groups)
    images = (replace(image, group=name) for image, name in zip(dataset.images, names, strict=True))
    return replace(dataset, images=tuple(images))


def _group_names(dataset: Dataset, groups: str) -> list[str]:
    """The name of the group of each image; "" for images in no group."""
    if not groups:
        return [""] * len(dataset.images)
    if is_csv(groups):
        return _csv_groups(dataset, read_group_csv(groups))
    return [group_name(groups, _path_in_class(image)) for image in dataset.images]


def _csv_groups(dataset: Dataset, group_of: Mapping[str, str]) -> list[str]:
    """The groups of the images in a CSV file, whose paths are absolute, or begin in the data set or with its name."""
    folders = ("", f"{dataset.root.as_posix()}/", f"{dataset.root.name}/")
    paths = ([normalised(folder + image.path) for folder in folders] for image in dataset.images)
    return [next((group_of[path] for path in names if path in group_of), "") for names in paths]


def _fits_none(dataset: Dataset, groups: str) -> DataError:
    kind = "CSV file whose paths fit" if is_csv(groups) else "pattern of file names that fits"
    example = dataset.images[0].path if is_csv(groups) else _path_in_class(dataset.images[0])
    return DataError(
        f"Expected a {kind} at least one image; received '{groups}', which fits none of {len(dataset.images):,}, "
        f"such as {example}. Correct it, or leave it out."
    )


def _path_in_class(image: ImageFile) -> str:
    """Path below the class folder, in NFC, so that a group has one name in all classes and split folders.

    The file name alone if no folder of the path has the name of the class.
    """
    *folders, name = PurePosixPath(image.path).parts
    first = 1 if image.split else 0  # the folder of the split may have the name of a class
    if image.label not in folders[first:]:
        return normalised(name)
    return normalised("/".join([*folders[folders.index(image.label, first) + 1 :], name]))


def units(images: Sequence[ImageFile], parts: int, leak_free: bool) -> list[str]:
    """Return the unit of each image, by name. All images of a unit are in the same part of the split.

    A unit contains exact duplicates and the images of one group. If `leak_free`, it contains near-duplicates too; but
    not in a class that near-duplicates would leave with too few units for `parts` parts (see `indivisible_classes`).
    """
    if not leak_free:
        return _connect(images, [image.hash for image in images])
    whole = indivisible_classes(images, parts)
    return _connect(images, [image.hash if image.label in whole else image.duplicate_group for image in images])


def indivisible_classes(images: Sequence[ImageFile], parts: int, leak_free: bool = True) -> set[str]:
    """Return the classes whose units are too few or too large to be divided into `parts` parts.

    If `leak_free`, near-duplicates are in one unit.
    """
    names = _connect(images, [image.duplicate_group if leak_free else image.hash for image in images])
    contents: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for image, name in zip(images, names, strict=True):
        contents[image.label].add((name, image.hash))
    sizes = {label: Counter(name for name, _ in different) for label, different in contents.items()}
    return {label for label, by_unit in sizes.items() if _are_too_few(by_unit.values(), parts)}


def _are_too_few(sizes: Collection[int], parts: int) -> bool:
    """Whether a part of the split gets less than `_LEAST_SHARE` of a class whose units have these sizes.

    The largest unit is for training; each of the others goes to the smaller of validation and test. With one part,
    which is all for training, units are never too few.
    """
    filled = [0] * (parts - 1)
    for size in sorted(sizes, reverse=True)[1:]:
        if filled:
            filled[filled.index(min(filled))] += size
    return any(images < max(1, _LEAST_SHARE * sum(sizes)) for images in filled)


def _connect(images: Sequence[ImageFile], keys: Sequence[str]) -> list[str]:
    """Put images with the same key or the same group into one unit, which has the name of its smallest key."""
    number = {key: index for index, key in enumerate(sorted(set(keys)))}
    groups = {group: len(number) + index for index, group in enumerate(sorted({i.group for i in images} - {""}))}
    links = [(number[key], groups[image.group]) for image, key in zip(images, keys, strict=True) if image.group]
    if not links:
        return list(keys)
    size = len(number) + len(groups)
    graph = coo_array((np.ones(len(links)), np.transpose(links)), shape=(size, size))
    component = connected_components(graph, directed=False)[1]
    name_of: dict[int, str] = {}
    for key, index in number.items():
        name_of.setdefault(component[index], key)
    return [name_of[component[number[key]]] for key in keys]
