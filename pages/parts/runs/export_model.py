"""Export of a run's model: each format is written and measured once, then offered as a download."""

from collections.abc import Sequence
from functools import partial

import streamlit as st

from core.analysis.results.bundle import bundle, exported_files
from core.analysis.results.trained_models import runs_with_models
from core.analysis.text import count, escape_markdown, percent, points
from core.execution.keras_service.client import KerasServiceError
from core.experiment.export_formats import FORMATS, ExportedFile, ExportFormat
from core.experiment.runs.run import AnyRun, Run, State
from core.experiment.runs.run_folder import NoSuchRun
from pages.parts.shared.run_picker import select_run
from pages.parts.shared.services import Services, show_error
from pages.parts.shared.show import show_table

_COLUMN_FORMATS = {
    "Test accuracy": percent,
    "Difference to Keras": points,
    "Agreement with Keras": percent,
    "ms per image": "{:.1f}".format,
    "MB": "{:.1f}".format,
}


def show_export(services: Services, runs: Sequence[AnyRun], names: dict[str, str]) -> None:
    """Show the exported files of one run's model with their measurements and downloads, and a button to export it."""
    completed = [
        run
        for run in runs
        if isinstance(run, Run) and run.state is State.COMPLETED and runs_with_models(services.store, [run])
    ]
    if not completed:
        return
    with st.expander("Export model"):
        run_id = select_run("Run", [run.id for run in completed], names, "export")
        run = next(run for run in completed if run.id == run_id)
        files = exported_files(services.store, run)
        unmeasured = [FORMATS[file.format] for file in files if file.not_measured]
        missing = [form for form in FORMATS.values() if form.name not in {file.format for file in files}]
        if (missing or unmeasured) and st.button(
            _label(files, missing),
            key="make-exports",
            help="Writes each file and runs it on the test images, which takes a minute or two.",
        ):
            _export(services, run, missing or unmeasured)
            files = exported_files(services.store, run)
        if files:
            _show_files(files)
            _show_downloads(services, run, files)
        else:
            st.caption(
                "The model is exported for phones (LiteRT), for other programming languages (ONNX) and for Keras, with "
                "its classes, an example and a model card."
            )


def _label(files: Sequence[ExportedFile], missing: Sequence[ExportFormat]) -> str:
    if not files:
        return "Export all formats"
    return f"Export {count(len(missing), 'more format')}" if missing else "Measure the exported files"


def _export(services: Services, run: Run, forms: Sequence[ExportFormat]) -> None:
    bar = st.progress(0.0)
    for done, form in enumerate(forms):
        bar.progress(
            done / len(forms), f"Writing {form.title} and running it on the test images ({done + 1} of {len(forms)})"
        )
        try:
            services.keras_service.export(services.store.path(run.id), form.name)
        except (KerasServiceError, NoSuchRun) as error:
            show_error(error)
    bar.empty()


def _show_files(files: Sequence[ExportedFile]) -> None:
    show_table(
        [
            {
                "Format": file.title,
                "For": FORMATS[file.format].purpose,
                "MB": file.bytes / 1e6,
                "Test accuracy": file.accuracy,
                "Difference to Keras": file.difference,
                "Agreement with Keras": file.agreement,
                "ms per image": file.milliseconds,
            }
            for file in files
        ],
        "exports",
        "Measurements of each exported file",
        _COLUMN_FORMATS,
    )
    measured = [file for file in files if not file.not_measured]
    if measured:
        st.caption(
            f"Each file was run on {count(measured[0].images, 'test image')}, one at a time, on "
            f"{escape_markdown(measured[0].machine)}."
        )
    for file in files:
        if file.not_measured:
            st.warning(f"{file.title} was not measured, because {file.not_measured}. Check it before you use it.")
        elif not file.is_accurate:
            form = FORMATS[file.format]
            st.warning(
                f"{file.title} predicts the same class as Keras on only {percent(file.agreement)} of the test images; "
                f"at least {percent(form.min_agreement)} was expected. Check its test accuracy before you use it."
            )


def _show_downloads(services: Services, run: Run, files: Sequence[ExportedFile]) -> None:
    with st.container(horizontal=True):
        for file in files:
            form = FORMATS[file.format]
            st.download_button(
                form.title,
                partial(bundle, services.store, run, form),
                f"{run.id}-{form.name}.zip",
                "application/zip",
                icon=":material/download:",
                key=f"take-{form.name}",
                on_click="ignore",
                help=f"{form.file} with its classes, an example and a model card",
            )
