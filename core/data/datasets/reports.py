"""What is in data sets and how they divide, found out once and kept while their files stay as they are."""

from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from threading import Lock

from core.data.datasets.decode import Progress
from core.data.datasets.leakage import leaked_images
from core.data.datasets.scan import DataError, Dataset, ImageFile, data_folder, folder_stamp, scan
from core.data.datasets.split import Manifest, split


@dataclass(frozen=True)
class Report:
    """A data set and its division; where it cannot be trained on, `refusal` says why and `manifest` is None."""

    dataset: Dataset
    manifest: Manifest | None
    refusal: str = ""

    def pictures(self, label: str, split: str | None = None) -> list[ImageFile]:
        """The pictures of a class, or those of them in one split."""
        return [
            picture
            for picture in self.dataset.pictures
            if picture.label == label and (split is None or self._sides.get(picture.path) == split)
        ]

    @cached_property
    def leaks_without_grouping(self) -> int:
        """How many test pictures would have their like outside the test if near-duplicates were not looked for."""
        return len(leaked_images(self.dataset, split(self.dataset, leak_free=False))) if self.manifest else 0

    @cached_property
    def _sides(self) -> dict[str, str]:
        return {item.path: item.split for item in self.manifest.items} if self.manifest else {}


class ReportCache:
    """Reports on the `limit` data sets last asked for."""

    def __init__(self, limit: int = 8) -> None:
        self._limit = limit
        self._kept: OrderedDict[str, tuple[tuple, Report]] = OrderedDict()
        self._lock = Lock()

    def of(self, data: str, progress: Progress | None = None) -> Report:
        """The report on a run's `data`, read again only when files came or went. Raises `DataError`, `OSError`."""
        folder = data_folder(data)
        now = folder_stamp(folder)
        with self._lock:
            before, report = self._kept.get(data, (None, None))
        if report is None or before != now:
            report = _report(scan(folder, progress))
        with self._lock:
            self._kept[data] = now, report
            self._kept.move_to_end(data)
            while len(self._kept) > self._limit:
                self._kept.popitem(last=False)
        return report


def _report(dataset: Dataset) -> Report:
    try:
        return Report(dataset, split(dataset))
    except DataError as error:
        return Report(dataset, None, str(error))
