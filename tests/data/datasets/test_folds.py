"""Test parts in turn: over five seeds every image is tested once, and the same images stay together as in a split."""

from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.data.datasets.dataset import SPLITS, DataError, Dataset, ImageFile
from core.data.datasets.folds import FOLDS, NotInTurn, split_in_turn, split_with, why_not_in_turn
from core.data.datasets.groups import units
from core.data.datasets.leakage import leaked_images
from core.data.datasets.split import Manifest, split
from core.experiment.run_config import IN_TURN, RANDOM


def image(label: str, name: object, group: str = "", part: str = "", near: str = "") -> ImageFile:
    path = f"{part}/{label}/{name}.png"
    return ImageFile(path, f"hash of {path}", label, 8, 8, part, near, group=group)


def dataset(images: list[ImageFile]) -> Dataset:
    return Dataset(Path("/set"), tuple(images), ())


def plain(**sizes: int) -> Dataset:
    """As many different images of each class as given."""
    return dataset([image(label, number) for label, size in sizes.items() for number in range(size)])


def in_turn(data: Dataset, division: int = 0) -> list[Manifest]:
    """The manifests of the five seeds of a division."""
    return [split_in_turn(data, FOLDS * division + fold) for fold in range(FOLDS)]


def paths_tested(manifest: Manifest) -> frozenset[str]:
    return frozenset(item.path for item in manifest.in_split("test"))


class_sizes = st.dictionaries(st.sampled_from("abcd"), st.integers(3, 60), min_size=2, max_size=4)
divisions = st.integers(0, 400_000_000)
labels, groups = st.sampled_from("abc"), st.sampled_from(["", "", "", "g1", "g2", "g3", "g4", "g5", "g6"])
photos = st.lists(st.tuples(labels, groups, st.sampled_from(["", "", "n1", "n2"])), min_size=20, max_size=60)


@st.composite
def difficult_sets(draw: st.DrawFn) -> Dataset:
    """Images in groups of several classes, near-duplicates and exact duplicates."""
    images = [
        image(label, number, group, near=near and f"{label}{near}")
        for number, (label, group, near) in enumerate(draw(photos))
    ]
    copies = draw(st.lists(st.sampled_from(images), max_size=5, unique=True))
    return dataset(images + [replace(copy, path=f"copy of {copy.path}") for copy in copies])


