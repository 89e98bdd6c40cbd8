"""The Train page without a browser."""

import json
import shutil
from typing import ClassVar

import pytest
from pages_harness import MANIFEST, button, make_study, open_page, texts

from core.backbones.registry import DEFAULT_BASE
from core.data.datasets.scan import scan
from core.data.study_plan import plan_study
from core.execution.keras_service.client import KerasService, KerasServiceError
from core.experiment.named_strategies import (
    STRATEGIES,
    SWEPT_RATES,
    SharedSettings,
    gradual_unfreezing,
    gradual_with_settings,
    rate_sweep,
)
from core.experiment.preset import PresetStore
from core.experiment.run_config import RunConfig
from core.experiment.runs.growth_store import GrowthStore
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import Phase
from core.experiment.timings import PhaseTimings, Timings
from core.machine.paths import presets_folder, sample_set_folder


def depth(page, card: int, phase: int = 0):
    return page.slider(key=f"card-{card}-phase-{phase}-depth")


def test_default_settings_and_plan_are_shown(root, imagenet):
    page = open_page("train")
    assert "600 images" in texts(page) and "3 runs, 65 epochs in all" in texts(page)
    assert [card.value for card in page.slider if "depth" in card.key] == [0, 154, 0, 30]
    assert "1,691,914 of 2.42 M parameters train" in texts(page) and not button(page, "Start").disabled
    assert page.selectbox(key="weights").value == "ImageNet" and "near chance level" not in texts(page)


def test_seeds_are_shown_with_the_difference_they_can_detect(root):
    page = open_page("train")
    detectable = "you will detect differences of 15 points or more between two models (80% power)"
    assert f"{detectable}; it does not show variation between trainings" in texts(page)
    page.segmented_control(key="seeds").set_value(5).run()
    assert "15 runs, 325 epochs in all" in texts(page) and "With 5 seeds and 120 test images" in texts(page)
    button(page, "Start").click().run()
    runs = RunStore(root).runs()
    assert [run.config.seed for run in reversed(runs)] == [seed for seed in range(5) for _ in range(3)]
    assert all(run.config.split_seed == run.config.seed for run in runs)
    again = open_page("train", **{"from": runs[0].study})
    assert "15 runs" in texts(again) and again.session_state["seeds"] == 5


def test_three_seeds_are_tested_in_turn_unless_the_user_chooses(root):
    page = open_page("train")
    parts = page.segmented_control(key="test-parts")
    assert parts.value == "random" and "420 for training, 90 for validation, 90 for testing" in texts(page)
    page.segmented_control(key="seeds").set_value(3).run()
    assert parts_of(page) == "in-turn" and "In turn: five seeds test every image once (68/12/20)." in texts(page)
    assert "for validation, 120 for testing" in texts(page) and "With 3 seeds and 120 test images" in texts(page)
    page.segmented_control(key="test-parts").set_value("random").run()
    page.segmented_control(key="seeds").set_value(5).run()
    assert parts_of(page) == "random" and "With 5 seeds and 90 test images" in texts(page)
    page.text_input(key="preset-name").set_value("At random").run()
    button(page, "Save").click().run()
    page.segmented_control(key="test-parts").set_value("in-turn").run()
    button(page, "Start").click().run()
    assert {run.config.test_parts for run in RunStore(root).runs()} == {"in-turn"}
    again = open_page("train")
    again.selectbox(key="preset").set_value("At random").run()
    button(again, "Apply preset").click().run()
    assert parts_of(again) == "random" and again.segmented_control(key="seeds").value == 5
    PresetStore(presets_folder()).delete("At random")


def parts_of(page) -> str:
    return page.segmented_control(key="test-parts").value


