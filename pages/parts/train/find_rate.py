"""A learning rate for one phase, suggested by a range test that the assistant makes."""

from dataclasses import dataclass

import streamlit as st

from core.analysis.charts.lr_range import rate_chart
from core.analysis.statistics.lr_suggestion import rate_question, suggest
from core.analysis.text import escape_markdown, rate
from core.data.datasets.scan import Dataset
from core.data.datasets.split import split
from core.execution.keras_service.client import KerasServiceError
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Strategy
from pages.parts.shared.form import key_of
from pages.parts.shared.services import Services, refuse
from pages.parts.shared.show import show_chart

WHAT_IT_DOES = (
    "Trains this phase on about a hundred batches while the rate grows, and looks at the loss. "
    "What the frozen layers compute is kept for the run."
)
MOST = 32
"""Curves that a visitor's session keeps."""


@dataclass(frozen=True)
class RangeTestSetup:
    """What a range test needs besides the strategy: who makes it, on which images, under which settings."""

    services: Services
    dataset: Dataset
    template: RunConfig


@dataclass(frozen=True)
class _Found:
    """The points of a test, and the images that they hold for."""

    dataset: Dataset
    points: tuple[tuple[float, float], ...]


def find_rate(lab: RangeTestSetup, card: int, strategy: Strategy, colour: str) -> None:
    """Offer a rate for the last phase of `strategy`, which is the card's strategy up to that phase."""
    phase = len(strategy.phases)
    question = rate_question(lab.template, strategy, phase)
    with st.popover(
        "Find a rate", type="tertiary", icon=":material/search_insights:", key=key_of(card, phase - 1, "find")
    ):
        if found := _known(lab, question):
            _show(found, key_of(card, phase - 1, "rate"), colour)
        else:
            _offer(lab, question, phase, key_of(card, phase - 1, "try"))


@st.fragment
def _offer(lab: RangeTestSetup, question: RunConfig, phase: int, key: str) -> None:
    """A fragment, so that the rest of the page stays as it is while the assistant works.

    What is found is shown outside of it: a fragment that sets another widget's value does not reach the browser.
    """
    st.caption(WHAT_IT_DOES)
    if st.button("Try rates", key=key) and _ask(lab, question, phase):
        st.rerun()


def _known(lab: RangeTestSetup, question: RunConfig) -> _Found | None:
    found = st.session_state.get("found-rates", {}).get(question)
    return found if found and found.dataset == lab.dataset else None


def _ask(lab: RangeTestSetup, question: RunConfig, phase: int) -> bool:
    """Have the test made and keep its curve for the session; where it cannot be made, say so in a line."""
    try:
        with st.spinner("Trying rates: seconds to a few minutes"):
            manifest = split(lab.dataset, question.split_seed, question.leak_free).to_csv()
            found = _Found(lab.dataset, lab.services.keras_service.find_rate(question, manifest, phase))
    except (KerasServiceError, ValueError) as error:
        refuse(error)
        return False
    kept = st.session_state.setdefault("found-rates", {})
    kept[question] = found
    for oldest in list(kept)[:-MOST]:
        del kept[oldest]
    return True


def _show(found: _Found, rate_key: str, colour: str) -> None:
    suggestion = suggest(found.points)
    if suggestion.rate is None:
        st.markdown(escape_markdown(f"{suggestion.reason}."))
    else:
        st.markdown(f"Suggested: **{escape_markdown(rate(suggestion.rate))}**, {escape_markdown(suggestion.reason)}.")
        st.button(
            "Take it",
            key=f"{rate_key}-take",
            on_click=_take,
            args=(rate_key, suggestion.rate),
            disabled=st.session_state[rate_key] == suggestion.rate,
        )
    show_chart(
        rate_chart(found.points, suggestion, colour),
        f"{rate_key}-test",
        "The loss at each learning rate, from low rates on the left to high ones on the right",
    )


def _take(rate_key: str, suggested: float) -> None:
    st.session_state[rate_key] = suggested
