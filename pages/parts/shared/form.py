"""The state of the Train page's form: filled in from a preset, kept while other pages are visited."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal, TypedDict

import streamlit as st

from core.analysis.results.settings import weights_name
from core.analysis.text import shorten
from core.backbones.weights import (
    BUILT_IN_WEIGHTS,
    RANDOM_WEIGHTS_NOTICE,
    SAMPLE_ALPHA,
    SAMPLE_BASE,
    SAMPLE_SIZE,
    imagenet_is_reachable,
    offline_weights,
    resolve_weights,
)
from core.data.datasets.allowed_folders import AllowedFolders
from core.data.study_plan import with_weights
from core.experiment.preset import Preset
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, study_of
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import BASELINE, STRATEGIES, Strategy

WEIGHTS = {
    weights: name[0].upper() + name[1:]
    for weights, name in ((weights, weights_name(weights)) for weights in BUILT_IN_WEIGHTS)
}
FILE = "A weights file"


class _Kept(TypedDict):
    persist_state: Literal["session"]


KEPT: _Kept = {"persist_state": "session"}
"""For every widget of the form: its value stays while another page is shown."""


def key_of(card: int, phase: int, setting: str) -> str:
    """The session key of one setting of one phase on one card."""
    return f"card-{card}-phase-{phase}-{setting}"


def fill_once() -> None:
    """At a visitor's first look: the three strategies, and weights that can be had."""
    if "cards" not in st.session_state:
        fill_default()


def fill_default(strategies: Sequence[Strategy] = tuple(STRATEGIES.values())) -> None:
    """These strategies at the course's settings, from weights that can be had."""
    template = RunConfig()
    weights, _ = weights_at_hand(template.alpha, template.image_size)
    fill(Preset(tuple(strategies), with_weights(template, weights)))


def fill(preset: Preset) -> None:
    """Set every control to what the preset says; the baseline, which any may be compared with, has a card too."""
    state = st.session_state
    has_baseline = any(strategy.is_from_scratch for strategy in preset.strategies)
    state["cards"] = (*preset.strategies, *(() if has_baseline else (BASELINE,)))
    for i, strategy in enumerate(state["cards"]):
        state[f"card-{i}-use"] = i < len(preset.strategies)
        for j, phase in enumerate(strategy.phases):
            state[key_of(i, j, "depth")] = phase.unfreeze
            state[key_of(i, j, "rate")] = phase.learning_rate
            state[key_of(i, j, "epochs")] = phase.epochs
    state["seeds"] = preset.seeds
    _fill_rest(preset.template)


def _fill_rest(template: RunConfig) -> None:
    state = st.session_state
    for name in (
        "image_size",
        "batch_size",
        "seed",
        "alpha",
        "patience",
        "class_weights",
        "deterministic",
        "mixed_precision",
        "views",
        "leak_free",
    ):
        state[name.replace("_", "-")] = getattr(template, name)
    for name in ("flip", "rotation", "zoom", "contrast"):
        state[f"augment-{name}"] = getattr(template.augmentation, name)
    state["weights"] = WEIGHTS.get(template.weights, FILE)
    state["weights-file"] = template.weights if state["weights"] == FILE else ""


def fill_from_url(store: RunStore) -> None:
    """`?from=ID` names a run or a study whose settings and images to start from. Raises `NoSuchRun`."""
    origin = st.query_params.pop("from", "")
    if not origin:
        return
    runs = [store.get(origin)] if study_of(origin) else store.study(origin).runs
    configs = [run.config for run in runs if isinstance(run, Run)]
    if not configs:
        raise NoSuchRun(origin)
    fill(Preset.of(configs))
    keep_data(configs[0].data)


def keep_data(data: str) -> None:
    """Choose images that an earlier run or a preset used."""
    st.session_state["kept-data"] = data


def fit_to_weights() -> None:
    """Where the sample base was chosen: its width and size."""
    if st.session_state["weights"] == WEIGHTS[SAMPLE_BASE]:
        st.session_state.update({"alpha": SAMPLE_ALPHA, "image-size": SAMPLE_SIZE})


@st.cache_data(ttl=600, show_spinner=False)
def weights_at_hand(alpha: float, image_size: int) -> tuple[str, str]:
    """The best weights to train from now, and one line where they are not ImageNet's."""
    return ("imagenet", "") if can_fetch_imagenet(alpha, image_size) else offline_weights()


def instead_of_imagenet(weights: str) -> str:
    """One line about weights from which less can be expected; "" where there is nothing to say."""
    at_hand, why = weights_at_hand(RunConfig.alpha, RunConfig.image_size)
    if weights == at_hand:
        return why
    return RANDOM_WEIGHTS_NOTICE if weights == "random" else ""


@st.cache_data(ttl=600, show_spinner=False)
def expect_sample_base(alpha: float) -> None:
    """Raises `WeightsError` where it cannot be trained from at this width."""
    resolve_weights(SAMPLE_BASE, alpha, SAMPLE_SIZE)


@st.cache_data(ttl=600, show_spinner=False)
def can_fetch_imagenet(alpha: float, image_size: int) -> bool:
    return imagenet_is_reachable(alpha, image_size)


def weights_path(roots: AllowedFolders, text: str) -> str:
    """The file that a person typed, below a folder that may be read. Raises `ValueError`."""
    if not text.strip():
        raise ValueError("Expected the path of a weights file; received nothing. Type one, or choose other weights.")
    path = Path(text.strip())
    file = roots.resolve(str(path.parent)) / path.name
    if not file.is_file():
        raise ValueError(
            f"Expected a weights file; received {shorten(text, 80)}, and no file is there. Check its spelling."
        )
    return str(file)
