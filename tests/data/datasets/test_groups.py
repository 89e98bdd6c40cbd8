"""Groups by pattern and by CSV file stay in one part of the split; bad ones are refused in one line."""

import os
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from core.data.datasets.dataset import SPLITS, DataError, Dataset, ImageFile
from core.data.datasets.group_csv import read_group_csv
from core.data.datasets.groups import absolute_groups, group_summary, with_groups
from core.data.datasets.leakage import leaked_images, split_warnings
from core.data.datasets.reports import ReportCache
from core.data.datasets.split import Manifest, ManifestRow, split
from core.data.study_plan import plan_study
from core.experiment.named_strategies import TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore


def image(path: str, label: str, group: str = "", part: str = "", near: str = "") -> ImageFile:
    return ImageFile(path, f"hash of {path}", label, 8, 8, part, near, group=group)


def recordings(groups: int = 4, frames: int = 5, labels: str = "ab") -> Dataset:
    """Per class a number of recordings, of as many frames each: a/a0_0.png ... a/a3_4.png."""
    names = [
        (label, f"{label}{group}", frame) for label in labels for group in range(groups) for frame in range(frames)
    ]
    images = [image(f"{label}/{name}_{frame}.png", label) for label, name, frame in names]
    return Dataset(Path("/set"), tuple(images), ())


def splits_by_group(manifest: Manifest) -> dict[str, set[str]]:
    found = defaultdict(set)
    for item in manifest.items:
        found[item.group].add(item.split)
    return found


def labels_by_split(manifest: Manifest) -> dict[str, set[str]]:
    return {name: {item.label for item in manifest.in_split(name)} for name in SPLITS}


seeds = st.integers(0, 2**31 - 1)
group_sizes = st.dictionaries(
    st.sampled_from("abcd"), st.lists(st.integers(1, 9), min_size=3, max_size=9), min_size=2, max_size=4
)


@given(group_sizes, seeds)
def test_groups_of_one_class_are_each_in_one_part_and_every_class_in_all_three(sizes, seed):
    images = [
        image(f"{label}/{group}-{n}.png", label, f"{label}{group}")
        for label, groups in sizes.items()
        for group, size in enumerate(groups)
        for n in range(size)
    ]
    data = Dataset(Path("/set"), tuple(images), ())
    manifest = split(data, seed)
    assert all(len(parts) == 1 for parts in splits_by_group(manifest).values())
    assert labels_by_split(manifest) == {name: set(sizes) for name in SPLITS}
    assert split(Dataset(Path("/other"), tuple(reversed(images)), ()), seed) == manifest
    train = len(manifest.in_split("train"))
    few = [f"Only {train} of {len(images)} images"] if train < 0.55 * len(images) else []
    assert not leaked_images(data, manifest)
    assert [warning.partition(" (")[0] for warning in split_warnings(data, manifest)] == few


@given(st.data(), seeds)
def test_groups_of_several_classes_and_near_duplicates_stay_together_and_every_class_is_trained(draw, seed):
    images = [
        image(
            f"{label}/{n}.png",
            label,
            draw.draw(st.sampled_from(["", "", "g1", "g2", "g3", "g4"])),
            near=draw.draw(st.sampled_from(["", "", f"{label}1", f"{label}2"])),
        )
        for label in "abc"
        for n in range(draw.draw(st.integers(6, 20)))
    ]
    data = Dataset(Path("/set"), tuple(images), ())
    try:
        manifest = split(data, seed)
    except DataError:
        assume(False)
    found = splits_by_group(manifest)
    assert all(len(parts) == 1 for group, parts in found.items() if group)
    assert labels_by_split(manifest)["train"] == set("abc")
    assert len(manifest.items) == len(images) and split(data, seed) == manifest
    if not split_warnings(data, manifest):
        assert not leaked_images(data, manifest)


