"""A predictor gives the outputs of Keras, refuses unusable files, and is cached."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from core.learning.inference.predictor import BATCH_SIZE, ModelFileError, Predictor
from core.learning.inference.predictor_cache import MIN_FREE_MEMORY, PredictorCache
from core.learning.network.model import build_transfer_model
from core.learning.network.reuse.model_file import write_hash

SIZE = 96


def save_model(path: Path, classes: int = 3, seed: int = 0) -> Path:
    build_transfer_model(classes, SIZE, 0.35, "random", seed=seed).save(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "model.keras")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (BATCH_SIZE + 3, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def predictor(model) -> Predictor:
    return Predictor(model)


def test_probabilities_equal_those_of_keras_for_any_batch_size(model, predictor, pixels):
    probabilities = predictor.probabilities(pixels)
    expected = keras.models.load_model(model).predict(pixels, verbose=0)
    assert probabilities.shape == (len(pixels), 3) and probabilities.dtype == np.float32
    np.testing.assert_allclose(probabilities, expected, atol=1e-5)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        predictor.probabilities(pixels[:1]),
        probabilities[:1],
        atol=1e-6,
        err_msg="an image does not depend on its batch",
    )
    assert predictor.probabilities(pixels[:0]).shape == (0, 3)


@pytest.mark.faults
def test_images_of_another_shape_are_refused(predictor, pixels):
    for wrong in (pixels[:, :50], pixels[0], pixels.astype(np.float32), pixels[..., :1]):
        with pytest.raises(ValueError, match=r"Expected images as \(n, 96, 96, 3\) uint8; received"):
            predictor.probabilities(wrong)


@pytest.mark.faults
def test_a_model_changed_since_its_training_is_refused(tmp_path, model):
    path = tmp_path / "model.keras"
    path.write_bytes(model.read_bytes())
    write_hash(path, tmp_path / "model.sha256")
    assert Predictor(path).size == SIZE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelFileError, match="changed since"):
        Predictor(path)


@pytest.mark.faults
def test_a_missing_and_a_damaged_file_are_refused(tmp_path, model):
    with pytest.raises(ModelFileError, match="does not exist"):
        Predictor(tmp_path / "gone.keras")
    for content in (b"", b"hello", model.read_bytes()[:10_000]):
        (tmp_path / "bad.keras").write_bytes(content)
        with pytest.raises(ModelFileError, match="Expected a model that Keras can open") as caught:
            Predictor(tmp_path / "bad.keras")
        assert "\n" not in str(caught.value)


class FakePredictor:
    """Replaces a predictor and counts how often one is loaded."""

    count = 0

    def __init__(self, path: Path) -> None:
        time.sleep(0.05)
        FakePredictor.count += 1


@pytest.fixture
def files(tmp_path, monkeypatch) -> list[Path]:
    monkeypatch.setattr("core.learning.inference.predictor_cache.Predictor", FakePredictor)
    FakePredictor.count = 0
    paths = [tmp_path / name for name in "abcd"]
    for path in paths:
        path.touch()
    return paths


def test_models_are_cached_reloaded_and_dropped(files):
    predictors = PredictorCache(limit=2)
    first, second = predictors.get(files[0]), predictors.get(files[1])
    assert predictors.get(files[0]) is first and predictors.get(files[1]) is second
    os.utime(files[0], (1, 1))
    again = predictors.get(files[0])
    assert again is not first, "a model that was trained again is loaded again"
    predictors.get(files[2])
    assert predictors.get(files[0]) is again and predictors.get(files[1]) is not second


def test_with_little_memory_only_the_few_used_last_are_kept(files):
    available = [2 * MIN_FREE_MEMORY]
    predictors = PredictorCache(available=lambda: available[0])
    first, *last = [predictors.get(path) for path in files]
    available[0] = MIN_FREE_MEMORY - 1
    assert [predictors.get(path) for path in files[1:]] == last
    available[0] = 2 * MIN_FREE_MEMORY
    assert predictors.get(files[0]) is not first


def test_concurrent_requests_load_a_model_once(files):
    predictors = PredictorCache()
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(lambda _: predictors.get(files[0]), range(6)))) == 1
    assert FakePredictor.count == 1
