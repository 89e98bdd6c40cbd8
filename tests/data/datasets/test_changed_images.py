"""Images that changed or disappeared after a run was set up are found without reading the others."""

import os
import shutil
import time
from pathlib import Path

import pytest

from core.data.datasets.changed_images import expect_unchanged
from core.data.datasets.dataset import DataError
from core.data.datasets.reports import ReportCache
from core.data.datasets.scan import scan
from core.data.datasets.split import ManifestRow, split
from core.data.study_plan import plan_study
from core.experiment.named_strategies import TWO_PHASE
from core.experiment.run_config import RunConfig

pytestmark = pytest.mark.faults
LATER = 3.0
"""Seconds by which the files are older than the manifest: more than the precision of any file system."""


@pytest.fixture
def images(tiny_folder, tmp_path) -> tuple[Path, tuple[ManifestRow, ...]]:
    """A copy of the images that is older than its manifest."""
    root = shutil.copytree(tiny_folder, tmp_path / "set")
    return root, split(scan(root)).items


def changed(root: Path, items: tuple[ManifestRow, ...], since: float) -> str:
    try:
        expect_unchanged(root, items, since)
    except DataError as error:
        return str(error)
    return ""


def test_unchanged_images_are_accepted_and_older_ones_not_read(images):
    root, items = images
    assert changed(root, items, time.time() - 60) == "", "their times are later, so their contents are compared"
    other = tuple(ManifestRow(item.path, "0" * 64, item.label, item.split) for item in items)
    assert "has another content (and 59 more)" in changed(root, other, time.time() - 60)
    assert changed(root, other, time.time() + LATER) == "", "their times are earlier, so they are not read"


@pytest.mark.parametrize("change", ["delete", "overwrite", "replace by an older file", "replace by a folder"])
def test_one_changed_image_is_named(images, tmp_path, change):
    root, items = images
    path, since = root / items[7].path, time.time()
    if change == "overwrite":
        path.write_bytes(b"another image")
    elif change == "replace by an older file":
        shutil.copy(root / items[0].path, tmp_path / "older")
        os.utime(tmp_path / "older", (1e9, 1e9))
        (tmp_path / "older").replace(path)
    else:
        path.unlink()
        if change == "replace by a folder":
            path.mkdir()
    reason = {"delete": "is missing", "replace by a folder": "cannot be read (Is a directory)"}
    assert changed(root, items, since) == (
        "Expected the images as they were when they were read; received "
        f"{path}, which {reason.get(change, 'has another content')}."
    )


def test_a_file_that_was_only_touched_is_accepted(images):
    root, items = images
    since = time.time()
    (root / items[0].path).touch()
    assert changed(root, items, since) == ""


def test_no_study_is_planned_with_an_image_that_changed_after_the_scan(images):
    root, _ = images
    reports = ReportCache()
    report = reports.get(str(root))
    path = root / report.manifest.items[7].path
    path.write_bytes((root / report.manifest.items[8].path).read_bytes())
    stale = reports.get(str(root)).dataset
    with pytest.raises(DataError, match=f"received {path}, which has another content. Start again"):
        plan_study(RunConfig(data=str(root)), [TWO_PHASE], stale)
    reports.forget(str(root))
    fresh = reports.get(str(root)).dataset
    assert plan_study(RunConfig(data=str(root)), [TWO_PHASE], fresh)
