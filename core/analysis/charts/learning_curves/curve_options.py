"""How learning curves are looked at."""

from dataclasses import dataclass
from typing import Final

AXES: Final = ("epoch", "step", "elapsed")
MAX_SMOOTHING: Final = 0.99


@dataclass(frozen=True)
class CurveOptions:
    """How learning curves are drawn.

    Args:
        axis: "epoch", "step" (batches seen) or "elapsed" (seconds of training).
        aligned: put x = 0 where fine-tuning starts. Runs that unfreeze from the start have it at their start; runs
            that train only the head have it at their end: what fine-tuning would go on from.
        smoothing: weight of what came before, 0 (none) to 0.99, in an exponential moving average.
        log: draw losses on a logarithmic axis; accuracies stay as they are.
        ignore_outliers: fit the axis to all but the lowest and the highest twentieth of the values.
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