@pytest.mark.parametrize("recording_count", [3, 4, 12])
def test_recordings_that_each_show_every_class_leave_every_class_in_every_part(recording_count):
    images = [
        image(f"{label}/{group}_{frame}.png", label, str(group))
        for label in "abc"
        for group in range(recording_count)
        for frame in range(6)
    ]
    for seed in range(10):
        manifest = split(Dataset(Path("/set"), tuple(images), ()), seed)
        assert labels_by_split(manifest) == {name: set("abc") for name in SPLITS}
        assert all(len(parts) == 1 for parts in splits_by_group(manifest).values())


def test_seeds_differ_although_no_group_fits_into_the_share_of_the_test():
    data = with_groups(recordings(groups=5, frames=6), r"(.+)_\d+")
    data = replace(data, images=data.images[1:])  # one recording is the smallest
    tested = {frozenset(item.group for item in split(data, seed).in_split("test")) for seed in range(20)}
    assert len(tested) > 10 and all(len(groups) == 2 for groups in tested)


@given(st.lists(st.tuples(st.sampled_from(SPLITS), st.sampled_from(["", "g", "h"])), min_size=1, max_size=30), seeds)
def test_a_predefined_split_is_kept_whatever_the_groups_and_near_duplicates(rows, seed):
    start = [image(f"{part}/{label}/0.png", label, part=part) for part in SPLITS for label in "ab"]
    images = start + [image(f"{part}/a/x{n}.png", "a", group, part, "a") for n, (part, group) in enumerate(rows)]
    data = Dataset(Path("/set"), tuple(images), ())
    manifest = split(data, seed)
    assert {item.path: item.split for item in manifest.items} == {picture.path: picture.split for picture in images}
    near = {picture.path for picture in images if picture.duplicate_group == "a" and picture.split == "test"}
    others = any(picture.duplicate_group == "a" and picture.split != "test" for picture in images)
    leaked = near if others else set()
    assert leaked_images(data, manifest) == leaked
    assert bool(leaked) == any("your folders are used as they are" in text for text in split_warnings(data, manifest))


def test_a_class_of_two_groups_is_trained_and_tested_and_of_one_only_trained_with_a_warning():
    data = with_groups(recordings(labels="ab"), r"(.+)_\d+")
    extra = [image(f"c/{n}.png", "c", f"c{n % 2}") for n in range(10)] + [
        image(f"d/{n}.png", "d", "d") for n in range(9)
    ]
    data = replace(data, images=data.images + tuple(extra))
    for seed in range(5):
        manifest = split(data, seed)
        assert labels_by_split(manifest) == {"train": set("abcd"), "validation": set("ab"), "test": set("abc")}
    advice = "Add images of other recordings, objects or bursts."
    assert split_warnings(data, manifest) == [
        f"c, d have no validation images, because their images form too few groups. {advice}",
        f"d has no test images, because its images form too few groups: the test does not measure it. {advice}",
    ]


def test_too_few_groups_for_three_parts_are_refused_with_their_number():
    data = with_groups(recordings(groups=2), r"^.(\d)_")
    with pytest.raises(DataError, match="in the validation split; received none, because the 2 groups leave none"):
        split(data)


def test_a_pattern_names_groups_below_the_class_folder():
    data = Dataset(
        Path("/set"),
        (
            image("train/a/burst 1/1.png", "a", part="train"),
            image("test/a/burst 1/2.png", "a", part="test"),
            image("train/b/burst 1/3.png", "b", part="train"),
            image("train/b/single.png", "b", part="train"),
            image("train/train/burst 2/train/4.png", "train", part="train"),
        ),
        (),
    )
    grouped = with_groups(data, "(.+?)/")
    assert [picture.group for picture in grouped.images] == ["burst 1", "burst 1", "burst 1", "", "burst 2"]
    assert group_summary(grouped) == "2 groups of 1 to 3 images, 1 image in no group"
    assert leaked_images(grouped, Manifest.from_csv(split(grouped_whole(grouped)).to_csv())) == {"test/a/burst 1/2.png"}
    assert with_groups(grouped, "") == data
    single = with_groups(data, "(single)")
    assert group_summary(single) == "1 group of 1 image, 4 images in no group"


