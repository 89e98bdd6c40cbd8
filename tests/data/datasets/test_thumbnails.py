"""Small versions of pictures: whole, upright, made once, never a crash."""

import io
from pathlib import Path

import pytest
from painted import saved
from PIL import Image

from core.data.datasets import thumbnails
from core.data.datasets.scan import ImageFile
from core.data.datasets.thumbnails import ThumbnailCache, thumbnail


def picture(folder: Path, name: str, size: tuple[int, int], content: bytes | None = None) -> ImageFile:
    (folder / name).write_bytes(saved(Image.new("RGB", size, "red"), "JPEG") if content is None else content)
    return ImageFile(name, f"hash of {name}", "a", *size)


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    assert image.format == "JPEG" and image.mode == "RGB"
    return image


@pytest.mark.parametrize(
    ("size", "small"),
    [((800, 600), (160, 120)), ((300, 400), (120, 160)), ((90, 50), (90, 50)), ((5_000, 3), (160, 1))],
)
def test_it_is_the_whole_picture_no_larger_than_asked_for(tmp_path, size, small):
    made = opened(thumbnail(tmp_path / picture(tmp_path, "a.jpg", size).path))
    assert made.size == small and made.getpixel((0, 0))[0] > 240


@pytest.mark.parametrize("size", [(300, 1_200), (3, 5_000)])
def test_beside_a_very_tall_one_is_grey(tmp_path, size):
    made = opened(thumbnail(tmp_path / picture(tmp_path, "a.jpg", size).path))
    assert made.size == (120, 160) and made.getpixel((0, 80)) == (128, 128, 128)
    assert made.getpixel((60, 80))[0] > 140


def test_it_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "turned.jpg", exif=exif)
    assert opened(thumbnail(tmp_path / "turned.jpg")).size == (120, 160)


@pytest.mark.faults
@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xd8\xff\xe0"])
def test_what_cannot_be_read_is_grey(tmp_path, content):
    assert opened(thumbnail(tmp_path / picture(tmp_path, "a.jpg", (9, 9), content=content).path)).getpixel(
        (80, 80)
    ) == (128, 128, 128)
    assert opened(thumbnail(tmp_path / "gone.jpg")).size == (160, 160)


def test_each_is_made_once_in_order_and_the_number_kept_is_bounded(tmp_path, monkeypatch):
    made = []
    monkeypatch.setattr(thumbnails, "thumbnail", lambda path: made.append(path.name) or path.name.encode())
    pictures = [picture(tmp_path, f"{number}.jpg", (9, 9)) for number in range(5)]
    kept = ThumbnailCache(limit=5)
    for _ in range(3):
        assert kept.of(tmp_path, pictures) == [f"{number}.jpg".encode() for number in range(5)]
    assert sorted(made) == [f"{number}.jpg" for number in range(5)]
    kept.of(tmp_path, [ImageFile("0.jpg", "another hash", "a", 9, 9)])
    kept.of(tmp_path, pictures)
    assert made.count("0.jpg") == 3
