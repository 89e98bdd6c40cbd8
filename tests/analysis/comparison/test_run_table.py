"""Tables and charts that compare runs: figures, differences, course ranges, confidence intervals."""

from dataclasses import replace

import numpy as np
import plotly.graph_objects as go
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.analysis.charts.bars import accuracy_bars, setting_bars
from core.analysis.charts.common import chart_points
from core.analysis.charts.confusion import confusion_chart
from core.analysis.charts.palette import STRATEGY_COLOURS
from core.analysis.comparison.replicates import Group, Result, Split
from core.analysis.comparison.run_table import class_table, comparison_table
from core.analysis.results.course_ranges import baseline_rows, compare_with_range, course_range_rows
from core.analysis.results.evaluation_file import EvaluationFigures, evaluation_figures
from core.analysis.results.setting_results import SeedResults, SettingResults, accuracy_on_test
from core.analysis.results.summary import PhaseSummary, Summary
from core.analysis.statistics.wilson_interval import wilson_interval
from core.experiment.named_strategies import BASELINE
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import Run, RunStatus

HEAD, TUNED, OTHER = (
    PhaseSummary(1, 0, 165_514, 15, 0.83),
    PhaseSummary(2, 30, 1_691_914, 10, 0.84),
    PhaseSummary(1, 154, 2_389_386, 25, 0.93),
)
TWO = Summary(
    "two",
    "two-phase",
    "Two-phase",
    0,
    "completed",
    25,
    23,
    0.84,
    0.4,
    0.05,
    0.833,
    0.8,
    378,
    1_691_914,
    (HEAD, TUNED),
    125.0,
    42.4,
    None,
)
FINE = replace(
    TWO,
    id="fine",
    strategy="fine-tuning",
    title="Fine-tuning all layers",
    test_accuracy=0.783,
    phases=(OTHER,),
    best_val_accuracy=0.93,
)
FAILED = replace(
    TWO,
    id="failed",
    test_accuracy=None,
    macro_f1=None,
    test_images=None,
    best_val_accuracy=None,
    best_epoch=None,
    gap=None,
    phases=(),
    epochs=0,
    seconds=0.0,
    images_per_second=None,
    state="failed",
)
NAMES = {"two": "Two-phase", "fine": "Fine-tuning all layers", "failed": "Two-phase, again"}

WILD = ["<img src=x onerror=alert(1)>", r"$\href{javascript:alert(1)}{x}$"]
RESULT = evaluation_figures(
    {
        "accuracy": 0.8,
        "images": 10,
        "classes": WILD,
        "confusion": [[4, 1], [2, 0]],
        "per_class": {WILD[0]: {"f1": 0.5, "images": 5}, WILD[1]: {"f1": 0.25, "images": 2}},
    }
)


def setting(name: str, *runs: Summary | EvaluationFigures) -> SettingResults:
    """A setting with one run for each summary, or for each figures on the test images, with the seeds 0, 1, ..."""
    return SettingResults(
        name,
        tuple(
            SeedResults(f"{name}, seed {seed}", seed, run, EvaluationFigures())
            if isinstance(run, Summary)
            else SeedResults(f"{name}, seed {seed}", seed, replace(TWO, id=f"{name} {seed}"), run)
            for seed, run in enumerate(runs)
        ),
    )


ONE_EACH = [setting(NAMES[run.id], run) for run in (FINE, TWO, FAILED)]


def of_accuracies(name: str, *accuracies: float | None) -> SettingResults:
    return setting(name, *(replace(TWO, id=f"{name} {i}", test_accuracy=a) for i, a in enumerate(accuracies)))


shares = st.none() | st.floats(0, 1)


@given(st.lists(shares, min_size=1, max_size=4), st.lists(shares, min_size=1, max_size=4))
def test_differences_are_antisymmetric_and_0_to_oneself(first, second):
    one, two = of_accuracies("one", *first), of_accuracies("two", *second)
    forward, backward = one.difference(accuracy_on_test, two), two.difference(accuracy_on_test, one)
    assert (forward is None) == (backward is None) == (one.mean(accuracy_on_test) is None or not two.tested_seeds)
    assert forward is None or forward == pytest.approx(-backward)
    assert one.difference(accuracy_on_test, one) in (0, None)


