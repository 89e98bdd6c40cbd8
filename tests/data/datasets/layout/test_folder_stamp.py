"""The stamp of a folder changes if files or folders are added or removed on any level, and only then."""

import os
from pathlib import Path

import pytest

from core.data.datasets.layout.folder_stamp import folder_stamp

LEVELS = ["set", "set/train", "set/train/animals", "set/train/animals/cat", "set/train/animals/cat/2024"]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / LEVELS[-1]).mkdir(parents=True)
    return settle(tmp_path)


def settle(root: Path) -> Path:
    """Let all folders be as if they had last changed long ago."""
    for folder, _, _ in os.walk(root, followlinks=True):
        os.utime(folder, (1e9, 1e9))
    return root


@pytest.mark.parametrize("level", LEVELS)
def test_files_and_folders_are_noticed_on_every_level(root, level):
    before = folder_stamp(root)
    assert folder_stamp(root) == before
    (root / level / "new.png").touch()
    with_file = folder_stamp(root)
    (root / level / "new folder").mkdir()
    with_folder = folder_stamp(root)
    (root / level / "new folder" / "0.png").touch()
    with_both = folder_stamp(root)
    assert len({before, with_file, with_folder, with_both}) == 4
    (root / level / "new.png").unlink()
    (root / level / "new folder" / "0.png").unlink()
    (root / level / "new folder").rmdir()
    assert folder_stamp(settle(root)) == before


def test_folders_that_are_added_in_quick_succession_are_all_noticed(tmp_path):
    for number in range(200):
        (tmp_path / f"{number}").mkdir()
        folder_stamp(tmp_path)
        settle(tmp_path / f"{number}")
        before = folder_stamp(tmp_path)
        (tmp_path / f"{number}" / "0.png").touch()
        assert folder_stamp(tmp_path) != before


def test_linked_class_folders_are_followed_and_loops_end(root, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (root / "set" / "train" / "dog").symlink_to(elsewhere)
    (root / "set" / "train" / "loop").symlink_to(root)
    before = folder_stamp(settle(root))
    (elsewhere / "0.png").touch()
    assert folder_stamp(root) != before


def test_hidden_folders_and_earlier_runs_do_not_count(root):
    for name in (".cache", "runs/.active", "runs/first/export"):
        (root / "set" / name).mkdir(parents=True)
    before = folder_stamp(settle(root))
    for name in (".cache", "runs", "runs/first"):
        (root / "set" / name / "new.png").touch()
    assert folder_stamp(root) == before
