"""The head as Keras layers: the new layers on top of the base, trained from scratch."""

import keras
from keras import layers

from core.experiment.parameter_counts import HEAD_DROPOUT, HEAD_UNITS


def build_head(features: keras.KerasTensor, classes: int, dropout: float = HEAD_DROPOUT) -> keras.KerasTensor:
    """Add the head to a feature map: pooling - Dense(128, ReLU) - BatchNormalization - Dropout - softmax."""
    x = layers.GlobalAveragePooling2D(name="pool")(features)
    x = layers.Dense(HEAD_UNITS, activation="relu", name="hidden")(x)
    x = layers.BatchNormalization(name="normalise")(x)
    x = layers.Dropout(dropout, seed=0, name="dropout")(x)  # training sets the state of its random numbers itself
    # float32 under every precision policy: 16 bits cannot represent small probabilities
    return layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x)
