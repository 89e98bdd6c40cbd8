"""Calibration in figures: a row a setting, as its models say and at their temperatures."""

from collections.abc import Mapping
from typing import Any, Final

from core.analysis.comparison.calibration import Reliability
from core.analysis.comparison.run_table import Formats
from core.analysis.text import points

_FORMATS: Final[Formats] = {
    "Too sure by": points,
    **dict.fromkeys(("Error", "Error, calibrated"), lambda error: f"{100 * error:.1f} points"),
    **dict.fromkeys(("Temperature", "Log loss", "Log loss, calibrated"), "{:.2f}".format),
    "Test images": "{:,.0f}".format,
}


def calibration_table(
    said: Mapping[str, Reliability], scaled: Mapping[str, Reliability], names: Mapping[str, str]
) -> tuple[list[dict[str, Any]], Formats]:
    """Rows by setting, `scaled` those at their temperature where one is known; and how to show each column."""
    return [_row(names[key], one, scaled.get(key)) for key, one in said.items()], _FORMATS


def _row(name: str, said: Reliability, scaled: Reliability | None) -> dict[str, Any]:
    return {
        "Setting": name,
        "Too sure by": said.overconfidence,
        "Error": said.error,
        "Error, calibrated": scaled and scaled.error,
        "Temperature": scaled and scaled.temperature,
        "Log loss": said.log_loss,
        "Log loss, calibrated": scaled and scaled.log_loss,
        "Test images": said.images,
    }
