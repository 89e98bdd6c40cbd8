"""Export of a run's model, or of the mean of a setting's seeds: a file is written and measured once, then offered."""

from collections.abc import Callable, Sequence
from functools import partial

import streamlit as st

from core.analysis.ensembles.ensemble_bundle import ensemble_bundle, exported_ensemble
from core.analysis.ensembles.held_out_accuracy import HeldOutPredictions, held_out_predictions
from core.analysis.results.bundle import bundle, exported_files
from core.analysis.results.ensemble import (
    Ensemble,
    ensemble_id,
    ensemble_labels,
    ensemble_members,
    load_ensemble,
)
from core.analysis.results.trained_models import ModelError, runs_with_models
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
    """Show the exported files of one model with their measurements and downloads, and a button to export it.

    A model is that of a run, or the mean of the completed seeds of a setting.
    """
    completed = [
        run
        for run in runs
        if isinstance(run, Run) and run.state is State.COMPLETED and runs_with_models(services.store, [run])
    ]
    if not completed:
        return
    with st.expander("Export model"):
        ensembles = {ensemble_id(members[0]): members for members in ensemble_members(completed)}
        chosen = select_run(
            "Model" if ensembles else "Run",
            [*(run.id for run in completed), *ensembles],
            names | ensemble_labels(list(ensembles.values())),
            "export",
        )
        if chosen in ensembles:
            _show_ensemble(services, ensembles[chosen])
            return
        run = next(run for run in completed if run.id == chosen)
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


def _show_ensemble(services: Services, members: Sequence[Run]) -> None:
    """Show the exported file of an ensemble with its measurements, or a button to export it."""
    try:
        ensemble = load_ensemble(services.store, members)
    except ModelError as error:
        show_error(error)
        return
    held_out = held_out_predictions(services.store, ensemble)
    file = exported_ensemble(services.store, ensemble)
    if (file is None or file.not_measured) and st.button(
        "Export as ONNX" if file is None else "Measure the exported file",
        key="make-ensemble",
        help="Writes the models into one file and runs it on test images, which takes a minute or two.",
    ):
        file = _export_ensemble(services, ensemble, held_out) or file
    st.caption("One ONNX file holds all seeds. Keras and LiteRT files hold one model: choose a run to export these.")
    if file:
        _show_files([file])
        st.caption(escape_markdown(f"Accuracy of the mean of {len(members)} seeds: {held_out.describe()}."))
        form = file.form
        _offer(form, partial(ensemble_bundle, services.store, ensemble), f"{ensemble.id}.zip")


def _export_ensemble(services: Services, ensemble: Ensemble, held_out: HeldOutPredictions) -> ExportedFile | None:
    members = [(services.store.path(member.run.id), member.temperature or 1.0) for member in ensemble.members]
    try:
        with st.spinner("Writing the file and running it on test images"):
            return services.keras_service.export_ensemble(members, held_out.predicted)
    except KerasServiceError as error:
        show_error(error)
        return None


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
                "For": file.form.purpose,
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
            form = file.form
            st.warning(
                f"{file.title} predicts the same class as Keras on only {percent(file.agreement)} of the test images; "
                f"at least {percent(form.min_agreement)} was expected. Check its test accuracy before you use it."
            )


def _show_downloads(services: Services, run: Run, files: Sequence[ExportedFile]) -> None:
    with st.container(horizontal=True):
        for file in files:
            form = file.form
            _offer(form, partial(bundle, services.store, run, form), f"{run.id}-{form.name}.zip")


def _offer(form: ExportFormat, make: Callable[[], bytes], filename: str) -> None:
    """A button that downloads an exported file as a ZIP."""
    st.download_button(
        form.title,
        make,
        filename,
        "application/zip",
        icon=":material/download:",
        key=f"take-{form.name}",
        on_click="ignore",
        help=f"{form.file} with its classes, an example and a model card",
    )
