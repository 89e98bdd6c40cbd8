"""One careful sentence, whatever the runs."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from core.analysis.headline import headline
from core.experiment.run import Run, RunConfig, RunStatus, State
from core.experiment.store import NoSuchRun, RunStore
from core.experiment.strategy import FEATURE_EXTRACTION, STRATEGIES, TWO_PHASE

MANIFEST = "path,hash,label,split\na.jpg,0,a,test\n"


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunStore(tmp_path)


def study(store: RunStore, accuracies: list[float | None], images: int | None = 379, seeds: int = 1,
          data: str = "sample") -> list[Run]:
    """Runs of the three strategies, seed by seed, with these test accuracies."""
    planned = [(RunConfig(data=data, strategy=strategy, seed=seed, split_seed=seed),
                MANIFEST.replace("0", f"{data}{seed}"))
               for seed in range(seeds) for strategy in STRATEGIES.values()][:len(accuracies)]
    runs = list(store.create_study(planned).runs)
    for run, accuracy in zip(runs, accuracies, strict=True):
        if accuracy is not None:
            write(store, run, {"accuracy": accuracy, "images": images})
        store.write_status(run.id, RunStatus(State.COMPLETED))
    return runs


def write(store: RunStore, run: Run, evaluation: dict) -> None:
    (store.path(run.id) / "evaluation.json").write_text(json.dumps(evaluation))


def test_the_best_and_how_far_ahead_it_is(store):
    said = headline(store, study(store, [0.796, 0.783, 0.833]))
    assert said == ("Two-phase did best on the test images: 83.3%, 3.7 points above feature extraction (379 images, "
                    "one seed). Their intervals overlap: one run each does not settle it.")
    assert "overlap" not in headline(store, study(store, [0.5, 0.4, 0.9]))
    assert "overlap" not in headline(store, study(store, [0.796, 0.783, 0.833], images=20_000))


def test_a_draw_is_called_one(store):
    said = headline(store, study(store, [0.8, 0.7, 0.8]))
    assert said == "Feature extraction and two-phase did equally well on the test images: 80.0% (379 images, one seed)."
    assert headline(store, study(store, [0.8, 0.8, 0.8])).startswith(
        "Feature extraction, fine-tuning all layers and two-phase did equally well on the test images: 80.0% (")


def test_one_run_alone_has_its_interval(store):
    assert headline(store, study(store, [0.8])) == (
        "Feature extraction names 80.0% of 379 test images right; on all such images that may be 75.7% to 83.7%.")
    assert headline(store, study(store, [0.8], images=None)) == (
        "Feature extraction names 80.0% of the test images right.")


def test_what_is_missing_is_said(store):
    assert headline(store, study(store, [None, None])) == (
        "None of these runs has been measured on the test images yet.")
    assert headline(store, study(store, [0.5, None, 0.9])).endswith("1 of 3 runs has no result on test images.")
    assert headline(store, study(store, [0.5, None, None])).endswith("2 of 3 runs have no result on test images.")
    assert headline(store, []) == "None of these runs has been measured on the test images yet."


def test_seeds_are_averaged(store):
    runs = study(store, [0.70, 0.75, 0.90, 0.72, 0.75, 0.92], seeds=2, images=5_000)
    assert headline(store, runs) == ("Two-phase did best on the test images: 91.0% on average, 16.0 points above "
                                     "fine-tuning all layers (5,000 images, 2 seeds).")
    runs = study(store, [0.70, 0.85, 0.80, 0.72, 0.75, 0.92], seeds=2, images=5_000)
    assert headline(store, runs).endswith("Their intervals overlap: so few images and seeds do not settle it.")
    alone = headline(store, [run for run in runs if run.config.strategy == FEATURE_EXTRACTION])
    assert alone == ("Feature extraction names 71.0% of the test images right on average over 2 runs, "
                     "from 70.0% to 72.0%.")


def test_other_test_images_do_not_compare(store):
    here, there = study(store, [0.8, 0.7]), study(store, [0.9, 0.9, 0.9], data="/photos")
    said = headline(store, [here[0], there[2]])
    assert "not tested on the same images" in said and "80" not in said and "90" not in said
    runs = study(store, [0.7, 0.7, 0.9, 0.7, 0.7, 0.9], seeds=2)
    assert "not tested on the same images" in headline(store, [runs[0], runs[5]]), "another seed, another split"


def test_the_same_study_twice_is_one_seed_and_the_same_images(store):
    first, again = study(store, [0.8, 0.7, 0.9], images=380), study(store, [0.8, 0.7, 0.9], images=380)
    assert "90.0% on average, 10.0 points above feature extraction (380 images, one seed)" in headline(
        store, [*first, *again])
    said = headline(store, [*first, again[2]])
    assert said.startswith("Two-phase did best") and "one seed" in said and "one run each" not in said


def test_only_what_shares_its_test_images_is_compared(store):
    runs = study(store, [0.70, 0.75, 0.90, 0.10, None, 0.20], seeds=2, images=5_000)
    assert headline(store, runs) == (
        "Two-phase did best on the test images: 90.0%, 15.0 points above fine-tuning all layers (5,000 images, one "
        "seed). 2 runs on other test images left out. 1 of 6 runs has no result on test images.")


def test_a_test_folder_of_ones_own_is_the_same_for_every_seed(store):
    planned = [(RunConfig(strategy=s, seed=seed, split_seed=seed), f"{MANIFEST}b.jpg,{seed},a,train\n")
               for seed, s in enumerate((FEATURE_EXTRACTION, TWO_PHASE))]
    runs = store.create_study(planned).runs
    for run, accuracy in zip(runs, (0.5, 0.9), strict=True):
        write(store, run, {"accuracy": accuracy, "images": 100})
    assert headline(store, runs).startswith("Two-phase did best on the test images: 90.0%, 40.0 points above")


def test_each_test_split_weighs_the_same(store):
    runs, more = study(store, [0.8, 0.7, 0.9, 0.6, 0.7, 0.5], seeds=2), study(store, [0.8, 0.7, 0.9])
    assert "did equally well on the test images: 70.0% on average" in headline(store, [*runs, more[2]])


def test_manifests_are_read_once_while_they_stay(store, monkeypatch):
    runs = study(store, [0.8, 0.7, 0.9])
    said, read = headline(store, runs), []
    monkeypatch.setattr(RunStore, "manifest", lambda self, run_id: read.append(run_id) or MANIFEST)
    assert headline(store, runs) == said and not read
    (store.path(runs[0].id) / "manifest.csv").write_text("another")
    assert "not tested on the same images" in headline(store, runs) and read == [runs[0].id]


def test_two_settings_of_a_strategy_are_told_apart(store):
    deep = replace(TWO_PHASE, phases=(TWO_PHASE.phases[0], replace(TWO_PHASE.phases[1], unfreeze=56)))
    runs = store.create_study([(RunConfig(strategy=s), MANIFEST) for s in (TWO_PHASE, deep)]).runs
    for run, accuracy in zip(runs, (0.5, 0.9), strict=True):
        write(store, run, {"accuracy": accuracy, "images": 100})
    said = headline(store, runs)
    assert "56 of 154 layers" in said.split(" did best")[0] and "30 of 154 layers" in said.split(" above ")[1]


@pytest.mark.faults
def test_corrupt_runs_and_manifests_are_borne(store):
    runs = study(store, [0.5, 0.9, 0.7])
    (store.path(runs[0].id) / "manifest.csv").unlink()
    (store.path(runs[1].id) / "manifest.csv").write_bytes(b"\xff\xfe")
    assert "not tested on the same images" in headline(store, runs)
    write(store, runs[2], {"accuracy": 0.9, "images": "many"})
    assert "90.0%" in headline(store, [replace(runs[2], config=None)])
    store.delete(runs[0].id)
    with pytest.raises(NoSuchRun):
        headline(store, runs)


def test_what_is_no_better_than_guessing_is_called_so(store):
    runs = study(store, [0.12, 0.11, 0.12], images=90)
    for run in runs:
        write(store, run, {"accuracy": 0.12, "images": 90, "classes": [f"class {i}" for i in range(10)]})
    assert "no better than guessing among 10 classes: 10.0%" in headline(store, runs)
    write(store, runs[0], {"accuracy": 0.4, "images": 90, "classes": [f"class {i}" for i in range(10)]})
    assert "guessing" not in headline(store, runs)
