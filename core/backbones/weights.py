"""The base's pretrained weights: Keras' ImageNet file, the sample base, a file of the user, or none (random)."""

import os
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import Final

from core.machine.files import ZIP_ERRORS
from core.machine.paths import keras_models_folder

IMAGENET: Final = "imagenet"
SAMPLE_BASE: Final = "sample"
RANDOM: Final = "random"
BUILT_IN_WEIGHTS: Final = IMAGENET, SAMPLE_BASE, RANDOM
SAMPLE_FILE: Final = Path(__file__).with_name("sample_weights.npz")
SAMPLE_ALPHA, SAMPLE_SIZE = 0.35, 96
"""The only width (alpha) of the sample base, and the image size at which it was trained."""
IMAGENET_URL = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
SAMPLE_BASE_NOTICE = (
    "The ImageNet weights are not on this machine and cannot be downloaded now. Training starts from the "
    "sample base instead: a small network trained only on images drawn by this program."
)
RANDOM_WEIGHTS_NOTICE = (
    "With random weights nothing is transferred: training works, but expect an accuracy near chance level."
)
_TIMEOUT_SECONDS = 10


class WeightsError(ValueError):
    """The requested weights are unavailable or damaged."""


def resolve_weights(weights: str, alpha: float, image_size: int) -> Path | None:
    """Return the file to load into the base; None for "random". Download the ImageNet file if it is not cached yet.

    Raises `WeightsError` with one line that names the remedy.
    """
    if weights == RANDOM:
        return None
    if weights == IMAGENET:
        return fetch_imagenet(alpha, image_size)
    if weights == SAMPLE_BASE:
        return _sample_base(alpha)
    path = Path(os.path.expanduser(weights))  # noqa: PTH111 - never raises
    if not os.path.isfile(path):  # noqa: PTH113 - nor does this one, whatever the name
        raise WeightsError(
            f"Expected weights to be imagenet, sample, random, or a file; received {weights}, which is no file. "
            "Check the path."
        )
    _expect_readable(path)
    return path


def _sample_base(alpha: float) -> Path:
    if alpha != SAMPLE_ALPHA:
        raise WeightsError(
            f"Expected width (alpha) {SAMPLE_ALPHA} for the sample base; received {alpha}. "
            "Choose that width, or other weights."
        )
    if not is_readable(SAMPLE_FILE):
        state = "damaged" if SAMPLE_FILE.is_file() else "missing"
        raise WeightsError(
            f"Expected the sample base, a part of this program, at {SAMPLE_FILE}; it is {state}. "
            "Reinstall the program, or choose random weights."
        )
    return SAMPLE_FILE


def offline_weights() -> tuple[str, str]:
    """The weights to use if ImageNet's are unavailable, and a one-line notice that explains the choice.

    They are the sample base, or random weights if its file is missing or damaged.
    """
    try:
        _sample_base(SAMPLE_ALPHA)
    except WeightsError as error:
        return RANDOM, f"{error} {RANDOM_WEIGHTS_NOTICE}"
    return SAMPLE_BASE, SAMPLE_BASE_NOTICE


def imagenet_path(alpha: float, image_size: int) -> Path:
    """The path in Keras' cache of the ImageNet weights for this base, whether downloaded or not."""
    return keras_models_folder() / f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{image_size}_no_top.h5"


def fetch_imagenet(alpha: float, image_size: int) -> Path:
    """Return Keras' ImageNet file from its cache. Download it if it is missing or damaged. Raises `WeightsError`."""
    path = imagenet_path(alpha, image_size)
    if path.is_file() and is_readable(path):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as folder:
            download = Path(folder) / path.name
            _download(IMAGENET_URL + path.name, download)
            _expect_readable(download)
            download.replace(path)
    except (OSError, HTTPException, WeightsError) as error:
        damaged = "that file is damaged, and " if path.is_file() else ""
        raise WeightsError(
            f"Expected ImageNet weights at {path}; {damaged}they could not be downloaded ({_reason(error)}). "
            f"Put the file from {IMAGENET_URL}{path.name} there, or choose a weights file or random weights."
        ) from error
    return path


def imagenet_is_cached(alpha: float, image_size: int) -> bool:
    """Whether the ImageNet weights are in Keras' cache, undamaged."""
    path = imagenet_path(alpha, image_size)
    return path.is_file() and is_readable(path)


def imagenet_is_available(alpha: float, image_size: int, timeout: float = 1.0) -> bool:
    """Whether the ImageNet weights are cached, or can be downloaded now."""
    if imagenet_is_cached(alpha, image_size):
        return True
    request = urllib.request.Request(IMAGENET_URL + imagenet_path(alpha, image_size).name, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as response:
            status: int = response.status
    except (OSError, HTTPException):
        return False
    return status == 200


def is_readable(path: Path) -> bool:
    """Whether this is a complete weights file: HDF5 as Keras writes it, or NPZ as the sample base.

    A truncated HDF5 file does not open; the members of an NPZ file have checksums.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                return bool(archive.namelist()) and archive.testzip() is None
        import h5py  # imported late: most pages do not need it

        with h5py.File(path, "r") as file:
            return len(file) > 0
    except (OSError, *ZIP_ERRORS):  # RuntimeError: the HDF5 file opens, but its table of contents is damaged
        return False


def _expect_readable(path: Path) -> None:
    if not is_readable(path):
        raise WeightsError(
            f"Expected a complete weights file (HDF5 or NPZ); received {path}, which is truncated or of another "
            "format. Download it again."
        )


def _download(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as response, path.open("wb") as file:
        shutil.copyfileobj(response, file)


def _reason(error: Exception) -> str:
    text = str(error.reason if isinstance(error, urllib.error.URLError) else error).strip()
    return (text or type(error).__name__).splitlines()[0][:120]
