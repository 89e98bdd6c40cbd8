"""The baseline: a small convolutional network without pretrained weights."""

import keras
from keras import layers

from core.backbones.backbone import TO_UNIT_RANGE
from core.experiment.parameter_counts import HEAD_DROPOUT, HEAD_UNITS, SMALL_CNN_FILTERS


def build_small_cnn(classes: int, image_size: int = 224, seed: int = 0, dropout: float = HEAD_DROPOUT) -> keras.Model:
    """Build a model from (n, image_size, image_size, 3) RGB values in 0..255 to (n, classes) probabilities.

    All of it trains: three times Conv(3 x 3, ReLU) - MaxPooling, then Flatten - Dense(128, ReLU) - Dropout -
    Dense(classes, softmax).
    """
    keras.utils.set_random_seed(seed)
    pixels = keras.Input((image_size, image_size, 3), name="pixels")
    x = layers.Rescaling(TO_UNIT_RANGE.scale, TO_UNIT_RANGE.offset, name="rescale")(pixels)
    for number, filters in enumerate(SMALL_CNN_FILTERS, start=1):
        x = layers.Conv2D(filters, 3, padding="same", activation="relu", name=f"convolution_{number}")(x)
        x = layers.MaxPooling2D(name=f"pool_{number}")(x)
    x = layers.Dense(HEAD_UNITS, activation="relu", name="hidden")(layers.Flatten(name="flatten")(x))
    x = layers.Dropout(dropout, seed=seed + 4, name="dropout")(x)
    return keras.Model(
        pixels, layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x), name="small_cnn"
    )
