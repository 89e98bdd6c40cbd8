"""Decoding is the same for all sources of an image, and every unusable file gets a reason."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted import COLOUR, GREYS, HEIGHT, KINDS, LOSSY, WIDTH, encoded, oriented, upright
from PIL import Image

from core.data.datasets.decode import UnreadableImage, decode, load_image, open_image, to_square

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
