"""Train the part of a model above the cut point in one way, on request: the child process of `phase_two.py`.

It prints the losses of its first epochs as one JSON line, and then, for each line on its stdin, the wall-clock and
processor seconds of one more epoch. All ways start from the same weights, without dropout, on the same features.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import keras
import numpy as np
from core.learning.training.batches import Batches

from core.learning.network.accelerator import jit_compile
from core.learning.network.cut_points import cut_point_for
from core.learning.network.folding import fold
from core.learning.network.model import base_of, build_transfer_model, unfreeze_layers
from core.learning.network.trained_part import trained_part

BATCH_SIZE, CLASSES, LOSS_EPOCHS = 32, 6, 3


class FusedAdam(keras.optimizers.Adam):  # type: ignore[misc]  # Keras has no types
    """Adam with one TensorFlow operation per variable."""

    def update_step(self, gradient: Any, variable: keras.Variable, learning_rate: Any) -> None:
        import tensorflow as tf

        i, step = self._get_variable_index(variable), tf.cast(self.iterations + 1, variable.dtype)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.value.handle,
            m=self._momentums[i].value.handle,
            v=self._velocities[i].value.handle,
            beta1_power=self.beta_1**step,
            beta2_power=self.beta_2**step,
            lr=learning_rate,
            beta1=self.beta_1,
            beta2=self.beta_2,
            epsilon=self.epsilon,
            grad=gradient,
        )


def with_matrix_products(base: keras.Model) -> None:
    """Compute the 1x1 convolutions of a base as matrix products."""
    for layer in base.layers:
        if isinstance(layer, keras.layers.Conv2D) and layer.kernel_size == layer.strides == (1, 1):
            layer.convolution_op = _matrix_product


def _matrix_product(x: Any, kernel: Any) -> Any:
    pixels = keras.ops.matmul(keras.ops.reshape(x, (-1, x.shape[-1])), kernel[0, 0])
    return keras.ops.reshape(pixels, (-1, *x.shape[1:-1], pixels.shape[-1]))


def with_shifted_sums(base: keras.Model) -> None:
    """Compute the 3x3 depthwise convolutions of a base as sums of nine shifted products."""
    for layer in base.layers:
        if isinstance(layer, keras.layers.DepthwiseConv2D) and layer.strides == (1, 1):
            layer.call = _shifted_sum(layer)


def _shifted_sum(layer: keras.Layer) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        _, height, width, _ = x.shape
        padded = keras.ops.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
        shifts = ((i, j) for i in range(3) for j in range(3))
        return sum(padded[:, i : i + height, j : j + width] * layer.kernel[i, j, :, 0] for i, j in shifts)

    return call


BASE_CHANGES: Mapping[str, Callable[[keras.Model], None]] = MappingProxyType(
    {"products": with_matrix_products, "shifts": with_shifted_sums}
)


def main() -> None:
    arguments = _parse()
    network, batches = _build(arguments)
    losses = [network.fit(batches, epochs=1, shuffle=False, verbose=0).history["loss"][0] for _ in range(LOSS_EPOCHS)]
    print(json.dumps(losses), flush=True)
    for _ in sys.stdin:
        wall, processor = time.perf_counter(), time.process_time()
        network.fit(batches, epochs=1, shuffle=False, verbose=0)
        print(json.dumps([time.perf_counter() - wall, time.process_time() - processor]), flush=True)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    add = parser.add_argument
    for name in ("--unfreeze", "--steps", "--image-size"):
        add(name, type=int, required=True)
    add("--alpha", type=float, required=True)
    add("--weights", type=Path, required=True, help="weights of the whole model; written if the file is missing")
    add("--base-weights", required=True, help="imagenet, sample, random, or a file")
    add("--fold", action="store_true")
    add("--base-change", choices=BASE_CHANGES)
    add("--xla", action="store_true")
    add("--one-call", action="store_true", help="all steps of an epoch in one call")
    add("--fused-adam", action="store_true")
    return parser.parse_args()


def _build(arguments: argparse.Namespace) -> tuple[keras.Model, Batches]:
    model = build_transfer_model(CLASSES, arguments.image_size, arguments.alpha, arguments.base_weights)
    _share_weights(model, arguments.weights)
    model.get_layer("dropout").rate = 0.0
    if arguments.base_change:
        BASE_CHANGES[arguments.base_change](base_of(model))
    unfreeze_layers(model, arguments.unfreeze)
    network = trained_part(model, cut_point_for(base_of(model), arguments.unfreeze))
    network = fold(network) if arguments.fold else network
    network.compile(
        (FusedAdam if arguments.fused_adam else keras.optimizers.Adam)(1e-5),
        "sparse_categorical_crossentropy",
        metrics=[keras.metrics.SparseCategoricalAccuracy("accuracy")],
        jit_compile=arguments.xla or jit_compile(),
        steps_per_execution=arguments.steps if arguments.one_call else 1,
    )
    return network, _batches(network.input_shape[1:], arguments.steps)


def _share_weights(model: keras.Model, file: Path) -> None:
    """Load the weights of a file, or write it: each backend of Keras draws other weights for the head."""
    if file.is_file():
        with np.load(file) as arrays:
            model.set_weights([arrays[name] for name in sorted(arrays.files)])
    else:
        np.savez(file, **{f"{i:04d}": array for i, array in enumerate(model.get_weights())})


def _batches(shape: tuple[int, ...], steps: int) -> Batches:
    random, count = np.random.default_rng(0), steps * BATCH_SIZE
    inputs = random.normal(size=(count, *shape)).astype(np.float32)
    labels = random.integers(0, CLASSES, count, dtype=np.int32)
    return Batches.of(lambda numbers, epoch: inputs[numbers], labels, BATCH_SIZE)


if __name__ == "__main__":
    main()
