"""Files when they are first read: damage in a JPEG is found, and what is no image is named."""

import io
import tempfile
from pathlib import Path

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from painted import KINDS, encoded, oriented, upright
from PIL import Image

from core.data.datasets.images.decode import UnreadableImage, decode, load_image
from core.data.datasets.images.file_check import check_and_decode, check_header
from core.data.datasets.scan import scan
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, read_uploads

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
    "mpo": encoded(PHOTO, "MPO", quality=90, save_all=True, append_images=[PHOTO.convert("L").resize((300, 200))]),
}
SCAN, END = b"\xff\xda", b"\xff\xd9"


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


def upload(content: bytes) -> UploadedImage | RefusedFile:
    (item,) = read_uploads([("photo.jpg", content)])
    return item


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


@pytest.mark.parametrize("kind", ["rgb", "mpo"])
@pytest.mark.parametrize("fill", [b"\0", b"\0" * 300, b"\xff" * 8])
def test_fill_bytes_before_the_end_marker_are_no_damage(fill, kind):
    content = JPEGS[kind]
    end = content.index(END, content.index(SCAN))  # of the first image; a second one follows in an MPO
    assert check_and_decode(content[:end] + fill + content[end:], 300)[0].size == PHOTO.size


def test_other_bytes_before_the_end_marker_are_damage_also_if_the_second_image_of_an_mpo_has_fill_bytes():
    content = JPEGS["mpo"]
    end = content.index(END, content.index(SCAN))
    with pytest.raises(UnreadableImage, match="extraneous bytes"):
        check_and_decode(content[:end] + b"x" * 30 + content[end:-2] + bytes(300) + END, 32)


def test_a_phone_photo_with_a_second_image_is_read_by_scan_and_upload_also_if_the_second_is_cut_off(tmp_path):
    (tmp_path / "glass").mkdir()
    for name, content in {"whole.jpg": JPEGS["mpo"], "cut.jpg": JPEGS["mpo"][:-3_000]}.items():
        (tmp_path / "glass" / name).write_bytes(content)
        assert isinstance(upload(content), UploadedImage)
        np.testing.assert_allclose(load_image(content, 32), load_image(JPEGS["rgb"], 32), atol=2)
    assert [(image.width, image.height) for image in scan(tmp_path).images] == [PHOTO.size, PHOTO.size]


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


def larger_than_allowed(kind: str) -> bytes:
    """The header of a HEIC or AVIF file changed to 12,000 x 12,000 pixels."""
    content = KINDS[kind]
    size = content.index(b"ispe") + 8
    return content[:size] + (12_000).to_bytes(4) * 2 + content[size + 8 :]


TOO_LARGE = {kind: larger_than_allowed(kind) for kind in ("heic", "avif")} | {
    "tiff": encoded(Image.new("1", (12_000, 12_000)), "TIFF", compression="tiff_lzw")
}


@pytest.mark.parametrize("kind", TOO_LARGE)
def test_a_reason_that_decoders_know_exactly_is_not_replaced(kind):
    for read in (lambda content: check_header(io.BytesIO(content)), lambda content: check_and_decode(content, 32)):
        with pytest.raises(UnreadableImage, match=r"^12000 x 12000 pixels, more than 100 million$"):
            read(TOO_LARGE[kind])


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


noisy = pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about damaged files
BROKEN_EXIF = oriented(6, "JPEG", quality=95).replace(b"Exif\0\0MM\0*", b"Exif\0\0MM\0:")
ALTERABLE = KINDS | {f"{name} with exif": oriented(6, name) for name in ("PNG", "TIFF", "WEBP", "MPO")}


@noisy
def test_a_photo_with_broken_exif_data_is_read_as_it_is_stored(tmp_path):
    (tmp_path / "glass").mkdir()
    (tmp_path / "glass" / "1.jpg").write_bytes(BROKEN_EXIF)
    (image,) = scan(tmp_path).images
    assert (image.width, image.height) == (64, 96) and isinstance(upload(BROKEN_EXIF), UploadedImage)
    turned = np.asarray(upright().transpose(Image.Transpose.ROTATE_90).resize((32, 32)))
    assert np.abs(load_image(BROKEN_EXIF, 32)[4:12, 4:12].astype(int) - turned[4:12, 4:12]).max() <= 12


@noisy
@given(st.sampled_from(["JPEG", "PNG", "WEBP"]), st.sampled_from([b"", b"MM\0*\0\0\0\x08", b"II*\0"]), st.binary())
def test_an_image_is_read_whatever_its_exif_data_are(file_format, start, noise):
    content = encoded(upright(), file_format, exif=b"Exif\0\0" + start + noise)
    assert sorted(check_and_decode(content, 300)[0].size) == [64, 96] and load_image(content, 32).any()


@st.composite
def altered(draw: st.DrawFn) -> bytes:
    """An image file with some changed bits, most of them near its start, where the headers are; perhaps cut off."""
    content = bytearray(ALTERABLE[draw(st.sampled_from(sorted(ALTERABLE)))])
    anywhere, at_start = st.integers(0, len(content) - 1), st.integers(0, 299)
    for position in draw(st.lists(anywhere | at_start, min_size=1, max_size=6)):
        content[min(position, len(content) - 1)] ^= 1 << draw(st.integers(0, 7))
    return bytes(content[: draw(anywhere)]) if draw(st.booleans()) else bytes(content)


@noisy
@settings(max_examples=300)
@given(altered())
def test_an_altered_file_is_an_image_or_has_a_reason(content):
    try:
        assert check_and_decode(content, 32)[0].mode == "RGB"
    except UnreadableImage as error:
        assert str(error) and "\n" not in str(error)


@noisy
@settings(max_examples=30)
@given(st.lists(altered(), min_size=1, max_size=8))
def test_altered_files_affect_no_other_file_of_a_scan_or_upload(contents):
    with tempfile.TemporaryDirectory() as folder:
        files = {f"{number}.jpg": content for number, content in enumerate([KINDS["png"], *contents])}
        (Path(folder) / "glass").mkdir()
        for name, content in files.items():
            (Path(folder) / "glass" / name).write_bytes(content)
        found = scan(Path(folder))
    named = {image.path for image in found.images} | {problem.location for problem in found.problems}
    assert {f"glass/{name}" for name in files} <= named and "glass/0.jpg" in {image.path for image in found.images}
    uploaded = list(read_uploads(files.items()))
    assert [item.name for item in uploaded] == list(files) and isinstance(uploaded[0], UploadedImage)
