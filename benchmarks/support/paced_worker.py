"""Started by the launcher of other benchmarks, not by hand: a worker that only simulates a training, at a fixed pace.

Its metric rows are like those of a small real training.
"""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.support.common import epoch_row
from core.execution.queue.session import Session
from core.execution.queue.worker import exit_at_once, main
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State

STEPS, STEP_SECONDS = 5, 0.27
"""One epoch per 1.35 s, so that epochs end at different moments of the page's refresh interval of one second."""


def simulate(config: RunConfig, session: Session) -> bool:
    """Emit a few step rows and an epoch row per epoch, with its time in `written`; accuracy rises by 1% per epoch."""
    session.resume_from(())
    session.set_status(state=State.RUNNING)
    for epoch in range(1, config.strategy.epochs + 1):
        for step in range(1, STEPS + 1):
            time.sleep(STEP_SECONDS)
            session.emit(
                {
                    "kind": "step",
                    "step": step + STEPS * (epoch - 1),
                    "epoch": epoch,
                    "phase": 1,
                    "done": step / STEPS,
                    "loss": 1.0,
                    "accuracy": epoch / 100,
                    "elapsed": STEP_SECONDS * (step + STEPS * (epoch - 1)),
                    "images_per_second": 300.0,
                }
            )
        session.emit(epoch_row(epoch, epoch / 100, STEPS * STEP_SECONDS) | {"written": time.time()})
    return True


if __name__ == "__main__":
    exit_at_once(main(sys.argv[1:], simulate))
