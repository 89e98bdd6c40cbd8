"""Taking a run's model along: each format made and measured once, then a download with all it needs."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.results.bundle import bundle, files_of
from core.analysis.results.trained_models import predictable
from core.analysis.text import count, percent, plain, points
from core.execution.keras_service.client import AssistantError
from core.experiment.export_formats import FORMATS, Exported, Format
from core.experiment.run import Run, State
from core.experiment.run_store import NoSuchRun
from pages.parts.shared.services import Services, refuse
from pages.parts.shared.show import show_table

_SHOWN = {
    "Test accuracy": percent,
    "Against Keras": points,
    "Names as Keras does": percent,
    "ms an image": "{:.1f}".format,
    "MB": "{:.1f}".format,
}


def show_export(here: Services, runs: Sequence[Run], names: dict[str, str]) -> None:
    """The formats of one run's model, what came out of each, and their downloads."""
    judged = [run for run in runs if run.state is State.COMPLETED and predictable(here.store, [run])]
    if not judged:
        return
    with st.expander("Take the model along"):
        run_id = st.selectbox(
            "Model of", [run.id for run in judged], key="export", bind="query-params", format_func=names.get
        )
        run = next(run for run in judged if run.id == run_id)
        files = files_of(here.store, run)
        missing = [form for form in FORMATS.values() if form.name not in {file.format for file in files}]
        if missing and st.button(
            "Make all formats" if not files else f"Make {count(len(missing), 'more format')}",
            key="make-exports",
            help="Each file is written, then itself run on the test images. Takes a minute or two.",
        ):
            _make(here, run, missing)
            files = files_of(here.store, run)
        if files:
            _show_files(files)
            _offer(here, run, files)
        else:
            st.caption(
                "As a file for phones (LiteRT), for any language (ONNX) or for Keras, with its classes, an "
                "example and a model card."
            )


def _make(here: Services, run: Run, forms: Sequence[Format]) -> None:
    bar = st.progress(0.0)
    for done, form in enumerate(forms):
        bar.progress(
            done / len(forms), f"Making {form.title} and running it on the test images ({done + 1} of {len(forms)})"
        )
        try:
            here.assistant.export(here.store.path(run.id), form.name)
        except (AssistantError, NoSuchRun) as error:
            refuse(error)
    bar.empty()


def _show_files(files: Sequence[Exported]) -> None:
    show_table(
        [
            {
                "Format": file.title,
                "For": FORMATS[file.format].serves,
                "MB": file.bytes / 1e6,
                "Test accuracy": file.accuracy,
                "Against Keras": file.accuracy - file.keras_accuracy,
                "Names as Keras does": file.agreement,
                "ms an image": file.milliseconds,
            }
            for file in files
        ],
        "exports",
        "What came out of each file",
        _SHOWN,
    )
    st.caption(
        f"Each file itself was run on {count(files[0].images, 'test image')}, one at a time, on "
        f"{plain(files[0].machine)}."
    )
    for file in files:
        if not file.is_faithful:
            form = FORMATS[file.format]
            st.warning(
                f"{file.title} names only {percent(file.agreement)} of the test images as Keras does; "
                f"{percent(form.faithful)} were expected. Look at its test accuracy before you use it."
            )


def _offer(here: Services, run: Run, files: Sequence[Exported]) -> None:
    with st.container(horizontal=True):
        for file in files:
            form = FORMATS[file.format]
            st.download_button(
                form.title,
                lambda form=form: bundle(here.store, run, form),
                f"{run.id}-{form.name}.zip",
                "application/zip",
                icon=":material/download:",
                key=f"take-{form.name}",
                on_click="ignore",
                help=f"{form.file} with its classes, an example and a model card",
            )
