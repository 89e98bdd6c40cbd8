"""Decoded images of a run: decoded as for prediction, cached for later runs, and checked against the manifest."""

import hashlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from core.data.cache.decoded_images import DecodedImages
from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.images.decode import UnreadableImage, load_image
from core.data.datasets.split import ManifestRow, split

SIZE = 48


@pytest.fixture
def items(tiny_dataset) -> tuple[ManifestRow, ...]:
    return split(tiny_dataset).items[:12]


@pytest.fixture
def feature_cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache")


def test_images_are_decoded_as_for_prediction(tiny_dataset, items, feature_cache):
    for run_cache in (RunCache(), RunCache(feature_cache, len(items)), RunCache(feature_cache, len(items))):
        pixels = DecodedImages(tiny_dataset.root, items, SIZE, run_cache)
        numbers = np.array([7, 0, 7, 3])
        for row, number in zip(pixels[numbers], numbers, strict=True):
            np.testing.assert_array_equal(row, load_image(tiny_dataset.root / items[number].path, SIZE))


def test_a_later_run_reads_cached_images_without_the_files(tiny_dataset, items, feature_cache):
    numbers = np.arange(len(items))
    first = DecodedImages(tiny_dataset.root, items, SIZE, RunCache(feature_cache, len(items)))[numbers]
    again = DecodedImages(Path("/nowhere"), items, SIZE, RunCache(feature_cache, len(items)))[numbers]
    np.testing.assert_array_equal(first, again)


@pytest.mark.faults
@pytest.mark.parametrize("content", [None, b"not an image", "another image"])
def test_an_image_that_changed_since_the_scan_is_refused_by_name(tiny_dataset, items, feature_cache, tmp_path, content):
    path = tmp_path / "set" / items[0].path
    path.parent.mkdir(parents=True)
    if content == "another image":
        shutil.copy(tiny_dataset.root / items[1].path, path)
    elif content is not None:
        path.write_bytes(content)
    pixels = DecodedImages(tmp_path / "set", items, SIZE, RunCache(feature_cache, len(items)))
    with pytest.raises(UnreadableImage, match=rf"Expected the image .*{path.name} as it was at the start"):
        pixels[np.array([0])]
    assert hashlib.sha256((tiny_dataset.root / items[0].path).read_bytes()).hexdigest() == items[0].hash
