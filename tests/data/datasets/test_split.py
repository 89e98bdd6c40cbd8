"""Three disjoint sets, and the manifest that says which picture is in which."""

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.data.datasets.leakage import leaked_images
from core.data.datasets.scan import SPLITS, DataError, Dataset, ImageFile
from core.data.datasets.split import Manifest, ManifestRow, split
from core.data.study_plan import plan_study, quick_study, with_weights
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import FINE_TUNING, STRATEGIES, TWO_PHASE

Counts = dict[str, list[int]]


def dataset(counts: Counts, side: str = "") -> Dataset:
    """Each class as a list of how often each of its different pictures is there."""
    pictures = [
        ImageFile(f"{side}/{label}/{number}-{copy}.png", content(side, label, number), label, 8, 8, side)
        for label, copies in counts.items()
        for number, times in enumerate(copies)
        for copy in range(times)
    ]
    return Dataset(Path("/set"), tuple(pictures), ())


def content(*words: object) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()


def together(*parts: Dataset) -> Dataset:
    return Dataset(Path("/set"), tuple(picture for part in parts for picture in part.pictures), ())


def sides(manifest: Manifest) -> dict[str, str]:
    return {item.hash: item.split for item in manifest.items}


labels = st.text(min_size=1, max_size=5)
copies = st.lists(st.sampled_from([1, 1, 1, 2, 4]), min_size=3, max_size=40)
datasets = st.dictionaries(labels, copies, min_size=2, max_size=4).map(dataset)
seeds = st.integers(0, 2**31 - 1)


@given(datasets, seeds)
def test_every_picture_is_in_one_set(data, seed):
    manifest = split(data, seed)
    assert sorted((item.path, item.hash, item.label) for item in manifest.items) == sorted(
        (picture.path, picture.hash, picture.label) for picture in data.pictures
    )
    assert manifest.classes == data.classes
    assert sum(manifest.counts().values()) == len(manifest.items) == sum(len(manifest.of(side)) for side in SPLITS)


@given(datasets, seeds)
def test_equal_pictures_are_on_one_side(data, seed):
    found = defaultdict(set)
    for item in split(data, seed).items:
        found[item.hash].add(item.split)
    assert all(len(sides) == 1 for sides in found.values())


@given(datasets, seeds, st.randoms())
def test_near_duplicates_are_on_one_side_and_every_class_on_all_three(data, seed, random):
    photo = {}
    for picture in data.pictures:  # equal pictures are one photo; some others are too
        others = [other.photo for other in photo.values() if other.label == picture.label]
        of = random.choice(others) if others and random.random() < 0.4 else picture.hash
        photo.setdefault(picture.hash, replace(picture, photo=of))
    grouped = [replace(picture, photo=photo[picture.hash].photo) for picture in data.pictures]
    for label in data.classes:
        assume(len({picture.photo for picture in grouped if picture.label == label}) >= 3)
    found, side = split(Dataset(Path("/set"), tuple(grouped), ()), seed), defaultdict(set)
    for item in found.items:
        side[photo[item.hash].photo].add(item.split)
    assert all(len(sides) == 1 for sides in side.values())
    for label in data.classes:
        assert {item.split for item in found.items if item.label == label} == set(SPLITS)


@pytest.mark.parametrize("seed", range(12))
def test_one_large_photo_and_two_small_ones_are_on_three_sides_in_whatever_order_they_are_dealt(seed):
    data = dataset({"a": [1] * 10, "b": [1] * 10})
    large = data.pictures[0].hash
    grouped = [replace(p, photo=large) if p.label == "a" and n < 8 else p for n, p in enumerate(data.pictures)]
    found = split(Dataset(Path("/set"), tuple(grouped), ()), seed)
    assert {item.split for item in found.items if item.label == "a"} == set(SPLITS)


def test_a_careless_split_is_that_of_pictures_without_a_like():
    data = dataset({"a": [1] * 30, "b": [1] * 30})
    first = data.pictures[0].hash
    near = Dataset(
        data.root,
        tuple(replace(p, photo=first) if p.label == "a" and i < 12 else p for i, p in enumerate(data.pictures)),
        (),
    )
    assert split(near, 4, leak_free=False) == split(data, 4) != split(near, 4)
    assert not leaked_images(near, split(near, 4)) and leaked_images(near, split(data, 4))


@given(datasets, seeds)
def test_classes_are_divided_70_15_15(data, seed):
    different = {(item.label, item.hash, item.split) for item in split(data, seed).items}
    for label in data.classes:
        counts = Counter(side for name, _, side in different if name == label)
        size = counts.total()
        assert all(counts[side] >= 1 for side in SPLITS)
        assert counts["test"] == counts["validation"] and abs(counts["test"] - 0.15 * size) <= 0.55
        assert math.isclose(counts["train"], 0.7 * size, abs_tol=1.1)


@given(datasets, seeds, st.randoms())
def test_names_and_order_change_nothing(data, seed, random):
    renamed = [replace(picture, path=content(picture.path)) for picture in data.pictures]
    random.shuffle(renamed)
    again = split(Dataset(Path("/elsewhere"), tuple(renamed), ()), seed)
    assert sides(again) == sides(split(data, seed))


def test_same_seed_same_split_and_another_seed_another():
    data = dataset({"a": [1] * 20, "b": [1] * 20})
    assert split(data, 3) == split(data, 3)
    assert len({tuple(sorted(sides(split(data, seed)).items())) for seed in range(10)}) == 10


