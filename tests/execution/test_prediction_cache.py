"""Models are asked once about each picture, and one that fails keeps no other from answering."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.analysis.results.trained_models import TrainedModel
from core.data.explain.model_output import ModelOutput
from core.execution.keras_service.client import KerasServiceError
from core.execution.prediction_cache import ASKED_AT_ONCE, PredictionCache
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State


def model(name: str, size: int = 96, stamp: int = 0) -> TrainedModel:
    run = Run(f"20261123-220052-417-01-{name}", RunConfig(image_size=size), RunStatus(State.COMPLETED))
    return TrainedModel(run, Path(name), stamp, ("dark", "light"))


class Observer:
    """Finds pictures dark or light, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, tuple[int, ...]]] = []

    def __call__(self, path: Path, pixels: np.ndarray) -> ModelOutput:
        self.asked.append((path.name, pixels.shape))
        if path.name == "bad":
            raise KerasServiceError("It is gone.")
        light = pixels.mean(axis=(1, 2, 3)) / 255
        said = np.stack([1 - light, light], axis=1) if path.name != "wide" else np.ones((len(pixels), 3)) / 3
        return ModelOutput(said, np.zeros((len(pixels), 3, 3, said.shape[1]), np.uint8), None)


@pytest.fixture
def pictures(tmp_path) -> dict[str, Path]:
    paths = {f"{grey}": tmp_path / f"{grey}.png" for grey in range(0, 200, 10)}
    for grey, path in paths.items():
        Image.new("L", (20, 20), int(grey)).save(path)
    return paths


def test_each_answer_belongs_to_its_picture_and_is_asked_for_once(pictures):
    answers, see, models = PredictionCache(), Observer(), [model("one"), model("two", size=128)]
    steps = list(answers.compute(pictures, models, see))
    assert steps == [(16, 40), (32, 40), (36, 40), (40, 40)]
    assert see.asked[:2] == [("one", (ASKED_AT_ONCE, 96, 96, 3)), ("two", (ASKED_AT_ONCE, 128, 128, 3))]
    for grey in pictures:
        assert answers.of(grey, models[0]).probabilities[1] == pytest.approx(int(grey) / 255)
    assert list(answers.compute(pictures, models, see)) == [] and len(see.asked) == 4


def test_only_what_is_new_is_asked(pictures):
    answers, see, first = PredictionCache(), Observer(), model("one")
    for _ in answers.compute(pictures, [first], see):
        break  # the visitor turned away after the first batch
    list(answers.compute(pictures, [first], see))
    assert [shape[0] for _, shape in see.asked] == [16, 4]
    list(answers.compute(pictures, [model("one", stamp=1)], see))
    assert [shape[0] for _, shape in see.asked] == [16, 4, 16, 4], "a model that was trained again is asked again"


def test_what_is_gone_is_forgotten(pictures):
    answers, first = PredictionCache(), model("one")
    list(answers.compute(pictures, [first], Observer()))
    answers.keep_only(["10", "20"])
    assert answers.of("10", first) and answers.of("30", first) is None
    assert len(answers.known("10", [first, model("two")])) == 1


@pytest.mark.faults
def test_a_picture_that_cannot_be_read_keeps_no_other_from_being_asked(pictures):
    answers, see, models = PredictionCache(), Observer(), [model("one"), model("two", size=128)]
    for gone in ("30", "60"):
        pictures[gone].unlink()
    list(answers.compute(pictures, models, see))
    assert answers.unreadable == dict.fromkeys(("30", "60"), "cannot be read: No such file or directory")
    assert all(len(answers.known(picture, models)) == 2 * (picture not in answers.unreadable) for picture in pictures)
    assert answers.of("70", models[0]).probabilities[1] == pytest.approx(70 / 255), "no answer moves to another picture"
    Image.new("L", (20, 20), 30).save(pictures["30"])
    assert list(answers.compute(pictures, models, see)) == [], "it is not tried again by itself"
    answers.unreadable.clear()
    list(answers.compute(pictures, models, see))
    assert len(answers.known("30", models)) == 2 and list(answers.unreadable) == ["60"]


@pytest.mark.faults
def test_a_model_that_fails_keeps_no_other_from_answering(pictures):
    answers, see, good = PredictionCache(), Observer(), model("good")
    list(answers.compute(pictures, [model("bad"), model("wide"), good], see))
    wide, bad = sorted(answers.failures.values())
    assert wide.startswith("Expected 2 probabilities of Two-phase; received 3") and bad == "It is gone."
    assert all(answers.of(picture, good) for picture in pictures)
    assert [name for name, _ in see.asked].count("bad") == 1
