"""Files of weights: whether they are complete, and to which base they belong."""

import math
import zipfile
from collections.abc import Iterator
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
    """The base and the width whose number of weights this file has; None if there is none, or no table of its layers.

    Two networks with equal numbers of weights cannot be told apart; those of the known bases and widths differ.
    """
    count = sum(_sizes(path))
    for base in backbones().values():
        for width in base.widths if base.layer_table.is_file() else ():
            if sum(layer.parameters for layer in layer_table(base, width)) == count:
                return base, width
    return None


def _sizes(path: Path) -> Iterator[int]:
    """The number of values in each array of a weights file."""
    if zipfile.is_zipfile(path):
        import numpy as np

        with np.load(path) as arrays:
            yield from (arrays[name].size for name in arrays.files)
        return
    import h5py

    sizes: list[int] = []
    with h5py.File(path, "r") as file:
        file.visititems(lambda name, item: sizes.append(math.prod(item.shape)) if hasattr(item, "shape") else None)
    yield from sizes
