"""Started by other benchmarks, not by hand: train the run in FOLDER as a worker does, timed from after the imports.

`python -m benchmarks.support.engine_run FOLDER` prints one JSON object: one row per epoch with the seconds since the
start, the test accuracy, and the peak memory in bytes.
"""

import json
import os
import resource
import sys
import time
from pathlib import Path
from typing import Any

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Row
from core.learning.training.job import train_run
from core.machine.devices import CPU
from core.machine.processes import keras_environment


class TimingReporter:
    """A reporter that records the time at the end of each epoch and does nothing else."""

    device_id, trains_along = CPU, False

    def __init__(self, folder: Path) -> None:
        self.folder, self.rows = folder, []
        self._began = time.perf_counter()

    def emit(self, row: Row) -> None:
        if row["kind"] == "epoch":
            self.rows.append({"seconds": time.perf_counter() - self._began, "val_accuracy": row["val_accuracy"]})

    def set_status(self, **changes: Any) -> None:
        pass

    def resume_from(self, rows: Any) -> None:
        pass

    def should_stop(self) -> bool:
        return False

    def depths_of_waiting_runs(self) -> tuple[int, ...]:
        return ()


def main(folder: Path) -> None:
    os.environ.update(keras_environment(CPU))  # Keras is imported later, and then sees it
    config = RunConfig.from_json(json.loads((folder / "config.json").read_text(encoding="utf-8")))
    reporter = TimingReporter(folder)
    train_run(config, reporter)
    accuracy = json.loads((folder / "evaluation.json").read_text())["accuracy"]
    print(
        json.dumps(
            {
                "rows": reporter.rows,
                "test_accuracy": accuracy,
                "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))
