"""Heat maps use the exact gradient, lie on the object, and depend on the trained weights."""

import keras
import numpy as np
import pytest

from core.learning.inference.grad_cam import GradCamHead, head_input_layer
from core.learning.network.model import build_transfer_model
from core.learning.network.small_cnn import build_small_cnn

SIZE, CLASSES = 96, 4
MODELS = {
    "transfer": lambda: build_transfer_model(CLASSES, SIZE, 0.35, "random"),
    "small": lambda: build_small_cnn(CLASSES, SIZE),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request) -> keras.Model:
    model = MODELS[request.param]()
    rng = np.random.default_rng(0)
    for layer in model.layers:  # a head as after training: no statistic has its initial value
        if layer.name in ("hidden", "normalise"):
            layer.set_weights([weight + rng.uniform(0.05, 0.2, weight.shape) for weight in layer.get_weights()])
    return model


def last_map(model: keras.Model) -> keras.KerasTensor:
    return model.get_layer(head_input_layer(model)).input


def features(model: keras.Model, images: int = 3) -> np.ndarray:
    pixels = np.random.default_rng(1).integers(0, 256, (images, SIZE, SIZE, 3), np.uint8)
    return keras.Model(model.input, last_map(model)).predict(pixels, verbose=0)


def reference_grad_cam(model: keras.Model, maps: np.ndarray, number: int) -> np.ndarray:
    """Compute Grad-CAM from the published equations with TensorFlow's gradient."""
    import tensorflow as tf

    names = [layer.name for layer in model.layers]
    x = inputs = keras.Input(maps.shape[1:])
    for layer in model.layers[names.index("pool" if "pool" in names else "flatten") : -1]:
        x = layer(x)
    kernel, bias = model.layers[-1].get_weights()
    upper, maps = keras.Model(inputs, x), tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = (upper(maps, training=False) @ kernel + bias)[:, number]
    weights = tape.gradient(score, maps).numpy().mean(axis=(1, 2))
    cam = np.maximum((maps.numpy() * weights[:, None, None]).sum(axis=-1), 0)
    return 255 * cam / np.maximum(cam.max(axis=(1, 2), keepdims=True), 1e-12)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compares with TensorFlow's gradient")
def test_maps_equal_those_of_the_gradient_for_every_class(model):
    maps = features(model)
    computed = GradCamHead.from_model(model).heat_maps(maps)
    assert computed.shape == (*maps.shape[:3], CLASSES) and computed.dtype == np.uint8
    for number in range(CLASSES):
        np.testing.assert_allclose(computed[..., number], reference_grad_cam(model, maps, number), atol=1)


def test_a_class_without_evidence_has_an_empty_map():
    head = GradCamHead(True, np.eye(2), np.zeros(2), np.ones(1), np.array([[1.0, -1.0], [1.0, -1.0]]))
    maps = head.heat_maps(np.ones((1, 2, 2, 2)))
    assert (maps[..., 0] == 255).all() and (maps[..., 1] == 0).all()


def squares(number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Draw noise with a red or blue square; return pixels, labels, and positions (row, column of a 12 x 12 grid)."""
    pixels = rng.integers(90, 160, (number, SIZE, SIZE, 3)).astype(np.uint8)
    labels, positions = rng.integers(0, 2, number), rng.integers(0, 8, (number, 2))
    for image, label, (row, column) in zip(pixels, labels, positions, strict=True):
        square = image[8 * row : 8 * row + 32, 8 * column : 8 * column + 32]
        square[...] = (250, 20, 20) if label else (20, 20, 250)
    return pixels, labels, positions


def mass_on_object(maps: np.ndarray, labels: np.ndarray, positions: np.ndarray) -> float:
    """Compute the mean share of the true class's heat map that lies on the square (4 x 4 of 12 x 12: 11% by chance)."""
    shares = []
    for image_maps, label, (row, column) in zip(maps, labels, positions, strict=True):
        heat_map = image_maps[..., label].astype(float)
        shares.append(heat_map[row : row + 4, column : column + 4].sum() / max(heat_map.sum(), 1e-9))
    return float(np.mean(shares))


@pytest.mark.slow
def test_the_map_lies_on_the_object_and_changes_when_the_weights_are_shuffled():
    """Adebayo et al. 2018, arXiv 1810.03292: a map that does not change with the weights explains nothing."""
    rng = np.random.default_rng(0)
    model = build_small_cnn(2, SIZE)
    pixels, labels, _ = squares(256, rng)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pixels, labels, epochs=4, batch_size=16, verbose=0)
    pixels, labels, positions = squares(64, rng)
    assert model.evaluate(pixels, labels, verbose=0)[1] > 0.95
    feature_model = keras.Model(model.input, last_map(model))
    trained = GradCamHead.from_model(model).heat_maps(feature_model.predict(pixels, verbose=0))
    assert mass_on_object(trained, labels, positions) > 0.5
    for layer in model.layers:
        layer.set_weights([rng.permutation(weight.ravel()).reshape(weight.shape) for weight in layer.get_weights()])
    shuffled = GradCamHead.from_model(model).heat_maps(feature_model.predict(pixels, verbose=0))
    correlations = [
        np.corrcoef(a.ravel(), b.ravel())[0, 1] for a, b in zip(trained, shuffled, strict=True) if a.std() and b.std()
    ]
    assert np.median(correlations) < 0.5
