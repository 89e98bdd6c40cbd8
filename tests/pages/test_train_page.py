"""Setting up a study, without a browser."""

from typing import ClassVar

import pytest
from pages_harness import MANIFEST, button, make_study, open_page, texts

from core.execution.keras_service.client import KerasService, KerasServiceError
from core.experiment.preset import PresetStore
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import STRATEGIES, gradual_unfreezing
from core.experiment.timings import PhaseTimings, Timings
from core.machine.paths import presets_folder


def depth(page, card: int, phase: int = 0):
    return page.slider(key=f"card-{card}-phase-{phase}-depth")


def test_it_offers_the_course_settings_and_says_the_plan(root, imagenet):
    page = open_page("train")
    assert "600 images" in texts(page) and "3 runs, 65 epochs in all" in texts(page)
    assert [card.value for card in page.slider if "depth" in card.key] == [0, 154, 0, 30]
    assert "1,691,914 of 2.42 M parameters train" in texts(page) and not button(page, "Start").disabled
    assert page.selectbox(key="weights").value == "ImageNet" and "near guessing" not in texts(page)


def test_seeds_are_chosen_by_what_they_can_tell(root):
    page = open_page("train")
    assert "Whether the next training would come out the same it cannot tell" in texts(page)
    page.segmented_control(key="seeds").set_value(5).run()
    assert "15 runs, 325 epochs in all" in texts(page) and "four times in five" in texts(page)
    button(page, "Start").click().run()
    runs = RunStore(root).runs()
    assert [run.config.seed for run in reversed(runs)] == [seed for seed in range(5) for _ in range(3)]
    assert all(run.config.split_seed == run.config.seed for run in runs)
    again = open_page("train", **{"from": runs[0].study})
    assert "15 runs" in texts(again) and again.session_state["seeds"] == 5


def test_a_duplicated_study_keeps_its_seeds(root):
    study = RunStore(root).create_study([(RunConfig(seed=seed, split_seed=seed), MANIFEST) for seed in (4, 5)])
    page = open_page("train", **{"from": study.id})
    assert page.segmented_control(key="seeds").value == 2 and page.number_input(key="seed").value == 4
    assert "2 runs" in texts(page)


def test_a_study_of_seven_depths_is_filled_in_at_once(root):
    page = open_page("train")
    page.selectbox(key="preset").select("How deep to unfreeze: seven depths").run()
    button(page, "Fill in").click().run()
    assert not page.exception
    button(page, "Start").click().run()
    runs = RunStore(root).runs()
    assert sorted(run.config.strategy.phases[-1].unfreeze for run in runs) == [0, 11, 20, 30, 56, 100, 154]
    assert len({run.config.strategy.phases[0] for run in runs}) == 1, "all begin with the same head"


@pytest.mark.faults
def test_start_makes_one_study_however_often_and_wherever_it_is_pressed(root):
    for page in (open_page("train"), open_page("train")):
        button(page, "Start").click().run()
        assert not page.exception and "Queued" in texts(page), "the study is shown on the Runs page"
    runs = RunStore(root).runs()
    assert [run.config.strategy.name for run in reversed(runs)] == list(STRATEGIES)


