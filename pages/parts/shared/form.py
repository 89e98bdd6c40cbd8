"""State of the Train page's form: filled from a preset, and preserved while other pages are open."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypedDict

import streamlit as st

from core.analysis.results.settings import weights_name
from core.analysis.text import shorten
from core.backbones.backbone import Backbone
from core.backbones.imagenet_weights import imagenet_is_available
from core.backbones.registry import DEFAULT_BASE, backbone
from core.backbones.weights import (
    BUILT_IN_WEIGHTS,
    RANDOM_WEIGHTS_NOTICE,
    SAMPLE_BASE,
    offline_weights,
    resolve_weights,
)
from core.data.datasets.allowed_folders import AllowedFolders
from core.data.study_plan import with_weights
from core.experiment.growth_limits import LOOKS, MAX_SEEDS, GrowthLimits
from core.experiment.named_strategies import BASELINE, SharedSettings, all_three
from core.experiment.preset import Preset
from core.experiment.run_config import MIN_BATCH, RunConfig, default_test_parts
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run import Run, study_of
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import ALL_LAYERS, Strategy, rate, swept_rate

WEIGHT_LABELS = {
    weights: name[0].upper() + name[1:]
    for weights, name in ((weights, weights_name(weights)) for weights in BUILT_IN_WEIGHTS)
}
WEIGHTS_FILE = "A weights file"
FIXED, UNTIL_SETTLED = "Fixed number", "Until settled"


class _PersistentState(TypedDict):
    persist_state: Literal["session"]


PERSISTENT: _PersistentState = {"persist_state": "session"}
"""Arguments for every widget of the form: its value is preserved while another page is open."""


def widget_key(card: int, phase: int, setting: str) -> str:
    """Return the session key of one setting of one phase on one card."""
    return f"card-{card}-phase-{phase}-{setting}"


def fill_once() -> None:
    """Fill the form with the default settings when a browser session opens it for the first time."""
    if "cards" not in st.session_state:
        fill_default()


def fill_default(base: Backbone = DEFAULT_BASE, strategies: Sequence[Strategy] = ()) -> None:
    """Fill the form with these strategies (by default the three), default settings and the best available weights.

    Which images stay together, and how their folders are read, belongs to the images: what the user chose stays.
    """
    template = RunConfig(base=base.name, image_size=base.default_size, alpha=base.default_width)
    weights, _ = available_weights(base.name, base.default_width, base.default_size)
    preset = Preset(tuple(strategies) or all_three(SharedSettings(base=base)), with_weights(template, weights))
    _fill_training(preset)
    if "groups" not in st.session_state:
        _fill_grouping(preset.template)


def selected_test_parts() -> str:
    """Return the way of choosing test images: the user's choice, or what the number of seeds suggests."""
    chosen: str | None = st.session_state["chosen-test-parts"]
    return chosen or default_test_parts(LOOKS[0] if grows() else st.session_state["seeds"])


def grows() -> bool:
    """Whether the study is to grow until it is settled."""
    return bool(st.session_state["seed-plan"] == UNTIL_SETTLED)


def selected_base() -> Backbone:
    """Return the base that is selected in the form."""
    return backbone(st.session_state["base"])


def fill(preset: Preset) -> None:
    """Set every control to the preset's value, those of its images too; add a card for the baseline if it has none.

    Raises `UnknownBase`; then no control is changed.
    """
    _fill_training(preset)
    _fill_grouping(preset.template)
    set_layout(preset.template.data, preset.template.layout)


