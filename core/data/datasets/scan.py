"""Scan a data set before training: read every file, find duplicates and report problems."""

import hashlib
import time
from collections import defaultdict
from collections.abc import Generator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np

from core.data.datasets.dataset import Dataset, ImageFile, Problem, strictest_splits
from core.data.datasets.folder_layout import (
    ListedFile,
    find_root,
    list_files,
    misplaced,
    path_text,
    relative_names,
    valid_text,
)
from core.data.datasets.images.decode import THREADS, Progress, UnreadableImage, decode
from core.data.datasets.images.scales import assign_scales
from core.data.datasets.layout.alike import alike_classes
from core.data.datasets.layout.class_folders import read_layout
from core.data.datasets.layout.folder_tree import Folder
from core.data.datasets.layout.left_out import read_left_out
from core.data.datasets.near_duplicates import (
    MATCHING_SIDE,
    NearDuplicates,
    group_near_duplicates,
    matching_image,
    signature,
)
from core.data.datasets.scan_cache.file_content import FileContent, Refusal, read_content
from core.data.datasets.scan_cache.file_stamp import FileStamp
from core.data.datasets.scan_cache.scan_cache import ScanCache


def scan(folder: Path, progress: Progress | None = None, layout: str = "auto") -> Dataset:
    """Read the files below `folder` and report. Calls `progress` with (files read, all files).

    Only files that are new or changed since an earlier scan, of any process, are read (see `ScanCache`).

    A class is a folder directly below `folder`, or below its train/, val(idation)/ and test/ folders. A single folder
    that wraps all of them is skipped. Folders inside a class folder belong to that class. Another `layout` (one of
    `LAYOUTS`) can be chosen. Raises `LayoutQuestion` if the folders can be read in several ways, and `DataError`.
    """
    root, began = find_root(folder), time.time()
    folders = read_layout(Folder(root), layout)
    with ScanCache(root) as cache:
        read, greys, unreadable = _read_files(root, list_files(folders), cache, progress)
        unambiguous, contradictions = _drop_contradictions(read)
        separate, repeated, leaks = _drop_leaks(unambiguous)
        grouped, other_pairs = _assign_duplicate_groups(root, separate, greys, cache)
    images, scale_problems = assign_scales(grouped)
    problems = read_left_out(folder) + misplaced(folder, folders) + unreadable + contradictions + leaks
    problems += _empty_classes(folders.labels, images) + alike_classes(folders.labels) + _absent_classes(images)
    problems += scale_problems
    problems.sort(key=lambda problem: problem.location)
    return Dataset(root, tuple(images), tuple(problems), other_pairs, began, tuple(repeated))


def _read_files(
    root: Path, files: list[ListedFile], cache: ScanCache, progress: Progress | None
) -> tuple[list[ImageFile], dict[str, bytes], list[Problem]]:
    """Return the images, their `grey_square`s by hash, and the files that are left out."""
    images: list[ImageFile] = []
    greys: dict[str, bytes] = {}
    problems: list[Problem] = []
    names = relative_names(files, root)
    for file, name, content in zip(files, names, _contents(files, names, cache, progress), strict=True):
        if isinstance(content, Refusal):
            problems.append(Problem(valid_text(name), content.reason, "left out"))
            continue
        greys[content.hash] = content.grey
        size = content.width, content.height
        images.append(ImageFile(name, content.hash, file.label, *size, file.split, levels=content.levels))
    return images, greys, problems


def _contents(
    files: list[ListedFile], names: list[str], cache: ScanCache, progress: Progress | None
) -> list[FileContent]:
    """Return the content of each file. Those that the cache does not know are read, in parallel."""
    found = [_without_reading(file.path, name, cache) for file, name in zip(files, names, strict=True)]
    unknown = [file.path for file, content in zip(files, found, strict=True) if content is None]
    with ThreadPoolExecutor(THREADS) as pool:
        mapped = pool.map(read_content, unknown)  # a generator, though typed as an iterator
        with closing(cast("Generator[tuple[FileContent, FileStamp | None], None, None]", mapped)) as read:
            for number, name in enumerate(names):
                if found[number] is None:
                    found[number] = _remember(cache, name, *next(read))
                if progress and ((number + 1) % 100 == 0 or number + 1 == len(files)):
                    progress(number + 1, len(files))
    return cast("list[FileContent]", found)


