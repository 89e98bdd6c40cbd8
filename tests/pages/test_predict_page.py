"""The Predict page without a browser and without Keras: empty, with predictions, and with errors."""

import io
import re
import time
import zipfile
from base64 import b64decode
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pages_harness import MANIFEST, button, finish, make_study, open_page, texts
from PIL import Image
from streamlit.testing.v1 import AppTest

from core.analysis.results.trained_models import runs_with_models
from core.data.datasets.split import split
from core.data.explain.model_output import ModelOutput
from core.data.uploads.feedback import NONE_OF_THESE, Feedback
from core.execution.keras_service.client import KerasServiceError
from core.execution.prediction_cache import PredictionCache
from core.experiment.named_strategies import STRATEGIES
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State, Study
from core.experiment.runs.run_store import RunStore


class Stub:
    """A Keras service that predicts glass for dark images, or raises an error, and records the requests."""

    requests: list[tuple[Path, int]]
    failing_model = ""

    def __init__(self) -> None:
        Stub.requests, Stub.failing_model = [], ""

    def preload(self, model: Path) -> None:
        assert model.is_file()

    def predict(self, model: Path, pixels: np.ndarray) -> ModelOutput:
        Stub.requests.append((model, len(pixels)))
        if Stub.failing_model and Stub.failing_model in str(model):
            raise KerasServiceError(f"Expected a model that Keras can open; received {model}. Choose another.")
        light = pixels.mean(axis=(1, 2, 3)) / 255
        novel = np.where(light > 0.9, 2.0, 0.5)
        if "fine-tuning" in str(model):
            light = 1 - light  # this model predicts the opposite class
        maps = np.full((len(pixels), 3, 3, 2), 200, np.uint8)
        return ModelOutput(np.stack([1 - light, light], axis=1), maps, novel)

    def close(self) -> None:
        return


@pytest.fixture(autouse=True)
def keras_service(monkeypatch):
    monkeypatch.setattr("pages.parts.shared.services.KerasService", Stub)


def trained_study(root: Path, **settings: Any) -> tuple[RunStore, Study]:
    store, study = make_study(root, **settings)
    for run in study.runs:
        finish(store, run)
        give_model(store, run)
    return store, study


def give_model(store: RunStore, run: Run) -> None:
    (store.path(run.id) / "model.keras").touch()


def image_file(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (40, 30), grey).save(file, "PNG")
    return file.getvalue()


def upload(page: AppTest, **files: bytes) -> AppTest:
    (uploader,) = page.file_uploader
    uploader.set_value([(name, content, "image/png") for name, content in files.items()]).run()
    assert not page.exception, page.exception
    return page


def cells(page: AppTest) -> list[str]:
    """Return the predictions of each row as HTML."""
    return [element.proto.body for element in page.get("html") if "display:grid" in element.proto.body]


def test_without_a_model_the_page_offers_to_train_one(root):
    make_study(root)
    page = open_page("predict")
    assert "No run has a trained model" in texts(page)
    assert [link.proto.label for link in page.main.get("page_link")] == ["Train on the sample set", "Set up a study"]


def test_with_models_and_without_images_the_uploader_is_shown(root):
    _, study = trained_study(root)
    page = open_page("predict")
    assert page.file_uploader[0].accept_multiple_files and "There are no images yet" in texts(page)
    assert page.multiselect(key="models").value == [run.id for run in study.runs]
    labels = [link.proto.label for link in page.main.get("page_link")]
    assert labels[0] == r"Feature extraction, 81\.0% on its test images, not calibrated"
    assert {link.proto.query_string for link in page.main.get("page_link")} == {f"study={study.id}"}


def test_predictions_and_agreement_of_all_models_are_shown(root):
    trained_study(root, image_size=96)
    page = upload(open_page("predict"), dark=image_file(20), light=image_file(200))
    assert len(cells(page)) == 2 and cells(page)[0].count(">92.2%<") == 3
    assert texts(page).count("They disagree: 2 of 3 predict glass") == 1
    assert "2 images, 3 models. All agree on 0." in texts(page)
    page.multiselect(key="models").set_value(page.multiselect(key="models").value[::2]).run()
    assert "All agree: glass" in texts(page) and "All agree: paper" in texts(page)
    assert len(Stub.requests) == 3, "cached predictions are not computed again"
    assert len(page.query_params["run"]) == 2
    page.toggle(key="disagree").set_value(True).run()
    assert cells(page) == [] and "The models agree on every image" in texts(page)


