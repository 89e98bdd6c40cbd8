"""Thumbnails show the whole image upright, are created once, and never raise an exception."""

import io
from pathlib import Path

import pytest
from painted import encoded
from PIL import Image

from core.data.datasets.dataset import ImageFile
from core.data.datasets.images import thumbnails
from core.data.datasets.images.thumbnails import ThumbnailCache, thumbnail


def image_file(folder: Path, name: str, size: tuple[int, int], content: bytes | None = None) -> ImageFile:
    (folder / name).write_bytes(encoded(Image.new("RGB", size, "red"), "JPEG") if content is None else content)
    return ImageFile(name, f"hash of {name}", "a", *size)


def opened(content: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(content))
    assert image.format == "JPEG" and image.mode == "RGB"
    return image


@pytest.mark.parametrize(
    ("size", "expected"),
    [((800, 600), (160, 120)), ((300, 400), (120, 160)), ((90, 50), (90, 50)), ((5_000, 3), (160, 1))],
)
def test_a_thumbnail_is_the_whole_image_within_the_side_length(tmp_path, size, expected):
    result = opened(thumbnail(tmp_path / image_file(tmp_path, "a.jpg", size).path))
    assert result.size == expected and result.getpixel((0, 0))[0] > 240


@pytest.mark.parametrize("size", [(300, 1_200), (3, 5_000)])
def test_a_very_tall_image_is_padded_with_grey(tmp_path, size):
    result = opened(thumbnail(tmp_path / image_file(tmp_path, "a.jpg", size).path))
    assert result.size == (120, 160) and result.getpixel((0, 80)) == (128, 128, 128)
    assert result.getpixel((60, 80))[0] > 140


def test_a_thumbnail_is_upright(tmp_path):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (200, 100)).save(tmp_path / "turned.jpg", exif=exif)
    assert opened(thumbnail(tmp_path / "turned.jpg")).size == (120, 160)


@pytest.mark.faults
@pytest.mark.parametrize("content", [b"", b"<html>", b"\xff\xd8\xff\xe0"])
def test_an_unreadable_file_gives_a_grey_square(tmp_path, content):
    assert opened(thumbnail(tmp_path / image_file(tmp_path, "a.jpg", (9, 9), content=content).path)).getpixel(
        (80, 80)
    ) == (128, 128, 128)
    assert opened(thumbnail(tmp_path / "gone.jpg")).size == (160, 160)


def test_each_thumbnail_is_created_once_and_their_number_is_bounded(tmp_path, monkeypatch):
    created = []
    monkeypatch.setattr(thumbnails, "thumbnail", lambda path, *_: created.append(path.name) or path.name.encode())
    images = [image_file(tmp_path, f"{number}.jpg", (9, 9)) for number in range(5)]
    cache = ThumbnailCache(limit=5)
    for _ in range(3):
        assert cache.get(tmp_path, images) == [f"{number}.jpg".encode() for number in range(5)]
    assert sorted(created) == [f"{number}.jpg" for number in range(5)]
    cache.get(tmp_path, [ImageFile("0.jpg", "another hash", "a", 9, 9)])
    cache.get(tmp_path, images)
    assert created.count("0.jpg") == 3
