"""The verdict and its sentences for various sets of runs."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from core.analysis.charts.contrasts import MAX_PAIRS, shown_contrasts
from core.analysis.comparison.headline import headline
from core.analysis.comparison.pairs.contrast import Judgement
from core.analysis.comparison.pairs.pairwise import setting_intervals
from core.analysis.comparison.verdict import Verdict, judge
from core.experiment.named_strategies import FEATURE_EXTRACTION, STRATEGIES, TWO_PHASE, rate_sweep
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import CorruptRun, Run, RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

MANIFEST = "path,hash,label,split\na.jpg,0,a,test\n" + "b.jpg,1,a,train\n" * 5


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def study(
    store: RunStore, accuracies: Sequence[float | None], images: int | None = 380, seeds: int = 1, data: str = "sample"
) -> list[Run]:
    """Runs of the three strategies, seed by seed, with these test accuracies and without saved predictions."""
    planned = [
        (RunConfig(data=data, strategy=strategy, seed=seed, split_seed=seed), MANIFEST.replace("0", f"{data}{seed}"))
        for seed in range(seeds)
        for strategy in STRATEGIES.values()
    ][: len(accuracies)]
    runs = list(store.create_study(planned).runs)
    for run, accuracy in zip(runs, accuracies, strict=True):
        if accuracy is not None:
            write_evaluation(store, run, {"accuracy": accuracy, "images": images})
        store.write_status(run.id, RunStatus(State.COMPLETED))
    return runs


def write_evaluation(store: RunStore, run: Run, evaluation: dict) -> None:
    (store.path(run.id) / "evaluation.json").write_text(json.dumps(evaluation))


def save_predictions(store: RunStore, run: Run, correct: Sequence[bool], probability: float | None = None) -> None:
    """Write test predictions, correct or wrong as given, and the resulting accuracy."""
    text = io.StringIO()
    columns, values = (["p_a", "p_b"], [probability, 1 - probability]) if probability else ([], [])
    rows = [[f"{number}.jpg", "a", "a" if is_correct else "b", *values] for number, is_correct in enumerate(correct)]
    csv.writer(text).writerows([["path", "label", "predicted", *columns], *rows])
    (store.path(run.id) / "predictions.csv").write_text(text.getvalue())
    write_evaluation(store, run, {"accuracy": sum(correct) / len(correct), "images": len(correct)})


def describe(store: RunStore, runs: Sequence[Run]) -> str:
    return headline(judge(store, runs))


def test_one_run_each_image_by_image(store):
    runs = study(store, [None, None])
    save_predictions(store, runs[0], [True] * 300 + [False] * 80)
    save_predictions(store, runs[1], [True] * 312 + [False] * 68)  # correct where the other is, and on 12 more images
    assert describe(store, runs) == (
        "Fine-tuning all layers did best on the test images: 82.1%, 3.2 points above feature extraction (95% interval "
        "−19.0 to 25.3, one run each, 380 test images). Of these two models it is the better one on such images. "
        "One training each is too little to compare strategies; train three seeds or more."
    )
    (contrast,) = judge(store, runs).contrasts
    assert contrast.is_paired and contrast.two_models_p == pytest.approx(0.5**12)


def test_one_run_each_without_predictions_has_a_wider_interval(store):
    runs = study(store, [0.789, 0.821])
    (contrast,) = judge(store, runs).contrasts
    assert not contrast.is_paired and contrast.interval[0] < 0 and contrast.judgement is Judgement.OPEN
    text = describe(store, runs)
    assert "One training each is too little" in text and "Of these two models" not in text
    assert "not compared image by image, which makes the interval wider" in text


def test_seeds_that_agree_decide_the_comparison(store):
    runs = study(store, [0.70, 0.75, 0.900, 0.72, 0.76, 0.921, 0.71, 0.75, 0.911], seeds=3)
    text = describe(store, runs)
    assert text.startswith(
        "Two-phase did best on the test images: 91.1% on average, 15.7 points above fine-tuning all layers (95% "
        "interval "
    )
    assert "3 seeds, 380 test images each). It is better." in text
    assert "It also beats feature extraction by 20.1 points." in text
    judgements = [contrast.judgement for contrast in judge(store, runs).contrasts]
    assert judgements == [Judgement.BETTER, Judgement.BETTER, Judgement.OPEN]


def test_many_settings_that_are_beaten_are_counted_instead_of_named(store):
    manifest = MANIFEST.replace("0", "sample")
    runs = list(store.create_study([(RunConfig(strategy=strategy), manifest) for strategy in rate_sweep()]).runs)
    for number, run in enumerate(runs):
        save_predictions(store, run, [True] * (400 + 50 * (number if number < 11 else 0)) + [False] * 600)
    text = describe(store, runs)
    assert len(shown_contrasts(judge(store, runs))) == MAX_PAIRS
    assert all(-1 <= low <= high <= 1 for low, high in (contrast.interval for contrast in judge(store, runs).contrasts))
    assert len(text) < 500 and text.lower().count("head at") == 2


def test_seeds_that_disagree_leave_it_open_and_the_number_needed_is_given(store):
    seeds, rng = 3, np.random.default_rng(0)
    runs = study(store, [None] * 9, seeds=seeds)
    for run in runs:
        easy = rng.random(380) < 0.6
        gain = 0.35 if run.config.strategy == TWO_PHASE else 0.0 if run.config.strategy == FEATURE_EXTRACTION else 0.24
        save_predictions(store, run, list(easy | (rng.random(380) < gain)))
    (contrast,) = judge(store, [run for run in runs if run.config.strategy != FEATURE_EXTRACTION]).contrasts
    assert contrast.judgement is Judgement.OPEN and (needed := contrast.seeds_to_decide())
    assert f"The difference is too close to call; about {needed} seeds would probably decide it." in headline(
        judge(store, [run for run in runs if run.config.strategy != FEATURE_EXTRACTION])
    )
    assert "It beats feature extraction by " in describe(store, runs)
    wild = study(store, [None, 0.80, 0.82, None, 0.84, 0.81, None, 0.78, 0.83], seeds=3)
    assert "The difference is too close to call. " in describe(store, wild), "neither seeds nor images would help"


def test_differences_within_the_equivalence_margin_are_practically_equal(store):
    accuracies = [0.800, 0.802, None, 0.791, 0.790, None, 0.810, 0.811, None]
    runs = study(store, [*accuracies, *accuracies[:6]], images=20_000, seeds=5)
    assert "The two are practically equal: less than 1.0 point apart." in describe(store, runs)
    verdict = judge(store, runs)
    assert verdict.with_margin(0.0).contrasts[0].judgement is Judgement.OPEN
    with pytest.raises(ValueError, match="margin from 0"):
        verdict.with_margin(-0.1)


def test_p_values_are_adjusted_for_the_number_of_pairs(store):
    runs = study(store, [None, None, None])
    save_predictions(store, runs[0], [True] * 300 + [False] * 80)
    save_predictions(store, runs[1], [True] * 300 + [False] * 80)
    save_predictions(store, runs[2], [False] * 2 + [True] * 310 + [False] * 68)
    (alone,) = judge(store, [runs[0], runs[2]]).contrasts
    by_name = {(found.first.name, found.second.name): found for found in judge(store, runs).contrasts}
    among_three = by_name["Two-phase", "Feature extraction"]
    assert among_three.p == pytest.approx(min(1.0, 3 * alone.p))
    assert among_three.interval[0] < alone.interval[0] and among_three.interval[1] > alone.interval[1]


def test_the_training_time_is_compared(store):
    runs = study(store, [0.70, None, 0.90, 0.71, None, 0.92, 0.70, None, 0.91], seeds=3)
    for run in runs:
        seconds = 20.0 if run.config.strategy == TWO_PHASE else 10.0
        row = {
            "kind": "epoch",
            "epoch": 1,
            "phase": 1,
            "unfreeze": 0,
            "learning_rate": 1e-3,
            "loss": 1.0,
            "accuracy": 0.5,
            "val_loss": 1.0,
            "val_accuracy": 0.5,
            "seconds": seconds,
            "elapsed": seconds,
            "trainable_parameters": 1,
            "images_per_second": 1.0,
        }
        (store.path(run.id) / "metrics.jsonl").write_text(json.dumps(row) + "\n")
    assert "It is better, and takes 2.0 times as long to train." in describe(store, runs)


def test_equal_accuracies_are_reported_as_equal(store):
    assert describe(store, study(store, [0.8, 0.7, 0.8])).startswith(
        "Feature extraction and two-phase did equally well on the test images: 80.0% (one run each, 380 test images)."
    )


def test_a_single_run_is_described_with_its_interval(store):
    assert describe(store, study(store, [0.8], images=379)) == (
        "Feature extraction classifies 80.0% of 379 test images correctly (95% interval 75.7% to 83.7%)."
    )
    without_count = study(store, [0.8], images=None)
    assert describe(store, without_count) == "Feature extraction classifies 80.0% of the test images correctly."


def test_several_seeds_of_one_setting_are_described_by_their_mean(store):
    runs = study(store, [0.70, None, None, 0.72, None, None], seeds=2)
    assert describe(store, [runs[0], runs[3]]) == (
        "Feature extraction classifies 71.0% of the test images correctly on average over 2 runs, from 70.0% to 72.0%."
    )


def test_runs_without_results_are_counted(store):
    assert describe(store, study(store, [None, None])) == "None of these runs has been measured on the test images yet."
    assert describe(store, study(store, [0.5, None, 0.9])).endswith("1 of 3 runs has no result on test images.")
    assert describe(store, study(store, [0.5, None, None])).endswith("2 of 3 runs have no result on test images.")
    assert describe(store, []) == "None of these runs has been measured on the test images yet."


def test_other_data_or_classes_cannot_be_compared_and_another_split_is_compared_unpaired(store):
    runs, of_other_data = study(store, [0.8, 0.7]), study(store, [0.9, 0.9, 0.9], data="/photos")
    text = describe(store, [runs[0], of_other_data[2]])
    assert "cannot be compared" in text and "80" not in text
    runs = study(store, [0.7, 0.7, 0.9, 0.7, 0.7, 0.9], seeds=2)
    (contrast,) = judge(store, [runs[0], runs[5]]).contrasts
    assert not contrast.is_paired and contrast.difference == pytest.approx(0.2)
    write_evaluation(store, runs[5], {"accuracy": 0.9, "images": 380, "classes": ["a", "b"]})
    assert "cannot be compared" in describe(store, [runs[0], runs[5]])


def test_repeating_a_study_adds_no_replicate(store):
    first, again = study(store, [0.8, 0.7, 0.9]), study(store, [0.8, 0.7, 0.9])
    assert all(contrast.seeds == 1 for contrast in judge(store, [*first, *again]).contrasts)
    assert "90.0% on average, 10.0 points above feature extraction" in describe(store, [*first, *again])


def test_only_runs_with_the_same_test_images_are_compared(store):
    runs = study(store, [0.70, 0.75, 0.90, 0.10, None, 0.20], seeds=2)
    verdict = judge(store, runs)
    assert verdict.left_out == 0 and verdict.missing == 1
    by_name = {(found.first.name, found.second.name): found for found in verdict.contrasts}
    assert by_name["Two-phase", "Fine-tuning all layers"].seeds == 1
    assert by_name["Two-phase", "Feature extraction"].seeds == 2
    assert "Two-phase did best on the test images: 90.0%" in describe(store, runs), "on the seed that both have"
    alone = judge(store, [runs[0], runs[2], runs[3]])
    assert alone.left_out == 1 and alone.groups[1].accuracy == pytest.approx(0.7)
    assert headline(alone).endswith("1 run left out: no other setting was tested on the same images.")


def test_a_predefined_test_folder_is_the_same_for_every_seed(store):
    planned = [
        (RunConfig(strategy=s, seed=seed, split_seed=seed), f"{MANIFEST}c.jpg,{seed},a,train\n")
        for seed, s in enumerate((FEATURE_EXTRACTION, TWO_PHASE))
    ]
    runs = store.create_study(planned).runs
    for run, accuracy in zip(runs, (0.5, 0.9), strict=True):
        write_evaluation(store, run, {"accuracy": accuracy, "images": 100})
    assert describe(store, runs).startswith("Two-phase did best on the test images: 90.0%, 40.0 points above")


def test_files_are_read_again_only_after_a_change(store, monkeypatch):
    runs = study(store, [None, None])
    for run in runs:
        save_predictions(store, run, [True] * 10)
    before, read = describe(store, runs), []
    for name in ("manifest", "predictions"):
        monkeypatch.setattr(RunStore, name, lambda self, run_id, name=name: read.append(name) or MANIFEST)
    assert describe(store, runs) == before and not read
    (store.path(runs[0].id) / "manifest.csv").write_text("another")
    describe(store, runs)
    assert read == ["manifest"]


def test_two_settings_of_a_strategy_are_distinguished(store):
    deep = replace(TWO_PHASE, phases=(TWO_PHASE.phases[0], replace(TWO_PHASE.phases[1], unfreeze=56)))
    runs = store.create_study([(RunConfig(strategy=s), MANIFEST) for s in (TWO_PHASE, deep)]).runs
    for run, accuracy in zip(runs, (0.5, 0.9), strict=True):
        write_evaluation(store, run, {"accuracy": accuracy, "images": 100})
    text = describe(store, runs)
    assert "56 of 154 layers" in text.split(" did best")[0] and "30 of 154 layers" in text.split(" above ")[1]


@pytest.mark.faults
def test_corrupt_runs_manifests_and_predictions_are_tolerated(store):
    runs = study(store, [0.5, 0.9, 0.7])
    (store.path(runs[0].id) / "manifest.csv").unlink()
    (store.path(runs[1].id) / "manifest.csv").write_bytes(b"\xff\xfe")
    assert not any(contrast.is_paired for contrast in judge(store, runs).contrasts)
    write_evaluation(store, runs[2], {"accuracy": 0.9, "images": "many"})
    assert "90.0%" in describe(store, [CorruptRun(runs[2].id, runs[2].status)])
    for wrong in (b"\xff", b"", b"path,label\na,b\n", b"path,label,predicted\na\n"):
        (store.path(runs[0].id) / "predictions.csv").write_bytes(wrong)
        assert isinstance(judge(store, runs), Verdict)
    store.delete(runs[0].id)
    with pytest.raises(NoSuchRun):
        judge(store, runs)


def test_results_no_better_than_guessing_are_reported(store):
    runs = study(store, [0.12, 0.11, 0.12], images=90)
    for run in runs:
        write_evaluation(store, run, {"accuracy": 0.12, "images": 90, "classes": [f"class {i}" for i in range(10)]})
    assert "The best result may be no better than guessing among 10 classes: 10.0%." in describe(store, runs)
    for run in runs:
        write_evaluation(store, run, {"accuracy": 0.4, "images": 90, "classes": [f"class {i}" for i in range(10)]})
    assert "guessing" not in describe(store, runs)


def unbalanced(accuracy: float, recall: float) -> dict:
    """An evaluation on 90 images of one class and one of another."""
    scores = {"many": {"recall": accuracy, "images": 90}, "few": {"recall": recall, "images": 1}}
    return {"accuracy": accuracy, "images": 91, "classes": list(scores), "per_class": scores}


@pytest.mark.faults
def test_naming_the_largest_class_of_unequal_ones_is_guessing(store):
    (run,) = study(store, [None])
    write_evaluation(store, run, unbalanced(90 / 91, 0.0))
    text = describe(store, [run])
    assert "classifies 98.9% of 91 test images correctly" in text
    assert "Balanced accuracy, the mean over the classes: 49.5%." in text
    assert "may be no better than always predicting many, the largest class of the test images: 98.9%" in text
    runs = study(store, [None, None], data="other")
    for run, accuracy in zip(runs, (0.7, 0.9), strict=True):
        write_evaluation(store, run, unbalanced(accuracy, 1.0))
    text = describe(store, runs)
    assert (
        "Balanced accuracy, the mean over the classes: fine-tuning all layers 95.0% and feature extraction 85.0%."
        in text
    )
    assert "always predicting many" in text


def test_results_below_the_largest_class_are_no_better_than_guessing(store):
    (run,) = study(store, [None])
    scores = {name: {"recall": 0.4, "images": images} for name, images in (("glass", 600), ("paper", 400))}
    write_evaluation(store, run, {"accuracy": 0.4, "images": 1000, "classes": list(scores), "per_class": scores})
    assert "The best result is no better than always predicting glass" in describe(store, [run])


def test_strategies_that_ended_as_the_same_models_are_described_as_such(store):
    runs = study(store, [None] * 6, seeds=2)
    for run in runs:
        save_predictions(store, run, [True] * 60 + [False] * 20, probability=0.9 - run.config.seed / 10)
    kept = [run for run in runs if run.config.strategy != STRATEGIES["fine-tuning"]]
    assert (
        "Each training of the two ended as the same model: the best epoch was before more layers were unfrozen."
        in describe(store, kept)
    )
    save_predictions(store, kept[0], [True] * 58 + [False] * 22, probability=0.7)
    assert "With 1 of 2 seeds both ended as the same model." in describe(store, kept)


def test_seeds_on_ones_own_test_folder_are_judged_for_these_images(store):
    planned = [
        (RunConfig(strategy=strategy, seed=seed, split_seed=seed), MANIFEST)
        for seed in range(10)
        for strategy in (FEATURE_EXTRACTION, TWO_PHASE)
    ]
    runs = store.create_study(planned).runs
    for run in runs:
        better = run.config.strategy == TWO_PHASE
        save_predictions(store, run, [True] * (64 if better else 60) + [False] * (16 if better else 20))
    (contrast,) = judge(store, runs).contrasts
    assert contrast.has_fixed_test and contrast.seeds == 10
    assert contrast.judgement is Judgement.OPEN, "ten trainings on the same 80 images are no 800 images"
    assert describe(store, runs).startswith("Two-phase did best on these test images: 80.0% on average")


def test_the_mean_of_a_setting_has_an_interval_over_seeds_and_images(store):
    runs = study(store, [0.70, None, None, 0.72, None, None, 0.71, None, None], seeds=3)
    (group,) = judge(store, [run for run in runs if run.config.strategy == FEATURE_EXTRACTION]).groups
    low, high = setting_intervals([group])[runs[3].id]
    assert low < 0.71 - 1.96 * (0.71 * 0.29 / 1140) ** 0.5 and high == pytest.approx(1.42 - low)
    assert setting_intervals([group.restricted_to({group.results[0].split.test_id})])[runs[0].id] is None


def test_a_setting_with_fewer_seeds_is_not_ranked_by_its_easy_splits(store):
    runs = study(store, [0.60, None, 0.62, 0.90, 0.89, 0.92, 0.60, None, 0.63], seeds=3)
    verdict = judge(store, runs)
    assert [group.name for group in verdict.groups] == ["Two-phase", "Feature extraction", "Fine-tuning all layers"]


@pytest.mark.faults
def test_the_largest_class_is_what_a_result_has_to_beat(store):
    (run,) = study(store, [None])
    scores = {name: {"recall": 0.8, "images": images} for name, images in (("glass", 60), ("paper", 20), ("tin", 20))}
    evaluation = {"images": 100, "classes": list(scores), "per_class": scores}
    write_evaluation(store, run, evaluation | {"accuracy": 0.65})
    text = describe(store, [run])
    assert "always predicting glass, the largest class of the test images: 60.0%" in text
    assert "Balanced" not in text, "3 times as many images are not very unequal"
    write_evaluation(store, run, evaluation | {"accuracy": 0.8})
    assert "always predicting" not in describe(store, [run])
