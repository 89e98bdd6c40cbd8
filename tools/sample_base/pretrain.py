"""How the sample base learns from the source world: `python -m tools.sample_base.pretrain FOLDER [--minutes 60]`.

One network names outline, surface, finish and ground of drawn pictures, and tells their colours and edges. The state is
kept in FOLDER after each epoch; called again, it goes on there, until all epochs are done and `base.npz` is written. On
any of Keras' backends.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import keras
import numpy as np

from core.experiment.export_formats import MODEL_FILE
from core.learning.network.backbone import BASE_NAME, rescaled
from core.machine.files import read_json, whole, write_whole
from tools.sample_base.base_file import write_base
from tools.sample_base.batches import NAMED, STANDARD, Batch, Recipe, lessons, take_standards
from tools.sample_base.source_world import draw_batch

RECIPE, BASE, ROWS = "recipe.json", "base.npz", "rows.jsonl"


def pretrain(folder: Path, recipe: Recipe, goes_on: Callable[[int], bool], processes: int = 1) -> bool:
    """Train from where the folder's state is, while `goes_on(epochs done)`; whether all epochs are done then.

    `processes` draw pictures meanwhile. Raises `ValueError` where the folder was begun with another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _expect_same(folder, recipe)
    keras.utils.set_random_seed(recipe.seed)
    standards = take_standards(recipe)
    lengths = {name: len(mean) for name, (mean, _) in standards.items()}
    is_begun = (folder / MODEL_FILE).is_file()
    model = keras.models.load_model(folder / MODEL_FILE) if is_begun else build(recipe, lengths)
    done = int(model.optimizer.iterations) // recipe.steps
    with closing(lessons(recipe, standards, done, processes)) as batches:
        while done < recipe.epochs and goes_on(done):
            began = time.perf_counter()
            found = _learn(model, batches, recipe, done)
            done += 1
            with whole(folder / MODEL_FILE) as draft:
                model.save(draft)
            _tell(folder, done, time.perf_counter() - began, found)
    if done == recipe.epochs:
        base = model.get_layer(BASE_NAME)
        even_out(base, draw_batch((recipe.seed, recipe.drawn * recipe.epochs), STANDARD, recipe.size).pixels)
        write_base(base, folder / BASE)
    return done == recipe.epochs


def _learn(model: keras.Model, batches: Iterator[Batch], recipe: Recipe, epoch: int) -> list[dict[str, float]]:
    """What is told of each batch of an epoch, counted from 0."""
    if epoch and recipe.size_at(epoch) != recipe.size_at(epoch - 1):
        model.make_train_function(force=True)  # traced for one size, as it is after a restart
    return [model.train_on_batch(*next(batches), return_dict=True) for _ in range(recipe.steps)]


def even_out(base: keras.Model, pictures: np.ndarray) -> None:
    """Scale each channel of the last feature map so that one answer in a hundred reaches 6, where ReLU6 ends.

    A network that trains with a head of its own leaves features as small as it likes; a new head at usual rates
    learns little from them. ImageNet's are about as large as these become.
    """
    features = base.predict(rescaled(pictures), batch_size=64, verbose=0)
    strong = np.quantile(features.reshape(-1, features.shape[-1]), 0.99, axis=0, method="lower")
    last = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)][-1]
    factor = 6 / np.maximum(strong, 0.03)  # a channel that hardly ever answers is not made loud
    gamma, beta, *statistics = last.get_weights()
    last.set_weights([gamma * factor, beta * factor, *statistics])


def build(recipe: Recipe, measured: dict[str, int]) -> keras.Model:
    """MobileNetV2 with a softmax for each thing that it shall name and so many numbers for each measure, compiled."""
    base = keras.applications.MobileNetV2(
        (None, None, 3), recipe.alpha, include_top=False, weights=None, name=BASE_NAME
    )
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
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.rate / 20, total - total // 20, warmup_target=recipe.rate, warmup_steps=total // 20
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=recipe.decay),
        loss={name: _SmoothedCrossEntropy(recipe.smoothing) if name in NAMED else "mse" for name in heads},
        loss_weights={name: recipe.weight_named if name in NAMED else recipe.weight_measured for name in heads},
        metrics={name: [keras.metrics.SparseCategoricalAccuracy("accuracy")] for name in NAMED},
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",
    )  # slower on CPUs
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
        raise ValueError(
            f"Expected the recipe that {folder} was begun with, {begun}; received {asdict(recipe)}. "
            "Choose another folder."
        )


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
