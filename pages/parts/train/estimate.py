"""How long a study will take: at once where this machine's pace is known, else at the press of a button."""

from dataclasses import replace

import streamlit as st

from core.analysis.results.duration_estimate import DurationEstimate, estimate
from core.analysis.text import duration
from core.data.cache.feature_cache import FeatureCache
from core.data.datasets.reports import Report
from core.data.datasets.scan import Dataset
from core.data.datasets.split import split
from core.execution.keras_service.client import KerasServiceError
from core.experiment.preset import Preset
from core.experiment.run_config import RunConfig
from core.experiment.timings import Timings
from core.machine.devices import gpu_memory
from pages.parts.shared.services import Services, refuse


def show_estimate(services: Services, preset: Preset, report: Report) -> None:
    """`About 6 min on this machine. Of 7,438 views that go through the frozen part, 1,765 are already kept.`"""
    if report.manifest is None or gpu_memory() is not None:
        return  # the pace is measured on the CPU
    pace = services.timings.load(preset.template)
    lacking = sorted(frozenset().union(*(strategy.depths for strategy in preset.strategies)) - set(pace.phases))
    if lacking:
        if st.button(
            "Estimate the time",
            type="tertiary",
            icon=":material/timer:",
            help="Measures this machine at these settings: up to a minute for each depth, once.",
        ):
            _measure(services, preset.template, report.dataset, lacking)
    else:
        st.caption(f":material/timer: {_in_words(_estimate(preset, pace, str(report.dataset.root), report))}")


def _measure(services: Services, template: RunConfig, dataset: Dataset, depths: list[int]) -> None:
    """Measure and keep what is not known yet, then show the page anew; say in a line why that cannot be done."""
    files = [dataset.root / picture.path for picture in dataset.pictures[:16]]
    try:
        with st.spinner("Measuring this machine"):
            services.timings.add(
                template, services.keras_service.measure_timings(template, len(dataset.classes), files, depths)
            )
    except (KerasServiceError, OSError) as error:
        refuse(error)
    else:
        st.rerun()


@st.cache_data(ttl=10, max_entries=32, show_spinner=False, hash_funcs={Preset: repr, Timings: repr})
def _estimate(preset: Preset, pace: Timings, root: str, _report: Report) -> DurationEstimate:
    """Looked up again after a while: a run may have kept more meanwhile."""
    plan = []
    for seed in preset.every_seed:
        usual = not seed and preset.template.leak_free
        manifest = _report.manifest if usual else split(_report.dataset, seed, preset.template.leak_free)
        plan += [
            (replace(preset.template, strategy=strategy, split_seed=seed), manifest) for strategy in preset.strategies
        ]
    return estimate(plan, pace, FeatureCache())


def _in_words(expected: DurationEstimate) -> str:
    about = f"About {duration(expected.seconds)} on this machine"
    if not expected.needed:
        return f"{about}."
    if expected.kept == expected.needed:
        return f"{about}. What the frozen part says is already kept."
    return f"{about}. Of {expected.needed:,} views that go through the frozen part, {expected.kept:,} are already kept."
