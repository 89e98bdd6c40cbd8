"""What the course promises of each phase, beside what was measured."""

from collections.abc import Mapping, Sequence
from typing import Final

from core.analysis.summary import PhaseSummary, Summary
from core.analysis.words import count, percent, points

HEAD_ALONE: Final = (0.80, 0.85)
FINE_TUNED: Final = (0.85, 0.92)
"""Validation accuracies that the course promises: of the head alone (phase 1), and fine-tuned after it (phase 2)."""


def promised_rows(rows: Sequence[Summary], names: Mapping[str, str]) -> list[dict[str, str]]:
    """A row for each phase of each run that the course promises something of."""
    return [{"Run": names[row.id], "Phase": str(phase.number), "Trained": _trained(phase),
             "Promised": f"{promise[0]:.0%} to {promise[1]:.0%}", "Measured": percent(phase.best_val_accuracy),
             "Result": beside(phase.best_val_accuracy, promise)}
            for row in rows for phase in row.phases if (promise := _promise(row, phase))]


def beside(share: float, promise: tuple[float, float]) -> str:
    """Where a share stands: in the range, or by how much above or below it."""
    low, high = promise
    if share < low:
        return f"below ({points(share - low)})"
    return f"above ({points(share - high)})" if share > high else "in the range"


def _promise(row: Summary, phase: PhaseSummary) -> tuple[float, float] | None:
    """The course trains the head first: of a base that trains from the start it promises nothing."""
    if phase.unfreeze == 0:
        return HEAD_ALONE
    head_first = any(earlier.unfreeze == 0 for earlier in row.phases if earlier.number < phase.number)
    return FINE_TUNED if phase.unfreeze and head_first else None


def _trained(phase: PhaseSummary) -> str:
    return count(phase.unfreeze, "layer") if phase.unfreeze else "head only"
