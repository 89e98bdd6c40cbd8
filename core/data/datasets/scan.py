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
from core.data.datasets.folder_layout import ListedFile, find_root, list_files, misplaced, path_text
from core.data.datasets.images.decode import THREADS, Progress, UnreadableImage, decode
from core.data.datasets.images.file_check import check_header, decode_checked
from core.data.datasets.images.scales import assign_scales
from core.data.datasets.layout.alike import alike_classes
from core.data.datasets.layout.class_folders import read_layout
from core.data.datasets.layout.folder_tree import Folder
from core.data.datasets.layout.left_out import read_left_out
from core.data.datasets.near_duplicates import MATCHING_SIDE, group_near_duplicates, matching_image, signature

_CHECK_SIZE = 32  # pixels: decoding this small reads all bytes of a file and is fast

_ReadResult = tuple[ImageFile, np.ndarray] | Problem


def scan(folder: Path, progress: Progress | None = None, layout: str = "auto") -> Dataset:
    """Read every file below `folder` once and report. Calls `progress` with (files read, all files).

    A class is a folder directly below `folder`, or below its train/, val(idation)/ and test/ folders. A single folder
    that wraps all of them is skipped. Folders inside a class folder belong to that class. Another `layout` (one of
    `LAYOUTS`) can be chosen. Raises `LayoutQuestion` if the folders can be read in several ways, and `DataError`.
    """
    root, began = find_root(folder), time.time()
    folders = read_layout(Folder(root), layout)
    read, signatures, unreadable = _read_files(root, list_files(folders), progress)
    unambiguous, contradictions = _drop_contradictions(read)
    separate, repeated, leaks = _drop_leaks(unambiguous)
    grouped, other_pairs = _assign_duplicate_groups(root, separate, signatures)
    images, scale_problems = assign_scales(grouped)
    problems = read_left_out(folder) + misplaced(folder, folders) + unreadable + contradictions + leaks
    problems += _empty_classes(folders.labels, images) + alike_classes(folders.labels) + _absent_classes(images)
    problems += scale_problems
    problems.sort(key=lambda problem: problem.location)
    return Dataset(root, tuple(images), tuple(problems), other_pairs, began, tuple(repeated))


def _read_files(
    root: Path, files: list[ListedFile], progress: Progress | None
) -> tuple[list[ImageFile], dict[str, np.ndarray], list[Problem]]:
    """Read the files in parallel; return the images, their signatures by hash, and the unreadable files."""
    images: list[ImageFile] = []
    signatures: dict[str, np.ndarray] = {}
    problems: list[Problem] = []
    with ThreadPoolExecutor(THREADS) as pool:
        mapped = pool.map(lambda file: _read_file(root, file), files)  # a generator, though typed as an iterator
        with closing(cast("Generator[_ReadResult, None, None]", mapped)) as results:
            for done, result in enumerate(results, start=1):
                if isinstance(result, Problem):
                    problems.append(result)
                else:
                    image, its_signature = result
                    images.append(image)
                    signatures[image.hash] = its_signature
                if progress and (done % 100 == 0 or done == len(files)):
                    progress(done, len(files))
    return images, signatures, problems


def _read_file(root: Path, file: ListedFile) -> _ReadResult:
    """Hash one file, decode it and compute its signature. The decoding is coarse but reads all of the file's bytes."""
    name = path_text(file.path.relative_to(root))
    if name != file.path.relative_to(root).as_posix():
        return Problem(name, "its name is not valid text", "left out")
    try:
        with file.path.open("rb") as stream:
            width, height = check_header(stream)
            stream.seek(0)
            content = stream.read()
        decoded, levels = decode_checked(content, _CHECK_SIZE)
    except (UnreadableImage, OSError) as error:
        return Problem(name, str(error), "left out")
    digest = hashlib.sha256(content).hexdigest()
    return ImageFile(name, digest, file.label, width, height, file.split, levels=levels), signature(decoded)


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
    root: Path, images: list[ImageFile], signatures: dict[str, np.ndarray]
) -> tuple[list[ImageFile], tuple[tuple[str, str], ...]]:
    """Find the near-duplicates within each class; set each `duplicate_group`, and return the pairs in no group."""
    path = {image.hash: root / image.path for image in images}
    by_label: dict[str, dict[str, np.ndarray]] = defaultdict(dict)
    for image in images:
        by_label[image.label][image.hash] = signatures[image.hash]

    def load(name: str) -> np.ndarray:
        try:
            return matching_image(decode(path[name], min_size=MATCHING_SIDE))
        except (UnreadableImage, OSError):  # removed or changed since it was read: zeros match nothing
            return np.zeros((MATCHING_SIDE, MATCHING_SIDE, 3), np.float32)

    found = [group_near_duplicates(class_signatures, load) for class_signatures in by_label.values()]
    groups = {name: first for near in found for name, first in near.groups.items()}
    grouped = [replace(image, duplicate_group=groups.get(image.hash, image.hash)) for image in images]
    return grouped, tuple(pair for near in found for pair in near.other_pairs)


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
