"""Calibration in figures: a row a run, as it says and at its temperature."""

from collections.abc import Mapping
from typing import Any, Final

from core.analysis.calibration import Reliability
from core.analysis.comparison import Formats
from core.analysis.words import points

_FORMATS: Final[Formats] = {
    **dict.fromkeys(("Too sure by", "Error", "Error, calibrated"), points),
    **dict.fromkeys(("Temperature", "Log loss", "Log loss, calibrated"), "{:.2f}".format),
    "Test images": "{:,.0f}".format}


def calibration_table(said: Mapping[str, Reliability], scaled: Mapping[str, Reliability],
                      names: Mapping[str, str]) -> tuple[list[dict[str, Any]], Formats]:
    """Rows by run, `scaled` those at their temperature where one is known; and how to show each column."""
    return [_row(names[run_id], one, scaled.get(run_id)) for run_id, one in said.items()], _FORMATS


def _row(name: str, said: Reliability, scaled: Reliability | None) -> dict[str, Any]:
    return {"Run": name, "Too sure by": said.overconfidence, "Error": said.error,
            "Error, calibrated": scaled and scaled.error, "Temperature": scaled and scaled.temperature,
            "Log loss": said.log_loss, "Log loss, calibrated": scaled and scaled.log_loss, "Test images": said.images}
