"""Strategies, phases and guidelines: valid values, and invalid ones that are refused."""

import json
import math
from itertools import pairwise

import pytest
from drawn_values import json_values, names, phases, rates, strategies
from hypothesis import given
from hypothesis import strategies as st

from core.backbones.registry import DEFAULT_BASE
from core.experiment.guidelines import (
    batch_size,
    batch_size_warning,
    fine_tuning_rate,
    layers_to_unfreeze,
    rules_of_thumb,
    warnings,
)
from core.experiment.named_strategies import (
    BASELINE,
    FEATURE_EXTRACTION,
    FINE_TUNING,
    STRATEGIES,
    STRATEGY_CHOICES,
    SWEPT_RATES,
    TWO_PHASE,
    SharedSettings,
    gradual_unfreezing,
    gradual_with_settings,
    rate_sweep,
    unfreeze_sweep,
)
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS, FROM_SCRATCH, Phase, Strategy, rate, swept_rate, with_phases


def test_the_three_strategies():
    assert FEATURE_EXTRACTION.phases == (Phase(0, 1e-3, 15),)
    assert FINE_TUNING.phases == (Phase(ALL_LAYERS, 1e-4, 25),)
    assert TWO_PHASE.phases == (Phase(0, 1e-3, 15), Phase(30, 1e-4, 10))
    assert list(STRATEGIES) == ["feature-extraction", "fine-tuning", "two-phase"]
    assert [strategy.title for strategy in STRATEGIES.values()] == [
        "Feature extraction",
        "Fine-tuning all layers",
        "Two-phase",
    ]


@given(strategies)
def test_json_round_trip_is_exact(strategy):
    again = Strategy.from_json(json.loads(json.dumps(strategy.to_json())))
    assert again == strategy and hash(again) == hash(strategy)


def test_changing_the_json_does_not_change_the_strategy():
    TWO_PHASE.to_json()["phases"][0]["epochs"] = 99
    assert TWO_PHASE.phases[0].epochs == 15


@given(strategies)
def test_epochs_and_phase_boundaries_agree(strategy):
    starts = (0, *strategy.phase_boundaries)
    assert [end - begin for begin, end in zip(starts, (*strategy.phase_boundaries, strategy.epochs), strict=True)] == [
        phase.epochs for phase in strategy.phases
    ]


@given(json_values)
def test_json_that_describes_no_strategy_is_refused(value):
    with pytest.raises(ValueError, match=r"Expected .*received"):
        Strategy.from_json(value)


@given(names, st.lists(phases, min_size=1, max_size=2), st.text(min_size=1).filter(lambda name: name != "phases"))
def test_json_with_an_unknown_field_is_refused(name, phases, extra):
    data = {"name": name, "phases": [vars(phase) for phase in phases]}
    with pytest.raises(ValueError, match="Expected"):
        Strategy.from_json({**data, extra + "x": 1})


INVALID_COUNTS = [True, False, None, "3", 3.0, math.nan, math.inf, -1, 10**400, [3]]
INVALID_RATES = [True, None, "0.1", math.nan, math.inf, -math.inf, 0, -1e-4, 11, 10**400, [0.1]]


@pytest.mark.faults
@pytest.mark.parametrize(
    "unfreeze",
    [*(value for value in INVALID_COUNTS if value != FROM_SCRATCH), -2, -1.0, ALL_LAYERS + 1],
    ids=lambda value: repr(value)[:9],
)
def test_invalid_unfreeze(unfreeze):
    with pytest.raises(ValueError, match=r"Expected unfreeze .* whole number from 0 to 100,000; received "):
        Phase(unfreeze, 1e-3, 1)


@pytest.mark.faults
@pytest.mark.parametrize("epochs", [*INVALID_COUNTS, 0, 10**9], ids=lambda value: repr(value)[:9])
def test_invalid_epochs(epochs):
    with pytest.raises(ValueError, match=r"Expected epochs to be a whole number from 1 to 1,000; received "):
        Phase(0, 1e-3, epochs)


@pytest.mark.faults
@pytest.mark.parametrize("rate", INVALID_RATES, ids=lambda value: repr(value)[:9])
def test_invalid_learning_rate(rate):
    with pytest.raises(ValueError, match=r"Expected learning_rate to be a number above 0 and at most 10; received "):
        Phase(0, rate, 1)
    with pytest.raises(ValueError, match="Expected learning_rate"):
        gradual_unfreezing(learning_rate=rate)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["", "Two phase", "a--b", "-a", "a\n", "x" * 41, "../a", "é", None, 7])
def test_invalid_name(name):
    with pytest.raises(ValueError, match="Expected a strategy name"):
        Strategy(name, TWO_PHASE.phases)


@pytest.mark.faults
@pytest.mark.parametrize("invalid", [(), [Phase(0, 1e-3, 1)], None, 5, (1,), "ab", ({"unfreeze": 0},)])
def test_invalid_phases(invalid):
    with pytest.raises(ValueError, match="Expected a tuple of at least one Phase"):
        Strategy("mine", invalid)


