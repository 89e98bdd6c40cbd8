"""Test results of the runs, and the settings, device and log of one run."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.comparison.run_table import BALANCED, TESTED, with_balanced_accuracy
from core.analysis.results.settings import settings_of
from core.analysis.results.summary import summarise
from core.analysis.text import duration, escape_markdown, percent
from core.experiment.runs.run import AnyRun, Run
from pages.parts.shared.run_picker import select_run
from pages.parts.shared.services import Services
from pages.parts.shared.show import show_table

LOG_LINES, LOG_SECONDS = 30, 5.0
_FORMATS = {
    **dict.fromkeys((TESTED, BALANCED, "Macro F1", "Best validation accuracy"), percent),
    "Training time": duration,
}


def show_details(services: Services, runs: Sequence[AnyRun], names: dict[str, str]) -> None:
    """Show the test results of all runs, then the settings and the log of one run."""
    _show_results(services, runs, names)
    with st.expander("Settings, device and log"):
        run_id = select_run("Run", [run.id for run in runs], names, "details")
        run = next(run for run in runs if run.id == run_id)
        st.caption(_device_and_folder(services, run))
        settings, log = st.columns(2)
        with settings:
            if isinstance(run, Run):
                show_table(
                    [{"Setting": name, "Value": value} for name, value in settings_of(run.config).items()],
                    "settings",
                    "The settings of the run",
                )
        with log:
            st.fragment(_show_log, run_every=None if run.state.is_finished else LOG_SECONDS)(services, run.id)


def _show_log(services: Services, run_id: str) -> None:
    st.code(services.store.log_tail(run_id, LOG_LINES) or "The log is empty.", language=None, height=400)


def _device_and_folder(services: Services, run: AnyRun) -> str:
    parts = [run.status.device, run.status.precision, run.status.backend]
    if run.status.started and run.status.ended:
        parts.append(f"{duration(run.status.ended - run.status.started)} from start to end")
    device = ", ".join(part for part in parts if part) or "not started yet"
    return f"{escape_markdown(device)}  \nFolder: {escape_markdown(str(services.store.path(run.id)))}"


def _show_results(services: Services, runs: Sequence[AnyRun], names: dict[str, str]) -> None:
    rows = [summarise(services.store, run) for run in runs if run.state.is_finished]
    tested = [row for row in rows if row.test_accuracy is not None]
    if not tested:
        return
    st.subheader("On the test images")
    table = [
        {
            "Run": names[row.id],
            TESTED: row.test_accuracy,
            "Macro F1": row.macro_f1,
            "Best validation accuracy": row.best_val_accuracy,
            "Best epoch": row.best_epoch,
            "Training time": row.seconds,
            "Test images": row.test_images,
        }
        for row in tested
    ]
    show_table(
        with_balanced_accuracy(table, tested),
        "test-figures",
        "Accuracy of each run on the test images",
        _FORMATS,
    )
    st.caption("Each run is tested once, with the weights of its best epoch.")
    st.page_link(
        "pages/compare.py",
        label="Compare these runs",
        icon=":material/compare_arrows:",
        query_params={"run": [row.id for row in tested]},
    )
