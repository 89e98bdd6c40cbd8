"""Where the base's weights come from: Keras' own ImageNet file, the sample base, a path, or nowhere (random)."""

import os
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from http.client import HTTPException
from pathlib import Path
from typing import Final

from core.machine.files import DAMAGED_ZIP
from core.machine.paths import keras_models_folder

IMAGENET: Final = "imagenet"
SAMPLE_BASE: Final = "sample"
RANDOM: Final = "random"
BUILT_IN_WEIGHTS: Final = IMAGENET, SAMPLE_BASE, RANDOM
SAMPLE_FILE: Final = Path(__file__).with_name("sample_weights.npz")
SAMPLE_ALPHA, SAMPLE_SIZE = 0.35, 96
"""The width of the sample base, which has no other, and the image size at which it learned."""
SOURCE = "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
SAMPLE_BASE_NOTICE = (
    "ImageNet's weights are not on this machine and cannot be fetched now. So training starts from the "
    "sample base: a small network that has seen nothing but pictures drawn by this program."
)
RANDOM_WEIGHTS_NOTICE = "From random weights nothing is transferred: training works, but expect results near guessing."
_TIMEOUT_SECONDS = 10


class WeightsError(ValueError):
    """The weights asked for cannot be had, or are damaged."""


def resolve_weights(weights: str, alpha: float, image_size: int) -> Path | None:
    """The file to load into the base; None for "random". ImageNet's is fetched where it is not kept yet.

    Raises `WeightsError` in one line that says what to do.
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
            f"Expected weights: imagenet, sample, random, or a file; received {weights}, where no file "
            "is. Check the path."
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
            "Install the program again, or choose random weights."
        )
    return SAMPLE_FILE


def offline_weights() -> tuple[str, str]:
    """What to train from where ImageNet's weights cannot be had, and one line that says so.

    That is the sample base; where its file is missing or damaged, nothing but random weights is left.
    """
    try:
        _sample_base(SAMPLE_ALPHA)
    except WeightsError as error:
        return RANDOM, f"{error} {RANDOM_WEIGHTS_NOTICE}"
    return SAMPLE_BASE, SAMPLE_BASE_NOTICE


def imagenet_path(alpha: float, image_size: int) -> Path:
    """Where Keras keeps its ImageNet weights for this base, fetched or not."""
    return keras_models_folder() / f"mobilenet_v2_weights_tf_dim_ordering_tf_kernels_{alpha}_{image_size}_no_top.h5"


def fetch_imagenet(alpha: float, image_size: int) -> Path:
    """Keras' ImageNet file, from its cache or the internet. A damaged one is fetched again, never trusted."""
    path = imagenet_path(alpha, image_size)
    if path.is_file() and is_readable(path):
        return path
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".fetching-") as room:
            fetched = Path(room) / path.name
            _download(SOURCE + path.name, fetched)
            _expect_readable(fetched)
            fetched.replace(path)
    except (OSError, HTTPException, WeightsError) as error:
        damaged = "the file there is damaged, and " if path.is_file() else ""
        raise WeightsError(
            f"Expected ImageNet weights at {path}; {damaged}they could not be fetched ({_reason(error)}). "
            f"Put the file from {SOURCE}{path.name} there, or choose a weights file or random weights."
        ) from error
    return path


def imagenet_is_here(alpha: float, image_size: int) -> bool:
    """Whether the ImageNet weights are kept on this machine."""
    path = imagenet_path(alpha, image_size)
    return path.is_file() and is_readable(path)


def imagenet_is_reachable(alpha: float, image_size: int, timeout: float = 1.0) -> bool:
    """Whether the ImageNet weights are kept here or their source answers now."""
    if imagenet_is_here(alpha, image_size):
        return True
    request = urllib.request.Request(SOURCE + imagenet_path(alpha, image_size).name, method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.status == 200
    except (OSError, HTTPException):
        return False


def is_readable(path: Path) -> bool:
    """Whether this is a whole weights file, of Keras (HDF5) or a base's arrays (NPZ).

    An HDF5 file that was cut short does not open; the parts of an NPZ file carry checksums.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as parts:
                return bool(parts.namelist()) and parts.testzip() is None
        import h5py  # only here: the dashboard shows pages without it

        with h5py.File(path, "r") as file:
            return len(file) > 0
    except (OSError, *DAMAGED_ZIP):  # RuntimeError among them: HDF5 opens, but its table of contents is damaged
        return False


def _expect_readable(path: Path) -> None:
    if not is_readable(path):
        raise WeightsError(
            f"Expected a whole weights file (HDF5 or NPZ); received {path}, cut short or of another "
            "kind. Fetch it again."
        )


def _download(url: str, path: Path) -> None:
    with urllib.request.urlopen(url, timeout=_TIMEOUT_SECONDS) as answer, path.open("wb") as file:
        shutil.copyfileobj(answer, file)


def _reason(error: Exception) -> str:
    words = str(error.reason if isinstance(error, urllib.error.URLError) else error).strip()
    return (words or type(error).__name__).splitlines()[0][:120]
