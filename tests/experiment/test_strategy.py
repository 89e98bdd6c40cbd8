"""What may be asked for, and what is refused."""

import json
import math

import pytest
from drawn_values import json_values, names, phases, rates, strategies
from hypothesis import given
from hypothesis import strategies as st

from core.backbones.mobilenet_v2 import ALL_LAYERS
from core.experiment.guidelines import batch_size, fine_tuning_rate, layers_to_unfreeze, rules_of_thumb, warnings
from core.experiment.strategy import (
    BASELINE,
    FEATURE_EXTRACTION,
    FINE_TUNING,
    FROM_SCRATCH,
    STRATEGIES,
    TWO_PHASE,
    Phase,
    Strategy,
    gradual_unfreezing,
    unfreeze_sweep,
    with_phases,
    with_settings,
)


def test_the_three_strategies():
    assert FEATURE_EXTRACTION.phases == (Phase(0, 1e-3, 15),)
    assert FINE_TUNING.phases == (Phase(154, 1e-4, 25),)
    assert TWO_PHASE.phases == (Phase(0, 1e-3, 15), Phase(30, 1e-4, 10))
    assert list(STRATEGIES) == ["feature-extraction", "fine-tuning", "two-phase"]
    assert [s.title for s in STRATEGIES.values()] == ["Feature extraction", "Fine-tuning all layers", "Two-phase"]


@given(strategies)
def test_json_round_trip_is_exact(strategy):
    again = Strategy.from_json(json.loads(json.dumps(strategy.to_json())))
    assert again == strategy and hash(again) == hash(strategy)


def test_what_json_gets_is_a_copy():
    TWO_PHASE.to_json()["phases"][0]["epochs"] = 99
    assert TWO_PHASE.phases[0].epochs == 15


@given(strategies)
def test_epochs_and_boundaries_agree(strategy):
    starts = (0, *strategy.boundaries)
    assert [end - begin for begin, end in zip(starts, (*strategy.boundaries, strategy.epochs), strict=True)] == [
        phase.epochs for phase in strategy.phases
    ]


@given(json_values)
def test_json_that_is_no_strategy_is_refused(value):
    with pytest.raises(ValueError, match=r"Expected .*received"):
        Strategy.from_json(value)


@given(names, st.lists(phases, min_size=1, max_size=2), st.text(min_size=1).filter(lambda name: name != "phases"))
def test_json_with_a_field_too_many_is_refused(name, some, extra):
    data = {"name": name, "phases": [vars(phase) for phase in some]}
    with pytest.raises(ValueError, match="Expected"):
        Strategy.from_json({**data, extra + "x": 1})


NO_COUNTS = [True, False, None, "3", 3.0, math.nan, math.inf, -1, 10**400, [3]]
NO_RATES = [True, None, "0.1", math.nan, math.inf, -math.inf, 0, -1e-4, 11, 10**400, [0.1]]


@pytest.mark.faults
@pytest.mark.parametrize(
    "unfreeze",
    [*(value for value in NO_COUNTS if value != FROM_SCRATCH), -2, -1.0, 155],
    ids=lambda value: repr(value)[:9],
)
def test_impossible_unfreeze(unfreeze):
    with pytest.raises(ValueError, match=r"Expected unfreeze .* whole number from 0 to 154; received "):
        Phase(unfreeze, 1e-3, 1)


@pytest.mark.faults
@pytest.mark.parametrize("epochs", [*NO_COUNTS, 0, 10**9], ids=lambda value: repr(value)[:9])
def test_impossible_epochs(epochs):
    with pytest.raises(ValueError, match=r"Expected epochs to be a whole number from 1 to 1,000; received "):
        Phase(0, 1e-3, epochs)


@pytest.mark.faults
@pytest.mark.parametrize("rate", NO_RATES, ids=lambda value: repr(value)[:9])
def test_impossible_learning_rate(rate):
    with pytest.raises(ValueError, match=r"Expected learning_rate to be a number above 0 and at most 10; received "):
        Phase(0, rate, 1)
    with pytest.raises(ValueError, match="Expected learning_rate"):
        gradual_unfreezing(learning_rate=rate)


@pytest.mark.faults
@pytest.mark.parametrize("name", ["", "Two phase", "a--b", "-a", "a\n", "x" * 41, "../a", "é", None, 7])
def test_impossible_name(name):
    with pytest.raises(ValueError, match="Expected a strategy name"):
        Strategy(name, TWO_PHASE.phases)


@pytest.mark.faults
@pytest.mark.parametrize("some", [(), [Phase(0, 1e-3, 1)], None, 5, (1,), "ab", ({"unfreeze": 0},)])
def test_impossible_phases(some):
    with pytest.raises(ValueError, match="Expected a tuple of one Phase or more"):
        Strategy("mine", some)


