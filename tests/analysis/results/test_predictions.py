"""Predictions: ranked classes, agreement between models, table rows."""

from pathlib import Path

import numpy as np
import pytest

from core.analysis.results.predictions import (
    Prediction,
    agree,
    agreement_message,
    disagreement,
    mean_confidence,
    novelty_message,
    prediction_rows,
)
from core.analysis.results.trained_models import TrainedModel
from core.data.explain.model_output import ModelOutput
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State

RUN = Run("20261123-220052-417-01-two-phase", RunConfig(), RunStatus(State.COMPLETED))


def make_prediction(*probabilities: float, classes: str = "abcd", novelty: float | None = None) -> Prediction:
    return Prediction(tuple(classes[: len(probabilities)]), probabilities, novelty=novelty)


def output(*probabilities: float, novelty: float | None = None) -> ModelOutput:
    """Output of a model for one image."""
    heat_maps = np.arange(4 * len(probabilities), dtype=np.uint8).reshape(1, 2, 2, -1)
    return ModelOutput(np.float32([probabilities]), heat_maps, None if novelty is None else np.float32([novelty]))


def test_classes_are_ranked():
    prediction = make_prediction(0.1, 0.6, 0.05, 0.25)
    assert prediction.top() == [("b", 0.6), ("d", 0.25), ("a", 0.1)] and prediction.label == "b"
    assert make_prediction(0.5, 0.5).top() == [("a", 0.5), ("b", 0.5)], "ties keep the order of the classes"


def test_probabilities_are_scaled_by_the_temperature():
    model = TrainedModel(RUN, Path("m"), 0, ("a", "b"), temperature=2.0)
    scaled = Prediction.from_output(model, output(0.9, 0.1), 0)
    assert scaled.label == "a" and scaled.top(1)[0][1] == pytest.approx(0.75), "odds of 9 become 3"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ("a", ""),
        ("aa", "All agree: a"),
        ("aaa", "All agree: a"),
        ("aab", "They disagree: 2 of 3 predict a"),
        ("abc", "They disagree"),
        ("aabb", "They disagree"),
        ("", ""),
    ],
)
def test_agreement_message(labels, message):
    predictions = [make_prediction(*(0.9 if name == label else 0.1 for name in "abc")) for label in labels]
    assert agreement_message(predictions) == message and agree(predictions) is not message.startswith("They")


def test_rows_have_a_column_for_every_class_of_any_model():
    first, second = (TrainedModel(RUN, Path("m"), 0, classes) for classes in (("a", "b"), ("b", "c")))
    rows = prediction_rows(
        [
            ("x.jpg", first, Prediction.from_output(first, output(0.25, 0.75), 0)),
            ("x.jpg", second, Prediction.from_output(second, output(1, 0, novelty=1.5), 0)),
        ]
    )
    assert rows[0] == {
        "file": "x.jpg",
        "run": RUN.id,
        "strategy": RUN.title,
        "predicted": "b",
        "probability": 0.75,
        "novelty": None,
        "p_a": 0.25,
        "p_b": 0.75,
        "p_c": None,
    }
    assert list(rows[1]) == list(rows[0]) and rows[1]["p_a"] is None and rows[1]["p_b"] == 1.0
    assert rows[1]["novelty"] == 1.5


def test_disagreement_is_the_mean_total_variation_distance():
    assert disagreement([make_prediction(1, 0), make_prediction(0, 1)]) == 1
    assert disagreement([make_prediction(0.7, 0.3)] * 3) == 0
    assert disagreement([make_prediction(0.8, 0.2), make_prediction(0.6, 0.4)]) == pytest.approx(0.2)
    different_classes = [make_prediction(0.5, 0.5, classes=classes) for classes in ("ab", "bc")]
    assert disagreement(different_classes) == pytest.approx(0.5)
    assert disagreement([make_prediction(1, 0)]) == disagreement([]) == 0
    assert mean_confidence([make_prediction(0.9, 0.1), make_prediction(0.3, 0.7)]) == pytest.approx(0.8)
    assert mean_confidence([]) == 1


def test_novelty_message_counts_only_models_with_a_novelty_score():
    novel, known, unknown = (make_prediction(1, 0, novelty=value) for value in (1.5, 0.9, None))
    assert novelty_message([novel]) == "Unlike the training images"
    assert novelty_message([known, unknown]) == novelty_message([]) == ""
    assert novelty_message([novel, known, unknown]) == "Unlike the training images for 1 of 2 models"
    assert novelty_message([novel, novel]) == "Unlike the training images for every model"


def test_each_class_has_its_heat_map():
    model = TrainedModel(RUN, Path("m"), 0, ("a", "b"))
    prediction = Prediction.from_output(model, output(0.9, 0.1), 0)
    assert prediction.heat_map("b").tolist() == [[1, 3], [5, 7]] and prediction.heat_map("z") is None
