"""Configurations and statuses: exact JSON round trips, invalid values refused."""

import json
import math
from dataclasses import fields, replace

import pytest
from drawn_values import configs, json_values, statuses
from hypothesis import given
from hypothesis import strategies as st

from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.runs.run import CorruptRun, Run, RunStatus, State, Study, study_of


def through_json(value):
    return json.loads(json.dumps(value.to_json()))


@given(configs)
def test_config_round_trip_is_exact(config):
    assert RunConfig.from_json(through_json(config)) == config


@given(statuses)
def test_status_round_trip_is_exact(status):
    assert RunStatus.from_json(through_json(status)) == status


def test_missing_settings_get_their_defaults():
    config = RunConfig.from_json({"strategy": RunConfig().strategy.to_json()})
    assert config == replace(RunConfig(), leak_free=False), (
        "versions without this setting did not group near-duplicates"
    )


def test_a_status_of_a_later_version_is_read():
    assert RunStatus.from_json({"state": "running", "epoch": 3, "mood": "good"}) == RunStatus(State.RUNNING, epoch=3)


@pytest.mark.faults
@given(json_values)
def test_json_of_another_structure_is_refused(value):
    for cls in (RunConfig, RunStatus):
        with pytest.raises(ValueError, match="Expected"):
            cls.from_json(value)


@pytest.mark.faults
@given(configs, st.sampled_from([f.name for f in fields(RunConfig)]), json_values)
def test_one_damaged_setting_is_valid_or_refused(config, name, value):
    data = through_json(config) | {name: value}
    try:
        RunConfig.from_json(data)
    except ValueError as error:
        assert str(error).startswith("Expected")


@pytest.mark.faults
def test_unknown_settings_are_refused_by_name():
    with pytest.raises(ValueError, match="received colour, speed"):
        RunConfig.from_json(through_json(RunConfig()) | {"speed": 1, "colour": "red"})


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("seed", [-1, 2**31, True, 1.0, "1", None, math.nan]),
        ("split_seed", [-1, True, 0.0]),
        ("batch_size", [0, 1, 1_025, True, 32.0, "32", math.inf]),
        ("patience", [-1, 1_001, False, None]),
        ("image_size", [0, 223, 225, 224.0, "224", True, None, math.nan, [224]]),
        ("alpha", [0, 0.9, 1, True, "1.0", None, math.nan, [1.0]]),
        ("class_weights", [0, 1, "true", None]),
        ("deterministic", [0, 1, "true", None]),
        ("mixed_precision", [0, 1, "true", None]),
        ("data", ["", " ", "a\0b", "x" * 4_097, None, 7, b"sample"]),
        ("weights", ["", "\t", "a\0b", "x" * 4_097, None, 7]),
        ("strategy", [None, "two-phase", {}]),
        ("augmentation", [None, True, {}]),
    ],
)
def test_invalid_settings(name, values):
    for value in values:
        with pytest.raises(ValueError, match=r"Expected .*received"):
            RunConfig(**{name: value})


@pytest.mark.faults
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("flip", 1),
        ("flip", None),
        ("rotation", True),
        ("rotation", -0.1),
        ("zoom", 0.51),
        ("zoom", math.nan),
        ("contrast", math.inf),
        ("contrast", "0.1"),
        ("contrast", None),
    ],
)
def test_invalid_augmentation(name, value):
    with pytest.raises(ValueError, match=f"Expected .*{name}.*received"):
        Augmentation(**{name: value})


def test_states():
    finished = {State.COMPLETED, State.STOPPED, State.FAILED, State.DIVERGED, State.CORRUPT}
    assert {state for state in State if state.is_finished} == finished
    assert {state for state in State if state.is_resumable} == {State.STOPPED, State.FAILED}


def test_study_and_title_of_a_run():
    run = Run("20261123-220052-417-01-two-phase", RunConfig(), RunStatus())
    assert run.study == "20261123-220052-417"
    assert run.title == "Two-phase"
    assert run.with_state(State.LOST).state is State.LOST and run.state is State.QUEUED
    assert CorruptRun(run.id, RunStatus(State.CORRUPT)).title == run.id


@pytest.mark.parametrize("run_id", ["", "x", "20261123-220052-417", "20261123-220052-417-01-two-phase\n", "../x"])
def test_invalid_ids_have_no_study(run_id):
    assert study_of(run_id) == ""


def test_a_study_is_finished_if_all_its_runs_are():
    done = Run("20261123-220052-417-01-a", RunConfig(), RunStatus(State.COMPLETED))
    assert Study("20261123-220052-417", (done, done)).is_finished
    assert not Study("20261123-220052-417", (done, done.with_state(State.LOST))).is_finished