@given(datasets, labels, st.lists(st.just(1), min_size=1, max_size=2))
def test_a_class_that_is_too_small_is_refused(data, label, few):
    small = [picture for picture in data.pictures if picture.label != label]
    with pytest.raises(DataError, match="Expected at least"):
        split(together(Dataset(Path("/set"), tuple(small), ()), dataset({label: few}, "")))


@given(st.data(), seeds)
def test_own_splits_are_kept(data, seed):
    own = [dataset({"a": data.draw(copies), "b": data.draw(copies)}, side) for side in SPLITS]
    manifest = split(together(*own), seed)
    assert sides(manifest) == {p.hash: p.split for part in own for p in part.pictures}


@pytest.mark.parametrize("given_side", ["validation", "test"])
@given(data=st.data(), seed=seeds)
def test_a_missing_own_split_is_taken_from_training(given_side, data, seed):
    train, other = (dataset({"a": data.draw(copies), "b": data.draw(copies)}, side) for side in ("train", given_side))
    found = sides(split(together(train, other), seed))
    missing = {"validation": "test", "test": "validation"}[given_side]
    assert all(found[picture.hash] == given_side for picture in other.pictures)
    assert {found[picture.hash] for picture in train.pictures} == {"train", missing}
    assert {picture.label for picture in train.pictures if found[picture.hash] == missing} == {"a", "b"}


def test_own_splits_without_training_pictures_of_a_class():
    train, test = dataset({"a": [1] * 5}, "train"), dataset({"a": [1] * 3, "b": [1] * 3}, "test")
    with pytest.raises(DataError, match="Expected training pictures of every class; received none of b"):
        split(together(train, test))


nasty = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1) | st.sampled_from(
    ["a,b", '"', '""', "\n", "\r", "\r\n", "a\rb", ";", "\t", " ", "é", "玻璃", "'", "\u2028", "\x1a"]
)
items = st.builds(ManifestRow, nasty, nasty, nasty, st.sampled_from(SPLITS))
manifests = st.lists(items, min_size=1, max_size=6).map(lambda some: Manifest(tuple(some)))


@pytest.mark.faults
@given(manifests)
def test_csv_round_trip_is_exact(manifest):
    assert Manifest.from_csv(manifest.to_csv()) == manifest


@pytest.mark.faults
@given(manifests)
def test_so_is_the_way_through_a_run_folder(tmp_path_factory, manifest):
    store = RunStore(tmp_path_factory.mktemp("runs"))
    run = store.create(RunConfig(), manifest.to_csv())
    assert Manifest.from_csv(store.manifest(run.id)) == manifest


HEADER = "path,hash,label,split\n"
GARBAGE = [
    "",
    "\0",
    HEADER,
    "path,hash\na,b\n",
    HEADER + "a,b,c\n",
    HEADER + "a,b,c,d\n",
    HEADER + "a,b,c,train,e\n",
    "path,hash,label,split,more\na,b,c,train,e\n",
    HEADER + "x" * 200_000 + ",b,c,train\n",
    "split\ntrain\n",
]


@pytest.mark.faults
@pytest.mark.parametrize("text", GARBAGE, ids=lambda text: repr(text)[:30])
def test_garbage_is_no_manifest(text):
    with pytest.raises(DataError, match="Expected a manifest of path, hash, label and split; received"):
        Manifest.from_csv(text)


@pytest.mark.faults
@given(st.text(), st.booleans())
def test_no_text_raises_anything_else(text, headed):
    try:
        assert Manifest.from_csv(HEADER * headed + text).items
    except DataError as error:
        assert "Expected a manifest" in str(error)


def test_a_study_pairs_strategies_within_each_seed():
    data = dataset({"a": [1] * 20, "b": [1] * 20})
    template = RunConfig(data="/set", batch_size=8)
    planned = plan_study(template, [TWO_PHASE, FINE_TUNING], data, seeds=(0, 7))
    assert [config for config, _ in planned] == [
        replace(template, strategy=strategy, seed=seed, split_seed=seed)
        for seed in (0, 7)
        for strategy in (TWO_PHASE, FINE_TUNING)
    ]
    first, same, other, same_other = (Manifest.from_csv(manifest) for _, manifest in planned)
    assert first == same == split(data, 0) and other == same_other == split(data, 7) and first != other


@pytest.mark.parametrize(("strategies", "some_seeds"), [([], (0,)), ([TWO_PHASE], ())])
def test_a_study_of_nothing_is_refused(strategies, some_seeds):
    with pytest.raises(ValueError, match="at least one strategy and one seed"):
        plan_study(RunConfig(), strategies, dataset({"a": [1] * 3, "b": [1] * 3}), some_seeds)


def test_a_study_of_too_few_pictures_is_refused():
    with pytest.raises(DataError, match="Expected at least 3 different pictures"):
        plan_study(RunConfig(), [TWO_PHASE], dataset({"a": [1] * 3, "b": [5, 1]}))


def test_the_short_study_is_the_three_strategies_on_the_sample_set():
    short = quick_study("random")
    assert [strategy.name for strategy in short.strategies] == list(STRATEGIES)
    assert short.template.data == "sample" and short.template.weights == "random"
    assert max(strategy.epochs for strategy in short.strategies) < min(s.epochs for s in STRATEGIES.values())


def test_the_sample_base_brings_its_width_and_size_and_other_weights_change_nothing_else():
    drawn = with_weights(RunConfig(seed=3), "sample")
    assert (drawn.weights, drawn.alpha, drawn.image_size, drawn.seed) == ("sample", 0.35, 96, 3)
    assert with_weights(RunConfig(seed=3), "random") == RunConfig(seed=3, weights="random")