@pytest.mark.faults
def test_too_many_epochs_over_all_phases():
    with pytest.raises(ValueError, match=r"at most 1,000 epochs in all; received 1,001"):
        Strategy("mine", (Phase(0, 1e-3, 1_000), Phase(1, 1e-3, 1)))


@given(st.integers(1, 400), st.integers(1, 400), rates, rates, st.integers(0, ALL_LAYERS))
def test_shared_settings(epochs1, epochs2, rate1, rate2, depth):
    feature_extraction, fine_tuning, two_phase = STRATEGY_CHOICES["all"](
        SharedSettings(epochs1, epochs2, rate1, rate2, depth)
    )
    assert feature_extraction.phases == (Phase(0, rate1, epochs1),)
    assert two_phase.phases == (Phase(0, rate1, epochs1), Phase(depth, rate2, epochs2))
    assert fine_tuning.phases == (Phase(ALL_LAYERS, rate2, epochs1 + epochs2),)
    assert fine_tuning.epochs == two_phase.epochs


def test_every_choice_of_the_terminal_trains_strategies_of_different_names():
    for choice, build in STRATEGY_CHOICES.items():
        names = [strategy.name for strategy in build(SharedSettings())]
        assert names and len(set(names)) == len(names), choice
    assert STRATEGY_CHOICES["all"](SharedSettings()) == tuple(STRATEGIES.values())


def test_unfreeze_sweep():
    shallow, deep = unfreeze_sweep([0, 154])
    assert (shallow.name, deep.name) == ("unfreeze-0", "unfreeze-154")
    assert shallow.phases == (Phase(0, 1e-3, 15), Phase(0, 1e-4, 10))
    assert deep.phases == (Phase(0, 1e-3, 15), Phase(154, 1e-4, 10))
    with pytest.raises(ValueError, match=r"layers of MobileNetV2, from its top\) to be a .* 0 to 154; received 155"):
        RunConfig(strategy=unfreeze_sweep([155])[0])


def test_gradual_unfreezing():
    gradual = gradual_unfreezing((0, 11, 30), learning_rate=1e-2, epochs=4, decay=0.5)
    assert gradual.phases == (Phase(0, 1e-2, 4), Phase(11, 5e-3, 4), Phase(30, 2.5e-3, 4))
    for depths in ((11, 0), (0, 0), (0, 30, 20)):
        with pytest.raises(ValueError, match="depths that increase"):
            gradual_unfreezing(depths)
    with pytest.raises(ValueError, match="Expected decay"):
        gradual_unfreezing(decay=1.5)


def test_gradual_unfreezing_by_default_trains_the_head_then_10_20_and_30_layers_at_falling_rates():
    gradual = gradual_unfreezing()
    assert (gradual.name, gradual.title) == ("gradual-unfreezing", "Gradual unfreezing")
    assert [(phase.unfreeze, phase.epochs) for phase in gradual.phases] == [(0, 5), (10, 5), (20, 5), (30, 5)]
    assert [phase.learning_rate for phase in gradual.phases] == pytest.approx([1e-3, 3e-4, 9e-5, 2.7e-5])


def test_gradual_unfreezing_divides_the_epochs_of_phase_2_among_the_unfrozen_phases():
    gradual = gradual_with_settings(SharedSettings(15, 11, 1e-3, 1e-4))
    assert (gradual.name, gradual.epochs) == (gradual_unfreezing().name, 26)
    assert [(phase.unfreeze, phase.epochs) for phase in gradual.phases] == [(0, 15), (10, 3), (20, 3), (30, 5)]
    assert [phase.learning_rate for phase in gradual.phases] == pytest.approx([1e-3, 1e-4, 3e-5, 9e-6])


@given(st.integers(1, 400), st.integers(3, 400), rates, rates.filter(lambda rate: rate > 1e-300))
def test_gradual_unfreezing_uses_all_epochs_and_the_given_rates(epochs1, epochs2, rate1, rate2):
    head, first, second, last = gradual_with_settings(SharedSettings(epochs1, epochs2, rate1, rate2)).phases
    assert (head.epochs, head.learning_rate, first.learning_rate) == (epochs1, rate1, rate2)
    assert first.epochs == second.epochs <= last.epochs <= first.epochs + 2
    assert first.epochs + second.epochs + last.epochs == epochs2


@pytest.mark.faults
@pytest.mark.parametrize("epochs", [2, 0, -5])
def test_gradual_unfreezing_needs_an_epoch_for_each_unfrozen_phase(epochs):
    with pytest.raises(ValueError, match=rf"Expected at least 3 epochs .*; received {epochs}\."):
        gradual_with_settings(SharedSettings(15, epochs, 1e-3, 1e-4))


