"""Splitting into three disjoint sets, manifests as CSV, and the planning of studies."""

import hashlib
import math
from collections import Counter, defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.analysis.comparison.replicates import split_of
from core.data.datasets.dataset import SPLITS, DataError, Dataset, ImageFile
from core.data.datasets.folds import split_in_turn
from core.data.datasets.groups import indivisible_classes
from core.data.datasets.leakage import leaked_images
from core.data.datasets.split import Manifest, ManifestRow, split
from core.data.study_plan import plan_study, quick_study, resolve_test_parts, with_weights
from core.experiment.named_strategies import FINE_TUNING, STRATEGIES, TWO_PHASE
from core.experiment.run_config import IN_TURN, RANDOM, RunConfig
from core.experiment.runs.run_store import RunStore
from core.learning.inputs.run_inputs import read_manifest

Counts = dict[str, list[int]]


def dataset(counts: Counts, predefined: str = "") -> Dataset:
    """A data set from the number of copies of each different image of each class."""
    images = [
        ImageFile(
            f"{predefined}/{label}/{number}-{copy}.png", digest(predefined, label, number), label, 8, 8, predefined
        )
        for label, copies in counts.items()
        for number, count in enumerate(copies)
        for copy in range(count)
    ]
    return Dataset(Path("/set"), tuple(images), ())


def digest(*words: object) -> str:
    return hashlib.sha256(repr(words).encode()).hexdigest()


def merged(*parts: Dataset) -> Dataset:
    return Dataset(Path("/set"), tuple(image for part in parts for image in part.images), ())


def split_by_hash(manifest: Manifest) -> dict[str, str]:
    return {item.hash: item.split for item in manifest.items}


labels = st.text(min_size=1, max_size=5)
copies = st.lists(st.sampled_from([1, 1, 1, 2, 4]), min_size=3, max_size=40)
datasets = st.dictionaries(labels, copies, min_size=2, max_size=4).map(dataset)
seeds = st.integers(0, 2**31 - 1)


@given(datasets, seeds)
def test_every_image_is_in_one_split(data, seed):
    manifest = split(data, seed)
    assert sorted((item.path, item.hash, item.label) for item in manifest.items) == sorted(
        (image.path, image.hash, image.label) for image in data.images
    )
    assert manifest.classes == data.classes
    assert (
        sum(manifest.counts().values()) == len(manifest.items) == sum(len(manifest.in_split(name)) for name in SPLITS)
    )


@given(datasets, seeds)
def test_exact_duplicates_are_in_one_split(data, seed):
    found = defaultdict(set)
    for item in split(data, seed).items:
        found[item.hash].add(item.split)
    assert all(len(splits) == 1 for splits in found.values())


@given(datasets, seeds, st.randoms())
def test_near_duplicates_are_in_one_split_and_every_class_in_all_three(data, seed, random):
    group, label_of = {}, {}
    for image in data.images:  # group all exact duplicates and, at random, some different images of a class
        others = [group[name] for name in group if label_of[name] == image.label]
        chosen = random.choice(others) if others and random.random() < 0.4 else image.hash
        group.setdefault(image.hash, chosen)
        label_of.setdefault(image.hash, image.label)
    grouped = [replace(image, duplicate_group=group[image.hash]) for image in data.images]
    for label in data.classes:
        assume(len({image.duplicate_group for image in grouped if image.label == label}) >= 3)
    assume(not indivisible_classes(grouped, 3))
    manifest, found = split(Dataset(Path("/set"), tuple(grouped), ()), seed), defaultdict(set)
    for item in manifest.items:
        found[group[item.hash]].add(item.split)
    assert all(len(splits) == 1 for splits in found.values())
    for label in data.classes:
        assert {item.split for item in manifest.items if item.label == label} == set(SPLITS)


@pytest.mark.parametrize("seed", range(12))
def test_one_large_and_two_small_groups_are_in_three_splits_whatever_their_order(seed):
    data = dataset({"a": [1] * 10, "b": [1] * 10})
    large = data.images[0].hash
    grouped = [replace(p, duplicate_group=large) if p.label == "a" and n < 8 else p for n, p in enumerate(data.images)]
    manifest = split(Dataset(Path("/set"), tuple(grouped), ()), seed)
    assert {item.split for item in manifest.items if item.label == "a"} == set(SPLITS)


@pytest.mark.parametrize(
    ("sizes", "is_kept"),
    [([20, 20, 20], True), ([50, 5, 5], True), ([58, 1, 1], False), ([36, 23, 1], False), ([59, 1], False)],
)
def test_near_duplicates_stay_together_unless_validation_or_test_would_lack_half_of_their_share(sizes, is_kept):
    groups = [f"g{number}" for number, size in enumerate(sizes) for _ in range(size)]
    images = dataset({"a": [1] * 60, "b": [1] * 60}).images
    grouped = [replace(image, duplicate_group=group) for image, group in zip(images, groups, strict=False)]
    data = Dataset(Path("/set"), (*grouped, *images[60:]), ())
    assert list(indivisible_classes(data.images, 3)) == ([] if is_kept else ["a"])
    for seed in range(5):
        items = split(data, seed).items
        label_of = {image.hash: image.duplicate_group for image in grouped}
        parts = {(label_of[item.hash], item.split) for item in items if item.hash in label_of}
        counts = Counter(item.split for item in items if item.label == "a")
        assert (len(parts) == len(sizes)) == is_kept and min(counts["validation"], counts["test"]) >= 5


