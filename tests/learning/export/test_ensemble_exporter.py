"""One file with the models of several seeds predicts the mean of their calibrated probabilities."""

import io
import json
import shutil
import signal
import subprocess
import sys
import zipfile
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import pytest
from huggingface_hub import ModelCard
from PIL import Image

from core.analysis.ensembles.ensemble_bundle import ensemble_bundle, exported_ensemble
from core.analysis.ensembles.held_out_accuracy import held_out_predictions
from core.analysis.results.ensemble import Ensemble, ensemble_members, load_ensemble
from core.analysis.results.predictions import Prediction, mean_prediction
from core.analysis.results.trained_models import ModelError
from core.data.datasets.images.decode import load_image
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.execution.queue.session import Session
from core.experiment.export_formats import ENSEMBLE_FORMAT
from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import FROM_SCRATCH, Phase, Strategy
from core.learning.export.ensemble_exporter import MIN_HELD_OUT, Member, export_ensemble
from core.learning.export.measurement import ExportError
from core.learning.inference.predictor import Predictor
from core.learning.training.job import train_run

CLASSES = {"dark": 30, "light": 220, "middle": 125}


def exchange_two_of_each_class(manifest: Manifest) -> Manifest:
    """Train on two test images of each class, and test two training images instead."""
    parts, seen = {"test": "train", "train": "test"}, Counter()

    def part_of(label: str, part: str) -> str:
        seen[label, part] += 1
        return parts[part] if part in parts and seen[label, part] <= 2 else part

    return Manifest(tuple(replace(item, split=part_of(item.label, item.split)) for item in manifest.items))


@pytest.fixture(scope="module")
def seeds(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunStore, Ensemble]:
    """Two seeds of a small network, on two divisions of grey images, whose test parts overlap."""
    root, rng = tmp_path_factory.mktemp("greys"), np.random.default_rng(0)
    for label, grey in CLASSES.items():
        (root / label).mkdir()
        for number in range(60):
            pixels = np.clip(rng.normal(grey, 30, (40, 40, 3)), 0, 255).astype(np.uint8)
            Image.fromarray(pixels).save(root / label / f"{number}.png")
    phases = (Phase(FROM_SCRATCH, 1e-3, 1),)
    config = RunConfig(
        data=str(root),
        strategy=Strategy("tiny", phases),
        batch_size=8,
        image_size=96,
        augmentation=Augmentation(contrast=0),
        leak_free=False,
    )
    manifest, store = split(scan(root), leak_free=False), RunStore(tmp_path_factory.mktemp("runs"))
    divisions = manifest, exchange_two_of_each_class(manifest)
    planned = [(replace(config, seed=seed), division.to_csv()) for seed, division in enumerate(divisions)]
    handlers = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for run in store.create_study(planned).runs:
        Session(store, run.id, "cpu").run_job(train_run)
    for number, handler in handlers.items():
        signal.signal(number, handler)
    return store, ensemble_of(store)


def ensemble_of(store: RunStore) -> Ensemble:
    (members,) = ensemble_members(store.runs())
    return load_ensemble(store, members)


def members_of(store: RunStore, ensemble: Ensemble) -> list[Member]:
    return [(store.path(member.run.id), member.temperature) for member in ensemble.members]


@pytest.fixture
def copied(seeds: tuple[RunStore, Ensemble], tmp_path: Path) -> tuple[RunStore, Ensemble]:
    """The same runs in another folder, without exported files."""
    shutil.copytree(seeds[0].root, tmp_path / "runs", ignore=shutil.ignore_patterns("export"))
    store = RunStore(tmp_path / "runs")
    return store, ensemble_of(store)


