"""How the sample base learns from the source world: `python -m core.learning.pretraining FOLDER [--minutes 60]`.

One network names outline, surface, finish and ground of drawn pictures, and tells their colours and edges. The state is
kept in FOLDER after each epoch; called again, it goes on there, until all epochs are done and `base.npz` is written. On
any of Keras' backends.
"""

import argparse
import json
import math
import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from dataclasses import asdict, dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Final

import keras
import numpy as np

from core.data.world import FINISHES, OUTLINES, SURFACES, draw_batch, looks
from core.experiment.exports import MODEL_FILE
from core.experiment.files import read_json, write_whole
from core.learning.backbone import BASE_NAME, write_base

NAMED: Final = {"outlines": len(OUTLINES), "surfaces": len(SURFACES), "finishes": len(FINISHES),
                "grounds": len(SURFACES)}
MEASURED: Final = {"colours": looks.colours, "edges": looks.edges}
RECIPE, BASE, ROWS = "recipe.json", "base.npz", "rows.jsonl"
_AHEAD = 8
"""Batches that are drawn while one trains."""
_STANDARD = 512
"""Pictures of which the spread of each measured number is taken."""

Answers = dict[str, np.ndarray]
Batch = tuple[np.ndarray, Answers]
Passes = tuple[np.ndarray, list[Answers]]
"""Pictures as they were drawn, and the answers for each pass over them."""
Standards = dict[str, tuple[np.ndarray, np.ndarray]]
"""Mean and spread of each measured number."""


@dataclass(frozen=True)
class Recipe:
    """How the base is trained; an epoch is so many new pictures, each seen in some passes, turned otherwise in each.

    The first `share_small` of the epochs are on pictures of `small_size`, the others of `size`, which take twice as
    long.
    """

    epochs: int = 40
    images: int = 8_000
    passes: int = 3
    batch_size: int = 128
    size: int = 96
    small_size: int = 64
    share_small: float = 0.7
    alpha: float = 0.35
    rate: float = 3e-3
    decay: float = 1e-4
    smoothing: float = 0.1
    weight_named: float = 0.2
    weight_measured: float = 1.0
    seed: int = 0

    @property
    def steps(self) -> int:
        """Batches an epoch."""
        return self.passes * self.drawn

    def size_at(self, epoch: int) -> int:
        """Of the pictures of an epoch, counted from 0."""
        return self.small_size if epoch < self.share_small * self.epochs else self.size

    @property
    def drawn(self) -> int:
        """Batches that are drawn for an epoch."""
        return math.ceil(self.images / self.batch_size)


