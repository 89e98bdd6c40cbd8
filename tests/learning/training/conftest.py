"""Tests of training use a small base, because what they check does not depend on which base it is."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

import core.backbones
from core.backbones.registry import backbones
from core.experiment.run_config import RunConfig

BACKBONES = Path(__file__).parents[2] / "fixtures" / "backbones"


@pytest.fixture(scope="module", autouse=True)
def made_up_base() -> Iterator[None]:
    """Add the bases in `tests/fixtures/backbones` to those of the project."""
    core.backbones.__path__.append(str(BACKBONES))
    backbones.cache_clear()
    yield
    core.backbones.__path__.remove(str(BACKBONES))
    backbones.cache_clear()


@pytest.fixture(scope="module")
def tiny_config(tiny_config: RunConfig, made_up_base: None) -> RunConfig:
    return replace(tiny_config, base="made-up", alpha=1.0)
