"""One ingest for training and prediction, and a reason for whatever is no picture."""

import io
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted import COLOUR, GREYS, HEIGHT, KINDS, LOSSY, WIDTH, oriented, saved, upright
from PIL import Image

from core.data.datasets.decode import UnreadableImage, decode, load_image, open_image, to_square

pytestmark = pytest.mark.faults
SIZE = 32
EXPECTED = np.asarray(to_square(upright(), SIZE))
kinds = pytest.mark.parametrize("kind", KINDS)


def close(pixels: np.ndarray, expected: np.ndarray, tolerance: int) -> bool:
    """Whether both are alike inside each quarter; its edges blur."""
    inside = [slice(3, 13), slice(19, 29)]
    return all(
        np.abs(pixels[rows, columns].astype(int) - expected[rows, columns]).max() <= tolerance
        for rows in inside
        for columns in inside
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """Every kind as a file, its name ending as if it were another."""
    folder = tmp_path_factory.mktemp("kinds")
    for kind, content in KINDS.items():
        (folder / f"{kind}.jpg").write_bytes(content)
    return folder


@kinds
def test_path_bytes_and_file_object_are_the_same_picture(folder, kind):
    path = folder / f"{kind}.jpg"
    pixels = load_image(path, SIZE)
    assert pixels.shape == (SIZE, SIZE, 3) and pixels.dtype == np.uint8
    with path.open("rb") as file:
        assert (load_image(file, SIZE) == pixels).all()
        assert (load_image(file, SIZE) == pixels).all(), "also when it has been read before"
    assert (load_image(path.read_bytes(), SIZE) == pixels).all()
    assert (load_image(io.BytesIO(path.read_bytes()), SIZE) == pixels).all()


@pytest.mark.parametrize("kind", COLOUR)
def test_lossless_kinds_have_the_exact_colours(kind):
    expected = EXPECTED
    if kind == "rgb png with a transparent colour":
        blue = Image.new("RGB", (WIDTH // 2, HEIGHT // 2), "white")
        picture = upright()
        picture.paste(blue, (0, HEIGHT // 2))
        expected = np.asarray(to_square(picture, SIZE))
    assert close(load_image(COLOUR[kind], SIZE), expected, tolerance=0)


@pytest.mark.parametrize("kind", LOSSY)
def test_lossy_kinds_come_close(kind):
    assert close(load_image(LOSSY[kind], SIZE), EXPECTED, tolerance=12)


@pytest.mark.parametrize("kind", ["16-bit png", "16-bit tiff", "float tiff", "32-bit tiff"])
def test_16_bits_keep_their_greys(kind):
    pixels = np.asarray(decode(GREYS[kind]))
    assert (pixels[0, :, 0] == np.linspace(0, 255, WIDTH).round()).all()
    assert (pixels[..., 0] == pixels[..., 2]).all()


def test_transparent_grey_becomes_white():
    pixels = load_image(GREYS["la png"], SIZE)
    assert (pixels[20:, 20:] == 255).all() and (pixels[:10, :10] < 128).all()


@pytest.mark.parametrize("number", range(9))
@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_every_orientation_comes_out_upright(kind, number):
    options = {"lossless": True} if kind == "WEBP" else {}
    assert (load_image(oriented(number, kind, **options), SIZE) == EXPECTED).all()


@pytest.mark.parametrize("number", range(1, 9))
def test_every_orientation_of_a_jpeg_comes_out_upright(number):
    assert close(load_image(KINDS[f"exif {number}"], SIZE), EXPECTED, tolerance=12)


def test_a_large_jpeg_is_decoded_small_and_alike():
    large = saved(upright().resize((WIDTH * 20, HEIGHT * 20), Image.Resampling.NEAREST), "JPEG", quality=95)
    assert open_image(large).size == (1_920, 1_280)
    assert min(decode(large, at_least=SIZE).size) in range(2 * SIZE, 1_280)
    assert close(load_image(large, SIZE), EXPECTED, tolerance=12)


BAD = {
    "empty": b"",
    "text": b"hello",
    "html": b"<!doctype html><html><img src=x onerror=alert(1)></html>",
    "heic": b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500),
    "svg": b"<svg xmlns='http://www.w3.org/2000/svg'/>",
    "eps": b"%!PS-Adobe-3.0 EPSF",
    "a jpeg's start": b"\xff\xd8\xff\xe0",
    "a png's start": b"\x89PNG\r\n\x1a\n",
    "truncated jpeg": KINDS["jpeg"][:-400],
    "truncated png": KINDS["png"][:-30],
    "truncated gif": KINDS["gif"][:60],
    "truncated tiff": KINDS["tiff"][: len(KINDS["tiff"]) // 2],
    "truncated webp": KINDS["webp"][:-40],
    "pixel bomb": saved(Image.new("1", (12_000, 12_000)), "PNG"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_has_a_reason(tmp_path, name):
    path = tmp_path / "a.jpg"
    path.write_bytes(BAD[name])
    for source in (path, BAD[name], io.BytesIO(BAD[name])):
        with pytest.raises(UnreadableImage, match=r"damaged: .|not a picture|pixels, more than 100 million"):
            load_image(source, SIZE)


def test_a_pixel_bomb_is_refused_by_its_header():
    with pytest.raises(UnreadableImage, match="12000 x 12000 pixels, more than 100 million"):
        open_image(BAD["pixel bomb"])


def test_a_missing_file_and_a_folder_have_a_reason(tmp_path):
    for path in (tmp_path, tmp_path / "gone.jpg"):
        with pytest.raises(UnreadableImage, match="damaged: "):
            load_image(path, SIZE)


def expect_picture_or_reason(content: bytes) -> None:
    try:
        pixels = load_image(content, SIZE)
    except UnreadableImage as error:
        assert str(error) and "\n" not in str(error)
    else:
        assert pixels.shape == (SIZE, SIZE, 3) and pixels.dtype == np.uint8


noisy = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about what it finds in damaged files
starts = st.sampled_from([b"", *(content[:24] for content in KINDS.values())])


@noisy
@given(starts, st.binary(max_size=400))
def test_random_bytes_never_raise_anything_else(start, noise):
    expect_picture_or_reason(start + noise)


@noisy
@settings(max_examples=200)
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_flipped_and_cut_files_never_raise_anything_else(kind, data):
    content = bytearray(KINDS[kind])
    for place in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[place] ^= 1 << data.draw(st.integers(0, 7))
    expect_picture_or_reason(bytes(content[: data.draw(st.integers(1, len(content)))]))
