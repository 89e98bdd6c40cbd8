"""Exported files predict the same as the model, and a failed export leaves no file."""

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
from painted import KINDS, encoded, encoded_array
from PIL import Image

from core.analysis.results.bundle import bundle
from core.analysis.results.model_card import model_card
from core.analysis.results.predictions import Prediction
from core.analysis.results.trained_models import trained_model
from core.data.datasets.dataset import Dataset
from core.data.datasets.images.decode import load_image
from core.data.datasets.images.scales import whites_of
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest
from core.data.study_plan import plan_study
from core.data.uploads.uploaded_images import load_pixels
from core.execution.queue.session import Session
from core.experiment.export_formats import FORMATS, load_exported_file
from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import FROM_SCRATCH, Phase, Strategy
from core.learning.export import exporter as export
from core.learning.export.exporter import ExportError, export_model
from core.learning.inference.predictor import ModelFileError, Predictor
from core.learning.training.job import train_run

CLASSES = {"dark & [old]": 30, "light": 220, "middle": 125}


@pytest.fixture(scope="module")
def greys(tmp_path_factory) -> Dataset:
    """Images that a barely trained network can classify, so that a file that disagrees with it is detected.

    Every second one has 12 bits in a 16-bit file.
    """
    root, rng = tmp_path_factory.mktemp("greys"), np.random.default_rng(0)
    for label, grey in CLASSES.items():
        (root / label).mkdir()
        for number in range(50):
            pixels = np.clip(rng.normal(grey, 30, (40, 40, 3)), 0, 255).astype(np.uint8)
            twelve_bits = pixels[..., 0] * np.uint16(4_095 // 255)
            Image.fromarray(twelve_bits if number % 2 else pixels).save(root / label / f"{number}.png")
    return scan(root)


of_one_network = pytest.mark.parametrize("finished", ["small"], indirect=True)
"""For what does not depend on the type of network."""


@pytest.fixture(scope="module", params=["transfer", "small"])
def finished(request, greys, tmp_path_factory) -> tuple[RunStore, Run]:
    """A run of each type of network."""
    phases = (Phase(0, 1e-3, 60) if request.param == "transfer" else Phase(FROM_SCRATCH, 1e-3, 1),)
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
    """Export, and check that the saved measurement describes the file."""
    exported, export_format = export_model(folder, name), FORMATS[name]
    assert exported == load_exported_file(export_format, folder) and exported.is_accurate and exported.images >= 20
    assert exported.bytes == export_format.path(folder).stat().st_size and exported.milliseconds > 0
    assert exported.keras_accuracy > 0.45, "better than chance, otherwise agreement would mean little"
    assert exported.keras_accuracy == json.loads((folder / "evaluation.json").read_text())["accuracy"]


@pytest.mark.parametrize("name", [form.name for form in FORMATS.values() if form.runtime != "litert"])
def test_the_file_predicts_the_same_classes_as_keras(folder, name):
    check(folder, name)


@pytest.mark.slow
def test_files_for_phones_agree_with_keras_and_are_smaller_with_fewer_bits(folder):
    for name in ("litert", "litert-float16"):
        check(folder, name)
    exported = export_model(folder, "litert-int8")
    assert exported.agreement > 0.7, "of 24 images that are hard to classify"
    large, half, quarter = (
        load_exported_file(FORMATS[name], folder).bytes for name in FORMATS if name.startswith("litert")
    )
    assert quarter < 0.7 * half < 0.5 * large


def test_the_bundle_runs_without_this_project(finished, folder, greys, tmp_path):
    store, run = finished
    export_model(folder, "onnx")
    zipfile.ZipFile(io.BytesIO(bundle(store, run, FORMATS["onnx"]))).extractall(tmp_path)
    model = trained_model(store, run)
    paths = [f"{label}/{number}.png" for number, label in enumerate(CLASSES, start=8)]  # of 8, 12 and 8 bits
    contents = {path: greys.root / path for path in paths}
    pixels, _ = load_pixels(contents, model.image_size, whites_of(model.scales))
    for path, content in contents.items():
        out = subprocess.run(
            [sys.executable, "example.py", content], cwd=tmp_path, capture_output=True, text=True, check=True
        )
        output = Predictor(model.path).predict(pixels[path][None])
        expected = dict(Prediction.from_output(model, output, 0).top(3))
        title, *shown = out.stdout.splitlines()
        lines = [line.split("%", 1) for line in shown]
        printed = {name.strip(): float(share) / 100 for share, name in lines}
        assert (
            title == str(content) and printed == pytest.approx(expected, abs=2e-3) and set(printed) == set(CLASSES)
        ), path


def test_the_exported_decoder_reads_the_same_pixels(finished, folder, tmp_path):
    """Of all kinds of image files, with the white values of the run; the 12-bit ones are not black."""
    store, run = finished
    export_model(folder, "onnx")
    zipfile.ZipFile(io.BytesIO(bundle(store, run, FORMATS["onnx"]))).extractall(tmp_path)
    values = np.linspace(0, 1, 96) * np.ones((64, 1))
    files = KINDS | {
        "12-bit png": encoded(Image.fromarray((values * 4_095).astype(np.uint16)), "PNG"),
        "12-bit tiff": encoded(Image.fromarray((values * 4_095).astype(np.uint16)), "TIFF"),
        "dark 12-bit png": encoded(Image.fromarray((values * 900).astype(np.uint16)), "PNG"),
        "12-bit rgb png": encoded_array((np.dstack([values] * 3) * 4_095).astype(np.uint16), ".png"),
        "float to 1.001": encoded(Image.fromarray((values * 1.001).astype(np.float32)), "TIFF"),
        "float to 255.5": encoded(Image.fromarray((values * 255.5).astype(np.float32)), "TIFF"),
    }
    for number, content in enumerate(files.values()):
        (tmp_path / f"{number}").write_bytes(content)
    code = f"""
import json, numpy, pathlib, decode
white = json.load(open("model.json"))["white"]
images = [decode.load_image(pathlib.Path(str(number)), 96, white) for number in range({len(files)})]
numpy.save("pixels.npy", images)
"""
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    whites = whites_of(trained_model(store, run).scales)
    assert whites == {"16-bit grey": 4_095}
    for name, exported in zip(files, np.load(tmp_path / "pixels.npy"), strict=True):
        np.testing.assert_array_equal(exported, load_image(files[name], 96, whites), name)
        if "12-bit" in name or "float to" in name:
            assert exported.mean() == pytest.approx(127.5 * (900 / 4_095 if "dark" in name else 1), abs=1), name


def test_hugging_face_can_read_the_model_card(finished):
    store, run = finished
    card = ModelCard(model_card(store, run, export_model(store.path(run.id), "onnx")))
    assert card.data.library_name == "onnx" and card.data.pipeline_tag == "image-classification"
    assert {result.metric_type for result in card.data.eval_results} == {"accuracy", "f1"}
    for text in ("Limitations", "95% interval", "150 images", "resized to 96 x 96"):
        assert text in card.text


@of_one_network
@pytest.mark.faults
def test_a_failed_export_raises_a_one_line_error_and_leaves_no_file(folder, monkeypatch):
    def write_partly(model: object, data: object, path: Path) -> None:
        path.write_bytes(b"half")
        raise RuntimeError("an operator is unknown\nand more")

    monkeypatch.setitem(export.WRITERS, "litert", {"": write_partly})
    before = set(folder.rglob("*"))
    with pytest.raises(ExportError, match="the model as LiteRT, 32 bits; received: an operator is unknown") as caught:
        export_model(folder, "litert")
    assert "\n" not in str(caught.value) and set(folder.rglob("*")) - before <= {folder / "export"}
    with pytest.raises(ExportError, match="Expected a format of keras, "):
        export_model(folder, "../../x")


@of_one_network
@pytest.mark.faults
def test_a_changed_model_is_not_exported_and_its_old_files_are_not_offered(finished, tmp_path):
    store, run = finished
    export_model(store.path(run.id), "onnx")
    folder = tmp_path / run.id
    shutil.copytree(store.path(run.id), folder)
    assert load_exported_file(FORMATS["onnx"], folder)
    content = bytearray((folder / "model.keras").read_bytes())
    content[len(content) // 2] ^= 1
    (folder / "model.keras").write_bytes(content)
    assert load_exported_file(FORMATS["onnx"], folder) is None
    with pytest.raises(ModelFileError, match="changed since"):
        export_model(folder, "onnx")


@of_one_network
@pytest.mark.faults
def test_a_run_without_evaluation_is_not_exported(finished, tmp_path):
    store, run = finished
    shutil.copytree(store.path(run.id), tmp_path / run.id)
    shutil.rmtree(tmp_path / run.id / "export", ignore_errors=True)
    (tmp_path / run.id / "predictions.csv").unlink()
    with pytest.raises(ExportError, match="Expected a run that was evaluated"):
        export_model(tmp_path / run.id, "onnx")


def move_images(run: Path, target: Path, data: str) -> Path:
    """Copy a run's folder without its exported files, as if its images were in the folder `data`."""
    shutil.copytree(run, target, ignore=shutil.ignore_patterns("export"))
    config = json.loads((target / "config.json").read_text())
    (target / "config.json").write_text(json.dumps(config | {"data": data}))
    return target


@of_one_network
@pytest.mark.faults
@pytest.mark.parametrize("name", ["keras", "onnx"])
def test_without_its_images_a_model_is_exported_unmeasured_and_measured_once_they_are_back(
    finished, greys, tmp_path, monkeypatch, name
):
    store, run = finished
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path / "home"))  # where no image is cached
    folder = move_images(store.path(run.id), tmp_path / run.id, "/nowhere")
    exported = export_model(folder, name)
    assert exported == load_exported_file(FORMATS[name], folder) and exported.bytes > 10_000
    assert (exported.images, exported.accuracy, exported.agreement, exported.difference) == (0, None, None, None)
    assert exported.not_measured == "the test images of the run can no longer be read" and not exported.is_accurate
    record = json.loads((folder / "export" / f"{FORMATS[name].file}.json").read_text())
    assert record["not_measured"] == exported.not_measured and record["milliseconds"] is None
    card = model_card(RunStore(tmp_path), run, exported)
    assert "This file was not measured, because the test images" in card and "ms per image" not in card
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"data": str(greys.root)}))
    measured = export_model(folder, name)
    assert measured.is_accurate and measured.images >= 20 and measured.not_measured == ""


