"""One scale for all images of a kind in a data set: chosen by the scan, recorded, and used wherever images are read."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from painted import encoded, encoded_array
from PIL import Image

from core.data.cache.decoded_images import DecodedImages
from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.dataset import Dataset
from core.data.datasets.images.decode import load_image
from core.data.datasets.images.scales import parse_scale, scale_text, whites_of
from core.data.datasets.images.thumbnails import ThumbnailCache
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.data.uploads.uploaded_images import load_pixels

SIDE = 40
Range = tuple[float, float]


def grey(highest: float, dtype: type, seed: int, lowest: float = 0) -> Image.Image:
    """Noise whose values lie between these two and reach both."""
    values = np.random.default_rng(seed).uniform(lowest, highest, (SIDE, SIDE))
    values[0, :2] = lowest, highest
    return Image.fromarray(values.astype(dtype))


def write(folder: Path, ranges: list[Range], dtype: type = np.uint16, suffix: str = ".png") -> Dataset:
    """Write two classes of images, one for each (lowest, highest) value, alternately; return the scanned data set."""
    for number, (lowest, highest) in enumerate(ranges):
        path = folder / ("a", "b")[number % 2] / f"{number:02}{suffix}"
        path.parent.mkdir(parents=True, exist_ok=True)
        grey(highest, dtype, number, lowest).save(path)
    return scan(folder)


def twelve_bits(folder: Path) -> Dataset:
    """Twelve dark and twelve bright images of a camera of 12 bits."""
    return write(folder, [(0, 800)] * 12 + [(0, 4_095)] * 12)


def problems(dataset: Dataset) -> list[tuple[str, str, str]]:
    return [(problem.location, problem.reason, problem.consequence) for problem in dataset.problems]


def test_dark_images_stay_dark_beside_bright_ones_of_the_same_kind(tmp_path):
    dataset = twelve_bits(tmp_path)
    assert {image.scale for image in dataset.images} == {"16-bit grey: 4095"}
    assert problems(dataset) == [("16-bit grey (24)", "uses 0-4,095 of 65,535", "read as 12-bit")]
    means = [load_image(tmp_path / i.path, SIDE, parse_scale(i.scale)).mean() for i in dataset.images]
    highest = [i.levels.highest for i in dataset.images]
    assert np.allclose([m for m, h in zip(means, highest, strict=True) if h == 800], 127.5 * 800 / 4_095, atol=2)
    assert np.allclose([m for m, h in zip(means, highest, strict=True) if h == 4_095], 127.5, atol=4)


RANGES = {
    "16 bits": (np.uint16, ".png", [(0, 65_535)] * 6, "16-bit grey: 65535", []),
    "8 in 16 bits": (np.uint16, ".tiff", [(0, 255)] * 6, "16-bit grey: 255", ["read as 8-bit"]),
    "a mask": (np.uint16, ".png", [(0, 5)] * 6, "16-bit grey: 5", ["5 is read as white"]),
    "0 to 1": (np.float32, ".tiff", [(0, 1)] * 6, "float grey: 1", []),
    "0 to 1.001": (np.float32, ".tiff", [(0, 1), (0, 1.001)] * 3, "float grey: 1", []),
    "0 to 255.5": (np.float32, ".tiff", [(0, 255), (0, 255.5)] * 3, "float grey: 255", []),
    "12 bits as floats": (np.float32, ".tiff", [(0, 4_000)] * 6, "float grey: 4095", ["read as 12-bit"]),
    "millimetres": (np.float32, ".tiff", [(0, 20), (0, 9)] * 3, "float grey: 20", ["20 is read as white"]),
    "normalised": (np.float32, ".tiff", [(-1, 1)] * 6, "float grey: 1", ["those values are read as black"]),
    "32 bits": (np.int32, ".tiff", [(0, 60_000)] * 6, "32-bit grey: 65535", []),
}


@pytest.mark.parametrize("name", RANGES)
def test_the_scale_of_a_kind_and_what_is_remarkable_about_it(tmp_path, name):
    dtype, suffix, ranges, scale, remarks = RANGES[name]
    dataset = write(tmp_path, ranges, dtype, suffix)
    assert {image.scale for image in dataset.images} == {scale} and len(dataset.images) == 6
    assert [consequence for _, _, consequence in problems(dataset)] == remarks


def test_a_hot_pixel_in_one_image_changes_neither_the_scale_nor_the_others(tmp_path):
    dataset = write(tmp_path, [(0, 4_095)] * 29 + [(0, 65_535)])
    assert {image.scale for image in dataset.images} == {"16-bit grey: 4095"}
    assert problems(dataset)[1:] == [
        ("b/29.png", "values up to 65,535, unlike the other images", "those above 4,095 are read as white")
    ]


def test_each_kind_has_its_own_scale_and_8_bit_images_have_none(tmp_path):
    write(tmp_path, [(0, 4_095)] * 6)
    for number in range(6):
        grey(1.0, np.float32, number + 50).save(tmp_path / "a" / f"float {number}.tiff")
        grey(255, np.uint8, number + 60).save(tmp_path / "b" / f"8 bits {number}.png")
        colours = np.random.default_rng(number).integers(0, 1_024, (SIDE, SIDE, 3), np.uint16)
        (tmp_path / "b" / f"colour {number}.png").write_bytes(encoded_array(colours, ".png"))
    dataset = scan(tmp_path)
    scales = {Path(image.path).name[:5]: image.scale for image in dataset.images}
    assert scales["float"] == "float grey: 1" and scales["colou"] == "16-bit colour: 1023" and scales["8 bit"] == ""
    manifest = split(dataset)
    assert manifest.scales == ("16-bit colour: 1023", "16-bit grey: 4095", "float grey: 1")
    assert Manifest.from_csv(manifest.to_csv()) == manifest
    assert whites_of(manifest.scales) == {"16-bit colour": 1_023, "16-bit grey": 4_095, "float grey": 1}


def test_training_prediction_and_thumbnails_read_the_same_white(tmp_path):
    dataset = twelve_bits(tmp_path)
    manifest = split(dataset)
    trained = DecodedImages(tmp_path, manifest.items, SIDE, RunCache())[np.arange(24)]
    contents = {item.path: tmp_path / item.path for item in manifest.items}
    predicted, _ = load_pixels(contents, SIDE, whites_of(manifest.scales))
    for item, pixels in zip(manifest.items, trained, strict=True):
        np.testing.assert_array_equal(pixels, predicted[item.path])
    thumbnails = ThumbnailCache().get(tmp_path, dataset.images)
    means = [np.asarray(Image.open(io.BytesIO(content))).mean() for content in thumbnails]
    assert np.allclose(means[0], 127.5 * 800 / 4_095, atol=3), "the first image is a dark one"


def test_a_manifest_of_an_earlier_version_is_read_as_before(tmp_path):
    """The cached pixels of such a run, which are scaled otherwise, are not mixed with those of a new one."""
    manifest, feature_cache = split(twelve_bits(tmp_path)), FeatureCache(tmp_path / "cache")
    without_scale = manifest.to_csv().replace('"scale",', "").replace('"16-bit grey: 4095",', "")
    earlier = Manifest.from_csv(without_scale)
    assert earlier.scales is None and len(earlier.items) == 24
    numbers = np.arange(24)
    old, new = (
        DecodedImages(tmp_path, items, SIDE, RunCache(feature_cache, 24))[numbers]
        for items in (earlier.items, manifest.items)
    )
    again = DecodedImages(Path("/nowhere"), earlier.items, SIDE, RunCache(feature_cache, 24))[numbers]
    assert old.max() == 16 and new.max() == 255 and (again == old).all()


def test_images_of_8_bits_are_shared_with_earlier_runs(tiny_dataset):
    assert all(item.cache_key == item.hash and item.scale == "" for item in split(tiny_dataset).items)


@pytest.mark.faults
@pytest.mark.parametrize(
    "scale", ["16-bit grey", "16-bit grey: ", ": 4095", "float grey: nan", "float grey: 0", "x: -1"]
)
def test_an_invalid_scale_is_refused(scale):
    with pytest.raises(ValueError, match=r"scale such as|could not convert"):
        parse_scale(scale)


@given(st.floats(1e-45, 1e300))
def test_a_scale_is_recorded_exactly(white):
    assert parse_scale(scale_text("float grey", white)) == {"float grey": white}


def test_an_uploaded_image_of_another_kind_is_scaled_by_itself():
    content = encoded(grey(4_095, np.uint16, 0), "PNG")
    pixels, _ = load_pixels({"x": content}, SIDE, {"float grey": 1.0})
    assert pixels["x"].mean() == pytest.approx(127.5, abs=4)
