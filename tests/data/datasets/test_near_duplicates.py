"""Near-duplicates: changed copies are found, different images are not, and each group stays in one split."""

import io
import random
import shutil
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import combinations, pairwise, product
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from core.data.datasets import near_duplicates as near
from core.data.datasets.dataset import SPLITS, Dataset, ImageFile
from core.data.datasets.groups import with_groups
from core.data.datasets.images.decode import decode
from core.data.datasets.leakage import leaked_images, split_warnings
from core.data.datasets.near_duplicates import (
    NearDuplicates,
    grey_square,
    group_near_duplicates,
    is_match,
    matching_image,
    signature,
)
from core.data.datasets.reports import ReportCache
from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.data.sample_set.generate import write_sample


def recompressed(image: Image.Image) -> Image.Image:
    content = io.BytesIO()
    image.save(content, "JPEG", quality=40)
    return Image.open(content).convert("RGB")


def cropped(image: Image.Image) -> Image.Image:
    left, top = round(0.04 * image.width), round(0.01 * image.height)
    return image.crop((left, top, left + round(0.95 * image.width), top + round(0.95 * image.height)))


CHANGES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "resized": lambda image: image.resize((round(0.6 * image.width), round(0.6 * image.height))),
    "recompressed": recompressed,
    "cropped": cropped,
    "brighter": lambda i: ImageEnhance.Brightness(i).enhance(1.1),
    "darker": lambda i: ImageEnhance.Brightness(i).enhance(0.9),
    "mirrored": ImageOps.mirror,
}


def groups_of(images: dict[str, Image.Image]) -> dict[str, str]:
    return near_duplicates_of(images).groups


def near_duplicates_of(images: dict[str, Image.Image]) -> NearDuplicates:
    return group_near_duplicates(
        {name: signature(grey_square(image)) for name, image in images.items()},
        lambda name: matching_image(images[name]),
    )


@pytest.mark.parametrize("name", CHANGES)
def test_changed_copies_of_real_photos_are_found(photos: Path, name: str):
    """A group is named after its first image, which is the original."""
    some = random.Random(2).sample(sorted(photos.rglob("*.jpg")), 60)
    originals = {f"0-{i}": decode(path) for i, path in enumerate(some)}
    copies = {f"1-{i}": CHANGES[name](originals[f"0-{i}"]) for i in range(len(some))}
    found = groups_of(originals | copies)
    assert sum(found.get(f"1-{i}") == f"0-{i}" for i in range(len(some))) >= 0.95 * len(some)
    assert not groups_of(originals)


def test_drawn_images_of_one_class_are_not_near_duplicates(tmp_path):
    assert scan(write_sample(tmp_path / "drawn", images_per_class=20, size=96)).near_duplicates == ()


def test_images_without_contrast_are_not_near_duplicates():
    flat = {f"flat {grey}": Image.new("RGB", (64, 64), (grey,) * 3) for grey in range(100, 104)}
    rng = np.random.default_rng(0)
    faint = {f"faint {i}": Image.fromarray(np.uint8(128 + rng.integers(0, 2, (64, 64, 3)))) for i in range(4)}
    assert groups_of(flat | faint) == {} and groups_of({}) == {}


def test_copies_of_copies_are_in_one_group(tiny_folder):
    image = decode(next((tiny_folder / "glass").iterdir()))
    chain = {"a": image, "b": ImageOps.mirror(image), "c": recompressed(ImageOps.mirror(image))}
    assert groups_of(chain) == dict.fromkeys("abc", "a")


def test_near_duplicates_stay_in_one_split(tiny_folder, tmp_path):
    for label in ("glass", "paper", "metal"):
        (tmp_path / "set" / label).mkdir(parents=True)
        for path in (tiny_folder / label).iterdir():
            image = decode(path)
            image.save(tmp_path / "set" / label / path.name)
            ImageOps.mirror(image).save(tmp_path / "set" / label / f"mirrored-{path.name}")
    data = scan(tmp_path / "set")
    assert len(data.near_duplicates) == 18 and {len(group) for group in data.near_duplicates} == {2}
    for seed in range(5):
        splits = defaultdict(set)
        for image, item in zip(sorted(data.images, key=lambda i: i.path), split(data, seed).items, strict=True):
            splits[image.duplicate_group].add(item.split)
        assert all(len(found) == 1 for found in splits.values()) and not leaked_images(data, split(data, seed))
    assert any(leaked_images(data, split(data, seed, leak_free=False)) for seed in range(5))


@pytest.fixture
def leaking_folders(tiny_folder: Path, tmp_path: Path) -> Path:
    """Folders train and test, where a recompressed copy of one test image of glass is in train."""
    for label in ("glass", "paper"):
        for number, path in enumerate(sorted((tiny_folder / label).iterdir())):
            folder = tmp_path / "set" / ("test" if number == 0 else "train") / label
            folder.mkdir(parents=True, exist_ok=True)
            decode(path).save(folder / path.name, quality=92)
    original = decode(sorted((tiny_folder / "glass").iterdir())[0])
    recompressed(original).save(tmp_path / "set" / "train" / "glass" / "again.png")
    return tmp_path / "set"


