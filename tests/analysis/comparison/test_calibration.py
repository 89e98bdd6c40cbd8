"""Whether models are as often right as they say: bins, error, temperature, the diagram."""

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


def predictions_of(confidence: list[float], right: list[bool]) -> SavedPredictions:
    """Every image is glass; where it is named right, the model says glass as surely as given."""
    rows = np.array([(p, 1 - p) if ok else (1 - p, p) for p, ok in zip(confidence, right, strict=True)])
    named = tuple("glass" if ok else "paper" for ok in right)
    return SavedPredictions(tuple(f"{i}.jpg" for i in range(len(right))), ("glass",) * len(right), named, CLASSES, rows)


def test_the_error_is_how_far_sureness_and_accuracy_are_apart():
    said = predictions_of([0.9] * 10 + [0.6] * 10, [True] * 9 + [False] + [True] * 4 + [False] * 6)
    found = reliability([(said, None)])
    assert [(round(b.confidence, 3), b.accuracy, b.images) for b in found.bins] == [(0.6, 0.4, 10), (0.9, 0.9, 10)]
    assert found.error == pytest.approx(0.1) and found.overconfidence == pytest.approx(0.1) and found.images == 20
    logs = 9 * np.log(0.9) + np.log(0.1) + 4 * np.log(0.6) + 6 * np.log(0.4)
    assert found.log_loss == pytest.approx(-logs / 20)


@given(st.lists(st.tuples(st.floats(0.5, 1.0), st.booleans()), min_size=1, max_size=60), st.floats(0.2, 5.0))
def test_a_temperature_changes_how_sure_a_model_is_and_never_what_it_names(images, temperature):
    said = predictions_of([p for p, _ in images], [ok for _, ok in images])
    plain, scaled = reliability([(said, None)]), reliability([(said, temperature)])
    assert 0 <= scaled.error <= 1 and scaled.images == plain.images == len(images)
    shares = calibrated(said.probabilities, temperature)
    assert np.allclose(shares.sum(axis=1), 1)
    assert (shares[:, 0] >= shares[:, 1]).tolist() == (said.probabilities[:, 0] >= said.probabilities[:, 1]).tolist()
    confidence = shares.max(axis=1).mean()
    assert (
        (confidence <= said.confidence.mean() + 1e-9)
        if temperature >= 1
        else (confidence >= said.confidence.mean() - 1e-9)
    )


def test_without_a_temperature_probabilities_are_what_the_model_says():
    said = np.float32([[0.25, 0.75]])
    assert calibrated(said, None) is said and calibrated(said, 1.0) is said
    assert calibrated(np.array([1.0, 0.0]), 2.0).tolist() == pytest.approx([1.0, 0.0], abs=1e-5)


def test_what_was_not_written_down_is_not_judged():
    said = predictions_of([0.9], [True])
    without = SavedPredictions(said.paths, said.labels, said.named, (), np.empty((1, 0)))
    assert reliability([(without, None)]) is None and np.isnan(without.confidence).all()
    stranger = SavedPredictions(said.paths, ("metal",), said.named, CLASSES, said.probabilities)
    assert reliability([(stranger, None)]) is None


def test_the_diagram_and_the_table_show_both_states():
    said = predictions_of([0.95] * 20, [True] * 15 + [False] * 5)
    plain, scaled = reliability([(said, None)]), reliability([(said, 2.0)])
    points = chart_points(calibration_chart({"run": plain}, {"run": "Two-phase"}, {}))
    assert points[2:] == [{"name": "Two-phase", "x": pytest.approx(0.95), "y": pytest.approx(0.75)}]
    rows, formats = calibration_table({"run": plain}, {"run": scaled}, {"run": "Two-phase"})
    assert rows[0]["Error"] == pytest.approx(0.2) and rows[0]["Error, calibrated"] < 0.2
    assert rows[0]["Temperature"] == 2.0 and set(formats) < set(rows[0])
    assert calibration_table({"run": plain}, {}, {"run": "x"})[0][0]["Error, calibrated"] is None


def test_seeds_of_a_setting_are_taken_together_each_at_its_temperature():
    first, second = predictions_of([0.9] * 3, [True] * 3), predictions_of([0.8], [False])
    both = reliability([(first, 2.0), (second, 4.0)])
    apart = [reliability([(first, 2.0)]), reliability([(second, 4.0)])]
    assert both.images == 4 and both.temperature == 3.0
    assert both.log_loss == pytest.approx((3 * apart[0].log_loss + apart[1].log_loss) / 4)
