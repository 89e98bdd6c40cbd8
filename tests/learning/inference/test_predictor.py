"""A trained model answers as it did in training."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import keras
import numpy as np
import pytest

from core.learning.inference.predictor import BATCH, ModelError, Predictor, note_hash
from core.learning.inference.predictor_cache import RESERVE, Predictors
from core.learning.network.model import build_transfer_model

SIZE = 96


def save_model(path: Path, classes: int = 3, seed: int = 0) -> Path:
    build_transfer_model(classes, SIZE, 0.35, "random", seed=seed).save(path)
    return path


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> Path:
    return save_model(tmp_path_factory.mktemp("models") / "model.keras")


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (BATCH + 3, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def predictor(model) -> Predictor:
    return Predictor(model)


def test_it_says_what_keras_says_whatever_the_batch(model, predictor, pixels):
    said = predictor.probabilities(pixels)
    expected = keras.models.load_model(model).predict(pixels, verbose=0)
    assert said.shape == (len(pixels), 3) and said.dtype == np.float32
    np.testing.assert_allclose(said, expected, atol=1e-5)
    np.testing.assert_allclose(said.sum(axis=1), 1, atol=1e-5)
    np.testing.assert_allclose(
        predictor.probabilities(pixels[:1]), said[:1], atol=1e-6, err_msg="a picture is not judged by its neighbours"
    )
    assert predictor.probabilities(pixels[:0]).shape == (0, 3)


@pytest.mark.faults
def test_images_of_another_shape_are_refused_in_words(predictor, pixels):
    for wrong in (pixels[:, :50], pixels[0], pixels.astype(np.float32), pixels[..., :1]):
        with pytest.raises(ValueError, match=r"Expected images as \(n, 96, 96, 3\) uint8; received"):
            predictor.probabilities(wrong)


@pytest.mark.faults
def test_a_model_that_was_changed_since_its_training_is_refused(tmp_path, model):
    path = tmp_path / "model.keras"
    path.write_bytes(model.read_bytes())
    note_hash(path, tmp_path / "model.sha256")
    assert Predictor(path).size == SIZE
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="changed since"):
        Predictor(path)


@pytest.mark.faults
def test_a_missing_and_a_damaged_file_are_refused_in_words(tmp_path, model):
    with pytest.raises(ModelError, match="it is gone"):
        Predictor(tmp_path / "gone.keras")
    for content in (b"", b"hello", model.read_bytes()[:10_000]):
        (tmp_path / "bad.keras").write_bytes(content)
        with pytest.raises(ModelError, match="Expected a model that Keras can open") as caught:
            Predictor(tmp_path / "bad.keras")
        assert "\n" not in str(caught.value)


class Loaded:
    """Stands for a model: which file it came from, and how often files were loaded."""

    count = 0

    def __init__(self, path: Path) -> None:
        time.sleep(0.05)
        Loaded.count += 1


@pytest.fixture
def files(tmp_path, monkeypatch) -> list[Path]:
    monkeypatch.setattr("core.learning.inference.predictor_cache.Predictor", Loaded)
    Loaded.count = 0
    paths = [tmp_path / name for name in "abcd"]
    for path in paths:
        path.touch()
    return paths


def test_models_are_kept_replaced_and_forgotten(files):
    predictors = Predictors(limit=2)
    first, second = predictors.of(files[0]), predictors.of(files[1])
    assert predictors.of(files[0]) is first and predictors.of(files[1]) is second
    os.utime(files[0], (1, 1))
    again = predictors.of(files[0])
    assert again is not first, "a model that was trained again is loaded again"
    predictors.of(files[2])
    assert predictors.of(files[0]) is again and predictors.of(files[1]) is not second


def test_when_memory_is_short_only_the_few_asked_last_stay(files):
    left = [2 * RESERVE]
    predictors = Predictors(available=lambda: left[0])
    first, *last = [predictors.of(path) for path in files]
    left[0] = RESERVE - 1
    assert [predictors.of(path) for path in files[1:]] == last
    left[0] = 2 * RESERVE
    assert predictors.of(files[0]) is not first


def test_many_who_want_a_model_load_it_once(files):
    predictors = Predictors()
    with ThreadPoolExecutor(6) as pool:
        assert len(set(pool.map(lambda _: predictors.of(files[0]), range(6)))) == 1
    assert Loaded.count == 1
