"""Number of seeds of a study, how they choose the test images, and the smallest difference that they can detect."""

import streamlit as st

from core.analysis.results.settings import TEST_PARTS_NAMES
from core.analysis.statistics.assurance import detectable_difference
from core.analysis.text import count, escape_markdown
from core.data.datasets.reports import Report
from core.experiment.run_config import IN_TURN, RANDOM
from pages.parts.shared.form import PERSISTENT, selected_test_parts

CHOICES = (1, 3, 5, 10)
_WAYS = {
    IN_TURN: "In turn: five seeds test every image once (68/12/20).",
    RANDOM: "Random: each seed draws its test images anew (70/15/15).",
}


def choose_seeds() -> int:
    """Show the number of seeds and return it."""
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
    return seeds or current


def choose_test_parts(report: Report | None, seeds: int, strategies: int) -> None:
    """Show how the test images of the seeds are chosen, and below the smallest difference that the seeds can detect."""
    test_parts = st.session_state["test-parts"] = selected_test_parts()
    st.segmented_control(
        "Test parts",
        TEST_PARTS_NAMES,
        key="test-parts",
        required=True,
        format_func=lambda name: TEST_PARTS_NAMES[name].capitalize(),
        on_change=_keep_test_parts,
        disabled=bool(report and report.why_not_in_turn),
        help="In turn: five seeds test every image once (68/12/20). Random: each seed draws its test images anew "
        "(70/15/15). The mean of seeds that are tested in turn has no test images left.",
    )
    if report and test_parts == IN_TURN and report.why_not_in_turn:
        st.caption(f":material/info: Test parts are random: {escape_markdown(report.why_not_in_turn)}.")
    else:
        st.caption(_WAYS[test_parts])
    if manifest := report.manifest_of(test_parts) if report else None:
        st.caption(_detectable_difference(seeds, strategies, manifest.counts()))


def _keep_test_parts() -> None:
    st.session_state["chosen-test-parts"] = st.session_state["test-parts"]


def _detectable_difference(seeds: int, strategies: int, counts: dict[str, int]) -> str:
    """Describe the smallest difference, in percentage points, that this number of seeds detects with 80% power."""
    overlap = counts["test"] / counts["train"]
    least = 100 * detectable_difference(counts["test"], overlap, seeds, max(2, strategies))
    points = f"{least:.1f}" if least < 10 else f"{least:.0f}"
    images = count(counts["test"], "test image")
    if least >= 100:
        return f"With {count(seeds, 'seed')} and {images} hardly any difference between strategies can be detected."
    if seeds == 1:
        return (
            f"With one seed and {images} you will detect differences of {points} points or more between two models "
            "(80% power); it does not show variation between trainings, so it cannot compare strategies."
        )
    return (
        f"With {seeds} seeds and {images} you will detect differences of {points} points or more between strategies "
        "(80% power)."
    )