def two_seeds(root: Path) -> tuple[RunStore, Study]:
    """A study of feature extraction and fine-tuning with two seeds each; the second tested one more image."""
    store = RunStore(root)
    strategies = [STRATEGIES[name] for name in ("feature-extraction", "fine-tuning")]
    lines = ["path,hash,label,split", "1.jpg,1,glass,test", "2.jpg,2,paper,test", "3.jpg,3,glass,{}"]
    study = store.create_study(
        [
            (RunConfig(strategy=strategy, seed=seed, image_size=96), "\n".join(lines).format(("train", "test")[seed]))
            for seed in range(2)
            for strategy in strategies
        ]
    )
    for run in study.runs:
        finish(store, run)
        give_model(store, run)
        rows = ["path,label,predicted,p_glass,p_paper", "1.jpg,glass,glass,0.9,0.1", "2.jpg,paper,glass,0.6,0.4"]
        (store.path(run.id) / "predictions.csv").write_text("\n".join(rows))
    return store, study


def test_the_mean_of_the_seeds_of_a_setting_is_a_model(root):
    _, study = two_seeds(root)
    page = open_page("predict", run=study.runs[1].id)
    models = page.multiselect(key="models")
    assert len(models.options) == 6 and sum("mean of 2 seeds" in option for option in models.options) == 2
    of_setting = f"mean-{study.runs[0].id}"
    models.set_value([study.runs[1].id, of_setting]).run()
    assert page.query_params["ensemble"] in (study.runs[0].id, [study.runs[0].id])
    link = page.main.get("page_link")[1].proto.label.replace("\\", "")
    assert link.startswith("Feature extraction, mean of 2 seeds, 50.0% on 2 images that no member was trained on (95%")
    upload(page, dark=image_file(20))
    assert "Feature extraction, mean of 2 seeds" in cells(page)[0] and "They disagree" in texts(page)
    assert len(Stub.requests) == 3 and "means of its members' calibrated probabilities" in texts(page)
    again = open_page("predict", ensemble=study.runs[2].id)
    assert again.multiselect(key="models").value == [of_setting], "any seed of the setting may be in the address"


def test_a_setting_whose_images_were_all_used_by_some_seed_is_not_measured(root):
    store, study = two_seeds(root)
    for run, part in zip(study.runs[::2], ("train,test", "test,train"), strict=True):
        first, second = part.split(",")
        manifest = f"path,hash,label,split\n1.jpg,1,glass,{first}\n2.jpg,2,paper,{second}\n"
        (store.path(run.id) / "manifest.csv").write_text(manifest)
    page = open_page("predict", ensemble=study.runs[0].id, samples="true")
    label = page.main.get("page_link")[0].proto.label
    assert label.endswith("not measured, because every image was used for training by some member".replace(":", r"\:"))
    assert page.toggle(key="samples").disabled, "there is no image to try"


@pytest.mark.faults
def test_unreadable_files_are_listed_and_the_others_are_predicted(root):
    trained_study(root)
    page = upload(
        open_page("predict"),
        **{
            "good.png": image_file(20),
            "page.jpg": b"<html></html>",
            "cut.png": image_file(9)[:-30],
            "model.keras": b"PK\x03\x04",
            "<img src=x onerror=alert(1)>.h5": b"\x89HDF\r\n\x1a\n",
        },
    )
    assert page.expander[0].label == "4 files could not be read" and len(cells(page)) == 1
    for reason in ("a web page", "damaged", "a model file"):
        assert reason in texts(page)
    assert any(r"\<img src\=x" in element.value for element in page.markdown)


def test_names_are_never_markup(root):
    store, study = trained_study(root)
    evaluation = (store.path(study.runs[0].id) / "evaluation.json").read_text()
    name = "<img src=x onerror=alert(1)>"
    for run in study.runs:
        (store.path(run.id) / "evaluation.json").write_text(evaluation.replace('"glass"', f'"{name}"'))
    page = upload(open_page("predict"), **{"[x](javascript:alert(1)) $\\href{}$.png": image_file(20)})
    assert name not in cells(page)[0] and "&lt;img" in cells(page)[0]
    assert any(r"2 of 3 predict \<img" in element.value for element in page.markdown)
    (image,) = page.get("image")
    assert r"\[x\]\(javascript" in image.proto.imgs[0].caption


