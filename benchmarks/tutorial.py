"""The script that everybody copies, as one file: `python benchmarks/tutorial.py PLAN`, in plain Keras.

PLAN is a JSON file: folder (with train/, validation/ and test/), weights, size, alpha, seed, phases as [unfreeze, rate,
epochs]; `cached` keeps the decoded images in memory between epochs. Prints one JSON object: a row an epoch, test
accuracy, memory. It imports nothing of the project.
"""

import json
import resource
import sys
import time
from pathlib import Path

import keras
import tensorflow as tf
from keras import layers


class Rows(keras.callbacks.Callback):
    """A row an epoch, with the seconds since the start."""

    def __init__(self, began: float) -> None:
        super().__init__()
        self.began, self.rows = began, []

    def on_epoch_end(self, epoch: int, logs: dict | None = None) -> None:
        self.rows.append({"seconds": time.perf_counter() - self.began, "val_accuracy": logs["val_accuracy"]})


def main(plan: dict) -> None:
    began = time.perf_counter()
    keras.utils.set_random_seed(plan["seed"])
    train, validation, test = (read(plan, split) for split in ("train", "validation", "test"))
    base, model = build(plan)
    rows, done = Rows(began), 0
    for unfreeze, rate, epochs in plan["phases"]:
        base.trainable = unfreeze > 0
        for layer in base.layers[: len(base.layers) - unfreeze]:
            layer.trainable = False
        model.compile(keras.optimizers.Adam(rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
        model.fit(
            train, validation_data=validation, initial_epoch=done, epochs=done + epochs, verbose=0, callbacks=[rows]
        )
        done += epochs
    accuracy = model.evaluate(test, verbose=0)[1]
    print(
        json.dumps(
            {
                "rows": rows.rows,
                "test_accuracy": accuracy,
                "memory": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
            }
        )
    )


def read(plan: dict, split: str) -> tf.data.Dataset:
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
    return base, keras.Model(image, layers.Dense(classes, activation="softmax")(x))


if __name__ == "__main__":
    main(json.loads(Path(sys.argv[1]).read_text()))
