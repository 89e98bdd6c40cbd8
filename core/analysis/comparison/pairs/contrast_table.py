"""Table of all pairwise comparisons of settings."""

from typing import Any, Final

from core.analysis.comparison.pairs.contrast import Contrast
from core.analysis.comparison.run_table import Formats
from core.analysis.comparison.verdict import Verdict
from core.analysis.text import percent, points


def contrast_table(verdict: Verdict) -> tuple[list[dict[str, Any]], Formats]:
    """One row per pair of settings, the more accurate first, and the format of each column. Differences are shares."""
    return [_contrast_row(contrast) for contrast in verdict.contrasts], _CONTRAST_FORMATS


def _contrast_row(contrast: Contrast) -> dict[str, Any]:
    low, high = contrast.interval
    better, equal, worse = contrast.probabilities
    return {
        "Higher": contrast.first.name,
        "Lower": contrast.second.name,
        "Difference": contrast.difference,
        "95% from": low,
        "95% to": high,
        "Judgement": str(contrast.judgement),
        "p": contrast.p,
        "Higher is better": better,
        "Practically equal": equal,
        "Lower is better": worse,
        "Next training better": contrast.posterior.next_is_better,
        "Seeds": contrast.seeds,
        "Test images": contrast.images,
        "Paired": "yes" if contrast.is_paired else "no",
        "Times as long": contrast.time_ratio,
    }


_CONTRAST_FORMATS: Final[Formats] = {
    **dict.fromkeys(("Difference", "95% from", "95% to"), points),
    **dict.fromkeys(("Higher is better", "Practically equal", "Lower is better", "Next training better"), percent),
    "p": lambda p: "under 0.001" if p < 1e-3 else f"{p:.3f}",
    "Test images": "{:,.0f}".format,
    "Times as long": "{:.1f}".format,
}