def test_only_finished_runs_with_a_model_are_listed(root):
    store, study = make_study(root)
    failed, stopped, done = study.runs
    store.write_status(failed.id, RunStatus(State.FAILED, ended=time.time()))
    store.write_status(stopped.id, RunStatus(State.STOPPED, ended=time.time()))
    finish(store, done)
    for run in (stopped, done):
        give_model(store, run)
    page = open_page("predict")
    assert page.multiselect(key="models").value == [stopped.id, done.id]
    assert len(page.multiselect(key="models").options) == 2


def test_the_url_chooses_runs_or_a_study(root):
    _, first = trained_study(root)
    _, second = trained_study(root, image_size=96)
    assert open_page("predict").multiselect(key="models").value == [run.id for run in second.runs]
    page = open_page("predict", study=first.id)
    assert page.multiselect(key="models").value == [run.id for run in first.runs]
    page = open_page("predict", run=[first.runs[1].id, second.runs[2].id])
    assert page.multiselect(key="models").value == [first.runs[1].id, second.runs[2].id]
    page.multiselect(key="models").set_value([]).run()
    assert "No model is selected" in texts(page) and not any(page.query_params["run"])


@pytest.mark.faults
@pytest.mark.parametrize("missing", ["20200101-000000-000-01-two-phase", "../../etc", "a\0b", "<script>"])
def test_missing_runs_show_a_warning(root, missing):
    trained_study(root)
    for query in ({"run": missing}, {"study": missing}):
        page = open_page("predict", **query)
        assert "no longer in the runs folder" in page.warning[0].value and not page.exception


@pytest.mark.faults
def test_a_failing_model_shows_one_error_and_the_others_predict(root):
    trained_study(root)
    page = open_page("predict")
    Stub.failing_model = "two-phase"
    upload(page, **{"a.png": image_file(20)})
    assert len(page.error) == 1 and "Choose another" in page.error[0].value
    assert "They disagree" in texts(page) and "No prediction: this model failed" in cells(page)[0]


def test_images_and_predictions_are_preserved_when_the_user_returns(root):
    _, study = trained_study(root)
    page = upload(open_page("predict", run=study.runs[0].id), **{"a.png": image_file(20)})
    del page.query_params["run"]
    page.switch_page("pages/runs.py").run()
    page.switch_page("pages/predict.py").run()
    assert not page.exception and cells(page)[0].count(">92.2%<") == 3, "the image is still available for predictions"
    button(page, "Clear").click().run()
    assert cells(page) == []


def test_many_images_are_shown_in_pages_and_clear_deletes_all(root):
    trained_study(root)
    page = upload(open_page("predict"), **{f"{grey}.png": image_file(grey) for grey in range(25)})
    assert len(cells(page)) == 20 and "25 images" in texts(page)
    upload(page, **{"a.png": image_file(100), "again.png": image_file(3)})
    assert "26 images" in texts(page) and len(page.session_state["predictions"]._predictions) == 3 * 26
    button(page, "Clear").click().run()
    upload(page, **{"b.png": image_file(100)})
    assert len(cells(page)) == 1 and len(page.session_state["predictions"]._predictions) == 3


def test_the_images_of_a_zip_are_predicted(root):
    trained_study(root)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("photos/dark.png", image_file(20))
        archive.writestr("photos/page.jpg", b"<html></html>")
    page = upload(open_page("predict"), **{"photos.zip": content.getvalue()})
    assert len(cells(page)) == 1 and "page.jpg" in texts(page) and "a web page" in texts(page)


def test_images_are_sorted_by_confidence_and_marked_if_novel(root):
    trained_study(root)
    page = upload(open_page("predict"), **{f"{grey}.png": image_file(grey) for grey in (20, 250, 120)})

    def captions() -> list[str]:
        return [image.proto.imgs[0].caption.removesuffix("\\.png") for image in page.get("image")]

    assert captions() == ["20", "250", "120"]
    page.selectbox(key="order").set_value("Least confident").run()
    assert captions() == ["120", "20", "250"]
    page.selectbox(key="order").set_value("Most disagreement").run()
    assert captions() == ["250", "20", "120"]
    assert "Unlike the training images for every model" in texts(page)
    assert "3 images, 3 models. All agree on 0. 1 unlike the training images." in texts(page)


