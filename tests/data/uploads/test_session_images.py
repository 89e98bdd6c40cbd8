"""Uploaded images are on disk during the session, each once."""

import io
import zipfile
from pathlib import Path

import pytest
from painted import KINDS

from core.data.uploads.session_images import NewFile, SessionImages
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage


def add(session_images: SessionImages, **files: bytes) -> list[tuple[int, int]]:
    return list(session_images.add([NewFile(name, name, io.BytesIO(content)) for name, content in files.items()]))


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, entry in files.items():
            archive.writestr(name, entry)
    return content.getvalue()


def test_files_and_zips_are_stored_in_order_each_image_once():
    session_images = SessionImages()
    inside = zipped(**{"x/b.gif": KINDS["gif"], "x/c.png": KINDS["png"], "x/d.jpg": b"<html>"})
    steps = add(session_images, **{"a.png": KINDS["png"], "more.zip": inside, "e.jpg": KINDS["jpeg"]})
    assert steps == [(3, 3)]
    assert [(item.name, type(item)) for item in session_images.received] == [
        ("a.png", UploadedImage),
        ("x/b.gif", UploadedImage),
        ("x/d.jpg", RefusedFile),
        ("e.jpg", UploadedImage),
    ]
    for item in session_images.received:
        if isinstance(item, UploadedImage):
            assert session_images.contents[item.hash].is_file()
    add(session_images, **{"again.png": KINDS["png"]})
    assert len(session_images.received) == 4
    folder = next(iter(session_images.contents.values())).parent
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 3, (
        "an image that is stored already is not stored again"
    )


def test_an_interrupted_upload_continues_where_it_stopped():
    session_images = SessionImages()
    files = [NewFile(str(number), f"{number}.png", io.BytesIO(b"<html>" + bytes([number]))) for number in range(40)]
    for done, total in session_images.add(files):
        assert (done, total) == (16, 40)
        break  # the user clicked elsewhere
    assert [step[0] for step in session_images.add(files)] == [32, 40]
    assert [item.name for item in session_images.received] == [f"{number}.png" for number in range(40)]
    assert list(session_images.add(files)) == []


def test_clearing_and_deleting_remove_all_files():
    session_images = SessionImages()
    add(session_images, **{"a.png": KINDS["png"]})
    (path,) = session_images.contents.values()
    session_images.clear()
    assert not path.exists() and session_images.received == [] and session_images.contents == {}
    add(session_images, **{"a.png": KINDS["png"]})
    (path,) = session_images.contents.values()
    del session_images
    assert not path.exists()


@pytest.mark.faults
@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "model.keras", "inner.zip"])
def test_a_harmful_zip_is_refused_without_affecting_other_files(name, tmp_path: Path):
    session_images = SessionImages()
    add(session_images, **{"bad.zip": zipped(**{name: KINDS["png"]}), "good.png": KINDS["png"]})
    refused, good = session_images.received
    assert isinstance(refused, RefusedFile) and refused.name == "bad.zip" and refused.reason.startswith("Expected ")
    assert isinstance(good, UploadedImage)


@pytest.mark.faults
def test_a_file_that_is_only_named_zip_is_refused():
    session_images = SessionImages()
    add(session_images, **{"photos.zip": b"hello"})
    assert isinstance(session_images.received[0], RefusedFile) and "zip" in session_images.received[0].reason