DAMAGED_MANIFESTS = {
    "missing": Path.unlink,
    "not text": lambda path: path.write_bytes(b"\xff\xfe"),
    "cut off": lambda path: path.write_bytes(path.read_bytes()[:-900]),
    "a field without end": lambda path: path.write_text("path,hash,label,split\n" + '"' + "x" * 200_000),
    "of other images": lambda path: path.write_text("path,hash,label,scale,split\na.png,0,glass,,test\n"),
}


@of_one_network
@pytest.mark.faults
@pytest.mark.parametrize("damage", DAMAGED_MANIFESTS)
def test_without_its_manifest_a_model_is_exported_unmeasured_and_the_card_says_so(finished, greys, tmp_path, damage):
    store, run = finished
    folder = move_images(store.path(run.id), tmp_path / run.id, str(greys.root))
    DAMAGED_MANIFESTS[damage](folder / "manifest.csv")
    expect_unmeasured(tmp_path, run, "onnx", damage)
    if damage == "missing":  # what follows does not depend on the damage
        expect_unmeasured(tmp_path, run, "keras", damage)
        with pytest.raises(ExportError, match=r"Expected the training images, .* received: a run whose list of images"):
            export_model(folder, "litert-int8")
        shutil.copy(store.path(run.id) / "manifest.csv", folder)
        assert export_model(folder, "onnx").not_measured == ""