def _fill_training(preset: Preset) -> None:
    """Set the controls of the strategies, the seeds and the training."""
    state, layers = st.session_state, preset.template.backbone.layers
    has_baseline = any(strategy.is_from_scratch for strategy in preset.strategies)
    state["taken-rate"] = None
    sweep = _sweep_in(preset.strategies)
    _fill_sweep(sweep)
    others = [strategy for strategy in preset.strategies if strategy not in sweep]
    state["cards"] = (*others, *(() if has_baseline else (BASELINE,)))
    for i, strategy in enumerate(state["cards"]):
        state[f"card-{i}-use"] = i < len(others)
        for j, phase in enumerate(strategy.with_depths({ALL_LAYERS: layers}).phases):
            state[widget_key(i, j, "depth")] = phase.unfreeze
            state[widget_key(i, j, "rate")] = phase.learning_rate
            state[widget_key(i, j, "epochs")] = phase.epochs
    state["seeds"] = preset.seeds
    _fill_growth(preset.growth)
    test_parts = preset.template.test_parts
    default = default_test_parts(LOOKS[0] if preset.growth else preset.seeds)
    state["chosen-test-parts"] = test_parts if test_parts != default else None
    _fill_settings(preset.template)
    state["dropouts"] = sorted(preset.dropouts or (preset.template.dropout,))


def _sweep_in(strategies: Sequence[Strategy]) -> tuple[Strategy, ...]:
    """The strategies of a rate sweep, which share one card; they have the same number of epochs."""
    swept = [strategy for strategy in strategies if swept_rate(strategy.name) is not None]
    return tuple(strategy for strategy in swept if strategy.epochs == swept[0].epochs)


def _fill_sweep(sweep: Sequence[Strategy]) -> None:
    """Set the card of a rate sweep; without one there is no such card."""
    state = st.session_state
    state["has-sweep"] = bool(sweep)
    if sweep:
        state["sweep-use"] = True
        state["sweep-rates"] = sorted(strategy.phases[0].learning_rate for strategy in sweep)
        state["sweep-epochs"] = sweep[0].epochs


def _fill_growth(limits: GrowthLimits | None) -> None:
    """Set whether the study is to grow, and its limits; the form has at least one minute, or no limit."""
    state = st.session_state
    state["seed-plan"] = UNTIL_SETTLED if limits else FIXED
    state.setdefault("max-seeds", MAX_SEEDS)
    if limits:
        state["max-seeds"] = limits.max_seeds
        state["max-minutes"] = None if limits.minutes is None else max(1.0, float(limits.minutes))


def _fill_settings(template: RunConfig) -> None:
    state = st.session_state
    for name in (
        "image_size",
        "seed",
        "base",
        "alpha",
        "patience",
        "class_weights",
        "deterministic",
        "mixed_precision",
        "views",
        "frozen_precision",
    ):
        state[name.replace("_", "-")] = getattr(template, name)
    _fill_batch_size(template.batch_size)
    for name in ("flip", "rotation", "zoom", "contrast"):
        state[f"augment-{name}"] = getattr(template.augmentation, name)
    state["weights"] = WEIGHT_LABELS.get(template.weights, WEIGHTS_FILE)
    state["weights-file"] = template.weights if state["weights"] == WEIGHTS_FILE else ""


def _fill_batch_size(images: int) -> None:
    """Set the batch size; a run of an earlier version may have one that is no longer allowed, which is raised."""
    st.session_state["batch-size"] = max(images, MIN_BATCH)
    st.session_state["raised-batch-size"] = images < MIN_BATCH


def _fill_grouping(template: RunConfig) -> None:
    """Set which images stay together."""
    st.session_state["leak-free"], st.session_state["groups"] = template.leak_free, template.groups


def fill_notice() -> str:
    """Describe the rate that was taken from a sweep, or the setting that differs from the run or preset that the form
    was filled from; "" if there is none.
    """
    state = st.session_state
    if state.get("taken-rate") and state["taken-rate"] == state[widget_key(0, 0, "rate")]:
        return (
            f"The strategies below train the head at {rate(state['taken-rate'])}, the best rate of the sweep by "
            "validation accuracy, with the sweep's dropout and number of epochs."
        )
    raised = state.get("raised-batch-size") and state["batch-size"] == MIN_BATCH
    return (
        f"The batch size is now {MIN_BATCH}. The settings that were applied have 1, which new runs may not have: of a "
        "single image, the head's BatchNormalization learns nothing."
        if raised
        else ""
    )