def test_a_split_without_grouping_ignores_near_duplicates():
    data = dataset({"a": [1] * 30, "b": [1] * 30})
    first = data.images[0].hash
    near = Dataset(
        data.root,
        tuple(replace(p, duplicate_group=first) if p.label == "a" and i < 12 else p for i, p in enumerate(data.images)),
        (),
    )
    assert split(near, 4, leak_free=False) == split(data, 4) != split(near, 4)
    assert not leaked_images(near, split(near, 4)) and leaked_images(near, split(data, 4))


@given(datasets, seeds)
def test_classes_are_split_70_15_15(data, seed):
    different = {(item.label, item.hash, item.split) for item in split(data, seed).items}
    for label in data.classes:
        counts = Counter(name for item_label, _, name in different if item_label == label)
        size = counts.total()
        assert all(counts[name] >= 1 for name in SPLITS)
        assert counts["test"] == counts["validation"] and abs(counts["test"] - 0.15 * size) <= 0.55
        assert math.isclose(counts["train"], 0.7 * size, abs_tol=1.1)


@given(datasets, seeds, st.randoms())
def test_names_and_order_do_not_affect_the_split(data, seed, random):
    renamed = [replace(image, path=digest(image.path)) for image in data.images]
    random.shuffle(renamed)
    again = split(Dataset(Path("/elsewhere"), tuple(renamed), ()), seed)
    assert split_by_hash(again) == split_by_hash(split(data, seed))


def test_the_same_seed_gives_the_same_split_and_another_seed_another():
    data = dataset({"a": [1] * 20, "b": [1] * 20})
    assert split(data, 3) == split(data, 3)
    assert len({tuple(sorted(split_by_hash(split(data, seed)).items())) for seed in range(10)}) == 10


@given(datasets, labels, st.lists(st.just(1), min_size=1, max_size=2))
def test_a_class_that_is_too_small_is_refused(data, label, few):
    remaining = [image for image in data.images if image.label != label]
    with pytest.raises(DataError, match="Expected at least"):
        split(merged(Dataset(Path("/set"), tuple(remaining), ()), dataset({label: few}, "")))


@given(st.data(), seeds)
def test_predefined_splits_are_respected(data, seed):
    parts = [dataset({"a": data.draw(copies), "b": data.draw(copies)}, name) for name in SPLITS]
    manifest = split(merged(*parts), seed)
    assert split_by_hash(manifest) == {image.hash: image.split for part in parts for image in part.images}


@pytest.mark.parametrize("predefined", ["validation", "test"])
@given(data=st.data(), seed=seeds)
def test_a_missing_predefined_split_is_taken_from_training(predefined, data, seed):
    train, other = (dataset({"a": data.draw(copies), "b": data.draw(copies)}, name) for name in ("train", predefined))
    found = split_by_hash(split(merged(train, other), seed))
    missing = {"validation": "test", "test": "validation"}[predefined]
    assert all(found[image.hash] == predefined for image in other.images)
    assert {found[image.hash] for image in train.images} == {"train", missing}
    assert {image.label for image in train.images if found[image.hash] == missing} == {"a", "b"}


def test_the_users_own_folders_may_have_classes_of_few_images():
    parts = [dataset({"a": [1], "b": [1] * 4}, "train"), dataset({"b": [1]}, "validation"), dataset({"a": [1]}, "test")]
    manifest = split(merged(*parts))
    assert split_by_hash(manifest) == {image.hash: image.split for part in parts for image in part.images}


def test_a_single_training_image_is_not_taken_for_a_missing_part():
    parts = [dataset({"a": [1], "b": [1] * 9}, "train"), dataset({"a": [1], "b": [1]}, "test")]
    for seed in range(5):
        manifest = split(merged(*parts), seed)
        assert {item.label for item in manifest.in_split("train")} == {"a", "b"}
        assert {item.label for item in manifest.in_split("validation")} == {"b"}


def test_a_class_without_training_images_in_predefined_splits_is_refused():
    train, test = dataset({"a": [1] * 5}, "train"), dataset({"a": [1] * 3, "b": [1] * 3}, "test")
    with pytest.raises(DataError, match="Expected training images of every class; received none of b"):
        split(merged(train, test))


difficult_text = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1
) | st.sampled_from(["a,b", '"', '""', "\n", "\r", "\r\n", "a\rb", ";", "\t", " ", "é", "玻璃", "'", "\u2028", "\x1a"])
scales = st.sampled_from(["", "16-bit grey: 4095", "float grey: 1.001"])
items = st.builds(ManifestRow, difficult_text, difficult_text, difficult_text, st.sampled_from(SPLITS), scales)
manifests = st.lists(items, min_size=1, max_size=6).map(lambda rows: Manifest(tuple(rows)))


