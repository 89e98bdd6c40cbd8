"""The scan of a data set: its layout, the images found, and the problems reported."""

import os
import shutil
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest
from painted import encoded
from PIL import Image

from core.data.datasets.dataset import DataError, Dataset, Problem
from core.data.datasets.folder_layout import data_folder, find_root
from core.data.datasets.scan import scan

pytestmark = pytest.mark.faults


def paint(path: Path, number: int, size: tuple[int, int] = (12, 8)) -> None:
    """Write a different noise image for each number."""
    noise = np.random.default_rng(number).integers(0, 256, (size[1], size[0], 3), np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(encoded(Image.fromarray(noise), "PNG"))


def fill(folder: Path, numbers: Iterable[int]) -> None:
    for number in numbers:
        paint(folder / f"{number}.png", number)


def problems(dataset: Dataset) -> list[tuple[str, str]]:
    return [(problem.location, problem.consequence) for problem in dataset.problems]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A data set of two classes with four images each."""
    fill(tmp_path / "set" / "glass", range(4))
    fill(tmp_path / "set" / "paper", range(10, 14))
    return tmp_path / "set"


def test_a_valid_data_set_has_no_problems(root):
    paint(root / "glass" / "large.png", 99, (300, 200))
    dataset = scan(root)
    assert dataset.counts == {"glass": 5, "paper": 4} and dataset.classes == ("glass", "paper")
    assert dataset.problems == dataset.exact_duplicates == () and dataset.median_size == (12, 8)
    assert {image.split for image in dataset.images} == {""}
    assert (dataset.images[4].path, dataset.images[4].width) == ("glass/large.png", 300)
    dataset.check()


def test_empty_class(root):
    (root / "cork").mkdir()
    dataset = scan(root)
    assert dataset.problems == (Problem("cork", "no usable image", "class left out"),)
    assert dataset.classes == ("glass", "paper")


@pytest.mark.parametrize("content", [b"", b"not an image", b"<html>", b"\xff\xd8\xff\xe0"])
def test_unreadable_files_are_reported(root, content):
    (root / "glass" / "bad.jpg").write_bytes(content)
    dataset = scan(root)
    assert problems(dataset) == [("glass/bad.jpg", "left out")] and dataset.problems[0].reason
    assert dataset.counts == {"glass": 4, "paper": 4}


def test_a_damaged_image_with_a_valid_header_is_reported(root):
    path = root / "paper" / "10.png"
    path.write_bytes(path.read_bytes()[:-40])
    dataset = scan(root)
    assert problems(dataset) == [("paper/10.png", "left out")] and dataset.counts["paper"] == 3


def test_a_data_set_without_readable_images(tmp_path):
    for name in ("a/1.jpg", "b/2.jpg"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_bytes(b"no")
    dataset = scan(tmp_path)
    assert dataset.images == () and dataset.classes == ()
    assert [location for location, _ in problems(dataset)] == ["a", "a/1.jpg", "b", "b/2.jpg"]
    with pytest.raises(DataError, match=r"at least 2 class folders .*received 0"):
        dataset.check()


def test_empty_folder(tmp_path):
    assert scan(tmp_path) == Dataset(tmp_path, (), ())


def test_one_class(tmp_path):
    fill(tmp_path / "glass", range(4))
    with pytest.raises(DataError, match=r"at least 2 class folders .*received 1\. Put each class"):
        scan(tmp_path).check()


@pytest.mark.parametrize("copies", [0, 3])
def test_too_few_different_images(root, copies):
    fill(root / "cork", [50])
    for number in range(copies):
        shutil.copy(root / "cork" / "50.png", root / "cork" / f"copy {number}.png")
    with pytest.raises(DataError, match=r"at least 3 different images in every class; received cork: 1\."):
        scan(root).check()


def test_all_names_are_supported(tmp_path):
    for number, name in enumerate(["old paper", "Größe é ü", "玻璃", "<img onerror>", 'a,b"c\nd\re', "x" * 200]):
        fill(tmp_path / name, range(number * 10, number * 10 + 3))
        (tmp_path / name / f"{number * 10}.png").rename(tmp_path / name / 'name 📷, "1"\n.png')
    dataset = scan(tmp_path)
    dataset.check()
    assert len(dataset.classes) == 6 and len(dataset.images) == 18 and not dataset.problems
    assert all((tmp_path / image.path).is_file() for image in dataset.images)


@pytest.mark.skipif(sys.platform != "linux", reason="file names are text elsewhere")
def test_names_that_are_not_valid_text_are_reported(root):
    for name in (b"gl\xff", b"glass/\xfe.png", b"n\xf6.png"):
        path = Path(os.fsdecode(os.fsencode(root) + b"/" + name))
        paint(path, 70) if name.endswith(b".png") else fill(path, range(80, 83))
    dataset = scan(root)
    assert [location for location, _ in problems(dataset)] == [
        "gl?",
        "gl?/80.png",
        "gl?/81.png",
        "gl?/82.png",
        "glass/?.png",
        "n?.png",
    ]
    assert dataset.counts == {"glass": 4, "paper": 4}


def test_folders_inside_a_class_belong_to_it(root):
    fill(root / "glass" / "green" / "2024", [30, 31])
    dataset = scan(root)
    assert dataset.counts == {"glass": 6, "paper": 4}
    assert "glass/green/2024/30.png" in {image.path for image in dataset.images}


def test_only_images_outside_class_folders_are_reported(root):
    paint(root / "loose.png", 40)
    paint(root / "without extension", 41)
    (root / "README.txt").write_text("Photos of waste.")
    (root / "labels.csv").touch()
    (root / "broken.png").write_bytes(b"\x89PNG")
    dataset = scan(root)
    assert problems(dataset) == [("loose.png", "left out"), ("without extension", "left out")]
    assert len(dataset.images) == 8


def test_hidden_files_and_system_files_are_ignored(root):
    for name in (".DS_Store", "Thumbs.db", "glass/.hidden.png", "glass/desktop.ini", ".git/a.png", "__MACOSX/a/b.png"):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    assert scan(root).problems == () and scan(root).classes == ("glass", "paper")


def test_wrapping_folders_are_skipped(root, tmp_path):
    outer = tmp_path / "outer"
    shutil.move(root, outer / "middle" / "set")
    (outer / "README.txt").touch()
    assert find_root(outer) == outer / "middle" / "set"
    assert scan(outer).root == outer / "middle" / "set" and scan(outer).classes == ("glass", "paper")


def test_exact_duplicates_are_grouped(root):
    shutil.copy(root / "glass" / "1.png", root / "glass" / "copy.png")
    dataset = scan(root)
    assert [[image.path for image in group] for group in dataset.exact_duplicates] == [
        ["glass/1.png", "glass/copy.png"]
    ]
    assert not dataset.problems and dataset.counts["glass"] == 5


def test_images_in_two_classes_are_left_out_of_both(root):
    shutil.copy(root / "glass" / "1.png", root / "paper" / "copy.png")
    dataset = scan(root)
    assert problems(dataset) == [("glass/1.png", "left out"), ("paper/copy.png", "left out")]
    assert {problem.reason for problem in dataset.problems} == {"the same image is in glass, paper"}
    assert dataset.counts == {"glass": 3, "paper": 4}


@pytest.mark.parametrize(
    ("train", "validation", "test"),
    [("train", "val", "test"), ("Training", "valid", "Testing"), ("train", "validation", "TEST")],
)
def test_predefined_splits(tmp_path, train, validation, test):
    for number, name in enumerate([train, validation, test]):
        fill(tmp_path / name / "glass", range(number * 10, number * 10 + 3))
        fill(tmp_path / name / "paper", range(number * 10 + 5, number * 10 + 8))
    for name in (validation, test):
        shutil.copy(tmp_path / train / "glass" / "0.png", tmp_path / name / "glass" / "leak.png")
    paint(tmp_path / train / "loose.png", 90)
    paint(tmp_path / "other" / "more" / "x.png", 91)
    dataset = scan(tmp_path)
    assert problems(dataset) == sorted(
        [
            ("other", "left out"),
            (f"{train}/glass/0.png", "left out of train"),
            (f"{train}/loose.png", "left out"),
            (f"{validation}/glass/leak.png", "left out of validation"),
        ]
    )
    assert dataset.counts == {"glass": 9, "paper": 9}
    splits = [image.split for image in dataset.images]
    assert [splits.count(split) for split in ("train", "validation", "test")] == [5, 6, 7]


def test_a_class_may_be_called_train(tmp_path):
    fill(tmp_path / "train", range(3))
    fill(tmp_path / "bus", range(10, 13))
    assert scan(tmp_path).classes == ("bus", "train") and not scan(tmp_path).problems


def test_progress_is_reported(root):
    reported = []
    fill(root / "glass", range(100, 293))
    scan(root, lambda done, total: reported.append((done, total)))
    assert reported == [(100, 201), (200, 201), (201, 201)]


@pytest.mark.parametrize("data", ["gone", "a\0b", "x" * 300, "~nobody-of-this-name/photos"])
def test_a_data_path_that_is_no_folder(data):
    with pytest.raises(DataError, match=r"Expected a folder of class folders; received .*, which is no folder"):
        data_folder(data)


def test_the_home_folder_is_expanded(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert data_folder("~") == tmp_path


def test_a_class_that_is_absent_from_a_predefined_test_split_is_reported(root):
    for first, folder in ((0, "train/glass"), (10, "train/paper"), (20, "test/glass")):
        fill(root / folder, range(first, first + 4))
    assert ("paper", "no image in test", "the class is not measured there") in [
        (problem.location, problem.reason, problem.consequence) for problem in scan(root).problems
    ]
