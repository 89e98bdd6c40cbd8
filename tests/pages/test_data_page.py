"""The Data page without a browser: what it says of sound, doubtful and hostile images."""

import io
import shutil
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pages_harness import button, finish, open_page, texts
from PIL import Image, ImageOps
from streamlit.testing.v1 import AppTest

from core.data.datasets import reports
from core.data.datasets.scan import scan
from core.data.datasets.split import split
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.runs.run_store import RunStore
from core.machine.paths import uploads_folder

WILD = (
    "old paper",
    "Größe 玻璃",
    "<img src=x onerror=alert(1)>",
    "[x](javascript:alert(1))",
    "$\\href{x}{y}$",
    "**bold** :red[x]",
    "\u202egpj.exe",
    "x" * 200,
)


@pytest.fixture
def make(root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Path]:
    """Makes a folder of so many different pictures a class, where the server may read."""
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--data-root", str(tmp_path)])

    def make(name: str = "set", **counts: int) -> Path:
        for label, number in counts.items():
            (tmp_path / name / label).mkdir(parents=True)
            for i in range(number):
                paint(tmp_path / name / label / f"{i}.png", f"{label} {i}")
        return tmp_path / name

    return make


def paint(path: Path, seed: str) -> None:
    rng = np.random.default_rng(list(seed.encode()))
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(rng.integers(0, 256, (8, 12, 3), np.uint8)).save(path, "PNG")


def open_folder(path: str | Path) -> AppTest:
    page = open_page("data")
    page.segmented_control(key="source").set_value("Folder").run()
    return page.text_input(key="folder").set_value(str(path)).run()


def switch(page: AppTest, name: str) -> AppTest:
    """Another page of the same session. AppTest shows it at first without what was kept; a browser does not."""
    return page.switch_page(f"pages/{name}.py").run().run()


def figures(page: AppTest) -> dict[str, str]:
    return {metric.label: metric.value for metric in page.metric}


