"""What a visitor brings is on disk while he is here, each picture once."""

import io
import zipfile
from pathlib import Path

import pytest
from painted import KINDS

from core.data.uploads.session_images import NewFile, SessionImages
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage


def took(session_images: SessionImages, **files: bytes) -> list[tuple[int, int]]:
    return list(session_images.add([NewFile(name, name, io.BytesIO(content)) for name, content in files.items()]))


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, entry in files.items():
            archive.writestr(name, entry)
    return content.getvalue()


def test_files_and_zips_come_in_their_order_each_picture_once():
    session_images = SessionImages()
    inside = zipped(**{"x/b.gif": KINDS["gif"], "x/c.png": KINDS["png"], "x/d.jpg": b"<html>"})
    steps = took(session_images, **{"a.png": KINDS["png"], "more.zip": inside, "e.jpg": KINDS["jpeg"]})
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
    took(session_images, **{"again.png": KINDS["png"]})
    assert len(session_images.received) == 4
    folder = next(iter(session_images.contents.values())).parent
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 3, "of what is there already no copy is kept"


def test_a_drop_that_is_interrupted_goes_on_where_it_was():
    session_images = SessionImages()
    files = [NewFile(str(number), f"{number}.png", io.BytesIO(b"<html>" + bytes([number]))) for number in range(40)]
    for done, total in session_images.add(files):
        assert (done, total) == (16, 40)
        break  # the visitor clicked elsewhere
    assert [step[0] for step in session_images.add(files)] == [32, 40]
    assert [item.name for item in session_images.received] == [f"{number}.png" for number in range(40)]
    assert list(session_images.add(files)) == []


def test_nothing_is_left_when_it_is_cleared_or_forgotten():
    session_images = SessionImages()
    took(session_images, **{"a.png": KINDS["png"]})
    (path,) = session_images.contents.values()
    session_images.clear()
    assert not path.exists() and session_images.received == [] and session_images.contents == {}
    took(session_images, **{"a.png": KINDS["png"]})
    (path,) = session_images.contents.values()
    del session_images
    assert not path.exists()


@pytest.mark.faults
@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "model.keras", "inner.zip"])
def test_a_zip_that_is_unsound_is_refused_alone(name, tmp_path: Path):
    session_images = SessionImages()
    took(session_images, **{"bad.zip": zipped(**{name: KINDS["png"]}), "good.png": KINDS["png"]})
    refused, good = session_images.received
    assert isinstance(refused, RefusedFile) and refused.name == "bad.zip" and refused.reason.startswith("Expected ")
    assert isinstance(good, UploadedImage)


@pytest.mark.faults
def test_what_only_calls_itself_a_zip_is_refused():
    session_images = SessionImages()
    took(session_images, **{"photos.zip": b"hello"})
    assert isinstance(session_images.received[0], RefusedFile) and "zip" in session_images.received[0].reason
