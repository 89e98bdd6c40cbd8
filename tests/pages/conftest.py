"""Fixtures of all page tests."""

import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import h5py
import pytest
import streamlit as st
from filelock import FileLock
from streamlit.components.v2 import manifest_scanner

from core.backbones.imagenet_weights import imagenet_path
from core.backbones.registry import DEFAULT_BASE
from pages.parts.shared.services import _services

# Streamlit searches all installed packages for components each time AppTest opens a page: do it once.
manifest_scanner.scan_component_manifests = cache(manifest_scanner.scan_component_manifests)


@pytest.fixture(scope="module", autouse=True)
def restored_main_module() -> Iterator[None]:
    """AppTest puts the dashboard in place of the main module, and a process that a later test spawns would run it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tiny_folder: Path) -> Iterator[Path]:
    """A runs folder in which no run is started, because the lock of the launcher is held."""
    monkeypatch.setattr(
        sys, "argv", ["dashboard.py", "--runs", str(tmp_path / "runs"), "--data-root", str(tiny_folder.parent)]
    )
    _services.clear()  # and no other cache: the sample set would be read again for every test
    (tmp_path / "runs").mkdir()
    with FileLock(tmp_path / "runs" / ".launcher.lock"):
        yield tmp_path / "runs"
        _services.clear()  # closes the launcher before the lock is released


@pytest.fixture
def offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """ImageNet weights are neither cached nor available for download."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    file = DEFAULT_BASE.weights_url.rpartition("/")[2]
    monkeypatch.setitem(vars(DEFAULT_BASE), "weights_url", f"http://127.0.0.1:9/{file}")
    st.cache_data.clear()
    yield
    st.cache_data.clear()


@pytest.fixture
def imagenet(offline: None) -> None:
    """A small file in place of the cached ImageNet weights."""
    path = imagenet_path(DEFAULT_BASE, 1.0, 224)
    path.parent.mkdir(parents=True)
    with h5py.File(path, "w") as file:
        file["kernel"] = 1.0
