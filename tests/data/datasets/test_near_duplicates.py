"""Near-duplicates: changed copies are found, different images are not, and each group stays in one split."""

import io
import random
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from core.data.datasets import near_duplicates as near
from core.data.datasets.dataset import SPLITS, DataError
from core.data.datasets.decode import decode
from core.data.datasets.leakage import leaked_images
from core.data.datasets.near_duplicates import group_near_duplicates, matching_image, signature
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
    return group_near_duplicates(
        {name: signature(image) for name, image in images.items()}, lambda name: matching_image(images[name])
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


def test_near_duplicates_in_several_predefined_splits_stay_in_the_strictest(tiny_folder, tmp_path):
    for name in ("train", "test"):
        for label in ("glass", "paper"):
            (tmp_path / name / label).mkdir(parents=True)
    for label in ("glass", "paper"):
        for number, path in enumerate(sorted((tiny_folder / label).iterdir())):
            decode(path).save(tmp_path / ("test" if number == 0 else "train") / label / path.name, quality=92)
    original = sorted((tiny_folder / "glass").iterdir())[0]
    recompressed(decode(original)).save(tmp_path / "train" / "glass" / "again.png")
    data = scan(tmp_path)
    assert data.problems == () and len(data.near_duplicates) == 1
    assert "train/glass/again.png" not in {item.path for item in split(data).items} and not leaked_images(
        data, split(data)
    )
    ungrouped = split(data, leak_free=False)
    assert leaked_images(data, ungrouped) == {f"test/glass/{original.name}"} and len(ungrouped.items) == len(
        data.images
    )


def test_a_class_of_one_photo_can_only_be_split_without_grouping(tiny_folder, tmp_path):
    for label in ("glass", "paper"):
        (tmp_path / label).mkdir()
        for number, path in enumerate(sorted((tiny_folder / label).iterdir())[: 1 if label == "glass" else 6]):
            for copy, change in enumerate((lambda i: i, ImageOps.mirror, recompressed)):
                change(decode(path)).save(tmp_path / label / f"{number}-{copy}.png")
    data = scan(tmp_path)
    with pytest.raises(DataError, match=r"received glass: 1\. Near-duplicates count once"):
        split(data)
    assert {item.split for item in split(data, leak_free=False).items if item.label == "glass"} == set(SPLITS)
    report = ReportCache().get(str(tmp_path))
    assert report.manifest is None and report.leak_count_if_ungrouped == 0 and len(report.dataset.near_duplicates) == 7


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
        {name: signature(image) for name, image in similar.items()},
        lambda name: loaded.append(name) or matching_image(similar[name]),
    )
    assert 0 < len(loaded) <= 2 * 50
