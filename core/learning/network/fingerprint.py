"""Fingerprints of the frozen layers: cached features are found by what computed them."""

import hashlib

import keras

from core.backbones.registry import DEFAULT_BASE
from core.experiment.run_config import RunConfig
from core.learning.network.cut_points import CutPoint


def fingerprint(config: RunConfig, base: keras.Model, cut_point: CutPoint) -> str:
    """Compute the SHA-256 of the layers below the cut point and their weights: the same for weights of any origin.

    Of the default base only the weights count, so that features cached by versions without other bases are found.
    """
    digest, is_default = hashlib.sha256(), config.backbone is DEFAULT_BASE
    for layer in base.layers[: cut_point.layers_below]:
        digest.update(b"" if is_default else _settings(layer, config).encode())
        for weight in layer.get_weights():
            digest.update(weight.tobytes())
    return digest.hexdigest()


def _settings(layer: keras.Layer, config: RunConfig) -> str:
    """What a layer computes: all settings but its name, which Keras may number anew, and whether it is trained."""
    settings = {key: value for key, value in layer.get_config().items() if key not in ("name", "trainable")}
    return f"{type(layer).__name__} {settings} {config.backbone.scaling}"
