"""Event files for TensorBoard: curves over all phases, and HParams with the final test accuracy."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import summary as hparams
from tensorboard.summary.writer.event_file_writer import EventFileWriter

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Row

_TRAIN = {
    "loss": "epoch_loss",
    "accuracy": "epoch_accuracy",
    "learning_rate": "learning_rate",
    "trainable_parameters": "trainable_parameters",
}
_VALIDATION = {"val_loss": "epoch_loss", "val_accuracy": "epoch_accuracy"}


class TensorBoard:
    """Writes the metrics of epochs to `train/` and `validation/` below one folder. Use as a context manager.

    `rows` are the earlier epochs of a resumed run: they are written again and the earlier files deleted, so that every
    epoch appears once.
    """

    def __init__(self, folder: Path, rows: Sequence[Row] = ()) -> None:
        earlier_files = list(folder.rglob("events.*"))
        self._train = EventFileWriter(str(folder / "train"))
        self._validation = EventFileWriter(str(folder / "validation"))
        for row in rows:
            self.write(row)
        for path in earlier_files:
            path.unlink(missing_ok=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._train.close()
        self._validation.close()

    def write(self, row: Row) -> None:
        """Write the row of one epoch and flush the files."""
        for writer, names in ((self._train, _TRAIN), (self._validation, _VALIDATION)):
            for name, tag in names.items():
                _add_scalar(writer, tag, row[name], row["epoch"])
            writer.flush()


def write_hparams(folder: Path, config: RunConfig, test_accuracy: float) -> None:
    """Write the settings and the test accuracy for TensorBoard's HParams page."""
    phases = config.strategy.phases
    settings = {
        "strategy": config.strategy.name,
        "unfreeze": phases[-1].unfreeze,
        "batch_size": config.batch_size,
        "learning_rate": phases[-1].learning_rate,
        "epochs": config.strategy.epochs,
        "seed": config.seed,
        "image_size": config.image_size,
        "alpha": config.alpha,
        "weights": config.weights,
    }
    writer = EventFileWriter(str(folder))
    for proto in (hparams.session_start_pb(settings), hparams.session_end_pb("STATUS_SUCCESS")):
        summary = Summary.FromString(proto.SerializeToString())
        writer.add_event(Event(wall_time=time.time(), summary=summary))
    _add_scalar(writer, "test_accuracy", test_accuracy, config.strategy.epochs)
    writer.close()


def _add_scalar(writer: EventFileWriter, tag: str, value: float, step: int) -> None:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])
    writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