def test_heat_maps_are_shown_over_each_image(root):
    trained_study(root)
    page = upload(open_page("predict", why="true"), **{"a.png": image_file(20)})
    assert cells(page)[0].count("data:image/png") == 3 and "Heat map of Two-phase for glass" in cells(page)[0]
    page.slider(key="opacity").set_value(40).run()
    assert any("--heat-opacity:0.40" in element.proto.body for element in page.get("html"))
    page.selectbox(key="why-class").set_value("paper").run()
    assert "Heat map of Two-phase for paper" in cells(page)[0]


def test_an_image_of_more_than_8_bits_is_shown_as_each_model_sees_it(root):
    store, study = trained_study(root)
    for run, scale in zip(study.runs, ("", "16-bit grey: 4095", "16-bit grey: 1023"), strict=True):
        manifest = f"path,hash,label,scale,split\na.png,0,glass,{scale},test\n"
        (store.path(run.id) / "manifest.csv").write_text(manifest)
    file = io.BytesIO()
    Image.new("I;16", (40, 30), 500).save(file, "PNG")
    page = upload(open_page("predict", why="true"), **{"a.png": file.getvalue()})
    shown = [
        np.asarray(Image.open(io.BytesIO(b64decode(content)))).mean()
        for content in re.findall(r'data:image/jpeg;base64,([^"]+)"', cells(page)[0])
    ]
    assert shown == pytest.approx([255 * 500 / 1_023, 255 * 500 / 4_095, 255 * 500 / 1_023], abs=1)
    first = page.get("image")[0].proto.imgs[0].url  # contains a hash of the thumbnail
    page.multiselect(key="models").set_value([study.runs[1].id]).run()
    assert page.get("image")[0].proto.imgs[0].url != first, "beside the predictions: as the first model sees it"


def test_a_marked_image_is_stored_under_its_true_class(root):
    trained_study(root, data="/photos/waste")
    page = upload(open_page("predict"), **{"a.png": image_file(20)})
    key = next(box.key for box in page.selectbox if box.key.startswith("true-"))
    page.selectbox(key=key).set_value("paper").run()
    feedback = Feedback.for_data("/photos/waste")
    assert list(feedback.labels().values()) == ["paper"] and not page.exception
    assert "Correct on the 1 image that you marked: Feature extraction 0 of 1 (0.0%), Fine-tuning" in texts(page)
    page.selectbox(key=key).set_value(NONE_OF_THESE).run()
    assert list(feedback.labels().values()) == [NONE_OF_THESE]
    assert "Fine-tuning all layers 0 of 1 (0.0%)" in texts(page), "no model is correct"
    page.selectbox(key=key).set_value(None).run()
    assert feedback.labels() == {}
    page.multiselect(key="models").set_value(page.multiselect(key="models").value[:1]).run()
    button(page, "Correct").click().run()
    assert list(feedback.labels().values()) == ["glass"] and "Correct" not in [found.label for found in page.button]


def run_tested_on(root: Path, data: Path, manifest: str) -> Path:
    """Create a run with a model that was tested on images of this data set; return its folder."""
    store = RunStore(root)
    run = store.create(RunConfig(data=str(data), image_size=96), manifest)
    store.write_status(run.id, RunStatus(State.COMPLETED, ended=time.time()))
    give_model(store, run)
    (store.path(run.id) / "evaluation.json").write_text('{"accuracy": 0.5, "classes": ["glass", "paper"]}')
    return store.path(run.id)


def test_a_test_image_that_is_also_uploaded_is_shown_once(root, tiny_dataset):
    manifest = split(tiny_dataset)
    run_tested_on(root, tiny_dataset.root, manifest.to_csv())
    content = (tiny_dataset.root / manifest.in_split("test")[0].path).read_bytes()
    page = upload(open_page("predict", samples="true"), **{"mine.jpg": content})
    assert len(cells(page)) == 10 and "10 images, 1 model" in texts(page)


