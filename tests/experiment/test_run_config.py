"""The base in a configuration: its limits, all of its layers, and files of versions without a choice of base."""

from dataclasses import replace

import pytest
from drawn_values import configs
from hypothesis import given

from core.analysis.results.settings import settings_of
from core.backbones.registry import DEFAULT_BASE, UnknownBase, backbone
from core.data.study_plan import plan_study
from core.experiment.named_strategies import FINE_TUNING, TWO_PHASE
from core.experiment.preset import Preset
from core.experiment.run_config import RunConfig
from core.experiment.strategy import ALL_LAYERS, Phase, Strategy

COUNTED = Strategy("fine-tuning", (Phase(DEFAULT_BASE.layers, 1e-4, 25),))


def test_all_layers_are_one_value_however_they_are_given():
    assert RunConfig(strategy=COUNTED) == RunConfig(strategy=FINE_TUNING)
    assert RunConfig(strategy=COUNTED).strategy.phases[0].unfreeze == ALL_LAYERS
    assert RunConfig(strategy=FINE_TUNING).counted_strategy == COUNTED
    assert Preset((COUNTED,)) == Preset((FINE_TUNING,))


def test_files_say_all_and_older_ones_a_number_without_a_base():
    stored = RunConfig(strategy=FINE_TUNING).to_json()
    assert stored["base"] == DEFAULT_BASE.name and stored["strategy"]["phases"][0]["unfreeze"] == "all"
    older = stored | {
        "strategy": {"name": "fine-tuning", "phases": [{"unfreeze": 154, "learning_rate": 1e-4, "epochs": 25}]}
    }
    del older["base"]
    assert RunConfig.from_json(older) == RunConfig(strategy=FINE_TUNING)
    with pytest.raises(ValueError, match="Expected unfreeze"):
        Phase.from_json({"unfreeze": "most", "learning_rate": 1e-4, "epochs": 1})


def test_runs_of_earlier_versions_have_exact_features():
    older = RunConfig().to_json()
    del older["frozen_precision"]
    assert RunConfig.from_json(older) == RunConfig() == RunConfig(frozen_precision="exact")
    for wrong in ("bf16", "", None, True):
        with pytest.raises(ValueError, match="Expected frozen_precision to be one of exact, fastest; received"):
            RunConfig.from_json(older | {"frozen_precision": wrong})


@given(configs)
def test_every_depth_of_a_valid_configuration_is_a_number_of_layers_of_its_base(config):
    assert all(0 <= depth <= DEFAULT_BASE.layers for depth in config.counted_strategy.depths)
    assert replace(config, strategy=config.counted_strategy) == config


@pytest.mark.parametrize(
    "setting", [{"alpha": 0.9}, {"image_size": 100}, {"strategy": Strategy("x", (Phase(155, 1e-3, 1),))}]
)
def test_settings_that_the_base_does_not_have_are_refused(setting):
    with pytest.raises(ValueError, match=r"^Expected .*; received"):
        RunConfig(**setting)


def test_an_unknown_base_can_be_read_but_not_used():
    config = RunConfig.from_json(RunConfig(strategy=TWO_PHASE).to_json() | {"base": "gone-net", "alpha": 0.2})
    assert RunConfig.from_json(config.to_json()) == config
    for use in (lambda: config.backbone, lambda: config.counted_strategy, lambda: backbone("gone-net")):
        with pytest.raises(
            UnknownBase, match=r"^Expected one of the bases in core/backbones \(mobilenet-v2.*; received 'gone-net'"
        ):
            use()


@pytest.mark.faults
@pytest.mark.parametrize("dropout", [1, -0.1, float("nan"), "0.5", True, None])
def test_an_impossible_dropout_is_refused(dropout):
    with pytest.raises(ValueError, match="Expected dropout to be a number from 0 to below 1; received"):
        RunConfig(dropout=dropout)


def test_runs_of_earlier_versions_have_a_dropout_of_one_half():
    stored = RunConfig().to_json()
    del stored["dropout"]
    assert RunConfig.from_json(stored) == RunConfig(dropout=0.5)
    assert settings_of(RunConfig(dropout=0.2))["Dropout"] == "0.2"


@pytest.mark.faults
def test_a_batch_of_one_image_is_refused_with_the_reason():
    expected = r"batch_size \(of a single image, .* learns nothing\) to be a whole number from 2 to 1,024; received 1\."
    with pytest.raises(ValueError, match=expected):
        RunConfig(batch_size=1)


@pytest.mark.faults
def test_a_run_of_an_earlier_version_keeps_its_batch_of_one_image_but_no_new_run_repeats_it(tiny_dataset):
    stored = RunConfig(strategy=TWO_PHASE).to_json() | {"batch_size": 1}
    config = RunConfig.from_json(stored)
    assert config.batch_size == 1 and config.to_json() == stored == RunConfig.from_json(config.to_json()).to_json()
    assert config.without_seeds().batch_size == 1 and settings_of(config)["Batch size"] == "1"
    with pytest.raises(ValueError, match="batch_size"):
        plan_study(config, [TWO_PHASE], tiny_dataset)
    for other in (True, 1.0, "1"):
        with pytest.raises(ValueError, match="batch_size"):
            RunConfig.from_json(stored | {"batch_size": other})
