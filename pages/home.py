"""What this is, the first button to press, and what came out last."""

from collections.abc import Sequence
from itertools import groupby, islice

import streamlit as st

import core
from core.analysis.text import moment, percent, plain
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
    st.markdown("A pretrained network already sees edges, textures and shapes; this laboratory finds out how much of "
                "it to retrain for your classes. Three strategies train in the background on the same images, and you "
                "compare what came out.")
    with st.container(horizontal=True, vertical_alignment="center"):
        pressed = st.button("Try it on the sample set", type="primary", icon=":material/play_arrow:",
                            help="Trains all three strategies with short settings: about a minute on two CPU cores.")
        st.page_link("pages/data.py", label="Use my own images", icon=":material/photo_library:")
    weights, why = weights_at_hand(core.SAMPLE_ALPHA, core.SAMPLE_SIZE)
    if why:
        st.caption(plain(why))
    if pressed:
        _try_out(here, weights)
    try:
        _show_newest(here)
    except core.NoSuchRun:  # a folder was deleted while the page was made
        st.rerun()


def _try_out(here: Services, weights: str) -> None:
    report = look(core.SAMPLE)
    if report and report.manifest:
        start(here, core.short_study(weights), report.dataset)


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
    show_table(rows, "studies", "The newest studies", column_config={
        "Results": st.column_config.LinkColumn(display_text="Open")})


def _show_study(here: Services, runs: Sequence[core.Run]) -> None:
    st.subheader("Newest results")
    verdict = core.judge(here.store, runs)
    st.markdown(plain(core.headline(verdict)))
    show_bars(verdict, runs, [core.summarise(here.store, run) for run in runs], "newest-study")
    st.page_link("pages/compare.py", label="Compare them", icon=":material/compare_arrows:",
                 query_params={"study": runs[0].study})


def _row(here: Services, runs: Sequence[core.Run]) -> dict[str, str]:
    results = ((core.measured(here.store.evaluation(run.id)).accuracy, run.title) for run in runs)
    measured = [(accuracy, title) for accuracy, title in results if accuracy is not None]
    config = next((run.config for run in runs if run.config), None)
    return {"When": moment(runs[0].study), "Images": core.data_name(config.data) if config else "",
            "Strategies": ", ".join(dict.fromkeys(run.title for run in runs)),
            "Best on the test images": _best(measured),
            "State": ", ".join(dict.fromkeys(str(run.state) for run in runs)),
            "Results": f"{'compare' if measured else 'runs'}?study={runs[0].study}"}


def _best(measured: Sequence[tuple[float, str]]) -> str:
    """The best and its accuracy; all of them where several are."""
    best = max((accuracy for accuracy, _ in measured), default=None)
    names = dict.fromkeys(title for accuracy, title in measured if accuracy == best)
    return f"{', '.join(names)}, {percent(best)}" if names else "–"


main()
