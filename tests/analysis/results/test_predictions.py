"""What models say: ranked, compared, and as rows."""

from pathlib import Path

import numpy as np
import pytest

from core.analysis.results.predictions import (
    Prediction,
    agree,
    agreement,
    disagreement,
    mean_confidence,
    prediction_rows,
    unlike,
)
from core.analysis.results.trained_models import TrainedModel
from core.data.explain.model_output import ModelOutput
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State

RUN = Run("20261123-220052-417-01-two-phase", RunConfig(), RunStatus(State.COMPLETED))


def said(*probabilities: float, classes: str = "abcd", novelty: float | None = None) -> Prediction:
    return Prediction(tuple(classes[: len(probabilities)]), probabilities, novelty=novelty)


def seen(*probabilities: float, novelty: float | None = None) -> ModelOutput:
    """What a model sees in one picture."""
    maps = np.arange(4 * len(probabilities), dtype=np.uint8).reshape(1, 2, 2, -1)
    return ModelOutput(np.float32([probabilities]), maps, None if novelty is None else np.float32([novelty]))


def test_classes_are_ranked():
    prediction = said(0.1, 0.6, 0.05, 0.25)
    assert prediction.top() == [("b", 0.6), ("d", 0.25), ("a", 0.1)] and prediction.label == "b"
    assert said(0.5, 0.5).top() == [("a", 0.5), ("b", 0.5)], "a draw keeps the order of the classes"


def test_a_model_with_a_temperature_is_as_sure_as_it_should_be():
    model = TrainedModel(RUN, Path("m"), 0, ("a", "b"), temperature=2.0)
    honest = Prediction.of(model, seen(0.9, 0.1), 0)
    assert honest.label == "a" and honest.top(1)[0][1] == pytest.approx(0.75), "odds of 9 become 3"


@pytest.mark.parametrize(
    ("labels", "words"),
    [
        ("a", ""),
        ("aa", "All agree: a"),
        ("aaa", "All agree: a"),
        ("aab", "They disagree: 2 of 3 say a"),
        ("abc", "They disagree"),
        ("aabb", "They disagree"),
        ("", ""),
    ],
)
def test_agreement_in_words(labels, words):
    predictions = [said(*(0.9 if name == label else 0.1 for name in "abc")) for label in labels]
    assert agreement(predictions) == words and agree(predictions) is not words.startswith("They")


def test_rows_have_a_column_for_every_class_of_any_model():
    first, second = (TrainedModel(RUN, Path("m"), 0, classes) for classes in (("a", "b"), ("b", "c")))
    rows = prediction_rows(
        [
            ("x.jpg", first, Prediction.of(first, seen(0.25, 0.75), 0)),
            ("x.jpg", second, Prediction.of(second, seen(1, 0, novelty=1.5), 0)),
        ]
    )
    assert rows[0] == {
        "file": "x.jpg",
        "run": RUN.id,
        "strategy": RUN.title,
        "predicted": "b",
        "probability": 0.75,
        "strangeness": None,
        "p_a": 0.25,
        "p_b": 0.75,
        "p_c": None,
    }
    assert list(rows[1]) == list(rows[0]) and rows[1]["p_a"] is None and rows[1]["p_b"] == 1.0
    assert rows[1]["strangeness"] == 1.5


def test_models_are_apart_by_the_probability_that_they_place_elsewhere():
    assert disagreement([said(1, 0), said(0, 1)]) == 1 and disagreement([said(0.7, 0.3)] * 3) == 0
    assert disagreement([said(0.8, 0.2), said(0.6, 0.4)]) == pytest.approx(0.2)
    assert disagreement([said(0.5, 0.5, classes="ab"), said(0.5, 0.5, classes="bc")]) == pytest.approx(0.5)
    assert disagreement([said(1, 0)]) == disagreement([]) == 0
    assert mean_confidence([said(0.9, 0.1), said(0.3, 0.7)]) == pytest.approx(0.8) and mean_confidence([]) == 1


def test_unlike_is_said_by_those_who_know():
    novel, known, unknown = (said(1, 0, novelty=value) for value in (1.5, 0.9, None))
    assert unlike([novel]) == "Unlike the training images" and unlike([known, unknown]) == unlike([]) == ""
    assert unlike([novel, known, unknown]) == "Unlike the training images for 1 of 2 models"
    assert unlike([novel, novel]) == "Unlike the training images for every model"


def test_the_heat_of_a_class_is_its_own_map():
    model = TrainedModel(RUN, Path("m"), 0, ("a", "b"))
    prediction = Prediction.of(model, seen(0.9, 0.1), 0)
    assert prediction.heat("b").tolist() == [[1, 3], [5, 7]] and prediction.heat("z") is None
