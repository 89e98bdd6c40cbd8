"""Calibration: whether confidence matches accuracy, before and after temperature scaling."""

from collections.abc import Mapping, Sequence

import streamlit as st

from core.analysis.charts.calibration import calibration_chart
from core.analysis.charts.palette import run_colours
from core.analysis.comparison.calibration import calibration_table, reliability
from core.analysis.comparison.replicates import saved_predictions
from core.analysis.results.evaluation_file import EvaluationFigures
from core.analysis.results.settings import group_by_setting, run_labels
from core.experiment.runs.run import AnyRun
from pages.parts.shared.services import Services
from pages.parts.shared.show import show_chart, show_table

_UNCALIBRATED, _CALIBRATED = "Uncalibrated", "Calibrated"


def show_calibration(services: Services, runs: Sequence[AnyRun], results: Mapping[str, EvaluationFigures]) -> None:
    """Show a reliability diagram of the settings, and a table of calibration errors before and after scaling."""
    settings = group_by_setting(runs)
    names = run_labels([setting for setting, _ in settings])
    predictions = {
        setting.id: [
            (saved, results[run.id].temperature)
            for run in members
            if (saved := saved_predictions(services.store, run.id))
        ]
        for setting, members in settings
    }
    unscaled = {
        key: found
        for key, several in predictions.items()
        if (found := reliability([(saved, None) for saved, _ in several]))
    }
    if not unscaled:
        st.markdown("No per-image probabilities were saved for these runs. Choose runs that are completed.")
        return
    scaled = {
        key: found
        for key in unscaled
        if all(temperature for _, temperature in predictions[key]) and (found := reliability(predictions[key]))
    }
    st.caption(
        "Below the dotted line a model is overconfident: its accuracy is lower than its confidence. Temperature "
        "scaling, fitted on the validation images, corrects this; Predict uses it."
    )
    which = (
        st.segmented_control(
            "Probabilities",
            [_UNCALIBRATED, _CALIBRATED],
            default=_UNCALIBRATED,
            required=True,
            key="probabilities",
            bind="query-params",
        )
        if scaled
        else _UNCALIBRATED
    )
    show_chart(
        calibration_chart(unscaled if which == _UNCALIBRATED else scaled, names, run_colours(runs)),
        "calibration",
        "Accuracy of each setting over its confidence",
    )
    rows, formats = calibration_table(unscaled, scaled, names)
    show_table(rows, "calibration-figures", "Calibration errors before and after temperature scaling", formats)
    st.caption(
        "Calibration error: mean difference between confidence and accuracy over groups of images with similar "
        "confidence (expected calibration error), overestimated if there are few images. Log loss also decreases "
        "when correct predictions become more confident. The seeds of a setting are combined."
    )
