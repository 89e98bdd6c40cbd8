"""The accuracy of an ensemble is measured on the images that no member was trained or validated on."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from core.analysis.ensembles.held_out_accuracy import held_out_images, held_out_predictions
from core.analysis.results.ensemble import Ensemble, load_ensemble
from core.analysis.statistics.wilson_interval import wilson_interval
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore

IMAGES = {"1.jpg": "a", "2.jpg": "a", "3.jpg": "b", "4.jpg": "b", "5.jpg": "b"}
"""The true class of each image."""


def make(
    root: Path, *members: Mapping[str, float], temperature: float = 1.0, hashes: Mapping[str, str] | None = None
) -> tuple[RunStore, Ensemble]:
    """Members that were tested on the images of each mapping, with these probabilities of class a."""
    store, hashes = RunStore(root), hashes or {}
    runs = []
    for seed, probabilities in enumerate(members):
        lines = [
            f"{path},{hashes.get(path, path)},{label},{'test' if path in probabilities else 'train'}"
            for path, label in IMAGES.items()
        ]
        run = store.create(RunConfig(seed=seed, split_seed=seed), "\n".join(["path,hash,label,split", *lines]))
        store.write_status(run.id, RunStatus(State.COMPLETED))
        folder = store.path(run.id)
        (folder / "model.keras").touch()
        evaluation = {"accuracy": 0.5, "classes": ["a", "b"], "temperature": temperature}
        (folder / "evaluation.json").write_text(json.dumps(evaluation))
        rows = [f"{path},{IMAGES[path]},{'a' if p > 0.5 else 'b'},{p},{1 - p}" for path, p in probabilities.items()]
        (folder / "predictions.csv").write_text("\n".join(["path,label,predicted,p_a,p_b", *rows]))
        runs.append(store.get_intact(run.id))
    return store, load_ensemble(store, runs)


def test_the_mean_probabilities_are_compared_with_the_true_classes_on_the_images_of_all_test_parts(tmp_path):
    store, ensemble = make(
        tmp_path,
        {"1.jpg": 0.9, "2.jpg": 0.6, "3.jpg": 0.1, "4.jpg": 0.2},
        {"5.jpg": 0.1, "2.jpg": 0.1, "3.jpg": 0.6, "1.jpg": 0.4},
    )
    assert held_out_images(store, ensemble) == {"1.jpg", "2.jpg", "3.jpg"}
    found = held_out_predictions(store, ensemble)
    assert found.predicted == {"1.jpg": "a", "2.jpg": "b", "3.jpg": "b"}, "means 0.65, 0.35 and 0.35"
    assert found.accuracy == pytest.approx(2 / 3) and found.images == 3
    low, high = wilson_interval(2 / 3, 3)
    assert found.describe() == (
        f"66.7% on 3 images that no member was trained on (95% interval {100 * low:.1f}% to {100 * high:.1f}%)"
    )


def test_the_probabilities_are_calibrated_before_they_are_averaged(tmp_path):
    members = {"3.jpg": 0.99}, {"3.jpg": 0.3}, {"3.jpg": 0.3}
    store, ensemble = make(tmp_path / "unscaled", *members)
    assert held_out_predictions(store, ensemble).predicted == {"3.jpg": "a"}, "the mean is 0.53"
    store, ensemble = make(tmp_path / "scaled", *members, temperature=0.5)
    assert held_out_predictions(store, ensemble).predicted == {"3.jpg": "b"}, "the mean of 0.9999, 0.155 and 0.155"


def test_without_an_image_that_no_member_used_it_is_not_measured(tmp_path):
    """As with folds, whose test parts do not overlap."""
    store, ensemble = make(tmp_path, {"1.jpg": 0.9, "3.jpg": 0.1}, {"2.jpg": 0.9, "4.jpg": 0.1})
    found = held_out_predictions(store, ensemble)
    assert found.accuracy is None and held_out_images(store, ensemble) == frozenset()
    assert found.describe() == "not measured, because every image was used for training by some member"


def test_an_image_of_which_a_member_was_trained_on_a_copy_does_not_count(tmp_path):
    members = {"1.jpg": 0.9, "3.jpg": 0.1}, {"1.jpg": 0.9, "3.jpg": 0.1}
    store, ensemble = make(tmp_path, *members, hashes={"3.jpg": "same", "4.jpg": "same"})
    assert held_out_images(store, ensemble) == {"1.jpg"} and held_out_predictions(store, ensemble).images == 1


@pytest.mark.faults
@pytest.mark.parametrize("name", ["manifest.csv", "predictions.csv"])
def test_without_a_file_of_a_member_it_is_not_measured(tmp_path, name):
    store, ensemble = make(tmp_path, {"1.jpg": 0.9}, {"1.jpg": 0.9})
    assert held_out_predictions(store, ensemble).accuracy == 1
    (store.path(ensemble.members[1].run.id) / name).write_text("x")
    assert held_out_predictions(store, ensemble).describe() == (
        "not measured, because the manifest or the probabilities on the test images of some member are missing"
    )