def test_where_the_user_has_a_test_folder_the_page_says_why_nothing_is_in_turn(root, tiny_folder):
    folders = tiny_folder.parent / "with-a-test-folder"
    for part, keep in (("train", "12345"), ("test", "0")):
        for path in (path for path in tiny_folder.glob("*/*") if path.stem[-1] in keep):
            (folders / part / path.parent.name).mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folders / part / path.parent.name)
    page = open_page("train")
    page.segmented_control[0].set_value("Folder").run()
    page.text_input(key="folder").set_value(str(folders)).run()
    page.segmented_control(key="seeds").set_value(3).run()
    assert page.segmented_control(key="test-parts").disabled
    assert "Test parts are random: the data set has a test folder of its own, which is used as it is." in texts(page)
    button(page, "Start").click().run()
    assert not page.exception and {run.config.test_parts for run in RunStore(root).runs()} == {"random"}


def test_a_study_until_settled_begins_with_three_seeds_and_has_a_limit(root):
    page = open_page("train")
    page.segmented_control(key="seed-plan").set_value("Until settled").run()
    assert "9 runs, 195 epochs at first; at most 60 runs" in texts(page) and parts_of(page) == "in-turn"
    assert "More are added until the best strategy is known, at most 20 seeds each." in texts(page)
    page.number_input(key="max-seeds").set_value(10).run()
    page.number_input(key="max-minutes").set_value(45.0).run()
    assert "at most 10 seeds each, or 45 minutes of training." in texts(page)
    for number in (0, 1):
        page.checkbox(key=f"card-{number}-use").uncheck()
    page.run()
    assert "Expected at least two strategies" in texts(page) and button(page, "Start").disabled
    page.checkbox(key="card-0-use").check().run()
    button(page, "Start").click().run()
    assert not page.exception and "3 seeds of each strategy first. More are added" in texts(page)
    (study,) = {run.study for run in RunStore(root).runs()}
    growth = GrowthStore(RunStore(root)).load(study)
    assert (growth.seeds, growth.limits.max_seeds, growth.limits.minutes) == (3, 10, 45.0) and len(
        RunStore(root).runs()
    ) == 6
    runs = RunStore(root).study(study).runs
    assert runs[-1].id.split("-")[3] == "06"
    for origin in (study, runs[-1].id):  # Duplicate
        page = open_page("train", **{"from": origin})
        assert not page.exception and page.segmented_control(key="seed-plan").value == "Until settled"
        assert (page.number_input(key="max-seeds").value, page.number_input(key="max-minutes").value) == (10, 45.0)
        assert "6 runs" in texts(page)


def test_a_duplicated_study_keeps_its_seeds(root):
    study = RunStore(root).create_study([(RunConfig(seed=seed, split_seed=seed), MANIFEST) for seed in (4, 5)])
    page = open_page("train", **{"from": study.id})
    assert page.segmented_control(key="seeds").value == 2 and page.number_input(key="seed").value == 4
    assert "2 runs" in texts(page)


def test_the_preset_seven_depths_fills_the_form(root):
    page = open_page("train")
    page.selectbox(key="preset").select("Seven depths").run()
    button(page, "Apply preset").click().run()
    assert not page.exception
    button(page, "Start").click().run()
    runs = RunStore(root).runs()
    assert sorted(run.config.counted_strategy.phases[-1].unfreeze for run in runs) == [0, 11, 20, 30, 56, 100, 154]
    assert len({run.config.strategy.phases[0] for run in runs}) == 1, "the same first phase trains the head"


def test_the_preset_learning_rate_sweep_is_one_card_for_one_study(root):
    page = open_page("train")
    page.selectbox(key="preset").select("Learning rate sweep").run()
    button(page, "Apply preset").click().run()
    assert not page.exception and page.multiselect(key="sweep-rates").value == list(SWEPT_RATES)
    assert "12 runs, 15 epochs each" in texts(page)
    page.number_input(key="sweep-epochs").set_value(3)
    page.segmented_control(key="seeds").set_value(3)
    page.checkbox(key="three-dropouts").check().run()
    assert "108 runs, 3 epochs each" in texts(page) and page.multiselect(key="dropouts").value == [0.2, 0.5, 0.8]
    page.multiselect(key="sweep-rates").unselect(1e-5).run()
    button(page, "Start").click().run()
    assert not page.exception
    configs = [run.config for run in RunStore(root).runs()]
    assert {(config.strategy, config.dropout) for config in configs} == {
        (strategy, dropout)
        for strategy in rate_sweep(SWEPT_RATES[1:], Phase(0, 1e-3, 3))
        for dropout in (0.2, 0.5, 0.8)
    }
    assert len(configs) == 99 and len({run.study for run in RunStore(root).runs()}) == 1
    again = open_page("train", **{"from": RunStore(root).runs()[0].study})
    assert "99 runs, 3 epochs each" in texts(again)
    again.checkbox(key="three-dropouts").uncheck().run()
    assert "33 runs, 3 epochs each" in texts(again)


