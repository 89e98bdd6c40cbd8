"""Learning curves, and the controls above them, kept in the URL."""

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
    "Mean and deviation": "deviation",
    "Mean and 95% interval": "interval",
    "Each run": None,
}
_VISIBLE_GROWTH = 1.005
"""What a line must have grown by to look longer: some three pixels of a chart as wide as half a screen."""
_SMOOTHING = {"epoch": 0.0, "step": 0.6, "elapsed": 0.6}  # epochs are few points, steps many


def show_curves(runs: Sequence[AnyRun], metrics: Mapping[str, Metrics]) -> None:
    """The controls, and accuracy and loss side by side as they ask for."""
    view = _choose_view()
    band = _choose_band(runs, view)
    for column, measure in zip(st.columns(2), ("accuracy", "loss"), strict=True):
        with column:
            show_chart(
                _drawn(runs, metrics, measure, view, band),
                measure,
                f"{measure.capitalize()} of {count(len(runs), 'run')} in training and validation",
            )


def _choose_band(runs: Sequence[AnyRun], view: CurveOptions) -> str | None:
    """How means over seeds are drawn; None to draw every run, as while they train."""
    if view.axis == "step" or not all(run.state.is_finished for run in runs) or not has_several_seeds(runs):
        return None
    chosen = st.segmented_control(
        "Runs of several seeds",
        list(_BANDS),
        default=next(iter(_BANDS)),
        required=True,
        key="curves-seeds",
        bind="query-params",
        help="Their mean, and around "
        "validation a band: from the lowest seed to the highest, a standard deviation either "
        "way, or the 95% interval of the mean.",
    )
    return _BANDS.get(chosen or "")


def _drawn(
    runs: Sequence[AnyRun], metrics: Mapping[str, Metrics], measure: str, view: CurveOptions, band: str | None
) -> go.Figure:
    """The chart as this visitor saw it last, unless it would look different now: browsers skip what is the same."""
    elapsed = sum(metrics[run.id].elapsed for run in runs)
    looks = ([(run.id, run.state) for run in runs], int(log(max(elapsed, 1.0), _VISIBLE_GROWTH)), view, band)
    before, figure = st.session_state.get(f"drawn-{measure}", (None, None))
    if before != looks:
        figure = (
            group_curves(runs, metrics, measure, view, band)
            if band
            else (learning_curves(runs, metrics, measure, view))
        )
        st.session_state[f"drawn-{measure}"] = (looks, figure)
    return figure


def _choose_view() -> CurveOptions:
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
            help="How much of what came before goes into each point. "
            "The raw line stays, faint; validation by step or time stays as measured.",
        )
        aligned = st.toggle(
            "Align at fine-tuning",
            key="curves-aligned",
            bind="query-params",
            help="Runs stand at the same place where they begin to train layers of the base.",
        )
        log = st.toggle(
            "Log of loss",
            key="curves-log",
            bind="query-params",
            help="Equal steps down the chart are equal ratios of the loss.",
        )
        ignore = st.toggle(
            "Ignore outliers",
            key="curves-robust",
            bind="query-params",
            help="Fit the charts to all but the lowest and the highest twentieth of the values.",
        )
    return CurveOptions(axis, aligned, smoothing, log, ignore)
