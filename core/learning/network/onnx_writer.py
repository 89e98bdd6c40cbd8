"""Write the frozen part of a base, a whole model, or the mean of several models as an ONNX graph.

On CPUs, ONNX Runtime is twice as fast as TensorFlow. The graph is written layer by layer for the types of layers in
these networks, because the export of Keras takes many seconds and a graph is needed for every cut point. ONNX Runtime
folds BatchNormalization into the convolutions.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from hashlib import sha256
from typing import Any

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.backbones.backbone import PixelScaling
from core.learning.network.cut_points import POOL, CutPoint, input_tensors

OPSET = 17
INPUT = "pixels"

_MIN_PROBABILITY = 1e-12
"""Smaller probabilities are raised to this value before the logarithm is taken."""

_Numbers = float | Sequence[float]
"""One number for all channels, or one per channel."""


class UnknownLayer(ValueError):
    """The model has a layer of a type that cannot be written."""


def to_onnx(base: keras.Model, cut_points: Sequence[CutPoint], scaling: PixelScaling) -> bytes:
    """Write a graph from (n, size, size, 3) uint8 images to the float32 features at these cut points, channels last.

    Raises `UnknownLayer`.
    """
    graph = _Graph()
    image = _scale_and_shift(graph, graph.image(), scaling.scale, scaling.offset)
    values = _write_layers(graph, base, image, max(cut_point.layers_below for cut_point in cut_points))
    outputs = {
        _output(graph, cut_point, values[id(base.layers[cut_point.layers_below - 1].output)]): cut_point.shape
        for cut_point in cut_points
    }
    return graph.serialise(base.input_shape[1:], outputs)


def model_to_onnx(model: keras.Model, metadata: Mapping[str, str] | None = None, feature_layer: str = "") -> bytes:
    """Write a whole model as a graph from (n, size, size, 3) uint8 images to (n, classes) float32 probabilities.

    If the model has a layer named `feature_layer`, the feature maps (n, rows, columns, channels) that enter it are the
    first output. `metadata` is stored in the file. Raises `UnknownLayer`.
    """
    graph, outputs = _Graph(), {}
    value = graph.image()
    for layer in model.layers[1:]:  # a sequence, in which the base is one layer
        if layer.name == feature_layer:
            outputs[graph.add("Transpose", [value], perm=[0, 2, 3, 1])] = layer.input.shape[1:]
        value = _write(graph, layer, [value])
    return graph.serialise(model.input_shape[1:], outputs | {value: model.output_shape[1:]}, metadata)


def ensemble_to_onnx(members: Sequence[tuple[keras.Model, float]], metadata: Mapping[str, str] | None = None) -> bytes:
    """Write (model, temperature) pairs as a graph from images to the mean of their calibrated probabilities.

    The models have the same input and output shapes. Layers that have the same input and weights in several models,
    such as frozen ones, are written once. Raises `UnknownLayer`.
    """
    graph, probabilities = _Graph(), []
    for model, temperature in members:
        value = graph.image()
        for layer in model.layers[1:]:
            value = _write(graph, layer, [value])
        probabilities.append(_calibrate(graph, value, temperature))
    model = members[0][0]
    return graph.serialise(model.input_shape[1:], {graph.add("Mean", probabilities): model.output_shape[1:]}, metadata)


def _calibrate(graph: "_Graph", probabilities: str, temperature: float) -> str:
    """Scale probabilities by a temperature, as `calibrated` in core/analysis/statistics/temperature_scaling.py does."""
    if temperature == 1:
        return probabilities
    logs = graph.add("Log", [graph.add("Max", [probabilities, graph.constant(np.float32(_MIN_PROBABILITY))])])
    return graph.add("Softmax", [graph.add("Mul", [logs, graph.constant(np.float32(1 / temperature))])], axis=-1)


def _write_layers(graph: "_Graph", model: keras.Model, image: str, count: int) -> dict[int, str]:
    """Write the first `count` layers of a model; return the names of their values by the ids of their outputs."""
    values = {id(model.layers[0].output): image}
    for layer in model.layers[1:count]:
        values[id(layer.output)] = _write(graph, layer, [values[id(tensor)] for tensor in input_tensors(layer)])
    return values


def _output(graph: "_Graph", cut_point: CutPoint, value: str) -> str:
    if cut_point.name == POOL:
        return graph.add("Flatten", [graph.add("GlobalAveragePool", [value])])
    return graph.add("Transpose", [value], perm=[0, 2, 3, 1])


class _Graph:
    """The nodes and constants of a graph, equal ones once; each node has one output with a unique name."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []
        self._names: dict[bytes, str] = {}

    def add(self, operator: str, inputs: Sequence[str], **attributes: Any) -> str:
        node = helper.make_node(operator, inputs, [], **attributes)
        content = node.SerializeToString(deterministic=True)
        if content not in self._names:
            self._names[content] = f"value{len(self._nodes)}"
            node.output.append(self._names[content])
            self._nodes.append(node)
        return self._names[content]

    def constant(self, array: np.ndarray | np.float32) -> str:
        values = np.ascontiguousarray(array, np.float32).reshape(np.shape(array))
        content = sha256(values.tobytes() + str(values.shape).encode()).digest()
        if content not in self._names:
            self._names[content] = f"constant{len(self._constants)}"
            self._constants.append(numpy_helper.from_array(values, self._names[content]))
        return self._names[content]

    def image(self) -> str:
        """Add the input: images converted to floats, channels first as ONNX convolutions expect them."""
        return self.add("Transpose", [self.add("Cast", [INPUT], to=TensorProto.FLOAT)], perm=[0, 3, 1, 2])

    def serialise(
        self, image: Sequence[int], outputs: Mapping[str, Sequence[int]], metadata: Mapping[str, str] | None = None
    ) -> bytes:
        """Return the content of the file; `outputs` maps the name of each output to its shape for one image."""
        input_info = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", *image])
        output_infos = [
            helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *shape]) for name, shape in outputs.items()
        ]
        graph = helper.make_graph(self._nodes, "model", [input_info], output_infos, self._constants)
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
        helper.set_model_props(model, dict(metadata or {}))
        content: bytes = model.SerializeToString()
        return content


