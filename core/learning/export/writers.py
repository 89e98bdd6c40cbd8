"""How a model is written in each format, and how such a file is run."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from core.learning.export.gptq import rounded
from core.learning.network.onnx_writer import INPUT, model_to_onnx
from core.learning.training.batches import Images, TrainingData

Writer = Callable[[keras.Model, TrainingData, Path], None]
Runner = Callable[[np.ndarray], np.ndarray]
"""One image (size, size, 3) uint8 -> (classes,) probabilities."""

CALIBRATED_ON, ROUNDED_ON = 200, 64
"""Training images from which the 8-bit model takes the range of every tensor, and how its weights are rounded."""


def _write_litert(model: keras.Model, data: TrainingData, path: Path) -> None:
    _to_litert(model, path)


def _write_float16(model: keras.Model, data: TrainingData, path: Path) -> None:
    import tensorflow as tf  # Keras has no word for LiteRT's precisions

    _to_litert(model, path, optimizations=[tf.lite.Optimize.DEFAULT], target_spec={"supported_types": [tf.float16]})


def _write_int8(model: keras.Model, data: TrainingData, path: Path) -> None:
    import tensorflow as tf

    _to_litert(
        _rounded(model, data.train),
        path,
        optimizations=[tf.lite.Optimize.DEFAULT],
        inference_input_type=tf.uint8,
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        representative_dataset=lambda: _calibrating(data.train),
    )


def _write_int8_weights(model: keras.Model, data: TrainingData, path: Path) -> None:
    import tensorflow as tf

    _to_litert(_rounded(model, data.train), path, optimizations=[tf.lite.Optimize.DEFAULT])


def _rounded(model: keras.Model, images: Images) -> keras.Model:
    return rounded(model, images.pixels[_some(images, ROUNDED_ON)])


def _some(images: Images, most: int) -> np.ndarray:
    """The numbers of at most so many images, spread evenly over the split."""
    return np.linspace(0, len(images) - 1, min(len(images), most)).astype(int)


def _to_litert(model: keras.Model, path: Path, **options: object) -> None:
    model.export(path, format="litert", verbose=False, **options)


def _calibrating(images: Images) -> Iterator[list[np.ndarray]]:
    """Training images, one at a time.

    In each a pixel is black and one is white, so that the range of the input is that of bytes: then pixels go in as
    they are.
    """
    for number in _some(images, CALIBRATED_ON):
        pixels = images.pixels[np.array([number])].astype(np.float32)
        pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
        yield [pixels]


def _write_onnx(model: keras.Model, data: TrainingData, path: Path) -> None:
    path.write_bytes(model_to_onnx(model, {"classes": json.dumps(data.classes), "pixels": "RGB, 0 to 255"}))


def litert_runner(path: Path) -> Runner:
    """LiteRT, on all cores."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    entry, exit = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(pixels: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(entry["index"], pixels[None].astype(entry["dtype"]))
        interpreter.invoke()
        return interpreter.get_tensor(exit["index"])[0]

    return run


def onnx_runner(path: Path) -> Runner:
    """ONNX Runtime, on all cores."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {INPUT: pixels[None]})[0][0]


WRITERS: dict[str, dict[str, Writer]] = {
    "litert": {"": _write_litert},
    "litert-float16": {"": _write_float16},
    "onnx": {"": _write_onnx},
    "litert-int8": {"whole numbers throughout": _write_int8, "8-bit weights": _write_int8_weights},
}
"""By format and kind: of several kinds the first is taken that names images as Keras does, else the last."""

RUNNERS: dict[str, Callable[[Path], Runner]] = {
    "litert": litert_runner,
    "litert-float16": litert_runner,
    "litert-int8": litert_runner,
    "onnx": onnx_runner,
}
