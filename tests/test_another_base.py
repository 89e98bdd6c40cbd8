"""A base that is one file in `core/backbones`: it trains, predicts and is exported, in a copy of the project."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from core.data.sample_set.generate import write_sample

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("another base")]  # they share what two processes train
PROJECT, FIXTURES = Path(__file__).parents[1], Path(__file__).parent / "fixtures"


class Copy:
    """A copy of the project with one more file in `core/backbones`, driven from a terminal."""

    def __init__(self, folder: Path, last_activation: str = "relu") -> None:
        self.folder, self.runs = folder, folder / "runs"
        self.results: list[dict[str, Any]] = []
        for name in ("core", "tools"):
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("transfer_learning.py", "predict.py"):
            shutil.copy(PROJECT / name, folder)
        text = (FIXTURES / "backbones" / "made_up.py").read_text()
        text = text.replace('LAST_ACTIVATION = "relu"', f'LAST_ACTIVATION = "{last_activation}"')
        (folder / "core" / "backbones" / "made_up.py").write_text(text)
        self.photos = write_sample(folder / "photos", images_per_class=4, size=64)

    def run(self, *command: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *command], cwd=self.folder, capture_output=True, text=True, env=dict(os.environ)
        )
        assert done.returncode == code, done.stdout[-2_000:] + done.stderr[-4_000:]
        return done

    def train(self, *options: str, code: int = 0) -> subprocess.CompletedProcess[str]:
        given = "--data", str(self.photos), "--runs", str(self.runs), "--batch-size", "8", *options
        return self.run("transfer_learning.py", *given, code=code)


def words(text: str) -> str:
    """The text without the line breaks that the terminal adds."""
    return " ".join(text.split())


def new_copy(folder: Path, last_activation: str, strategy: str) -> Copy:
    """Train this strategy in a copy, for one epoch in each phase."""
    copy = Copy(folder, last_activation)
    copy.run("-m", "tools.write_layer_table", "made-up")
    shared = "--base", "made-up", "--weights", "random", "--phase1-epochs", "1", "--phase2-epochs", "1", "--json"
    done = copy.train("--strategy", strategy, *shared)
    copy.results = json.loads(done.stdout.splitlines()[-1])["runs"]
    return copy


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    return new_copy(tmp_path_factory.mktemp("copy"), "relu", "all")


@pytest.fixture(scope="module")
def with_unknown_layer(tmp_path_factory: pytest.TempPathFactory) -> Copy:
    """The last layer of its base cannot be written as ONNX."""
    return new_copy(tmp_path_factory.mktemp("copy"), "tanh", "feature-extraction")


def test_it_trains_the_three_strategies(trained):
    assert [run["state"] for run in trained.results] == ["completed"] * 3
    layers = [[phase["unfreeze"] for phase in run["phases"]] for run in trained.results]
    assert layers == [[0], [32], [0, 13]], "the base's own number of layers and default depth"
    assert trained.results[1]["trainable_parameters"] > trained.results[2]["trainable_parameters"]


def test_its_layer_table_has_the_parameters_that_keras_counts(trained):
    code = """
from core.backbones.registry import backbone
from core.experiment.parameter_counts import total_parameters, trainable_parameters
from core.learning.network.model import build_transfer_model, count_trainable, unfreeze_layers
base, model = backbone("made-up"), build_transfer_model(4, 64, 1.0, "random", base="made-up")
assert model.count_params() == total_parameters(base, 1.0, 4)
for depth in (0, 1, 13, 20, base.layers):
    unfreeze_layers(model, depth)
    assert count_trainable(model) == trainable_parameters(base, 1.0, 4, depth), depth
"""
    trained.run("-c", code)


def logged(copy: Copy) -> int:
    """How many lines of its first run's log say that Keras computes the frozen part."""
    log = (copy.runs / copy.results[0]["id"] / "log.txt").read_text()
    return log.count("Keras computes this network instead of ONNX Runtime")


def test_keras_computes_what_the_onnx_writer_cannot_and_logs_it_once(trained, with_unknown_layer):
    assert (logged(trained), logged(with_unknown_layer)) == (0, 1)


@pytest.mark.parametrize("name", ["trained", "with_unknown_layer"])
def test_it_predicts_as_it_was_evaluated(request, name):
    copy = request.getfixturevalue(name)
    run = copy.runs / copy.results[0]["id"]
    rows = list(csv.DictReader((run / "predictions.csv").open()))
    files = [str(copy.photos / row["path"]) for row in rows]
    copy.run("predict.py", run.name, *files, "--runs", str(copy.runs), "--csv", str(copy.folder / "p.csv"))
    predicted = list(csv.DictReader((copy.folder / "p.csv").open()))
    assert [row["predicted"] for row in predicted] == [row["predicted"] for row in rows]


EXPORT = """
import sys
from pathlib import Path
from core.learning.export.exporter import export_model
for format in sys.argv[2:]:
    print(export_model(Path(sys.argv[1]), format).agreement)
"""


def test_it_is_exported(trained):
    run = str(trained.runs / trained.results[2]["id"])
    lines = trained.run("-c", EXPORT, run, "keras", "litert", "onnx").stdout.split()
    assert [line for line in lines if line == "1.0"] == ["1.0"] * 3


def test_a_layer_that_cannot_be_written_as_onnx_is_named_in_the_refusal(with_unknown_layer):
    run = str(with_unknown_layer.runs / with_unknown_layer.results[0]["id"])
    assert "top_activation" in with_unknown_layer.run("-c", EXPORT, run, "onnx", code=1).stderr


def test_weights_of_another_base_are_refused_with_both_names(trained):
    code = """
from core.learning.network.base import build_base
from core.backbones.registry import backbone
build_base(backbone("made-up"), 1.0, 64, "random").save_weights("made-up.weights.h5")
"""
    trained.run("-c", code)
    before = sorted(trained.runs.iterdir())
    error = words(trained.train("--weights", "made-up.weights.h5", code=1).stderr)
    assert sorted(trained.runs.iterdir()) == before, "refused before a run is created"
    assert "Expected the weights of MobileNetV2" in error and "the weights of Made-Up Net" in error
    error = words(trained.train("--base", "made-up", "--weights", "sample", code=1).stderr)
    assert "Expected weights of Made-Up Net; received the sample base, which is a MobileNetV2" in error


def test_an_unknown_base_is_named_with_the_known_ones(trained):
    error = trained.train("--base", "resnet", code=2).stderr
    assert "resnet" in error and "mobilenet-v2" in error and "made-up" in error