def test_a_sweep_with_too_many_settings_says_why_it_cannot_start(root):
    page = open_page("train")
    page.selectbox(key="preset").select("Learning rate sweep").run()
    button(page, "Apply preset").click().run()
    page.multiselect(key="dropouts").set_value([0.1, 0.2, 0.3, 0.4]).run()
    assert "Expected 1 to 40 settings in a study; received 48" in texts(page) and button(page, "Start").disabled
    page.multiselect(key="dropouts").set_value([0.1, 0.2])
    page.segmented_control(key="seed-plan").set_value("Until settled").run()
    assert "Expected one dropout in a study that grows" in texts(page) and button(page, "Start").disabled
    page.multiselect(key="dropouts").set_value([0.1])
    page.multiselect(key="sweep-rates").set_value([]).run()
    assert "No learning rate is selected" in texts(page) and button(page, "Start").disabled and not page.exception


def test_a_rate_that_is_taken_from_a_sweep_fills_the_head_of_the_default_strategies(root, tiny_folder):
    planned = plan_study(
        RunConfig(data=str(tiny_folder), image_size=96, weights="random"),
        rate_sweep(head=Phase(0, 1e-3, 4)),
        scan(tiny_folder),
        range(2, 4),
        (0.2, 0.8),
    )
    study = RunStore(root).create_study(planned)
    chosen = next(run for run in study.runs if (run.config.dropout, run.config.strategy.title[-4:]) == (0.8, "2e-3"))
    page = open_page("train", **{"rate-of": chosen.id})
    assert "The strategies below train the head at 2e-3" in page.info[0].value and "60 images" in texts(page)
    assert [page.select_slider(key=f"card-{card}-phase-0-rate").value for card in (0, 2)] == [2e-3, 2e-3]
    assert page.multiselect(key="dropouts").value == [0.8] and "6 runs" in texts(page)
    assert (page.number_input(key="seed").value, page.segmented_control(key="seeds").value) == (2, 2)
    button(page, "Start").click().run()
    started = [run.config for run in RunStore(root).runs() if run.study != study.id]
    assert {config.strategy.phases[0] for config in started} >= {Phase(0, 2e-3, 4)} and len(started) == 6
    assert {(config.dropout, config.image_size) for config in started} == {(0.8, 96)}


@pytest.mark.faults
@pytest.mark.parametrize("run_id", ["20200101-000000-000-01-two-phase", "../../etc"])
def test_taking_the_rate_of_a_missing_run_shows_an_error(root, run_id):
    page = open_page("train", **{"rate-of": run_id})
    assert "No such run" in texts(page) and not button(page, "Start").disabled


def test_the_preset_gradual_unfreezing_is_one_card_with_four_phases(root):
    page = open_page("train")
    page.selectbox(key="preset").select("Gradual unfreezing").run()
    button(page, "Apply preset").click().run()
    assert not page.exception and page.checkbox(key="card-0-use").label == "**Gradual unfreezing**"
    assert [depth(page, 0, phase).value for phase in range(4)] == [0, 10, 20, 30]
    rates = [page.select_slider(key=f"card-0-phase-{phase}-rate").value for phase in range(4)]
    assert rates == sorted(set(rates), reverse=True), "each phase has a lower rate"
    assert "1 run, 25 epochs" in texts(page)
    button(page, "Start").click().run()
    assert [run.config.strategy for run in RunStore(root).runs()] == [gradual_with_settings(SharedSettings())]


