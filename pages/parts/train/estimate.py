"""Estimate of a study's training time: shown at once if this machine was measured, otherwise after a button press."""

from dataclasses import replace

import streamlit as st

from core.analysis.results.duration_estimate import DurationEstimate, estimate_duration
from core.analysis.text import duration
from core.data.cache.feature_cache import FeatureCache
from core.data.datasets.dataset import Dataset
from core.data.datasets.folds import split_with
from core.data.datasets.reports import Report
from core.data.study_plan import resolve_test_parts
from core.execution.keras_service.client import KerasServiceError
from core.experiment.preset import Preset
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS
from core.experiment.timings import Timings
from core.machine.devices import gpu_memory
from pages.parts.shared.services import Services, show_error


def show_estimate(services: Services, preset: Preset, report: Report, note: str = "") -> None:
    """`About 6 min on this machine. Features of 1,765 of 7,438 images and augmented copies are already cached.`"""
    if report.manifest is None or gpu_memory() is not None:
        return  # timings are measured on the CPU only
    timings = services.timings.load(preset.template)
    layers = preset.template.backbone.layers
    strategies = (strategy.with_depths({ALL_LAYERS: layers}) for strategy in preset.strategies)
    missing = sorted(frozenset().union(*(strategy.depths for strategy in strategies)) - set(timings.phases))
    if missing:
        if st.button(
            "Estimate training time",
            type="tertiary",
            icon=":material/timer:",
            help="Measures the training speed of this machine with these settings, once: up to a minute per depth.",
        ):
            _measure(services, preset.template, report.dataset, missing)
    elif estimate := _estimate(preset, timings, str(report.dataset.root), report):
        st.caption(f":material/timer: {_sentence(estimate)}{note}")


def _measure(services: Services, template: RunConfig, dataset: Dataset, depths: list[int]) -> None:
    """Measure and store the timings at these depths, then rerun the page; show an error if that fails."""
    files = [dataset.root / image.path for image in dataset.images[:16]]
    try:
        with st.spinner("Measuring the training speed of this machine"):
            services.timings.add(
                template, services.keras_service.measure_timings(template, len(dataset.classes), files, depths)
            )
    except (KerasServiceError, OSError) as error:
        show_error(error)
    else:
        st.rerun()


@st.cache_data(ttl=10, max_entries=32, show_spinner=False, hash_funcs={Preset: repr, Timings: repr})
def _estimate(preset: Preset, timings: Timings, root: str, _report: Report) -> DurationEstimate | None:
    """Estimate the duration; recomputed after ten seconds, because a run may have cached more features."""
    leak_free, (template, _) = preset.template.leak_free, resolve_test_parts(preset.template, _report.dataset)
    plan = []
    for seed in preset.seed_range:
        manifest = _report.manifest_of(template.test_parts) if not seed and leak_free == _report.leak_free else None
        manifest = manifest or split_with(template.test_parts, _report.dataset, seed, leak_free)
        plan += [(replace(config, split_seed=seed), manifest) for config in preset.settings]
    return estimate_duration(plan, timings, FeatureCache())


def _sentence(estimate: DurationEstimate) -> str:
    time = f"About {duration(estimate.seconds)} on this machine."
    if not estimate.needed:
        return time
    if estimate.cached == estimate.needed:
        return f"{time} All features of the frozen layers are already cached."
    return (
        f"{time} Features of {estimate.cached:,} of {estimate.needed:,} images and augmented copies are already cached."
    )
