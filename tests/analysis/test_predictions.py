"""What models say: ranked, compared, and as rows."""

from pathlib import Path

import numpy as np
import pytest

from core.analysis.models import TrainedModel
from core.analysis.predictions import Prediction, agree, agreement, prediction_rows
from core.experiment.run import Run, RunConfig, RunStatus, State

RUN = Run("20261123-220052-417-01-two-phase", RunConfig(), RunStatus(State.COMPLETED))


def said(*probabilities: float, classes: str = "abcd") -> Prediction:
    return Prediction(tuple(classes[:len(probabilities)]), probabilities)


def test_classes_are_ranked():
    prediction = said(0.1, 0.6, 0.05, 0.25)
    assert prediction.top() == [("b", 0.6), ("d", 0.25), ("a", 0.1)] and prediction.label == "b"
    assert said(0.5, 0.5).top() == [("a", 0.5), ("b", 0.5)], "a draw keeps the order of the classes"


def test_a_model_with_a_temperature_is_as_sure_as_it_should_be():
    model = TrainedModel(RUN, Path("m"), 0, ("a", "b"), temperature=2.0)
    honest = Prediction.of(model, np.float32([0.9, 0.1]))
    assert honest.label == "a" and honest.top(1)[0][1] == pytest.approx(0.75), "odds of 9 become 3"


@pytest.mark.parametrize(("labels", "words"), [
    ("a", ""), ("aa", "All agree: a"), ("aaa", "All agree: a"), ("aab", "They disagree: 2 of 3 say a"),
    ("abc", "They disagree"), ("aabb", "They disagree"), ("", "")])
def test_agreement_in_words(labels, words):
    predictions = [said(*(0.9 if name == label else 0.1 for name in "abc")) for label in labels]
    assert agreement(predictions) == words and agree(predictions) is not words.startswith("They")


def test_rows_have_a_column_for_every_class_of_any_model():
    first, second = (TrainedModel(RUN, Path("m"), 0, classes) for classes in (("a", "b"), ("b", "c")))
    rows = prediction_rows([("x.jpg", first, Prediction.of(first, np.float32([0.25, 0.75]))),
                            ("x.jpg", second, Prediction.of(second, np.float32([1, 0])))])
    assert rows[0] == {"file": "x.jpg", "run": RUN.id, "strategy": RUN.title, "predicted": "b", "probability": 0.75,
                       "p_a": 0.25, "p_b": 0.75, "p_c": ""}
    assert list(rows[1]) == list(rows[0]) and rows[1]["p_a"] == "" and rows[1]["p_b"] == 1.0