@pytest.mark.faults
def test_starting_twice_in_two_windows_creates_one_study(root):
    for page in (open_page("train"), open_page("train")):
        button(page, "Start").click().run()
        assert not page.exception and "Queued" in texts(page), "the study is shown on the Runs page"
    runs = RunStore(root).runs()
    assert [run.config.strategy.name for run in reversed(runs)] == list(STRATEGIES)


def test_the_depth_is_described_with_its_block_and_trained_parameters(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("None (random)").run()
    page.select_slider(key="alpha").set_value(1.0)
    depth(page, 2, 1).set_value(38).run()
    assert "From block_13 up: 1,846,858 of 2.42 M parameters train" in texts(page)
    depth(page, 2, 1).set_value(37).run()
    assert "From within block_13 up" in texts(page)


def test_the_title_of_a_card_follows_its_depth(root):
    page = open_page("train")
    depth(page, 1).set_value(100).run()
    assert page.checkbox(key="card-1-use").label == "**Fine-tuning 100 layers**"
    button(page, "Start").click().run()
    assert [run.title for run in RunStore(root).runs()][1] == "Fine-tuning 100 layers"


def test_start_is_disabled_without_a_strategy(root):
    page = open_page("train")
    for number in range(3):
        page.checkbox(key=f"card-{number}-use").uncheck()
    page.run()
    assert button(page, "Start").disabled and "No strategy is selected" in texts(page)


def test_a_setting_outside_the_guidelines_shows_a_warning_and_can_start(root):
    page = open_page("train")
    page.select_slider(key="card-2-phase-1-rate").set_value(1e-2).run()
    assert "not below the head's" in texts(page) and not button(page, "Start").disabled


@pytest.mark.faults
@pytest.mark.parametrize("path", ["/etc", "../..", "/nowhere", "a\0b", "x" * 5_000, "<img src=x onerror=alert(1)>"])
def test_a_folder_that_is_not_allowed_shows_one_error(root, path):
    page = open_page("train")
    page.segmented_control[0].set_value("Folder").run()
    page.text_input(key="folder").set_value(path).run()
    assert len(page.error) == 1 and not page.exception and button(page, "Start").disabled


def test_a_folder_below_an_allowed_folder_is_reported(root, tiny_folder):
    page = open_page("train")
    page.segmented_control[0].set_value("Folder").run()
    page.text_input(key="folder").set_value(str(tiny_folder)).run()
    assert "60 images" in texts(page) and not button(page, "Start").disabled


@pytest.mark.faults
def test_a_weights_file_that_is_not_allowed_shows_one_error(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("A weights file").run()
    assert "received nothing" in texts(page) and button(page, "Start").disabled and "3 runs" in texts(page)
    for path, message in (("/etc/passwd", "below"), (str(root.parent / "missing.h5"), "Expected")):
        page.text_input(key="weights-file").set_value(path).run()
        assert len(page.error) == 1 and message in texts(page) and button(page, "Start").disabled


@pytest.mark.faults
@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("groups", "(", "no regular expression"),
        ("weights-file", "/etc/passwd", "below"),
        ("weights-file", "", "received"),
    ],
)
def test_a_bad_entry_leaves_the_other_controls_and_says_why_the_study_cannot_start(root, key, value, message):
    page = open_page("train")
    page.selectbox(key="weights").set_value("A weights file" if key == "weights-file" else "None (random)").run()
    page.text_input(key=key).set_value(value).run()
    assert len(page.error) == 1 and message in page.error[0].value and not page.exception
    for control in (page.number_input(key="patience"), page.number_input(key="views"), page.slider(key="augment-zoom")):
        assert not control.disabled
    page.number_input(key="patience").set_value(4)
    page.segmented_control(key="seeds").set_value(3).run()
    assert button(page, "Start").disabled and "9 runs" in texts(page)
    reason = next(caption.value for caption in page.caption if "To start, correct" in caption.value)
    assert message in reason
    page.selectbox(key="weights").set_value("None (random)")
    page.text_input(key="groups").set_value("").run()
    assert not page.error and not button(page, "Start").disabled and page.number_input(key="patience").value == 4