@given(class_sizes, divisions)
def test_over_five_seeds_every_image_is_tested_once_in_equal_shares_of_each_class(sizes, division):
    data = plain(**sizes)
    manifests = in_turn(data, division)
    assert sorted(path for manifest in manifests for path in paths_tested(manifest)) == [
        i.path for i in manifests[0].items
    ]
    for manifest in manifests:
        counts = Counter((item.label, item.split) for item in manifest.items)
        assert all(manifest.counts().values()) and manifest.classes == data.classes
        for label, size in sizes.items():
            test = counts[label, "test"]
            assert test in (size // FOLDS, -(-size // FOLDS))
            assert counts[label, "train"] >= 1 and abs(counts[label, "validation"] - 0.15 * (size - test)) <= 1


@given(difficult_sets(), divisions)
def test_images_that_belong_together_are_in_one_part_and_every_class_is_trained(data, division):
    try:
        manifests = in_turn(data, division)
    except DataError:
        assume(False)
    names = dict(zip((item.path for item in data.images), units(data.images, 3, True), strict=True))
    tests = Counter(path for manifest in manifests for path in paths_tested(manifest))
    assert set(tests.values()) == {1}
    for manifest in manifests:
        parts = defaultdict(set)
        for item in manifest.items:
            parts[names[item.path]].add(item.split)
        assert all(len(found) == 1 for found in parts.values()) and len(manifest.items) == len(data.images)
        assert {item.label for item in manifest.in_split("train")} == set(data.classes)
        assert all(manifest.counts().values())
    whole = {n for n in names.values() for label in data.classes if is_whole_class(data, names, n, label)}
    assert set(names) - set(tests) == {path for path, name in names.items() if name in whole}


def is_whole_class(data: Dataset, names: dict[str, str], unit: str, label: str) -> bool:
    return {names[image.path] for image in data.images if image.label == label} == {unit}


@given(difficult_sets(), divisions, st.randoms())
def test_the_result_depends_only_on_contents_groups_and_the_seed(data, division, random):
    try:
        manifest = split_in_turn(data, FOLDS * division)
    except DataError:
        assume(False)
    images = list(data.images)
    random.shuffle(images)
    assert split_in_turn(Dataset(Path("/other"), tuple(images), ()), FOLDS * division) == manifest


def test_large_sets_are_divided_68_12_20_and_another_five_seeds_otherwise():
    data = plain(a=500, b=300, c=41)
    first, second = in_turn(data), in_turn(data, 1)
    for manifest in first + second:
        shares = {name: number / 841 for name, number in manifest.counts().items()}
        assert shares == pytest.approx({"train": 0.68, "validation": 0.12, "test": 0.20}, abs=0.005)
    assert len(set(map(paths_tested, first + second))) == 10


def test_many_small_classes_do_not_all_go_to_the_same_test_part():
    counts = [len(manifest.in_split("test")) for manifest in in_turn(plain(**{f"c{n}": 6 for n in range(30)}))]
    assert sum(counts) == 180 and max(counts) - min(counts) <= 4


def test_recordings_of_all_classes_are_tested_in_turn_and_divided_otherwise_by_other_seeds():
    sizes = [3, 4, 5, 6, 7, 4, 5, 6, 3, 7, 5, 4]
    data = dataset([image(label, f"{g}-{n}", f"r{g}") for label in "ab" for g, s in enumerate(sizes) for n in range(s)])
    assert len({frozenset(map(paths_tested, in_turn(data, division))) for division in range(5)}) > 1
    for manifest in in_turn(data):
        assert not leaked_images(data, manifest) and 16 <= len(manifest.in_split("test")) <= 32


def test_a_class_of_two_groups_is_tested_twice_and_one_of_a_single_group_never():
    common = [image(label, f"{g}-{n}", f"{label}{g}") for label in "ab" for g in range(6) for n in range(4)]
    data = dataset(common + [image("c", n, f"c{n % 2}") for n in range(8)] + [image("d", n, "d") for n in range(8)])
    tests = Counter(label for m in in_turn(data) for label in {item.label for item in m.in_split("test")})
    assert tests == {"a": 5, "b": 5, "c": 2}


def test_near_duplicates_of_a_class_that_they_would_leave_too_few_are_divided_as_in_a_random_split():
    near = [image("a", number, near="first" if number < 58 else "") for number in range(60)]
    data = dataset(near + [image("b", number) for number in range(60)])
    assert {m.counts()["test"] for m in in_turn(data)} == {24}


def test_folders_of_the_user_stay_as_they_are():
    train = [image(label, n, part="train") for label in "ab" for n in range(50)]
    validation = [image(label, n, part="validation") for label in "ab" for n in range(9)]
    manifests = in_turn(dataset(train + validation))
    for manifest in manifests:
        assert manifest.counts() == {"train": 80, "validation": 18, "test": 20}
        assert {i.path for i in manifest.in_split("validation")} == {i.path for i in validation}
    own_test = dataset([*train, image("a", 1, part="test"), image("b", 1, part="test")])
    with pytest.raises(NotInTurn, match="has a test folder of its own, which is used as it is"):
        split_in_turn(own_test)
    assert why_not_in_turn(own_test).startswith("the data set has a test folder")


def test_too_few_groups_are_refused_with_their_number():
    data = dataset([image(label, f"{g}-{n}", f"g{g}") for label in "ab" for g in range(4) for n in range(5)])
    with pytest.raises(
        DataError, match=r"^Expected images .* at least 5 images or groups.* there are 4\. Choose random"
    ):
        split_in_turn(data)
    assert "there are 4" in why_not_in_turn(data) and split(data)


def test_a_test_part_never_contains_a_whole_class():
    """Each class has one image in a group of its own, and two in a group that it shares."""
    shared = [image(label, f"shared-{n}", "shared") for label in "abcdef" for n in range(2)]
    data = dataset([*shared, *(image(label, "own", label) for label in "abcdef"), *(image("g", n) for n in range(9))])
    for division in range(20):
        for manifest in in_turn(data, division):
            assert {item.label for item in manifest.in_split("train")} == set("abcdefg")


def test_images_that_cannot_be_divided_at_all_are_refused_in_the_same_words():
    data = plain(a=2, b=9)
    with pytest.raises(DataError, match="Expected at least 3 different images"):
        split_in_turn(data)
    assert why_not_in_turn(data) == ""


def test_a_configuration_names_the_way():
    data = plain(a=20, b=20)
    assert split_with(RANDOM, data, 3) == split(data, 3)
    assert split_with(IN_TURN, data, 3) == split_in_turn(data, 3) != split(data, 3)
    assert set(split_in_turn(data).counts()) == set(SPLITS)
