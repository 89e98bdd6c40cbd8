"""Learning rate range test: a short training in which the rate grows, to find a rate that suits a phase."""

import math
import time
from collections.abc import Iterator
from itertools import count, islice
from threading import Lock

import numpy as np

from core.data.datasets.dataset import DataError
from core.data.datasets.split import Manifest
from core.experiment.run_config import RunConfig
from core.experiment.strategy import expect_integer
from core.learning.inputs.frozen_features import FrozenFeatures
from core.learning.inputs.run_inputs import open_inputs
from core.learning.inputs.training_data import Batch, TrainingData, training_batches
from core.learning.network.cut_points import is_pooled
from core.learning.network.engines.bf16 import bf16_for
from core.learning.network.run_network import RunNetwork
from core.learning.training.range_steps import HeadSteps, KerasSteps, Steps

LOWEST_RATE, HIGHEST_RATE, MAX_STEPS = 1e-7, 1.0, 100
MIN_STEPS, MAX_SECONDS = 40, 60.0
"""If steps are slow, only as many are made as fit into this time, but at least `MIN_STEPS`, enough for a curve."""

SMOOTHED_SHARE, DIVERGENCE_FACTOR = 0.1, 4.0
"""Share of the steps over which the running mean smooths; multiple of the best loss at which the test stops."""

Point = tuple[float, float]
"""(learning rate, smoothed loss)."""

_LOCK = Lock()  # one test at a time: tests share the processor and the random state of Keras for initial weights


def find_rate(config: RunConfig, manifest_csv: str, phase: int) -> tuple[Point, ...]:
    """Make the range test of phase number `phase` (from 1) of a run that has not been created yet.

    Features of the frozen layers are read from the feature cache and added to it, so the run can reuse them. Raises
    `ValueError` for a phase, data or weights that cannot be used, `OSError`.
    """
    manifest = Manifest.from_csv(manifest_csv)
    with _LOCK:
        network, data, run_cache = open_inputs(config, manifest)
        frozen_features = FrozenFeatures(config, network, run_cache, bf16=bf16_for(config))
        return range_test(config, phase, network, data, frozen_features)


def range_test(
    config: RunConfig,
    phase: int,
    network: RunNetwork,
    data: TrainingData,
    frozen_features: FrozenFeatures,
    steps: int = MAX_STEPS,
) -> tuple[Point, ...]:
    """Train phase number `phase` (from 1) for at most `steps` batches while the rate grows from 1e-7 to 1.

    The rate is multiplied by the same factor after each batch (Smith 2017, arXiv 1506.01186, section 3.3, in the
    exponential form of fastai's `lr_find`); the batches are the run's first ones. The test stops early when the
    smoothed loss exceeds 4 times its best value, as fastai's does, or is not finite.

    The loss differs between batches by more than a phase with a trained head improves it in this number of steps.
    Therefore a first pass at rate 0 measures the loss of each batch, with the same dropout, before anything is learned.
    The curve is the smoothed difference to that loss, plus the mean of the first pass: a control variate.

    Earlier phases are first trained at their configured rates for one pass over the images, at most `steps` batches:
    with an untrained head the loss would fall because the head learns, and the test would find a rate for the head.
    They do not train for all their epochs, so a later phase starts here from a slightly worse head than in the run.

    `network` is changed by the test. Returns the points in order of rising rate. Raises `ValueError`.
    """
    expect_integer("phase (of the strategy, from 1)", phase, 1, len(config.strategy.phases))
    expect_integer("steps (batches)", steps, 2, 10_000)
    if not len(data.train):
        raise DataError("Expected training images for the range test; received none. Choose other images.")
    test = _RangeTest(config, network, data, frozen_features)
    for number in range(1, phase):
        test.warm_up(number, steps)
    return tuple(test.points(phase, steps))


class _RangeTest:
    """The network, images and features that the passes of a range test share."""

    def __init__(
        self, config: RunConfig, network: RunNetwork, data: TrainingData, frozen_features: FrozenFeatures
    ) -> None:
        self._config, self._network, self._images, self._features = config, network, data.train, frozen_features
        self._batches_per_epoch = max(1, len(data.train) // config.batch_size)  # full ones only: one point per batch

    def warm_up(self, phase: int, steps: int) -> None:
        """Train an earlier phase for one pass over the images, at most `steps` batches."""
        network, rate = self._steps_of(phase), self._config.strategy.phases[phase - 1].learning_rate
        for step, batch in enumerate(islice(self._batches(phase), min(steps, self._batches_per_epoch)), start=1):
            network.step(batch, rate, step)
        network.finish()

    def points(self, phase: int, steps: int) -> Iterator[Point]:
        network = self._steps_of(phase)
        initial_losses = self._initial_losses(network, phase, steps)
        rates = np.geomspace(LOWEST_RATE, HIGHEST_RATE, len(initial_losses)).tolist()
        decay, mean, best = 1 - 1 / max(1, SMOOTHED_SHARE * len(rates)), 0.0, math.inf
        initial_mean = float(np.mean(initial_losses))
        for step, (batch, rate) in enumerate(zip(self._batches(phase), rates, strict=False), start=1):
            loss = network.step(batch, rate, step)
            if not math.isfinite(loss):
                return
            mean = decay * mean + (1 - decay) * (loss - initial_losses[step - 1])
            smoothed = initial_mean + mean / (1 - decay**step)  # corrects the bias of a running mean that starts at 0
            yield rate, smoothed
            best = min(best, smoothed)
            if smoothed > DIVERGENCE_FACTOR * best:
                return

    def _initial_losses(self, network: Steps, phase: int, steps: int) -> list[float]:
        """Measure the loss of each batch before anything is learned; fewer batches than `steps` if they are slow.

        At rate 0 only the moving statistics of the head's BatchNormalization change, which training does not read.
        """
        losses, seconds = [], 0.0
        for step, batch in enumerate(islice(self._batches(phase), steps), start=1):
            began = time.perf_counter()
            losses.append(network.step(batch, 0.0, step))
            seconds += (time.perf_counter() - began) * (step > 1)  # the first step traces the model
            if step >= MIN_STEPS and seconds > MAX_SECONDS / 2:
                break
        network.reset_optimizer()
        return losses

    def _steps_of(self, phase: int) -> Steps:
        """The network of a phase, from the present weights on."""
        cut_point = self._features.cut_point(phase)
        if is_pooled(cut_point):
            return HeadSteps(self._network, self._config)
        planned = self._config.counted_strategy.phases[phase - 1]
        return KerasSteps(self._network.open_model(), planned, cut_point, self._config.seed)

    def _batches(self, phase: int) -> Iterator[Batch]:
        """Yield the batches of the run, epoch after epoch."""
        batches = training_batches(self._config, self._images, self._features.training_inputs(self._images, phase))
        for epoch in count():
            batches.start_epoch(epoch)
            yield from (batches[i] for i in range(self._batches_per_epoch))
