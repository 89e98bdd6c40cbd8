"""One line on the study that grows until it is settled, with a button that stops or continues its growth."""

from collections.abc import Callable, Sequence

import streamlit as st

from core.analysis.results.growth_text import describe_growth
from core.analysis.text import escape_markdown
from core.experiment.growth_limits import LOOKS, GrowthLimits
from core.experiment.runs.growth import Growth, GrowthState
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run import AnyRun
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.services import Services, error_text

SECONDS = 1.0


def show_growth(services: Services, runs: Sequence[AnyRun], with_finding: bool = True) -> None:
    """Show the growing study of these runs, if it is one; draw the page again when seeds are added or it ends."""
    studies = {run.study for run in runs}
    growth = GrowthStore(services.store).load(studies.pop()) if len(studies) == 1 else None
    if growth:
        live = growth.state is GrowthState.GROWING
        st.fragment(_follow, run_every=SECONDS if live else None)(GrowthStore(services.store), growth, with_finding)


def _follow(growths: GrowthStore, growth: Growth, with_finding: bool) -> None:
    if growths.load(growth.study) != growth:
        st.rerun()
    with st.container(horizontal=True, vertical_alignment="center"):
        st.markdown(f":material/trending_up: {escape_markdown(describe_growth(growth, with_finding))}", width="stretch")
        if growth.state is GrowthState.GROWING:
            st.button(
                "Stop growing",
                key="stop-growing",
                on_click=_call,
                args=(growths.stop, growth.study),
                help="Add no more seeds. Runs that wait or train go on.",
            )
        elif growth.state is GrowthState.STOPPED:
            st.button(
                "Grow again",
                key="grow-again",
                on_click=_call,
                args=(growths.resume, growth.study),
                help="Train its stopped and failed runs again, and add seeds until it is settled.",
            )
        elif growth.state is GrowthState.BUDGET_USED and (more := next((n for n in LOOKS if n > growth.seeds), 0)):
            st.button(
                f"Continue to {more} seeds",
                key="continue-growing",
                on_click=_call,
                args=(growths.resume, growth.study, GrowthLimits(more)),
                help=f"Add seeds until it is settled, at most {more} of each strategy, without a limit on minutes. "
                "Failed runs are trained again.",
            )


def _call(action: Callable[..., object], *arguments: object) -> None:
    try:
        action(*arguments)
    except (ValueError, OSError, NoSuchRun) as error:
        st.toast(escape_markdown(error_text(error)))
