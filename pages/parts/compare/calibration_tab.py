"""Whether models are as often right as they say, before and after their temperature."""

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

_SAID, _CALIBRATED = "As the models say", "Calibrated"


def show_calibration(services: Services, runs: Sequence[AnyRun], results: Mapping[str, EvaluationFigures]) -> None:
    """Reliability diagrams of the settings, and the figures of both states beside each other."""
    settings = group_by_setting(runs)
    names = run_labels([setting for setting, _ in settings])
    said = {
        setting.id: [
            (answers, results[run.id].temperature)
            for run in members
            if (answers := saved_predictions(services.store, run.id))
        ]
        for setting, members in settings
    }
    plain = {
        key: found
        for key, several in said.items()
        if (found := reliability([(answers, None) for answers, _ in several]))
    }
    if not plain:
        st.markdown("How sure models were of each test image is not known of these runs.")
        return
    scaled = {key: reliability(said[key]) for key in plain if all(temperature for _, temperature in said[key])}
    st.caption(
        "Below the dotted line a model is too sure: it is less often right than it says. A temperature, found "
        "on the validation images, makes up for that; Predict uses it."
    )
    which = (
        st.segmented_control(
            "Probabilities",
            [_SAID, _CALIBRATED],
            default=_SAID,
            required=True,
            key="probabilities",
            bind="query-params",
        )
        if scaled
        else _SAID
    )
    show_chart(
        calibration_chart(plain if which == _SAID else scaled, names, run_colours(runs)),
        "calibration",
        "How often models are right over how sure they are",
    )
    rows, formats = calibration_table(plain, scaled, names)
    show_table(rows, "calibration-figures", "How far sureness and accuracy are apart, before and after", formats)
    st.caption(
        "Error: how far sureness and accuracy are apart on average over groups of equally sure images (expected "
        "calibration error). Log loss also falls where a model is right and sure. Seeds are taken together. "
        "With few images the error comes out too large."
    )
