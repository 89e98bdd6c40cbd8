"""Reports on data sets are computed once, and again if files were added or removed."""

import shutil
from itertools import chain

import pytest

from core.data.datasets import reports
from core.data.datasets.dataset import DataError
from core.data.datasets.layout.class_folders import LayoutQuestion
from core.data.datasets.reports import SETTINGS_PER_SCAN, ReportCache, split_origin
from core.data.datasets.scan import scan


@pytest.fixture
def scans(monkeypatch) -> list[str]:
    """Record the names of the folders that are scanned."""
    names = []

    def recording_scan(folder, *arguments):
        names.append(folder.name)
        return scan(folder, *arguments)

    monkeypatch.setattr(reports, "scan", recording_scan)
    return names


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy of two classes that tests may change."""
    for name in ("glass", "paper"):
        shutil.copytree(tiny_folder / name, tmp_path / "set" / name)
    return tmp_path / "set"


def test_a_folder_is_scanned_again_only_if_a_file_was_added_or_removed(folder, scans):
    cache = ReportCache()
    first = cache.get(str(folder))
    assert cache.get(str(folder)) is first and scans == ["set"] and len(first.dataset.images) == 12
    (folder / "glass" / "glass-000.jpg").unlink()
    assert len(cache.get(str(folder)).dataset.images) == 11 and scans == ["set", "set"]


def test_the_number_of_cached_reports_is_bounded(folder, tmp_path, scans):
    cache = ReportCache(limit=2)
    for name in ("b", "c"):
        shutil.copytree(folder, tmp_path / name)
    for name in ("set", "b", "set", "c", "set", "b"):
        cache.get(str(tmp_path / name))
    assert scans == ["set", "b", "c", "b"]


def test_two_sessions_with_different_settings_keep_their_reports(folder, scans):
    cache = ReportCache()
    settings = [(True, ""), (False, ""), (True, r"-(\d)"), (False, r"-(\d)")]
    first = [cache.get(str(folder), None, *chosen) for chosen in settings]
    again = [cache.get(str(folder), None, *chosen) for chosen in settings]
    assert all(new is old for new, old in zip(again, first, strict=True)) and scans == ["set"]
    assert [report.leak_free for report in first] == [True, False, True, False]
    assert [bool(report.dataset.images[0].group) for report in first] == [False, False, True, True]


def test_the_number_of_settings_cached_for_each_data_set_is_bounded(folder, scans):
    cache = ReportCache()
    oldest, *_, newest = (cache.get(str(folder), groups=f"({n})") for n in range(SETTINGS_PER_SCAN + 1))
    assert cache.get(str(folder), groups=f"({SETTINGS_PER_SCAN})") is newest
    assert cache.get(str(folder), groups="(0)") is not oldest and scans == ["set"], "made anew from the same scan"


def test_images_are_found_by_class_and_split(folder):
    report = ReportCache().get(str(folder))
    splits = [report.images_of("glass", split) for split in ("train", "validation", "test")]
    assert [len(images) for images in splits] == [4, 1, 1]
    assert sorted(chain(*splits), key=lambda image: image.path) == report.images_of("glass")
    assert report.images_of("no such class") == []


def test_a_data_set_that_cannot_be_split_is_reported_with_the_reason(folder):
    shutil.rmtree(folder / "paper")
    report = ReportCache().get(str(folder))
    assert report.manifest is None and "Expected at least 2 class folders" in report.error
    assert len(report.images_of("glass")) == 6 and report.images_of("glass", "train") == []


def test_a_missing_folder_is_an_error(folder):
    cache = ReportCache()
    cache.get(str(folder))
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="which is no folder"):
        cache.get(str(folder))


@pytest.mark.faults
@pytest.mark.parametrize(
    ("folders", "sentence"),
    [
        ([""], "Split by file content: the same way every time."),
        (["train", "val", "test"], "Split as in the folders train, val and test."),
        (
            ["seg_train", "seg_test"],
            "Split as in the folders seg_train and seg_test. There is no validation folder with classes: validation "
            "images are drawn from seg_train.",
        ),
        (
            ["train", "dev"],
            "Split as in the folders train and dev. There is no test folder with classes: test images are drawn "
            "from train.",
        ),
    ],
)
def test_the_sentence_about_the_split_says_what_is_so(tiny_folder, tmp_path, folders, sentence):
    for number, (folder, label) in enumerate((f, label) for f in folders for label in ("glass", "paper")):
        shutil.copytree(tiny_folder / sorted(_labels(tiny_folder))[number], tmp_path / "set" / folder / label)
    report = ReportCache().get(str(tmp_path / "set"))
    assert split_origin(report.dataset) == sentence
    given = {image.path: image.split for image in report.dataset.images if image.split not in ("", "train")}
    assert given.items() <= {row.path: row.split for row in report.manifest.items}.items()


def test_each_layout_has_a_report_of_its_own(tiny_folder, tmp_path):
    for number, label in enumerate(sorted(_labels(tiny_folder))[:4]):
        shutil.copytree(tiny_folder / label, tmp_path / f"group {number % 2}" / label)
    cache = ReportCache()
    assert len(cache.get(str(tmp_path), layout="nested").dataset.classes) == 4
    assert len(cache.get(str(tmp_path), layout="classes").dataset.classes) == 2
    with pytest.raises(LayoutQuestion):
        cache.get(str(tmp_path))


def _labels(folder):
    return [path.name for path in folder.iterdir() if path.is_dir()]
