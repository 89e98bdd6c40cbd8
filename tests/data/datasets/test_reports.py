"""Reports on data sets: made once, made again when files came or went."""

import shutil
from itertools import chain

import pytest

from core.data.datasets import reports
from core.data.datasets.reports import ReportCache
from core.data.datasets.scan import DataError, scan


@pytest.fixture
def scans(monkeypatch) -> list[str]:
    """The names of the folders that were scanned."""
    names = []

    def counted(folder, progress=None):
        names.append(folder.name)
        return scan(folder, progress)

    monkeypatch.setattr(reports, "scan", counted)
    return names


@pytest.fixture
def folder(tiny_folder, tmp_path):
    """A copy that may be changed, of two classes."""
    for name in ("glass", "paper"):
        shutil.copytree(tiny_folder / name, tmp_path / "set" / name)
    return tmp_path / "set"


def test_a_folder_is_scanned_once_until_a_file_comes_or_goes(folder, scans):
    kept = ReportCache()
    first = kept.of(str(folder))
    assert kept.of(str(folder)) is first and scans == ["set"] and len(first.dataset.pictures) == 12
    (folder / "glass" / "glass-000.jpg").unlink()
    assert len(kept.of(str(folder)).dataset.pictures) == 11 and scans == ["set", "set"]


def test_only_the_last_few_are_kept(folder, tmp_path, scans):
    kept = ReportCache(limit=2)
    for name in ("b", "c"):
        shutil.copytree(folder, tmp_path / name)
    for name in ("set", "b", "set", "c", "set", "b"):
        kept.of(str(tmp_path / name))
    assert scans == ["set", "b", "c", "b"]


def test_pictures_are_found_by_class_and_part(folder):
    report = ReportCache().of(str(folder))
    parts = [report.pictures("glass", split) for split in ("train", "validation", "test")]
    assert [len(part) for part in parts] == [4, 1, 1]
    assert sorted(chain(*parts), key=lambda picture: picture.path) == report.pictures("glass")
    assert report.pictures("no such class") == []


def test_what_cannot_be_divided_is_reported_with_the_reason(folder):
    shutil.rmtree(folder / "paper")
    report = ReportCache().of(str(folder))
    assert report.manifest is None and "Expected at least 2 class folders" in report.refusal
    assert len(report.pictures("glass")) == 6 and report.pictures("glass", "train") == []


def test_a_folder_that_is_gone_is_an_error(folder):
    kept = ReportCache()
    kept.of(str(folder))
    shutil.rmtree(folder)
    with pytest.raises(DataError, match="which is no folder"):
        kept.of(str(folder))
