"""Records of growing studies: exact round trips, looks up to a limit, and values that are refused."""

import json

import pytest
from drawn_values import configs, strategies
from hypothesis import given
from hypothesis import strategies as st

from core.experiment.growth_limits import GrowthLimits
from core.experiment.named_strategies import FINE_TUNING, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.growth import Growth, GrowthState, Look, SplitBasis

pairs = st.lists(strategies, min_size=2, max_size=4).map(tuple)
limits = st.builds(GrowthLimits, st.integers(2, 20), st.none() | st.floats(0, 1e6, exclude_min=True))
looks = st.builds(Look, st.integers(2, 20), st.text(), st.lists(strategies, max_size=2).map(tuple))
times = st.none() | st.floats(0, 4e9)
hashes = st.lists(st.tuples(st.text(), st.text()), max_size=3).map(tuple)
parts = st.sampled_from([(), ("test", "train")])
growths = st.builds(
    Growth,
    st.just("20261127-091000-000"),
    pairs,
    configs,
    st.builds(SplitBasis, st.text(), times, parts, hashes),
    st.just(2),
    limits,
    st.lists(looks, max_size=3).map(tuple),
    st.sampled_from(GrowthState),
    st.text(),
)


@given(growths)
def test_a_record_round_trips_through_json(growth):
    again = Growth.from_json(json.loads(json.dumps(growth.to_json())))
    assert again.to_json() == growth.to_json() and again.looks == growth.looks and again.basis == growth.basis
    assert (again.strategies, again.limits, again.state) == (growth.strategies, growth.limits, growth.state)


def record(**values: object) -> Growth:
    return Growth("20261127-091000-000", (TWO_PHASE, FINE_TUNING), RunConfig(seed=7), SplitBasis("/set"), **values)


@pytest.mark.parametrize(
    ("most", "expected"), [(2, (2,)), (3, (3,)), (4, (3, 4)), (5, (3, 5)), (10, (3, 5, 7, 10)), (20, (3, 5, 7, 10, 20))]
)
def test_the_last_look_is_at_the_largest_number_of_seeds(most, expected):
    assert GrowthLimits(most).looks == expected


def test_the_next_seeds_lead_to_the_next_look_and_losers_are_not_in_the_race():
    growth = record(seeds=3, limits=GrowthLimits(8))
    assert growth.next_seeds == range(10, 12) and growth.in_race == (TWO_PHASE, FINE_TUNING)
    growth = record(seeds=5, limits=GrowthLimits(8), looks=(Look(3, "", (TWO_PHASE,)), Look(5, "")))
    assert growth.next_seeds == range(12, 14) and growth.in_race == (FINE_TUNING,)
    assert not record(seeds=8, limits=GrowthLimits(8)).next_seeds


@pytest.mark.faults
@pytest.mark.parametrize("values", [{"max_seeds": 1}, {"max_seeds": 21}, {"minutes": 0}, {"minutes": True}])
def test_limits_out_of_range_are_refused(values):
    with pytest.raises(ValueError, match=r"^Expected (max_seeds|minutes) to be .*; received"):
        GrowthLimits(**values)


@pytest.mark.faults
@pytest.mark.parametrize("content", [None, [], {}, {"looks": 1}, record(seeds=3).to_json() | {"basis": {}}])
def test_other_content_is_refused(content):
    with pytest.raises(ValueError, match="Expected the record of a growing study"):
        Growth.from_json(content)