def expect_unmeasured(runs: Path, run: Run, name: str, damage: str) -> None:
    """Export in this format a run whose manifest is damaged."""
    exported = export_model(runs / run.id, name)
    assert exported == load_exported_file(FORMATS[name], runs / run.id) and exported.images == 0
    assert exported.not_measured.startswith("manifest.csv or config.json of the run is missing or damaged")
    with zipfile.ZipFile(io.BytesIO(bundle(RunStore(runs), run, FORMATS[name]))) as archive:
        card = archive.read("README.md").decode()
        assert json.loads(archive.read("model.json"))["classes"] == sorted(CLASSES)
    assert "This file was not measured, because manifest.csv" in card
    assert "The list of the images (`manifest.csv`) is missing" in card or damage in ("cut off", "of other images")


@of_one_network
@pytest.mark.faults
@pytest.mark.parametrize(
    "content", ["", "path,label\na,b\n", "path,label,predicted\na,b\n", '"' + "x" * 200_000, "a\0"]
)
def test_damaged_predictions_count_as_a_run_that_was_not_evaluated(finished, tmp_path, content):
    store, run = finished
    folder = move_images(store.path(run.id), tmp_path / run.id, "/nowhere")
    (folder / "predictions.csv").write_text(content)
    with pytest.raises(ExportError, match="Expected a run that was evaluated"):
        export_model(folder, "onnx")


@of_one_network
@pytest.mark.faults
def test_one_missing_image_leaves_the_file_unmeasured_and_8_bits_need_the_training_images(
    finished, greys, tmp_path, monkeypatch
):
    store, run = finished
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path / "home"))
    root = shutil.copytree(greys.root, tmp_path / "greys")
    folder = move_images(store.path(run.id), tmp_path / run.id, str(root))
    manifest = Manifest.from_csv(store.manifest(run.id))
    (root / manifest.in_split("test")[-1].path).unlink()
    assert export_model(folder, "onnx").not_measured
    (root / manifest.in_split("train")[0].path).unlink()
    with pytest.raises(ExportError, match="Expected the training images, from which LiteRT, 8 bits chooses its ranges"):
        export_model(folder, "litert-int8")
    assert not FORMATS["litert-int8"].path(folder).exists()


@pytest.mark.faults
def test_cached_images_are_enough_to_measure_a_file(finished, tmp_path):
    store, run = finished
    export_model(store.path(run.id), "onnx")  # reads each test image
    check(move_images(store.path(run.id), tmp_path / run.id, "/nowhere"), "onnx")


def test_a_trained_model_gives_heat_maps_and_novelty_scores(folder, greys):
    pixels = np.stack([load_image(path, 96) for path in sorted(greys.root.rglob("*.png"))[:40]])
    stripes = np.tile(np.uint8([0, 255, 60]), (1, 96, 96, 1))
    predictor = Predictor(folder / "model.keras")
    known, striped = predictor.predict(pixels), predictor.predict(stripes)
    assert known.heat_maps.shape[0] == 40 and known.heat_maps.shape[-1] == len(CLASSES)
    assert np.mean(known.novelty <= 1) > 0.75 and striped.novelty[0] > np.max(known.novelty)
