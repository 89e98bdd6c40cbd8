"""Draws what `time_to_accuracy.py` measured: `python benchmarks/time_chart.py MEASURED.jsonl PICTURE.png`.

Best validation accuracy so far over time, a line a seed, dots where the last epoch ended. Needs a Chromium
(`--browser`).
"""

import sys
from argparse import ArgumentParser
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from benchmarks.support.time_report import CACHED, COLD, TUTORIAL, WARM, Done, read

COLOURS = {TUTORIAL: "#7F7F7F", CACHED: "#E69F00", COLD: "#0072B2", WARM: "#009E73"}
WIDTH, HEIGHT = 900, 480
TICKS = (10, 30, 60, 180, 600, 1_800)
WORDS = ("10 s", "30 s", "1 min", "3 min", "10 min", "30 min")


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("measured", type=Path)
    parser.add_argument("picture", type=Path)
    parser.add_argument("--browser", default="/usr/bin/chromium", help="path of a Chromium")
    arguments = parser.parse_args()
    html = chart(read(arguments.measured)).to_html(include_plotlyjs=True, config={"displayModeBar": False})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
        page.set_content(html)
        page.wait_for_selector(".main-svg")
        page.screenshot(path=arguments.picture)


def chart(done: Done) -> go.Figure:
    """Time on a logarithmic axis: what is many times sooner is as far to the left, wherever it is."""
    figure = go.Figure()
    for (variant, seed), found in sorted(done.items()):
        if variant in COLOURS:
            x = [row["seconds"] for row in found["rows"]]
            y = list(accumulate((row["val_accuracy"] for row in found["rows"]), max))
            first = not any(trace.name == variant for trace in figure.data)
            figure.add_scatter(
                x=x,
                y=y,
                name=variant,
                legendgroup=variant,
                showlegend=first,
                mode="lines+markers",
                line={"color": COLOURS[variant], "width": 2},
                marker={"size": [0] * (len(x) - 1) + [9]},
                opacity=0.85,
                hovertext=f"seed {seed}",
            )
    figure.update_xaxes(type="log", title="time since the start", tickvals=TICKS, ticktext=WORDS)
    figure.update_yaxes(title="best validation accuracy so far", tickformat=".0%")
    return figure.update_layout(
        template="simple_white",
        width=WIDTH,
        height=HEIGHT,
        margin={"t": 20, "r": 20},
        legend={"x": 0.99, "xanchor": "right", "y": 0.02, "yanchor": "bottom"},
    )


if __name__ == "__main__":
    main()