def test_differences_are_paired_by_seed():
    one, two = of_accuracies("one", 0.9, 0.7, None), of_accuracies("two", 0.8, None, 0.2)
    assert one.difference(accuracy_on_test, two) == pytest.approx(0.1), "of seed 0 alone"
    other = replace(two, runs=tuple(replace(run, seed=f"other {run.seed}") for run in two.runs))
    assert one.difference(accuracy_on_test, other) == pytest.approx(0.8 - 0.5), "of the means, without a common seed"


def test_the_table_has_the_baseline_first_and_every_run_has_every_column():
    table, formats = comparison_table(ONE_EACH, ONE_EACH[1])
    assert [row["Run"] for row in table] == ["Two-phase (baseline)", "Fine-tuning all layers", "Two-phase, again"]
    assert table[0]["Trainable parameters"] == "165,514, then 1,691,914" and table[0]["Best epoch"] == 23
    assert formats["Best epoch"](table[0]["Best epoch"]) == "23" and formats["Epochs"](table[0]["Epochs"]) == "25"
    assert formats["Test, difference"](table[1]["Test, difference"]) == "-5.0 points"
    assert formats["Training time"](table[0]["Training time"]) == "2 min 05 s"
    assert (table[0]["95% from"], table[0]["95% to"]) == wilson_interval(0.833, 378)
    assert table[2]["Test accuracy"] is table[2]["Training time"] is table[2]["95% from"] is None
    assert len({tuple(row) for row in table}) == 1 and set(formats) <= set(table[0]) and "Seeds" not in table[0]


def test_a_setting_has_one_row_with_means_over_its_seeds():
    runs = [replace(TWO, id=str(i), test_accuracy=a, best_epoch=e) for i, (a, e) in enumerate([(0.8, 20), (0.9, 23)])]
    several = setting("Two-phase", *runs, replace(FAILED, id="2"))
    (first, second), formats = comparison_table([ONE_EACH[0], several], several, {"1": (0.75, 0.95)})
    assert (first["Setting"], first["Seeds"], second["Seeds"]) == ("Two-phase (baseline)", 2, 1)
    assert first["Test accuracy"] == pytest.approx(0.85) and formats["Best epoch"](first["Best epoch"]) == "21.5"
    assert first["Epochs"] == pytest.approx(50 / 3) and first["State"] == "2 completed, 1 failed"
    assert second["Test, difference"] == pytest.approx(0.783 - 0.8), "the only seed that both have is 0"
    assert (first["95% from"], first["95% to"]) == (0.75, 0.95)
    assert (second["95% from"], second["95% to"]) == wilson_interval(0.783, 378)


def test_the_seeds_of_a_setting_are_rows_with_the_difference_to_the_same_seed():
    one, two = of_accuracies("one", 0.9, 0.7), of_accuracies("two", 0.8, 0.75)
    table, _ = comparison_table(one.apart(), two)
    assert [row["Run"] for row in table] == ["one, seed 0", "one, seed 1"]
    assert [row["Test, difference"] for row in table] == pytest.approx([0.1, -0.05])


@pytest.mark.faults
def test_balanced_accuracy_is_beside_the_accuracy_if_the_classes_of_any_run_are_unequal():
    unequal = setting("Fine", replace(FINE, balanced_accuracy=0.5, is_unbalanced=True))
    two = setting("Two", replace(TWO, balanced_accuracy=0.8))
    table, formats = comparison_table([unequal, two], two)
    assert list(table[0])[:3] == ["Run", "Test accuracy", "Balanced accuracy"]
    assert [formats["Balanced accuracy"](row["Balanced accuracy"]) for row in table] == ["80.0%", "50.0%"]
    assert "Balanced accuracy" not in comparison_table(ONE_EACH, ONE_EACH[1])[0][0]


def test_each_class_is_compared_with_the_baseline():
    better = replace(RESULT, f1={**RESULT.f1, WILD[0]: 0.6, "new": 1.0})
    fine, two = setting("Fine-tuning all layers", better), setting("Two-phase", RESULT)
    table, formats = class_table([fine, two], two)
    assert [row["Class"] for row in table] == [*WILD, "new"]
    assert table[0]["Two-phase (baseline)"] == 0.5 and table[0]["Test images"] == 5
    column = "Fine-tuning all layers, difference"
    assert formats[column](table[0][column]) == "+10.0 points"
    assert table[2]["Two-phase (baseline)"] is None is table[2][column]
    assert class_table([], two)[0] == []
    without, _ = class_table([fine, ONE_EACH[1]], ONE_EACH[1])
    assert "Two-phase (baseline)" not in without[0]


