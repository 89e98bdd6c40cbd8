"""Which test images models disagree on, and which mistakes come first."""

from pathlib import Path

import pytest

from core.analysis.charts.class_contrasts import class_contrast_chart
from core.analysis.charts.common import chart_points
from core.analysis.comparison.class_contrasts import class_contrasts
from core.analysis.comparison.disputes import disputes, mistaken_pairs
from core.analysis.statistics.significance import Pairing, paired_interval
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Run, RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import STRATEGIES

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


def answer(store: RunStore, run: Run, named: list[str], sure: list[float], labels: dict[str, str] = LABELS) -> None:
    lines = ["path,label,predicted,p_glass,p_paper"]
    lines += [
        f"{path},{label},{said},{p},{1 - p}" for (path, label), said, p in zip(labels.items(), named, sure, strict=True)
    ]
    (store.path(run.id) / "predictions.csv").write_text("\n".join(lines) + "\n")


def test_the_surest_mistakes_come_first(runs):
    store, (first, second, _) = runs
    answer(store, first, ["glass", "paper", "paper", "glass"], [0.9, 0.4, 0.1, 0.95])
    answer(store, second, ["paper", "paper", "paper", "glass"], [0.3, 0.2, 0.2, 0.6])
    found = disputes(store, [first, second])
    assert [one.path for one in found.disagreed] == ["1.jpg"]
    assert [one.path for one in found.all_wrong] == ["4.jpg", "2.jpg"], "95% sure before 80%"
    assert found.all_wrong[0].answers[first.id].confidence == 0.95 and not found.all_wrong[0].answers[first.id].is_right
    assert mistaken_pairs(found.all_wrong) == [(("paper", "glass"), 1), (("glass", "paper"), 1)]
    assert found.root is not None and found.root.name == "photos"
    assert found.disagreed[0].only_right == first.id and found.all_wrong[0].only_right is None


def test_classes_are_compared_image_by_image_the_largest_gain_first(runs):
    store, (first, second, third) = runs
    answer(store, first, ["glass", "glass", "paper", "glass"], [0.9] * 4)
    answer(store, second, ["paper", "paper", "paper", "paper"], [0.1] * 4)
    found = class_contrasts(store, first.id, second.id)
    assert [(one.label, one.difference, one.images) for one in found] == [("glass", 1.0, 2), ("paper", -0.5, 2)]
    assert found[0].interval == paired_interval(Pairing(0, 2, 0, 0))
    points = chart_points(class_contrast_chart(found))
    assert [(point["y"], point["x"]) for point in points] == [("glass", 100.0), ("paper", -50.0)]
    assert class_contrasts(store, first.id, third.id) == [], "nobody knows what the third said"
    answer(store, third, ["glass"], [0.9], {"9.jpg": "glass"})
    assert class_contrasts(store, first.id, third.id) == [], "other images"


def test_runs_on_other_images_or_without_answers_are_left_out(runs):
    store, (first, second, third) = runs
    answer(store, first, ["glass"] * 4, [0.9] * 4)
    answer(store, second, ["glass"], [0.9], {"5.jpg": "paper"})
    found = disputes(store, [first, second, third])
    assert found.runs == (first,) and found.disagreed == () and len(found.all_wrong) == 2
    assert disputes(store, [third]).runs == () and disputes(store, []).root is None


@pytest.mark.faults
def test_images_that_are_gone_and_damaged_answers_are_borne(runs, tmp_path):
    store, (first, second, _) = runs
    answer(store, first, ["glass"] * 4, [0.9] * 4)
    (store.path(second.id) / "predictions.csv").write_text("path,label,predicted,p_a\n1.jpg,a,b,many\n")
    (tmp_path / "photos").rmdir()
    found = disputes(store, [second, first])
    assert found.runs == (first,) and found.root is None
    store.write_status(second.id, RunStatus(State.COMPLETED))
    store.delete(second.id)
    with pytest.raises(NoSuchRun):
        disputes(store, [second])
