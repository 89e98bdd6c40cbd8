"""Tables, charts, images, states and empty pages, drawn in the same way on every page."""

from collections.abc import Callable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import plotly.graph_objects as go
import streamlit as st
from pandas.io.formats.style import Styler

from core.analysis.charts.common import chart_points
from core.analysis.text import to_csv
from core.data.datasets.images.scales import whites_of
from core.data.datasets.images.thumbnails import thumbnail
from core.experiment.runs.run import State

BADGE_COLOURS: dict[State, Literal["green", "red", "orange", "blue"]] = {
    State.COMPLETED: "green",
    State.FAILED: "red",
    State.DIVERGED: "red",
    State.CORRUPT: "red",
    State.LOST: "orange",
    State.STOPPING: "orange",
    State.RUNNING: "blue",
    State.STARTING: "blue",
}
_REMOVED_BUTTONS = ["zoom2d", "pan2d", "select2d", "lasso2d", "zoomIn2d", "zoomOut2d", "autoScale2d"]


def show_table(
    rows: Sequence[Mapping[str, Any]],
    name: str,
    alt: str,
    formats: Mapping[str, Callable[[Any], str]] | None = None,
    **options: Any,
) -> Any:
    """Show a table with a download as `name`.csv, and return the result of `st.dataframe`.

    Args:
        alt: description of the content for screen readers.
        formats: function that formats the values of a column for display; sorting and download use the values.
        options: passed to `st.dataframe`.
    """
    data = _formatted(rows, formats) if formats else list(rows)
    shown = st.dataframe(data, hide_index=True, placeholder="–", alt=alt, **options)
    offer_csv(lambda: to_csv(rows), f"{name}.csv", "Download this table as CSV")
    return shown


def _formatted(rows: Sequence[Mapping[str, Any]], formats: Mapping[str, Callable[[Any], str]]) -> Styler:
    frame = pd.DataFrame(list(rows))
    return frame.style.format({column: form for column, form in formats.items() if column in frame}, na_rep="–")


def show_chart(figure: go.Figure, name: str, alt: str) -> None:
    """Show a chart with a download of its points as `name`.csv, and of a PNG file in its tool bar."""
    st.plotly_chart(
        figure,
        key=f"chart-{name}",
        alt=alt,
        config={
            "displaylogo": False,
            "modeBarButtonsToRemove": _REMOVED_BUTTONS,
            "toImageButtonOptions": {"filename": name, "format": "png", "scale": 2},
        },
    )
    offer_csv(lambda: to_csv(chart_points(figure)), f"{name}.csv", "Download the points as CSV")


def offer_csv(make: Callable[[], str], filename: str, help: str) -> None:
    """A button that downloads a CSV file. `make` computes the text when the button is pressed."""
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
    """Show the state of a run as a badge."""
    st.badge(state.capitalize(), color=BADGE_COLOURS.get(state, "gray"))


def name_in_html(text: str) -> str:
    """A name escaped for HTML and isolated, so that right-to-left text does not affect its surroundings."""
    return f"<bdi>{escape(text)}</bdi>"


def swatch(colour: str) -> str:
    """A coloured square for Markdown shown with `unsafe_allow_html=True`."""
    return f'<span style="color:{colour}">■</span>'


def show_empty_page(message: str, *steps: tuple[str, str, str]) -> None:
    """Show a message on a page without content, and a link (page, label, icon) for each next step."""
    st.markdown(message)
    for page, label, icon in steps:
        st.page_link(page, label=label, icon=icon)


@st.cache_data(ttl=600, max_entries=2_000, show_spinner=False)
def thumbnail_for_model(file: str, scales: tuple[str, ...] | None) -> bytes:
    """Return the thumbnail of an image file as a model sees it whose training images have these scales."""
    return thumbnail(Path(file), whites=whites_of(scales))
