"""predict.py as a process: printed predictions, the CSV file and refused files."""

import csv
import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from core.execution.keras_service.client import KerasService
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
from predict import main

PROJECT = Path(__file__).parents[1]
CLASSES = ["glass", "[red]metal", "paper"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> tuple[Path, str]:
    """A runs folder with two seeds, whose models have random weights, and the id of the first."""
    from core.learning.network.model import build_transfer_model

    store = RunStore(tmp_path_factory.mktemp("runs"))
    config = RunConfig(image_size=96, alpha=0.35, weights="random")
    runs = store.create_study([(replace(config, seed=seed), "path,hash,label,split\n") for seed in range(2)]).runs
    for seed, run in enumerate(runs):
        store.write_status(run.id, RunStatus(State.COMPLETED, ended=1.0))
        build_transfer_model(3, 96, 0.35, "random", seed=seed).save(store.path(run.id) / "model.keras")
        evaluation = {"accuracy": 0.5, "classes": CLASSES, "temperature": 1.0 + seed}
        (store.path(run.id) / "evaluation.json").write_text(json.dumps(evaluation))
    return store.root, runs[0].id


@pytest.fixture
def images(tmp_path) -> Path:
    for name, grey in (("dark", 10), ("light", 240)):
        Image.new("L", (50, 40), grey).save(tmp_path / f"{name}.png")
    return tmp_path


def test_predictions_are_printed_and_all_probabilities_written(trained, images, tmp_path):
    root, run = trained
    (images / "page.jpg").write_bytes(b"<html></html>")
    out = subprocess.run(
        [
            sys.executable,
            "predict.py",
            run,
            str(images),
            "--runs",
            str(root),
            "--top",
            "2",
            "--csv",
            str(tmp_path / "predictions.csv"),
        ],
        cwd=PROJECT,
        capture_output=True,
        text=True,
    )
    assert out.returncode == 1, "a file was refused"
    assert "page.jpg: a web page" in out.stderr and "2 images predicted, 1 refused." in out.stderr
    assert "dark.png" in out.stdout and "light.png" in out.stdout
    rows = list(csv.DictReader((tmp_path / "predictions.csv").open()))
    keras_service = KerasService()
    pixels = np.stack([np.full((96, 96, 3), grey, np.uint8) for grey in (10, 240)])
    expected = keras_service.predict(root / run / "model.keras", pixels).probabilities
    keras_service.close()
    written = [[float(row[f"p_{name}"]) for name in CLASSES] for row in rows]
    np.testing.assert_allclose(written, expected, atol=1e-4)


def test_the_models_of_all_seeds_can_be_averaged(trained, images, tmp_path, capsys):
    root, run = trained
    arguments = [run, str(images), "--runs", str(root), "--csv", str(tmp_path / "predictions.csv")]
    assert main([*arguments, "--ensemble"]) == 0
    assert "Two-phase, mean of 2 seeds: not measured, because the manifest or" in capsys.readouterr().err
    rows = list(csv.DictReader((tmp_path / "predictions.csv").open()))
    keras_service = KerasService()
    pixels = np.stack([np.full((96, 96, 3), grey, np.uint8) for grey in (10, 240)])
    paths = sorted(root.glob("*/model.keras"))
    first, second = (keras_service.predict(path, pixels).probabilities for path in paths)
    keras_service.close()
    softened = np.sqrt(second) / np.sqrt(second).sum(axis=1, keepdims=True)  # temperature 2
    written = [[float(row[f"p_{name}"]) for name in CLASSES] for row in rows]
    np.testing.assert_allclose(written, (first + softened) / 2, atol=1e-4)
    assert {row["run"] for row in rows} == {" ".join(path.parent.name for path in paths)}


@pytest.mark.faults
def test_a_setting_with_one_seed_is_no_ensemble(trained, images, capsys):
    root = trained[0]
    store = RunStore(root)
    other = store.create(RunConfig(image_size=128, alpha=0.35, weights="random"), "path,hash,label,split\n").id
    assert main([other, str(images), "--runs", str(root), "--ensemble"]) == 1
    assert "Expected at least two completed seeds of one setting" in capsys.readouterr().err


@pytest.mark.faults
def test_litter_is_neither_predicted_nor_refused(trained, images):
    root, run = trained
    for name in ("@eaDir/a.png", "$RECYCLE.BIN/a.png", "lost+found/x", ".@__thumb/a.png", "Thumbs.db", "Icon\r"):
        (images / name).parent.mkdir(exist_ok=True)
        (images / name).write_bytes(b"x")
    assert main([run, str(images), "--runs", str(root), "--csv", str(images / "all.csv")]) == 0
    assert len(list(csv.DictReader((images / "all.csv").open()))) == 2


@pytest.mark.faults
@pytest.mark.parametrize(
    ("run", "message"), [("../../etc", "No such run"), ("20200101-000000-000-01-x", "No such run")]
)
def test_a_missing_run_is_reported_in_one_line(trained, images, run, message, capsys):
    assert main([run, str(images), "--runs", str(trained[0])]) == 1
    assert message in capsys.readouterr().err


@pytest.mark.faults
def test_a_changed_model_file_is_refused(trained, images, tmp_path, capsys):
    root, run = trained
    hash_file = root / run / "model.sha256"
    hash_file.write_text(f"{'0' * 64}  model.keras\n")
    assert main([run, str(images / "dark.png"), "--runs", str(root)]) == 1
    assert "changed since" in " ".join(capsys.readouterr().err.split())
    hash_file.unlink()


@pytest.mark.faults
def test_wrong_arguments_exit_with_2(trained, capsys):
    for wrong in (["--top", "0"], ["--top", "x"], ["--csv", "a.txt"]):
        with pytest.raises(SystemExit) as exit:
            main([trained[1], "a.png", *wrong])
        assert exit.value.code == 2 and wrong[0] in capsys.readouterr().err


@pytest.mark.faults
def test_a_folder_without_images_is_reported_with_exit_code_2(trained, tmp_path, capsys):
    (tmp_path / "empty" / "below").mkdir(parents=True)
    assert main([trained[1], str(tmp_path / "empty"), "--runs", str(trained[0])]) == 2
    err = capsys.readouterr().err
    assert err.splitlines() == [
        f"Expected images; received no files in {tmp_path / 'empty'}. Name images, or folders that contain some."
    ]


@pytest.mark.faults
@pytest.mark.parametrize("target", ["missing/p.csv", "folder.csv"])
def test_a_csv_file_that_cannot_be_written_is_refused_before_predicting(trained, images, tmp_path, target, capsys):
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(SystemExit) as exit:
        main([trained[1], str(images), "--runs", str(trained[0]), "--csv", str(tmp_path / target)])
    captured = capsys.readouterr()
    assert exit.value.code == 2 and "Expected --csv to name a file in a folder that can be written" in captured.err
    assert captured.out == ""
