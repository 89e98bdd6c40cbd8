"""Home: what the laboratory does, a button that trains on the sample set, and the newest results."""

from collections.abc import Sequence
from itertools import groupby, islice

import streamlit as st

from core.analysis.comparison.headline import headline
from core.analysis.comparison.verdict import judge
from core.analysis.results.evaluation_file import EvaluationFigures, describe_accuracy, evaluation_figures
from core.analysis.results.settings import data_name
from core.analysis.results.summary import summarise
from core.analysis.text import escape_markdown, study_time
from core.backbones.weights import SAMPLE_BASE
from core.data.study_plan import quick_study
from core.experiment.run_config import SAMPLE
from core.experiment.runs.run import AnyRun, Run
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.accuracy_bars import show_accuracy_bars
from pages.parts.shared.choose_data import load_report
from pages.parts.shared.form import available_weights
from pages.parts.shared.services import Services, get_services
from pages.parts.shared.show import show_table
from pages.parts.shared.start_study import start_study

MAX_STUDIES = 12
"""Maximum number of studies in the table."""


def main() -> None:
    services = get_services()
    st.title("Which transfer-learning strategy works best on your images?")
    st.markdown(
        "A pretrained network already recognises edges, textures and shapes. This laboratory measures how much of "
        "it to retrain for your classes: it trains three strategies in the background on the same images and "
        "compares their results."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        is_pressed = st.button(
            "Try it on the sample set",
            type="primary",
            icon=":material/play_arrow:",
            help="Trains the three strategies for a few epochs each, which takes about a minute on two CPU cores.",
        )
        st.page_link("pages/data.py", label="Use my own images", icon=":material/photo_library:")
    template = quick_study(SAMPLE_BASE).template
    weights, notice = available_weights(template.base, template.alpha, template.image_size)
    if notice:
        st.caption(escape_markdown(notice))
    if is_pressed:
        _train_on_sample_set(services, weights)
    try:
        _show_newest(services)
    except NoSuchRun:  # a folder was deleted while the page was drawn
        st.rerun()


def _train_on_sample_set(services: Services, weights: str) -> None:
    report = load_report(SAMPLE)
    if report and report.manifest:
        start_study(services, quick_study(weights), report.dataset)


def _show_newest(services: Services) -> None:
    studies = [
        list(runs)[::-1] for _, runs in islice(groupby(services.store.runs(), key=lambda run: run.study), MAX_STUDIES)
    ]
    if not studies:
        st.caption(
            "No model has been trained yet. Try the sample set (ten classes of waste, drawn by this program) or use "
            "your own images."
        )
        return
    newest = next((study for study in studies if any(services.store.evaluation(run.id) for run in study)), None)
    if newest:
        _show_study(services, newest)
    st.subheader("Studies")
    rows = [_row(services, study) for study in studies]
    show_table(
        rows,
        "studies",
        "The newest studies",
        column_config={"Results": st.column_config.LinkColumn(display_text="Open")},
    )


def _show_study(services: Services, runs: Sequence[AnyRun]) -> None:
    st.subheader("Newest results")
    verdict = judge(services.store, runs)
    st.markdown(escape_markdown(headline(verdict)))
    show_accuracy_bars(verdict, runs, [summarise(services.store, run) for run in runs], "newest-study")
    st.page_link(
        "pages/compare.py",
        label="Compare these runs",
        icon=":material/compare_arrows:",
        query_params={"study": runs[0].study},
    )


def _row(services: Services, runs: Sequence[AnyRun]) -> dict[str, str]:
    results = ((evaluation_figures(services.store.evaluation(run.id)), run.title) for run in runs)
    tested = [(figures, title) for figures, title in results if figures.accuracy is not None]
    config = next((run.config for run in runs if isinstance(run, Run)), None)
    return {
        "When": study_time(runs[0].study),
        "Images": data_name(config.data) if config else "",
        "Strategies": ", ".join(dict.fromkeys(run.title for run in runs)),
        "Best test accuracy": _best(tested),
        "State": ", ".join(dict.fromkeys(str(run.state) for run in runs)),
        "Results": f"{'compare' if tested else 'runs'}?study={runs[0].study}",
    }


def _best(tested: Sequence[tuple[EvaluationFigures, str]]) -> str:
    """The strategy with the highest accuracy, or all of them if several are equal."""
    best = max((figures.accuracy or 0.0 for figures, _ in tested), default=None)
    winners = [(figures, title) for figures, title in tested if figures.accuracy == best]
    if not winners:
        return "–"
    return f"{', '.join(dict.fromkeys(title for _, title in winners))}, {describe_accuracy(winners[0][0])}"


main()
