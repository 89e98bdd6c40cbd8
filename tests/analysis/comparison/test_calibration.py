"""Calibration: bins, calibration error, temperature scaling, the reliability diagram."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.calibration import calibration_chart
from core.analysis.charts.common import chart_points
from core.analysis.comparison.calibration import calibration_table, reliability
from core.analysis.comparison.replicates import SavedPredictions
from core.analysis.statistics.temperature_scaling import calibrated

CLASSES = ("glass", "paper")


def make_predictions(confidence: list[float], correct: list[bool]) -> SavedPredictions:
    """Predictions with this confidence for images of glass: "glass" if correct, else "paper"."""
    rows = np.array([(p, 1 - p) if ok else (1 - p, p) for p, ok in zip(confidence, correct, strict=True)])
    predicted = tuple("glass" if ok else "paper" for ok in correct)
    paths, labels = tuple(f"{i}.jpg" for i in range(len(correct))), ("glass",) * len(correct)
    return SavedPredictions(paths, labels, predicted, CLASSES, rows)


def test_the_calibration_error_is_the_distance_of_confidence_and_accuracy():
    saved = make_predictions([0.9] * 10 + [0.6] * 10, [True] * 9 + [False] + [True] * 4 + [False] * 6)
    found = reliability([(saved, None)])
    bins = [(round(group.confidence, 3), group.accuracy, group.images) for group in found.bins]
    assert bins == [(0.6, 0.4, 10), (0.9, 0.9, 10)]
    assert found.error == pytest.approx(0.1) and found.overconfidence == pytest.approx(0.1) and found.images == 20
    logs = 9 * np.log(0.9) + np.log(0.1) + 4 * np.log(0.6) + 6 * np.log(0.4)
    assert found.log_loss == pytest.approx(-logs / 20)


@given(st.lists(st.tuples(st.floats(0.5, 1.0), st.booleans()), min_size=1, max_size=60), st.floats(0.2, 5.0))
def test_a_temperature_changes_the_confidence_but_not_the_predicted_class(images, temperature):
    saved = make_predictions([p for p, _ in images], [ok for _, ok in images])
    plain, scaled = reliability([(saved, None)]), reliability([(saved, temperature)])
    assert 0 <= scaled.error <= 1 and scaled.images == plain.images == len(images)
    shares = calibrated(saved.probabilities, temperature)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (shares[:, 0] >= shares[:, 1]).tolist() == (saved.probabilities[:, 0] >= saved.probabilities[:, 1]).tolist()
    confidence = shares.max(axis=1).mean()
    assert (
        (confidence <= saved.confidence.mean() + 1e-9)
        if temperature >= 1
        else (confidence >= saved.confidence.mean() - 1e-9)
    )


def test_without_a_temperature_probabilities_are_unchanged():
    probabilities = np.float32([[0.25, 0.75]])
    assert calibrated(probabilities, None) is probabilities and calibrated(probabilities, 1.0) is probabilities
    assert calibrated(np.array([1.0, 0.0]), 2.0).tolist() == pytest.approx([1.0, 0.0], abs=1e-5)


def test_runs_without_probabilities_of_all_true_classes_are_skipped():
    saved = make_predictions([0.9], [True])
    without = SavedPredictions(saved.paths, saved.labels, saved.predicted, (), np.empty((1, 0)))
    assert reliability([(without, None)]) is None and np.isnan(without.confidence).all()
    other_class = SavedPredictions(saved.paths, ("metal",), saved.predicted, CLASSES, saved.probabilities)
    assert reliability([(other_class, None)]) is None


def test_the_diagram_and_the_table_show_unscaled_and_scaled_values():
    saved = make_predictions([0.95] * 20, [True] * 15 + [False] * 5)
    plain, scaled = reliability([(saved, None)]), reliability([(saved, 2.0)])
    points = chart_points(calibration_chart({"run": plain}, {"run": "Two-phase"}, {}))
    assert points[2:] == [{"name": "Two-phase", "x": pytest.approx(0.95), "y": pytest.approx(0.75)}]
    rows, formats = calibration_table({"run": plain}, {"run": scaled}, {"run": "Two-phase"})
    assert rows[0]["Calibration error"] == pytest.approx(0.2) and rows[0]["Calibration error, scaled"] < 0.2
    assert rows[0]["Temperature"] == 2.0 and set(formats) < set(rows[0])
    assert calibration_table({"run": plain}, {}, {"run": "x"})[0][0]["Calibration error, scaled"] is None


def test_seeds_of_a_setting_are_combined_each_with_its_temperature():
    first, second = make_predictions([0.9] * 3, [True] * 3), make_predictions([0.8], [False])
    both = reliability([(first, 2.0), (second, 4.0)])
    separate = [reliability([(first, 2.0)]), reliability([(second, 4.0)])]
    assert both.images == 4 and both.temperature == 3.0
    assert both.log_loss == pytest.approx((3 * separate[0].log_loss + separate[1].log_loss) / 4)