def pretrain(folder: Path, recipe: Recipe, goes_on: Callable[[int], bool], processes: int = 1) -> bool:
    """Train from where the folder's state is, while `goes_on(epochs done)`; whether all epochs are done then.

    `processes` draw pictures meanwhile. Raises `ValueError` where the folder was begun with another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _expect_same(folder, recipe)
    keras.utils.set_random_seed(recipe.seed)
    standards = _standards(recipe)
    lengths = {name: len(mean) for name, (mean, _) in standards.items()}
    is_begun = (folder / MODEL_FILE).is_file()
    model = keras.models.load_model(folder / MODEL_FILE) if is_begun else build(recipe, lengths)
    done = int(model.optimizer.iterations) // recipe.steps
    with ProcessPoolExecutor(processes, get_context("spawn"), _draw_on_one_core) as pool:
        batches = _batches(pool, recipe, standards, done)
        while done < recipe.epochs and goes_on(done):
            began = time.perf_counter()
            if done and recipe.size_at(done) != recipe.size_at(done - 1):
                model.make_train_function(force=True)  # traced for one size, as it is after a restart
            found = [model.train_on_batch(*next(batches), return_dict=True) for _ in range(recipe.steps)]
            done += 1
            _keep(folder, model)
            _tell(folder, done, time.perf_counter() - began, found)
    if done == recipe.epochs:
        base = model.get_layer(BASE_NAME)
        even_out(base, draw_batch((recipe.seed, recipe.drawn * recipe.epochs), _STANDARD, recipe.size).pixels)
        write_base(base, folder / BASE)
    return done == recipe.epochs


def even_out(base: keras.Model, pictures: np.ndarray) -> None:
    """Scale each channel of the last feature map so that one answer in a hundred reaches 6, where ReLU6 ends.

    A network that trains with a head of its own leaves features as small as it likes; a new head at usual rates
    learns little from them. ImageNet's are about as large as these become.
    """
    features = base.predict(pictures / np.float32(127.5) - 1, batch_size=64, verbose=0)
    strong = np.quantile(features.reshape(-1, features.shape[-1]), 0.99, axis=0, method="lower")
    last = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)][-1]
    factor = 6 / np.maximum(strong, 0.03)  # a channel that hardly ever answers is not made loud
    gamma, beta, *statistics = last.get_weights()
    last.set_weights([gamma * factor, beta * factor, *statistics])


def build(recipe: Recipe, measured: dict[str, int]) -> keras.Model:
    """MobileNetV2 with a softmax for each thing that it shall name and so many numbers for each measure, compiled."""
    base = keras.applications.MobileNetV2((None, None, 3), recipe.alpha, include_top=False, weights=None,
                                          name=BASE_NAME)
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.99  # Keras' 0.999 lags behind weights that change quickly
    pixels = keras.Input((None, None, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    x = keras.layers.GlobalAveragePooling2D()(base(x))
    heads = {name: keras.layers.Dense(count, activation="softmax", name=name) for name, count in NAMED.items()}
    heads |= {name: keras.layers.Dense(count, name=name) for name, count in measured.items()}
    model = keras.Model(pixels, {name: head(x) for name, head in heads.items()})
    total = recipe.epochs * recipe.steps
    rate = keras.optimizers.schedules.CosineDecay(recipe.rate / 20, total - total // 20, warmup_target=recipe.rate,
                                                  warmup_steps=total // 20)
    model.compile(keras.optimizers.AdamW(rate, weight_decay=recipe.decay),
                  loss={name: _SmoothedCrossEntropy(recipe.smoothing) if name in NAMED else "mse" for name in heads},
                  loss_weights={name: recipe.weight_named if name in NAMED else recipe.weight_measured
                                for name in heads},
                  metrics={name: [keras.metrics.SparseCategoricalAccuracy("accuracy")] for name in NAMED},
                  jit_compile=False if keras.backend.backend() == "tensorflow" else "auto")  # slower on CPUs
    return model


@keras.saving.register_keras_serializable("lab")
class _SmoothedCrossEntropy(keras.losses.Loss):
    """Cross-entropy of numbers of classes against labels that leave a little for every class."""

    def __init__(self, smoothing: float, name: str = "smoothed", **more: str) -> None:
        super().__init__(name=name, **more)
        self.smoothing = smoothing

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        wanted = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(wanted, y_pred, label_smoothing=self.smoothing)

    def get_config(self) -> dict:
        return {**super().get_config(), "smoothing": self.smoothing}


def _expect_same(folder: Path, recipe: Recipe) -> None:
    if not (folder / RECIPE).is_file():
        write_whole(folder / RECIPE, json.dumps(asdict(recipe)))
    if (begun := read_json(folder / RECIPE)) != asdict(recipe):
        raise ValueError(f"Expected the recipe that {folder} was begun with, {begun}; received {asdict(recipe)}. "
                         "Choose another folder.")


def _batches(pool: ProcessPoolExecutor, recipe: Recipe, standards: Standards, done: int) -> Iterator[Batch]:
    """All batches after so many epochs: every picture of an epoch, then all of them again, turned by a right angle."""
    drawn = _drawn(pool, recipe, done)
    for _ in range(done, recipe.epochs):
        kept: list[Passes] = []
        for number in range(recipe.steps):
            if number < recipe.drawn:
                kept.append(next(drawn))
            (pixels, passes), turns = kept[number % recipe.drawn], number // recipe.drawn
            answers = passes[turns]
            yield np.rot90(pixels, turns, (1, 2)), answers | {name: (answers[name] - mean) / spread
                                                              for name, (mean, spread) in standards.items()}


def _drawn(pool: ProcessPoolExecutor, recipe: Recipe, done: int) -> Iterator[Passes]:
    """From the first batch of an epoch on, always some ahead; each is drawn from its own seed."""
    ahead = deque[Future[Passes]]()
    for number in range(done * recipe.drawn, recipe.epochs * recipe.drawn):
        ahead.append(pool.submit(_draw, recipe, number))
        if len(ahead) > _AHEAD:
            yield ahead.popleft().result()
    for last in ahead:
        yield last.result()


def _draw(recipe: Recipe, number: int) -> Passes:
    """A batch of pictures, and what is true of them at each turn: their names at all, their looks at this one."""
    drawn = draw_batch((recipe.seed, number), recipe.batch_size, recipe.size_at(number // recipe.drawn))
    names = {name: getattr(drawn, name) for name in NAMED}
    return drawn.pixels, [names | _measured(np.rot90(drawn.pixels, turns, (1, 2))) for turns in range(recipe.passes)]


def _measured(pixels: np.ndarray) -> Answers:
    return {name: measure(pixels) for name, measure in MEASURED.items()}


def _standards(recipe: Recipe) -> Standards:
    """One that hardly varies is not blown up."""
    found = _measured(draw_batch((recipe.seed,), _STANDARD, recipe.small_size).pixels)
    spreads = {name: values.std(0) for name, values in found.items()}
    return {name: (values.mean(0), spreads[name] + 0.05 * spreads[name].mean()) for name, values in found.items()}


def _draw_on_one_core() -> None:
    import cv2

    cv2.setNumThreads(1)
    if hasattr(os, "nice"):
        os.nice(5)


def _keep(folder: Path, model: keras.Model) -> None:
    draft = folder / f"draft-{MODEL_FILE}"
    model.save(draft)
    draft.replace(folder / MODEL_FILE)


def _tell(folder: Path, epoch: int, seconds: float, found: Sequence[dict[str, float]]) -> None:
    row = {"epoch": epoch, "seconds": round(seconds, 1)}
    row |= {name: round(float(np.mean([batch[name] for batch in found])), 4) for name in found[0]}
    with (folder / ROWS).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--minutes", type=float, default=180)
    parser.add_argument("--processes", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="that draw")
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    arguments = vars(parser.parse_args())
    folder, minutes, processes = (arguments.pop(name) for name in ("folder", "minutes", "processes"))
    until = time.monotonic() + 60 * minutes
    is_done = pretrain(folder, Recipe(**arguments), lambda done: time.monotonic() < until, processes)
    print("done" if is_done else "to be continued")


if __name__ == "__main__":
    main()
