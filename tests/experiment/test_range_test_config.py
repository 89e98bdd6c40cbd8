"""Configurations of learning rate range tests."""

from core.experiment.named_strategies import TWO_PHASE
from core.experiment.range_test_config import range_test_config
from core.experiment.run_config import RunConfig
from core.experiment.strategy import Phase


def test_equivalent_range_tests_have_equal_configurations():
    template, (first, second) = RunConfig(seed=3), TWO_PHASE.phases
    config = range_test_config(template, TWO_PHASE, 1)
    assert config.strategy.phases == (Phase(0, 1e-3, 1),) and config.split_seed == 3

    def second_phase_test(*phases: Phase) -> RunConfig:
        return range_test_config(template, type(TWO_PHASE)("two-phase", phases), 2)

    expected = second_phase_test(first, second)
    assert expected == second_phase_test(Phase(0, first.learning_rate, 99), Phase(second.unfreeze, 0.5, 7))
    assert expected != second_phase_test(Phase(0, 0.1, 15), second), "the rate of an earlier phase matters"
    assert expected != second_phase_test(first, Phase(31, 1e-4, 10))
