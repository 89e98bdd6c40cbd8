"""What this is, the first button to press, and what came out last."""

from collections.abc import Sequence
from itertools import groupby, islice

import streamlit as st

from core.analysis.comparison.headline import headline
from core.analysis.comparison.verdict import judge
from core.analysis.results.evaluation_file import evaluation_figures
from core.analysis.results.settings import data_name
from core.analysis.results.summary import summarise
from core.analysis.text import escape_markdown, percent, study_time
from core.backbones.weights import SAMPLE_ALPHA, SAMPLE_SIZE
from core.data.study_plan import quick_study
from core.experiment.run_config import SAMPLE
from core.experiment.runs.run import AnyRun, Run
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.accuracy_bars import show_bars
from pages.parts.shared.choose_data import look
from pages.parts.shared.form import weights_at_hand
from pages.parts.shared.services import Services, get_services
from pages.parts.shared.show import show_table
from pages.parts.shared.start_study import start

STUDIES = 12


def main() -> None:
    services = get_services()
    st.title("Which way of unfreezing wins on your images?")
    st.markdown(
        "A pretrained network already sees edges, textures and shapes; this laboratory finds out how much of "
        "it to retrain for your classes. Three strategies train in the background on the same images, and you "
        "compare what came out."
    )
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button(
            "Try it on the sample set",
            type="primary",
            icon=":material/play_arrow:",
            help="Trains all three strategies with short settings: about a minute on two CPU cores.",
        )
        st.page_link("pages/data.py", label="Use my own images", icon=":material/photo_library:")
    weights, why = weights_at_hand(SAMPLE_ALPHA, SAMPLE_SIZE)
    if why:
        st.caption(escape_markdown(why))
    if pressed:
        _try_out(services, weights)
    try:
        _show_newest(services)
    except NoSuchRun:  # a folder was deleted while the page was made
        st.rerun()


def _try_out(services: Services, weights: str) -> None:
    report = look(SAMPLE)
    if report and report.manifest:
        start(services, quick_study(weights), report.dataset)


def _show_newest(services: Services) -> None:
    studies = [
        list(runs)[::-1] for _, runs in islice(groupby(services.store.runs(), key=lambda run: run.study), STUDIES)
    ]
    if not studies:
        st.caption("Nothing has trained yet. The sample set is ten classes of waste, drawn by the program.")
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
    show_bars(verdict, runs, [summarise(services.store, run) for run in runs], "newest-study")
    st.page_link(
        "pages/compare.py",
        label="Compare them",
        icon=":material/compare_arrows:",
        query_params={"study": runs[0].study},
    )


def _row(services: Services, runs: Sequence[AnyRun]) -> dict[str, str]:
    results = ((evaluation_figures(services.store.evaluation(run.id)).accuracy, run.title) for run in runs)
    accuracies = [(accuracy, title) for accuracy, title in results if accuracy is not None]
    config = next((run.config for run in runs if isinstance(run, Run)), None)
    return {
        "When": study_time(runs[0].study),
        "Images": data_name(config.data) if config else "",
        "Strategies": ", ".join(dict.fromkeys(run.title for run in runs)),
        "Best on the test images": _best(accuracies),
        "State": ", ".join(dict.fromkeys(str(run.state) for run in runs)),
        "Results": f"{'compare' if accuracies else 'runs'}?study={runs[0].study}",
    }


def _best(accuracies: Sequence[tuple[float, str]]) -> str:
    """The best and its accuracy; all of them where several are."""
    best = max((accuracy for accuracy, _ in accuracies), default=None)
    names = dict.fromkeys(title for accuracy, title in accuracies if accuracy == best)
    return f"{', '.join(names)}, {percent(best)}" if names else "–"


main()
