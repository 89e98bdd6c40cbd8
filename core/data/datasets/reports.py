"""Reports on data sets: contents and split, computed once and cached until files are added or removed."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from core.data.datasets.dataset import DataError, Dataset, ImageFile
from core.data.datasets.decode import Progress
from core.data.datasets.folder_layout import data_folder, folder_stamp
from core.data.datasets.leakage import leaked_images
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split

_Stamp = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class Report:
    """A data set and its split. If it cannot be used for training, `error` says why and `manifest` is None."""

    dataset: Dataset
    manifest: Manifest | None
    error: str = ""

    def images_of(self, label: str, split: str | None = None) -> list[ImageFile]:
        """Return the images of a class, or only those in one split."""
        return [
            image
            for image in self.dataset.images
            if image.label == label and (split is None or self._split_by_path.get(image.path) == split)
        ]

    @cached_property
    def leak_count_if_ungrouped(self) -> int:
        """Number of test images that would leak (see `leaked_images`) if near-duplicates were not grouped."""
        return len(leaked_images(self.dataset, split(self.dataset, leak_free=False))) if self.manifest else 0

    @cached_property
    def _split_by_path(self) -> dict[str, str]:
        return {item.path: item.split for item in self.manifest.items} if self.manifest else {}


class ReportCache:
    """Reports on the `limit` most recently used data sets."""

    def __init__(self, limit: int = 8) -> None:
        self._limit = limit
        self._reports: OrderedDict[str, tuple[_Stamp, Report]] = OrderedDict()
        self._lock = Lock()

    def get(self, data: str, progress: Progress | None = None) -> Report:
        """Return the report on a run's `data`; scan again only if files were added or removed.

        Raises `DataError`, `OSError`.
        """
        folder = data_folder(data)
        stamp = folder_stamp(folder)
        with self._lock:
            cached_stamp, report = self._reports.get(data, (None, None))
        if report is None or cached_stamp != stamp:
            report = _report(scan(folder, progress))
        with self._lock:
            self._reports[data] = stamp, report
            self._reports.move_to_end(data)
            while len(self._reports) > self._limit:
                self._reports.popitem(last=False)
        return report

    def forget(self, data: str) -> None:
        """Scan a run's `data` again when it is next asked for: a file in it has changed in place."""
        with self._lock:
            self._reports.pop(data, None)


def _report(dataset: Dataset) -> Report:
    try:
        return Report(dataset, split(dataset))
    except DataError as error:
        return Report(dataset, None, str(error))
