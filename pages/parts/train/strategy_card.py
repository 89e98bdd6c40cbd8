"""Card for one strategy on the Train page: a checkbox that includes it, and its phases."""

from dataclasses import replace

import streamlit as st

from core.analysis.charts.palette import strategy_colours
from core.analysis.text import escape_markdown, millions
from core.backbones.layer_table import describe_depth
from core.data.datasets.dataset import Dataset
from core.experiment.guidelines import fine_tuning_rate, layers_to_unfreeze, warnings
from core.experiment.parameter_counts import small_cnn_parameters, total_parameters, trainable_parameters
from core.experiment.strategy import FROM_SCRATCH, Phase, Strategy, rate, with_phases
from pages.parts.shared.form import PERSISTENT, selected_base, widget_key
from pages.parts.train.find_rate import RangeTestSetup, find_rate
from pages.parts.train.network_strip import show_network

RATES = [float(f"{digit}e{power}") for power in range(-7, 0) for digit in (1, 2, 3, 5)]


def strategy_card(
    number: int, origin: Strategy, dataset: Dataset | None, range_test: RangeTestSetup | None
) -> Strategy | None:
    """Show the card for `origin`; return the strategy as set by the user, or None if it is not included.

    If `range_test` is given, each phase offers a learning-rate range test.
    """
    with st.container(border=True, height="stretch"):
        strip, head = st.container(), st.container()
        phases: tuple[Phase, ...] = ()
        for j in range(len(origin.phases)):
            phases += (_choose_phase(number, j, origin, dataset),)
            if range_test:
                find_rate(range_test, number, replace(origin, phases=phases), _colour(origin, phases[-1]))
        strategy = with_phases(origin, phases, selected_base().layers)
        colour = strategy_colours([strategy.name])[strategy.name]
        strip.html(f'<div style="height:4px;border-radius:2px;background:{colour}"></div>')
        included = head.checkbox(f"**{strategy.title}**", key=f"card-{number}-use", **PERSISTENT)
        for warning in warnings(strategy, len(dataset.images) if dataset else None, selected_base()):
            st.caption(f":material/warning: {warning}")
    return strategy if included else None


def _colour(origin: Strategy, phase: Phase) -> str:
    """Return the card's colour at this phase: a strategy with a single phase is named, and coloured, by its depth."""
    name = (with_phases(origin, (phase,), selected_base().layers) if len(origin.phases) == 1 else origin).name
    return strategy_colours([name])[name]


def _choose_phase(card: int, number: int, origin: Strategy, dataset: Dataset | None) -> Phase:
    if len(origin.phases) > 1:
        st.markdown(f"Phase {number + 1}")
    unfreeze = FROM_SCRATCH if origin.is_from_scratch else _choose_depth(card, number, origin, dataset)
    if origin.is_from_scratch:
        _describe_baseline(dataset)
    left, right = st.columns(2)
    learning_rate = left.select_slider(
        "Learning rate",
        _rates(card, number),
        format_func=rate,
        key=widget_key(card, number, "rate"),
        **PERSISTENT,
        help=f"Step size of the optimizer. {fine_tuning_rate(1e-3).reason}"
        if unfreeze > 0
        else "Step size of the optimizer. 1e-3 suits layers that start from random weights.",
    )
    epochs = right.number_input(
        "Epochs",
        1,
        1_000,
        key=widget_key(card, number, "epochs"),
        **PERSISTENT,
        help="Passes over the training images in this phase.",
    )
    return Phase(unfreeze, learning_rate, epochs)


def _choose_depth(card: int, number: int, origin: Strategy, dataset: Dataset | None) -> int:
    base = selected_base()
    guideline = layers_to_unfreeze(len(dataset.images) if dataset else None, base)
    unfreeze = st.slider(
        "Layers to unfreeze",
        0,
        base.layers,
        key=widget_key(card, number, "depth"),
        **PERSISTENT,
        help="Number of base layers that train, counted from the top; 0 trains only the head. The strip below shows "
        f"the network from the image (left) to the head (right). {guideline.reason if guideline else ''}",
    )
    show_network(base, unfreeze, _colour(origin, Phase(unfreeze, 1e-3, 1)))
    _show_parameter_count(unfreeze, dataset)
    return unfreeze


def _describe_baseline(dataset: Dataset | None) -> None:
    total = small_cnn_parameters(len(dataset.classes) if dataset else 10, st.session_state["image-size"])
    st.caption(
        "The baseline transfers nothing: three convolutional layers and a hidden layer train on your images from "
        f"random weights. All {escape_markdown(millions(total))} parameters train."
    )


def _rates(card: int, number: int) -> list[float]:
    """Return the usual rates, and the current one, which a preset or a duplicated run may have set."""
    return sorted({*RATES, st.session_state[widget_key(card, number, "rate")]})


def _show_parameter_count(unfreeze: int, dataset: Dataset | None) -> None:
    base, alpha, classes = selected_base(), st.session_state["alpha"], len(dataset.classes) if dataset else 10
    trained, total = trainable_parameters(base, alpha, classes, unfreeze), total_parameters(base, alpha, classes)
    depth = describe_depth(base, unfreeze).capitalize()
    st.caption(escape_markdown(f"{depth}: {trained:,} of {millions(total)} parameters train"))