@pytest.mark.faults
def test_too_many_epochs_over_all_phases():
    with pytest.raises(ValueError, match=r"at most 1,000 epochs in all; received 1,001"):
        Strategy("mine", (Phase(0, 1e-3, 1_000), Phase(1, 1e-3, 1)))


@given(st.integers(1, 400), st.integers(1, 400), rates, rates, st.integers(0, ALL_LAYERS))
def test_shared_settings(epochs1, epochs2, rate1, rate2, depth):
    head, tuned = Phase(0, rate1, epochs1), Phase(depth, rate2, epochs2)
    extraction, tuning, two = (with_settings(s, epochs1, epochs2, rate1, rate2, depth) for s in STRATEGIES.values())
    assert extraction.phases == (head,)
    assert two.phases == (head, tuned)
    assert tuning.phases == (Phase(ALL_LAYERS, rate2, epochs1 + epochs2),)
    assert tuning.epochs == two.epochs


def test_settings_fit_only_the_named_strategies():
    with pytest.raises(ValueError, match=r"two-phase.*received gradual-unfreezing"):
        with_settings(gradual_unfreezing(), 1, 1, 1e-3, 1e-4, 30)


def test_unfreeze_sweep():
    shallow, deep = unfreeze_sweep([0, 154])
    assert (shallow.name, deep.name) == ("unfreeze-0", "unfreeze-154")
    assert shallow.phases == (Phase(0, 1e-3, 15), Phase(0, 1e-4, 10))
    assert deep.phases == (Phase(0, 1e-3, 15), Phase(154, 1e-4, 10))
    with pytest.raises(ValueError, match="received 155"):
        unfreeze_sweep([155])


def test_gradual_unfreezing():
    gradual = gradual_unfreezing((0, 11, 30), learning_rate=1e-2, epochs=4, decay=0.5)
    assert gradual.phases == (Phase(0, 1e-2, 4), Phase(11, 5e-3, 4), Phase(30, 2.5e-3, 4))
    for depths in ((11, 0), (0, 0), (0, 30, 20)):
        with pytest.raises(ValueError, match="depths that grow"):
            gradual_unfreezing(depths)
    with pytest.raises(ValueError, match="Expected decay"):
        gradual_unfreezing(decay=1.5)


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
    (deep,) = warnings(TWO_PHASE, images=300)
    assert "Two-phase opens 30 layers" in deep and "10-20 layers for 300 images" in deep
    (fast,) = warnings(Strategy("mine", (Phase(0, 1e-3, 1), Phase(30, 1e-3, 1))))
    assert "trains the base at 0.001, not below the head's 0.001" in fast and "Suggested: 0.0001" in fast


def test_rules_of_thumb_are_the_guidelines_in_words():
    assert [rule.partition(":")[0] for rule in rules_of_thumb(7_000, None)] == [
        "Layers to unfreeze",
        "Learning rate once the base trains",
        "Batch size",
    ]
    assert "20-40 layers for 7,000 images" in rules_of_thumb(7_000, None)[0] and len(rules_of_thumb(None, None)) == 2


@given(st.sampled_from(list(STRATEGIES.values())), st.lists(phases, min_size=1, max_size=3).map(tuple))
def test_a_strategy_of_one_phase_is_called_what_it_does(strategy, drawn):
    named = with_phases(strategy, drawn)
    assert named.phases == drawn
    if len(drawn) == 1:
        depth = drawn[0].unfreeze
        titles = {0: "Feature extraction", ALL_LAYERS: "Fine-tuning all layers"}
        assert named.title == titles.get(depth, f"Fine-tuning {depth} layers")
    else:
        assert named.name == strategy.name


def test_what_was_open_once_counts_as_changed_ever_after():
    phases = (Phase(0, 1e-3, 1), Phase(30, 1e-4, 1), Phase(11, 1e-4, 1), Phase(56, 1e-5, 1))
    assert Strategy("up-and-down", phases).deepest_so_far == (0, 30, 30, 56)


def test_the_baseline_has_no_base():
    assert BASELINE.is_from_scratch and not any(strategy.is_from_scratch for strategy in STRATEGIES.values())
    assert Strategy.from_json(BASELINE.to_json()) == BASELINE and BASELINE.title == "Small CNN from scratch"
    shared = with_settings(BASELINE, 5, 3, 1e-3, 1e-4, 30)
    assert shared.phases == (Phase(FROM_SCRATCH, 1e-3, 8),)
    assert with_phases(BASELINE, shared.phases).name == BASELINE.name
    with pytest.raises(ValueError, match="from scratch, or none; received both"):
        Strategy("mixed", (Phase(FROM_SCRATCH, 1e-3, 1), Phase(0, 1e-3, 1)))
