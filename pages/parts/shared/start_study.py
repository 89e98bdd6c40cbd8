"""Starting a study, from whichever page."""

import streamlit as st

from core.backbones.weights import resolve_weights
from core.data.datasets.scan import Dataset
from core.data.study_plan import plan_study
from core.experiment.preset import Preset
from pages.parts.shared.services import Services, refuse


def start(services: Services, preset: Preset, dataset: Dataset) -> None:
    """Start the study and show it; where that cannot be done, say why."""
    template = preset.template
    try:
        with st.spinner("Preparing the study"):
            if preset.needs_base:
                resolve_weights(template.weights, template.alpha, template.image_size)
            study = services.store.create_study(plan_study(template, preset.strategies, dataset, preset.every_seed))
        for run in study.runs:
            services.launcher.submit(run.id)
    except (ValueError, OSError) as error:
        refuse(error)
        return
    st.switch_page("pages/runs.py", query_params={"study": study.id})
