"""Options of learning-curve charts."""

from dataclasses import dataclass
from typing import Final

AXES: Final = ("epoch", "step", "elapsed")
MAX_SMOOTHING: Final = 0.99


@dataclass(frozen=True)
class CurveOptions:
    """How learning curves are drawn.

    Args:
        axis: "epoch", "step" (training batches) or "elapsed" (seconds of training).
        aligned: put x = 0 at the start of fine-tuning. For runs that unfreeze layers from the beginning this is their
            start; for runs that train only the head it is their end, where fine-tuning would begin.
        smoothing: weight of earlier values in an exponential moving average, 0 (none) to 0.99.
        log: draw losses on a logarithmic axis; accuracies stay linear.
        ignore_outliers: fit the y axis to the values between the 5th and the 95th percentile.
    """

    axis: str = "epoch"
    aligned: bool = False
    smoothing: float = 0.0
    log: bool = False
    ignore_outliers: bool = False

    def __post_init__(self) -> None:
        if self.axis not in AXES:
            raise ValueError(f"Expected axis to be one of {', '.join(AXES)}; received {self.axis!r}.")
        number = isinstance(self.smoothing, int | float) and not isinstance(self.smoothing, bool)
        if not number or not 0 <= self.smoothing <= MAX_SMOOTHING:
            raise ValueError(f"Expected smoothing from 0 to {MAX_SMOOTHING}; received {self.smoothing!r}.")
        for name in ("aligned", "log", "ignore_outliers"):
            if not isinstance(getattr(self, name), bool):
                raise ValueError(f"Expected {name} to be true or false; received {getattr(self, name)!r}.")


BY_EPOCH: Final = CurveOptions()