def test_the_file_agrees_with_keras_on_the_images_that_no_member_was_trained_on(seeds):
    store, ensemble = seeds
    held_out = held_out_predictions(store, ensemble)
    tested = [set(Manifest.from_csv(store.manifest(m.run.id)).in_split("test")) for m in ensemble.members]
    assert held_out.images == len(tested[0] & tested[1]) == len(tested[0]) - 6
    exported = export_ensemble(members_of(store, ensemble), held_out.predicted)
    assert exported == exported_ensemble(store, ensemble) and exported.images == held_out.images
    assert exported.agreement == 1 and exported.accuracy == exported.keras_accuracy == held_out.accuracy
    assert exported.accuracy > 0.4 and exported.title == "ONNX, mean of seeds" and exported.is_accurate
    file = onnx.load(ENSEMBLE_FORMAT.path(store.path(ensemble.run.id)))
    metadata = {item.key: json.loads(item.value) for item in file.metadata_props if item.key != "pixels"}
    assert metadata == {"classes": sorted(CLASSES), "runs": [member.run.id for member in ensemble.members]}


@pytest.mark.parametrize("images", [0, MIN_HELD_OUT - 1])
def test_if_members_were_trained_on_nearly_every_image_the_file_is_compared_with_keras_without_accuracy(copied, images):
    store, ensemble = copied
    held_out = held_out_predictions(store, ensemble).predicted
    exported = export_ensemble(members_of(store, ensemble), dict(list(held_out.items())[:images]))
    assert exported.agreement == 1 and exported.images >= 25 and exported.not_measured == ""
    assert exported.accuracy is exported.keras_accuracy is exported.difference is None
    assert exported == exported_ensemble(store, ensemble)


def test_the_bundle_predicts_the_mean_of_the_members_without_this_project(seeds, tmp_path):
    store, ensemble = seeds
    export_ensemble(members_of(store, ensemble), held_out_predictions(store, ensemble).predicted)
    zipfile.ZipFile(io.BytesIO(ensemble_bundle(store, ensemble))).extractall(tmp_path)
    image = Path(ensemble.run.config.data) / "middle" / "7.png"
    pixels = load_image(image, 96)[None]
    outputs = [Predictor(member.path).predict(pixels) for member in ensemble.members]
    single = [Prediction.from_output(m, output, 0) for m, output in zip(ensemble.members, outputs, strict=True)]
    expected = dict(mean_prediction(single).top())
    out = subprocess.run(
        [sys.executable, "example.py", image], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    lines = [line.split("%", 1) for line in out.stdout.splitlines()[1:]]
    printed = {name.strip(): float(share) / 100 for share, name in lines}
    assert printed == pytest.approx(expected, abs=2e-3) and set(printed) == set(CLASSES)
    card = ModelCard((tmp_path / "README.md").read_text())
    assert card.data.library_name == "onnx" and "mean of 2 seeds" in card.text
    assert f"on {held_out_predictions(store, ensemble).images} images that no member was trained on" in card.text


@pytest.mark.faults
def test_a_file_is_not_offered_for_other_members_or_a_changed_model(copied):
    store, ensemble = copied
    export_ensemble(members_of(store, ensemble), {})
    assert exported_ensemble(store, ensemble) and ensemble_bundle(store, ensemble)
    model = ensemble.members[1].path
    model.write_bytes(model.read_bytes() + b"x")
    assert exported_ensemble(store, ensemble) is None
    with pytest.raises(ModelError, match=r"Expected ensemble\.onnx of the present models"):
        ensemble_bundle(store, ensemble)


@pytest.mark.faults
def test_without_the_list_of_images_the_file_is_exported_unmeasured(copied):
    store, ensemble = copied
    (store.path(ensemble.run.id) / "manifest.csv").unlink()
    exported = export_ensemble(members_of(store, ensemble), {})
    assert exported.not_measured.startswith("manifest.csv or config.json") and exported.images == 0
    assert (
        "This file was not measured"
        in zipfile.ZipFile(io.BytesIO(ensemble_bundle(store, ensemble))).read("README.md").decode()
    )


@pytest.mark.faults
def test_one_model_or_members_that_scale_deep_images_differently_are_refused(copied):
    store, ensemble = copied
    members = members_of(store, ensemble)
    with pytest.raises(ExportError, match="Expected two models or more"):
        export_ensemble(members[:1], {})
    manifest = members[1][0] / "manifest.csv"
    manifest.write_text(manifest.read_text().replace('"",', '"16-bit grey: 4095",', 1))
    with pytest.raises(ExportError, match="with the same white value"):
        export_ensemble(members, {})
    assert not ENSEMBLE_FORMAT.path(members[0][0]).exists()
