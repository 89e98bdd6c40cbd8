"""Dropped files: every readable one is taken, every other one is named with its reason."""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from painted import KINDS, saved, upright
from PIL import Image

from core.data.datasets.decode import load_image
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, pixels_of, read_uploads


def received(name: str, content: bytes | Path) -> UploadedImage | RefusedFile:
    (item,) = read_uploads([(name, content)])
    return item


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_that_training_reads_is_taken(kind):
    item = received("a.jpg", KINDS[kind])
    assert isinstance(item, UploadedImage) and item.hash == hashlib.sha256(KINDS[kind]).hexdigest()
    assert Image.open(io.BytesIO(item.thumbnail)).size == (96, 64)


def test_thumbnails_are_small():
    large = received("a.png", saved(upright().resize((960, 640)), "PNG"))
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
    "photo.heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(500), "HEIC or AVIF"),
    "renamed.jpg": (b"\0\0\0\x18ftypavif" + bytes(500), "HEIC or AVIF"),
    "cut.jpg": (KINDS["jpeg"][:-400], "damaged"),
    "empty.jpg": (b"", "an empty file"),
    "text.jpg": (b"hello", "not a picture"),
    "bomb.png": (saved(Image.new("1", (12_000, 12_000)), "PNG"), "12000 x 12000 pixels"),
    "model.keras": (_zip(), "a model file"),
    "MODEL.H5": (HDF5, "a model file"),
    "weights.hdf5": (HDF5, "a model file"),
    "model.keras.jpg": (_zip(), "an archive or a model"),
    "weights.jpg": (HDF5, "HDF5"),
    "a.pdf.png": (b"%PDF-1.7", "a PDF"),
}


@pytest.mark.faults
@pytest.mark.parametrize("name", BAD)
def test_what_is_no_picture_is_named_with_its_reason(name):
    content, reason = BAD[name]
    item = received(name, content)
    assert isinstance(item, RefusedFile) and item.name == name and reason in item.reason and "\n" not in item.reason


@pytest.mark.faults
def test_a_model_is_not_even_opened(tmp_path):
    item = received("model.keras", tmp_path / "there is nothing to open")
    assert isinstance(item, RefusedFile) and "a model file" in item.reason


@pytest.mark.faults
def test_a_bad_file_spoils_no_other_and_the_order_stays(tmp_path):
    files = [("1.png", KINDS["png"]), ("2.jpg", b"<html>"), ("3.gif", KINDS["gif"]), ("4.jpg", tmp_path / "gone.jpg")]
    kinds = [(item.name, type(item)) for item in read_uploads(files)]
    assert kinds == [("1.png", UploadedImage), ("2.jpg", RefusedFile), ("3.gif", UploadedImage), ("4.jpg", RefusedFile)]


def test_models_see_what_training_sees(tmp_path):
    path = tmp_path / "a.jpg"
    path.write_bytes(KINDS["exif 6"])
    pixels, unreadable = pixels_of({"a": path, "b": KINDS["cmyk jpeg"]}, 96)
    assert all(each.shape == (96, 96, 3) and each.dtype == np.uint8 for each in pixels.values()) and not unreadable
    assert (pixels["a"] == load_image(path, 96)).all() and (pixels["b"] == load_image(KINDS["cmyk jpeg"], 96)).all()


@pytest.mark.faults
def test_what_cannot_be_read_any_more_spoils_no_other(tmp_path):
    pixels, unreadable = pixels_of(
        {"gone": tmp_path / "gone.jpg", "cut": KINDS["jpeg"][:-400], "odd": Path("a\0b"), "good": KINDS["png"]}, 96
    )
    assert list(pixels) == ["good"] and list(unreadable) == ["gone", "cut", "odd"]
    assert unreadable["gone"] == "cannot be read: No such file or directory" and "damaged" in unreadable["cut"]
    assert all(isinstance(received("a.jpg", Path(name)), RefusedFile) for name in (tmp_path / "gone.jpg", "a\0b"))