def _without_reading(path: Path, name: str, cache: ScanCache) -> FileContent | None:
    return cache.find(name, path) if valid_text(name) == name else Refusal("its name is not valid text")


def _remember(cache: ScanCache, name: str, content: FileContent, stamp: FileStamp | None) -> FileContent:
    if stamp:
        cache.add(name, stamp, content)
    return content


def _drop_contradictions(images: list[ImageFile]) -> tuple[list[ImageFile], list[Problem]]:
    """Leave out images that are in several classes: their true label is unknown."""
    labels: dict[str, set[str]] = defaultdict(set)
    for image in images:
        labels[image.hash].add(image.label)
    unambiguous = [image for image in images if len(labels[image.hash]) == 1]
    problems = [
        Problem(image.path, f"the same image is in {', '.join(sorted(labels[image.hash]))}", "left out")
        for image in images
        if len(labels[image.hash]) > 1
    ]
    return unambiguous, problems


def _drop_leaks(images: list[ImageFile]) -> tuple[list[ImageFile], list[ImageFile], list[Problem]]:
    """Leave out images of predefined splits that are also in a stricter split: test, then validation.

    Returns the remaining images, those left out, and a problem for each of the latter.
    """
    strictest = strictest_splits(images, key=lambda image: image.hash)
    remaining = [image for image in images if image.split == strictest[image.hash]]
    repeated = [image for image in images if image.split != strictest[image.hash]]
    problems = [
        Problem(image.path, f"the same image is in {strictest[image.hash]}", f"left out of {image.split}")
        for image in repeated
    ]
    return remaining, repeated, problems


def _assign_duplicate_groups(
    root: Path, images: list[ImageFile], greys: dict[str, bytes], cache: ScanCache
) -> tuple[list[ImageFile], tuple[tuple[str, str], ...]]:
    """Find the near-duplicates within each class; set each `duplicate_group`, and return the pairs in no group."""
    paths: dict[str, dict[str, str]] = defaultdict(dict)
    for image in images:
        paths[image.label][image.hash] = image.path
    found = [_near_duplicates(root, class_paths, greys, cache) for class_paths in paths.values()]
    groups = {name: first for near in found for name, first in near.groups.items()}
    grouped = [
        replace(image, duplicate_group=groups[image.hash]) if image.hash in groups else image for image in images
    ]
    return grouped, tuple(pair for near in found for pair in near.other_pairs)


def _near_duplicates(root: Path, paths: dict[str, str], greys: dict[str, bytes], cache: ScanCache) -> NearDuplicates:
    """Find the near-duplicates of one class, or take them from the cache. `paths` and `greys` are by hash.

    They follow from the contents alone, except where a file is no longer as it was when it was read.
    """
    if known := cache.find_near_duplicates(paths):
        return known
    has_changed = False

    def load(name: str) -> np.ndarray:
        nonlocal has_changed
        try:
            content = (root / paths[name]).read_bytes()
            if hashlib.sha256(content).hexdigest() == name:
                return matching_image(decode(content, min_size=MATCHING_SIDE))
        except (UnreadableImage, OSError):
            pass
        has_changed = True
        return np.zeros((MATCHING_SIDE, MATCHING_SIDE, 3), np.float32)  # matches nothing

    found = group_near_duplicates({name: signature(greys[name]) for name in paths}, load)
    if not has_changed:
        cache.add_near_duplicates(paths, found)
    return found


def _empty_classes(names: set[str], images: list[ImageFile]) -> list[Problem]:
    """Report class folders without any usable image."""
    return [
        Problem(path_text(Path(name)), "no usable image", "class left out")
        for name in sorted(names - {image.label for image in images})
    ]


def _absent_classes(images: list[ImageFile]) -> list[Problem]:
    """Report classes that are absent from a predefined validation or test split."""
    present = {(image.split, image.label) for image in images}
    splits, labels = {split for split, _ in present}, {label for _, label in present}
    return [
        Problem(label, f"no image in {split}", "the class is not measured there")
        for split in ("validation", "test")
        if split in splits
        for label in sorted(labels)
        if (split, label) not in present
    ]
