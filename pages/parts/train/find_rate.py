"""Learning-rate range test for one phase, run by the Keras service, with a suggested rate."""

from dataclasses import dataclass

import streamlit as st

from core.analysis.charts.lr_range import rate_chart
from core.analysis.statistics.lr_suggestion import suggest_rate
from core.analysis.text import escape_markdown
from core.data.datasets.dataset import Dataset
from core.data.datasets.folds import split_with
from core.data.study_plan import resolve_test_parts
from core.execution.keras_service.client import KerasServiceError
from core.experiment.range_test_config import range_test_config
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Strategy, rate
from pages.parts.shared.form import widget_key
from pages.parts.shared.services import Services, show_error
from pages.parts.shared.show import show_chart

DESCRIPTION = (
    "Trains this phase on about one hundred batches while the learning rate increases, and records the loss. "
    "The features of the frozen layers are cached for the training."
)
MAX_CURVES = 32
"""Curves stored per browser session."""


@dataclass(frozen=True)
class RangeTestSetup:
    """Inputs of a range test besides the strategy: the services, the images and all other settings."""

    services: Services
    dataset: Dataset
    template: RunConfig


@dataclass(frozen=True)
class _Curve:
    """(learning rate, loss) points of a range test, and the images it was run on."""

    dataset: Dataset
    points: tuple[tuple[float, float], ...]


def find_rate(setup: RangeTestSetup, card: int, strategy: Strategy, colour: str) -> None:
    """Offer a range test for the last phase of `strategy`, which is the card's strategy up to that phase."""
    phase = len(strategy.phases)
    config = range_test_config(setup.template, strategy, phase)
    with st.popover(
        "Find learning rate",
        type="tertiary",
        icon=":material/search_insights:",
        key=widget_key(card, phase - 1, "find"),
    ):
        if curve := _stored_curve(setup, config):
            _show_curve(curve, widget_key(card, phase - 1, "rate"), colour)
        else:
            _offer_test(setup, config, phase, widget_key(card, phase - 1, "try"))


@st.fragment
def _offer_test(setup: RangeTestSetup, config: RunConfig, phase: int, key: str) -> None:
    """Show the button that runs the test; a fragment, so that the page is not redrawn while the test runs.

    The result is shown outside the fragment, because a value that a fragment sets for another widget does not reach
    the browser.
    """
    st.caption(DESCRIPTION)
    if st.button("Run range test", key=key) and _run_test(setup, config, phase):
        st.rerun()


def _stored_curve(setup: RangeTestSetup, config: RunConfig) -> _Curve | None:
    curves: dict[RunConfig, _Curve] = st.session_state.get("range-tests", {})
    curve = curves.get(config)
    return curve if curve and curve.dataset == setup.dataset else None


def _run_test(setup: RangeTestSetup, config: RunConfig, phase: int) -> bool:
    """Run the test and store its curve for the browser session; if it fails, show the error and return False."""
    try:
        with st.spinner("Running the range test: a few seconds to a few minutes"):
            parts = resolve_test_parts(config, setup.dataset)[0].test_parts
            manifest = split_with(parts, setup.dataset, config.split_seed, config.leak_free).to_csv()
            curve = _Curve(setup.dataset, setup.services.keras_service.find_rate(config, manifest, phase))
    except (KerasServiceError, ValueError) as error:
        show_error(error)
        return False
    curves: dict[RunConfig, _Curve] = st.session_state.setdefault("range-tests", {})
    curves[config] = curve
    for oldest in list(curves)[:-MAX_CURVES]:
        del curves[oldest]
    return True


def _show_curve(curve: _Curve, rate_key: str, colour: str) -> None:
    suggestion = suggest_rate(curve.points)
    if suggestion.rate is None:
        st.markdown(escape_markdown(f"{suggestion.reason}."))
    else:
        st.markdown(f"Suggested: **{escape_markdown(rate(suggestion.rate))}**, {escape_markdown(suggestion.reason)}.")
        st.button(
            "Use this rate",
            key=f"{rate_key}-take",
            on_click=_set_rate,
            args=(rate_key, suggestion.rate),
            disabled=st.session_state[rate_key] == suggestion.rate,
        )
    show_chart(
        rate_chart(curve.points, suggestion, colour),
        f"{rate_key}-test",
        "Loss at each learning rate, from low rates on the left to high rates on the right",
    )


def _set_rate(rate_key: str, suggested: float) -> None:
    st.session_state[rate_key] = suggested
