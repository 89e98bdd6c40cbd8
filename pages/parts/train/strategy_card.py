"""One strategy on the Train page: a tick to include it, and its phases."""

from dataclasses import replace

import streamlit as st

from core.analysis.charts.palette import strategy_colours
from core.analysis.text import escape_markdown, millions, rate
from core.backbones.layer_table import describe_depth
from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.data.datasets.scan import Dataset
from core.experiment.guidelines import fine_tuning_rate, layers_to_unfreeze, warnings
from core.experiment.parameter_counts import small_cnn_parameters, total_parameters, trainable_parameters
from core.experiment.strategy import FROM_SCRATCH, Phase, Strategy, with_phases
from pages.parts.shared.form import KEPT, key_of
from pages.parts.train.find_rate import RangeTestSetup, find_rate
from pages.parts.train.network_strip import show_network

RATES = [float(f"{digit}e{power}") for power in range(-7, 0) for digit in (1, 2, 3, 5)]


def strategy_card(
    number: int, origin: Strategy, dataset: Dataset | None, lab: RangeTestSetup | None
) -> Strategy | None:
    """The strategy as it is set; None where its tick is out. With a `lab` each phase can have its rate found."""
    with st.container(border=True, height="stretch"):
        strip, head = st.container(), st.container()
        phases: tuple[Phase, ...] = ()
        for j in range(len(origin.phases)):
            phases += (_choose_phase(number, j, origin, dataset),)
            if lab:
                find_rate(lab, number, replace(origin, phases=phases), _colour(origin, phases[-1]))
        strategy = with_phases(origin, phases)
        colour = strategy_colours([strategy.name])[strategy.name]
        strip.html(f'<div style="height:4px;border-radius:2px;background:{colour}"></div>')
        chosen = head.checkbox(f"**{strategy.title}**", key=f"card-{number}-use", **KEPT)
        for warning in warnings(strategy, len(dataset.pictures) if dataset else None):
            st.caption(f":material/warning: {warning}")
    return strategy if chosen else None


def _colour(origin: Strategy, phase: Phase) -> str:
    """The colour of a card while this phase is set: a strategy of one phase is named by its depth."""
    name = (with_phases(origin, (phase,)) if len(origin.phases) == 1 else origin).name
    return strategy_colours([name])[name]


def _choose_phase(card: int, number: int, origin: Strategy, dataset: Dataset | None) -> Phase:
    if len(origin.phases) > 1:
        st.markdown(f"Phase {number + 1}")
    unfreeze = FROM_SCRATCH if origin.is_from_scratch else _choose_depth(card, number, origin, dataset)
    if origin.is_from_scratch:
        _show_baseline(dataset)
    left, right = st.columns(2)
    learning_rate = left.select_slider(
        "Learning rate",
        _rates(card, number),
        format_func=rate,
        key=key_of(card, number, "rate"),
        **KEPT,
        help=f"How large the steps are. {fine_tuning_rate(1e-3).reason}"
        if unfreeze > 0
        else "How large the steps are. 1e-3 suits what is new.",
    )
    epochs = right.number_input(
        "Epochs",
        1,
        1_000,
        key=key_of(card, number, "epochs"),
        **KEPT,
        help="How often every training image is seen in this phase.",
    )
    return Phase(unfreeze, learning_rate, epochs)


def _choose_depth(card: int, number: int, origin: Strategy, dataset: Dataset | None) -> int:
    advice = layers_to_unfreeze(len(dataset.pictures)).reason if dataset else ""
    unfreeze = st.slider(
        "How deep to unfreeze",
        0,
        ALL_LAYERS,
        key=key_of(card, number, "depth"),
        **KEPT,
        help="Layers of the base that train, from its top; 0: the head alone. In the strip "
        f"below the image enters at the left, and the head is at the right. {advice}",
    )
    show_network(unfreeze, _colour(origin, Phase(unfreeze, 1e-3, 1)))
    _show_count(unfreeze, dataset)
    return unfreeze


def _show_baseline(dataset: Dataset | None) -> None:
    """What trains where nothing is transferred."""
    total = small_cnn_parameters(len(dataset.classes) if dataset else 10, st.session_state["image-size"])
    st.caption(
        "The baseline: nothing is transferred. Three convolutions and a hidden layer learn from your images "
        f"alone. All of {escape_markdown(millions(total))} parameters train."
    )


def _rates(card: int, number: int) -> list[float]:
    """The usual rates, and the one that a preset or a duplicated run brought."""
    return sorted({*RATES, st.session_state[key_of(card, number, "rate")]})


def _show_count(unfreeze: int, dataset: Dataset | None) -> None:
    classes, alpha = len(dataset.classes) if dataset else 10, st.session_state["alpha"]
    trained, total = trainable_parameters(unfreeze, classes, alpha), total_parameters(classes, alpha)
    st.caption(
        escape_markdown(f"{describe_depth(unfreeze).capitalize()}: {trained:,} of {millions(total)} parameters train")
    )