def test_near_duplicates_in_the_users_own_folders_are_kept_and_reported(leaking_folders):
    data = scan(leaking_folders)
    assert data.problems == () and len(data.near_duplicates) == 1 and len(data.images) == 13
    for seed, leak_free in ((0, True), (1, True), (0, False)):
        manifest = split(data, seed, leak_free)
        assert len(manifest.items) == 13 and "train/glass/again.png" in {item.path for item in manifest.items}
        assert {i.path for i in manifest.in_split("test")} == {i.path for i in data.images if i.split == "test"}
        assert leaked_images(data, manifest) == {manifest.in_split("test")[0].path}
        assert split_warnings(data, manifest, leak_free) == [
            "1 of 2 test images (50.0%) are near-duplicates of images for training or validation: your folders are "
            "used as they are, and the test accuracy may be higher than on new images."
        ]


def test_equal_files_in_several_folders_of_a_split_are_reported_by_their_number(leaking_folders):
    (tested,) = (leaking_folders / "test" / "glass").iterdir()
    for name in ("train/glass/0.jpg", "train/glass/1.jpg", "val/glass/0.jpg"):
        (leaking_folders / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(tested, leaking_folders / name)
    shutil.move(leaking_folders / "train" / "glass" / "again.png", leaking_folders / "val" / "glass" / "other.png")
    data = scan(leaking_folders)
    left_out = {
        problem.location: problem.consequence for problem in data.problems if "left out of" in problem.consequence
    }
    assert left_out == {
        "train/glass/0.jpg": "left out of train",
        "train/glass/1.jpg": "left out of train",
        "val/glass/0.jpg": "left out of validation",
    }
    first, second = split_warnings(data, split(data))
    assert first == (
        "2 training and 1 validation images are left out, because the same files are also in validation or test: the "
        "accuracy on images that were used for training says nothing about new images."
    )
    assert second.startswith("1 of 2 test images (50.0%) are near-duplicates")


def test_every_photo_of_folders_that_are_split_already_is_used(split_photos):
    data = scan(split_photos)
    files = [path for path in split_photos.rglob("*.jpg") if path.is_file()]
    manifest = split(data)
    assert len(manifest.items) == len(data.images) == len(files) and not data.problems
    assert manifest.counts() == {name: len(list((split_photos / name).rglob("*.jpg"))) for name in SPLITS}


@pytest.mark.parametrize("shown", [1, 2])
def test_a_class_of_too_few_photos_is_divided_image_by_image_with_a_warning(tiny_folder, tmp_path, shown):
    for label in ("glass", "paper"):
        (tmp_path / label).mkdir()
        for number, path in enumerate(sorted((tiny_folder / label).iterdir())[: shown if label == "glass" else 6]):
            for copy, change in enumerate((lambda i: i, ImageOps.mirror, recompressed)):
                change(decode(path)).save(tmp_path / label / f"{number}-{copy}.png")
    report = ReportCache().get(str(tmp_path))
    assert {item.split for item in report.manifest.items if item.label == "glass"} == set(SPLITS)
    paper = {image.path: image.duplicate_group for image in report.dataset.images if image.label == "paper"}
    parts = defaultdict(set)
    for item in report.manifest.items:
        if item.path in paper:
            parts[paper[item.path]].add(item.split)
    assert len(parts) == 6 and all(len(found) == 1 for found in parts.values()), "paper has groups enough"
    first, leaks = report.warnings
    assert (
        first
        == "Near-duplicates in glass cannot stay together, because validation or test would have too few images: this "
        "class is divided image by image. To keep the images of a recording, object or burst together, give Groups "
        "(Data page: Images that stay together; Train page: Advanced; terminal: --groups). To divide all classes image "
        "by image, untick Keep near-duplicates together (--allow-near-duplicates)."
    )
    assert leaks.startswith(f"{len(leaked_images(report.dataset, report.manifest))} of 4 test images")
    ungrouped = ReportCache().get(str(tmp_path), leak_free=False)
    assert ungrouped.manifest == split(report.dataset, leak_free=False)
    assert not any("too few" in text for text in ungrouped.warnings)


def test_the_classes_divided_image_by_image_are_named_in_one_sentence():
    images = [
        ImageFile(f"{label}/{n}.png", f"{label} {n}", label, 8, 8, duplicate_group=f"{label} 0")
        for label in "abcdef"
        for n in range(6)
    ]
    data = Dataset(Path("/set"), tuple(images), ())
    first, _ = split_warnings(data, split(data))
    assert (
        first.startswith("Near-duplicates in a, b, c, d and 2 more cannot stay together") and "these classes" in first
    )


def test_frames_of_a_fixed_camera_can_be_used(tmp_path):
    """Three classes of 60 frames each: one background, in which one object moves and changes its colour."""
    rng = np.random.default_rng(5)
    for label in ("cup", "fork", "plate"):
        (tmp_path / label).mkdir()
        background = Image.fromarray(rng.integers(0, 256, (12, 16, 3), np.uint8)).resize((160, 120), Image.BICUBIC)
        for number in range(60):
            frame = background.copy()
            box = 2 * number, 40 + number // 2, 2 * number + 14, 54 + number // 2
            frame.paste((4 * number, 255 - 4 * number, 128), box)
            frame.save(tmp_path / label / f"{number:03d}.jpg")
    data = scan(tmp_path)
    for seed in range(3):
        manifest = split(data, seed)
        assert len(manifest.items) == 180
        parts = Counter((item.label, item.split) for item in manifest.items)
        assert all(parts[label, "test"] == parts[label, "validation"] == 9 for label in data.classes)
        undivided, _ = split_warnings(data, manifest)
        assert undivided.startswith("Near-duplicates in cup, fork, plate cannot stay together")


def test_the_frames_of_a_panning_camera_do_not_chain():
    """Each frame matches its neighbours; in a group every frame matches every other one."""
    rng = np.random.default_rng(1)
    scene = Image.fromarray(rng.integers(0, 256, (6, 20, 3), np.uint8)).resize((308, 128), Image.BICUBIC)
    frames = {f"{n:02d}": scene.crop((3 * n, 0, 3 * n + 128, 128)) for n in range(60)}
    images = {name: matching_image(frame) for name, frame in frames.items()}
    names = sorted(frames)
    neighbours = list(pairwise(names))
    assert sum(is_match(images[a], images[b], False) for a, b in neighbours) == len(neighbours)
    groups = defaultdict(list)
    for name, first in groups_of(frames).items():
        groups[first].append(name)
    assert len(groups) >= 10 and all(
        is_match(images[a], images[b], False) for group in groups.values() for a, b in combinations(group, 2)
    )


def test_frames_of_a_panning_camera_are_split_with_a_warning_that_counts_the_similar_test_images(tmp_path):
    for seed, label in enumerate(("cup", "fork")):
        (tmp_path / label).mkdir()
        rng = np.random.default_rng(seed)
        scene = Image.fromarray(rng.integers(0, 256, (6, 20, 3), np.uint8)).resize((308, 128), Image.BICUBIC)
        for n in range(60):
            scene.crop((3 * n, 0, 3 * n + 128, 128)).save(tmp_path / label / f"pan{n // 20}_{n:02d}.png")
    data = scan(tmp_path)
    manifest = split(data)
    leaked = leaked_images(data, manifest)
    assert len(leaked) > len(manifest.in_split("test")) / 2
    (warning,) = split_warnings(data, manifest)
    assert (
        warning.startswith(f"{len(leaked)} of {len(manifest.in_split('test'))} test images") and "--groups" in warning
    )
    grouped = with_groups(data, r"(.+)_\d+")
    assert len(leaked_images(grouped, split(grouped))) < len(leaked) / 2


@given(st.sets(st.tuples(st.integers(0, 9), st.integers(0, 9)).filter(lambda pair: pair[0] < pair[1]), max_size=25))
def test_all_pairs_of_a_group_match_and_no_two_groups_could_be_one(matching):
    """With signatures that make every pair a candidate, and matches as drawn."""
    signatures = {f"{n}": np.full(576, 1 / 24, np.float32) for n in range(10)}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(near, "is_match", lambda first, second, _: tuple(sorted((first, second))) in matching)
        near_duplicates = group_near_duplicates(signatures, int)
    found, groups = near_duplicates.groups, defaultdict(set)
    for number in range(10):
        groups[found.get(f"{number}", f"{number}")].add(number)
    assert all(pair in matching for group in groups.values() for pair in combinations(sorted(group), 2))
    assert all(f"{min(group)}" == first for first, group in groups.items())
    for one, other in combinations(groups.values(), 2):
        assert not all(tuple(sorted(pair)) in matching for pair in product(one, other))
    others = {(int(first), int(second)) for first, second in near_duplicates.other_pairs}
    assert others == {pair for pair in matching if not any(set(pair) <= group for group in groups.values())}


def test_many_similar_images_load_a_bounded_number_of_matching_images(monkeypatch):
    monkeypatch.setattr(near, "MAX_CANDIDATES", 50)
    rng = np.random.default_rng(3)
    scene = rng.integers(0, 256, (64, 64, 3))
    similar = {
        f"{i:03d}": Image.fromarray(np.uint8(np.clip(scene + rng.normal(0, 30, scene.shape), 0, 255)))
        for i in range(40)
    }
    loaded = []
    group_near_duplicates(
        {name: signature(grey_square(image)) for name, image in similar.items()},
        lambda name: loaded.append(name) or matching_image(similar[name]),
    )
    assert 0 < len(loaded) <= 2 * 50
