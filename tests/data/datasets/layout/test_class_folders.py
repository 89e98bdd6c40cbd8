"""Which folders are classes and which are a split: names that people use, folders of folders, generated trees."""

import tempfile
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted import encoded
from PIL import Image

from core.data.datasets.dataset import DataError
from core.data.datasets.folder_layout import find_root, misplaced
from core.data.datasets.layout.class_folders import LayoutQuestion, read_layout
from core.data.datasets.layout.folder_tree import Folder
from core.data.datasets.layout.split_names import split_groups, split_name
from core.data.datasets.scan import scan

pytestmark = pytest.mark.faults

PICTURE = encoded(Image.new("RGB", (4, 4), "red"), "PNG")


def build(root: Path, folders: Iterable[str], images: int = 1) -> Path:
    """Create these folders below `root` with some images in each."""
    for folder in folders:
        (root / folder).mkdir(parents=True, exist_ok=True)
        for number in range(images):
            (root / folder / f"{number}.png").write_bytes(PICTURE)
    return root


def read(root: Path, layout: str = "auto") -> Counter[tuple[str, str]]:
    """(label, split) of the class folders that contain files, with the number of files."""
    found = read_layout(Folder(find_root(root)), layout)
    return Counter((item.label, item.split) for item in found.class_folders for _ in item.folder.files_below())


