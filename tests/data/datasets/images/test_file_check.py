"""Files when they are first read: damage in a JPEG is found, and what is no image is named."""

import io

import cv2
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from painted import KINDS, encoded
from PIL import Image

from core.data.datasets.decode import UnreadableImage, decode, load_image
from core.data.datasets.images.file_check import check_and_decode, check_header
from core.data.datasets.scan import scan

pytestmark = pytest.mark.faults

NOISE = np.random.default_rng(0).integers(0, 256, (40, 60, 3), np.uint8)
PHOTO = Image.fromarray(NOISE).resize((600, 400), Image.Resampling.BICUBIC)
JPEGS = {
    "rgb": encoded(PHOTO, "JPEG", quality=90),
    "grey": encoded(PHOTO.convert("L"), "JPEG", quality=90),
    "cmyk": encoded(PHOTO.convert("CMYK"), "JPEG", quality=90),
    "progressive": encoded(PHOTO, "JPEG", progressive=True),
    "restart markers": encoded(PHOTO, "JPEG", restart_marker_rows=4),
    "4:4:4": encoded(PHOTO, "JPEG", subsampling=0),
}
END = b"\xff\xd9"


def overwritten(content: bytes) -> bytes:
    middle = len(content) // 2
    return content[:middle] + bytes(2_000) + content[middle + 2_000 :]


DAMAGED = {
    "overwritten in the middle": overwritten,
    "a part is missing": lambda content: content[: len(content) // 2] + content[len(content) // 2 + 2_000 :],
    "an early end marker": lambda content: content[: len(content) // 2] + END,
    "an early end marker, then the rest": lambda content: content[: len(content) // 2] + END + content[-2_000:],
    "half of the file": lambda content: content[: len(content) // 2],
}


@pytest.mark.parametrize("kind", JPEGS)
@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_jpeg_is_refused(kind, damage):
    with pytest.raises(UnreadableImage, match=r"^damaged: "):
        check_and_decode(DAMAGED[damage](JPEGS[kind]), 32)


@pytest.mark.parametrize("damage", list(DAMAGED)[:4])
def test_decoders_alone_pass_over_the_damage(damage):
    assert load_image(DAMAGED[damage](JPEGS["rgb"]), 32).any(), "otherwise this check would not be needed"


@pytest.mark.parametrize("kind", JPEGS)
def test_a_sound_jpeg_is_decoded_as_by_pillow(kind):
    image, levels = check_and_decode(JPEGS[kind], 300)  # large enough that neither decodes at reduced size
    assert levels is None and image.mode == "RGB"
    assert np.abs(np.asarray(image).astype(int) - np.asarray(decode(JPEGS[kind]))).max() <= 1


@pytest.mark.parametrize("kind", KINDS)
def test_every_other_image_is_decoded_as_before(kind):
    image, _ = check_and_decode(KINDS[kind], 300)
    assert image.size == decode(KINDS[kind]).size == (96, 64)


@pytest.mark.parametrize("fill", [b"\0", b"\0" * 300, b"\xff" * 8])
def test_fill_bytes_before_the_end_marker_are_no_damage(fill):
    check_and_decode(JPEGS["rgb"][:-2] + fill + END, 32)


def test_bytes_after_the_end_marker_are_no_damage():
    check_and_decode(JPEGS["rgb"] + b"a video that a phone appended" * 99, 32)


NOT_IMAGES = {
    b"": "an empty file",
    bytes(900): "only zeros",
    b"\xef\xbb\xbf \n<!DOCTYPE html><html></html>": "a web page or drawing",
    b"%PDF-1.7": "a PDF",
    b"Rar!\x1a\x07\x00": "an archive (RAR)",
    b"\x1f\x8b\x08\x00": "an archive (gzip)",
    b"\0\0\0\x20ftypisom\0\0\x02\0isomiso2": "a video",
    b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500): "a kind of HEIC that cannot be decoded",
    b"\0\0\0\x18ftypavif\0\0\0\0mif1avif" + bytes(500): "a kind of AVIF that cannot be decoded",
    KINDS["heic"][:500]: "HEIC",
    cv2.imencode(".tiff", NOISE.astype(np.float32))[1].tobytes(): "a kind of TIFF that is not read (float colours)",
    b"\0\0\0\x0cJXL \r\n\x87\n": "JPEG XL",
    b"hello": "not an image",
}


@pytest.mark.parametrize("content", NOT_IMAGES, ids=NOT_IMAGES.values())
def test_what_is_no_image_is_named(content):
    with pytest.raises(UnreadableImage) as caught:
        check_header(io.BytesIO(content))
        check_and_decode(content, 32)
    assert NOT_IMAGES[content] in str(caught.value)


def test_a_scan_reports_them_by_name_and_reads_photos_of_phones(tmp_path):
    files = {
        "cut.jpg": DAMAGED["an early end marker"](JPEGS["rgb"]),
        "empty.jpg": b"",
        "page.jpg": b"<html>not found</html>",
        "IMG_1.HEIC": KINDS["heic"],
        "1.avif": KINDS["avif"],
    }
    (tmp_path / "glass").mkdir()
    for name, content in files.items():
        (tmp_path / "glass" / name).write_bytes(content)
    dataset = scan(tmp_path)
    assert sorted(image.path for image in dataset.images) == ["glass/1.avif", "glass/IMG_1.HEIC"]
    reasons = {problem.location: problem.reason for problem in dataset.problems}
    assert reasons["glass/empty.jpg"] == "an empty file" and "a web page" in reasons["glass/page.jpg"]
    assert reasons["glass/cut.jpg"].startswith("damaged: a part of its image data is missing")


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged files
@given(st.sampled_from(sorted(KINDS)), st.data())
def test_altered_files_raise_no_other_exception(kind, data):
    content = bytearray(KINDS[kind])
    for position in data.draw(st.lists(st.integers(0, len(content) - 1), min_size=1, max_size=4)):
        content[position] ^= 1 << data.draw(st.integers(0, 7))
    try:
        assert check_and_decode(bytes(content), 32)[0].mode == "RGB"
    except UnreadableImage as error:
        assert str(error) and "\n" not in str(error)
