"""The head: the new layers on top of the base, trained from scratch."""

import keras
from keras import layers

from core.experiment.parameter_counts import HEAD_UNITS


def build_head(features: keras.KerasTensor, classes: int, seed: int) -> keras.KerasTensor:
    x = layers.GlobalAveragePooling2D(name="pool")(features)
    x = layers.Dense(HEAD_UNITS, activation="relu", name="hidden")(x)
    x = layers.BatchNormalization(name="normalise")(x)
    x = layers.Dropout(0.5, seed=seed + 4, name="dropout")(x)
    # float32 whatever the policy: probabilities in 16 bits lose the small ones
    return layers.Dense(classes, activation="softmax", dtype="float32", name="classes")(x)
