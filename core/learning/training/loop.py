"""The training loop over the phases of a strategy."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from core.data.cache.run_cache import RunCache
from core.experiment.run_config import RunConfig
from core.experiment.runs.metrics import best_key
from core.experiment.runs.run import Row
from core.experiment.strategy import Phase
from core.learning.head.head_weights import head_of
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.training_data import TrainingData
from core.learning.network.cut_points import is_pooled
from core.learning.network.run_network import RunNetwork
from core.learning.training.checkpoint import Checkpoint, Checkpoints
from core.learning.training.head_phase import train_head
from core.learning.training.phase_log import Emit
from core.learning.training.progress import Context, Progress

if TYPE_CHECKING:
    import keras


@dataclass(frozen=True)
class Outcome:
    """Result of a training. The network has the weights of the best epoch, if at least one epoch was completed."""

    rows: tuple[Row, ...]
    stopped: bool

    @property
    def best(self) -> Row | None:
        return max(self.rows, key=best_key, default=None)


def train(
    config: RunConfig,
    network: RunNetwork | keras.Model,
    data: TrainingData,
    emit: Emit,
    should_stop: Callable[[], bool] = lambda: False,
    checkpoints: Checkpoints | None = None,
    start: Checkpoint | None = None,
    frozen_features: FrozenFeatures | None = None,
) -> Outcome:
    """Train `network` through the phases of the strategy, resumed from `start` if given.

    Every phase starts with a new optimizer. `emit` receives one row per epoch and a few per second in between. A stop
    request or `KeyboardInterrupt` stops the training in an orderly way. Without `frozen_features` nothing is cached and
    the frozen layers are computed in every epoch. Raises `Diverged`.
    """
    if not isinstance(network, RunNetwork):
        network = RunNetwork(config, len(data.classes), network)
    frozen_features = frozen_features or FrozenFeatures(config, network, RunCache())
    progress = Progress(config.patience, emit, checkpoints, start)
    context = Context(config, network, data, frozen_features, emit, should_stop)
    stopped = False
    try:
        for number, phase in enumerate(config.counted_strategy.phases, start=1):
            _train_phase(context, progress, number, phase)
    except KeyboardInterrupt:
        stopped = True
    finally:
        progress.save()
    _restore_best_weights(context, progress)
    return Outcome(tuple(progress.rows), stopped)


def _train_phase(context: Context, progress: Progress, number: int, phase: Phase) -> None:
    if progress.epochs_left(number, phase) == 0:
        return
    if is_pooled(context.frozen_features.cut_point(number)):
        train_head(context, progress, number, phase)
    else:
        from core.learning.training.keras_phase import train_layers  # Keras takes seconds to import

        train_layers(context, progress, number, phase)


def _restore_best_weights(context: Context, progress: Progress) -> None:
    if not progress.best:
        return
    if all(row["unfreeze"] == 0 for row in progress.rows):  # the base has its initial weights
        context.network.head = head_of(progress.best)
    else:
        from core.learning.training.keras_phase import restore_weights

        restore_weights(context.network.open_model(), max(context.config.counted_strategy.depths), progress.best)
