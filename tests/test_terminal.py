"""transfer_learning.py as a process: exit codes, JSON, Ctrl-C and resume."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import enable_ctrl_c
from PIL import Image

from core.analysis.comparison.rates import rate_sweep_of
from core.analysis.comparison.verdict import judge
from core.analysis.results.summary import summarise
from core.data.datasets.split import Manifest
from core.experiment.named_strategies import SWEPT_RATES
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import at_rate
from transfer_learning import _build_preset, _parser, _start, main

PROJECT = Path(__file__).parents[1]
SMALL = ["--weights", "random", "--alpha", "0.35", "--image-size", "96", "--batch-size", "8"]
HEAD_ALONE = ["--strategy", "feature-extraction"]


class Terminal:
    def __init__(self, folder: Path) -> None:
        self.runs = folder / "runs"
        (folder / "tmp").mkdir()
        self._environment = os.environ | {
            "TMPDIR": str(folder / "tmp"),
            "KERAS_HOME": str(folder / "keras"),
            "https_proxy": "http://127.0.0.1:9",
        }

    def start(self, *arguments: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "transfer_learning.py", "--runs", str(self.runs), *arguments],
            cwd=PROJECT,
            env=self._environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            preexec_fn=enable_ctrl_c,
        )

    def run(self, *arguments: str) -> tuple[int, str, str]:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=280)
        return process.returncode, out, err


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


@pytest.mark.slow
def test_all_strategies_print_one_json_object_on_the_last_line(terminal, tiny_folder):
    code, out, err = terminal.run(
        "--data",
        str(tiny_folder),
        "--strategy",
        "all",
        "--phase1-epochs",
        "1",
        "--phase2-epochs",
        "1",
        "--unfreeze",
        "11",
        "--json",
        *SMALL,
    )
    assert code == 0, err
    results = json.loads(out.splitlines()[-1])
    assert [run["strategy"] for run in results["runs"]] == ["feature-extraction", "fine-tuning", "two-phase"]
    assert [run["epochs"] for run in results["runs"]] == [1, 2, 2]
    assert all(run["state"] == "completed" and run["test_images"] == 10 for run in results["runs"])
    assert "60 images, 10 classes" in err and len(RunStore(terminal.runs).runs()) == 3
    assert "on the test images: " in results["verdict"] and results["verdict"] in out.splitlines()


@pytest.mark.slow
def test_several_seeds_form_one_study_with_one_verdict(terminal, tiny_folder):
    code, out, err = terminal.run(
        "--data",
        str(tiny_folder),
        "--strategy",
        "feature-extraction",
        "--phase1-epochs",
        "1",
        "--seeds",
        "2",
        "--seed",
        "3",
        "--json",
        *SMALL,
    )
    assert code == 0, err
    results = json.loads(out.splitlines()[-1])
    assert [run["seed"] for run in results["runs"]] == [3, 4] and "on average over 2 runs" in results["verdict"]


def planned(tmp_path: Path, *arguments: str) -> list[tuple[RunConfig, Manifest]]:
    """Configurations and manifests of the runs that these arguments create, without training them."""
    store = RunStore(tmp_path / "runs")
    run_ids = _start(store, _build_preset(_parser().parse_args([*arguments, *SMALL])))
    return [(store.get_intact(run_id).config, Manifest.from_csv(store.manifest(run_id))) for run_id in run_ids]


def test_three_seeds_or_more_test_in_turn_unless_the_user_says_otherwise(tmp_path, tiny_folder, capsys):
    data = ["--data", str(tiny_folder), *HEAD_ALONE]
    runs = planned(tmp_path, *data, "--seeds", "5")
    tested = [item.path for _, manifest in runs for item in manifest.in_split("test")]
    assert {config.test_parts for config, _ in runs} == {"in-turn"} and len(tested) == len(set(tested)) == 60
    for options in (["--seeds", "2"], ["--seeds", "3", "--test-parts", "random"]):
        assert {config.test_parts for config, _ in planned(tmp_path, *data, *options)} == {"random"}
    (alone,) = planned(tmp_path, *data, "--test-parts", "in-turn")
    assert alone[0].test_parts == "in-turn" and "Test parts" not in capsys.readouterr().err
    folders = tmp_path / "folders"
    for part in ("train", "test"):
        shutil.copytree(tiny_folder, folders / part)
    for path in (folders / "test").rglob("*[1-5].*"):
        path.unlink()
    assert (
        planned(tmp_path, "--data", str(folders), *HEAD_ALONE, "--test-parts", "in-turn")[0][0].test_parts == "random"
    )
    assert "Test parts are not in turn: the data set has a test folder of its own" in capsys.readouterr().err


def test_groups_stay_together_with_every_seed(tmp_path, tiny_folder, capsys):
    pattern = r"00(\d)\."
    runs = planned(tmp_path, "--data", str(tiny_folder), "--groups", pattern, "--seeds", "3")
    assert "6 groups of 10 images" in capsys.readouterr().err and len({manifest for _, manifest in runs}) > 1
    for config, manifest in runs:
        parts = {group: {i.split for i in manifest.items if i.group == group} for group in "012345"}
        assert config.groups == pattern and all(len(found) == 1 for found in parts.values())


def test_the_path_of_a_csv_file_of_groups_becomes_absolute(tmp_path, tiny_folder, monkeypatch):
    names = [path.relative_to(tiny_folder).as_posix() for path in sorted(tiny_folder.rglob("*.jpg"))]
    (tmp_path / "groups.csv").write_text("path,group\n" + "".join(f"{name},{n % 5}\n" for n, name in enumerate(names)))
    monkeypatch.chdir(tmp_path)
    ((config, manifest),) = planned(tmp_path, "--data", str(tiny_folder), "--groups", "groups.csv")
    assert config.groups == str(tmp_path / "groups.csv") and len({item.group for item in manifest.items}) == 5


def test_near_duplicates_can_be_allowed_and_are_reported_with_numbers(tmp_path, tiny_folder, capsys):
    for number, path in enumerate(
        sorted((tiny_folder / "glass").iterdir()) + sorted((tiny_folder / "paper").iterdir())
    ):
        for size in (96, 90):
            folder = tmp_path / "set" / path.parent.name
            folder.mkdir(parents=True, exist_ok=True)
            Image.open(path).resize((size, size)).save(folder / f"{number}-{size}.png")
    ((config, manifest),) = planned(tmp_path, "--data", str(tmp_path / "set"), "--allow-near-duplicates")
    tested = len(manifest.in_split("test"))
    assert not config.leak_free and f" of {tested} test images" in " ".join(capsys.readouterr().err.split())
    ((config, manifest),) = planned(tmp_path, "--data", str(tmp_path / "set"))
    assert config.leak_free and "near-duplicates" not in capsys.readouterr().err


def test_images_left_out_of_the_users_own_split_are_reported_by_their_number(tmp_path, tiny_folder, capsys):
    for label in ("glass", "paper"):
        for number, path in enumerate(sorted((tiny_folder / label).iterdir())):
            for part in ["test"] * (number < 2) + ["train"] * (number != 1):  # the first of each class is in both
                (tmp_path / "set" / part / label).mkdir(parents=True, exist_ok=True)
                shutil.copy(path, tmp_path / "set" / part / label)
    ((_, manifest),) = planned(tmp_path, "--data", str(tmp_path / "set"))
    printed = " ".join(capsys.readouterr().err.split())
    assert "2 training images are left out, because the same files are also in validation or test" in printed
    assert len(manifest.in_split("test")) == 4 and len(manifest.items) == 12


@pytest.mark.faults
@pytest.mark.parametrize(
    ("groups", "message"),
    [("(", "no regular expression"), ("clip", "0 capture groups"), ("missing.csv", "which cannot be read")],
)
def test_bad_groups_are_refused_in_one_line_before_anything_is_read(groups, message, capsys, monkeypatch):
    monkeypatch.setattr("transfer_learning.scan", lambda *_: pytest.fail("read images"))
    with pytest.raises(SystemExit) as exit:
        main(["--groups", groups, "--weights", "random"])
    assert exit.value.code == 2 and message in capsys.readouterr().err.splitlines()[-1]


def test_the_precision_of_cached_features_is_exact_unless_asked_for():
    for options, precision in ([], "exact"), (["--frozen-precision", "fastest"], "fastest"):
        template = _build_preset(_parser().parse_args([*options, *SMALL])).template
        assert template.frozen_precision == precision


def test_gradual_plans_one_strategy_of_four_phases():
    (strategy,) = _build_preset(_parser().parse_args(["--strategy", "gradual", *SMALL])).strategies
    assert (strategy.name, strategy.title) == ("gradual-unfreezing", "Gradual unfreezing")
    assert [(phase.unfreeze, phase.epochs) for phase in strategy.phases] == [(0, 15), (10, 3), (20, 3), (30, 4)]
    assert [phase.learning_rate for phase in strategy.phases] == pytest.approx([1e-3, 1e-4, 3e-5, 9e-6])


def test_gradual_follows_the_settings_of_both_phases():
    settings = ["--phase1-epochs", "2", "--phase2-epochs", "6", "--phase1-lr", "0.01", "--phase2-lr", "0.001"]
    (strategy,) = _build_preset(_parser().parse_args(["--strategy", "gradual", *settings, *SMALL])).strategies
    assert [(phase.unfreeze, phase.epochs) for phase in strategy.phases] == [(0, 2), (10, 2), (20, 2), (30, 2)]
    assert [phase.learning_rate for phase in strategy.phases] == pytest.approx([1e-2, 1e-3, 3e-4, 9e-5])


def test_gradual_refuses_fewer_epochs_than_unfrozen_phases_in_one_line(capsys):
    with pytest.raises(SystemExit) as exit:
        main(["--strategy", "gradual", "--phase2-epochs", "2", "--weights", "random"])
    assert exit.value.code == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "error: Expected at least 3 epochs" in error and error.endswith("received 2.")


def test_a_rate_sweep_is_one_study_of_every_rate_with_every_dropout_and_seed(tmp_path, tiny_folder):
    arguments = ["--data", str(tiny_folder), "--strategy", "rates", "--phase1-epochs", "2", "--seeds", "2"]
    runs = planned(tmp_path, *arguments, "--dropout", "0.2", "0.5", "0.8")
    assert len(runs) == 2 * 3 * 12 and {config.strategy.epochs for config, _ in runs} == {2}
    assert {(config.seed, config.dropout) for config, _ in runs} == {(n, p) for n in (0, 1) for p in (0.2, 0.5, 0.8)}
    assert {config.strategy.phases[0].learning_rate for config, _ in runs} == set(SWEPT_RATES)
    assert {config.dropout for config, _ in planned(tmp_path, *arguments, "--dropout", "0.3")} == {0.3}


@pytest.mark.slow
def test_a_rate_sweep_trains_and_is_compared(terminal, tiny_folder):
    sweep = ["--strategy", "rates", "--phase1-epochs", "1", "--dropout", "0.2"]
    code, out, err = terminal.run("--data", str(tiny_folder), *sweep, "--json", *SMALL)
    assert code == 0, err
    results, store = json.loads(out.splitlines()[-1]), RunStore(terminal.runs)
    assert [run["title"] for run in results["runs"]][6] == "Head at 1e-3"
    assert [run["strategy"] for run in results["runs"]] == [at_rate(rate) for rate in SWEPT_RATES]
    assert {run.config.dropout for run in store.runs()} == {0.2} and len({run.study for run in store.runs()}) == 1
    sweep = rate_sweep_of(
        judge(store, store.runs()).groups, store.runs(), [summarise(store, r) for r in store.runs()], 0
    )
    assert [result.rate for result in sweep.results] == list(SWEPT_RATES)


@pytest.mark.parametrize(
    "wrong",
    [
        ["--dropout", "1"],
        ["--dropout", "0.2", "-0.1"],
        ["--dropout", "0.2", "0.5", "--strategy", "all", "--until-settled"],
        ["--strategy", "rates", "--dropout", "0.1", "0.2", "0.3", "0.4"],
        ["--phase1-epochs", "0"],
        ["--phase2-lr", "nan"],
        ["--phase1-lr", "-1"],
        ["--unfreeze", "155"],
        ["--batch-size", "0"],
        ["--batch-size", "1"],
        ["--image-size", "100"],
        ["--alpha", "2"],
        ["--strategy", "magic"],
        ["--seed", "-1"],
        ["--seeds", "0"],
        ["--phase1-epochs", "1000000000"],
    ],
)
def test_wrong_arguments_exit_with_2_and_state_what_was_expected(wrong, capsys):
    with pytest.raises(SystemExit) as exit:
        main([*wrong, "--weights", "random"])
    err = capsys.readouterr().err
    assert exit.value.code == 2 and ("Expected" in err or "invalid choice" in err)


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        (["--data", "/nowhere"], "Expected a folder of class folders"),
        (["--weights", "/nowhere.h5"], "Expected weights to be imagenet, sample, random, or a file"),
        (["--weights", "imagenet"], "Put the file"),
        (["--resume", "../x"], "No such run"),
        (["--stop", "20200101-000000-000-01-two-phase"], "No such run"),
    ],
)
def test_impossible_requests_exit_with_1_and_state_what_to_do(terminal, wrong, message):
    code, _, err = terminal.run(*wrong, *([] if "--weights" in wrong else ["--weights", "random"]))
    assert code == 1 and "Traceback" not in err and message in " ".join(err.split())


@pytest.fixture
def animals(tmp_path: Path, tiny_folder: Path) -> Path:
    """Two folders that contain folders of images, beside the folder of the runs."""
    for number, label in enumerate(sorted(path.name for path in tiny_folder.iterdir() if path.is_dir())[:4]):
        shutil.copytree(tiny_folder / label, tmp_path / "images" / f"group {number % 2}" / label)
    return tmp_path / "images"


@pytest.mark.faults
def test_folders_of_folders_are_asked_about_and_read_as_told(animals, tmp_path, capsys):
    arguments = ["--runs", str(tmp_path / "runs"), "--data", str(animals), "--weights", "random"]
    assert main(arguments) == 1
    message = " ".join(capsys.readouterr().err.split())
    assert (
        "folders instead of images in group 0, group 1" in message and "--layout" in message and "nested =" in message
    )
    store = RunStore(tmp_path / "runs")
    assert store.runs() == ()
    for layout, classes in (("nested", 4), ("classes", 2)):
        (run_id,) = _start(store, _build_preset(_parser().parse_args([*arguments, "--layout", layout])))
        assert store.get_intact(run_id).config.layout == layout
        assert len(Manifest.from_csv(store.manifest(run_id)).classes) == classes


@pytest.mark.faults
def test_earlier_runs_below_the_images_are_skipped_in_one_line(animals, capsys):
    data = animals / "group 0"
    arguments = ["--runs", str(data / "runs"), "--data", str(data), "--weights", "random"]
    store = RunStore(data / "runs")
    for _ in range(2):
        (run_id,) = _start(store, _build_preset(_parser().parse_args(arguments)))
        assert len(Manifest.from_csv(store.manifest(run_id)).classes) == 2
    assert capsys.readouterr().err.count("runs: earlier runs; skipped") == 2


@pytest.mark.faults
def test_without_weights_option_and_internet_it_trains_from_the_sample_base_with_a_message(terminal, tiny_folder):
    code, out, err = terminal.run(
        "--data", str(tiny_folder), *HEAD_ALONE, "--phase1-epochs", "1", "--image-size", "128"
    )
    assert code == 0 and "Training starts from the sample base" in " ".join(err.split())
    config = RunStore(terminal.runs).runs()[0].config
    assert (config.weights, config.alpha, config.image_size) == ("sample", 0.35, 128)
    assert "Validation" in out and "Feature extraction" in out, "the table"
    assert "of 10 test images correctly" in out and "test images correctly" not in err, "the verdict"
    assert "60 images" in err and "60 images" not in out, "what was read is a message, not a result"


def start_and_await_epoch(terminal: Terminal, data: Path) -> tuple[subprocess.Popen, RunStore]:
    """Start a run of 40 epochs, and wait until it has trained one."""
    process = terminal.start("--data", str(data), *HEAD_ALONE, "--phase1-epochs", "40", *SMALL)
    store, deadline = RunStore(terminal.runs), time.monotonic() + 120
    while not (store.runs() and store.metrics(store.runs()[0].id).epochs):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.1)
    return process, store


@pytest.mark.faults
def test_ctrl_c_stops_cleanly_and_the_printed_command_resumes(terminal, tiny_folder):
    process, store = start_and_await_epoch(terminal, tiny_folder)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    run = store.runs()[0]
    assert process.returncode == 130 and run.state is State.STOPPED and "Traceback" not in err
    assert f"--resume {run.id} --runs {store.root}" in err
    code, _, err = terminal.run("--resume", run.id)
    assert code == 0, err
    assert [row["epoch"] for row in store.metrics(run.id).epochs] == list(range(1, 41))


@pytest.mark.faults
def test_a_run_whose_terminal_and_worker_were_killed_resumes_at_once(terminal, tiny_folder):
    process, store = start_and_await_epoch(terminal, tiny_folder)
    run = store.runs()[0]
    for pid in (process.pid, run.status.pid):
        os.kill(pid, signal.SIGKILL)
    process.communicate()
    code, _, err = terminal.run("--resume", run.id)
    assert code == 0, err
    assert [row["epoch"] for row in store.metrics(run.id).epochs] == list(range(1, 41))


@pytest.mark.faults
def test_unequal_classes_are_named_with_their_ratio_and_have_a_balanced_accuracy(terminal, tiny_folder, tmp_path):
    first, *_ = sorted(folder for folder in tiny_folder.iterdir() if folder.is_dir())
    shutil.copytree(first, tmp_path / "data" / "few")
    for number, image in enumerate(image for folder in tiny_folder.iterdir() for image in folder.glob("*")):
        target = tmp_path / "data" / "many" / f"{number}{image.suffix}"
        target.parent.mkdir(exist_ok=True)
        if image.parent != first:
            shutil.copy(image, target)
    code, out, err = terminal.run(
        *("--data", str(tmp_path / "data"), *HEAD_ALONE, "--phase1-epochs", "1"),
        *("--class-weights", "--json", *SMALL),
    )
    assert code == 0, err
    assert "many has 9.0 times as many images as few." in err and "Balanced" in out
    (run,) = json.loads(out.splitlines()[-1])["runs"]
    evaluation = RunStore(terminal.runs).evaluation(run["id"])
    recalls = [evaluation["per_class"][name]["recall"] for name in ("few", "many")]
    assert run["is_unbalanced"] and run["balanced_accuracy"] == evaluation["balanced_accuracy"] == sum(recalls) / 2
    assert RunStore(terminal.runs).get(run["id"]).config.class_weights
