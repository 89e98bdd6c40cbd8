"""How tables, charts, states and empty pages look, the same on every page."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from typing import Any

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from pandas.io.formats.style import Styler

from core.analysis.charts.common import chart_points
from core.analysis.text import to_csv
from core.experiment.runs.run import State

BADGES = {
    State.COMPLETED: "green",
    State.FAILED: "red",
    State.DIVERGED: "red",
    State.CORRUPT: "red",
    State.LOST: "orange",
    State.STOPPING: "orange",
    State.RUNNING: "blue",
    State.STARTING: "blue",
}
_BUTTONS = ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"]


def show_table(
    rows: Sequence[Mapping[str, Any]],
    name: str,
    alt: str,
    formats: Mapping[str, Callable[[Any], str]] | None = None,
    **options: Any,
) -> Any:
    """A table with its download as `name`.csv below; `alt` says what it holds to those who do not see it.

    Columns in `formats` are shown through it, and sort and download as the numbers they are.
    """
    data = _formatted(rows, formats) if formats else list(rows)
    shown = st.dataframe(data, hide_index=True, placeholder="–", alt=alt, **options)
    offer_csv(lambda: to_csv(rows), f"{name}.csv", "Download this table as CSV")
    return shown


def _formatted(rows: Sequence[Mapping[str, Any]], formats: Mapping[str, Callable[[Any], str]]) -> Styler:
    frame = pd.DataFrame(list(rows))
    return frame.style.format({column: form for column, form in formats.items() if column in frame}, na_rep="–")


def show_chart(figure: go.Figure, name: str, alt: str) -> None:
    """A chart with its downloads: PNG from its own corner, the points as `name`.csv below."""
    st.plotly_chart(
        figure,
        key=f"chart-{name}",
        alt=alt,
        config={
            "displaylogo": False,
            "modeBarButtonsToRemove": _BUTTONS,
            "toImageButtonOptions": {"filename": name, "format": "png", "scale": 2},
        },
    )
    offer_csv(lambda: to_csv(chart_points(figure)), f"{name}.csv", "Download the points as CSV")


def offer_csv(make: Callable[[], str], filename: str, help: str) -> None:
    """A small button that downloads the CSV text which `make` gives once it is pressed."""
    st.download_button(
        "CSV",
        make,
        filename,
        "text/csv",
        type="tertiary",
        icon=":material/download:",
        help=help,
        key=f"download-{filename}",
        on_click="ignore",
    )


def state_badge(state: State) -> None:
    """The state of a run as a chip."""
    st.badge(state.capitalize(), color=BADGES.get(state, "gray"))


def name_in_html(text: str) -> str:
    """A name as text alone in HTML, whichever way its letters run."""
    return f"<bdi>{escape(text)}</bdi>"


def swatch(colour: str) -> str:
    """A coloured square for Markdown shown with `unsafe_allow_html=True`."""
    return f'<span style="color:{colour}">■</span>'


def empty(message: str, *steps: tuple[str, str, str]) -> None:
    """An empty page: what it is for, and a link (page, label, icon) to each next step."""
    st.markdown(message)
    for page, label, icon in steps:
        st.page_link(page, label=label, icon=icon)
