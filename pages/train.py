"""Set up a study of strategies, and start it."""

import streamlit as st

from core.analysis.text import count
from core.data.datasets.scan import Dataset
from core.experiment.preset import Preset
from core.experiment.run_config import SAMPLE
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.strategy import Strategy
from core.machine.devices import Device, training_devices
from pages.parts.shared.choose_data import choose_data, show_report
from pages.parts.shared.form import fill_from_url, fill_once, instead_of_imagenet
from pages.parts.shared.services import get_services, refuse
from pages.parts.shared.start_study import start
from pages.parts.train.advanced import choose_rest
from pages.parts.train.estimate import show_estimate
from pages.parts.train.find_rate import RangeTestSetup
from pages.parts.train.preset_bar import load_preset, save_preset
from pages.parts.train.seeds import choose_seeds
from pages.parts.train.strategy_card import strategy_card

CARDS_IN_A_ROW = 3


def main() -> None:
    services = get_services()
    st.title("Set up a study")
    fill_once()
    try:
        fill_from_url(services.store)
    except (NoSuchRun, ValueError) as error:
        refuse(error)
    data = choose_data(services)
    report = show_report(data) if data else None
    dataset = report.dataset if report else None
    load_preset(services, len(dataset.pictures) if dataset else None)
    cards, template, preset = st.container(), None, None  # the cards stand first; what they offer hangs on the rest
    try:
        template = choose_rest(services, data or SAMPLE)
    except ValueError as error:
        refuse(error)
    lab = RangeTestSetup(services, dataset, template) if dataset and template else None
    strategies: tuple[Strategy, ...] = ()
    with cards:
        try:
            strategies = _choose_strategies(dataset, lab)
        except ValueError as error:  # e.g. phases that have too many epochs together
            refuse(error)
    if strategies and template:
        preset = Preset(strategies, template, choose_seeds(report))
    if preset and (line := instead_of_imagenet(preset.template.weights)):
        st.caption(f":material/info: {line} Advanced says where ImageNet's belong.")
    st.caption(_plan(strategies, preset.seeds if preset else 1))
    if preset and report:
        show_estimate(services, preset, report)
    with st.container(horizontal=True):
        ready = bool(dataset and preset)
        pressed = st.button("Start", type="primary", disabled=not ready)
        if preset:
            save_preset(services, preset)
    if pressed and preset and dataset:
        start(services, preset, dataset)


def _choose_strategies(dataset: Dataset | None, lab: RangeTestSetup | None) -> tuple[Strategy, ...]:
    """The ticked strategies, a card each."""
    origins, chosen = st.session_state["cards"], []
    for first in range(0, len(origins), CARDS_IN_A_ROW):
        for number, column in enumerate(st.columns(CARDS_IN_A_ROW), start=first):
            if number < len(origins):
                with column:
                    chosen.append(strategy_card(number, origins[number], dataset, lab))
    return tuple(strategy for strategy in chosen if strategy)


def _plan(strategies: tuple[Strategy, ...], seeds: int) -> str:
    """What Start will do: `3 runs, 65 epochs in all, one after another on the CPU.`"""
    if not strategies:
        return "Tick a strategy to train."
    lengths = {strategy.epochs for strategy in strategies}
    runs, epochs = seeds * len(strategies), seeds * sum(strategy.epochs for strategy in strategies)
    long = (
        f"{count(lengths.pop(), 'epoch')} each"
        if len(lengths) == 1 < runs
        else (f"{count(epochs, 'epoch')}{' in all' if runs > 1 else ''}")
    )
    devices = training_devices()
    where = (
        f"on {len(devices)} GPUs, one run each"
        if len(devices) > 1
        else (f"{'one after another ' if runs > 1 else ''}on {_named(devices[0])}")
    )
    return f"{count(runs, 'run')}, {long}, {where}."


def _named(device: Device) -> str:
    what = "the CPU" if device.capability is None else device.id.replace("gpu-", "GPU ")
    return f"{what} ({device.name})"


main()
