"""The frozen part of MobileNetV2 as an ONNX graph, which ONNX Runtime computes twice as fast on CPUs as TensorFlow.

Written by hand for the seven kinds of layers that this network has: Keras' own export takes many seconds, and this one
is made anew for every cut. ONNX Runtime itself folds BatchNormalization into the convolutions.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from core.learning.cuts import POOL, Cut, inputs_of

OPSET = 17
INPUT = "pixels"


class UnknownLayer(ValueError):
    """The base has a layer of a kind that cannot be written."""


def to_onnx(base: keras.Model, cuts: Sequence[Cut]) -> bytes:
    """A graph from (n, size, size, 3) uint8 images to float32 rows at these cuts, channels last as in Keras."""
    graph = _Graph()
    value = graph.add("Cast", [INPUT], to=TensorProto.FLOAT)
    value = graph.add("Mul", [value, graph.constant(np.float32(1 / 127.5))])
    value = graph.add("Sub", [value, graph.constant(np.float32(1))])
    values = {id(base.layers[0].output): graph.add("Transpose", [value], perm=[0, 3, 1, 2])}
    top = max(cut.below for cut in cuts)
    for layer in base.layers[1:top]:
        values[id(layer.output)] = _write(graph, layer, [values[id(tensor)] for tensor in inputs_of(layer)])
    outputs = [_output(graph, cut, values[id(base.layers[cut.below - 1].output)]) for cut in cuts]
    return graph.finished(base.input_shape[1:], outputs, cuts)


def _output(graph: "_Graph", cut: Cut, value: str) -> str:
    if cut.name == POOL:
        return graph.add("Flatten", [graph.add("GlobalAveragePool", [value])])
    return graph.add("Transpose", [value], perm=[0, 2, 3, 1])


class _Graph:
    """Nodes and constants as they are added; each node's one output has a name of its own."""

    def __init__(self) -> None:
        self._nodes: list[onnx.NodeProto] = []
        self._constants: list[onnx.TensorProto] = []

    def add(self, operator: str, inputs: Sequence[str], **attributes: object) -> str:
        name = f"value{len(self._nodes)}"
        self._nodes.append(helper.make_node(operator, inputs, [name], **attributes))
        return name

    def constant(self, array: np.ndarray) -> str:
        name = f"constant{len(self._constants)}"
        self._constants.append(numpy_helper.from_array(np.asarray(array, np.float32), name))
        return name

    def finished(self, image: Sequence[int], outputs: Sequence[str], cuts: Sequence[Cut]) -> bytes:
        entry = helper.make_tensor_value_info(INPUT, TensorProto.UINT8, ["n", *image])
        exits = [helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", *cut.shape])
                 for name, cut in zip(outputs, cuts, strict=True)]
        graph = helper.make_graph(self._nodes, "frozen", [entry], exits, self._constants)
        return helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)]).SerializeToString()


def _write(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    writer = _WRITERS.get(type(layer).__name__)
    if writer is None:
        raise UnknownLayer(f"Expected a layer of MobileNetV2; received {type(layer).__name__} ({layer.name}).")
    return writer(graph, layer, inputs)


def _convolution(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    kernel = keras.ops.convert_to_numpy(layer.kernel)  # (height, width, in, out), or (height, width, in, 1)
    depthwise = isinstance(layer, keras.layers.DepthwiseConv2D)
    kernel = kernel.transpose((2, 3, 0, 1) if depthwise else (3, 2, 0, 1))
    return graph.add("Conv", [*inputs, graph.constant(kernel)], strides=list(layer.strides),
                     group=kernel.shape[0] if depthwise else 1,
                     auto_pad="SAME_UPPER" if layer.padding == "same" else "VALID")


def _normalisation(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    values = layer.gamma, layer.beta, layer.moving_mean, layer.moving_variance
    constants = [graph.constant(keras.ops.convert_to_numpy(value)) for value in values]
    return graph.add("BatchNormalization", [*inputs, *constants], epsilon=float(layer.epsilon))


def _padding(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    (top, bottom), (left, right) = layer.padding
    pads = numpy_helper.from_array(np.array([0, 0, top, left, 0, 0, bottom, right], np.int64))
    return graph.add("Pad", [*inputs, graph.add("Constant", [], value=pads)])


def _relu(graph: _Graph, layer: keras.Layer, inputs: list[str]) -> str:
    return graph.add("Clip", [*inputs, graph.constant(np.float32(0)), graph.constant(np.float32(layer.max_value))])


_WRITERS: dict[str, Callable[[_Graph, keras.Layer, list[str]], str]] = {
    "Conv2D": _convolution, "DepthwiseConv2D": _convolution, "BatchNormalization": _normalisation,
    "ZeroPadding2D": _padding, "ReLU": _relu, "Add": lambda graph, layer, inputs: graph.add("Add", inputs)}
