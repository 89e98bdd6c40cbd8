"""What a visitor brings is on disk while he is here, each picture once."""

import io
import zipfile
from pathlib import Path

import pytest
from painted import KINDS

from core.data.uploads.session_images import Brought, Visit
from core.data.uploads.uploaded_images import Incoming, Refused


def took(visit: Visit, **files: bytes) -> list[tuple[int, int]]:
    return list(visit.take([Brought(name, name, io.BytesIO(content)) for name, content in files.items()]))


def zipped(**files: bytes) -> bytes:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for name, entry in files.items():
            archive.writestr(name, entry)
    return content.getvalue()


def test_files_and_zips_come_in_their_order_each_picture_once():
    visit = Visit()
    inside = zipped(**{"x/b.gif": KINDS["gif"], "x/c.png": KINDS["png"], "x/d.jpg": b"<html>"})
    steps = took(visit, **{"a.png": KINDS["png"], "more.zip": inside, "e.jpg": KINDS["jpeg"]})
    assert steps == [(3, 3)]
    assert [(item.name, type(item)) for item in visit.received] == [
        ("a.png", Incoming),
        ("x/b.gif", Incoming),
        ("x/d.jpg", Refused),
        ("e.jpg", Incoming),
    ]
    for item in visit.received:
        if isinstance(item, Incoming):
            assert visit.contents[item.hash].is_file()
    took(visit, **{"again.png": KINDS["png"]})
    assert len(visit.received) == 4
    folder = next(iter(visit.contents.values())).parent
    assert len([path for path in folder.rglob("*") if path.is_file()]) == 3, "of what is there already no copy is kept"


def test_a_drop_that_is_interrupted_goes_on_where_it_was():
    visit = Visit()
    files = [Brought(str(number), f"{number}.png", io.BytesIO(b"<html>" + bytes([number]))) for number in range(40)]
    for done, total in visit.take(files):
        assert (done, total) == (16, 40)
        break  # the visitor clicked elsewhere
    assert [step[0] for step in visit.take(files)] == [32, 40]
    assert [item.name for item in visit.received] == [f"{number}.png" for number in range(40)]
    assert list(visit.take(files)) == []


def test_nothing_is_left_when_it_is_cleared_or_forgotten():
    visit = Visit()
    took(visit, **{"a.png": KINDS["png"]})
    (path,) = visit.contents.values()
    visit.clear()
    assert not path.exists() and visit.received == [] and visit.contents == {}
    took(visit, **{"a.png": KINDS["png"]})
    (path,) = visit.contents.values()
    del visit
    assert not path.exists()


@pytest.mark.faults
@pytest.mark.parametrize("name", ["../../evil.png", "/etc/evil.png", "model.keras", "inner.zip"])
def test_a_zip_that_is_unsound_is_refused_alone(name, tmp_path: Path):
    visit = Visit()
    took(visit, **{"bad.zip": zipped(**{name: KINDS["png"]}), "good.png": KINDS["png"]})
    refused, good = visit.received
    assert isinstance(refused, Refused) and refused.name == "bad.zip" and refused.reason.startswith("Expected ")
    assert isinstance(good, Incoming)


@pytest.mark.faults
def test_what_only_calls_itself_a_zip_is_refused():
    visit = Visit()
    took(visit, **{"photos.zip": b"hello"})
    assert isinstance(visit.received[0], Refused) and "zip" in visit.received[0].reason
