"""Taking a run's model along: each format made and measured once, then a download with all it needs."""

from collections.abc import Sequence

import streamlit as st

from core.analysis.results.bundle import bundle, exported_files
from core.analysis.results.trained_models import runs_with_models
from core.analysis.text import count, escape_markdown, percent, points
from core.execution.keras_service.client import KerasServiceError
from core.experiment.export_formats import FORMATS, ExportedFile, ExportFormat
from core.experiment.runs.run import AnyRun, State
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.services import Services, refuse
from pages.parts.shared.show import show_table

_SHOWN = {
    "Test accuracy": percent,
    "Against Keras": points,
    "Names as Keras does": percent,
    "ms an image": "{:.1f}".format,
    "MB": "{:.1f}".format,
}


def show_export(services: Services, runs: Sequence[AnyRun], names: dict[str, str]) -> None:
    """The formats of one run's model, what came out of each, and their downloads."""
    judged = [run for run in runs if run.state is State.COMPLETED and runs_with_models(services.store, [run])]
    if not judged:
        return
    with st.expander("Take the model along"):
        run_id = st.selectbox(
            "Model of", [run.id for run in judged], key="export", bind="query-params", format_func=names.get
        )
        run = next(run for run in judged if run.id == run_id)
        files = exported_files(services.store, run)
        missing = [form for form in FORMATS.values() if form.name not in {file.format for file in files}]
        if missing and st.button(
            "Make all formats" if not files else f"Make {count(len(missing), 'more format')}",
            key="make-exports",
            help="Each file is written, then itself run on the test images. Takes a minute or two.",
        ):
            _make(services, run, missing)
            files = exported_files(services.store, run)
        if files:
            _show_files(files)
            _offer(services, run, files)
        else:
            st.caption(
                "As a file for phones (LiteRT), for any language (ONNX) or for Keras, with its classes, an "
                "example and a model card."
            )


def _make(services: Services, run: AnyRun, forms: Sequence[ExportFormat]) -> None:
    bar = st.progress(0.0)
    for done, form in enumerate(forms):
        bar.progress(
            done / len(forms), f"Making {form.title} and running it on the test images ({done + 1} of {len(forms)})"
        )
        try:
            services.keras_service.export(services.store.path(run.id), form.name)
        except (KerasServiceError, NoSuchRun) as error:
            refuse(error)
    bar.empty()


def _show_files(files: Sequence[ExportedFile]) -> None:
    show_table(
        [
            {
                "Format": file.title,
                "For": FORMATS[file.format].purpose,
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
        f"{escape_markdown(files[0].machine)}."
    )
    for file in files:
        if not file.is_accurate:
            form = FORMATS[file.format]
            st.warning(
                f"{file.title} names only {percent(file.agreement)} of the test images as Keras does; "
                f"{percent(form.min_agreement)} were expected. Look at its test accuracy before you use it."
            )


def _offer(services: Services, run: AnyRun, files: Sequence[ExportedFile]) -> None:
    with st.container(horizontal=True):
        for file in files:
            form = FORMATS[file.format]
            st.download_button(
                form.title,
                lambda form=form: bundle(services.store, run, form),
                f"{run.id}-{form.name}.zip",
                "application/zip",
                icon=":material/download:",
                key=f"take-{form.name}",
                on_click="ignore",
                help=f"{form.file} with its classes, an example and a model card",
            )
