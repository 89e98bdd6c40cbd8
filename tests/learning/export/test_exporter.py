"""Exported files say what the model says, whoever runs them; what goes wrong leaves nothing behind."""

import io
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from core.analysis.results.bundle import bundle
from core.analysis.results.model_card import model_card
from core.data.datasets.decode import load_image
from core.data.datasets.scan import Dataset, scan
from core.data.study_plan import plan_study
from core.execution.queue.session import Session
from core.experiment.export_formats import FORMATS, exported
from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import FROM_SCRATCH, Phase, Strategy
from core.learning.export import exporter as export
from core.learning.export.exporter import ExportError, export_model
from core.learning.inference.predictor import ModelError, Predictor
from core.learning.training.job import train_run

CLASSES = {"dark & [old]": 30, "light": 220, "middle": 125}


@pytest.fixture(scope="module")
def greys(tmp_path_factory) -> Dataset:
    """Pictures that a hardly trained network tells apart: files that hardly agree with it shall be found out."""
    root, rng = tmp_path_factory.mktemp("greys"), np.random.default_rng(0)
    for label, grey in CLASSES.items():
        (root / label).mkdir()
        for number in range(50):
            pixels = np.clip(rng.normal(grey, 30, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    return scan(root)


@pytest.fixture(scope="module", params=["transfer", "small"])
def finished(request, greys, tmp_path_factory) -> tuple[RunStore, Run]:
    """A run of each kind of network."""
    phases = (Phase(0 if request.param == "transfer" else FROM_SCRATCH, 1e-3, 12),)
    config = RunConfig(
        data=str(greys.root),
        batch_size=8,
        image_size=96,
        alpha=0.35,
        weights="random",
        augmentation=Augmentation(contrast=0),
        leak_free=False,
    )
    store = RunStore(tmp_path_factory.mktemp("runs"))
    run = store.create_study(plan_study(config, [Strategy("tiny", phases)], greys)).runs[0]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    Session(store, run.id, "cpu").run_job(train_run)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return store, store.get(run.id)


@pytest.fixture
def folder(finished) -> Path:
    store, run = finished
    return store.path(run.id)


def check(folder: Path, name: str) -> None:
    """Export, and see that what is noted is what the file is."""
    noted, form = export_model(folder, name), FORMATS[name]
    assert noted == exported(form, folder) and noted.is_accurate and noted.images >= 20
    assert noted.bytes == form.path(folder).stat().st_size and noted.milliseconds > 0
    assert noted.keras_accuracy > 0.45, "more than chance, or it would not mean much to agree"
    assert noted.keras_accuracy == json.loads((folder / "evaluation.json").read_text())["accuracy"]


@pytest.mark.parametrize("name", ["keras", "onnx"])
def test_the_file_names_every_test_image_as_keras_does(folder, name):
    check(folder, name)


@pytest.mark.slow
def test_so_do_those_for_phones_each_smaller_than_the_one_before(folder):
    for name in ("litert", "litert-float16"):
        check(folder, name)
    noted = export_model(folder, "litert-int8")
    assert noted.agreement > 0.7, "of 24 images that it hardly tells apart"
    large, half, quarter = (exported(FORMATS[name], folder).bytes for name in FORMATS if name.startswith("litert"))
    assert quarter < 0.7 * half < 0.5 * large


def test_the_bundle_runs_where_nothing_of_this_project_is(finished, folder, greys, tmp_path):
    store, run = finished
    export_model(folder, "onnx")
    zipfile.ZipFile(io.BytesIO(bundle(store, run, FORMATS["onnx"]))).extractall(tmp_path)
    picture = next(greys.root.rglob("*.png"))
    out = subprocess.run(
        [sys.executable, "example.py", picture], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = out.stdout.splitlines()
    assert len(lines) == 3 and all("%" in line for line in lines)
    assert {line.partition("%")[2].strip() for line in lines} == set(CLASSES)


def test_the_card_is_one_that_hugging_face_reads(finished):
    store, run = finished
    card = ModelCard(model_card(store, run, export_model(store.path(run.id), "onnx")))
    assert card.data.library_name == "onnx" and card.data.pipeline_tag == "image-classification"
    assert {result.metric_type for result in card.data.eval_results} == {"accuracy", "f1"}
    for told in ("Where it ends", "95% interval", "150 images", "squeezed as a whole to 96 x 96"):
        assert told in card.text


@pytest.mark.faults
def test_what_fails_is_one_line_and_leaves_no_half_file(folder, monkeypatch):
    def broken(model: object, data: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("an operator is unknown\nand more")

    monkeypatch.setitem(export.WRITERS, "litert", {"": broken})
    before = set(folder.rglob("*"))
    with pytest.raises(ExportError, match="the model as LiteRT, 32 bits; received: an operator is unknown") as caught:
        export_model(folder, "litert")
    assert "\n" not in str(caught.value) and set(folder.rglob("*")) - before <= {folder / "export"}
    with pytest.raises(ExportError, match="Expected a format of keras, "):
        export_model(folder, "../../x")


@pytest.mark.faults
def test_a_model_that_was_changed_is_neither_asked_nor_exported_nor_are_its_old_files_offered(finished, tmp_path):
    store, run = finished
    export_model(store.path(run.id), "onnx")
    folder = tmp_path / run.id
    shutil.copytree(store.path(run.id), folder)
    assert exported(FORMATS["onnx"], folder)
    content = bytearray((folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.keras").write_bytes(content)
    assert exported(FORMATS["onnx"], folder) is None
    with pytest.raises(ModelError, match="changed since"):
        export_model(folder, "onnx")


@pytest.mark.faults
def test_a_run_that_was_not_judged_is_not_exported(finished, tmp_path):
    store, run = finished
    shutil.copytree(store.path(run.id), tmp_path / run.id)
    shutil.rmtree(tmp_path / run.id / "export", ignore_errors=True)
    (tmp_path / run.id / "predictions.csv").unlink()
    with pytest.raises(ExportError, match="Expected a run that was judged"):
        export_model(tmp_path / run.id, "onnx")


def test_maps_and_strangeness_come_with_a_trained_model(folder, greys):
    pixels = np.stack([load_image(path, 96) for path in sorted(greys.root.rglob("*.png"))[:40]])
    stripes = np.tile(np.uint8([0, 255, 60]), (1, 96, 96, 1))
    predictor = Predictor(folder / "model.keras")
    seen, novel = predictor.predict(pixels), predictor.predict(stripes)
    assert seen.maps.shape[0] == 40 and seen.maps.shape[-1] == len(CLASSES)
    assert np.mean(seen.novelty <= 1) > 0.75 and novel.novelty[0] > np.max(seen.novelty)
