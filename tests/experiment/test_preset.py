"""Presets: saved under a name, read back exactly, refused if invalid."""

import json
from dataclasses import replace

import pytest
from drawn_values import configs
from hypothesis import given
from hypothesis import strategies as st

from core.experiment.growth_limits import GrowthLimits
from core.experiment.named_strategies import (
    BASELINE,
    COMPARED_DROPOUTS,
    FINE_TUNING,
    SWEPT_RATES,
    TWO_PHASE,
    rate_sweep,
)
from core.experiment.preset import Preset, PresetStore
from core.experiment.run_config import RunConfig

limits = st.none() | st.builds(GrowthLimits, st.integers(2, 20), st.none() | st.floats(0, 1e6, exclude_min=True))


@given(st.lists(configs, min_size=1, max_size=4), limits)
def test_a_preset_round_trips_through_json(drawn, growth):
    preset = Preset.from_configs(drawn)
    preset = replace(preset, growth=None if preset.dropouts else growth)
    again = Preset.from_json(json.loads(json.dumps(preset.to_json())))
    assert (again.strategies, again.seeds, again.growth) == (preset.strategies, preset.seeds, preset.growth)
    assert again.dropouts == preset.dropouts
    assert replace(again.template, strategy=TWO_PHASE) == replace(preset.template, strategy=TWO_PHASE)


def test_presets_are_saved_listed_replaced_and_deleted(tmp_path):
    store = PresetStore(tmp_path / "presets")
    assert store.names() == []
    store.save("Small images, 5 epochs", Preset())
    store.save("Small images, 5 epochs", Preset((FINE_TUNING,), RunConfig(image_size=96)))
    assert store.names() == ["Small images, 5 epochs"]
    assert store.load("Small images, 5 epochs").template.image_size == 96
    store.delete("Small images, 5 epochs")
    assert store.names() == []


@pytest.mark.faults
@pytest.mark.parametrize("name", ["", " ", "../x", "a/b", "a\0b", ".hidden", "x" * 61, "<img>", None])
def test_invalid_names_are_refused(tmp_path, name):
    store = PresetStore(tmp_path / "presets")
    for operation in (lambda: store.save(name, Preset()), lambda: store.load(name), lambda: store.delete(name)):
        with pytest.raises(ValueError, match="Expected a name"):
            operation()
    assert not (tmp_path / "presets").exists()


@pytest.mark.faults
@pytest.mark.parametrize(
    "content",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"strategies": [], "template": {}}',
        '{"strategies": 1}',
        json.dumps(Preset().to_json() | {"seeds": 0}),
        json.dumps(Preset().to_json() | {"growth": {"max_seeds": 1}}),
        json.dumps(Preset().to_json() | {"growth": [1]}),
        json.dumps(Preset().to_json() | {"dropouts": 0.5}),
        json.dumps(Preset().to_json() | {"dropouts": [0.2, "much"]}),
        json.dumps(Preset().to_json() | {"dropouts": [0.2, 1.0]}),
    ],
)
def test_a_damaged_preset_is_refused(tmp_path, content):
    (tmp_path / "mine.json").write_text(content)
    with pytest.raises(ValueError, match="Expected"):
        PresetStore(tmp_path).load("mine")


def test_seeds_are_consecutive_and_a_preset_of_an_older_version_has_one():
    preset = Preset(template=RunConfig(seed=7), seeds=3)
    assert list(preset.seed_range) == [7, 8, 9]
    assert (
        Preset.from_configs([replace(preset.template, seed=seed) for seed in (9, 7, 8)]).seed_range == preset.seed_range
    )
    old = preset.to_json()
    del old["seeds"], old["growth"], old["dropouts"]
    assert Preset.from_json(old).seeds == 1 and Preset.from_json(old).growth is None
    assert Preset.from_json(old).dropouts == ()


@given(st.lists(st.floats(0, 1, exclude_max=True), min_size=1, max_size=3, unique=True), st.integers(1, 12))
def test_every_strategy_is_a_setting_with_every_dropout(dropouts, number):
    preset = Preset(rate_sweep(SWEPT_RATES[:number]), dropouts=tuple(dropouts))
    assert [(config.dropout, config.strategy) for config in preset.settings] == [
        (dropout, strategy) for dropout in dropouts for strategy in preset.strategies
    ]
    assert Preset.from_configs(list(preset.settings)) == replace(preset, template=preset.settings[0])
    assert Preset(dropouts=(dropouts[0],)) == Preset(template=RunConfig(dropout=dropouts[0]))


def test_too_many_settings_and_several_dropouts_in_a_growing_study_are_refused():
    assert len(Preset(rate_sweep(), dropouts=COMPARED_DROPOUTS).settings) == 36
    with pytest.raises(ValueError, match="1 to 40 settings in a study; received 48, 12 strategies with 4 dropout"):
        Preset(rate_sweep(), dropouts=(0.1, 0.2, 0.3, 0.4))
    with pytest.raises(ValueError, match="Expected one dropout in a study that grows"):
        Preset(dropouts=(0.2, 0.5), growth=GrowthLimits())


def test_a_missing_preset_is_refused(tmp_path):
    with pytest.raises(ValueError, match="which does not exist"):
        PresetStore(tmp_path).load("mine")


def test_a_preset_needs_the_base_unless_all_strategies_train_from_scratch():
    assert Preset().needs_base and Preset((BASELINE, TWO_PHASE)).needs_base and not Preset((BASELINE,)).needs_base
