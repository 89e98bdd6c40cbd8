"""Start a study of the strategies and watch it."""

from pathlib import Path

import streamlit as st

import core
from core.analysis.words import count, plain, rate
from pages.common import Services, refuse, services
from pages.data import choose_data, show_report
from pages.live import show_studies, watch

IMAGENET, RANDOM, FILE = "ImageNet", "Nothing (random)", "A weights file"


def main() -> None:
    here = services()
    study_id = st.query_params.get("study", "")
    st.title("Which way of unfreezing wins on your images?")
    if study_id:
        watch(here, study_id)
        with st.expander("New study"):
            _form(here)
    else:
        _form(here)
    show_studies(here, study_id)


def _form(here: Services) -> None:
    """Everything that makes a study, and Start."""
    data = choose_data(here)
    dataset = show_report(data) if data else None
    strategies = _choose_strategies(dataset)
    try:
        template = _choose_rest(here, data or core.SAMPLE)
    except ValueError as error:
        refuse(error)
        return
    epochs = sum(strategy.epochs for strategy in strategies)
    devices = core.training_devices()
    order = f"one after another on {devices[0].name}" if len(devices) == 1 else f"on {len(devices)} GPUs, one run each"
    st.caption(f"{count(len(strategies), 'run')}, {count(epochs, 'epoch')} in all, {order}.")
    if st.button("Start", type="primary", disabled=not (dataset and strategies)):
        _start(here, template, strategies, dataset)


def _choose_strategies(dataset: core.Dataset | None) -> list[core.Strategy]:
    left, right = st.columns(2, gap="large")
    with left:
        st.markdown("**Phase 1** · the head alone, base frozen")
        head_epochs = st.slider("Epochs", 1, 50, 15, key="phase1-epochs")
        head_rate = _rate("Learning rate of the head", "1e-3", key="phase1-rate")
    with right:
        st.markdown("**Phase 2** · the top of the base too")
        tuned_epochs = st.slider("Epochs", 1, 50, 10, key="phase2-epochs")
        tuned_rate = _rate("Learning rate of the base", "1e-4", key="phase2-rate",
                           help=core.fine_tuning_rate(head_rate).reason)
        advice = core.layers_to_unfreeze(len(dataset.pictures)).reason if dataset else ""
        unfreeze = st.slider("How deep to unfreeze", 0, core.ALL_LAYERS, 30, help=f"Layers from the top. {advice}")
    strategies = [core.with_settings(strategy, head_epochs, tuned_epochs, head_rate, tuned_rate, unfreeze)
                  for strategy in core.STRATEGIES.values()]
    chosen = [s for s, column in zip(strategies, st.columns(3), strict=True) if _card(column, s, dataset)]
    for strategy in chosen:
        for warning in core.warnings(strategy, len(dataset.pictures) if dataset else None):
            st.caption(f":material/warning: {warning}")
    return chosen


def _rate(label: str, default: str, key: str, help: str | None = None) -> float:
    rates = ["1e-2", "3e-3", "1e-3", "3e-4", "1e-4", "3e-5", "1e-5", "3e-6", "1e-6"]
    return float(st.select_slider(label, rates[::-1], default, key=key, help=help))


def _card(column: st.delta_generator.DeltaGenerator, strategy: core.Strategy, dataset: core.Dataset | None) -> bool:
    """A tick to include the strategy, and what it will do."""
    classes = len(dataset.classes) if dataset else 10
    colour = core.colours([strategy.name])[strategy.name]
    with column.container(border=True, height="stretch"):
        st.html(f'<div style="height:4px;border-radius:2px;background:{colour}"></div>')
        chosen = st.checkbox(f"**{strategy.title}**", value=True, key=f"use-{strategy.name}")
        for phase in strategy.phases:
            parameters = core.trainable_parameters(phase.unfreeze, classes, st.session_state.get("alpha", 1.0))
            opened = "head only" if phase.unfreeze == 0 else f"{phase.unfreeze} of {core.ALL_LAYERS} layers"
            st.caption(f"{count(phase.epochs, 'epoch')} · {opened} · rate {rate(phase.learning_rate)}  \n"
                       f"{parameters:,} parameters train")
    return chosen


def _choose_rest(here: Services, data: str) -> core.RunConfig:
    with st.expander("Advanced"):
        columns = st.columns(3)
        image_size = columns[0].select_slider("Image size", core.IMAGE_SIZES, 224)
        batch_size = columns[0].select_slider("Batch size", [8, 16, 32, 64, 128], 32, help=core.batch_size(None).reason)
        seed = columns[0].number_input("Seed", 0, 2**31 - 1, 0)
        alpha = columns[1].select_slider("Width of MobileNetV2 (alpha)", core.ALPHAS, 1.0, key="alpha")
        with columns[1]:
            weights = _choose_weights(here, alpha, image_size)
        patience = columns[2].slider("Patience", 0, 10, 0, help="End a phase after so many epochs without a better "
                                                               "validation loss; 0 = never.")
        class_weights = columns[2].checkbox("Weigh rare classes more")
        augment = columns[2].checkbox("Augment the training images", value=True,
                                      help="Flip, rotate, zoom and change contrast at random.")
    augmentation = core.Augmentation() if augment else core.Augmentation(False, 0, 0, 0)
    return core.RunConfig(data=data, seed=seed, batch_size=batch_size, image_size=image_size,
                          alpha=alpha, weights=weights, augmentation=augmentation, patience=patience,
                          class_weights=class_weights)


def _choose_weights(here: Services, alpha: float, image_size: int) -> str:
    reachable = _imagenet_is_reachable(alpha, image_size)
    choice = st.selectbox("What was learned from", [IMAGENET, RANDOM, FILE], index=0 if reachable else 1)
    if not reachable and choice != FILE:
        st.caption("The ImageNet weights are not on this machine and cannot be fetched now. With random weights "
                   "training works, but nothing is transferred. They belong at "
                   f"{plain(str(core.imagenet_path(alpha, image_size)))}.")
    if choice == FILE:
        path = Path(st.text_input("Weights file on this machine", key="weights-file").strip() or "missing")
        return str(here.roots.resolve(str(path.parent)) / path.name)
    return "imagenet" if choice == IMAGENET else "random"


@st.cache_data(ttl=600, show_spinner=False)
def _imagenet_is_reachable(alpha: float, image_size: int) -> bool:
    return core.imagenet_is_reachable(alpha, image_size)


def _start(here: Services, template: core.RunConfig, strategies: list[core.Strategy], dataset: core.Dataset) -> None:
    try:
        with st.spinner("Preparing the study"):
            core.resolve_weights(template.weights, template.alpha, template.image_size)
            study = here.store.create_study(core.plan_study(template, strategies, dataset, [template.seed]))
    except (ValueError, OSError) as error:
        refuse(error)
        return
    for run in study.runs:
        here.launcher.submit(run.id)
    st.query_params["study"] = study.id
    st.rerun()


main()