def _write(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    writer = _WRITERS.get(type(layer).__name__)
    if writer is None:
        raise _unknown(layer)
    return writer(graph, layer, inputs)


def _convolution(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    kernel = keras.ops.convert_to_numpy(layer.kernel)  # (height, width, in, out), or (height, width, in, 1)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    bias = [graph.constant(keras.ops.convert_to_numpy(layer.bias))] if layer.use_bias else []
    value = graph.add(
        "Conv",
        [*inputs, graph.constant(kernel), *bias],
        strides=list(layer.strides),
        group=kernel.shape[0] if depthwise else 1,
        auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID",
    )
    return _activate(graph, layer, value)


def _normalisation(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    values = layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance
    constants = [graph.constant(keras.ops.convert_to_numpy(value)) for value in values]
    return graph.add("BatchNormalization", [*inputs, *constants], epsilon=float(layer.epsilon))


def _padding(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    (top, bottom), (left, right) = layer.padding
    pads = numpy_helper.from_array(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
    return graph.add("Pad", [*inputs, graph.add("Constant", [], value=pads)])


def _relu(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    if layer.negative_slope or layer.threshold:
        raise _unknown(layer)
    if layer.max_value is None:
        return graph.add("Relu", inputs)
    return graph.add("Clip", [*inputs, graph.constant(np.float32(0)), graph.constant(np.float32(layer.max_value))])


def _scale_and_shift(graph: _Graph, value: str, scale: _Numbers, offset: _Numbers) -> str:
    value = graph.add("Mul", [value, graph.constant(_per_channel(scale))])
    return graph.add("Add", [value, graph.constant(_per_channel(offset))])


def _per_channel(numbers: _Numbers) -> np.ndarray:
    """Shape numbers for images with channels first: a scalar stays one."""
    array = np.asarray(numbers, np.float32)
    return array.reshape(-1, 1, 1) if array.ndim else array


def _rescaling(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    return _scale_and_shift(graph, inputs[0], layer.scale, layer.offset)


def _network(graph: _Graph, layer: keras.Model, inputs: list[str]) -> str:
    """Write a network inside the model: the base."""
    return _write_layers(graph, layer, inputs[0], len(layer.layers))[id(layer.layers[-1].output)]


def _dense(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    constants = [graph.constant(keras.ops.convert_to_numpy(weight)) for weight in (layer.kernel, layer.bias)]
    return _activate(graph, layer, graph.add("Gemm", [*inputs, *constants]))


def _activate(graph: _Graph, layer: keras.Layer, value: str) -> str:
    name = layer.activation.__name__
    if name == "linear":
        return value
    if name in ("silu", "swish"):
        return graph.add("Mul", [value, graph.add("Sigmoid", [value])])
    if name == "relu6":
        return graph.add("Clip", [value, graph.constant(np.float32(0)), graph.constant(np.float32(6))])
    if name not in _OPERATORS:
        raise _unknown(layer)
    return graph.add(_OPERATORS[name], [value])


def _activation(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    return _activate(graph, layer, inputs[0])


def _unknown(layer: keras.Layer) -> UnknownLayer:
    return UnknownLayer(
        f"Expected a layer and settings that can be written as ONNX; received {type(layer).__name__} ({layer.name})."
    )


def _average(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    value = graph.add("GlobalAveragePool", inputs)
    return value if layer.keepdims else graph.add("Flatten", [value])


def _reshape(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    """Write a reshape of channels (n, c) to a map of one cell (n, 1, 1, c), as squeeze-and-excitation blocks use."""
    if len(layer.input.shape) != 2 or tuple(layer.target_shape[:2]) != (1, 1):
        raise _unknown(layer)
    axes = numpy_helper.from_array(np.array([2, 3], np.int64))
    return graph.add("Unsqueeze", [*inputs, graph.add("Constant", [], value=axes)])


def _maximum(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    return graph.add("MaxPool", inputs, kernel_shape=list(layer.pool_size), strides=list(layer.strides))


def _flatten(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    """Flatten with channels last: the next layer's weights are in that order."""
    return graph.add("Flatten", [graph.add("Transpose", inputs, perm=[0, 2, 3, 1])])


_OPERATORS = {"relu": "Relu", "sigmoid": "Sigmoid", "softmax": "Softmax"}
"""ONNX operators by the name of an activation."""

_WRITERS: dict[str, Callable[[_Graph, keras.Layer, list[str]], str]] = {
    "Conv2D": _convolution,
    "DepthwiseConv2D": _convolution,
    "BatchNormalization": _normalisation,
    "ZeroPadding2D": _padding,
    "ReLU": _relu,
    "Add": lambda graph, layer, inputs: graph.add("Add", inputs),
    "Multiply": lambda graph, layer, inputs: reduce(lambda a, b: graph.add("Mul", [a, b]), inputs),
    "Activation": _activation,
    "Reshape": _reshape,
    "Rescaling": _rescaling,
    "Functional": _network,
    "GlobalAveragePooling2D": _average,
    "Dense": _dense,
    "Dropout": lambda graph, layer, inputs: inputs[0],
    "MaxPooling2D": _maximum,
    "Flatten": _flatten,
}
