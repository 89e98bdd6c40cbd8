"""Uploaded files: every readable image is accepted, every other file is refused with a reason."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from painted import KINDS, encoded, upright
from PIL import Image

from core.data.datasets.images.decode import load_image
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, load_pixels, read_uploads


def received(name: str, content: bytes | Path) -> UploadedImage | RefusedFile:
    (item,) = read_uploads([(name, content)])
    return item


@pytest.mark.parametrize("kind", KINDS)
def test_every_image_type_that_training_reads_is_accepted(kind):
    item = received("a.jpg", KINDS[kind])
    assert isinstance(item, UploadedImage) and item.hash == hashlib.sha256(KINDS[kind]).hexdigest()
    assert Image.open(io.BytesIO(item.thumbnail)).size == (96, 64)
    assert item.is_deep == any(name in kind for name in ("16-bit", "32-bit", "float"))


def test_thumbnails_are_small():
    large = received("a.png", encoded(upright().resize((960, 640)), "PNG"))
    assert Image.open(io.BytesIO(large.thumbnail)).size == (160, 107)


def _zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("config.json", "{}")
    return file.getvalue()


HDF5 = b"\x89HDF\r\n\x1a\n" + bytes(100)
BAD = {
    "page.jpg": (b"  <!DOCTYPE html><html></html>", "a web page"),
    "drawing.png": (b"<svg xmlns='x'/>", "a web page"),
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), "HEIC that cannot be decoded"),
    "renamed.jpg": (b"\0\0\0\x18ftypavif" + bytes(500), "AVIF that cannot be decoded"),
    "cut.jpg": (KINDS["jpeg"][:-400], "damaged"),
    "empty.jpg": (b"", "an empty file"),
    "text.jpg": (b"hello", "not an image"),
    "bomb.png": (encoded(Image.new("1", (12_000, 12_000)), "PNG"), "12000 x 12000 pixels"),
    "model.keras": (_zip(), "a model file"),
    "MODEL.H5": (HDF5, "a model file"),
    "weights.hdf5": (HDF5, "a model file"),
    "model.keras.jpg": (_zip(), "an archive or a model"),
    "weights.jpg": (HDF5, "HDF5"),
    "a.pdf.png": (b"%PDF-1.7", "a PDF"),
}


@pytest.mark.faults
@pytest.mark.parametrize("name", BAD)
def test_a_file_that_is_not_an_image_is_refused_with_a_reason(name):
    content, reason = BAD[name]
    item = received(name, content)
    assert isinstance(item, RefusedFile) and item.name == name and reason in item.reason and "\n" not in item.reason


@pytest.mark.faults
def test_a_model_is_refused_without_being_opened(tmp_path):
    item = received("model.keras", tmp_path / "missing")
    assert isinstance(item, RefusedFile) and "a model file" in item.reason


@pytest.mark.faults
def test_an_unreadable_file_does_not_affect_others_or_the_order(tmp_path):
    files = [("1.png", KINDS["png"]), ("2.jpg", b"<html>"), ("3.gif", KINDS["gif"]), ("4.jpg", tmp_path / "gone.jpg")]
    kinds = [(item.name, type(item)) for item in read_uploads(files)]
    assert kinds == [("1.png", UploadedImage), ("2.jpg", RefusedFile), ("3.gif", UploadedImage), ("4.jpg", RefusedFile)]


def test_pixels_are_loaded_as_in_training(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(KINDS["exif 6"])
    pixels, unreadable = load_pixels({"a": path, "b": KINDS["cmyk jpeg"]}, 96)
    assert all(image.shape == (96, 96, 3) and image.dtype == np.uint8 for image in pixels.values()) and not unreadable
    assert (pixels["a"] == load_image(path, 96)).all() and (pixels["b"] == load_image(KINDS["cmyk jpeg"], 96)).all()


@pytest.mark.faults
def test_a_file_that_disappeared_does_not_affect_others(tmp_path):
    pixels, unreadable = load_pixels(
        {"gone": tmp_path / "gone.jpg", "cut": KINDS["jpeg"][:-400], "odd": Path("a\0b"), "good": KINDS["png"]}, 96
    )
    assert list(pixels) == ["good"] and list(unreadable) == ["gone", "cut", "odd"]
    assert unreadable["gone"] == "cannot be read: No such file or directory" and "damaged" in unreadable["cut"]
    assert all(isinstance(received("a.jpg", Path(name)), RefusedFile) for name in (tmp_path / "gone.jpg", "a\0b"))
