"""Predict in its empty, busy, answered and failed state, without a browser and without Keras."""

import io
import time
import zipfile
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
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State, Study
from core.experiment.runs.run_store import RunStore


class Stub:
    """Stands for the assistant: finds pictures glass where they are dark, and remembers what it was asked."""

    asked: list[tuple[Path, int]]
    trouble = ""

    def __init__(self) -> None:
        Stub.asked, Stub.trouble = [], ""

    def preload(self, model: Path) -> None:
        assert model.is_file()

    def predict(self, model: Path, pixels: np.ndarray) -> ModelOutput:
        Stub.asked.append((model, len(pixels)))
        if Stub.trouble and Stub.trouble in str(model):
            raise KerasServiceError(f"Expected a model that Keras can open; received {model}. Choose another.")
        light = pixels.mean(axis=(1, 2, 3)) / 255
        novel = np.where(light > 0.9, 2.0, 0.5)
        if "fine-tuning" in str(model):
            light = 1 - light  # it sees all the other way round
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


def picture(grey: int) -> bytes:
    file = io.BytesIO()
    Image.new("L", (40, 30), grey).save(file, "PNG")
    return file.getvalue()


def drop(page: AppTest, **files: bytes) -> AppTest:
    (zone,) = page.file_uploader
    zone.set_value([(name, content, "image/png") for name, content in files.items()]).run()
    assert not page.exception, page.exception
    return page


def cells(page: AppTest) -> list[str]:
    """The rows' answers as HTML."""
    return [element.proto.body for element in page.get("html") if "display:grid" in element.proto.body]


def test_empty_it_says_so_and_offers_the_next_step(root):
    make_study(root)
    page = open_page("predict")
    assert "no run has a trained model" in texts(page)
    assert [link.proto.label for link in page.main.get("page_link")] == ["Train on the sample set", "Set up a study"]


def test_with_models_and_no_image_it_offers_the_drop_zone(root):
    _, study = trained_study(root)
    page = open_page("predict")
    assert page.file_uploader[0].accept_multiple_files and "Drop photos above" in texts(page)
    assert page.multiselect(key="models").value == [run.id for run in study.runs]
    labels = [link.proto.label for link in page.main.get("page_link")]
    assert labels[0] == r"Feature extraction, 81\.0% on its test images, not calibrated"
    assert {link.proto.query_string for link in page.main.get("page_link")} == {f"study={study.id}"}


def test_each_model_answers_for_each_image_and_they_disagree_or_not(root):
    trained_study(root, image_size=96)
    page = drop(open_page("predict"), dark=picture(20), light=picture(200))
    assert len(cells(page)) == 2 and cells(page)[0].count(">92.2%<") == 3
    assert texts(page).count("They disagree: 2 of 3 say glass") == 1
    assert "2 images, 3 models. All agree on 0." in texts(page)
    page.multiselect(key="models").set_value(page.multiselect(key="models").value[::2]).run()
    assert "All agree: glass" in texts(page) and "All agree: paper" in texts(page)
    assert len(Stub.asked) == 3, "what is known is not asked again"
    assert len(page.query_params["run"]) == 2
    page.toggle(key="disagree").set_value(True).run()
    assert cells(page) == [] and "They agree on every image" in texts(page)


@pytest.mark.faults
def test_unreadable_files_are_named_and_the_rest_is_predicted(root):
    trained_study(root)
    page = drop(
        open_page("predict"),
        **{
            "good.png": picture(20),
            "page.jpg": b"<html></html>",
            "cut.png": picture(9)[:-30],
            "model.keras": b"PK\x03\x04",
            "<img src=x onerror=alert(1)>.h5": b"\x89HDF\r\n\x1a\n",
        },
    )
    assert page.expander[0].label == "4 files could not be read" and len(cells(page)) == 1
    for reason in ("a web page", "damaged", "a model file"):
        assert reason in texts(page)
    assert any(r"\<img src\=x" in element.value for element in page.markdown)


def test_names_are_inert_text(root):
    store, study = trained_study(root)
    evaluation = (store.path(study.runs[0].id) / "evaluation.json").read_text()
    name = "<img src=x onerror=alert(1)>"
    for run in study.runs:
        (store.path(run.id) / "evaluation.json").write_text(evaluation.replace('"glass"', f'"{name}"'))
    page = drop(open_page("predict"), **{"[x](javascript:alert(1)) $\\href{}$.png": picture(20)})
    assert name not in cells(page)[0] and "&lt;img" in cells(page)[0]
    assert any(r"2 of 3 say \<img" in element.value for element in page.markdown)
    (image,) = page.get("image")
    assert r"\[x\]\(javascript" in image.proto.imgs[0].caption


def test_only_finished_runs_with_a_model_are_offered(root):
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
    assert "Choose a model" in texts(page) and not any(page.query_params["run"])


