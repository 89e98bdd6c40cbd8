"""Number of seeds of a study, and the smallest difference that this number can detect."""

import streamlit as st

from core.analysis.statistics.assurance import detectable_difference
from core.analysis.text import count
from core.data.datasets.reports import Report
from pages.parts.shared.form import PERSISTENT

CHOICES = (1, 3, 5, 10)


def choose_seeds(report: Report | None, strategies: int) -> int:
    """Show the number of seeds, and below it the smallest difference that it can detect on this data set."""
    current: int = st.session_state["seeds"]  # a preset or a duplicated study may have another number
    choices = sorted({*CHOICES, current})
    seeds = st.segmented_control(
        "Number of seeds",
        choices,
        key="seeds",
        required=True,
        format_func=lambda number: count(number, "seed"),
        **PERSISTENT,
        help="Each seed splits the images anew and trains every strategy once on that split. Several seeds show "
        "whether a strategy is better or a single result was chance.",
    )
    seeds = seeds or current
    if report and report.manifest:
        st.caption(_detectable_difference(seeds, strategies, report.manifest.counts()))
    return seeds


def _detectable_difference(seeds: int, strategies: int, counts: dict[str, int]) -> str:
    """Describe the smallest difference, in percentage points, that this number of seeds detects with 80% power."""
    overlap = counts["test"] / counts["train"]
    least = 100 * detectable_difference(counts["test"], overlap, seeds, max(2, strategies))
    points = f"{least:.1f}" if least < 10 else f"{least:.0f}"
    images = count(counts["test"], "test image")
    if seeds == 1:
        return (
            f"With one seed and {images} you will detect differences of {points} points or more between two models "
            "(80% power); it does not show variation between trainings, so it cannot compare strategies."
        )
    return (
        f"With {seeds} seeds and {images} you will detect differences of {points} points or more between strategies "
        "(80% power)."
    )