def test_images_of_the_test_split_can_be_predicted(root, tiny_dataset):
    run_tested_on(root, tiny_dataset.root, split(tiny_dataset).to_csv())
    page = open_page("predict", samples="true")
    assert len(cells(page)) == 10 and "10 images, 1 model" in texts(page)
    page.toggle(key="samples").set_value(False).run()
    assert cells(page) == []


@pytest.mark.faults
def test_a_deleted_test_image_is_listed_and_the_others_are_predicted(root, tmp_path):
    lines = ["path,hash,label,split"]
    for label in ("dark", "light"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for grey in (10, 20, 30):
            (tmp_path / "data" / label / f"{grey}.png").write_bytes(image_file(grey + 100 * (label == "light")))
            lines.append(f"{label}/{grey}.png,0,{label},test")
    run_tested_on(root, tmp_path / "data", "\n".join(lines))
    page = open_page("predict", samples="true")
    (tmp_path / "data" / "dark" / "20.png").unlink()
    page.session_state["predictions"] = PredictionCache()  # no predictions are cached yet
    page.run()
    assert not page.exception and page.expander[0].label == "1 file could not be read"
    assert "dark/20.png: cannot be read: No such file or directory" in texts(page).replace("**", "")
    without_prediction = [cell for cell in cells(page) if "%" not in cell.partition("</span>")[2]]
    assert len(cells(page)) == 6 and len(without_prediction) == 1
    assert "can no longer be read" in without_prediction[0]


@pytest.mark.faults
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"\xff\xfe"), Path.unlink])
def test_without_a_manifest_an_error_replaces_the_test_images(root, tiny_dataset, damage):
    damage(run_tested_on(root, tiny_dataset.root, split(tiny_dataset).to_csv()) / "manifest.csv")
    page = open_page("predict", samples="true")
    assert "Expected the manifest.csv of Two-phase" in texts(page) and "Errno" not in texts(page)


@pytest.mark.faults
def test_a_damaged_evaluation_counts_as_not_measured(root):
    store, study = make_study(root)
    for run, evaluation in zip(study.runs, ('{"accuracy": 7, "classes": 3}', '{"accuracy": true}', "[]"), strict=True):
        finish(store, run)
        give_model(store, run)
        (store.path(run.id) / "evaluation.json").write_text(evaluation)
    labels = [link.proto.label for link in open_page("predict").main.get("page_link")]
    assert len(labels) == 3 and all(label.endswith(", not measured") for label in labels)


def nine_runs(root: Path, with_model: int) -> list[Run]:
    """Create a study of nine finished runs, of which the last `with_model` have models."""
    store = RunStore(root)
    runs = store.create_study([(RunConfig(seed=seed), MANIFEST) for seed in range(9)]).runs
    for run in runs:
        store.write_status(run.id, RunStatus(State.COMPLETED, ended=time.time()))
    for run in runs[9 - with_model :]:
        give_model(store, run)
    return list(runs)


def test_models_are_found_among_runs_without_one(root):
    runs = nine_runs(root, with_model=2)
    page = open_page("predict", study=runs[0].study)
    assert page.multiselect(key="models").value == [run.id for run in runs[7:]] and not page.warning
    page = open_page("predict", run=[run.id for run in runs])
    assert page.multiselect(key="models").value == [run.id for run in runs[7:]] and "have no model" in texts(page)


def test_the_first_six_of_more_models_are_shown(root):
    runs = nine_runs(root, with_model=9)
    for query in ({"study": runs[0].study}, {"run": [run.id for run in runs]}):
        page = open_page("predict", **query)
        assert page.multiselect(key="models").value == [run.id for run in runs[:6]]
        assert "The first 6 of 9 models are shown." in texts(page) and not page.warning


def test_a_study_in_the_url_is_found_among_many_newer_runs(root, monkeypatch):
    for module in ("core.analysis.results.trained_models", "pages.parts.predict.choose_models"):
        monkeypatch.setattr(f"{module}.runs_with_models", partial(runs_with_models, max_checked=9))
    _, requested = trained_study(root)
    nine_runs(root, with_model=0)
    assert "No run has a trained model" in texts(open_page("predict"))
    assert len(open_page("predict", study=requested.id).multiselect(key="models").value) == 3
