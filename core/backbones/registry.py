"""All base networks: every module of this package that defines `BACKBONE`."""

import pkgutil
from collections.abc import Mapping
from functools import cache
from importlib import import_module
from types import MappingProxyType
from typing import Final

import core.backbones
from core.backbones.backbone import Backbone
from core.backbones.mobilenet_v2 import BACKBONE as MOBILENET_V2

DEFAULT_BASE: Final = MOBILENET_V2
"""The base that is used unless another is chosen, and that runs of versions without a choice used."""


class UnknownBase(ValueError):
    """No base has this name."""


@cache
def backbones() -> Mapping[str, Backbone]:
    """All bases by name, the default first."""
    names = sorted(module.name for module in pkgutil.iter_modules(core.backbones.__path__))
    modules = (import_module(f"{__package__}.{name}") for name in names)
    found = [module.BACKBONE for module in modules if isinstance(getattr(module, "BACKBONE", None), Backbone)]
    return MappingProxyType({base.name: base for base in (DEFAULT_BASE, *found)})


def backbone(name: str) -> Backbone:
    """The base of this name. Raises `UnknownBase`, which names the known ones."""
    if name not in backbones():
        raise UnknownBase(
            f"Expected one of the bases in core/backbones ({', '.join(backbones())}); received {name!r}, which is not "
            "there. Choose one that is, or add its file."
        )
    return backbones()[name]