def fill_from_url(store: RunStore) -> None:
    """Fill the form with the settings and images of the run or study in `?from=ID`.

    A run of a growing study stands for the whole study. `?rate-of=ID` fills in the default strategies, whose head has
    the learning rate of this run. Raises `NoSuchRun`.
    """
    if run_id := st.query_params.pop("rate-of", ""):
        _fill_rate_of(store, run_id)
    origin = st.query_params.pop("from", "")
    if not origin:
        return
    runs = [store.get(origin)] if study_of(origin) else store.study(origin).runs
    configs = [run.config for run in runs if isinstance(run, Run)]
    if not configs:
        raise NoSuchRun(origin)
    growth = GrowthStore(store).load(study_of(origin) or origin)
    fill(growth.preset if growth else Preset.from_configs(configs))
    select_data(configs[0].data)


def _fill_rate_of(store: RunStore, run_id: str) -> None:
    """Fill the form with the default strategies at the head's rate of a run, and as many seeds as its study has."""
    run = store.get(run_id)
    if not isinstance(run, Run):
        raise NoSuchRun(run_id)
    members = [other.config for other in store.study(run.study).runs if isinstance(other, Run)]
    same = [config for config in members if config.without_seeds() == run.config.without_seeds()]
    head = run.config.strategy.phases[0]
    settings = SharedSettings(head.epochs, phase1_rate=head.learning_rate, base=run.config.backbone)
    fill(replace(Preset.from_configs(same), strategies=all_three(settings)))
    st.session_state["taken-rate"] = head.learning_rate
    select_data(run.config.data)


def chosen_layout(data: str) -> str:
    """Return how the folders of these images are read, "auto" unless the user or a preset chose a layout."""
    layouts: dict[str, str] = st.session_state.get("layouts", {})
    return layouts.get(data, "auto")


def set_layout(data: str, layout: str) -> None:
    """Set how the folders of these images are read, for the rest of the browser session."""
    st.session_state["layouts"] = st.session_state.get("layouts", {}) | {data: layout}


def select_data(data: str) -> None:
    """Select the images of an earlier run or a preset."""
    st.session_state["selected-data"] = data


def match_sample_base() -> None:
    """Set width and image size to those of the sample base if it was selected."""
    sample = selected_base().sample
    if sample and st.session_state["weights"] == WEIGHT_LABELS[SAMPLE_BASE]:
        st.session_state.update({"alpha": sample.width, "image-size": sample.image_size})


def match_base() -> None:
    """Fill the form with the default settings of the base that was selected."""
    fill_default(selected_base())


@st.cache_data(ttl=600, show_spinner=False)
def available_weights(base: str, alpha: float, image_size: int) -> tuple[str, str]:
    """Return the best weights that are available now, and a notice if they are not ImageNet's."""
    return ("imagenet", "") if can_use_imagenet(base, alpha, image_size) else offline_weights(backbone(base))


def weights_notice(template: RunConfig) -> str:
    """Return a notice if the weights are expected to give worse results than ImageNet's; otherwise ""."""
    weights, base = template.weights, template.backbone
    available, notice = available_weights(base.name, base.default_width, base.default_size)
    if weights == available:
        return notice
    return RANDOM_WEIGHTS_NOTICE if weights == "random" else ""


@st.cache_data(ttl=600, show_spinner=False)
def expect_fitting(weights: str, base: str, alpha: float) -> None:
    """Raise `WeightsError` if the sample base or this file is damaged, or is of another base or width."""
    resolve_weights(backbone(base), weights, alpha, backbone(base).default_size)


@st.cache_data(ttl=600, show_spinner=False)
def can_use_imagenet(base: str, alpha: float, image_size: int) -> bool:
    """Return whether ImageNet's weights are on this machine or can be downloaded now."""
    return imagenet_is_available(backbone(base), alpha, image_size)


def weights_path(folders: AllowedFolders, text: str) -> str:
    """Return the weights file that the user typed. Raises `ValueError` unless it exists in an allowed folder."""
    if not text.strip():
        raise ValueError("Expected the path of a weights file; received nothing. Enter one, or choose other weights.")
    path = Path(text.strip())
    file = folders.resolve(str(path.parent)) / path.name
    if not file.is_file():
        raise ValueError(
            f"Expected a weights file; received {shorten(text, 80)}, which does not exist. Check the spelling."
        )
    return str(file)
