"""A worker that only pretends to train, at the pace of a small training: rows as a real one writes them."""

import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.support.common import epoch_row
from core.execution.queue.session import Session
from core.execution.queue.worker import leave, main
from core.experiment.run_config import RunConfig
from core.experiment.runs.run import State

STEPS, STEP_SECONDS = 5, 0.27
"""An epoch every 1.35 s, so that its end falls on every part of the page's second."""


def pretend(config: RunConfig, session: Session) -> bool:
    """Emit a few step rows and then the epoch's row, `written` telling when; accuracy grows by a point an epoch."""
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
    leave(main(sys.argv[1:], pretend))
