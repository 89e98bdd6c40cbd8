"""Bar chart of the images per class."""

import itertools

import pytest

from core.analysis.charts.classes import SPLIT_COLOURS, class_bars
from core.analysis.charts.common import chart_points
from core.analysis.charts.palette import EXTRA_COLOURS, STRATEGY_COLOURS
from core.data.datasets.split import Manifest, ManifestRow


def manifest(counts: dict[str, tuple[int, int, int]]) -> Manifest:
    """A manifest with these numbers of training, validation and test images per class."""
    numbers = itertools.count()
    return Manifest(
        tuple(
            ManifestRow(f"{next(numbers)}.jpg", "h", label, split)
            for label, parts in counts.items()
            for split, number in zip(SPLIT_COLOURS, parts, strict=True)
            for _ in range(number)
        )
    )


def test_one_stacked_bar_per_class_the_largest_first():
    figure = class_bars(manifest({"glass": (4, 1, 1), "paper": (7, 2, 0), "cork": (4, 1, 1)}))
    assert [trace.name for trace in figure.data] == ["Training", "Validation", "Test"]
    assert all(trace.y == ("paper", "cork", "glass") for trace in figure.data)
    assert [trace.x for trace in figure.data] == [(7, 4, 4), (2, 1, 1), (0, 1, 1)]
    assert figure.layout.barmode == "stack" and figure.layout.yaxis.autorange == "reversed"
    assert {"name": "Test", "x": 1, "y": "cork"} in chart_points(figure)


@pytest.mark.parametrize("classes", [2, 10, 40])
def test_every_class_is_labelled_and_has_room(classes):
    figure = class_bars(manifest({f"class {number}": (3, 1, 1) for number in range(classes)}))
    assert len(figure.layout.yaxis.ticktext) == classes and figure.layout.height / classes >= 20


@pytest.mark.faults
def test_class_names_are_escaped_and_digits_are_categories():
    names = "<img src=x onerror=alert(1)>", "a" * 300 + "1", "a" * 300 + "2", "10", "9", "\u202egpj.exe"
    figure = class_bars(manifest({name: (3, 1, 1) for name in names}))
    assert figure.layout.yaxis.type == "category" and set(figure.data[0].y) == set(names)
    shown = [*figure.layout.yaxis.ticktext, *figure.data[0].customdata]
    assert not any("<" in text or "\u202e" in text for text in shown)
    assert max(map(len, figure.layout.yaxis.ticktext)) < 40


def test_colours_of_the_split_are_not_those_of_strategies():
    assert not set(SPLIT_COLOURS.values()) & {*STRATEGY_COLOURS.values(), *EXTRA_COLOURS}
