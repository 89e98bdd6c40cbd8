"""Folding: the same network with each BatchNormalization inside the convolution before it, which trains faster."""

from collections import Counter
from typing import Any

import keras
from keras import layers, ops

from core.learning.network.base import always_infer
from core.learning.network.cut_points import input_tensors


class FoldedConvolution(layers.Layer):  # type: ignore[misc]  # Keras has no types
    """A convolution and the BatchNormalization after it, in inference mode, as one convolution.

    Its kernel is `s * kernel` and its bias `beta + s * (bias - mean)`, with `s = gamma / sqrt(variance + epsilon)`.
    Kernel, bias, gamma and beta are the variables of the two layers and have the same gradients, but the products with
    `s` are computed on the kernel, which is smaller than a feature map. A 1x1 convolution is computed as one matrix
    product of all pixels with the kernel.
    """

    def __init__(self, convolution: layers.Layer, norm: layers.BatchNormalization) -> None:
        super().__init__(name=norm.name, dtype=norm.dtype_policy)
        self.convolution, self.norm = convolution, norm
        self.built = True  # the two layers have the variables

    def call(self, x: Any) -> Any:
        convolution, norm = self.convolution, self.norm
        scale = norm.gamma * ops.rsqrt(norm.moving_variance + norm.epsilon)
        offset = convolution.bias - norm.moving_mean if convolution.use_bias else -norm.moving_mean
        return self._convolve(x, scale) + (norm.beta + scale * offset)

    def _convolve(self, x: Any, scale: Any) -> Any:
        convolution = self.convolution
        if isinstance(convolution, layers.DepthwiseConv2D):
            kernel = convolution.kernel * ops.reshape(scale, convolution.kernel.shape[2:])
            return ops.depthwise_conv(x, kernel, convolution.strides, convolution.padding)
        kernel = convolution.kernel * scale
        if convolution.kernel_size == convolution.strides == (1, 1) and convolution.groups == 1:
            pixels = ops.matmul(ops.reshape(x, (-1, x.shape[-1])), kernel[0, 0])
            return ops.reshape(pixels, (-1, *x.shape[1:-1], pixels.shape[-1]))
        return ops.conv(x, kernel, convolution.strides, convolution.padding)


def fold(network: keras.Model) -> keras.Model:
    """Return a network that computes the same with the same variables, with the base inside it folded.

    Only what is inside the base can be folded: BatchNormalization of the head trains with the statistics of its batch.
    A network without a base inside is returned unchanged.
    """
    if not any(isinstance(layer, keras.Model) for layer in network.layers):
        return network

    def call(layer: layers.Layer, *arguments: Any, **options: Any) -> Any:
        return (_fold_base(layer) if isinstance(layer, keras.Model) else layer)(*arguments, **options)

    return keras.models.clone_model(network, clone_function=_same_layer, call_function=call)


def _fold_base(base: keras.Model) -> keras.Model:
    convolutions = _foldable(base)
    skipped = {convolution.name for convolution in convolutions.values()}

    def call(layer: layers.Layer, *arguments: Any, **options: Any) -> Any:
        if layer.name in skipped:
            return arguments[0]
        if layer.name in convolutions:
            return FoldedConvolution(convolutions[layer.name], layer)(arguments[0])
        return layer(*arguments, **options)

    copy = keras.models.clone_model(base, clone_function=_same_layer, call_function=call)
    always_infer(copy)
    return copy


def _same_layer(layer: layers.Layer) -> layers.Layer:
    return layer


def _foldable(base: keras.Model) -> dict[str, layers.Layer]:
    """Return the convolutions that can be folded, each under the name of the BatchNormalization after it."""
    above = base.layers[1:]
    readers = Counter(id(tensor) for layer in above for tensor in input_tensors(layer))
    plain = {id(layer.output): layer for layer in above if _is_plain(layer) and readers[id(layer.output)] == 1}
    norms = [layer for layer in above if isinstance(layer, layers.BatchNormalization) and layer.scale and layer.center]
    return {norm.name: plain[id(norm.input)] for norm in norms if id(norm.input) in plain}


def _is_plain(layer: layers.Layer) -> bool:
    """Whether a layer is a convolution and nothing else, not dilated, and not in 16 bits, where scales may overflow."""
    if type(layer) not in (layers.Conv2D, layers.DepthwiseConv2D) or "16" in layer.compute_dtype:
        return False
    return layer.dilation_rate == (1, 1) and layer.activation is keras.activations.linear