def test_f1_per_class_is_the_mean_over_seeds_and_its_difference_is_paired():
    of_one, of_two = ([replace(RESULT, f1={"a": f1}) for f1 in values] for values in ((0.5, 0.7), (0.4, 0.9, 0.2)))
    one, two = setting("One", *of_one), setting("Two", *of_two)
    ((row,), _) = class_table([one, two], one)
    assert row["One (baseline)"] == pytest.approx(0.6) and row["Two"] == pytest.approx(0.5)
    assert row["Two, difference"] == pytest.approx((-0.1 + 0.2) / 2), "of the seeds 0 and 1"


def test_confusion_matrices_are_summed_over_the_seeds_with_the_same_classes():
    other_classes = replace(RESULT, classes=("x", "y"))
    summed = setting("Two", RESULT, RESULT, EvaluationFigures(), other_classes).confusion
    assert summed.confusion.tolist() == [[8, 2], [4, 0]] and summed.classes == tuple(WILD)
    assert setting("Two", EvaluationFigures()).confusion is None


def test_each_measured_run_has_a_bar_from_zero_with_its_interval():
    figure = accuracy_bars([TWO, FAILED, FINE])
    assert [bar.x[0] for bar in figure.data] == [0.833, 0.783] and list(figure.layout.xaxis.range) == [0, 1]
    low, high = wilson_interval(0.833, 378)
    assert figure.data[0].error_x.array[0] == pytest.approx(high - 0.833)
    assert figure.data[0].error_x.arrayminus[0] == pytest.approx(0.833 - low)
    assert [bar.marker.color for bar in figure.data] == [STRATEGY_COLOURS["two-phase"], STRATEGY_COLOURS["fine-tuning"]]
    named = accuracy_bars([TWO], {"two": "Two-phase, images <b>everything</b>"}, {"two": "#123456"})
    assert named.layout.yaxis.ticktext == ("Two-phase<br>images &lt;b&gt;everything&lt;/b&gt;",)
    assert named.data[0].marker.color == "#123456" and not accuracy_bars([FAILED]).data


def test_each_setting_has_a_bar_with_a_mark_for_each_seed():
    results = tuple(
        Result(f"run-{seed}", accuracy, 100, ("a",), Split(seed), seed, 1.0) for seed, accuracy in enumerate((0.7, 0.8))
    )
    figure = setting_bars([Group("Two-phase", "x", results)], {"run-0": "#123456"})
    bar, marks = figure.data
    assert list(bar.x) == [pytest.approx(0.75)] and list(marks.x) == [0.7, 0.8] and bar.marker.color == "#123456"
    assert figure.layout.annotations[0].text == "<b>75.0%</b>" and list(figure.layout.xaxis.range) == [0, 1]


def test_transfer_is_compared_with_the_small_network_of_the_same_seed():
    small_cnn = replace(
        TWO,
        id="cnn",
        strategy="baseline-cnn",
        best_val_accuracy=0.7,
        best_epoch=20,
        trainable_parameters=2 * TWO.trainable_parameters,
    )
    epochs = [{"epoch": number, "val_accuracy": accuracy} for number, accuracy in enumerate((0.6, 0.72, 0.8), start=1)]
    metrics = {"two": Metrics(tuple(epochs)), "cnn": Metrics(())}
    runs = [Run("two", RunConfig(), RunStatus()), Run("cnn", RunConfig(strategy=BASELINE), RunStatus())]
    rows = baseline_rows(runs, [TWO, small_cnn], NAMES | {"cnn": "Small CNN"}, metrics)
    assert [row["Measured"] for row in rows] == ["+14.0 points", "2.0 times fewer", "2, small CNN 20"]
    assert rows[0]["Course range"] == "+10 to +15 points"
    for other in ({"seed": 9}, {"layout": "classes"}):
        other_images = [runs[0], Run("cnn", RunConfig(strategy=BASELINE, **other), RunStatus())]
        assert baseline_rows(other_images, [TWO, small_cnn], NAMES, metrics) == []
    assert baseline_rows(runs, [TWO], NAMES, metrics) == []