@pytest.mark.faults
@pytest.mark.parametrize("wild", ["20200101-000000-000-01-two-phase", "../../etc", "a\0b", "<script>"])
def test_runs_that_are_not_there_are_a_line(root, wild):
    trained_study(root)
    for query in ({"run": wild}, {"study": wild}):
        page = open_page("predict", **query)
        assert "no longer in the runs folder" in page.warning[0].value and not page.exception


@pytest.mark.faults
def test_a_model_that_cannot_be_asked_is_a_line_and_the_others_answer(root):
    trained_study(root)
    page = open_page("predict")
    Stub.trouble = "two-phase"
    drop(page, **{"a.png": picture(20)})
    assert len(page.error) == 1 and "Choose another" in page.error[0].value
    assert "They disagree" in texts(page) and "No answer: this model failed" in cells(page)[0]


def test_what_was_found_out_stays_when_the_visitor_comes_back(root):
    _, study = trained_study(root)
    page = drop(open_page("predict", run=study.runs[0].id), **{"a.png": picture(20)})
    del page.query_params["run"]
    page.switch_page("pages/runs.py").run()
    page.switch_page("pages/predict.py").run()
    assert not page.exception and cells(page)[0].count(">92.2%<") == 3, "the image is still there to be asked about"
    button(page, "Clear").click().run()
    assert cells(page) == []


def test_many_come_in_pages_more_come_in_addition_and_all_are_forgotten(root):
    trained_study(root)
    page = drop(open_page("predict"), **{f"{grey}.png": picture(grey) for grey in range(25)})
    assert len(cells(page)) == 20 and "25 images" in texts(page)
    drop(page, **{"a.png": picture(100), "again.png": picture(3)})
    assert "26 images" in texts(page) and len(page.session_state["answers"]._known) == 3 * 26
    button(page, "Clear").click().run()
    drop(page, **{"b.png": picture(100)})
    assert len(cells(page)) == 1 and len(page.session_state["answers"]._known) == 3


def test_a_zip_is_the_images_in_it(root):
    trained_study(root)
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("photos/dark.png", picture(20))
        archive.writestr("photos/page.jpg", b"<html></html>")
    page = drop(open_page("predict"), **{"photos.zip": content.getvalue()})
    assert len(cells(page)) == 1 and "page.jpg" in texts(page) and "a web page" in texts(page)


def test_images_are_ordered_by_doubt_and_marked_where_they_are_strange(root):
    trained_study(root)
    page = drop(open_page("predict"), **{f"{grey}.png": picture(grey) for grey in (20, 250, 120)})

    def join_words() -> list[str]:
        return [image.proto.imgs[0].caption.removesuffix("\\.png") for image in page.get("image")]

    assert join_words() == ["20", "250", "120"]
    page.selectbox(key="order").set_value("Least sure").run()
    assert join_words() == ["120", "20", "250"]
    page.selectbox(key="order").set_value("Most disagreement").run()
    assert join_words() == ["250", "20", "120"]
    assert "Unlike the training images for every model" in texts(page)
    assert "3 images, 3 models. All agree on 0. 1 unlike the training images." in texts(page)


def test_why_lays_a_map_over_each_image(root):
    trained_study(root)
    page = drop(open_page("predict", why="true"), **{"a.png": picture(20)})
    assert cells(page)[0].count("data:image/png") == 3 and "Where Two-phase finds glass" in cells(page)[0]
    page.slider(key="opacity").set_value(40).run()
    assert any("--heat-opacity:0.40" in element.proto.body for element in page.get("html"))
    page.selectbox(key="why-class").set_value("paper").run()
    assert "Where Two-phase finds paper" in cells(page)[0]


def test_a_marked_image_is_kept_under_its_true_class(root):
    trained_study(root, data="/photos/waste")
    page = drop(open_page("predict"), **{"a.png": picture(20)})
    key = next(box.key for box in page.selectbox if box.key.startswith("true-"))
    page.selectbox(key=key).set_value("paper").run()
    feedback = Feedback.on("/photos/waste")
    assert list(feedback.labels().values()) == ["paper"] and not page.exception
    assert "Right on the 1 image you marked: Feature extraction 0 of 1 (0.0%), Fine-tuning" in texts(page)
    page.selectbox(key=key).set_value(NONE_OF_THESE).run()
    assert list(feedback.labels().values()) == [NONE_OF_THESE]
    assert "Fine-tuning all layers 0 of 1 (0.0%)" in texts(page), "nobody named it right"
    page.selectbox(key=key).set_value(None).run()
    assert feedback.labels() == {}
    page.multiselect(key="models").set_value(page.multiselect(key="models").value[:1]).run()
    button(page, "Right").click().run()
    assert list(feedback.labels().values()) == ["glass"] and "Right" not in [found.label for found in page.button]


def judged_run(root: Path, data: Path, manifest: str) -> Path:
    """The folder of a run with a model that was judged on images of this data set."""
    store = RunStore(root)
    run = store.create(RunConfig(data=str(data), image_size=96), manifest)
    store.write_status(run.id, RunStatus(State.COMPLETED, ended=time.time()))
    give_model(store, run)
    (store.path(run.id) / "evaluation.json").write_text('{"accuracy": 0.5, "classes": ["glass", "paper"]}')
    return store.path(run.id)


