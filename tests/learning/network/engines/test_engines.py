"""Every exact engine gives Keras' features, for any number of images, from several threads, and sends nothing."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import keras
import numpy as np
import pytest

from core.backbones.registry import DEFAULT_BASE
from core.learning.network.base import build_base
from core.learning.network.cut_points import cut_point_for
from core.learning.network.engines.engine import Engine, with_batch_size
from core.learning.network.engines.keras_engine import run_keras
from core.learning.network.engines.openvino_engine import OPENVINO, OPENVINO_BF16
from core.learning.network.engines.probe import EXACT_ENGINES, are_equal
from core.learning.network.onnx_writer import to_onnx
from core.machine.processor import this_processor

DEPTHS = [0, 3, 30, 56]
KERAS = "Keras"


@pytest.fixture(scope="module")
def base() -> keras.Model:
    keras.utils.set_random_seed(0)  # of some random bases the features differ by a little more than the tolerance
    return build_base(DEFAULT_BASE, 0.35, 96, "random")


@pytest.fixture(scope="module")
def cut_points(base):
    return [cut_point_for(base, depth) for depth in DEPTHS]


@pytest.fixture(scope="module")
def graph(base, cut_points) -> bytes:
    return to_onnx(base, cut_points, DEFAULT_BASE.scaling)


@pytest.fixture(scope="module")
def in_keras(base, cut_points):
    return run_keras(base, cut_points, 4, DEFAULT_BASE.scaling)


@pytest.fixture(scope="module", params=[*(engine.name for engine in EXACT_ENGINES), KERAS])
def compute(request, graph, in_keras):
    if request.param == KERAS:
        return in_keras
    return with_batch_size(installed(request.param).open(graph), 4)


def installed(name: str) -> Engine:
    engine = next(engine for engine in EXACT_ENGINES if engine.name == name)
    if not engine.is_installed:
        pytest.skip(f"needs {engine.package}")
    return engine


def images(count: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, 96, 96, 3), np.uint8)


@pytest.mark.parametrize("count", [1, 5, 9])
def test_an_engine_gives_the_features_of_keras(compute, in_keras, count):
    assert are_equal(compute(images(count)), in_keras(images(count)))


def test_no_images_give_empty_features_of_the_right_shape(compute, cut_points):
    features = compute(images(0))
    assert [array.shape for array in features] == [(0, *cut_point.shape) for cut_point in cut_points]


def test_several_threads_may_compute_at_once(compute):
    counts = [3, 8, 1, 5]
    expected = [compute(images(count)) for count in counts]
    with ThreadPoolExecutor(4) as pool:
        received = list(pool.map(lambda count: compute(images(count)), counts))
    assert all(are_equal(a, b) for a, b in zip(received, expected, strict=True))


def test_a_graph_is_the_same_bytes_each_time(base, cut_points, graph):
    assert to_onnx(base, cut_points, DEFAULT_BASE.scaling) == graph


def test_openvino_is_used_without_its_telemetry(graph, tmp_path):
    installed(OPENVINO.name)
    (tmp_path / "graph.onnx").write_bytes(graph)
    code = (
        "import sys, pathlib; from core.learning.network.engines.openvino_engine import OPENVINO;"
        "OPENVINO.open(pathlib.Path(sys.argv[1]).read_bytes());"
        "sys.exit('openvino' not in sys.modules or sys.modules['openvino_telemetry'] is not None)"
    )
    environment = {"HOME": str(tmp_path / "home"), "PYTHONPATH": "."}
    (tmp_path / "home").mkdir()
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "graph.onnx"], env=environment).returncode == 0
    assert not (tmp_path / "home" / "intel").exists()


def test_bfloat16_is_exact_where_the_processor_lacks_it(graph, in_keras):
    installed(OPENVINO.name)
    features = with_batch_size(OPENVINO_BF16.open(graph), 4)(images(5))
    assert [array.shape for array in features] == [array.shape for array in in_keras(images(5))]
    assert this_processor().has_bf16 or are_equal(features, in_keras(images(5)))
