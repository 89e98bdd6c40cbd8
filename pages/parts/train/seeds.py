"""How often a study is repeated, and what that is able to tell."""

import streamlit as st

from core.analysis.statistics.significance import minimum_detectable_difference
from core.analysis.text import count
from core.data.datasets.reports import Report
from pages.parts.shared.form import KEPT

CHOICES = (1, 3, 5, 10)


def choose_seeds(report: Report | None) -> int:
    """How many seeds; below it the smallest difference that so many can tell on this data set."""
    choices = sorted({*CHOICES, st.session_state["seeds"]})  # and what a preset or a duplicated study brought
    seeds = st.segmented_control(
        "How sure do you want to be?",
        choices,
        key="seeds",
        required=True,
        format_func=lambda number: count(number, "seed"),
        **KEPT,
        help="Each seed divides the images anew and trains every strategy once on that division. Several tell "
        "whether a strategy is better, or was lucky.",
    )
    if report and report.manifest:
        st.caption(_promise(seeds, report.manifest.counts()))
    return seeds


def _promise(seeds: int, counts: dict[str, int]) -> str:
    least = 100 * minimum_detectable_difference(counts["test"], counts["train"], seeds)
    apart = f"{least:.1f} points or more apart on {counts['test']:,} test images"
    if seeds == 1:
        return (
            f"One training each finds, four times in five, which of two models is better that are {apart}. "
            "Whether the next training would come out the same it cannot tell."
        )
    return f"{seeds} seeds find, four times in five, which of two strategies is better that are {apart}."
