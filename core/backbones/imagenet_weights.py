"""The ImageNet weights of a base: downloaded once, to Keras' own cache."""

import hashlib
import shutil
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPException
from pathlib import Path
from typing import Final

from core.backbones.backbone import Backbone
from core.backbones.weights_file import WeightsError, expect_readable, is_readable
from core.machine.paths import keras_models_folder

_TIMEOUT_SECONDS: Final = 10


def imagenet_path(base: Backbone, width: float, image_size: int) -> Path:
    """The path in Keras' cache of the ImageNet weights for this base, whether downloaded or not."""
    return keras_models_folder() / base.weights_address(width, image_size).rpartition("/")[2]


def fetch_imagenet(base: Backbone, width: float, image_size: int) -> Path:
    """Return Keras' ImageNet file from its cache. Download it if it is missing or damaged. Raises `WeightsError`."""
    if imagenet_is_cached(base, width, image_size):
        return imagenet_path(base, width, image_size)
    if not base.weights_url:
        raise WeightsError(
            f"Expected a base with published ImageNet weights; received {base.title}, which has none. Choose a weights "
            "file or random weights."
        )
    path, url = imagenet_path(base, width, image_size), base.weights_address(width, image_size)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as folder:
            download = Path(folder) / path.name
            _download(url, download)
            _expect_complete(download, base.weights_hashes.get(path.name))
            download.replace(path)
    except (OSError, HTTPException, WeightsError) as error:
        damaged = "that file is damaged, and " if path.is_file() else ""
        raise WeightsError(
            f"Expected ImageNet weights at {path}; {damaged}they could not be downloaded ({_reason(error)}). "
            f"Put the file from {url} there, or choose a weights file or random weights."
        ) from error
    return path


def imagenet_is_cached(base: Backbone, width: float, image_size: int) -> bool:
    """Whether the ImageNet weights are in Keras' cache, undamaged."""
    path = imagenet_path(base, width, image_size)
    return path.is_file() and is_readable(path)


def imagenet_is_available(base: Backbone, width: float, image_size: int, timeout: float = 1.0) -> bool:
    """Whether the ImageNet weights are cached, or can be downloaded now."""
    if imagenet_is_cached(base, width, image_size):
        return True
    if not base.weights_url:
        return False
    request = urllib.request.Request(base.weights_address(width, image_size), method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            status: int = response.status
    except (OSError, HTTPException):
        return False
    return status == 200


def _download(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, path.open("wb") as file:
        shutil.copyfileobj(response, file)


def _expect_complete(path: Path, expected: str | None) -> None:
    """Raise `WeightsError` unless the file opens and has the expected hash, if one is known."""
    expect_readable(path)
    if expected:
        algorithm = expected.partition(":")[0]
        with path.open("rb") as file:
            found = f"{algorithm}:{hashlib.file_digest(file, algorithm).hexdigest()}"
        if found != expected:
            raise WeightsError(f"Expected a file with the hash {expected}; received {found}.")


def _reason(error: Exception) -> str:
    text = str(error.reason if isinstance(error, urllib.error.URLError) else error).strip()
    return (text or type(error).__name__).splitlines()[0][:120]
