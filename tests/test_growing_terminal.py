"""The terminal trains a study until it is settled, with workers that need no Keras."""

import argparse
import json
from dataclasses import replace

import pytest
from growth_harness import CLEAR, OPEN, begin, measured
from harness import Lab, lab, two_devices, wait_for

import transfer_learning
from core.execution.queue.study_growth import grow_studies
from core.experiment.growth_limits import GrowthLimits
from core.experiment.runs.growth import GrowthState
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run import State
from core.experiment.runs.run_folder import NoSuchRun
from transfer_learning import DONE, INTERRUPTED, _build_preset, _parser, _resume, _train, main

__all__ = ["lab"]


def train(lab: Lab, run_ids: list[str]) -> int:
    launcher = lab.launch(command=measured, devices=two_devices, grow=grow_studies)
    return _train(lab.store, launcher, run_ids, True)


def resume(*arguments: str) -> argparse.Namespace:
    return _parser().parse_args(["--resume", *arguments])


def ids(lab: Lab, study_id: str) -> list[str]:
    return [run.id for run in lab.store.study(study_id).runs]


def test_each_look_is_printed_and_the_added_runs_are_trained_too(lab, capsys):
    study_id = begin(lab, OPEN, max_seeds=4)
    assert train(lab, ids(lab, study_id)) == DONE
    out, err = capsys.readouterr()
    assert "3 seeds each: " in err and "4 seeds each: " in err and "seed 3" in err
    result = json.loads(out.splitlines()[-1])
    assert [run["seed"] for run in result["runs"]] == [0, 0, 1, 1, 2, 2, 3, 3]
    assert [look["seeds"] for look in result["looks"]] == [3, 4] and result["state"] == "budget used up"
    assert "The study has ended: all 4 seeds are trained." in " ".join(out.split())


def test_an_interrupted_study_stops_growing_and_is_continued_by_its_id(lab, capsys, monkeypatch):
    study_id = begin(lab, CLEAR, max_seeds=4)

    def interrupt(*_: object) -> None:
        wait_for(lambda: any(run.state is State.COMPLETED for run in lab.store.study(study_id).runs), 60)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(transfer_learning, "_show_progress", interrupt)
        assert train(lab, ids(lab, study_id)) == INTERRUPTED
    assert GrowthStore(lab.store).load(study_id).state is GrowthState.STOPPED
    assert f"--resume {study_id} --runs {lab.store.root}" in capsys.readouterr().err.replace("\n", "")
    assert train(lab, _resume(lab.store, resume(study_id))) == DONE
    assert GrowthStore(lab.store).load(study_id).state is GrowthState.SETTLED and len(ids(lab, study_id)) == 6
    with pytest.raises(ValueError, match="settled"):
        _resume(lab.store, resume(study_id))


def test_a_study_that_ended_at_a_limit_is_continued_with_a_higher_one(lab, capsys):
    study_id = begin(lab, OPEN, max_seeds=4)
    growths = GrowthStore(lab.store)
    growths.update(growths.load(study_id), replace(growths.load(study_id), seeds=4, state=GrowthState.BUDGET_USED))
    with pytest.raises(ValueError, match="give a higher --max-seeds"):
        _resume(lab.store, resume(study_id))
    with pytest.raises(ValueError, match="Expected --max-seeds"):
        _resume(lab.store, resume(study_id, "--max-seeds", "21"))
    assert _resume(lab.store, resume(study_id, "--max-seeds", "10", "--minutes", "5")) == ids(lab, study_id)
    assert growths.load(study_id).limits == GrowthLimits(10, 5)


def test_a_study_is_stopped_with_all_its_runs(lab, capsys):
    study_id = begin(lab, OPEN, max_seeds=4)
    assert main(["--runs", str(lab.store.root), "--weights", "random", "--stop", study_id]) == DONE
    assert {run.state for run in lab.store.study(study_id).runs} == {State.STOPPED}
    assert GrowthStore(lab.store).load(study_id).state is GrowthState.STOPPED
    assert capsys.readouterr().out.count(": stopped") == 6


def test_unknown_studies_and_contradicting_options_are_refused(tmp_path, capsys):
    options = ["--runs", str(tmp_path), "--weights", "random"]
    assert main([*options, "--resume", "20200101-000000-000"]) == 1
    for wrong, message in (
        (
            ["--until-settled", "--strategy", "all", "--seeds", "3"],
            "Expected --seeds or --until-settled; received both",
        ),
        (
            ["--minutes", "5"],
            "Expected --until-settled with --minutes; received it alone. Add --until-settled.",
        ),
        (
            ["--resume", "20200101-000000-000-01-two-phase", "--minutes", "5", "--max-seeds", "20"],
            "Expected --until-settled with --max-seeds and --minutes; received them alone.",
        ),
        (["--until-settled"], "Expected at least two strategies"),
        (["--until-settled", "--strategy", "all", "--max-seeds", "1"], "Expected --max-seeds"),
    ):
        with pytest.raises(SystemExit) as refused:
            main([*options, *wrong])
        assert refused.value.code == 2 and message in " ".join(capsys.readouterr().err.split())
    preset = _build_preset(_parser().parse_args([*options, "--until-settled", "--strategy", "all"]))
    assert preset.seeds == 3 and preset.template.test_parts == "in-turn"
    with pytest.raises(NoSuchRun):
        _resume(transfer_learning.RunStore(tmp_path), resume("no-run"))
