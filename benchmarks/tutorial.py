"""A typical tutorial script in plain Keras, as the baseline of other benchmarks: `python benchmarks/tutorial.py PLAN`.

PLAN is a JSON file: folder (with train/, validation/ and test/), weights, size, alpha, seed, phases as [unfreeze, rate,
epochs]; `cached` stores the decoded images in memory after the first epoch; `precision`, if given, is the dtype policy
of Keras. Prints one JSON object: one row per epoch, test accuracy, seconds to the end, peak memory in bytes. If Keras
computes with JAX or PyTorch, which need no TensorFlow, a plain `PyDataset` reads the images in threads. It imports
nothing of the project.
"""

from __future__ import annotations

import json
import os
import resource
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import TYPE_CHECKING

import keras
import numpy as np
from keras import layers

if TYPE_CHECKING:
    import tensorflow as tf


class EpochRecorder(keras.callbacks.Callback):
    """Record one row per epoch: seconds since the start and validation accuracy."""

    def __init__(self, start: float) -> None:
        super().__init__()
        self.start, self.rows = start, []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.rows.append({"seconds": time.perf_counter() - self.start, "val_accuracy": logs["val_accuracy"]})


def main() -> None:
    parser = ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("plan", type=Path, help="JSON file with folder, weights, size, alpha, seed, phases, cached")
    print(json.dumps(train_plan(json.loads(parser.parse_args().plan.read_text()))))


def train_plan(plan: dict) -> dict:
    start = time.perf_counter()
    keras.config.set_dtype_policy(plan.get("precision", "float32"))
    keras.utils.set_random_seed(plan["seed"])
    train, validation, test = (read(plan, split) for split in ("train", "validation", "test"))
    base, model = build(plan)
    recorder, done = EpochRecorder(start), 0
    for unfreeze, rate, epochs in plan["phases"]:
        base.trainable = unfreeze > 0
        for layer in base.layers[: len(base.layers) - unfreeze]:
            layer.trainable = False
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(
            train, validation_data=validation, initial_epoch=done, epochs=done + epochs, verbose=0, callbacks=[recorder]
        )
        done += epochs
    accuracy = model.evaluate(test, verbose=0)[1]
    return {
        "rows": recorder.rows,
        "test_accuracy": accuracy,
        "seconds": time.perf_counter() - start,
        "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
    }


class ImageFolder(keras.utils.PyDataset):
    """Batches of decoded images, one subfolder per class. As many threads as cores read ahead of the training."""

    def __init__(self, folder: Path, size: tuple[int, int], seed: int | None) -> None:
        super().__init__(workers=os.cpu_count() or 1)
        classes = enumerate(sorted(path for path in folder.iterdir() if path.is_dir()))
        self._files = [(path, label) for label, images in classes for path in sorted(images.iterdir())]
        self._size, self._random = size, None if seed is None else np.random.default_rng(seed)
        self.on_epoch_end()

    def on_epoch_end(self) -> None:
        if self._random is not None:
            self._random.shuffle(self._files)

    def __len__(self) -> int:
        return -(-len(self._files) // 32)

    def __getitem__(self, number: int) -> tuple[np.ndarray, np.ndarray]:
        files = self._files[number * 32 : (number + 1) * 32]
        images = [keras.utils.load_img(path, target_size=self._size, interpolation="bilinear") for path, _ in files]
        return np.stack([np.asarray(image, np.float32) for image in images]), np.array([label for _, label in files])


def read(plan: dict, split: str) -> ImageFolder | tf.data.Dataset:
    if keras.backend.backend() == "tensorflow":
        return read_with_tensorflow(plan, split)
    seed = plan["seed"] if split == "train" else None
    return ImageFolder(Path(plan["folder"]) / split, (plan["size"], plan["size"]), seed)


def read_with_tensorflow(plan: dict, split: str) -> tf.data.Dataset:
    import tensorflow as tf

    size = (plan["size"], plan["size"])
    data = keras.utils.image_dataset_from_directory(
        Path(plan["folder"]) / split,
        image_size=size,
        batch_size=32,
        seed=plan["seed"],
        shuffle=split == "train",
        verbose=False,
    )
    if plan["cached"]:
        data = data.unbatch().cache()
        data = data.shuffle(10_000, seed=plan["seed"]).batch(32) if split == "train" else data.batch(32)
    return data.prefetch(tf.data.AUTOTUNE)


def build(plan: dict) -> tuple[keras.Model, keras.Model]:
    base = keras.applications.MobileNetV2(
        input_shape=(plan["size"], plan["size"], 3), alpha=plan["alpha"], include_top=False, weights=None
    )
    base.load_weights(plan["weights"])
    image = keras.Input((plan["size"], plan["size"], 3))
    x = image
    for layer in (
        layers.RandomFlip("horizontal"),
        layers.RandomRotation(0.1),
        layers.RandomZoom(0.1),
        layers.RandomContrast(0.1),
        layers.Rescaling(1 / 127.5, offset=-1),
    ):
        x = layer(x)
    x = layers.GlobalAveragePooling2D()(base(x, training=False))
    x = layers.Dropout(0.5)(layers.BatchNormalization()(layers.Dense(128, activation="relu")(x)))
    classes = sum(path.is_dir() for path in (Path(plan["folder"]) / "train").iterdir())
    return base, keras.Model(image, layers.Dense(classes, activation="softmax", dtype="float32")(x))


if __name__ == "__main__":
    main()
