"""The configuration of a learning rate range test."""

from dataclasses import replace

from core.experiment.run_config import RunConfig
from core.experiment.strategy import Strategy


def range_test_config(template: RunConfig, strategy: Strategy, phase: int) -> RunConfig:
    """Configuration of a range test of phase number `phase` (from 1).

    Settings that do not affect the result have fixed values: the numbers of epochs, the learning rate of the tested
    phase and the phases after it. So tests with the same result have equal configurations and can share a cached
    result. Training and split use the template's seed, as in a study.
    """
    phases = [replace(earlier, epochs=1) for earlier in strategy.phases[:phase]]
    phases[-1] = replace(phases[-1], learning_rate=1e-3)
    return replace(template, strategy=replace(strategy, phases=tuple(phases)), split_seed=template.seed)
