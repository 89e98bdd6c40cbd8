"""Event files for TensorBoard: curves over all phases, and HParams with the final test accuracy."""

import itertools
import os
import socket
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.compat.proto.summary_pb2 import Summary
from tensorboard.plugins.hparams import api_pb2, metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData, SessionEndInfo, SessionStartInfo
from tensorboard.summary.writer.record_writer import RecordWriter

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import Row

_TRAIN = {
    "loss": "epoch_loss",
    "accuracy": "epoch_accuracy",
    "learning_rate": "learning_rate",
    "trainable_parameters": "trainable_parameters",
}
_VALIDATION = {"val_loss": "epoch_loss", "val_accuracy": "epoch_accuracy"}


_NUMBERS = itertools.count()


class EventFile:
    """A new event file in a folder. TensorBoard's own writer would import TensorFlow to open it."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        name = f"events.out.tfevents.{int(time.time()):010d}.{socket.gethostname()}.{os.getpid()}.{next(_NUMBERS)}"
        self._writer = RecordWriter((folder / name).open("wb"))
        self.add_event(Event(wall_time=time.time(), file_version="brain.Event:2"))
        self.flush()

    def add_event(self, event: Event) -> None:
        self._writer.write(event.SerializeToString())

    def flush(self) -> None:
        self._writer.flush()

    def close(self) -> None:
        self._writer.close()


class TensorBoard:
    """Writes the metrics of epochs to `train/` and `validation/` below one folder. Use as a context manager.

    `rows` are the earlier epochs of a resumed run: they are written again and the earlier files deleted, so that every
    epoch appears once.
    """

    def __init__(self, folder: Path, rows: Sequence[Row] = ()) -> None:
        earlier_files = list(folder.rglob("events.*"))
        self._train = EventFile(folder / "train")
        self._validation = EventFile(folder / "validation")
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
    """Write the settings and the test accuracy for TensorBoard's HParams page.

    `tensorboard.plugins.hparams.summary` does the same, but only if TensorFlow is installed.
    """
    phases = config.counted_strategy.phases
    settings: dict[str, str | float] = {
        "strategy": config.strategy.name,
        "unfreeze": phases[-1].unfreeze,
        "batch_size": config.batch_size,
        "learning_rate": phases[-1].learning_rate,
        "epochs": config.strategy.epochs,
        "seed": config.seed,
        "image_size": config.image_size,
        "base": config.base,
        "alpha": config.alpha,
        "weights": config.weights,
    }
    start = SessionStartInfo(start_time_secs=time.time())
    for name, value in settings.items():
        setattr(start.hparams[name], "string_value" if isinstance(value, str) else "number_value", value)
    end = SessionEndInfo(status=api_pb2.STATUS_SUCCESS, end_time_secs=time.time())
    writer = EventFile(folder)
    _add_session(writer, metadata.SESSION_START_INFO_TAG, HParamsPluginData(session_start_info=start))
    _add_session(writer, metadata.SESSION_END_INFO_TAG, HParamsPluginData(session_end_info=end))
    _add_scalar(writer, "test_accuracy", test_accuracy, config.strategy.epochs)
    writer.close()


def _add_session(writer: EventFile, tag: str, data: HParamsPluginData) -> None:
    described = metadata.create_summary_metadata(data)
    value = Summary.Value(tag=tag, metadata=described, tensor=metadata.NULL_TENSOR)
    writer.add_event(Event(wall_time=time.time(), summary=Summary(value=[value])))


def _add_scalar(writer: EventFile, tag: str, value: float, step: int) -> None:
    summary = Summary(value=[Summary.Value(tag=tag, simple_value=float(value))])
    writer.add_event(Event(wall_time=time.time(), step=step, summary=summary))
