"""Decoding is the same for all sources of an image, and every unusable file gets a reason."""

import io
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from painted import COLOUR, GREYS, HEIGHT, KINDS, LOSSY, WIDTH, encoded, encoded_array, oriented, upright
from PIL import Image, PngImagePlugin

from core.data.datasets.images.decode import (
    MAX_TEXT_BYTES,
    UnreadableImage,
    Whites,
    decode,
    decode_and_measure,
    load_image,
    open_image,
    to_square,
    white_value,
)

pytestmark = pytest.mark.faults
SIZE = 32
EXPECTED = np.asarray(to_square(upright(), SIZE))
kinds = pytest.mark.parametrize("kind", KINDS)


def close(pixels: np.ndarray, expected: np.ndarray, tolerance: int) -> bool:
    """Whether both are equal up to `tolerance` inside each quarter, away from its blurred edges."""
    inside = [slice(3, 13), slice(19, 29)]
    return all(
        np.abs(pixels[rows, columns].astype(int) - expected[rows, columns]).max() <= tolerance
        for rows in inside
        for columns in inside
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A folder with a file of every kind, all with the extension of JPEG."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind, content in KINDS.items():
        (folder / f"{kind}.jpg").write_bytes(content)
    return folder


@kinds
def test_path_bytes_and_file_object_give_the_same_pixels(folder, kind):
    path = folder / f"{kind}.jpg"
    pixels = load_image(path, SIZE)
    assert pixels.shape == (SIZE, SIZE, 3) and pixels.dtype == np.uint8
    with path.open("rb") as file:
        assert (load_image(file, SIZE) == pixels).all()
        assert (load_image(file, SIZE) == pixels).all(), "also if the file object has been read before"
    assert (load_image(path.read_bytes(), SIZE) == pixels).all()
    assert (load_image(io.BytesIO(path.read_bytes()), SIZE) == pixels).all()


@pytest.mark.parametrize("kind", COLOUR)
def test_lossless_files_have_the_exact_colours(kind):
    expected = EXPECTED
    if kind == "rgb png with a transparent colour":
        white_quarter = Image.new("RGB", (WIDTH // 2, HEIGHT // 2), "white")
        image = upright()
        image.paste(white_quarter, (0, HEIGHT // 2))
        expected = np.asarray(to_square(image, SIZE))
    assert close(load_image(COLOUR[kind], SIZE), expected, tolerance=0)


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_files_have_approximately_the_colours(kind):
    assert close(load_image(LOSSY[kind], SIZE), EXPECTED, tolerance=12)


@pytest.mark.parametrize("kind", ["16-bit png", "16-bit tiff", "float tiff", "32-bit tiff"])
def test_16_bit_and_float_greys_are_scaled_not_clipped(kind):
    pixels = np.asarray(decode(GREYS[kind]))
    assert (pixels[0, :, 0] == np.linspace(0, 255, WIDTH).round()).all()
    assert (pixels[..., 0] == pixels[..., 2]).all()


RAMP = np.linspace(0, 1, WIDTH) * np.ones((HEIGHT, 1))


def grey_file(values: np.ndarray, file_format: str = "TIFF") -> bytes:
    return encoded(Image.fromarray(values), file_format)


def colour_file(values: np.ndarray, suffix: str = ".png") -> bytes:
    return encoded_array(np.dstack([values] * 3), suffix)


def mean(content: bytes, whites: Whites | None = {}) -> float:  # noqa: B006 - never changed
    """Mean of the decoded image; any warning is an error."""
    with warnings.catch_warnings(action="error"):
        return float(np.asarray(decode(content, whites=whites)).mean())


@pytest.mark.parametrize("highest", [1.0, 1.001, 255.0, 255.5, 4_095.0, 65_535.0, 0.2, 1.1, 17.0, 1e30])
def test_float_greys_of_any_range_go_from_black_to_white(highest):
    assert mean(grey_file((RAMP * highest).astype(np.float32))) == pytest.approx(127.5, abs=0.5)


@pytest.mark.parametrize("highest", [1, 5, 255, 1_023, 4_095, 16_383, 65_535])
@pytest.mark.parametrize("write", [lambda v: grey_file(v, "PNG"), grey_file, colour_file])
def test_16_bit_images_of_any_range_go_from_black_to_white(highest, write):
    assert mean(write((RAMP * highest).round().astype(np.uint16))) == pytest.approx(127.5, abs=0.5)


@pytest.mark.parametrize("value", [np.inf, -np.inf, np.nan])
@pytest.mark.parametrize("whites", [{}, {"float grey": 1.0}, None])
def test_one_infinite_value_or_nan_changes_one_pixel(value, whites):
    values = RAMP.astype(np.float32)
    values[10, 10] = value
    decoded = np.asarray(decode(grey_file(values), whites=whites))
    clean = np.asarray(decode(grey_file(RAMP.astype(np.float32)), whites=whites))
    assert decoded[10, 10, 0] == (255 if value == np.inf else 0)
    assert mean(grey_file(values), whites) == pytest.approx(clean.mean(), abs=0.05)


@pytest.mark.parametrize("write", [lambda v: grey_file(v, "PNG"), grey_file, colour_file])
def test_a_given_white_value_keeps_dark_images_dark(write):
    dark = (RAMP * 1_000).round().astype(np.uint16)
    kind = "16-bit colour" if write is colour_file else "16-bit grey"
    assert mean(write(dark), {kind: 4_095.0}) == pytest.approx(127.5 * 1_000 / 4_095, abs=0.5)
    assert mean(write(dark), {"float grey": 1.0}) == mean(write(dark)), "the white value of another kind"


def test_without_recorded_white_values_images_are_read_as_by_earlier_versions():
    twelve_bits = (RAMP * 4_095).round().astype(np.uint16)
    assert mean(grey_file(twelve_bits), None) == pytest.approx(7.97, abs=0.1)
    assert mean(colour_file(twelve_bits), None) == pytest.approx(7.5, abs=0.1)
    assert mean(grey_file((RAMP * 3_000).astype(np.int32)), None) == pytest.approx(127.5 * 3_000 / 65_535, abs=0.5)


def test_the_levels_are_those_of_the_finite_colours():
    values = (RAMP * 100 - 20).astype(np.float32)
    values[0, 0], values[1, 1] = np.nan, np.inf
    assert decode_and_measure(grey_file(values))[1] == ("float grey", -20, 80)
    transparent = np.dstack([(RAMP * 3_000).round().astype(np.uint16)] * 3 + [np.full(RAMP.shape, 65_535, np.uint16)])
    assert decode_and_measure(encoded_array(transparent, ".png"))[1] == ("16-bit colour", 0, 3_000)
    assert decode_and_measure(KINDS["png"])[1] is None


def test_a_deep_image_is_decoded_upright():
    exif = Image.Exif()
    exif[0x0112] = 6
    turned = grey_file((RAMP * 4_095).round().astype(np.uint16), "PNG")
    with Image.open(io.BytesIO(turned)) as image:
        for file_format in ("PNG", "TIFF"):
            decoded = decode(encoded(image, file_format, exif=exif))
            assert decoded.size == (HEIGHT, WIDTH) and decoded.getpixel((5, WIDTH - 1)) == (255, 255, 255)


@pytest.mark.parametrize("dtype", [np.uint16, np.float32, np.int32])
def test_a_deep_image_takes_little_memory(dtype):
    """NumPy's memory in bytes per value: the values, their 8 bits and copies of both, but no float64 of all of them."""
    values = np.tile((RAMP * 4_095).astype(dtype), (12, 12))
    content = colour_file(values) if dtype is np.uint16 else grey_file(values)
    tracemalloc.start()
    decode(content)
    peak = tracemalloc.get_traced_memory()[1] - len(content)
    tracemalloc.stop()
    assert peak / values.size < (18 if dtype is np.uint16 else 12)


dtypes = st.sampled_from([np.uint8, np.uint16, np.int32, np.float32])


@given(dtypes, st.floats(-12, 1), st.integers(0, 3), st.data())
def test_any_type_range_and_channels_give_a_sensible_mean(dtype, exponent, channels, data):
    limit = float(np.finfo(dtype).max) if dtype is np.float32 else float(np.iinfo(dtype).max)
    highest = max(min(10.0 ** (exponent + 12) / 1e6, limit), 0 if dtype is np.float32 else 1)
    values = np.where(RAMP > 0.5, highest, 0).astype(dtype)
    if dtype is np.float32:
        for special in data.draw(st.lists(st.sampled_from([np.nan, np.inf, -np.inf]), max_size=3)):
            values[data.draw(st.integers(0, HEIGHT - 1)), 0] = special
    if channels >= 2 and dtype in (np.uint8, np.uint16):
        content = encoded_array(np.dstack([values] * 3), [".png", ".tiff"][channels - 2])
    else:
        content = grey_file(values)
    # half of the pixels are white, or between a quarter of white and white
    expected = (values > 0).mean() * min(highest, 255) if dtype is np.uint8 else 127.5
    assert expected / 4 - 2 <= mean(content) <= expected + 2


@given(arrays.arrays(st.sampled_from([np.float32, np.int32, np.uint16]), (5, 7)))
def test_any_values_are_an_image(values):
    assert 0 <= mean(grey_file(values)) <= 255
    assert 0 <= mean(grey_file(values), None) <= 255


@given(st.floats(0, 1e38))
def test_the_white_value_covers_all_values_and_leaves_them_visible(highest):
    white = white_value(highest)
    assert highest <= 1.01 * white and (highest == 0 or highest >= white / 4)


def with_text(size: int) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("history", "x" * size, zip=True)
    return info


LARGE = {
    "an ICC profile": {"icc_profile": bytes(3_000_000)},
    "a compressed text": {"pnginfo": with_text(3_000_000)},
}


@pytest.mark.parametrize("kind", LARGE)
def test_a_png_with_large_texts_or_profile_is_read(kind):
    assert (load_image(encoded(upright(), "PNG", **LARGE[kind]), SIZE) == EXPECTED).all()


@pytest.mark.parametrize(
    "options", [{"icc_profile": bytes(MAX_TEXT_BYTES + 1)}, {"pnginfo": with_text(MAX_TEXT_BYTES + 1)}]
)
def test_a_png_whose_texts_are_a_bomb_is_refused_with_the_limit(options):
    with pytest.raises(UnreadableImage, match=r"its texts or its colour profile take more than 64 MB"):
        load_image(encoded(upright(), "PNG", **options), SIZE)


def test_transparent_grey_becomes_white():
    pixels = load_image(GREYS["la png"], SIZE)
    assert (pixels[20:, 20:] == 255).all() and (pixels[:10, :10] < 128).all()


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("file_format", ["PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_is_decoded_upright(file_format, number):
    options = {"lossless": True} if file_format == "WEBP" else {}
    assert (load_image(oriented(number, file_format, **options), SIZE) == EXPECTED).all()


@pytest.mark.parametrize("number", range(1, 9))
def test_every_exif_orientation_of_a_jpeg_is_decoded_upright(number):
    assert close(load_image(KINDS[f"exif {number}"], SIZE), EXPECTED, tolerance=12)


def test_a_large_jpeg_is_decoded_at_reduced_size():
    large = encoded(upright().resize((WIDTH * 20, HEIGHT * 20), Image.Resampling.NEAREST), "JPEG", quality=95)
    assert open_image(large).size == (1_920, 1_280)
    assert min(decode(large, min_size=SIZE).size) in range(2 * SIZE, 1_280)
    assert close(load_image(large, SIZE), EXPECTED, tolerance=12)


BAD = {
    "empty": b"",
    "text": b"hello",
    "html": b"<!doctype html><html><img src=x onerror=alert(1)></html>",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "eps": b"%!PS-Adobe-3.0 EPSF",
    "start of a jpeg": b"\xff\xd8\xff\xe0",
    "start of a png": b"\x89PNG\r\n\x1a\n",
    "truncated jpeg": KINDS["jpeg"][:-400],
    "truncated png": KINDS["png"][:-30],
    "truncated gif": KINDS["gif"][:60],
    "truncated tiff": KINDS["tiff"][: len(KINDS["tiff"]) // 2],
    "truncated webp": KINDS["webp"][:-40],
    "pixel bomb": encoded(Image.new("1", (12_000, 12_000)), "PNG"),
}


@pytest.mark.parametrize("name", BAD)
def test_an_unusable_file_has_a_reason(tmp_path, name):
    path = tmp_path / "a.jpg"
    path.write_bytes(BAD[name])
    for source in (path, BAD[name], io.BytesIO(BAD[name])):
        with pytest.raises(UnreadableImage, match=r"damaged: .|not an image|pixels, more than 100 million"):
            load_image(source, SIZE)


def test_an_image_with_too_many_pixels_is_refused_by_its_header():
    with pytest.raises(UnreadableImage, match="12000 x 12000 pixels, more than 100 million"):
        open_image(BAD["pixel bomb"])


def test_a_missing_file_and_a_folder_have_a_reason(tmp_path):
    for path in (tmp_path, tmp_path / "gone.jpg"):
        with pytest.raises(UnreadableImage, match="damaged: "):
            load_image(path, SIZE)


def expect_image_or_reason(content: bytes) -> None:
    try:
        pixels = load_image(content, SIZE)
    except UnreadableImage as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert pixels.shape == (SIZE, SIZE, 3) and pixels.dtype == np.uint8


noisy = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged files
starts = st.sampled_from([b"", *(content[:24] for content in KINDS.values())])


@noisy
@given(starts, st.binary(max_size=400))
def test_random_bytes_raise_no_other_exception(start, noise):
    expect_image_or_reason(start + noise)


@noisy
@settings(max_examples=200)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_altered_and_truncated_files_raise_no_other_exception(kind, data):
    content = bytearray(KINDS[kind])
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    expect_image_or_reason(bytes(content[: data.draw(st.integers(1, len(content)))]))
