"""Card of a rate sweep on the Train page: feature extraction at several learning rates."""

import streamlit as st

from core.analysis.charts.palette import STRATEGY_COLOURS
from core.analysis.text import count
from core.experiment.named_strategies import SWEPT_RATES, rate_sweep
from core.experiment.strategy import Phase, Strategy, rate
from pages.parts.shared.form import PERSISTENT
from pages.parts.train.dropouts import offer_three_dropouts
from pages.parts.train.strategy_card import RATES


def choose_rate_sweep() -> tuple[Strategy, ...]:
    """Show the card; return one strategy per learning rate, or none if it is not included."""
    with st.container(border=True):
        colour = STRATEGY_COLOURS["feature-extraction"]
        st.html(f'<div style="height:4px;border-radius:2px;background:{colour}"></div>')
        included = st.checkbox("**Learning rate sweep**", key="sweep-use", **PERSISTENT)
        st.caption(
            "Feature extraction at each of these learning rates: only the head trains. Compare then shows how much "
            "the rate matters and which one is best by validation accuracy."
        )
        rates = st.multiselect(
            "Learning rates",
            sorted({*RATES, *SWEPT_RATES, *st.session_state["sweep-rates"]}),
            key="sweep-rates",
            format_func=rate,
            **PERSISTENT,
            help="By default from 1e-5, at which the head hardly learns, to 5e-2, at which training becomes unstable.",
        )
        epochs = st.number_input("Epochs", 1, 1_000, key="sweep-epochs", width=200, **PERSISTENT)
        offer_three_dropouts()
        dropouts = len(st.session_state["dropouts"])
        if included and not rates:
            st.caption(":material/warning: No learning rate is selected. Select at least one.")
        elif included:
            times = f" x {count(dropouts, 'dropout')}" if dropouts > 1 else ""
            st.caption(f"{count(len(rates), 'learning rate')}{times}, {count(epochs, 'epoch')} each.")
    return rate_sweep(sorted(rates), Phase(0, 1.0, epochs)) if included else ()