@pytest.mark.faults
@given(manifests)
def test_csv_round_trip_is_exact(manifest):
    assert Manifest.from_csv(manifest.to_csv()) == manifest


@pytest.mark.faults
@given(manifests)
def test_a_round_trip_through_a_run_folder_is_exact(tmp_path_factory, manifest):
    store = RunStore(tmp_path_factory.mktemp("runs"))
    run = store.create(RunConfig(), manifest.to_csv())
    assert Manifest.from_csv(store.manifest(run.id)) == manifest


file_names = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters="\0/") | st.sampled_from("\r\n\x0b\x1c\x85\u2028,\"'"),
    min_size=1,
    max_size=60,
).filter(lambda name: name not in (".", "..") and len(name.encode()) <= 255)


@pytest.mark.faults
@given(st.sets(file_names, min_size=1, max_size=5), file_names)
def test_training_and_pages_read_any_file_name_from_a_manifest(tmp_path_factory, names, label):
    """Every name that a file system allows, among them carriage returns and Unicode's other line ends."""
    rows = [ManifestRow(f"{label}/{name}", "0", label, SPLITS[2 - i % 3]) for i, name in enumerate(sorted(names))]
    store = RunStore(tmp_path_factory.mktemp("runs"))
    run = store.create(RunConfig(), Manifest(tuple(rows)).to_csv())
    assert read_manifest(store.path(run.id)).items == Manifest.from_csv(store.manifest(run.id)).items == tuple(rows)
    assert split_of(store, run).images == len(rows)


HEADER = "path,hash,label,split\n"
INVALID = [
    "",
    "\0",
    HEADER,
    "path,hash\na,b\n",
    HEADER + "a,b,c\n",
    HEADER + "a,b,c,d\n",
    HEADER + "a,b,c,train,e\n",
    "path,hash,label,split,more\na,b,c,train,e\n",
    "path,hash,label,split,scale\na,b,c,train,16-bit grey\n",
    HEADER + "x" * 200_000 + ",b,c,train\n",
    "split\ntrain\n",
]


@pytest.mark.faults
@pytest.mark.parametrize("text", INVALID, ids=lambda text: repr(text)[:30])
def test_an_invalid_manifest_is_refused(text):
    with pytest.raises(DataError, match="Expected a manifest of path, hash, label and split; received"):
        Manifest.from_csv(text)


@pytest.mark.faults
@given(st.text(), st.booleans())
def test_any_text_is_a_manifest_or_a_data_error(text, has_header):
    try:
        assert Manifest.from_csv(HEADER * has_header + text).items
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


def test_a_study_tests_in_turn_where_that_is_possible_and_says_why_otherwise():
    data, template = dataset({"a": [1] * 20, "b": [1] * 20}), RunConfig(data="/set", test_parts=IN_TURN)
    planned = plan_study(template, [TWO_PHASE], data, range(5))
    assert {config.test_parts for config, _ in planned} == {IN_TURN}
    assert [Manifest.from_csv(manifest) for _, manifest in planned] == [split_in_turn(data, seed) for seed in range(5)]
    assert resolve_test_parts(template, data) == (template, "")
    own = merged(dataset({"a": [1] * 20, "b": [1] * 20}, "train"), dataset({"a": [1], "b": [1]}, "test"))
    ((config, manifest),) = plan_study(template, [TWO_PHASE], own)
    assert config.test_parts == RANDOM and Manifest.from_csv(manifest) == split(own)
    assert resolve_test_parts(template, own)[1] == (
        "Test parts are not in turn: the data set has a test folder of its own, which is used as it is."
    )


@pytest.mark.parametrize(("strategies", "given_seeds"), [([], (0,)), ([TWO_PHASE], ())])
def test_a_study_without_strategies_or_seeds_is_refused(strategies, given_seeds):
    with pytest.raises(ValueError, match="at least one strategy and one seed"):
        plan_study(RunConfig(), strategies, dataset({"a": [1] * 3, "b": [1] * 3}), given_seeds)


def test_a_study_on_too_few_images_is_refused():
    with pytest.raises(DataError, match="Expected at least 3 different images"):
        plan_study(RunConfig(), [TWO_PHASE], dataset({"a": [1] * 3, "b": [5, 1]}))


def test_the_quick_study_is_the_three_strategies_on_the_sample_set():
    quick = quick_study("random")
    assert [strategy.name for strategy in quick.strategies] == list(STRATEGIES)
    assert quick.template.data == "sample" and quick.template.weights == "random"
    assert max(strategy.epochs for strategy in quick.strategies) < min(s.epochs for s in STRATEGIES.values())


def test_the_sample_base_sets_width_and_image_size_and_other_weights_do_not():
    sample = with_weights(RunConfig(seed=3), "sample")
    assert (sample.weights, sample.alpha, sample.image_size, sample.seed) == ("sample", 0.35, 96, 3)
    assert with_weights(RunConfig(seed=3), "random") == RunConfig(seed=3, weights="random")
