"""Start a study."""

import streamlit as st

from core.backbones.weights import resolve_weights
from core.data.datasets.dataset import DataError, Dataset
from core.data.growing_study import create_study
from core.experiment.preset import Preset
from core.machine.keras_backend import expect_backend
from pages.parts.shared.choose_data import forget_report
from pages.parts.shared.services import Services, show_error


def start_study(services: Services, preset: Preset, dataset: Dataset) -> None:
    """Start the study and open it on Runs, or show the error if that is not possible."""
    template = preset.template
    try:
        expect_backend()
        with st.spinner("Preparing the study"):
            if preset.needs_base:
                resolve_weights(template.backbone, template.weights, template.alpha, template.image_size)
            study = create_study(services.store, preset, dataset)
        for run in study.runs:
            services.launcher.submit(run.id)
    except (ValueError, OSError) as error:
        if isinstance(error, DataError):  # a file may have changed in place since the report was made
            forget_report(template.data)
        show_error(error)
        return
    st.switch_page("pages/runs.py", query_params={"study": study.id})
