"""A base that is one file in `core/backbones`: it trains, predicts and is exported, in a copy of the project."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from core.data.sample_set.generate import write_sample

PROJECT, FIXTURES = Path(__file__).parents[1], Path(__file__).parent / "fixtures"


class Copy:
    """A copy of the project with one more file in `core/backbones`, driven from a terminal."""

    def __init__(self, folder: Path, last_activation: str = "relu") -> None:
        self.folder, self.runs = folder, folder / "runs"
        for name in ("core", "tools"):
            shutil.copytree(PROJECT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        for name in ("transfer_learning.py", "predict.py"):
            shutil.copy(PROJECT / name, folder)
        text = (FIXTURES / "made_up_base.py").read_text()
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


@pytest.fixture(scope="module", params=["relu", "tanh"], ids=["layers known to the ONNX writer", "one unknown layer"])
def trained(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Copy:
    copy = Copy(tmp_path_factory.mktemp("copy"), request.param)
    copy.run("-m", "tools.write_layer_table", "made-up")
    shared = "--base", "made-up", "--weights", "random", "--phase1-epochs", "1", "--phase2-epochs", "1", "--json"
    done = copy.train("--strategy", "all", *shared)
    copy.results = json.loads(done.stdout.splitlines()[-1])["runs"]
    return copy


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


def test_keras_computes_what_the_onnx_writer_cannot_and_logs_it_once(trained):
    run = next(run for run in trained.results if run["strategy"] == "two-phase")
    log = (trained.runs / run["id"] / "log.txt").read_text()
    writable = 'LAST_ACTIVATION = "relu"' in (trained.folder / "core" / "backbones" / "made_up.py").read_text()
    assert log.count("Keras computes this network instead of ONNX Runtime") == (0 if writable else 1)


def test_it_predicts_as_it_was_evaluated(trained):
    run = trained.runs / next(run["id"] for run in trained.results if run["strategy"] == "two-phase")
    rows = list(csv.DictReader((run / "predictions.csv").open()))
    files = [str(trained.photos / row["path"]) for row in rows]
    trained.run("predict.py", run.name, *files, "--runs", str(trained.runs), "--csv", str(trained.folder / "p.csv"))
    predicted = list(csv.DictReader((trained.folder / "p.csv").open()))
    assert [row["predicted"] for row in predicted] == [row["predicted"] for row in rows]


@pytest.mark.parametrize("format", ["keras", "litert", "onnx"])
def test_it_is_exported(trained, format):
    code = f"""
import sys
from pathlib import Path
from core.learning.export.exporter import export_model
print(export_model(Path(sys.argv[1]), "{format}").agreement)
"""
    run = str(trained.runs / trained.results[2]["id"])
    writable = 'LAST_ACTIVATION = "relu"' in (trained.folder / "core" / "backbones" / "made_up.py").read_text()
    if format == "onnx" and not writable:
        assert "top_activation" in trained.run("-c", code, run, code=1).stderr
    else:
        assert float(trained.run("-c", code, run).stdout) == 1.0


def test_weights_of_another_base_are_refused_with_both_names(trained):
    code = """
from core.learning.network.base import build_base
from core.backbones.registry import backbone
build_base(backbone("made-up"), 1.0, 64, "random").save_weights("made-up.weights.h5")
"""
    trained.run("-c", code)
    done = trained.train("--weights", "made-up.weights.h5", code=1)
    assert "Expected the weights of MobileNetV2" in done.stderr and "the weights of Made-Up Net" in done.stderr
    done = trained.train("--base", "made-up", "--weights", "sample", code=1)
    assert "Expected weights of Made-Up Net; received the sample base, which is a MobileNetV2" in done.stderr


def test_an_unknown_base_is_named_with_the_known_ones(trained):
    error = trained.train("--base", "resnet", code=2).stderr
    assert "resnet" in error and "mobilenet-v2" in error and "made-up" in error