def grouped_whole(data: Dataset) -> Dataset:
    """The data set with what a split needs besides: images of every class in every folder."""
    rest = [image(f"{part}/{label}/x.png", label, part=part) for part in SPLITS for label in ("a", "b", "train")]
    return replace(data, images=data.images + tuple(rest))


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("path,group", "{path},{group}"),
        ("group;path;note", "{group};{path};x"),
        ("\ufeffPath\tGroup", "{path}\t{group}"),
        ("path,group", "/set/{path},{group}"),
        ("path,group", "set/{path},{group}"),
        ("path,group", '"./{path}","{group}"'),
    ],
)
def test_a_csv_file_names_the_group_of_each_path(tmp_path, header, row):
    data, file = recordings(), tmp_path / "groups.csv"
    by_pattern = with_groups(data, r"(.+)_\d+")
    lines = [row.format(path=picture.path, group=picture.group) for picture in by_pattern.images]
    file.write_text("\r\n".join([header, *lines, ""]), "utf-8")
    assert with_groups(data, str(file)) == by_pattern
    assert with_groups(data, absolute_groups(str(file))) == by_pattern


@pytest.mark.faults
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"file,group\na,b\n", "Expected the columns path and group in .*; received file, group"),
        (b"", "Expected the columns path and group in .*; received none"),
        (b"path,group\na/a0_0.png,x\na/a0_0.png,y\n", "received x and y for a/a0_0.png in line 3"),
        (b"path,group\nelsewhere.png,x\n", "fits none of 40, such as a/a0_0.png"),
        (b"path,group\n\xff,x\n", "which is not UTF-8"),
        (b"path,group\na\n", "fits none of 40"),
        (b"path,group\n" + b"x" * 200_000 + b",a\n", "Expected a CSV file of groups"),
        (None, "which cannot be read"),
    ],
)
def test_a_bad_csv_file_is_refused_in_one_line(tmp_path, content, message):
    file = tmp_path / "groups.csv"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        with_groups(recordings(), str(file))
    assert "\n" not in str(error.value)


@pytest.mark.faults
def test_accents_agree_whether_composed_or_decomposed(tmp_path):
    """macOS decomposes the accents of file names; a CSV file from another system has composed ones."""
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    images = tuple(image(f"{name}/{n}-{name}.png", name) for name in (composed, decomposed) for n in range(2))
    data, file = Dataset(Path("/set"), images, ()), tmp_path / "groups.csv"
    for written, group in ((composed, decomposed), (decomposed, composed)):
        file.write_text("path,group\n" + "".join(f"{written}/{n}-{written}.png,{group}{n}\n" for n in range(2)))
        assert [picture.group for picture in with_groups(data, str(file)).images] == [f"{composed}{n}" for n in "0101"]
    assert {picture.group for picture in with_groups(data, r"\d-(.+)\.png").images} == {composed}


@pytest.mark.faults
def test_a_pipe_a_folder_and_a_file_over_the_limit_are_refused_before_they_are_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.csv")
    (tmp_path / "folder.csv").mkdir()
    for name in ("pipe.csv", "folder.csv"):
        with pytest.raises(DataError, match=r"which is no regular file\. Choose a file\."):
            absolute_groups(str(tmp_path / name))
    with (tmp_path / "large.csv").open("wb") as file:
        file.truncate(51 * 2**20)
    with pytest.raises(DataError, match=r"at most 50 MB; received .*large.csv of 51 MB. Keep only the columns"):
        absolute_groups(str(tmp_path / "large.csv"))


def test_a_csv_file_is_read_again_only_if_it_has_changed(tmp_path):
    file = tmp_path / "groups.csv"
    file.write_text("path,group\na.png,1\n")
    first = read_group_csv(str(file))
    assert read_group_csv(str(file)) is first
    file.write_text("path,group\na.png,22\n")
    assert read_group_csv(str(file)) == {"a.png": "22"}


