"""The Data page without a browser: valid, unusual and hostile images."""

import io
import shutil
import sys
import zipfile
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from pages_harness import MANIFEST, button, finish, open_page, texts
from PIL import Image, ImageOps
from raw_zip import RawName
from streamlit.testing.v1 import AppTest

from core.data.datasets import reports
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.experiment.preset import Preset, PresetStore
from core.experiment.run_config import SAMPLE, RunConfig
from core.experiment.runs.run_store import RunStore
from core.machine.paths import presets_folder, uploads_folder

UNUSUAL_NAMES = (
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
    """Return a function that creates a data set with the given number of images per class in an allowed folder."""
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
    """Open another page of the same session; AppTest needs a second run to restore persistent widgets."""
    return page.switch_page(f"pages/{name}.py").run().run()


def metrics(page: AppTest) -> dict[str, str]:
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


def test_the_sample_set_is_shown_by_default(root):
    page = open_page("data")
    assert metrics(page) == {
        "Images": "600",
        "Classes": "10",
        "Median size": "128 × 128",
        "Problems": "0",
        "Exact duplicates": "0",
        "Near-duplicates": "0",
    }
    assert "420 for training, 90 for validation, 90 for testing. Split by file content" in texts(page)
    assert len(page.image) == 24 + 1 and not page.error and not button(page, "Train on these images").disabled


def nested_folders(make: Callable[..., Path]) -> Path:
    """A data set that can be read in two ways: as two classes, or as three inside them."""
    folder = make("set", **{"animals": 0, "plants": 0})
    for label in ("animals/cat", "animals/dog", "plants/oak"):
        make("set", **{label: 4})
    return folder


@pytest.mark.faults
def test_the_page_asks_how_to_read_folders_of_folders(make):
    page = open_folder(nested_folders(make))
    assert "there are folders instead of images in animals, plants" in texts(page) and not page.metric
    choices = page.radio[0].options
    assert len(choices) == 2 and "animals, plants" in choices[0] and "cat, dog" in choices[1]
    page.radio[0].set_value("nested").run()
    assert page.radio[0].options == choices, "what does not apply to these folders is not offered"
    assert metrics(page)["Classes"] == "3" and not page.error and not button(page, "Train on these images").disabled
    page.radio[0].set_value("classes").run()
    assert metrics(page)["Classes"] == "2"
    switch(page, "train")
    button(page, "Start").click().run()
    store = RunStore(sys.argv[sys.argv.index("--runs") + 1])
    first = store.runs()
    assert {run.config.layout for run in first} == {"classes"}
    again = open_page("train", **{"from": first[0].id})
    button(again, "Start").click().run()
    assert len(store.runs()) > len(first) and {run.config.layout for run in store.runs()} == {"classes"}


def duplicate_run(page: AppTest, root: Path, config: RunConfig) -> None:
    """Fill the form of an open Train page from a run."""
    page.query_params["from"] = RunStore(root).create(config, MANIFEST).id
    page.run()


def apply_preset(page: AppTest, root: Path, config: RunConfig) -> None:
    """Fill the form of an open Train page from a saved preset."""
    PresetStore(presets_folder()).save("As saved", Preset.from_configs([config]))
    page.run().selectbox(key="preset").set_value("As saved").run()
    button(page, "Apply preset").click().run()
    PresetStore(presets_folder()).delete("As saved")


@pytest.mark.faults
@pytest.mark.parametrize("fill", [duplicate_run, apply_preset])
def test_the_layout_of_a_run_or_preset_replaces_the_one_chosen_by_hand(root, make, fill):
    folder = nested_folders(make)
    page = open_folder(folder)
    page.radio[0].set_value("classes").run()
    assert switch(page, "train").radio[0].value == "classes"
    fill(page, root, RunConfig(data=str(folder), layout="nested", weights="random"))
    assert page.radio[0].value == "nested" and "12 images, 3 classes" in texts(page)
    button(page, "Start").click().run()
    assert RunStore(root).runs()[0].config.layout == "nested"


@pytest.mark.faults
@pytest.mark.parametrize("fill", [duplicate_run, apply_preset])
def test_a_run_or_preset_that_left_the_layout_open_asks_again(root, make, fill):
    folder = nested_folders(make)
    page = open_folder(folder)
    page.radio[0].set_value("classes").run()
    switch(page, "train")
    fill(page, root, RunConfig(data=str(folder)))
    assert page.radio[0].value is None and "can be read" in texts(page) and button(page, "Start").disabled
    page.radio[0].set_value("nested").run()
    assert page.radio[0].value == "nested" and "3 classes" in texts(page) and not page.error


@pytest.mark.faults
def test_the_page_says_which_part_is_drawn(make):
    for part in ("train", "val"):
        make("set", **{f"{part}/glass": 0, f"{part}/paper": 0})
        for label in ("glass", "paper"):
            for number in range(6):
                paint(make("set") / part / label / f"{number}.png", f"{part} {label} {number}")
    caption = "Split as in the folders train and val. There is no test folder with classes: test images are drawn from"
    assert caption in texts(open_folder(make("set")))


@pytest.mark.faults
def test_names_in_a_windows_zip_are_shown_and_can_be_corrected(make):
    names = {f"{label}\\{i}.jpg": f"{label}/{i}.png" for label in ("猫", "狗") for i in range(4)}
    source = make("set", **{"猫": 4, "狗": 4})
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as writer:
        for name, path in names.items():
            writer.writestr(RawName(name.encode("gb18030")), (source / path).read_bytes())
    page = drop_zip(archive.getvalue())
    assert page.radio[0].options[0].replace("\\", "") == "猫, 狗 – Simplified Chinese (GBK)" and not page.metric
    button(page, "Unpack").click().run()
    assert metrics(page)["Images"] == "8" and "猫" in page.selectbox(key="class").options


def test_without_a_folder_the_page_explains_the_folder_layout(root):
    page = open_page("data")
    page.segmented_control(key="source").set_value("Folder").run()
    assert "Each class is a folder of images" in texts(page) and not page.error and not page.metric


@pytest.mark.faults
@pytest.mark.parametrize("path", ["/etc", "../..", "/nowhere", "a\0b", "x" * 5_000, "~nobody/x"])
def test_a_folder_that_is_not_allowed_shows_one_error(root, path):
    page = open_folder(path)
    assert len(page.error) == 1 and not page.exception and not page.metric


@pytest.mark.faults
def test_problems_are_listed_and_the_other_images_are_used(make):
    folder = make(glass=5, paper=5, empty=0)
    (folder / "glass" / "page.jpg").write_text("<html>")
    (folder / "glass" / "cut.png").write_bytes((folder / "glass" / "0.png").read_bytes()[:-30])
    shutil.copy(folder / "paper" / "1.png", folder / "glass" / "stray.png")
    shutil.copy(folder / "glass" / "2.png", folder / "glass" / "again.png")
    page = open_folder(folder)
    identical, problems = (table.value for table in page.dataframe)
    assert list(problems["File or folder"]) == [
        "empty",
        "glass/cut.png",
        "glass/page.jpg",
        "glass/stray.png",
        "paper/1.png",
    ]
    assert metrics(page)["Problems"] == "5" and metrics(page)["Exact duplicates"] == "2"
    assert set(identical["File"]) == {"glass/2.png", "glass/again.png"}
    assert not page.exception and not button(page, "Train on these images").disabled


@pytest.mark.faults
@pytest.mark.parametrize("counts", [{"glass": 9}, {"glass": 1}, {"glass": 5, "paper": 1}, {"glass": 0, "paper": 0}, {}])
def test_too_few_images_show_an_error_and_disable_training(make, tmp_path, counts):
    make(**counts).mkdir(exist_ok=True)
    page = open_folder(tmp_path / "set")
    assert len(page.error) == 1 and "Expected at least" in page.error[0].value.replace("\\", "")
    assert not page.exception and button(page, "Train on these images").disabled
    assert metrics(page)["Images"] == str(sum(counts.values()))


@pytest.mark.faults
def test_file_and_class_names_are_never_markup(make):
    folder = make(**dict.fromkeys(UNUSUAL_NAMES, 3), **{"a": 12})
    paint(folder / "a" / f"<img src=x onerror=alert(1)>{'y' * 200}.png", "unusual")
    (folder / "a" / "[x](javascript:alert(1)).jpg").write_text("not an image")
    page = open_folder(folder)
    assert metrics(page)["Classes"] == "9" and not page.error
    for name in UNUSUAL_NAMES:
        page.selectbox(key="class").set_value(name).run()
        assert not page.exception
    shown = [*page.markdown, *page.caption]
    assert "times as many images" in texts(page)
    assert not any("<img" in element.value and "\\<img" not in element.value for element in shown)
    assert not any(image.captions[0].startswith("<") for image in page.image)


def test_unbalanced_classes_show_a_warning_and_the_class_weights_setting(make):
    page = open_folder(make(glass=13, paper=4))
    assert "glass has 3.2 times as many images as paper" in texts(page)
    page.checkbox(key="class-weights").check().run()
    switch(page, "train")
    assert page.checkbox(key="class-weights").value is True


def test_the_chosen_folder_is_preserved_between_pages(root, tiny_folder):
    page = open_folder(tiny_folder)
    switch(page, "train")
    assert "60 images, 10 classes" in texts(page) and page.text_input(key="folder").value == str(tiny_folder)
    switch(page, "data")
    assert metrics(page)["Images"] == "60"


def test_an_uploaded_zip_is_stored_once_and_used_until_it_is_replaced(make):
    page = drop_zip(zip_of(make(glass=4, paper=4)))
    assert "waste (uploaded)" in texts(page).replace("\\", "") and metrics(page)["Images"] == "8"
    assert not page.file_uploader
    switch(page, "train")
    assert "waste (uploaded)" in texts(page).replace("\\", "") and "8 images, 2 classes" in texts(page)
    button(page, "Replace").click().run()
    assert page.file_uploader and "8 images" not in texts(page)


def test_an_uploaded_folder_is_stored_and_used(make):
    folder = make("waste", glass=4, paper=4)
    page = open_page("data")
    page.segmented_control(key="source").set_value("Upload a folder").run()
    page.file_uploader(key="dropped").set_value(
        [(path.relative_to(folder.parent).as_posix(), path.read_bytes(), "image/png") for path in folder.rglob("*.png")]
    )
    page.run()
    assert "waste (uploaded)" in texts(page).replace("\\", "") and metrics(page)["Images"] == "8"


BOMB = bytearray(zipped(**{"a/bomb.jpg": bytes(5_000_000)}))
BOMB[(size := BOMB.rfind(b"PK\x01\x02") + 24) : size + 4] = (2 * 10**9).to_bytes(4, "little")


@pytest.mark.faults
@pytest.mark.parametrize(
    "content",
    [
        b"not a zip",
        zipped(**{"../../x.jpg": b"x"}),
        zipped(**{"/etc/x.jpg": b"x"}),
        BOMB,
        zipped(**{"a/in.zip": b"PK"}),
        zipped(**{"a/m.keras": b"x"}),
        zipped(),
    ],
    ids=["damaged", "traversal", "absolute", "bomb", "nested", "model", "empty"],
)
def test_a_bad_zip_shows_one_error_and_is_not_read_again(root, content, monkeypatch):
    page = drop_zip(content)
    assert len(page.error) == 1 and not page.exception and page.file_uploader and not page.metric
    monkeypatch.setattr("pages.parts.shared.uploads.unpack_zip", lambda *_: pytest.fail("read again"))
    first = page.error[0].value
    assert page.run().error[0].value == first
    assert not list(uploads_folder().glob(".staging-*"))


def test_the_images_of_an_earlier_run_are_a_separate_source(root, tiny_folder):
    page = open_page("data")
    page.session_state["selected-data"] = str(tiny_folder)
    page.run()
    assert page.segmented_control(key="source").value == "Earlier images" and metrics(page)["Images"] == "60"
    page.segmented_control(key="source").set_value("Sample").run()
    assert metrics(page)["Images"] == "600"
    page.session_state["selected-data"] = str(tiny_folder)
    assert metrics(page.run())["Images"] == "60"
    page.session_state["selected-data"] = SAMPLE
    assert page.run().segmented_control(key="source").value == "Sample"


def test_a_missing_folder_of_an_earlier_run_shows_one_error(root):
    page = open_page("data")
    page.session_state["selected-data"] = "/missing/folder"
    page.run()
    assert len(page.error) == 1 and not page.exception


def test_images_are_shown_by_class_and_part_one_page_at_a_time(root):
    page = open_page("data", **{"class": "glass"})
    assert page.selectbox(key="class").value == "glass"
    page.pagination(key="page").set_value(3).run()
    assert len(page.image) == 12 + 1
    page.segmented_control(key="part").set_value("Validation").run()
    assert len(page.image) == 9 + 1 and page.pagination(key="page").value == 1


@pytest.mark.faults
@pytest.mark.parametrize("query", [{"class": "nonsense"}, {"page": "99"}, {"page": "x"}, {"part": "<script>"}])
def test_invalid_query_parameters_are_ignored(root, query):
    page = open_page("data", **query)
    assert len(page.image) == 24 + 1 and not page.error


def test_augmented_copies_are_shown_on_request_and_follow_the_controls(root):
    page = open_page("data")
    before = len(page.image)
    button(page, "Show eight augmented copies").click().run()
    assert len(page.image) == before + 8 and page.image[-1].captions == ["Copy 8"]
    page.slider(key="augment-rotation").set_value(0.3).run()
    page.slider(key="augment-zoom").set_value(0.5).run()
    assert len(page.image) == before + 8 and not page.exception and not page.error


def test_augmentation_settings_are_shared_with_the_train_page(root):
    page = open_page("data")
    page.slider(key="augment-rotation").set_value(0.25)
    page.checkbox(key="augment-flip").uncheck().run()
    switch(page, "train")
    assert page.slider(key="augment-rotation").value == 0.25 and not page.checkbox(key="augment-flip").value


def test_a_rerun_does_not_scan_again(root, monkeypatch):
    page = open_page("data")
    for name in ("scan", "split"):
        monkeypatch.setattr(reports, name, lambda *_: pytest.fail("read again"))
    assert not page.run().exception and metrics(page)["Images"] == "600"


def test_the_button_opens_the_train_page(root):
    page = open_page("data")
    button(page, "Train on these images").click().run()
    assert page.title[0].value != "Data" and not page.exception


def test_near_duplicates_are_shown_with_the_effect_of_leaks(root, tiny_folder, tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", [*sys.argv, "--data-root", str(tmp_path)])
    folder = tmp_path / "twice"
    for label in ("glass", "paper"):
        (folder / label).mkdir(parents=True)
        for path in (tiny_folder / label).iterdir():
            image = Image.open(path)
            image.save(folder / label / path.name)
            ImageOps.mirror(image).save(folder / label / f"m-{path.name}")
    page = open_folder(folder)
    assert metrics(page)["Near-duplicates"] == "24" and "24 images show 12 photos more than once" in texts(page)
    assert "Divided image by image, " in texts(page)
    page.toggle(key="leaks").set_value(True).run()
    assert "None of the newest finished runs on these images has leaked test images" in texts(page)
    ungrouped = split(scan(folder), leak_free=False)
    run = RunStore(root).create(RunConfig(data=str(folder), leak_free=False), ungrouped.to_csv())
    finish(RunStore(root), run)
    rows = ["path,label,predicted", *(f"{item.path},{item.label},glass" for item in ungrouped.in_split("test"))]
    (root / run.id / "predictions.csv").write_text("\n".join(rows))
    page.run()
    table = next(frame.value for frame in page.dataframe if "Without leaked" in frame.value)
    assert table["All test images"].tolist() == [0.5] and table["Leaked"][0] > 0 and not page.exception


def record(folder: Path, label: str, recordings: int, frames: int = 6) -> None:
    """Write frames of recordings: label/clip0_000.png ... Every frame is different."""
    for clip in range(recordings):
        for frame in range(frames):
            paint(folder / label / f"clip{clip}_{frame:03d}.png", f"{label} {clip} {frame}")


def test_groups_by_pattern_are_shown_and_reach_the_train_page_and_its_runs(root, make):
    folder = make()
    for label in ("cup", "fork"):
        record(folder, label, recordings=5)
    page = open_folder(folder)
    page.text_input(key="groups").set_value(r"(.+)_\d+").run()
    assert "5 groups of 12 images." in texts(page) and not page.error and not page.exception
    switch(page, "train")
    assert page.text_input(key="groups").value == r"(.+)_\d+" and "5 groups of 12 images." in texts(page)
    page.selectbox(key="weights").select("None (random)").run()
    button(page, "Start").click().run()
    store = RunStore(root)
    for run in store.runs():
        parts = defaultdict(set)
        for item in Manifest.from_csv(store.manifest(run.id)).items:
            parts[item.group].add(item.split)
        assert run.config.groups == r"(.+)_\d+" and len(parts) == 5 and all(len(found) == 1 for found in parts.values())
    again = open_page("train", **{"from": store.runs()[0].study})
    assert again.text_input(key="groups").value == r"(.+)_\d+" and "5 groups of 12 images." in texts(again)


def test_default_settings_keep_the_groups_and_a_preset_for_images_replaces_them(root, make):
    folder = make(cup=20, fork=20)
    for label in ("cup", "fork"):
        record(folder, label, recordings=5)
    page = open_folder(folder)
    page.text_input(key="groups").set_value(r"(.+)_\d+").run()
    page.checkbox(key="leak-free").uncheck().run()
    switch(page, "train")
    page.number_input(key="patience").set_value(3).run()
    page.selectbox(key="preset").set_value("Seven depths").run()
    button(page, "Apply preset").click().run()
    assert page.number_input(key="patience").value == 0 and "7 runs" in texts(page)
    assert (page.checkbox(key="leak-free").value, page.text_input(key="groups").value) == (False, r"(.+)_\d+")
    assert page.text_input(key="folder").value == str(folder)
    apply_preset(page, root, RunConfig(data=str(folder)))
    assert (page.checkbox(key="leak-free").value, page.text_input(key="groups").value) == (True, "")


def test_groups_by_a_csv_file_are_read_from_allowed_folders_alone(root, make, tmp_path_factory):
    folder = make(cup=20, fork=20)
    rows = "path,group\n" + "".join(
        f"{label}/{n}.png,{label}{n // 4}\n" for label in ("cup", "fork") for n in range(20)
    )
    (folder / "groups.csv").write_text(rows)
    elsewhere = tmp_path_factory.mktemp("elsewhere") / "groups.csv"
    elsewhere.write_text(rows)
    page = open_folder(folder)
    page.text_input(key="groups").set_value(str(folder / "groups.csv")).run()
    assert "10 groups of 4 images." in texts(page) and not page.error
    (folder / "link.csv").symlink_to(elsewhere)
    for outside in (elsewhere, folder / "link.csv"):
        page.text_input(key="groups").set_value(str(outside)).run()
        assert len(page.error) == 1 and "Expected a file below" in page.error[0].value
        assert "groups of" not in texts(page)


@pytest.mark.faults
@pytest.mark.parametrize(
    ("groups", "message"),
    [
        ("(", "no regular expression"),
        ("clip", "0 capture groups"),
        ("(video)", "fits none of 24"),
        ("{folder}/missing.csv", "Expected an existing file"),
    ],
)
@pytest.mark.parametrize("name", ["data", "train"])
def test_bad_groups_show_one_error_on_both_pages(root, make, name, groups, message):
    folder = make(cup=12, fork=12)
    page = open_folder(folder)
    if name == "train":
        switch(page, "train")
    page.text_input(key="groups").set_value(groups.replace("{folder}", str(folder))).run()
    assert len(page.error) == 1 and message in page.error[0].value.replace("\\", "") and not page.exception
    if name == "train":
        assert button(page, "Start").disabled
    page.text_input(key="groups").set_value("").run()
    assert not page.error and not page.exception


def test_near_duplicates_in_the_users_own_folders_are_reported_with_numbers(root, make, tiny_folder):
    folder = make()
    for label in ("glass", "paper"):
        for number, path in enumerate(sorted((tiny_folder / label).iterdir())):
            part = folder / ("test" if number < 2 else "train") / label
            part.mkdir(parents=True, exist_ok=True)
            image = Image.open(path)
            image.save(part / path.name)
            if number == 0:
                again = folder / "train" / label / f"m-{path.name}"
                again.parent.mkdir(parents=True, exist_ok=True)
                ImageOps.mirror(image).save(again)
    page = open_folder(folder)
    assert metrics(page)["Images"] == "14" and metrics(page)["Problems"] == "0"
    warning = "2 of 4 test images (50.0%) are near-duplicates of images for training or validation"
    assert warning in texts(page) and warning in texts(switch(page, "train")) and not button(page, "Start").disabled


def test_images_left_out_of_the_users_own_split_are_reported_by_their_number(root, make):
    folder = make(**{f"{part}/{label}": 5 for part in ("train", "test") for label in ("glass", "paper")})
    shutil.copy(folder / "test" / "glass" / "0.png", folder / "train" / "glass" / "again.png")
    page = open_folder(folder)
    warning = "1 training image is left out, because the same file is also in validation or test"
    assert warning in texts(page) and metrics(page)["Problems"] == "1" and metrics(page)["Images"] == "20"
    assert warning in texts(switch(page, "train"))


def test_a_class_of_one_photo_is_used_with_a_warning_and_the_tick_takes_it_away(root, make, tiny_folder):
    folder = make(fork=12)
    (folder / "glass").mkdir()
    photo = Image.open(sorted((tiny_folder / "glass").iterdir())[0])
    for number in range(12):
        photo.resize((90 - number, 90 - number)).save(folder / "glass" / f"{number}.png")
    page = open_folder(folder)
    assert "Near-duplicates in glass cannot stay together" in texts(page) and not page.error
    page.checkbox(key="leak-free").uncheck().run()
    assert "cannot stay together" not in texts(page) and "2 of 4 test images (50.0%) are near-duplicates" in texts(page)
    switch(page, "train")
    assert not page.checkbox(key="leak-free").value and not button(page, "Start").disabled
