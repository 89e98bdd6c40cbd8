"""Groups: images that belong together, such as those of one recording, object or burst, stay in one part of the split.

The user names them by a pattern of file names or by a CSV file. A group may contain images of several classes.
"""

import csv
import io
from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

import numpy as np
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from core.data.datasets.dataset import DataError, Dataset, ImageFile
from core.experiment.group_pattern import check_groups, group_name, is_csv

_LEAST_SHARE = 0.075  # of a class, in validation and in test: half of their usual share


def absolute_groups(groups: str) -> str:
    """Return the path of a CSV file as absolute, and a pattern unchanged; read the file once, to refuse it early.

    Raises `ValueError` for a bad pattern or CSV file.
    """
    check_groups(groups)
    if not is_csv(groups):
        return groups
    path = str(Path(groups).expanduser().resolve())
    read_csv(path)
    return path


def group_summary(dataset: Dataset) -> str:
    """Describe the user's groups, e.g. `12 groups of 20 to 60 images, 3 in none`; "" if there are none."""
    sizes = Counter(image.group for image in dataset.images)
    alone = sizes.pop("", 0)
    if not sizes:
        return ""
    least, most = min(sizes.values()), max(sizes.values())
    images = f"{most:,} images" if least == most else f"{least:,} to {most:,} images"
    noun, rest = "group" if len(sizes) == 1 else "groups", f", {alone:,} in none" if alone else ""
    return f"{len(sizes):,} {noun} of {images}{rest}"


def with_groups(dataset: Dataset, groups: str) -> Dataset:
    """Assign each image to its group: by a CSV file or a pattern (see `RunConfig.groups`), or to none if it is "".

    A pattern is searched in the path below the class folder. The paths in a CSV file are absolute or relative to the
    data set. Raises `ValueError` for a bad pattern or CSV file, and if no image is in a group.
    """
    check_groups(groups)
    if not groups and not any(image.group for image in dataset.images):
        return dataset
    name_of = (
        _csv_lookup(dataset, groups) if is_csv(groups) else lambda image: group_name(groups, _path_in_class(image))
    )
    images = tuple(replace(image, group=name_of(image) if groups else "") for image in dataset.images)
    if groups and images and not any(image.group for image in images):
        kind = "paths in" if is_csv(groups) else "a pattern that matches"
        raise DataError(
            f"Expected {kind} groups to fit the images; received {groups!r}, which fits none of {len(images):,}, "
            f"such as {images[0].path if is_csv(groups) else _path_in_class(images[0])}. Correct it, or leave it out."
        )
    return replace(dataset, images=images)


def read_csv(path: str) -> dict[str, str]:
    """Read the group of each path from a CSV file with the columns path and group. Raises `DataError`."""
    try:
        text = Path(path).read_bytes().decode("utf-8-sig")
        delimiter = next((character for character in ",;\t" if character in text.partition("\n")[0]), ",")
        return _read_rows(path, csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter))
    except OSError as error:
        reason = f"which cannot be read ({error.strerror})"
    except UnicodeDecodeError:
        reason = "which is not UTF-8"
    except csv.Error as error:
        reason = f"which is damaged ({error})"
    raise DataError(f"Expected a CSV file of groups as UTF-8; received {path}, {reason}. Check the file.")


def _read_rows(path: str, rows: "csv.DictReader[str]") -> dict[str, str]:
    found: dict[str, str] = {}
    columns = {name.strip().lower(): name for name in rows.fieldnames or ()}
    if not {"path", "group"} <= set(columns):
        raise DataError(
            f"Expected the columns path and group in {path}; received {', '.join(columns)[:80] or 'none'}. Rename them."
        )
    for row in rows:
        image, group = ((row[columns[name]] or "").strip() for name in ("path", "group"))
        image = image.replace("\\", "/").removeprefix("./")
        if image and found.setdefault(image, group) != group:
            raise DataError(
                f"Expected one group for each path in {path}; received {found[image][:40]} and {group[:40]} for "
                f"{image[:80]} in line {rows.line_num}. Correct one of them."
            )
    return found


def _csv_lookup(dataset: Dataset, path: str) -> Callable[[ImageFile], str]:
    """Return the function that finds the group of an image in a CSV file."""
    group_of = read_csv(path)
    root = dataset.root.as_posix()

    def lookup(image: ImageFile) -> str:
        names = image.path, f"{root}/{image.path}", f"{dataset.root.name}/{image.path}"
        return next((group_of[name] for name in names if name in group_of), "")

    return lookup


def _path_in_class(image: ImageFile) -> str:
    """Path below the class folder, so that a group is the same in all classes and split folders."""
    parts = PurePosixPath(image.path).parts
    start = (
        parts.index(image.label, 1 if image.split else 0) + 1 if image.label in parts[bool(image.split) : -1] else -1
    )
    return "/".join(parts[start:])


def units(images: Sequence[ImageFile], parts: int, leak_free: bool) -> list[str]:
    """Return for each image the name of its unit; the images of a unit stay in one part of the split.

    A unit contains equal images and those of one group; if `leak_free`, near-duplicates too, except in a class that
    would then have too few units for `parts` parts (see `small_classes`).
    """
    if not leak_free:
        return _connect(images, [image.hash for image in images])
    ungrouped = small_classes(images, parts)
    return _connect(images, [image.hash if image.label in ungrouped else image.duplicate_group for image in images])


def small_classes(images: Sequence[ImageFile], parts: int, leak_free: bool = True) -> dict[str, int]:
    """Classes whose units are too few or too large for the parts, and how many units they have.

    If `leak_free`, near-duplicates of a class are one unit.
    """
    names = _connect(images, [image.duplicate_group if leak_free else image.hash for image in images])
    contents: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for image, name in zip(images, names, strict=True):
        contents[image.label].add((name, image.hash))
    sizes = {label: Counter(name for name, _ in different) for label, different in contents.items()}
    return {label: len(units) for label, units in sizes.items() if _are_too_few(units.values(), parts)}


def _are_too_few(sizes: Collection[int], parts: int) -> bool:
    """Whether the units besides the largest one cannot give `_LEAST_SHARE` to each part besides training."""
    filled = [0] * (parts - 1)
    for size in sorted(sizes, reverse=True)[1:]:
        if filled:
            filled[filled.index(min(filled))] += size
    return any(images < max(1, _LEAST_SHARE * sum(sizes)) for images in filled)


def _connect(images: Sequence[ImageFile], keys: Sequence[str]) -> list[str]:
    """Join images that have the same key or the same group; a unit is named after the smallest of its keys."""
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
