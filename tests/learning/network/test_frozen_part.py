"""A few images are computed at once; for more, the fastest engine is found, and an engine that fails is replaced."""

from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from core.backbones.registry import DEFAULT_BASE
from core.learning.network.base import build_base
from core.learning.network.cut_points import cut_point_for
from core.learning.network.engines.engine import Engine
from core.learning.network.engines.keras_engine import run_keras
from core.learning.network.engines.probe import are_equal
from core.learning.network.frozen_part import build_frozen_part, prefer
from core.machine.paths import probes_folder

SCALING = DEFAULT_BASE.scaling
PIXELS = np.random.default_rng(0).integers(0, 256, (5, 96, 96, 3), np.uint8)


@pytest.fixture(scope="module")
def base() -> keras.Model:
    return build_base(DEFAULT_BASE, 0.35, 96, "random")


@pytest.fixture(scope="module")
def cut_points(base):
    return [cut_point_for(base, 30)]


@pytest.fixture(scope="module")
def expected(base, cut_points):
    return run_keras(base, cut_points, 5, SCALING)(PIXELS)


@pytest.fixture(autouse=True)
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path))


def test_engines_are_compared_once_there_is_enough_to_compute(base, cut_points, expected):
    compute = build_frozen_part(base, cut_points, 8, SCALING, few_images=10)
    for number in range(4):
        assert are_equal(compute(PIXELS), expected)
        assert bool(list(probes_folder().glob("result-*"))) == (number >= 2)


def test_threads_that_compute_at_once_wait_for_one_probe(base, cut_points, expected):
    compute = build_frozen_part(base, cut_points, 8, SCALING, few_images=0)
    with ThreadPoolExecutor(4) as pool:
        assert all(are_equal(features, expected) for features in pool.map(compute, [PIXELS] * 8))
    assert len(list(probes_folder().glob("result-*"))) == 1


def test_no_engines_are_compared_for_results_that_must_be_the_same(base, cut_points, expected):
    compute = build_frozen_part(base, cut_points, 8, SCALING, few_images=float("inf"))
    assert are_equal(compute(PIXELS), expected) and not probes_folder().exists()


def test_an_engine_that_fails_is_replaced_with_one_line_in_the_log(base, cut_points, expected, caplog):
    def open_graph(graph: bytes):
        raise RuntimeError("no such instruction")

    compute = prefer(Engine("bad", "numpy", (4,), open_graph), base, cut_points, 8, SCALING)
    assert all(are_equal(compute(PIXELS), expected) for _ in range(3))
    assert caplog.messages == ["Another engine computes the frozen layers from now on: no such instruction"]
