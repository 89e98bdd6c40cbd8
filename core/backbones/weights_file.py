"""Files of weights: whether they are complete, and to which base they belong."""

import math
import zipfile
from pathlib import Path

from core.backbones.backbone import Backbone
from core.backbones.layer_table import layer_table
from core.backbones.registry import backbones
from core.machine.files import ZIP_ERRORS


class WeightsError(ValueError):
    """The requested weights are unavailable, damaged, or those of another network."""


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


def expect_readable(path: Path) -> None:
    """Raise `WeightsError` unless this is a complete weights file."""
    if not is_readable(path):
        raise WeightsError(
            f"Expected a complete weights file (HDF5 or NPZ); received {path}, which is truncated or of another "
            "format. Download it again."
        )


def expect_owner(path: Path, base: Backbone, width: float) -> None:
    """Raise `WeightsError` if this file holds the weights of another known base, or of another width."""
    found = owner(path)
    if found and found != (base, width):
        raise WeightsError(
            f"Expected the weights of {base.title} at alpha {width}; received {path}, the weights of "
            f"{found[0].title} at alpha {found[1]}. Choose the file of this base and width."
        )


def owner(path: Path) -> tuple[Backbone, float] | None:
    """The known base and width whose weights this readable file holds, found by their number; None for other files.

    Files of Keras models, which hold more than the base's weights, count as other files.
    """
    count = _number_of_values(path)
    for base in backbones().values():
        for width in base.widths if base.layer_table.is_file() else ():
            if sum(layer.parameters for layer in layer_table(base, width)) == count:
                return base, width
    return None


def _number_of_values(path: Path) -> int:
    """The number of values in all arrays of a weights file; 0 for a ZIP file of anything else."""
    if zipfile.is_zipfile(path):
        import numpy as np

        with zipfile.ZipFile(path) as archive:
            if not all(name.endswith(".npy") for name in archive.namelist()):
                return 0
        with np.load(path) as arrays:
            return sum(arrays[name].size for name in arrays.files)
    import h5py

    sizes: list[int] = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: sizes.append(math.prod(item.shape)) if hasattr(item, "shape") else None)
    return sum(sizes)
