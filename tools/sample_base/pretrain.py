"""Pretrains the sample base on the source world: `python -m tools.sample_base.pretrain FOLDER [--minutes 60]`.

One network classifies outline, surface, finish and ground of drawn images and predicts their colours and edges. The
state is saved in FOLDER after each epoch; another call continues from it, until all epochs are done and `base.npz` is
written. Runs on any Keras backend.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

import keras
import numpy as np

from core.backbones.backbone import TO_UNIT_RANGE
from core.experiment.export_formats import MODEL_FILE
from core.learning.network.base import BASE_NAME, scale_pixels
from core.machine.files import atomic_draft, read_json, write_atomically
from tools.sample_base.base_file import write_base
from tools.sample_base.drawn_batches import CLASS_COUNTS, STATISTICS_IMAGES, Batch, Recipe, batches, measure_statistics
from tools.sample_base.source_world import draw_batch

RECIPE, BASE, LOG = "recipe.json", "base.npz", "rows.jsonl"


def pretrain(folder: Path, recipe: Recipe, should_continue: Callable[[int], bool], processes: int = 1) -> bool:
    """Train from the state saved in the folder while `should_continue(epochs done)`.

    Returns whether all epochs are done. This number of `processes` draws images. Raises `ValueError` if the folder was
    started with another recipe.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _check_recipe(folder, recipe)
    keras.utils.set_random_seed(recipe.seed)
    statistics = measure_statistics(recipe)
    lengths = {name: len(mean) for name, (mean, _) in statistics.items()}
    has_state = (folder / MODEL_FILE).is_file()
    model = keras.models.load_model(folder / MODEL_FILE) if has_state else build_model(recipe, lengths)
    done = int(model.optimizer.iterations) // recipe.steps_per_epoch
    with closing(batches(recipe, statistics, done, processes)) as remaining:
        while done < recipe.epochs and should_continue(done):
            start = time.perf_counter()
            metrics = _train_epoch(model, remaining, recipe, done)
            done += 1
            with atomic_draft(folder / MODEL_FILE) as draft:
                model.save(draft)
            _log(folder, done, time.perf_counter() - start, metrics)
    if done == recipe.epochs:
        base = model.get_layer(BASE_NAME)
        images = draw_batch((recipe.seed, recipe.drawn_batches * recipe.epochs), STATISTICS_IMAGES, recipe.size)
        rescale_channels(base, images.pixels)
        write_base(base, folder / BASE)
    return done == recipe.epochs


def _train_epoch(model: keras.Model, remaining: Iterator[Batch], recipe: Recipe, epoch: int) -> list[dict[str, float]]:
    """Train an epoch, counted from 0, and return the metrics of each batch."""
    if epoch and recipe.image_size(epoch) != recipe.image_size(epoch - 1):
        model.make_train_function(force=True)  # trace the function for the new size only, as after a restart
    return [model.train_on_batch(*next(remaining), return_dict=True) for _ in range(recipe.steps_per_epoch)]


def rescale_channels(base: keras.Model, pixels: np.ndarray) -> None:
    """Scale each channel of the last feature map so that 1% of its values reach 6, the maximum of ReLU6.

    Pretraining does not determine the scale of the features; if they are small, a new head learns slowly at the usual
    learning rates. After scaling they are about as large as those of the ImageNet weights.
    """
    features = base.predict(scale_pixels(pixels, TO_UNIT_RANGE), batch_size=64, verbose=0)
    strong = np.quantile(features.reshape(-1, features.shape[-1]), 0.99, axis=0, method="lower")
    last = [layer for layer in base.layers if isinstance(layer, keras.layers.BatchNormalization)][-1]
    factor = 6 / np.maximum(strong, 0.03)  # limit the factor for channels that are hardly ever active
    gamma, beta, *statistics = last.get_weights()
    last.set_weights([gamma * factor, beta * factor, *statistics])