@pytest.mark.faults
def test_two_bad_entries_are_shown_at_their_places(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("A weights file")
    page.text_input(key="groups").set_value("(").run()
    assert ["weights" in error.value for error in page.error] == [True, False] and button(page, "Start").disabled


@pytest.mark.faults
def test_a_run_of_an_earlier_version_with_batch_size_1_is_duplicated_with_2(root):
    run = RunStore(root).create(RunConfig(weights="random"), MANIFEST)
    path = root / run.id / "config.json"
    path.write_text(json.dumps(json.loads(path.read_text()) | {"batch_size": 1}))
    page = open_page("train", **{"from": run.id})
    assert page.select_slider(key="batch-size").value == 2 and not page.error
    assert "The batch size is now 2" in page.info[0].value
    button(page, "Start").click().run()
    assert not page.exception and RunStore(root).runs()[0].config.batch_size == 2
    page = open_page("train", **{"from": run.id})
    page.select_slider(key="batch-size").set_value(32).run()
    assert not page.info and not page.exception


def test_the_precision_of_cached_features_is_chosen_and_restored(root):
    page = open_page("train")
    assert page.selectbox(key="frozen-precision").value == "exact"
    page.selectbox(key="weights").set_value("None (random)")
    page.selectbox(key="frozen-precision").set_value("fastest").run()
    button(page, "Start").click().run()
    run = RunStore(root).runs()[0]
    assert not page.exception and run.config.frozen_precision == "fastest"
    assert open_page("train", **{"from": run.id}).selectbox(key="frozen-precision").value == "fastest"


def test_duplicate_restores_the_settings_and_images_of_a_run(root, tiny_folder):
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
@pytest.mark.parametrize("run_id", ["20200101-000000-000-01-two-phase", "../../etc", "<script>", "a\0b"])
def test_duplicating_a_missing_run_shows_an_error(root, run_id):
    page = open_page("train", **{"from": run_id})
    assert "No such run" in texts(page) and not button(page, "Start").disabled


def test_a_preset_is_saved_and_applied(root):
    page = open_page("train")
    page.select_slider(key="image-size").set_value(128)
    depth(page, 2, 1).set_value(56).run()
    page.text_input(key="preset-name").set_value("Deep and small").run()
    button(page, "Save").click().run()
    again = open_page("train")
    again.selectbox(key="preset").set_value("Deep and small").run()
    button(again, "Apply preset").click().run()
    assert depth(again, 2, 1).value == 56 and again.select_slider(key="image-size").value == 128
    PresetStore(presets_folder()).delete("Deep and small")


@pytest.mark.faults
def test_a_damaged_preset_shows_an_error_and_unrelated_files_are_not_touched(root):
    presets_folder().mkdir(parents=True, exist_ok=True)
    damaged, unrelated = (presets_folder() / name for name in ("broken.json", "a@b.json"))
    for path in (damaged, unrelated):
        path.write_text("{")
    page = open_page("train")
    assert page.selectbox(key="preset").options[-1] == "broken"
    page.selectbox(key="preset").set_value("broken").run()
    button(page, "Apply preset").click().run()
    assert (not page.exception and "is damaged" in texts(page).replace("\\", "")) or page.toast
    button(page, "Delete this preset permanently").click().run()
    assert not damaged.exists() and unrelated.exists()
    unrelated.unlink()


def test_a_notice_explains_that_random_weights_transfer_nothing(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("None (random)").run()
    assert "nothing is transferred" in texts(page)
    button(page, "Apply preset").click().run()
    assert page.selectbox(key="weights").value in ("ImageNet", "Sample base (drawn images)")


def test_without_imagenet_the_sample_base_is_selected_with_a_notice(root, offline):
    page = open_page("train")
    assert page.selectbox(key="weights").value == "Sample base (drawn images)"
    assert (page.select_slider(key="alpha").value, page.select_slider(key="image-size").value) == (0.35, 96)
    assert texts(page).count("Training starts from the sample base") == 1 and not button(page, "Start").disabled
    button(page, "Start").click().run()
    assert {run.config.weights for run in RunStore(root).runs()} == {"sample"}


def test_selecting_the_sample_base_sets_its_width_and_size(root):
    page = open_page("train")
    page.selectbox(key="weights").set_value("None (random)").run()
    page.select_slider(key="alpha").set_value(1.0)
    page.select_slider(key="image-size").set_value(224).run()
    page.selectbox(key="weights").set_value("Sample base (drawn images)").run()
    assert (page.select_slider(key="alpha").value, page.select_slider(key="image-size").value) == (0.35, 96)
    page.select_slider(key="alpha").set_value(1.0).run()
    assert "Expected width (alpha) 0.35 for the sample base" in texts(page) and button(page, "Start").disabled


@pytest.mark.faults
def test_a_missing_sample_base_shows_an_error_and_random_weights_are_selected(root, offline, tmp_path, monkeypatch):
    monkeypatch.setitem(vars(DEFAULT_BASE.sample), "file", tmp_path / "gone.npz")
    page = open_page("train")
    assert "it is missing" in texts(page) and page.selectbox(key="weights").value == "None (random)"
    page.selectbox(key="weights").set_value("Sample base (drawn images)").run()
    assert len(page.error) == 1 and "it is missing" in texts(page) and button(page, "Start").disabled


@pytest.mark.faults
def test_too_many_epochs_in_all_phases_show_one_error(root):
    page = open_page("train")
    for phase in (0, 1):
        page.number_input(key=f"card-2-phase-{phase}-epochs").set_value(1_000)
    page.run()
    assert "Expected" in page.error[0].value and not page.exception and button(page, "Start").disabled
    page.number_input(key="card-2-phase-1-epochs").set_value(10)
    page.number_input(key="card-2-phase-0-epochs").set_value(15).run()
    assert not page.error and not button(page, "Start").disabled


class TimingStub(KerasService):
    """A Keras service that returns fixed timings, or an error, and records the requested depths."""

    requests: ClassVar[list[list[int]]] = []
    error = ""

    def measure_timings(self, config, classes, files, depths):
        TimingStub.requests.append(list(depths))
        if TimingStub.error:
            raise KerasServiceError(TimingStub.error)
        assert classes == 10 and all(path.is_file() for path in files)
        timings = PhaseTimings("pool", (1280,), "weights", 2.0, 0.1, 0.05, 0.01)
        return Timings(1.0, 0.0, dict.fromkeys(depths, timings))


def test_training_time_is_measured_once_per_depth(root, monkeypatch, tmp_path):
    monkeypatch.setattr("pages.parts.shared.services.KerasService", TimingStub)
    (tmp_path / "home").mkdir()  # without earlier timings and features, but with the sample set
    (tmp_path / "home" / "sample").symlink_to(sample_set_folder())
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path / "home"))
    TimingStub.requests, TimingStub.error = [], "Expected a reply of the Keras service; received <nothing>."
    page = open_page("train")
    button(page, "Estimate training time").click().run()
    assert "Expected a reply of the Keras service" in page.error[0].value and not page.exception
    TimingStub.error = ""
    button(page, "Estimate training time").click().run()
    assert TimingStub.requests[1:] == [[0, 30, 154]] and "on this machine" in texts(page)
    # 3 builds, 4 phases, 65 epochs of 14 + 3 batches, 3 tests; 4 copies of 420 images and 180 originals, each once
    assert "About 2 min 11 s on this machine. Features of 0 of 1,860 images" in texts(page)
    page.number_input(key="card-0-phase-0-epochs").set_value(5).run()
    assert "About 1 min 55 s" in texts(page) and len(TimingStub.requests) == 2
    depth(page, 1).set_value(100).run()
    button(page, "Estimate training time").click().run()
    assert TimingStub.requests[2:] == [[100]]
