"""Reports on data sets: contents and split, computed once and cached until files are added or removed."""

from collections import OrderedDict
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from threading import Lock
from typing import Final, TypeVar

from core.data.datasets.dataset import SPLITS, Dataset, ImageFile
from core.data.datasets.folder_layout import data_folder
from core.data.datasets.folds import split_in_turn, why_not_in_turn
from core.data.datasets.groups import with_groups
from core.data.datasets.images.decode import Progress
from core.data.datasets.layout.folder_stamp import FolderStamp, folder_stamp
from core.data.datasets.layout.split_names import split_name
from core.data.datasets.leakage import leaked_images, split_warnings
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.experiment.group_pattern import is_csv
from core.experiment.run_config import IN_TURN
from core.experiment.runs.index import FileStamp, file_stamp

SETTINGS_PER_SCAN: Final = 4
"""Reports kept for each data set: one for each of its most recently used settings of the split."""

_Settings = tuple[bool, str, FileStamp | None]
_Key = TypeVar("_Key")
_Value = TypeVar("_Value")


@dataclass(frozen=True)
class Report:
    """A data set and its split. If it cannot be used for training, `error` is the reason and `manifest` is None."""

    dataset: Dataset
    manifest: Manifest | None
    error: str = ""
    leak_free: bool = True

    def images_of(self, label: str, split: str | None = None) -> list[ImageFile]:
        """Return the images of a class, or only those in one split."""
        return [
            image
            for image in self.dataset.images
            if image.label == label and (split is None or self._split_by_path.get(image.path) == split)
        ]

    @cached_property
    def leak_count_if_divided(self) -> int:
        """Number of test images that would leak (see `leaked_images`) if near-duplicates were divided."""
        return len(leaked_images(self.dataset, split(self.dataset, leak_free=False))) if self.manifest else 0

    @cached_property
    def warnings(self) -> list[str]:
        """What the split means for the test (see `split_warnings`)."""
        return split_warnings(self.dataset, self.manifest, self.leak_free) if self.manifest else []

    @cached_property
    def why_not_in_turn(self) -> str:
        """Say in a clause why the images cannot be tested in turn; "" if they can."""
        return why_not_in_turn(self.dataset, leak_free=self.leak_free)

    def manifest_of(self, test_parts: str) -> Manifest | None:
        """Return the manifest of the first seed, with test parts in turn if they are wanted and possible."""
        is_in_turn = test_parts == IN_TURN and self.manifest and not self.why_not_in_turn
        return self._manifest_in_turn if is_in_turn else self.manifest

    @cached_property
    def _manifest_in_turn(self) -> Manifest:
        return split_in_turn(self.dataset, leak_free=self.leak_free)

    @cached_property
    def _split_by_path(self) -> dict[str, str]:
        return {item.path: item.split for item in self.manifest.items} if self.manifest else {}


@dataclass(frozen=True)
class _Scan:
    """A data set as scanned at one time, and the reports on it by the settings of the split."""

    stamp: FolderStamp
    dataset: Dataset
    reports: OrderedDict[_Settings, Report] = field(default_factory=OrderedDict)


class ReportCache:
    """Reports on the `limit` most recently used data sets, each with its `SETTINGS_PER_SCAN` most recent settings.

    Browser sessions share it. Two that use different settings on the same images each find their own report.
    """

    def __init__(self, limit: int = 8) -> None:
        self._limit = limit
        self._scans: OrderedDict[tuple[str, str], _Scan] = OrderedDict()
        self._lock = Lock()

    def get(
        self,
        data: str,
        progress: Progress | None = None,
        leak_free: bool = True,
        groups: str = "",
        layout: str = "auto",
    ) -> Report:
        """Return the report on a run's `data`; scan again only if files were added or removed.

        `leak_free`, `groups` and `layout` are settings of the split (see `RunConfig`). Raises `LayoutQuestion`,
        `DataError`, `OSError`.
        """
        folder = data_folder(data)
        stamp, settings, key = folder_stamp(folder), (leak_free, groups, _csv_stamp(groups)), (data, layout)
        with self._lock:
            found = self._scans.get(key)
            report = found.reports.get(settings) if found else None
        if found is None or found.stamp != stamp:
            found, report = _Scan(stamp, scan(folder, progress, layout)), None
        report = report or _report(found.dataset, leak_free, groups)
        with self._lock:
            _remember(self._scans, key, found, self._limit)
            _remember(found.reports, settings, report, SETTINGS_PER_SCAN)
        return report

    def forget(self, data: str) -> None:
        """Scan a run's `data` again when it is next asked for: a file in it has changed in place."""
        with self._lock:
            for key in [key for key in self._scans if key[0] == data]:
                del self._scans[key]


def _remember(cache: OrderedDict[_Key, _Value], key: _Key, value: _Value, limit: int) -> None:
    """Store a value as the most recently used, and drop the least recently used beyond the limit."""
    cache[key] = value
    cache.move_to_end(key)
    while len(cache) > limit:
        cache.popitem(last=False)


def split_origin(dataset: Dataset) -> str:
    """Name in a sentence the parts that the user's folders determine, and those that are drawn from train."""
    first = {image.split: image for image in reversed(dataset.images) if image.split}
    folders = {split: _split_folder(image) for split, image in first.items()}
    if not folders:
        return "Split by file content: the same way every time."
    given = " and ".join(", ".join(folders[split] for split in SPLITS if split in folders).rsplit(", ", 1))
    missing = " and ".join(split for split in SPLITS[1:] if split not in folders)
    drawn = f" There is no {missing} folder with classes: {missing} images are drawn from {folders.get('train')}."
    return f"Split as in the folders {given}.{drawn if missing else ''}"


def _split_folder(image: ImageFile) -> str:
    """Name of the folder that determines the split of an image."""
    parts = PurePosixPath(image.path).parts[:-1]
    return next((part for part in parts if (name := split_name(part)) and name.split == image.split), image.split)


def _report(dataset: Dataset, leak_free: bool, groups: str) -> Report:
    try:
        dataset = with_groups(dataset, groups)
        return Report(dataset, split(dataset, leak_free=leak_free), leak_free=leak_free)
    except ValueError as error:
        return Report(dataset, None, str(error), leak_free)


def _csv_stamp(groups: str) -> FileStamp | None:
    """Stamp of the CSV file of groups; None if there is no such file."""
    try:
        return file_stamp(Path(groups)) if is_csv(groups) else None
    except OSError:
        return None
