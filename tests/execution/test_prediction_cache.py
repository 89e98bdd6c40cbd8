"""Each image is predicted once per model, and a failing model does not affect the others."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.analysis.results.ensemble import Ensemble
from core.analysis.results.trained_models import TrainedModel
from core.data.explain.model_output import ModelOutput
from core.execution.keras_service.client import KerasServiceError
from core.execution.prediction_cache import BATCH_SIZE, PredictionCache
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State


def model(name: str, size: int = 96, stamp: int = 0) -> TrainedModel:
    run = Run(f"20261123-220052-417-01-{name}", RunConfig(image_size=size), RunStatus(State.COMPLETED))
    return TrainedModel(run, Path(name), stamp, ("dark", "light"))


class StubModel:
    """A stub model that classifies images as dark or light and records its requests."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, tuple[int, ...]]] = []

    def __call__(self, path: Path, pixels: np.ndarray) -> ModelOutput:
        self.requests.append((path.name, pixels.shape))
        if path.name == "bad":
            raise KerasServiceError("It is gone.")
        light = pixels.mean(axis=(1, 2, 3)) / 255
        probabilities = np.stack([1 - light, light], axis=1) if path.name != "wide" else np.ones((len(pixels), 3)) / 3
        return ModelOutput(probabilities, np.zeros((len(pixels), 3, 3, probabilities.shape[1]), np.uint8), None)


@pytest.fixture
def images(tmp_path) -> dict[str, Path]:
    paths = {f"{grey}": tmp_path / f"{grey}.png" for grey in range(0, 200, 10)}
    for grey, path in paths.items():
        Image.new("L", (20, 20), int(grey)).save(path)
    return paths


def test_each_prediction_belongs_to_its_image_and_is_computed_once(images):
    cache, predict, models = PredictionCache(), StubModel(), [model("one"), model("two", size=128)]
    steps = list(cache.compute(images, models, predict))
    assert steps == [(16, 40), (32, 40), (36, 40), (40, 40)]
    assert predict.requests[:2] == [("one", (BATCH_SIZE, 96, 96, 3)), ("two", (BATCH_SIZE, 128, 128, 3))]
    for grey in images:
        assert cache.get(grey, models[0]).probabilities[1] == pytest.approx(int(grey) / 255)
    assert list(cache.compute(images, models, predict)) == [] and len(predict.requests) == 4


def test_an_ensemble_is_the_mean_of_its_members_and_needs_no_further_predictions(images):
    seeds = [model(f"seed-{seed}") for seed in range(3)]
    ensemble = Ensemble(tuple(replace(seed, temperature=t) for seed, t in zip(seeds, (None, 2.0, 0.5), strict=True)))
    cache, predict = PredictionCache(), StubModel()
    list(cache.compute(images, [seeds[0]], predict))
    assert cache.get("10", ensemble) is None
    steps = list(cache.compute(images, [ensemble, *ensemble.members], predict))
    assert steps[-1] == (40, 40) and len(predict.requests) == 6, "each is computed once"
    for grey in images:
        expected = np.mean([cache.get(grey, member).probabilities for member in ensemble.members], axis=0)
        assert cache.get(grey, ensemble).probabilities == pytest.approx(tuple(expected))
    assert cache.get("10", ensemble).probabilities != cache.get("10", seeds[0]).probabilities


@pytest.mark.faults
def test_an_ensemble_fails_with_one_of_its_members(images):
    cache, good, bad = PredictionCache(), model("good"), model("bad")
    ensemble = Ensemble((good, bad))
    list(cache.compute(images, [ensemble], StubModel()))
    assert cache.has_failed(ensemble) and not cache.has_failed(good)
    assert cache.get("10", ensemble) is None and cache.get("10", good)


def test_each_model_reads_images_of_more_than_8_bits_with_its_own_white_value(tmp_path):
    values = np.full((20, 20), 1_000, np.uint16)
    Image.fromarray(values).save(tmp_path / "dark.png")
    scales = {"twelve": ("16-bit grey: 4095",), "sixteen": ("16-bit grey: 65535",), "earlier": None, "other": ()}
    models = [replace(model(name), scales=texts) for name, texts in scales.items()]
    cache = PredictionCache()
    list(cache.compute({"dark": tmp_path / "dark.png"}, models, StubModel()))
    light = [cache.get("dark", one).probabilities[1] for one in models]
    assert light == pytest.approx([1_000 / 4_095, 1_000 / 65_535, 1_000 / 65_535, 1_000 / 1_023], abs=3e-3)


def test_only_missing_predictions_are_computed(images):
    cache, predict, first = PredictionCache(), StubModel(), model("one")
    for _ in cache.compute(images, [first], predict):
        break  # the caller stops after the first batch
    list(cache.compute(images, [first], predict))
    assert [shape[0] for _, shape in predict.requests] == [16, 4]
    list(cache.compute(images, [model("one", stamp=1)], predict))
    assert [shape[0] for _, shape in predict.requests] == [16, 4, 16, 4], (
        "a model that was trained again predicts again"
    )


def test_predictions_of_removed_images_are_deleted(images):
    cache, first = PredictionCache(), model("one")
    list(cache.compute(images, [first], StubModel()))
    cache.keep_only(["10", "20"])
    assert cache.get("10", first) and cache.get("30", first) is None
    assert len(cache.get_all("10", [first, model("two")])) == 1


@pytest.mark.faults
def test_an_unreadable_image_does_not_affect_the_others(images):
    cache, predict, models = PredictionCache(), StubModel(), [model("one"), model("two", size=128)]
    for gone in ("30", "60"):
        images[gone].unlink()
    list(cache.compute(images, models, predict))
    assert cache.unreadable == dict.fromkeys(("30", "60"), "cannot be read: No such file or directory")
    assert all(len(cache.get_all(image, models)) == 2 * (image not in cache.unreadable) for image in images)
    assert cache.get("70", models[0]).probabilities[1] == pytest.approx(70 / 255), (
        "no prediction is assigned to another image"
    )
    Image.new("L", (20, 20), 30).save(images["30"])
    assert list(cache.compute(images, models, predict)) == [], "it is not tried again automatically"
    cache.unreadable.clear()
    list(cache.compute(images, models, predict))
    assert len(cache.get_all("30", models)) == 2 and list(cache.unreadable) == ["60"]


@pytest.mark.faults
def test_a_failing_model_does_not_affect_the_others(images):
    cache, predict, good = PredictionCache(), StubModel(), model("good")
    list(cache.compute(images, [model("bad"), model("wide"), good], predict))
    wide, bad = sorted(cache.failures.values())
    assert wide.startswith("Expected 2 probabilities of Two-phase; received 3") and bad == "It is gone."
    assert all(cache.get(image, good) for image in images)
    assert [name for name, _ in predict.requests].count("bad") == 1
