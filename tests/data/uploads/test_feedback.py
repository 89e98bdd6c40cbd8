"""Images whose true class was marked are stored as a data set of class folders."""

import hashlib
import unicodedata

import pytest
from painted import KINDS

from core.data.datasets.images.decode import UnreadableImage
from core.data.datasets.scan import scan
from core.data.uploads.feedback import NONE_OF_THESE, Feedback
from core.data.uploads.limits import UploadError


def test_marked_images_are_in_class_folders_that_scan_reads(tmp_path):
    feedback = Feedback(tmp_path / "feedback")
    assert feedback.labels() == {}
    feedback.mark(KINDS["png"], "../a b.png", "glass")
    feedback.mark(KINDS["jpeg"], "photo", "Ölfass & co")
    digest = hashlib.sha256(KINDS["png"]).hexdigest()
    assert feedback.labels()[digest] == "glass" and scan(feedback.root).counts == {"glass": 1, "Ölfass & co": 1}
    feedback.mark(KINDS["png"], "again.png", "paper")
    assert feedback.labels()[digest] == "paper" and len(feedback.labels()) == 2, "an image has one true class"
    feedback.mark(KINDS["png"], "cat.png", NONE_OF_THESE)
    assert feedback.labels()[digest] == NONE_OF_THESE and scan(feedback.root).counts == {"Ölfass & co": 1}
    feedback.remove(digest)
    assert digest not in feedback.labels()


@pytest.mark.parametrize("kind", ["heic", "avif"])
def test_photos_of_phones_are_stored_and_read_again(tmp_path, kind):
    feedback = Feedback(tmp_path / "feedback")
    stored = feedback.mark(KINDS[kind], f"IMG_1.{kind.upper()}", "glass")
    assert stored.suffix == f".{kind}" and stored.read_bytes() == KINDS[kind]
    assert scan(feedback.root).counts == {"glass": 1} and not scan(feedback.root).problems


def test_classes_are_spelled_as_in_the_model(tmp_path):
    feedback, decomposed = Feedback(tmp_path), unicodedata.normalize("NFD", "café")
    feedback.mark(KINDS["png"], "a.png", decomposed)
    assert list(feedback.labels([decomposed]).values()) == [decomposed]


def test_each_data_set_has_a_separate_folder(monkeypatch, tmp_path):
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path))
    photos, other = Feedback.for_data("/photos/waste"), Feedback.for_data("/other/waste")
    assert photos.root != other.root and photos.root == Feedback.for_data("/photos/waste").root
    assert photos.root.is_relative_to(tmp_path)


@pytest.mark.faults
@pytest.mark.parametrize("label", ["../evil", "/etc", "a/b", "", ".hidden", "x" * 300, "nul\0"])
def test_a_class_that_is_no_valid_folder_name_is_refused(label, tmp_path):
    with pytest.raises(UploadError, match="Expected"):
        Feedback(tmp_path / "feedback").mark(KINDS["png"], "a.png", label)
    assert not list(tmp_path.rglob("*.png"))


@pytest.mark.faults
def test_a_file_that_is_not_an_image_is_not_stored(tmp_path):
    with pytest.raises(UnreadableImage):
        Feedback(tmp_path).mark(b"<html>", "a.png", "glass")
    assert Feedback(tmp_path).labels() == {}
