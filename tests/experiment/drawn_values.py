"""Hypothesis strategies that draw random objects of core/experiment."""

from hypothesis import strategies as st

from core.backbones.registry import DEFAULT_BASE
from core.experiment.run_config import FROZEN_PRECISIONS, LAYOUTS, PRECISIONS, TEST_PARTS, Augmentation, RunConfig
from core.experiment.runs.run import RunError, RunStatus, State
from core.experiment.strategy import ALL_LAYERS, MAX_LEARNING_RATE, Phase, Strategy

rates = st.floats(0, MAX_LEARNING_RATE, exclude_min=True)
depths = st.integers(0, DEFAULT_BASE.layers) | st.just(ALL_LAYERS)
phases = st.builds(Phase, depths, rates, st.integers(1, 200))
names = st.lists(st.text("abcxyz059", min_size=1, max_size=9), min_size=1, max_size=4).map("-".join)
strategies = st.builds(Strategy, names, st.lists(phases, min_size=1, max_size=5).map(tuple))

fractions = st.floats(0, 0.5)
augmentations = st.builds(Augmentation, st.booleans(), fractions, fractions, fractions)
# Paths may contain any character except NUL, also lone surrogates, by which Python represents bytes that are not UTF-8.
paths = st.text(st.characters(exclude_characters="\0"), min_size=1).filter(str.strip)
seeds = st.integers(0, 2**31 - 1)
configs = st.builds(
    RunConfig,
    paths,
    strategies,
    seeds,
    seeds,
    st.integers(2, 1_024),
    st.sampled_from(DEFAULT_BASE.image_sizes),
    st.sampled_from(DEFAULT_BASE.widths),
    paths,
    augmentations,
    st.integers(0, 1_000),
    st.booleans(),
    st.booleans(),
    st.booleans(),
    st.integers(0, 64),
    st.booleans(),
    st.sampled_from(PRECISIONS),
    frozen_precision=st.sampled_from(FROZEN_PRECISIONS),
    layout=st.sampled_from(LAYOUTS),
    groups=st.sampled_from(["", r"(.+)_\\d+", "(玻璃)", "/data/groups.csv"]),
    test_parts=st.sampled_from(TEST_PARTS),
    dropout=st.floats(0, 1, exclude_max=True),
)

timestamps = st.none() | st.floats(0, 4e9)
counts = st.integers(0, 2**40)
errors = st.none() | st.builds(RunError, st.text(), st.text(), st.text())
statuses = st.builds(
    RunStatus,
    st.sampled_from(State),
    counts,
    counts,
    st.text(),
    st.text(),
    timestamps,
    timestamps,
    counts,
    st.text(),
    counts,
    st.floats(0, 4e9),
    st.text(),
    st.text(),
    st.floats(0, 1e6),
    st.floats(0, 1e6),
    errors,
)

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.just(10**400) | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
