"""What this is, the first button to press, and what came out last."""

from collections.abc import Sequence
from itertools import groupby, islice

import streamlit as st

from core.analysis.comparison.headline import headline
from core.analysis.comparison.verdict import judge
from core.analysis.results.evaluation_file import measured
from core.analysis.results.settings import data_name
from core.analysis.results.summary import summarise
from core.analysis.text import moment, percent, plain
from core.backbones.weights import SAMPLE_ALPHA, SAMPLE_SIZE
from core.data.study_plan import short_study
from core.experiment.run import SAMPLE, Run
from core.experiment.run_store import NoSuchRun
from pages.parts.shared.accuracy_bars import show_bars
from pages.parts.shared.choose_data import look
from pages.parts.shared.form import weights_at_hand
from pages.parts.shared.services import Services, services
from pages.parts.shared.show import show_table
from pages.parts.shared.start_study import start

STUDIES = 12


def main() -> None:
    here = services()
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
        st.caption(plain(why))
    if pressed:
        _try_out(here, weights)
    try:
        _show_newest(here)
    except NoSuchRun:  # a folder was deleted while the page was made
        st.rerun()


def _try_out(here: Services, weights: str) -> None:
    report = look(SAMPLE)
    if report and report.manifest:
        start(here, short_study(weights), report.dataset)


def _show_newest(here: Services) -> None:
    studies = [list(runs)[::-1] for _, runs in islice(groupby(here.store.runs(), key=lambda run: run.study), STUDIES)]
    if not studies:
        st.caption("Nothing has trained yet. The sample set is ten classes of waste, drawn by the program.")
        return
    newest = next((study for study in studies if any(here.store.evaluation(run.id) for run in study)), None)
    if newest:
        _show_study(here, newest)
    st.subheader("Studies")
    rows = [_row(here, study) for study in studies]
    show_table(
        rows,
        "studies",
        "The newest studies",
        column_config={"Results": st.column_config.LinkColumn(display_text="Open")},
    )


def _show_study(here: Services, runs: Sequence[Run]) -> None:
    st.subheader("Newest results")
    verdict = judge(here.store, runs)
    st.markdown(plain(headline(verdict)))
    show_bars(verdict, runs, [summarise(here.store, run) for run in runs], "newest-study")
    st.page_link(
        "pages/compare.py",
        label="Compare them",
        icon=":material/compare_arrows:",
        query_params={"study": runs[0].study},
    )


def _row(here: Services, runs: Sequence[Run]) -> dict[str, str]:
    results = ((measured(here.store.evaluation(run.id)).accuracy, run.title) for run in runs)
    accuracies = [(accuracy, title) for accuracy, title in results if accuracy is not None]
    config = next((run.config for run in runs if run.config), None)
    return {
        "When": moment(runs[0].study),
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