def zipped(**files: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return stream.getvalue()


def drop_zip(content: bytes, name: str = "waste.zip") -> AppTest:
    page = open_page("data")
    page.segmented_control(key="source").set_value("ZIP").run()
    return page.file_uploader(key="zip").upload(name, content, "application/zip").run()


def zip_of(folder: Path) -> bytes:
    return zipped(**{path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*.*")})


def test_the_sample_set_is_there_at_once(root):
    page = open_page("data")
    assert figures(page) == {
        "Images": "600",
        "Classes": "10",
        "Median size": "128 × 128",
        "Problems": "0",
        "Groups of equal images": "0",
        "Of near-duplicates": "0",
    }
    assert "420 to train, 90 to validate, 90 to test, divided by content: the same way every time" in texts(page)
    assert len(page.image) == 24 + 1 and not page.error and not button(page, "Train on these images").disabled


def test_before_anything_is_chosen_it_says_what_is_wanted(root):
    page = open_page("data")
    page.segmented_control(key="source").set_value("Folder").run()
    assert "A class is a folder of its images" in texts(page) and not page.error and not page.metric


@pytest.mark.faults
@pytest.mark.parametrize("path", ["/etc", "../..", "/nowhere", "a\0b", "x" * 5_000, "~nobody/x"])
def test_folders_that_may_not_be_used_are_one_line(root, path):
    page = open_folder(path)
    assert len(page.error) == 1 and not page.exception and not page.metric


@pytest.mark.faults
def test_problems_are_named_and_the_rest_is_shown(make):
    folder = make(glass=5, paper=5, empty=0)
    (folder / "glass" / "page.jpg").write_text("<html>")
    (folder / "glass" / "cut.png").write_bytes((folder / "glass" / "0.png").read_bytes()[:-30])
    shutil.copy(folder / "paper" / "1.png", folder / "glass" / "stray.png")
    shutil.copy(folder / "glass" / "2.png", folder / "glass" / "again.png")
    page = open_folder(folder)
    equal, problems = (table.value for table in page.dataframe)
    assert list(problems["File or folder"]) == [
        "empty",
        "glass/cut.png",
        "glass/page.jpg",
        "glass/stray.png",
        "paper/1.png",
    ]
    assert figures(page)["Problems"] == "5" and figures(page)["Groups of equal images"] == "1"
    assert set(equal["File"]) == {"glass/2.png", "glass/again.png"}
    assert not page.exception and not button(page, "Train on these images").disabled


@pytest.mark.faults
@pytest.mark.parametrize("counts", [{"glass": 9}, {"glass": 1}, {"glass": 5, "paper": 1}, {"glass": 0, "paper": 0}, {}])
def test_too_little_to_train_on_is_said_and_cannot_be_trained_on(make, tmp_path, counts):
    make(**counts).mkdir(exist_ok=True)
    page = open_folder(tmp_path / "set")
    assert len(page.error) == 1 and "Expected at least" in page.error[0].value.replace("\\", "")
    assert not page.exception and button(page, "Train on these images").disabled
    assert figures(page)["Images"] == str(sum(counts.values()))


@pytest.mark.faults
def test_names_are_text_and_nothing_else(make):
    folder = make(**dict.fromkeys(WILD, 3), **{"a": 12})
    paint(folder / "a" / f"<img src=x onerror=alert(1)>{'y' * 200}.png", "wild")
    (folder / "a" / "[x](javascript:alert(1)).jpg").write_text("no picture")
    page = open_folder(folder)
    assert figures(page)["Classes"] == "9" and not page.error
    for name in WILD:
        page.selectbox(key="class").set_value(name).run()
        assert not page.exception
    shown = [*page.markdown, *page.caption]
    assert "times as many images" in texts(page)
    assert not any("<img" in element.value and "\\<img" not in element.value for element in shown)
    assert not any(image.captions[0].startswith("<") for image in page.image)


def test_classes_out_of_balance_are_said_and_the_remedy_is_the_train_pages(make):
    page = open_folder(make(glass=13, paper=4))
    assert "glass has 3.2 times as many images as paper" in texts(page)
    page.checkbox(key="class-weights").check().run()
    switch(page, "train")
    assert page.checkbox(key="class-weights").value is True


def test_the_folder_stays_chosen_on_the_train_page_and_back(root, tiny_folder):
    page = open_folder(tiny_folder)
    switch(page, "train")
    assert "60 images, 10 classes" in texts(page) and page.text_input(key="folder").value == str(tiny_folder)
    switch(page, "data")
    assert figures(page)["Images"] == "60"


def test_a_zip_is_stored_once_and_stays_chosen_until_it_is_replaced(make):
    page = drop_zip(zip_of(make(glass=4, paper=4)))
    assert "waste (uploaded)" in texts(page).replace("\\", "") and figures(page)["Images"] == "8"
    assert not page.file_uploader
    switch(page, "train")
    assert "waste (uploaded)" in texts(page).replace("\\", "") and "8 images, 2 classes" in texts(page)
    button(page, "Replace").click().run()
    assert page.file_uploader and "8 images" not in texts(page)


def test_a_dropped_folder_is_stored_and_stays_chosen(make):
    folder = make("waste", glass=4, paper=4)
    page = open_page("data")
    page.segmented_control(key="source").set_value("Drop a folder").run()
    page.file_uploader(key="dropped").set_value(
        [(path.relative_to(folder.parent).as_posix(), path.read_bytes(), "image/png") for path in folder.rglob("*.png")]
    )
    page.run()
    assert "waste (uploaded)" in texts(page).replace("\\", "") and figures(page)["Images"] == "8"


@pytest.mark.faults
@pytest.mark.parametrize(
    "content",
    [
        b"not a zip",
        zipped(**{"../../x.jpg": b"x"}),
        zipped(**{"/etc/x.jpg": b"x"}),
        zipped(**{"a/bomb.jpg": bytes(5_000_000)}),
        zipped(**{"a/in.zip": b"PK"}),
        zipped(**{"a/m.keras": b"x"}),
        zipped(),
    ],
    ids=["damaged", "traversal", "absolute", "bomb", "nested", "model", "empty"],
)
def test_a_bad_zip_is_one_line_and_is_not_read_again(root, content, monkeypatch):
    page = drop_zip(content)
    assert len(page.error) == 1 and not page.exception and page.file_uploader and not page.metric
    monkeypatch.setattr("pages.parts.shared.uploads.unpack_zip", lambda *_: pytest.fail("read again"))
    first = page.error[0].value
    assert page.run().error[0].value == first
    assert not list(uploads_folder().glob(".staging-*"))


def test_the_images_of_an_earlier_run_are_a_source_of_their_own(root, tiny_folder):
    page = open_page("data")
    page.session_state["kept-data"] = str(tiny_folder)
    page.run()
    assert page.segmented_control(key="source").value == "As before" and figures(page)["Images"] == "60"
    page.segmented_control(key="source").set_value("Sample").run()
    assert figures(page)["Images"] == "600"
    page.session_state["kept-data"] = str(tiny_folder)
    assert figures(page.run())["Images"] == "60"
    page.session_state["kept-data"] = SAMPLE
    assert page.run().segmented_control(key="source").value == "Sample"


def test_an_earlier_runs_folder_that_is_gone_is_one_line(root):
    page = open_page("data")
    page.session_state["kept-data"] = "/gone/for/good"
    page.run()
    assert len(page.error) == 1 and not page.exception


def test_images_are_shown_by_class_and_part_a_page_at_a_time(root):
    page = open_page("data", **{"class": "glass"})
    assert page.selectbox(key="class").value == "glass"
    page.pagination(key="page").set_value(3).run()
    assert len(page.image) == 12 + 1
    page.segmented_control(key="part").set_value("Validation").run()
    assert len(page.image) == 9 + 1 and page.pagination(key="page").value == 1


@pytest.mark.faults
@pytest.mark.parametrize("query", [{"class": "nonsense"}, {"page": "99"}, {"page": "x"}, {"part": "<script>"}])
def test_a_wild_address_shows_the_page(root, query):
    page = open_page("data", **query)
    assert len(page.image) == 24 + 1 and not page.error


def test_eight_views_are_shown_on_demand_and_follow_the_dials(root):
    page = open_page("data")
    before = len(page.image)
    button(page, "Show eight views").click().run()
    assert len(page.image) == before + 8 and page.image[-1].captions == ["View 8"]
    page.slider(key="augment-rotation").set_value(0.3).run()
    page.slider(key="augment-zoom").set_value(0.5).run()
    assert len(page.image) == before + 8 and not page.exception and not page.error


def test_the_dials_are_the_train_pages(root):
    page = open_page("data")
    page.slider(key="augment-rotation").set_value(0.25)
    page.checkbox(key="augment-flip").uncheck().run()
    switch(page, "train")
    assert page.slider(key="augment-rotation").value == 0.25 and not page.checkbox(key="augment-flip").value


def test_a_rerun_scans_nothing_again(root, monkeypatch):
    page = open_page("data")
    for name in ("scan", "split"):
        monkeypatch.setattr(reports, name, lambda *_: pytest.fail("read again"))
    assert not page.run().exception and figures(page)["Images"] == "600"


def test_the_foot_leads_to_training(root):
    page = open_page("data")
    button(page, "Train on these images").click().run()
    assert page.title[0].value != "Data" and not page.exception


def test_near_duplicates_are_shown_with_what_leaks_would_do_and_did(root, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--data-root", str(tmp_path)])
    folder = tmp_path / "twice"
    for label in ("glass", "paper"):
        (folder / label).mkdir(parents=True)
        for path in (tiny_folder / label).iterdir():
            image = Image.open(path)
            image.save(folder / label / path.name)
            ImageOps.mirror(image).save(folder / label / f"m-{path.name}")
    page = open_folder(folder)
    assert figures(page)["Of near-duplicates"] == "12" and "12 groups of images show one photo" in texts(page)
    assert "In a careless split" in texts(page)
    page.toggle(key="leaks").set_value(True).run()
    assert "None of the newest runs on these images was tested on a leaked one" in texts(page)
    careless = split(scan(folder), leak_free=False)
    run = RunStore(root).create(RunConfig(data=str(folder), leak_free=False), careless.to_csv())
    finish(RunStore(root), run)
    rows = ["path,label,predicted", *(f"{item.path},{item.label},glass" for item in careless.of("test"))]
    (root / run.id / "predictions.csv").write_text("\n".join(rows))
    page.run()
    table = next(frame.value for frame in page.dataframe if "Without the leaked" in frame.value)
    assert table["All test images"].tolist() == [0.5] and table["Leaked"][0] > 0 and not page.exception
