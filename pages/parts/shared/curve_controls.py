"""Learning curves with their controls, whose values are in the URL."""

from collections.abc import Mapping, Sequence
from math import log

import plotly.graph_objects as go
import streamlit as st

from core.analysis.charts.learning_curves.curve_options import CurveOptions
from core.analysis.charts.learning_curves.curves import learning_curves
from core.analysis.charts.learning_curves.group_curves import group_curves, has_several_seeds
from core.analysis.text import count
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import AnyRun
from pages.parts.shared.show import show_chart

_AXES = {"Epoch": "epoch", "Step": "step", "Time": "elapsed"}
_BANDS = {
    "Mean and range": "range",
    "Mean and standard deviation": "deviation",
    "Mean and 95% interval": "interval",
    "Each run": None,
}
_VISIBLE_GROWTH = 1.005
"""A chart is redrawn when the training time has grown by this factor: about three pixels of half a screen."""

_SMOOTHING = {"epoch": 0.0, "step": 0.6, "elapsed": 0.6}  # there are few epochs and many steps


def show_curves(runs: Sequence[AnyRun], metrics: Mapping[str, Metrics]) -> None:
    """Show the controls, and charts of accuracy and loss side by side."""
    options = _choose_options()
    band = _choose_band(runs)
    for column, measure in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        with column:
            show_chart(
                _figure(runs, metrics, measure, options, band),
                measure,
                f"{measure.capitalize()} of {count(len(runs), 'run')} in training and validation",
            )


def _choose_band(runs: Sequence[AnyRun]) -> str | None:
    """The band around means over seeds; None to draw each run, also if no setting has several finished seeds."""
    if not has_several_seeds([run for run in runs if run.state.is_finished]):
        return None
    chosen = st.segmented_control(
        "Runs with several seeds",
        list(_BANDS),
        default=next(iter(_BANDS)),
        required=True,
        key="curves-seeds",
        bind="query-params",
        help="Draws the mean over seeds, and a band around the validation curve: the range from the lowest to the "
        "highest seed, one standard deviation on each side, or the 95% interval of the mean.",
    )
    return _BANDS.get(chosen or "")


def _figure(
    runs: Sequence[AnyRun], metrics: Mapping[str, Metrics], measure: str, options: CurveOptions, band: str | None
) -> go.Figure:
    """The chart; if it would look the same, the last one of this session, which the browser does not redraw."""
    elapsed = sum(metrics[run.id].elapsed for run in runs)
    appearance = ([(run.id, run.state) for run in runs], int(log(max(elapsed, 1.0), _VISIBLE_GROWTH)), options, band)
    cached, figure = st.session_state.get(f"drawn-{measure}", (None, None))
    if cached != appearance:
        figure = (
            group_curves(runs, metrics, measure, options, band)
            if band
            else learning_curves(runs, metrics, measure, options)
        )
        st.session_state[f"drawn-{measure}"] = (appearance, figure)
    return figure


def _choose_options() -> CurveOptions:
    with st.container(horizontal=True, vertical_alignment="bottom", gap="medium"):
        by = st.segmented_control(
            "Curves by", list(_AXES), default="Epoch", required=True, key="curves-by", bind="query-params"
        )
        axis = _AXES.get(by or "", "epoch")
        smoothing = st.slider(
            "Smoothing",
            0.0,
            0.95,
            _SMOOTHING[axis],
            0.05,
            key=f"curves-smooth-{axis}",
            width=180,
            bind="query-params",
            help="Weight of earlier values in a moving average. The raw curve stays visible, faintly. Validation is "
            "smoothed only by epoch.",
        )
        aligned = st.toggle(
            "Align at fine-tuning",
            key="curves-aligned",
            bind="query-params",
            help="Puts the start of fine-tuning at 0 for all runs.",
        )
        logarithmic = st.toggle(
            "Logarithmic loss",
            key="curves-log",
            bind="query-params",
            help="Equal distances on the axis are equal ratios of the loss.",
        )
        ignore = st.toggle(
            "Ignore outliers",
            key="curves-robust",
            bind="query-params",
            help="Fits the charts to the values between the 5th and the 95th percentile.",
        )
    return CurveOptions(axis, aligned, smoothing, logarithmic, ignore)