def test_confusion_charts_show_images_or_percent():
    images, percent = (confusion_chart(RESULT, "x", shares).data[0] for shares in (False, True))
    assert list(images.text) == [["4", "1"], ["2", ""]] and list(percent.text) == [["80", "20"], ["100", ""]]
    assert images.z[0] == pytest.approx((0.8, 0.2)) and str(images.z[1][1]) == "nan"
    assert percent.customdata.tolist() == [[[4, 5], [1, 5]], [[2, 2], [0, 2]]]
    with pytest.raises(ValueError, match="confusion"):
        confusion_chart(evaluation_figures(None), "x", True)


@pytest.mark.parametrize("classes", [2, 14, 15, 30])
def test_confusion_charts_of_many_classes_are_large_enough(classes):
    names = [f"class {i}" for i in range(classes)]
    result = evaluation_figures(
        {"classes": names, "confusion": [[i == j for j in range(classes)] for i in range(classes)]}
    )
    figure = confusion_chart(result, "x", False)
    assert figure.layout.height >= 150 + 16 * classes and (figure.data[0].texttemplate is None) == (classes > 14)


@pytest.mark.faults
def test_class_names_are_not_markup():
    figure = confusion_chart(RESULT, WILD[0], False)
    shown = [
        figure.layout.title.text,
        *figure.layout.xaxis.ticktext,
        *figure.layout.yaxis.ticktext,
        *figure.data[0].x,
        *figure.data[0].y,
    ]
    assert not any("<" in text for text in shown)
    same_text = confusion_chart(replace(RESULT, classes=("a\u202e", "a\u202d")), "x", False).data[0]
    assert same_text.x == same_text.y == ("a� (1)", "a� (2)")
    bar = accuracy_bars([TWO], {"two": "%{x} <b>"}).data[0]
    assert bar.hovertemplate.count("%{") == 1 and bar.hovertemplate.startswith("%&#123;x} &lt;b&gt;: ")
    assert chart_points(go.Figure(bar))[0]["name"] == "%{x} <b>"


def test_confusion_charts_of_many_classes_use_one_hover_template():
    names = [f"class {i}" for i in range(200)]
    figure = confusion_chart(
        EvaluationFigures(classes=tuple(names), confusion=np.ones((200, 200), dtype=int)), "x", False
    )
    assert isinstance(figure.data[0].hovertemplate, str) and figure.data[0].hovertext is figure.data[0].text is None
    assert len(figure.to_json()) < 1_000_000


def test_measured_accuracies_are_compared_with_the_course_ranges():
    rows = course_range_rows([TWO, FINE, FAILED], NAMES)
    assert [(row["Phase"], row["Trained"], row["Course range"], row["Measured"], row["Result"]) for row in rows] == [
        ("1", "head only", "80% to 85%", "83.0%", "in the range"),
        ("2", "30 layers", "85% to 92%", "84.0%", "below (-1.0 points)"),
    ]
    assert compare_with_range(0.85, (0.80, 0.85)) == "in the range"
    assert compare_with_range(0.861, (0.80, 0.85)) == "above (+1.1 points)"


@pytest.mark.parametrize(
    ("share", "n", "low", "high"),
    [
        (0.0, 10, 0.0, 0.2775),
        (1.0, 10, 0.7225, 1.0),
        (0.5, 100, 0.4038, 0.5962),
        (0.1, 20, 0.0279, 0.3010),
        (81 / 263, 263, 0.2553, 0.3662),
    ],
)  # the last from Newcombe 1998, Statistics in Medicine 17, table I
def test_published_wilson_intervals(share, n, low, high):
    assert wilson_interval(share, n) == pytest.approx((low, high), abs=5e-5)


@given(st.floats(0, 1), st.integers(1, 10**6))
def test_wilson_intervals_contain_their_share_and_narrow_with_more_images(share, n):
    (low, high), (low10, high10) = wilson_interval(share, n), wilson_interval(share, 10 * n)
    assert 0 <= low <= share + 1e-12 and share - 1e-12 <= high <= 1 and high10 - low10 < high - low


@pytest.mark.parametrize("wrong", [(-0.1, 10), (1.1, 10), (0.5, 0), (0.5, 10, 1.0), (float("nan"), 10)])
def test_impossible_arguments_are_refused(wrong):
    with pytest.raises(ValueError, match="Expected"):
        wilson_interval(*wrong)
