"""Map the rows of a run's metrics to positions on the x axis of a chart."""

from collections.abc import Sequence

from core.analysis.charts.learning_curves.curve_options import CurveOptions
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import Row


class XAxis:
    """x of a run's rows: epochs, steps or seconds from its start or, if aligned, from the start of fine-tuning.

    Values of an epoch lie at the end of the epoch. `is_defined` is False on the step axis for a run without step rows.
    """

    def __init__(self, metrics: Metrics, options: CurveOptions) -> None:
        self._axis = options.axis
        self._steps = _steps_per_epoch(metrics.steps)
        self._seconds = _seconds_at_epoch_ends(metrics.epochs)
        self._origin = self._end(_epochs_before_fine_tuning(metrics)) if options.aligned else 0.0
        self.is_defined = options.axis != "step" or bool(metrics.steps)

    def end(self, epoch: int) -> float:
        """x of the end of an epoch, counted from 1; epoch 0 is the start of training."""
        return self._end(epoch) - self._origin

    def step(self, row: Row) -> float:
        """x of a step row."""
        epochs = row["epoch"] - 1 + row.get("done", 1.0)
        seconds = row.get("elapsed", self._end(row["epoch"]) if self._axis == "elapsed" else 0.0)
        x: float = {"epoch": epochs, "step": row["step"], "elapsed": seconds}[self._axis]
        return x - self._origin

    def _end(self, epoch: int) -> float:
        if self._axis != "elapsed":
            return epoch * (self._steps if self._axis == "step" else 1)
        seconds = self._seconds.get(epoch)  # missing if the line was damaged: use the last epoch before it
        return seconds if seconds is not None else max(s for e, s in self._seconds.items() if e <= epoch)


def _steps_per_epoch(steps: Sequence[Row]) -> int:
    """The number of steps per epoch, the same in all epochs; computed from the newest row and its `done` share."""
    if not steps:
        return 1
    newest = steps[-1]
    number: int = max(1, round(newest["step"] / max(newest["epoch"] - 1 + newest.get("done", 1.0), 1e-9)))
    return number


def _seconds_at_epoch_ends(epochs: Sequence[Row]) -> dict[int, float]:
    """Seconds of training at the end of each epoch."""
    ends, total = {0: 0.0}, 0.0
    for row in epochs:
        total = row.get("elapsed", total + row.get("seconds", 0.0))
        ends[row["epoch"]] = total
    return ends


def _epochs_before_fine_tuning(metrics: Metrics) -> int:
    """0 if layers of the base train from the start; the number of epochs so far if none has trained yet."""
    newest = metrics.epochs[-1]["epoch"] if metrics.epochs else 0
    return next((row["epoch"] - 1 for row in metrics.epochs if row.get("unfreeze", 0) > 0), newest)


def phase_boundaries(metrics: Metrics, x_axis: XAxis) -> dict[float, str]:
    """x of each boundary between two phases, with a label for the phase that begins there."""
    first, pairs = metrics.phase_start_epochs, zip(metrics.epochs, metrics.epochs[1:], strict=False)
    return {x_axis.end(before["epoch"]): _label(before, after) for before, after in pairs if after["epoch"] in first}


def _label(before: Row, after: Row) -> str:
    starts = before.get("unfreeze") == 0 and after.get("unfreeze", 0) > 0
    return "fine-tuning starts" if starts else f"phase {after['phase']}"