@pytest.mark.faults
@pytest.mark.parametrize("pattern", ["(", "a", "(a)(b)", "(?=a)(b)", "(\ud800)", "\0(a)", "(a)" + "b" * 5_000, 3, None])
def test_a_bad_pattern_is_refused_by_the_configuration_and_by_the_data_set(pattern):
    for refuse in (lambda: RunConfig(groups=pattern), lambda: with_groups(recordings(), pattern or "(")):
        with pytest.raises(ValueError, match="Expected groups to be a") as error:
            refuse()
        assert "\n" not in str(error.value)


def test_a_pattern_that_fits_no_image_is_refused_with_an_example():
    with pytest.raises(DataError, match=r"received '\(video\)', which fits none of 40, such as a0_0\.png"):
        with_groups(recordings(), "(video)")


@pytest.mark.faults
def test_no_pattern_takes_exponential_time():
    data = Dataset(Path("/set"), (image(f"a/{'a' * 200}!.png", "a"), image("a/aaa", "a")), ())
    assert [picture.group for picture in with_groups(data, "^((?:a+)+)$").images] == ["", "aaa"]


def test_a_study_records_the_groups_in_configurations_and_manifests(tmp_path):
    template = RunConfig(data="/set", groups=r"(.+)_\d+")
    planned = plan_study(template, [TWO_PHASE], recordings(), seeds=(0, 1, 2))
    store = RunStore(tmp_path)
    for run in store.create_study(planned).runs:
        manifest = Manifest.from_csv(store.manifest(run.id))
        assert run.config.groups == template.groups and set(splits_by_group(manifest)) == {
            f"{label}{n}" for label in "ab" for n in range(4)
        }
        assert all(len(parts) == 1 for parts in splits_by_group(manifest).values())
    assert len({manifest for _, manifest in planned}) == 3


def test_a_manifest_has_a_column_of_groups_only_if_there_are_groups():
    """The scale is recorded even if it is empty: earlier versions, which had no such column, scaled otherwise."""
    data = recordings()
    assert split(data).to_csv().splitlines()[0] == '"path","hash","label","scale","split"'
    grouped = split(with_groups(data, r"(.+)_\d+")).to_csv().splitlines()
    assert grouped[0] == '"path","hash","label","group","scale","split"'
    assert all(line.endswith(('"train"', '"validation"', '"test"')) for line in grouped[1:])


@pytest.mark.parametrize("group", ["", "clip 1"])
def test_a_manifest_of_an_earlier_version_is_read_without_scales(group):
    header, values = (
        ("path,hash,label,group,split", f"a,b,c,{group},train")
        if group
        else (
            "path,hash,label,split",
            "a,b,c,train",
        )
    )
    manifest = Manifest.from_csv(f"{header}\n{values}\n")
    assert manifest.items == (ManifestRow("a", "b", "c", "train", None, group),) and manifest.scales is None


def test_a_report_follows_the_groups_without_another_scan(tiny_folder, tmp_path, monkeypatch):
    cache, file = ReportCache(), tmp_path / "groups.csv"
    plain = cache.get(str(tiny_folder))
    monkeypatch.setattr("core.data.datasets.reports.scan", lambda *_: pytest.fail("scanned again"))
    paths = [picture.path for picture in plain.dataset.images]
    file.write_text("path,group\n" + "".join(f"{path},{n % 6}\n" for n, path in enumerate(paths)))
    first = cache.get(str(tiny_folder), groups=str(file))
    assert first is cache.get(str(tiny_folder), groups=str(file)) and len(splits_by_group(first.manifest)) == 6
    assert all(len(parts) == 1 for parts in splits_by_group(first.manifest).values())
    assert "received '(nothing)'" in cache.get(str(tiny_folder), groups="(nothing)").error
    assert cache.get(str(tiny_folder)).manifest == plain.manifest
