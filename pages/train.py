"""Train page: set up a study of strategies and start it."""

from collections.abc import Sequence
from dataclasses import replace

import streamlit as st

from core.analysis.results.growth_text import describe_limits
from core.analysis.text import count, escape_markdown
from core.data.datasets.dataset import Dataset
from core.experiment.growth_limits import GrowthLimits
from core.experiment.preset import Preset, expect_one_dropout, expect_settings
from core.experiment.run_config import SAMPLE
from core.experiment.runs.growth import expect_several
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.strategy import Strategy
from core.machine.devices import Device, training_devices
from pages.parts.shared.choose_data import choose_data, show_report
from pages.parts.shared.form import fill_from_url, fill_notice, fill_once, selected_test_parts, weights_notice
from pages.parts.shared.grouping_controls import chosen_grouping
from pages.parts.shared.services import Services, get_services, show_error
from pages.parts.shared.start_study import start_study
from pages.parts.train.advanced import choose_template
from pages.parts.train.dropouts import selected_dropouts
from pages.parts.train.estimate import show_estimate
from pages.parts.train.find_rate import RangeTestSetup
from pages.parts.train.preset_bar import choose_preset, save_preset
from pages.parts.train.rate_sweep import choose_rate_sweep
from pages.parts.train.seeds import choose_seeds, choose_test_parts
from pages.parts.train.strategy_card import strategy_card
from pages.parts.train.until_settled import choose_growth

CARDS_PER_ROW = 3


def main() -> None:
    services = get_services()
    st.title("Set up a study")
    fill_once()
    try:
        fill_from_url(services.store)
    except (NoSuchRun, ValueError) as error:
        show_error(error)
    if notice := fill_notice():
        st.info(notice)
    data = choose_data(services)
    with st.container():  # its number of lines varies: an open panel below would close as it moves
        grouping = chosen_grouping(services.allowed_folders)
        report = show_report(data, *grouping, selected_test_parts()) if data else None
    dataset = report.dataset if report else None
    choose_preset(services, len(dataset.images) if dataset else None)
    cards = st.container()  # the cards come first, but depend on the settings below
    template, errors = choose_template(services, data or SAMPLE)
    dropouts = selected_dropouts()
    template = replace(template, test_parts=selected_test_parts(), dropout=dropouts[0])
    range_test = RangeTestSetup(services, dataset, template) if dataset and not errors else None
    strategies: tuple[Strategy, ...] = ()
    with cards:
        try:
            strategies = _choose_strategies(dataset, range_test)
        except ValueError as error:  # e.g. too many epochs in all phases together
            show_error(error)
    limits = choose_growth()
    seeds = limits.looks[0] if limits else choose_seeds()
    choose_test_parts(report, seeds, len(strategies) * len(dropouts))
    errors += _study_errors(limits, strategies, dropouts)
    preset = Preset(strategies, template, seeds, limits, dropouts) if strategies and not errors else None
    if preset and (notice := weights_notice(preset.template)):
        st.caption(f":material/info: {notice} Advanced shows where to put the ImageNet file.")
    st.caption(_plan(strategies * len(dropouts), seeds, limits) + (f" {describe_limits(limits)}" if limits else ""))
    if preset and report:
        show_estimate(services, preset, report, f" This is for the first {seeds} seeds." if limits else "")
    if errors:
        reasons = escape_markdown(" ".join(errors))
        st.caption(f":material/warning: To start, correct the settings. {reasons}")
    _offer_start(services, preset, dataset)


def _study_errors(limits: GrowthLimits | None, strategies: Sequence[Strategy], dropouts: Sequence[float]) -> list[str]:
    """Why these strategies cannot be trained in one study, or not until it is settled which one is best."""
    try:
        if strategies:
            expect_settings(strategies, dropouts)
        if limits and strategies:
            expect_several(strategies)
            expect_one_dropout(dropouts)
    except ValueError as error:
        return [str(error)]
    return []


def _offer_start(services: Services, preset: Preset | None, dataset: Dataset | None) -> None:
    """Show the buttons that start the study and save its settings; without a preset or images it cannot start."""
    with st.container(horizontal=True):
        pressed = st.button("Start", type="primary", disabled=not (preset and dataset))
        if preset:
            save_preset(services, preset)
    if pressed and preset and dataset:
        start_study(services, preset, dataset)


def _choose_strategies(dataset: Dataset | None, range_test: RangeTestSetup | None) -> tuple[Strategy, ...]:
    """Show one card per strategy, and one for a rate sweep; return the included strategies."""
    swept = choose_rate_sweep() if st.session_state["has-sweep"] else ()
    origins, chosen = st.session_state["cards"], []
    for first in range(0, len(origins), CARDS_PER_ROW):
        for number, column in enumerate(st.columns(CARDS_PER_ROW), start=first):
            if number < len(origins):
                with column:
                    chosen.append(strategy_card(number, origins[number], dataset, range_test))
    return (*swept, *(strategy for strategy in chosen if strategy))


def _plan(strategies: tuple[Strategy, ...], seeds: int, limits: GrowthLimits | None) -> str:
    """Describe the study: `3 runs, 65 epochs in all, one after another on the CPU.`

    A strategy that trains with several dropouts is repeated.
    """
    if not strategies:
        return "No strategy is selected. Tick at least one."
    runs = seeds * len(strategies)
    devices = training_devices()
    where = (
        f"on {len(devices)} GPUs, one run each"
        if len(devices) > 1
        else f"{_order(strategies) if runs > 1 else ''}on {_device_name(devices[0])}"
    )
    return f"{count(runs, 'run')}, {_length(strategies, seeds, limits)}, {where}."


def _order(strategies: Sequence[Strategy]) -> str:
    """How the runs of a study share one device: heads train at the same time, everything else in turn."""
    if all(strategy.trains_head_only for strategy in strategies):
        return "side by side "
    has_heads = any(strategy.head_phases for strategy in strategies)
    return "one after another (heads side by side) " if has_heads else "one after another "


def _length(strategies: Sequence[Strategy], seeds: int, limits: GrowthLimits | None) -> str:
    """`65 epochs in all`; of a study that grows `195 epochs at first; at most 60 runs`."""
    epochs_per_run, runs = {strategy.epochs for strategy in strategies}, seeds * len(strategies)
    epochs = count(seeds * sum(strategy.epochs for strategy in strategies), "epoch")
    if limits:
        return f"{epochs} at first; at most {count(limits.max_seeds * len(strategies), 'run')}"
    if len(epochs_per_run) == 1 < runs:
        return f"{count(epochs_per_run.pop(), 'epoch')} each"
    return f"{epochs}{' in all' if runs > 1 else ''}"


def _device_name(device: Device) -> str:
    kind = "the CPU" if device.capability is None else device.id.replace("gpu-", "GPU ")
    return f"{kind} ({device.name})"


main()