def test_guidelines():
    assert fine_tuning_rate(1e-3).low == pytest.approx(1e-4)
    ranges = {images: layers_to_unfreeze(images) for images in (4_999, 5_000, 10_000, 10_001)}
    assert [(advice.low, advice.high) for advice in ranges.values()] == [(10, 20), (20, 40), (20, 40), (40, 80)]
    assert [(batch_size(gb and gb * 1024**3).low, batch_size(gb and gb * 1024**3).high) for gb in (None, 8, 12)] == [
        (32, 32),
        (32, 64),
        (64, 128),
    ]
    assert "4,999 images" in ranges[4_999].reason and "CPU" in batch_size(None).reason


def test_warnings():
    assert not any(warnings(strategy, images=7_000) for strategy in STRATEGIES.values())
    assert warnings(TWO_PHASE) == ()
    for all_layers in (DEFAULT_BASE.layers, ALL_LAYERS):  # asked for, so no advice on how many
        assert warnings(Strategy("all", (Phase(all_layers, 1e-4, 1),)), images=300) == ()
    (deep,) = warnings(TWO_PHASE, images=300)
    assert "Two-phase unfreezes 30 layers" in deep and "10-20 layers for 300 images" in deep
    (fast,) = warnings(Strategy("mine", (Phase(0, 1e-3, 1), Phase(30, 1e-3, 1))))
    assert "trains the base at 0.001, not below the head's 0.001" in fast and "Suggested: 0.0001" in fast


def test_batches_below_eight_images_have_a_warning():
    assert [bool(batch_size_warning(images)) for images in (2, 7, 8, 32)] == [True, True, False, False]
    assert "A batch has 4 images. Suggested: at least 8, because" in batch_size_warning(4)


def test_rules_of_thumb_state_the_guidelines():
    assert [rule.partition(":")[0] for rule in rules_of_thumb(7_000, None)] == [
        "Layers to unfreeze",
        "Learning rate once the base trains",
        "Batch size",
    ]
    assert "20-40 layers for 7,000 images" in rules_of_thumb(7_000, None)[0] and len(rules_of_thumb(None, None)) == 2


@given(st.sampled_from(list(STRATEGIES.values())), st.lists(phases, min_size=1, max_size=3).map(tuple))
def test_a_strategy_of_one_phase_is_named_after_its_depth(strategy, drawn):
    renamed = with_phases(strategy, drawn, DEFAULT_BASE.layers)
    assert renamed.phases == drawn
    if len(drawn) == 1:
        depth = drawn[0].unfreeze
        all_layers = "Fine-tuning all layers"
        titles = {0: "Feature extraction", DEFAULT_BASE.layers: all_layers, ALL_LAYERS: all_layers}
        assert renamed.title == titles.get(depth, f"Fine-tuning {depth} layers")
    else:
        assert renamed.name == strategy.name


def test_a_rate_sweep_is_feature_extraction_at_twelve_rates():
    sweep = rate_sweep(head=Phase(0, 1e-3, 7))
    assert [strategy.phases for strategy in sweep] == [(Phase(0, rate, 7),) for rate in SWEPT_RATES]
    assert len(sweep) == 12 and FEATURE_EXTRACTION.phases[0].learning_rate in SWEPT_RATES
    steps = [high / low for low, high in pairwise(SWEPT_RATES)]
    assert min(steps) >= 2 and max(steps) < 2.51, "evenly spaced on a log axis"
    assert (sweep[6].name, sweep[6].title) == ("feature-extraction-at-1e-3", "Head at 1e-3")


@given(rates.filter(lambda value: value >= 1e-12))
def test_the_name_of_a_swept_strategy_has_its_rate_with_three_digits(learning_rate):
    (strategy,) = rate_sweep([learning_rate])
    assert swept_rate(strategy.name) == pytest.approx(learning_rate, rel=5e-3)
    assert strategy.title == f"Head at {rate(learning_rate)}"
    assert all(swept_rate(name) is None for name in (*STRATEGIES, "unfreeze-11", "feature-extraction-at-night"))


def test_cumulative_max_depths_never_decrease():
    phases = (Phase(0, 1e-3, 1), Phase(30, 1e-4, 1), Phase(11, 1e-4, 1), Phase(56, 1e-5, 1))
    assert Strategy("up-and-down", phases).cumulative_max_depths == (0, 30, 30, 56)


def test_the_baseline_has_no_base():
    assert BASELINE.is_from_scratch and not any(strategy.is_from_scratch for strategy in STRATEGIES.values())
    assert Strategy.from_json(BASELINE.to_json()) == BASELINE and BASELINE.title == "Small CNN from scratch"
    (shared,) = STRATEGY_CHOICES["baseline-cnn"](SharedSettings(5, 3, 1e-3, 1e-4))
    assert shared.phases == (Phase(FROM_SCRATCH, 1e-3, 8),)
    assert with_phases(BASELINE, shared.phases, DEFAULT_BASE.layers).name == BASELINE.name
    with pytest.raises(ValueError, match="from scratch, or none; received both"):
        Strategy("mixed", (Phase(FROM_SCRATCH, 1e-3, 1), Phase(0, 1e-3, 1)))