def test_the_depth_names_the_block_and_counts_what_trains(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("Nothing (random)").run()
    page.select_slider(key="alpha").set_value(1.0)
    depth(page, 2, 1).set_value(38).run()
    assert "From block_13 up: 1,846,858 of 2.42 M parameters train" in texts(page)
    depth(page, 2, 1).set_value(37).run()
    assert "From within block_13 up" in texts(page)


def test_a_card_is_called_what_it_does(root):
    page = open_page("train")
    depth(page, 1).set_value(100).run()
    assert page.checkbox(key="card-1-use").label == "**Fine-tuning 100 layers**"
    button(page, "Start").click().run()
    assert [run.title for run in RunStore(root).runs()][1] == "Fine-tuning 100 layers"


def test_without_a_strategy_there_is_nothing_to_start(root):
    page = open_page("train")
    for number in range(3):
        page.checkbox(key=f"card-{number}-use").uncheck()
    page.run()
    assert button(page, "Start").disabled and "Tick a strategy" in texts(page)


def test_a_setting_against_the_guidelines_is_warned_of_not_forbidden(root):
    page = open_page("train")
    page.select_slider(key="card-2-phase-1-rate").set_value(1e-2).run()
    assert "not below the head's" in texts(page) and not button(page, "Start").disabled


@pytest.mark.faults
@pytest.mark.parametrize("path", ["/etc", "../..", "/nowhere", "a\0b", "x" * 5_000, "<img src=x onerror=alert(1)>"])
def test_folders_that_may_not_be_used_are_one_line(root, path):
    page = open_page("train")
    page.segmented_control[0].set_value("Folder").run()
    page.text_input(key="folder").set_value(path).run()
    assert len(page.error) == 1 and not page.exception and button(page, "Start").disabled


def test_a_folder_below_the_roots_is_reported(root, tiny_folder):
    page = open_page("train")
    page.segmented_control[0].set_value("Folder").run()
    page.text_input(key="folder").set_value(str(tiny_folder)).run()
    assert "60 images" in texts(page) and not button(page, "Start").disabled


@pytest.mark.faults
def test_a_weights_file_that_may_not_be_read_is_one_line(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("A weights file").run()
    assert "received nothing" in texts(page) and button(page, "Start").disabled and "3 runs" in texts(page)
    for path, told in (("/etc/passwd", "below"), (str(root.parent / "missing.h5"), "Expected")):
        page.text_input(key="weights-file").set_value(path).run()
        assert len(page.error) == 1 and told in texts(page) and button(page, "Start").disabled


def test_duplicate_fills_in_the_settings_and_the_images_of_a_run(root, tiny_folder):
    config = RunConfig(
        data=str(tiny_folder), strategy=gradual_unfreezing(), image_size=96, seed=7, split_seed=7, weights="random"
    )
    run = RunStore(root).create(config, "path,hash,label,split\na.jpg,0,a,train\n")
    page = open_page("train", **{"from": run.id})
    assert "60 images" in texts(page) and "1 run, 20 epochs" in texts(page)
    assert page.number_input(key="seed").value == 7
    button(page, "Start").click().run()
    assert not page.exception and RunStore(root).runs()[0].config == config


def test_a_whole_study_can_be_duplicated(root):
    _, study = make_study(root, image_size=96)
    page = open_page("train", **{"from": study.id})
    assert "3 runs" in texts(page) and page.select_slider(key="image-size").value == 96


@pytest.mark.faults
@pytest.mark.parametrize("wild", ["20200101-000000-000-01-two-phase", "../../etc", "<script>", "a\0b"])
def test_a_duplicate_of_nothing_is_a_line(root, wild):
    page = open_page("train", **{"from": wild})
    assert "No such run" in texts(page) and not button(page, "Start").disabled


def test_settings_are_kept_under_a_name_and_filled_in_again(root):
    page = open_page("train")
    page.select_slider(key="image-size").set_value(128)
    depth(page, 2, 1).set_value(56).run()
    page.text_input(key="preset-name").set_value("Deep and small").run()
    button(page, "Keep").click().run()
    again = open_page("train")
    again.selectbox(key="preset").set_value("Deep and small").run()
    button(again, "Fill in").click().run()
    assert depth(again, 2, 1).value == 56 and again.select_slider(key="image-size").value == 128
    PresetStore(presets_folder()).delete("Deep and small")


@pytest.mark.faults
def test_damaged_presets_are_a_line_and_others_files_are_left_alone(root):
    presets_folder().mkdir(parents=True, exist_ok=True)
    damaged, stranger = (presets_folder() / name for name in ("broken.json", "a@b.json"))
    for path in (damaged, stranger):
        path.write_text("{")
    page = open_page("train")
    assert page.selectbox(key="preset").options[-1] == "broken"
    page.selectbox(key="preset").set_value("broken").run()
    button(page, "Fill in").click().run()
    assert (not page.exception and "is damaged" in texts(page).replace("\\", "")) or page.toast
    button(page, "Delete this preset for good").click().run()
    assert not damaged.exists() and stranger.exists()
    stranger.unlink()


def test_random_weights_are_said_to_transfer_nothing(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("Nothing (random)").run()
    assert "nothing is transferred" in texts(page)
    button(page, "Fill in").click().run()
    assert page.selectbox(key="weights").value in ("ImageNet", "Drawn pictures (sample base)")


def test_without_imagenet_the_form_starts_from_the_sample_base_and_says_why(root, offline):
    page = open_page("train")
    assert page.selectbox(key="weights").value == "Drawn pictures (sample base)"
    assert (page.select_slider(key="alpha").value, page.select_slider(key="image-size").value) == (0.35, 96)
    assert texts(page).count("training starts from the sample base") == 1 and not button(page, "Start").disabled
    button(page, "Start").click().run()
    assert {run.config.weights for run in RunStore(root).runs()} == {"sample"}


def test_the_sample_base_chosen_brings_its_width_and_size(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("Nothing (random)").run()
    page.select_slider(key="alpha").set_value(1.0)
    page.select_slider(key="image-size").set_value(224).run()
    page.selectbox(key="weights").set_value("Drawn pictures (sample base)").run()
    assert (page.select_slider(key="alpha").value, page.select_slider(key="image-size").value) == (0.35, 96)
    page.select_slider(key="alpha").set_value(1.0).run()
    assert "Expected width (alpha) 0.35 for the sample base" in texts(page) and button(page, "Start").disabled


@pytest.mark.faults
def test_a_damaged_sample_base_is_said_and_random_weights_are_offered(root, offline, tmp_path, monkeypatch):
    monkeypatch.setattr("core.backbones.weights.SAMPLE_FILE", tmp_path / "gone.npz")
    page = open_page("train")
    assert "it is missing" in texts(page) and page.selectbox(key="weights").value == "Nothing (random)"
    page.selectbox(key="weights").set_value("Drawn pictures (sample base)").run()
    assert len(page.error) == 1 and "it is missing" in texts(page) and button(page, "Start").disabled


@pytest.mark.faults
def test_too_many_epochs_together_are_refused_in_a_line(root):
    page = open_page("train")
    for phase in (0, 1):
        page.number_input(key=f"card-2-phase-{phase}-epochs").set_value(1_000)
    page.run()
    assert "Expected" in page.error[0].value and not page.exception and button(page, "Start").disabled
    page.number_input(key="card-2-phase-1-epochs").set_value(10)
    page.number_input(key="card-2-phase-0-epochs").set_value(15).run()
    assert not page.error and not button(page, "Start").disabled


class Measuring(KerasService):
    """Stands for the assistant: knows a pace without measuring one, and what it was asked for."""

    asked: ClassVar[list[list[int]]] = []
    trouble = ""

    def measure_timings(self, config, classes, files, depths):
        Measuring.asked.append(list(depths))
        if Measuring.trouble:
            raise KerasServiceError(Measuring.trouble)
        assert classes == 10 and all(path.is_file() for path in files)
        pace = PhaseTimings("pool", (1280,), "weights", 2.0, 0.1, 0.05, 0.01)
        return Timings(1.0, 0.0, {depth: pace for depth in depths})


def test_the_time_is_estimated_once_for_each_depth(root, monkeypatch, tmp_path):
    monkeypatch.setattr("pages.parts.shared.services.KerasService", Measuring)
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path / "home"))
    Measuring.asked, Measuring.trouble = [], "Expected the assistant to answer; <nothing> came."
    page = open_page("train")
    button(page, "Estimate the time").click().run()
    assert "Expected the assistant to answer" in page.error[0].value and not page.exception
    Measuring.trouble = ""
    button(page, "Estimate the time").click().run()
    assert Measuring.asked[1:] == [[0, 30, 154]] and "on this machine" in texts(page)
    # 3 builds, 4 phases, 65 epochs of 14 + 3 batches, 3 tests; each view of 420 images and 180 plain ones once
    assert "About 2 min 11 s on this machine. Of 1,860 views" in texts(page)
    page.number_input(key="card-0-phase-0-epochs").set_value(5).run()
    assert "About 1 min 55 s" in texts(page) and len(Measuring.asked) == 2
    depth(page, 1).set_value(100).run()
    button(page, "Estimate the time").click().run()
    assert Measuring.asked[2:] == [[100]]
