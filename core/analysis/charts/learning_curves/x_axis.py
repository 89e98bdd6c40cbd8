"""Where the rows of a run stand on the axis of a chart."""

from collections.abc import Sequence

from core.analysis.charts.learning_curves.curve_options import CurveOptions
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import Row


class XAxis:
    """x of a run's rows: epochs, steps or seconds from its start or, aligned, from where fine-tuning starts.

    A value of an epoch stands at the epoch's end. On the step axis a run without step rows has no place.
    """

    def __init__(self, metrics: Metrics, view: CurveOptions) -> None:
        self._axis = view.axis
        self._steps = _steps_an_epoch(metrics.steps)
        self._seconds = _seconds_at_ends(metrics.epochs)
        self._origin = self._end(_epochs_before_fine_tuning(metrics)) if view.aligned else 0.0
        self.exist = view.axis != "step" or bool(metrics.steps)

    def end(self, epoch: int) -> float:
        """x of the end of an epoch, the first = 1; 0 stands for the start."""
        return self._end(epoch) - self._origin

    def step(self, row: Row) -> float:
        """x of a step row."""
        within = row["epoch"] - 1 + row.get("done", 1.0)
        seconds = row.get("elapsed", self._end(row["epoch"]) if self._axis == "elapsed" else 0.0)
        return {"epoch": within, "step": row["step"], "elapsed": seconds}[self._axis] - self._origin

    def _end(self, epoch: int) -> float:
        if self._axis != "elapsed":
            return epoch * (self._steps if self._axis == "step" else 1)
        earlier = self._seconds.get(epoch)  # missing where a line was damaged
        return earlier if earlier is not None else max(s for e, s in self._seconds.items() if e <= epoch)


def _steps_an_epoch(steps: Sequence[Row]) -> int:
    """Every epoch has as many steps, and each row tells how much of its epoch is done."""
    if not steps:
        return 1
    newest = steps[-1]
    return max(1, round(newest["step"] / max(newest["epoch"] - 1 + newest.get("done", 1.0), 1e-9)))


def _seconds_at_ends(epochs: Sequence[Row]) -> dict[int, float]:
    """Seconds of training at the end of each epoch."""
    ends, total = {0: 0.0}, 0.0
    for row in epochs:
        total = row.get("elapsed", total + row.get("seconds", 0.0))
        ends[row["epoch"]] = total
    return ends


def _epochs_before_fine_tuning(metrics: Metrics) -> int:
    """0 where layers of the base train from the start; all epochs so far where none does."""
    newest = metrics.epochs[-1]["epoch"] if metrics.epochs else 0
    return next((row["epoch"] - 1 for row in metrics.epochs if row.get("unfreeze", 0) > 0), newest)


def boundaries(metrics: Metrics, places: XAxis) -> dict[float, str]:
    """x of each end of a phase, and what begins there."""
    first, pairs = metrics.boundaries, zip(metrics.epochs, metrics.epochs[1:], strict=False)
    return {places.end(before["epoch"]): _begins(before, after) for before, after in pairs if after["epoch"] in first}


def _begins(before: Row, after: Row) -> str:
    starts = before.get("unfreeze") == 0 and after.get("unfreeze", 0) > 0
    return "fine-tuning starts" if starts else f"phase {after['phase']}"
