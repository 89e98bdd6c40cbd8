"""Training is the same with every exact engine; bfloat16 is used for training alone, and only if it is close."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.split import split
from core.experiment.run_config import FASTEST, RunConfig
from core.experiment.strategy import Phase, Strategy
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import load_data
from core.learning.network import frozen_part as frozen_part_module
from core.learning.network.engines.bf16 import Bf16, bf16_for, least_cosine
from core.learning.network.engines.engine import Engine, OpenedGraph, with_batch_size
from core.learning.network.engines.keras_engine import run_keras
from core.learning.network.engines.onnx_engine import ONNX_RUNTIME
from core.learning.network.engines.probe import EXACT_ENGINES
from core.learning.network.engines.probe_store import ProbeStore
from core.learning.network.onnx_writer import to_onnx
from core.learning.network.run_network import RunNetwork
from core.learning.training.loop import train
from core.machine.processor import computes_bf16

Change = Callable[[np.ndarray], np.ndarray]


def to_bfloat16(features: np.ndarray) -> np.ndarray:
    """Round to bfloat16, which is the upper half of a float32."""
    return ((features.view(np.uint32) + 0x8000) & np.uint32(0xFFFF0000)).view(np.float32)


def with_noise(features: np.ndarray) -> np.ndarray:
    return features + np.random.default_rng(0).normal(0, features.std() + 1e-3, features.shape).astype(np.float32)


def raise_error(features: np.ndarray) -> np.ndarray:
    raise RuntimeError("no such instruction")


class Reduced:
    """An engine that changes the features of ONNX Runtime; `calls` counts how often it computes."""

    def __init__(self, change: Change) -> None:
        self.change, self.calls = change, 0
        self.engine = Engine("reduced", "numpy", (4,), self._open)

    def _open(self, graph: bytes) -> OpenedGraph:
        exact = ONNX_RUNTIME.open(graph)

        def run(pixels: np.ndarray, batch_size: int) -> list[np.ndarray]:
            self.calls += 1
            return [self.change(features) for features in exact(pixels, batch_size)]

        return run


@pytest.fixture
def config(tiny_config) -> RunConfig:
    phases = (Phase(0, 1e-4, 1), Phase(11, 1e-5, 1))
    return replace(tiny_config, strategy=Strategy("tiny", phases), views=2, kept_precision="float32")


@pytest.fixture
def store(tmp_path) -> ProbeStore:
    return ProbeStore(tmp_path / "probes", "a processor")


class World:
    """A run whose features are cached in a temporary folder."""

    def __init__(self, config, dataset, tmp_path, reduced: Reduced | None = None, store: ProbeStore | None = None):
        manifest = split(dataset)
        run_cache = RunCache(FeatureCache(tmp_path / "cache", budget=10**9), len(manifest.items))
        self.remarks: list[str] = []
        self.data = load_data(manifest, dataset.root, config.image_size, run_cache)
        bf16 = Bf16(reduced.engine, store, self.remarks.append) if reduced else None
        self.frozen_features = FrozenFeatures(config, RunNetwork(config, 10), run_cache, bf16=bf16)

    def inputs(self) -> dict[str, np.ndarray]:
        """All features of phase 1 and of the evaluation."""
        features, data = self.frozen_features, self.data
        loaders = {
            "training": (features.training_inputs(data.train, 1), data.train),
            "validation": (features.validation_inputs(data.validation, 1), data.validation),
            "last validation": (features.last_validation_inputs(data.validation), data.validation),
            "test": (features.test_inputs(data.test), data.test),
        }
        return {name: load(np.arange(len(images)), 0) for name, (load, images) in loaders.items()}


def test_close_features_train_and_everything_judged_is_exact(config, tiny_dataset, tmp_path, store):
    reduced = Reduced(to_bfloat16)
    run = World(config, tiny_dataset, tmp_path, reduced, store)
    inputs, exact = run.inputs(), World(config, tiny_dataset, tmp_path / "exact").inputs()
    assert not run.remarks
    for name in ("training", "validation"):
        np.testing.assert_array_equal(inputs[name], to_bfloat16(exact[name]))
        assert (inputs[name] != exact[name]).any()
    for name in ("last validation", "test"):
        np.testing.assert_array_equal(inputs[name], exact[name])
    calls, again = reduced.calls, World(config, tiny_dataset, tmp_path, reduced, store)
    np.testing.assert_array_equal(again.inputs()["training"], inputs["training"])
    assert again.frozen_features.images_computed == 0 and reduced.calls == calls, "answer and features are kept"


def test_exact_and_reduced_features_are_cached_apart(config, tiny_dataset, tmp_path, store):
    World(config, tiny_dataset, tmp_path, Reduced(to_bfloat16), store).inputs()
    exact = World(config, tiny_dataset, tmp_path)
    exact.inputs()
    # the exact features of validation and test images are there, as the evaluation needed them
    assert exact.frozen_features.images_computed == len(exact.data.train) + len(exact.data.validation)


@pytest.mark.parametrize(
    ("change", "remark"), [(with_noise, "they differ too much (cosine 0."), (raise_error, "bfloat16 failed")]
)
def test_features_that_differ_too_much_or_fail_are_computed_exactly(
    config, tiny_dataset, tmp_path, store, change, remark
):
    run = World(config, tiny_dataset, tmp_path, Reduced(change), store)
    inputs = run.inputs()
    assert len(run.remarks) == 1 and remark in run.remarks[0]
    exact = World(config, tiny_dataset, tmp_path)
    for name, features in exact.inputs().items():
        np.testing.assert_array_equal(inputs[name], features)
    assert exact.frozen_features.images_computed == 0, "they share the keys of exact features"


def test_after_a_crash_in_the_check_features_are_exact(config, tiny_dataset, tmp_path, store):
    reduced = Reduced(to_bfloat16)
    with store.locked(), pytest.raises(SystemExit), store.marked(reduced.engine):
        marker = next((tmp_path / "probes").glob("*.marker"))
        raise SystemExit
    assert not marker.exists(), "an orderly end leaves no marker"
    marker.touch()
    run = World(config, tiny_dataset, tmp_path, reduced, store)
    run.inputs()
    assert reduced.calls == 0 and len(run.remarks) == 1


def test_an_engine_that_fails_after_the_check_is_replaced(config, tiny_dataset, tmp_path, store):
    reduced = Reduced(to_bfloat16)
    run = World(config, tiny_dataset, tmp_path, reduced, store)
    training = run.frozen_features.training_inputs(run.data.train, 1)
    reduced.change = raise_error
    exact = World(config, tiny_dataset, tmp_path / "exact").inputs()["training"]
    np.testing.assert_array_equal(training(np.arange(len(run.data.train)), 0), exact)


def test_a_machine_without_bfloat16_uses_exact_features(tiny_config):
    assert bf16_for(tiny_config) is None
    assert (bf16_for(replace(tiny_config, frozen_precision=FASTEST)) is not None) == computes_bf16()


def test_the_least_cosine_is_over_images_and_cut_points():
    exact = [np.array([[1.0, 0.0], [0.0, 0.0]]), np.array([[[1.0], [1.0]], [[2.0], [0.0]]])]
    assert least_cosine(exact, exact) == pytest.approx(1.0)
    turned = [exact[0], np.array([[[1.0], [1.0]], [[2.0], [2.0]]])]
    assert least_cosine(turned, exact) == pytest.approx(np.sqrt(0.5))
    assert least_cosine([np.full((2, 2), np.nan), exact[1]], exact) == 0
    assert least_cosine([exact[0] + 1, exact[1]], exact) == 0, "an image without features has no direction"


def test_the_first_losses_are_equal_with_every_exact_engine(config, tiny_dataset, monkeypatch, tmp_path):
    def losses(build: Callable) -> list[tuple[float, float]]:
        monkeypatch.setattr(frozen_part_module, "build_frozen_part", build)
        run = World(config, tiny_dataset, tmp_path)
        run_cache = RunCache()
        network = RunNetwork(config, 10)
        features = FrozenFeatures(config, network, run_cache)
        outcome = train(config, network, run.data, lambda row: None, frozen_features=features)
        return [(row["loss"], row["val_loss"]) for row in outcome.rows]

    expected = losses(lambda base, cuts, batch, scaling, *more: run_keras(base, cuts, batch, scaling))
    for engine in filter(lambda engine: engine.is_installed, EXACT_ENGINES):
        received = losses(
            lambda base, cuts, batch, scaling, *more, engine=engine: with_batch_size(
                engine.open(to_onnx(base, cuts, scaling)), engine.batch_sizes[0]
            )
        )
        np.testing.assert_allclose(received, expected, rtol=1e-4)