def test_a_test_image_that_is_dropped_too_is_one_image(root, tiny_dataset):
    manifest = split(tiny_dataset)
    judged_run(root, tiny_dataset.root, manifest.to_csv())
    content = (tiny_dataset.root / manifest.of("test")[0].path).read_bytes()
    page = drop(open_page("predict", samples="true"), **{"mine.jpg": content})
    assert len(cells(page)) == 10 and "10 images, 1 model" in texts(page)


def test_images_of_the_test_split_can_be_tried(root, tiny_dataset):
    judged_run(root, tiny_dataset.root, split(tiny_dataset).to_csv())
    page = open_page("predict", samples="true")
    assert len(cells(page)) == 10 and "10 images, 1 model" in texts(page)
    page.toggle(key="samples").set_value(False).run()
    assert cells(page) == []


@pytest.mark.faults
def test_a_test_image_that_goes_is_named_and_the_others_are_predicted(root, tmp_path):
    lines = ["path,hash,label,split"]
    for label in ("dark", "light"):
        (tmp_path / "data" / label).mkdir(parents=True)
        for grey in (10, 20, 30):
            (tmp_path / "data" / label / f"{grey}.png").write_bytes(picture(grey + 100 * (label == "light")))
            lines.append(f"{label}/{grey}.png,0,{label},test")
    judged_run(root, tmp_path / "data", "\n".join(lines))
    page = open_page("predict", samples="true")
    (tmp_path / "data" / "dark" / "20.png").unlink()
    page.session_state["answers"] = PredictionCache()  # nothing is known yet
    page.run()
    assert not page.exception and page.expander[0].label == "1 file could not be read"
    assert "dark/20.png: cannot be read: No such file or directory" in texts(page).replace("**", "")
    silent = [cell for cell in cells(page) if "%" not in cell.partition("</span>")[2]]
    assert len(cells(page)) == 6 and len(silent) == 1 and "can no longer be read" in silent[0]


@pytest.mark.faults
@pytest.mark.parametrize("damage", [lambda path: path.write_bytes(b"\xff\xfe"), Path.unlink])
def test_without_a_manifest_there_are_no_test_images_but_a_line(root, tiny_dataset, damage):
    damage(judged_run(root, tiny_dataset.root, split(tiny_dataset).to_csv()) / "manifest.csv")
    page = open_page("predict", samples="true")
    assert "Expected the manifest.csv of Two-phase" in texts(page) and "Errno" not in texts(page)


@pytest.mark.faults
def test_a_damaged_evaluation_is_no_evaluation(root):
    store, study = make_study(root)
    for run, evaluation in zip(study.runs, ('{"accuracy": 7, "classes": 3}', '{"accuracy": true}', "[]"), strict=True):
        finish(store, run)
        give_model(store, run)
        (store.path(run.id) / "evaluation.json").write_text(evaluation)
    labels = [link.proto.label for link in open_page("predict").main.get("page_link")]
    assert len(labels) == 3 and all(label.endswith(", not measured") for label in labels)


def nine_runs(root: Path, with_model: int) -> list[Run]:
    """A study of nine finished runs; the last ones have models."""
    store = RunStore(root)
    runs = store.create_study([(RunConfig(seed=seed), MANIFEST) for seed in range(9)]).runs
    for run in runs:
        store.write_status(run.id, RunStatus(State.COMPLETED, ended=time.time()))
    for run in runs[9 - with_model :]:
        give_model(store, run)
    return list(runs)


def test_the_models_of_a_study_are_found_behind_runs_without_one(root):
    runs = nine_runs(root, with_model=2)
    page = open_page("predict", study=runs[0].study)
    assert page.multiselect(key="models").value == [run.id for run in runs[7:]] and not page.warning
    page = open_page("predict", run=[run.id for run in runs])
    assert page.multiselect(key="models").value == [run.id for run in runs[7:]] and "have no model" in texts(page)


def test_more_models_than_fit_are_counted(root):
    runs = nine_runs(root, with_model=9)
    for query in ({"study": runs[0].study}, {"run": [run.id for run in runs]}):
        page = open_page("predict", **query)
        assert page.multiselect(key="models").value == [run.id for run in runs[:6]]
        assert "The first 6 of 9 models are shown." in texts(page) and not page.warning


def test_a_study_that_is_asked_for_is_found_behind_any_number_of_newer_runs(root, monkeypatch):
    for module in ("core.analysis.results.trained_models", "pages.parts.predict.choose_models"):
        monkeypatch.setattr(f"{module}.runs_with_models", partial(runs_with_models, looked_at=9))
    _, asked = trained_study(root)
    nine_runs(root, with_model=0)
    assert "no run has a trained model" in texts(open_page("predict"))
    assert len(open_page("predict", study=asked.id).multiselect(key="models").value) == 3
