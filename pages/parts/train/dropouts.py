"""The dropout of a study: one value, or several to compare."""

import streamlit as st

from core.experiment.named_strategies import COMPARED_DROPOUTS
from pages.parts.shared.form import PERSISTENT

_CHOICES = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)


def choose_dropouts() -> None:
    """Show the dropout values; `selected_dropouts` returns them."""
    st.multiselect(
        "Dropout",
        sorted({*_CHOICES, *st.session_state["dropouts"]}),
        key="dropouts",
        format_func=lambda value: f"{value:g}",
        placeholder="0.5",
        **PERSISTENT,
        help="Share of the hidden layer's outputs that each training step sets to 0, against overfitting. With several "
        "values, each strategy trains with each of them.",
    )


def offer_three_dropouts() -> None:
    """Show a checkbox that compares three dropout values in place of one."""
    st.session_state["three-dropouts"] = set(COMPARED_DROPOUTS) <= set(st.session_state["dropouts"])
    low, default, high = COMPARED_DROPOUTS
    st.checkbox(
        f"Compare dropout {low:g}, {default:g} and {high:g}",
        key="three-dropouts",
        on_change=_compare_three,
        help="Trains each learning rate with each of these values, three times as many runs. Advanced has others.",
    )


def _compare_three() -> None:
    chosen = COMPARED_DROPOUTS if st.session_state["three-dropouts"] else (0.5,)
    st.session_state["dropouts"] = list(chosen)


def selected_dropouts() -> tuple[float, ...]:
    """The selected values, the default if there is none."""
    return tuple(sorted(st.session_state["dropouts"])) or (0.5,)
