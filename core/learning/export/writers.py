"""Write a model in each export format, and run a file of each format."""

import json
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import keras
import numpy as np

from core.data.datasets.images.decode import UnreadableImage
from core.learning.export.gptq import quantise_model
from core.learning.inputs.training_data import Images, TrainingData
from core.learning.network.onnx_writer import INPUT, model_to_onnx

Writer = Callable[[keras.Model, TrainingData, Path], None]
Runner = Callable[[np.ndarray], np.ndarray]
"""One image (size, size, 3) uint8 -> (classes,) probabilities."""

CALIBRATION_IMAGES, GPTQ_IMAGES = 200, 64
"""Training images that determine the range of every tensor of the 8-bit model, and the quantisation of its weights."""


def _write_litert(model: keras.Model, data: TrainingData, path: Path) -> None:
    _to_litert(model, path)


def _write_float16(model: keras.Model, data: TrainingData, path: Path) -> None:
    _expect_tensorflow()
    import tensorflow as tf  # Keras has no names for LiteRT's precisions

    _to_litert(model, path, optimizations=[tf.lite.Optimize.DEFAULT], target_spec={"supported_types": [tf.float16]})


def _write_int8(model: keras.Model, data: TrainingData, path: Path) -> None:
    _expect_tensorflow()
    import tensorflow as tf

    _to_litert(
        _quantise(model, data.train),
        path,
        optimizations=[tf.lite.Optimize.DEFAULT],
        inference_input_type=tf.uint8,
        target_spec={"supported_ops": [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]},
        representative_dataset=lambda: _calibration_images(data.train),
    )


def _write_int8_weights(model: keras.Model, data: TrainingData, path: Path) -> None:
    _expect_tensorflow()
    import tensorflow as tf

    _to_litert(_quantise(model, data.train), path, optimizations=[tf.lite.Optimize.DEFAULT])


def _expect_tensorflow() -> None:
    if keras.backend.backend() != "tensorflow":
        raise ValueError(
            f"LiteRT needs the Keras backend tensorflow, not {keras.backend.backend()}: set KERAS_BACKEND=tensorflow"
        )


def _quantise(model: keras.Model, images: Images) -> keras.Model:
    if not len(images):
        raise UnreadableImage("a run whose list of images is missing or damaged.")
    return quantise_model(model, images.pixels[evenly_spaced(len(images), GPTQ_IMAGES)])


def evenly_spaced(count: int, most: int) -> np.ndarray:
    """Return at most `most` of the numbers below `count`, evenly spaced."""
    return np.linspace(0, count - 1, min(count, most)).astype(int)


def _to_litert(model: keras.Model, path: Path, **options: object) -> None:
    _expect_tensorflow()
    model.export(path, format="litert", verbose=False, **options)


def _calibration_images(images: Images) -> Iterator[list[np.ndarray]]:
    """Yield training images one at a time, each with one black and one white pixel.

    The range of the input is then 0 to 255, so that the exported model takes bytes without conversion.
    """
    for number in evenly_spaced(len(images), CALIBRATION_IMAGES):
        pixels = images.pixels[np.array([number])].astype(np.float32)
        pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
        yield [pixels]


def _write_onnx(model: keras.Model, data: TrainingData, path: Path) -> None:
    path.write_bytes(model_to_onnx(model, {"classes": json.dumps(data.classes), "pixels": "RGB, 0 to 255"}))


def litert_runner(path: Path) -> Runner:
    """Run a LiteRT file on all cores."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=os.cpu_count())
    interpreter.allocate_tensors()
    input_details, output_details = interpreter.get_input_details()[0], interpreter.get_output_details()[0]

    def run(pixels: np.ndarray) -> np.ndarray:
        interpreter.set_tensor(input_details["index"], pixels[None].astype(input_details["dtype"]))
        interpreter.invoke()
        probabilities: np.ndarray = interpreter.get_tensor(output_details["index"])[0]
        return probabilities

    return run


def onnx_runner(path: Path) -> Runner:
    """Run an ONNX file on all cores."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda pixels: session.run(None, {INPUT: pixels[None]})[0][0]


WRITERS: dict[str, dict[str, Writer]] = {
    "litert": {"": _write_litert},
    "litert-float16": {"": _write_float16},
    "onnx": {"": _write_onnx},
    "litert-int8": {"8-bit weights and activations": _write_int8, "8-bit weights": _write_int8_weights},
}
"""By format and kind of file. Of several kinds, the first is used that agrees with Keras, else the last."""

RUNNERS: dict[str, Callable[[Path], Runner]] = {"litert": litert_runner, "onnx": onnx_runner}
"""By runtime of the format."""
