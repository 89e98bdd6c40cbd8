"""Test images on which models disagree, the order of mistakes, and differences by class."""

from pathlib import Path

import pytest

from core.analysis.charts.class_contrasts import class_contrast_chart
from core.analysis.charts.common import chart_points
from core.analysis.comparison.class_contrasts import class_contrasts
from core.analysis.comparison.disputes import disputes, mistaken_pairs
from core.analysis.comparison.replicates import Group, Result, Split
from core.analysis.statistics.paired_models import Pairing, paired_interval
from core.experiment.named_strategies import FEATURE_EXTRACTION, STRATEGIES, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

MANIFEST = "path,hash,label,split\na.jpg,0,a,test\n"
LABELS = {"1.jpg": "glass", "2.jpg": "glass", "3.jpg": "paper", "4.jpg": "paper"}


@pytest.fixture
def runs(tmp_path: Path) -> tuple[RunStore, tuple[Run, ...]]:
    store = RunStore(tmp_path / "runs")
    data = tmp_path / "photos"
    data.mkdir()
    return store, store.create_study(
        [(RunConfig(data=str(data), strategy=s), MANIFEST) for s in STRATEGIES.values()]
    ).runs


def save_predictions(
    store: RunStore, run: Run, predicted: list[str], p_glass: list[float], labels: dict[str, str] = LABELS
) -> None:
    lines = ["path,label,predicted,p_glass,p_paper"]
    lines += [
        f"{path},{label},{prediction},{p},{1 - p}"
        for (path, label), prediction, p in zip(labels.items(), predicted, p_glass, strict=True)
    ]
    (store.path(run.id) / "predictions.csv").write_text("\n".join(lines) + "\n")


def group(*runs: Run) -> Group:
    results = tuple(Result(run.id, 0.5, 4, (), Split(run.config.seed), run.config.seed, 1.0) for run in runs)
    return Group(runs[0].title, "photos", results)


def test_the_most_confident_mistakes_come_first(runs):
    store, (first, second, _) = runs
    save_predictions(store, first, ["glass", "paper", "paper", "glass"], [0.9, 0.4, 0.1, 0.95])
    save_predictions(store, second, ["paper", "paper", "paper", "glass"], [0.3, 0.2, 0.2, 0.6])
    found = disputes(store, [first, second])
    assert [image.path for image in found.disagreed] == ["1.jpg"]
    assert [image.path for image in found.all_wrong] == ["4.jpg", "2.jpg"], "95% before 80%"
    prediction = found.all_wrong[0].predictions[first.id]
    assert prediction.confidence == 0.95 and not prediction.is_correct
    assert mistaken_pairs(found.all_wrong) == [(("paper", "glass"), 1), (("glass", "paper"), 1)]
    assert found.root is not None and found.root.name == "photos"
    assert found.disagreed[0].only_correct_run == first.id and found.all_wrong[0].only_correct_run is None


def test_classes_are_compared_image_by_image_with_the_largest_gain_first(runs):
    store, (first, second, third) = runs
    save_predictions(store, first, ["glass", "glass", "paper", "glass"], [0.9] * 4)
    save_predictions(store, second, ["paper", "paper", "paper", "paper"], [0.1] * 4)
    found = class_contrasts(store, group(first), group(second))
    figures = [(contrast.label, contrast.difference, contrast.images) for contrast in found]
    assert figures == [("glass", 1.0, 2), ("paper", -0.5, 2)]
    assert found[0].interval == paired_interval(Pairing(0, 2, 0, 0), confidence=0.975)
    points = chart_points(class_contrast_chart(found))
    assert [(point["y"], point["x"]) for point in points] == [("glass", 100.0), ("paper", -50.0)]
    assert class_contrasts(store, group(first), group(third)) == [], "the third run has no saved predictions"
    save_predictions(store, third, ["glass"], [0.9], {"9.jpg": "glass"})
    assert class_contrasts(store, group(first), group(third)) == [], "other images"


def test_classes_are_compared_over_all_seeds(tmp_path):
    store = RunStore(tmp_path)
    planned = [
        (RunConfig(strategy=strategy, seed=seed, split_seed=seed), MANIFEST)
        for strategy in (FEATURE_EXTRACTION, TWO_PHASE)
        for seed in range(3)
    ]
    runs = store.create_study(planned).runs
    labels = {f"{number}.jpg": "glass" if number < 40 else "paper" for number in range(80)}
    for run in runs:
        right = 40 if run.config.strategy == TWO_PHASE else 20
        predicted = ["glass"] * right + ["paper"] * (80 - right)
        save_predictions(store, run, predicted, [0.9] * 80, labels)
    found = class_contrasts(store, group(*runs[3:]), group(*runs[:3]))
    assert [(one.label, round(one.difference, 9), one.images) for one in found] == [
        ("glass", 0.5, 120),
        ("paper", 0, 120),
    ]
    assert found[0].interval[0] > 0 and found[1].interval[0] < 0 < found[1].interval[1]


def test_runs_on_other_images_or_without_predictions_are_left_out(runs):
    store, (first, second, third) = runs
    save_predictions(store, first, ["glass"] * 4, [0.9] * 4)
    save_predictions(store, second, ["glass"], [0.9], {"5.jpg": "paper"})
    found = disputes(store, [first, second, third])
    assert found.runs == (first,) and found.disagreed == () and len(found.all_wrong) == 2
    assert disputes(store, [third]).runs == () and disputes(store, []).root is None


def test_the_scales_are_those_of_the_images_of_the_first_run(runs):
    store, (first, second, _) = runs
    for run in (first, second):
        save_predictions(store, run, ["glass"] * 4, [0.9] * 4)
        (store.path(run.id) / "manifest.csv").write_text(
            "path,hash,label,scale,split\n1.png,0,glass,16-bit grey: 4095,test\n2.png,1,glass,,test\n"
        )
    assert disputes(store, [first, second]).scales == ("16-bit grey: 4095",)


@pytest.mark.faults
def test_missing_images_and_damaged_predictions_are_tolerated(runs, tmp_path):
    store, (first, second, _) = runs
    save_predictions(store, first, ["glass"] * 4, [0.9] * 4)
    (store.path(second.id) / "predictions.csv").write_text("path,label,predicted,p_a\n1.jpg,a,b,many\n")
    (tmp_path / "photos").rmdir()
    found = disputes(store, [second, first])
    assert found.runs == (first,) and found.root is None
    store.write_status(second.id, RunStatus(State.COMPLETED))
    store.delete(second.id)
    with pytest.raises(NoSuchRun):
        disputes(store, [second])