def build_model(recipe: Recipe, lengths: dict[str, int]) -> keras.Model:
    """Build and compile MobileNetV2 with a softmax head per classification target and a linear head per regression one.

    `lengths` gives the number of values of each regression target.
    """
    base = keras.applications.MobileNetV2(
        (None, None, 3), recipe.alpha, include_top=False, weights=None, name=BASE_NAME
    )
    for layer in base.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.99  # with Keras' 0.999 the statistics lag behind quickly changing weights
    pixels = keras.Input((None, None, 3), dtype="uint8")
    x = keras.layers.Rescaling(1 / 127.5, offset=-1)(pixels)
    x = keras.layers.GlobalAveragePooling2D()(base(x))
    heads = {name: keras.layers.Dense(count, activation="softmax", name=name) for name, count in CLASS_COUNTS.items()}
    heads |= {name: keras.layers.Dense(count, name=name) for name, count in lengths.items()}
    model = keras.Model(pixels, {name: head(x) for name, head in heads.items()})
    total = recipe.epochs * recipe.steps_per_epoch
    rate = keras.optimizers.schedules.CosineDecay(
        recipe.rate / 20, total - total // 20, warmup_target=recipe.rate, warmup_steps=total // 20
    )
    model.compile(
        keras.optimizers.AdamW(rate, weight_decay=recipe.decay),
        loss={name: _SmoothedCrossEntropy(recipe.smoothing) if name in CLASS_COUNTS else "mse" for name in heads},
        loss_weights={name: recipe.weight_named if name in CLASS_COUNTS else recipe.weight_measured for name in heads},
        metrics={name: [keras.metrics.SparseCategoricalAccuracy("accuracy")] for name in CLASS_COUNTS},
        jit_compile=False if keras.backend.backend() == "tensorflow" else "auto",  # XLA is slower on CPUs
    )
    return model


@keras.saving.register_keras_serializable("lab")
class _SmoothedCrossEntropy(keras.losses.Loss):  # type: ignore[misc] # Keras has no types
    """Cross-entropy with label smoothing, for integer class labels."""

    def __init__(self, smoothing: float, name: str = "smoothed", **more: str) -> None:
        super().__init__(name=name, **more)
        self.smoothing = smoothing

    def call(self, y_true: keras.KerasTensor, y_pred: keras.KerasTensor) -> keras.KerasTensor:
        targets = keras.ops.one_hot(keras.ops.reshape(y_true, (-1,)), y_pred.shape[-1])
        return keras.losses.categorical_crossentropy(targets, y_pred, label_smoothing=self.smoothing)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "smoothing": self.smoothing}


def _check_recipe(folder: Path, recipe: Recipe) -> None:
    if not (folder / RECIPE).is_file():
        write_atomically(folder / RECIPE, json.dumps(asdict(recipe)))
    if (stored := read_json(folder / RECIPE)) != asdict(recipe):
        raise ValueError(
            f"Expected the recipe that {folder} was started with, {stored}; received {asdict(recipe)}; "
            "choose another folder."
        )


def _log(folder: Path, epoch: int, seconds: float, metrics: Sequence[dict[str, float]]) -> None:
    """Append the mean metrics of an epoch to the log file and print them."""
    row = {"epoch": epoch, "seconds": round(seconds, 1)}
    row |= {name: round(float(np.mean([batch[name] for batch in metrics])), 4) for name in metrics[0]}
    with (folder / LOG).open("a", encoding="utf-8") as file:
        file.write(json.dumps(row) + "\n")
    print(row, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path, help="folder of the saved state")
    parser.add_argument("--minutes", type=float, default=180, help="start no further epoch after this time")
    parser.add_argument(
        "--processes", type=int, default=max(1, (os.cpu_count() or 2) // 2), help="number of processes that draw images"
    )
    for name, value in asdict(Recipe()).items():
        parser.add_argument(f"--{name.replace('_', '-')}", type=type(value), default=value)
    arguments = vars(parser.parse_args())
    folder, minutes, processes = (arguments.pop(name) for name in ("folder", "minutes", "processes"))
    deadline = time.monotonic() + 60 * minutes
    is_complete = pretrain(folder, Recipe(**arguments), lambda done: time.monotonic() < deadline, processes)
    print("complete" if is_complete else "not complete: call it again to continue")


if __name__ == "__main__":
    main()
