"""A range test: which learning rate suits a phase, seen from a short training in which the rate grows."""

import math
import time
from collections.abc import Iterator
from itertools import count, islice
from threading import Lock

import keras
import numpy as np

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.run_cache import RunCache
from core.data.datasets.scan import DataError, data_folder, find_root
from core.data.datasets.split import Manifest
from core.experiment.run_config import RunConfig
from core.experiment.strategy import expect_integer
from core.learning.network.model import build_model
from core.learning.training.batches import Batches, TrainingData, balanced_weights, load_data
from core.learning.training.frozen_features import FrozenFeatures
from core.learning.training.loop import compile_phase, reseed

LOWEST, HIGHEST, STEPS = 1e-7, 1.0, 100
FEWEST_STEPS, SECONDS = 40, 60.0
"""Where a step takes long there are fewer: what fits into so many seconds, but enough to see a curve."""

SMOOTHED_STEPS, HOPELESS = 0.1, 4.0
"""The share of the steps that the running mean looks back on; times the best loss at which the test ends."""

Point = tuple[float, float]
"""(learning rate, smoothed loss)."""

Batch = tuple[np.ndarray, ...]
"""Rows, labels and, where classes weigh differently, the weights of the images."""

_ONE_AT_A_TIME = Lock()  # tests share the processor, and the chance that Keras draws first weights from


def find_rate(config: RunConfig, manifest_csv: str, phase: int) -> tuple[Point, ...]:
    """The range test of phase number `phase` (from 1) of a run that is not made yet.

    What the frozen part says is taken from the program's shelves and kept there, so the run that follows finds it.
    Raises `ValueError` for a phase, data or weights that cannot be used, `OSError`.
    """
    manifest = Manifest.from_csv(manifest_csv)
    with _ONE_AT_A_TIME:
        model = build_model(config, len(manifest.classes))
        run_cache = RunCache(FeatureCache() if config.reuse else None, len(manifest.items))
        data = load_data(manifest, find_root(data_folder(config.data)), config.image_size, run_cache)
        return range_test(config, phase, model, data, FrozenFeatures(config, model, run_cache))


def range_test(
    config: RunConfig,
    phase: int,
    model: keras.Model,
    data: TrainingData,
    activations: FrozenFeatures,
    steps: int = STEPS,
) -> tuple[Point, ...]:
    """Train phase number `phase` (from 1) for at most `steps` batches while the rate grows from 1e-7 to 1.

    The rate is multiplied by the same factor after each batch (Smith 2017, arXiv 1506.01186, section 3.3, in the
    exponential form of fastai's `lr_find`); the batches are the run's first ones. It ends early once the smoothed loss
    is 4 times its best, as fastai's does, or no number.

    Batches differ in how hard they are by more than a phase with a trained head can gain in so few steps. So each
    batch's loss is compared with what the same batch, with the same dropout, lost before anything was learned (a pass
    at rate 0), and the smoothed difference, added to the mean of that pass, is the curve: a control variate.

    Earlier phases are first trained at their own rates for one pass over the images, `steps` batches at most: with an
    untrained head the loss would fall because the head learns, and the rate found would be the head's. They do not get
    all of their epochs, so a later phase meets a head here that is a little worse than the one it will meet.

    `model` is changed: give it one of its own. Returns the points by rising rate. Raises `ValueError`.
    """
    expect_integer("phase (of the strategy, from 1)", phase, 1, len(config.strategy.phases))
    expect_integer("steps (batches)", steps, 2, 10_000)
    if not len(data.train):
        raise DataError("Expected training images to try rates on; received none. Choose other images.")
    test = _Test(config, model, data, activations)
    for number in range(1, phase):
        test.warm_up(number, steps)
    return tuple(test.points(phase, steps))


class _Test:
    """What a range test knows between its passes."""

    def __init__(self, config: RunConfig, model: keras.Model, data: TrainingData, activations: FrozenFeatures) -> None:
        self._config, self._model, self._images, self._activations = config, model, data.train, activations
        self._batches_an_epoch = max(1, len(data.train) // config.batch_size)  # whole ones: a point of the curve each

    def warm_up(self, number: int, steps: int) -> None:
        """One pass of an earlier phase, `steps` batches at most."""
        above = self._compile(number)
        for batch in islice(self._batches(number), min(steps, self._batches_an_epoch)):
            above.train_on_batch(*batch)

    def points(self, number: int, steps: int) -> Iterator[Point]:
        above = self._compile(number)
        before = self._losses_before(above, number, steps)
        rates = np.geomspace(LOWEST, HIGHEST, len(before)).tolist()
        keep, mean, best, typical = 1 - 1 / max(1, SMOOTHED_STEPS * len(rates)), 0.0, math.inf, float(np.mean(before))
        for done, (batch, rate) in enumerate(zip(self._batches(number), rates, strict=False), start=1):
            loss = self._step(above, batch, rate, done)
            if not math.isfinite(loss):
                return
            mean = keep * mean + (1 - keep) * (loss - before[done - 1])
            smoothed = typical + mean / (1 - keep**done)  # free of the 0 that the mean starts from
            yield rate, smoothed
            best = min(best, smoothed)
            if smoothed > HOPELESS * best:
                return

    def _losses_before(self, above: keras.Model, number: int, steps: int) -> list[float]:
        """What each batch loses before anything is learned; as many as there is time for.

        At rate 0 only the statistics of the head's BatchNormalization move, which training does not read.
        """
        losses, seconds = [], 0.0
        for done, batch in enumerate(islice(self._batches(number), steps), start=1):
            began = time.perf_counter()
            losses.append(self._step(above, batch, 0.0, done))
            seconds += (time.perf_counter() - began) * (done > 1)  # the first one traces the model
            if done >= FEWEST_STEPS and seconds > SECONDS / 2:
                break
        for variable in above.optimizer.variables:
            variable.assign(np.zeros(variable.shape, variable.dtype))  # Adam's memory, as it was at the start
        return losses

    def _step(self, above: keras.Model, batch: Batch, rate: float, number: int) -> float:
        """Train one batch at this rate: its loss before the step."""
        reseed(above, self._config.seed, number)
        above.optimizer.learning_rate = rate
        above.reset_metrics()  # or Keras would tell the mean of all batches so far
        return float(above.train_on_batch(*batch)[0])

    def _compile(self, number: int) -> keras.Model:
        return compile_phase(self._model, self._config.strategy.phases[number - 1], self._activations.cut(number))

    def _batches(self, number: int) -> Iterator[Batch]:
        """The run's own batches, epoch after epoch."""
        labels, config = self._images.labels, self._config
        weights = balanced_weights(labels) if config.class_weights else None
        batches = Batches(
            self._activations.training(self._images, number), labels, config.batch_size, config.seed, weights
        )
        for epoch in count():
            batches.begin(epoch)
            yield from (batches[i] for i in range(self._batches_an_epoch))