def splits_of(found: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    """The splits of each label."""
    result: dict[str, set[str]] = {}
    for label, split in found:
        result.setdefault(label, set()).add(split)
    return result


USED_NAMES = [
    ("train", "val", "test"),
    ("seg_train", None, "seg_test"),
    ("train_set", None, "test_set"),
    ("train", "validate", None),
    ("train", "dev", None),
    ("Training Set", "Validation Set", None),
    ("TrainingSet", "ValidationSet", "TestSet"),
    ("train2017", "val2017", "test2017"),
    ("01-train", "02-valid", "03-test"),
    ("train_images", None, "test_images"),
    ("traindata", "valdata", "testdata"),
    ("trainval", None, "test"),
    ("训练集", "验证集", "测试集"),
]


@pytest.mark.parametrize("names", USED_NAMES)
def test_split_folders_under_other_names(names, tmp_path):
    given_names = {name: split for name, split in zip(names, ("train", "validation", "test"), strict=True) if name}
    build(tmp_path, [f"{name}/{label}" for name in given_names for label in ("cat", "dog")])
    assert splits_of(read(tmp_path)) == {label: set(given_names.values()) for label in ("cat", "dog")}
    assert read(tmp_path) == read(tmp_path, "split")
    assert set(splits_of(read(tmp_path, "classes"))) == set(given_names)


def test_a_split_folder_inside_one_of_the_same_name_is_skipped(tmp_path):
    build(tmp_path, [f"seg_{part}/seg_{part}/{label}" for part in ("train", "test") for label in ("forest", "sea")])
    build(tmp_path, ["seg_pred/seg_pred"], images=5)
    assert set(read(tmp_path)) == {
        ("forest", "train"),
        ("sea", "train"),
        ("forest", "test"),
        ("sea", "test"),
    }
    assert [problem.location for problem in scan(tmp_path).problems if "seg_pred" in problem.location] == ["seg_pred"]


def test_a_split_beside_another_folder_is_found(tmp_path):
    build(tmp_path, [f"dataset/{part}/{label}" for part in ("train", "val") for label in ("cat", "dog")])
    build(tmp_path, ["figures"])
    assert splits_of(read(tmp_path)) == {"cat": {"train", "validation"}, "dog": {"train", "validation"}}
    build(tmp_path, ["test/cat", "test/dog"])
    assert splits_of(read(tmp_path)) == {label: {"train", "validation", "test"} for label in ("cat", "dog")}


@pytest.mark.parametrize("names", [("bullet train", "crash test"), ("train", "bus"), ("dev", "test"), ("a", "b")])
def test_classes_may_have_such_names(names, tmp_path):
    build(tmp_path, names)
    assert set(read(tmp_path)) == {(name, "") for name in names}


QUESTIONS = {
    "same sub-folders": (["site a/cat", "site a/dog", "site b/cat", "site b/dog"], "same names", {"cat", "dog"}),
    "folders, not images": (["animals/cat", "animals/dog", "plants/oak"], "instead of images", {"cat", "dog", "oak"}),
    "one of them": (["animals/cat", "oak"], "animals", {"cat", "oak"}),
    "in a split": (
        [f"{part}/{kind}" for part in ("train", "test") for kind in ("animals/cat", "animals/dog", "plants/oak")],
        "instead of images",
        {"cat", "dog", "oak"},
    ),
    "classes before splits": (["cat/train", "cat/test", "dog/train", "dog/test"], "same names", {"train", "test"}),
    "a flat split": (["train", "test"], "test, train look like a split without class folders", {"train", "test"}),
    "two splits": (["a_train/cat", "a_test/cat", "b_train/cat", "b_test/cat"], "look like several splits", {"cat"}),
}


@pytest.mark.parametrize("case", QUESTIONS)
def test_an_ambiguous_folder_is_asked_about(case, tmp_path):
    folders, reason, nested = QUESTIONS[case]
    build(tmp_path, folders)
    with pytest.raises(LayoutQuestion, match=r"--layout in a terminal\): .*classes = ") as asked:
        scan(tmp_path)
    assert reason in str(asked.value) and "nested" in asked.value.choices
    assert set(splits_of(read(tmp_path, "nested"))) == nested
    outer = {folder.split("/")[0] for folder in folders}
    assert set(splits_of(read(tmp_path, "classes"))) == outer
    for layout in asked.value.choices:  # every choice that is offered can be read
        assert scan(tmp_path, layout=layout).root == tmp_path


def test_control_characters_in_names_are_escaped_in_the_question(tmp_path):
    build(tmp_path, ["ani\rmals/cat", "plants/\x1b[2Joak"])
    with pytest.raises(LayoutQuestion) as asked:
        scan(tmp_path)
    assert r"ani\rmals" in str(asked.value) and str(asked.value).isprintable()


def test_splits_inside_each_class_are_read_on_request(tmp_path):
    build(tmp_path, ["cat/train", "cat/test", "dog/train", "dog/test"])
    assert splits_of(read(tmp_path, "split")) == {"cat": {"train", "test"}, "dog": {"train", "test"}}


def test_nested_classes_keep_the_split(tmp_path):
    build(tmp_path, [f"{part}/{kind}" for part in ("train", "test") for kind in ("animals/cat", "plants/oak")])
    assert splits_of(read(tmp_path, "nested")) == {"cat": {"train", "test"}, "oak": {"train", "test"}}
    assert splits_of(read(tmp_path, "split")) == {"animals": {"train", "test"}, "plants": {"train", "test"}}


@pytest.mark.parametrize(
    "folders",
    [
        ["glass", "glass/green", "glass/brown", "paper"],
        ["glass/images", "paper/images"],
        ["glass/raw", "paper/raw"],
        ["glass/glass", "paper/paper"],
    ],
)
def test_folders_that_add_nothing_are_not_asked_about(folders, tmp_path):
    build(tmp_path, folders)
    assert set(read(tmp_path)) == {("glass", ""), ("paper", "")}


def test_a_split_without_split_names_is_refused(tmp_path):
    build(tmp_path, ["part 1/cat", "part 2/cat"])
    with pytest.raises(DataError, match=r"named train, validation or test .* received part 1, part 2"):
        scan(tmp_path, layout="split")
    with pytest.raises(DataError, match="layout of auto, split, classes, nested; received 'flat'"):
        scan(tmp_path, layout="flat")


@pytest.mark.parametrize("outer", ["", "data/"])
@pytest.mark.parametrize("train", ["", "train/"])
def test_a_flat_test_folder_is_reported_in_one_line(outer, train, tmp_path):
    build(tmp_path, [f"{outer}{train}{label}" for label in ("cat", "dog")])
    build(tmp_path, [f"{outer}test"], images=5)
    build(tmp_path, [f"{outer}val/{label}" for label in ("cat", "dog")] if train else [])
    assert set(splits_of(read(tmp_path))) == {"cat", "dog"}
    (problem,) = [problem for problem in scan(tmp_path).problems if "class folder" in problem.reason]
    assert (problem.location, problem.reason, problem.consequence) == (
        "test",
        "5 images in no class folder",
        "left out",
    )
    assert ("test", "") in read(tmp_path, "classes")


def test_earlier_runs_are_skipped_in_one_line(tmp_path):
    build(tmp_path, ["cat", "dog", "runs/.active", "runs/20260101-000000-01-two-phase/export", "runs/second/export"])
    assert set(read(tmp_path)) == {("cat", ""), ("dog", "")}
    (problem,) = [problem for problem in scan(tmp_path).problems if "runs" in problem.location]
    assert (problem.location, problem.reason, problem.consequence) == ("runs", "earlier runs", "skipped")


def test_earlier_runs_beside_a_folder_that_wraps_the_classes(tmp_path):
    build(tmp_path, ["photos/cat", "photos/dog", "runs/.active", "runs/one"])
    assert scan(tmp_path).root == tmp_path / "photos"
    assert [problem.location for problem in scan(tmp_path).problems if problem.reason == "earlier runs"] == ["runs"]


LITTER = ["@eaDir", "$RECYCLE.BIN", "lost+found", ".@__thumb", "__MACOSX", "System Volume Information", ".git"]


def test_litter_is_no_class_and_no_problem(tmp_path):
    build(tmp_path, ["cat", "dog", *LITTER, *(f"cat/{name}" for name in LITTER)])
    for folder in (tmp_path, tmp_path / "dog"):
        for name in ("Thumbs.db", ".DS_Store", "desktop.ini", "Icon\r", "._0.png"):
            (folder / name).write_bytes(b"x")
    (tmp_path / "dog" / "0.png").write_bytes(encoded(Image.new("RGB", (4, 4), "blue"), "PNG"))
    assert read(tmp_path) == {("cat", ""): 1, ("dog", ""): 1}
    assert scan(tmp_path).problems == ()


@pytest.mark.parametrize(
    "names", [("Glass", "glass", "glass "), ("cafe\u0301", "caf\u00e9"), ("old_paper", "Old paper"), ("ＡＢ", "ab")]
)
def test_names_that_mean_one_class_are_reported(names, tmp_path):
    build(tmp_path, [*names, "other"])
    (problem,) = [problem for problem in scan(tmp_path).problems if "probably one class" in problem.reason]
    assert problem.location.count(",") == len(names) - 1


# Generated trees

words = st.sampled_from(["cat", "dog", "fox", "oak", "elm", "glass", "paper", "Größe", "玻璃"])
prefixes = st.sampled_from(["", "seg_", "my ", "2024-"])
suffixes = st.sampled_from(["", " set", "_images", "Data"])
parts = st.sampled_from(
    [("train", "val", "test"), ("training", "validation", "testing"), ("Train", "Dev", "Test"), ("train", "valid", "")]
)


@given(parts, prefixes, suffixes)
def test_names_of_one_pattern_form_one_split(names, prefix, suffix):
    splits = {
        f"{prefix}{name}{suffix}": split
        for name, split in zip(names, ("train", "validation", "test"), strict=True)
        if name
    }
    assert split_groups([*splits, "figures", "README"]) == [splits]


@given(st.text())
def test_any_name_is_recognised_or_not(name):
    found = split_name(name)
    assert found is None or found.split in ("train", "validation", "test")


@settings(max_examples=60, deadline=None)
@given(parts, prefixes, suffixes, st.sets(words, min_size=2, max_size=4), st.sampled_from(["", "wrapper/", "a/b/"]))
def test_a_split_is_read_as_its_folders_say(names, prefix, suffix, labels, wrapper):
    with tempfile.TemporaryDirectory() as folder:
        expected = set()
        for name, split in zip(names, ("train", "validation", "test"), strict=True):
            if name:
                build(Path(folder), [f"{wrapper}{prefix}{name}{suffix}/{label}" for label in labels])
                expected |= {(label, split) for label in labels}
        assert set(read(Path(folder))) == expected


folders = st.lists(words | st.sampled_from(["train", "test", "images"]), min_size=1, max_size=4).map("/".join)


@settings(max_examples=200, deadline=None)
@given(st.sets(folders, max_size=8), st.sampled_from(["auto", "split", "classes", "nested"]))
def test_every_image_has_one_class_or_is_reported_or_the_user_is_asked(paths, layout):
    with tempfile.TemporaryDirectory() as name:
        top = Folder(find_root(build(Path(name), paths)))
        try:
            found = read_layout(top, layout)
        except DataError:
            return
        used = [path for item in found.class_folders for path in item.folder.files_below()]
        assert len(used) == len(set(used))
        reported = [top.path / problem.location for problem in misplaced(top.path, found)]
        for path in top.path.rglob("*.png"):
            assert (path in used) != any(path.is_relative_to(place) for place in reported), path


@settings(max_examples=100, deadline=None)
@given(st.sets(folders, min_size=1, max_size=8))
def test_a_split_folder_never_becomes_a_class_unasked(paths):
    """No class found without asking is named train and another test."""
    with tempfile.TemporaryDirectory() as name:
        try:
            found = read(build(Path(name), paths))
        except LayoutQuestion:
            return
        assert not {("train", ""), ("test", "")} <= set(found)
