"""Draw the measurements of `time_to_accuracy.py`: `python benchmarks/time_chart.py MEASURED.jsonl IMAGE.png`.

Best validation accuracy so far over time, one line per seed, with a dot at the end of the last epoch. Needs Chromium
(`--browser`).
"""

import sys
from argparse import ArgumentParser
from itertools import accumulate
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import plotly.graph_objects as go
from playwright.sync_api import sync_playwright

from benchmarks.support.time_report import CACHED, COLD, TUTORIAL, WARM, Results, read

COLOURS = {TUTORIAL: "#7F7F7F", CACHED: "#E69F00", COLD: "#0072B2", WARM: "#009E73"}
WIDTH, HEIGHT = 900, 480
TICKS = (10, 30, 60, 180, 600, 1_800)
TICK_LABELS = ("10 s", "30 s", "1 min", "3 min", "10 min", "30 min")


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("measured", type=Path, help="file of measurements to read")
    parser.add_argument("image", type=Path, help="PNG file to write")
    parser.add_argument("--browser", default="/usr/bin/chromium", help="path of Chromium")
    arguments = parser.parse_args()
    html = chart(read(arguments.measured)).to_html(include_plotlyjs=True, config={"displayModeBar": False})
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.browser, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT}, device_scale_factor=2)
        page.set_content(html)
        page.wait_for_selector(".main-svg")
        page.screenshot(path=arguments.image)


def chart(results: Results) -> go.Figure:
    """Draw accuracy over time on a logarithmic axis: equal speed-ups are equal distances."""
    figure = go.Figure()
    for (variant, seed), result in sorted(results.items()):
        if variant in COLOURS:
            x = [row["seconds"] for row in result["rows"]]
            y = list(accumulate((row["val_accuracy"] for row in result["rows"]), max))
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
    figure.update_xaxes(type="log", title="time since the start", tickvals=TICKS, ticktext=TICK_LABELS)
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
