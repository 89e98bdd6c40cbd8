"""Heat maps: the gradient is the true one, they follow the object, and they depend on what was learned."""

import keras
import numpy as np
import pytest

from core.learning.inference.grad_cam import Head, entrance_of
from core.learning.network.model import build_transfer_model
from core.learning.network.small_cnn import build_small_cnn

SIZE, CLASSES = 96, 4
MODELS = {
    "transfer": lambda: build_transfer_model(CLASSES, SIZE, 0.35, "random"),
    "small": lambda: build_small_cnn(CLASSES, SIZE),
}


@pytest.fixture(scope="module", params=MODELS)
def model(request) -> keras.Model:
    made = MODELS[request.param]()
    rng = np.random.default_rng(0)
    for layer in made.layers:  # a head as it is after training: no statistic at its first value
        if layer.name in ("hidden", "normalise"):
            layer.set_weights([weight + rng.uniform(0.05, 0.2, weight.shape) for weight in layer.get_weights()])
    return made


def last_map(model: keras.Model) -> keras.KerasTensor:
    return model.get_layer(entrance_of(model)).input


def features(model: keras.Model, images: int = 3) -> np.ndarray:
    pixels = np.random.default_rng(1).integers(0, 256, (images, SIZE, SIZE, 3), np.uint8)
    return keras.Model(model.input, last_map(model)).predict(pixels, verbose=0)


def grad_cam(model: keras.Model, maps: np.ndarray, number: int) -> np.ndarray:
    """Grad-CAM by TensorFlow's own gradient, from the published equations."""
    import tensorflow as tf

    names = [layer.name for layer in model.layers]
    x = entry = keras.Input(maps.shape[1:])
    for layer in model.layers[names.index("pool" if "pool" in names else "flatten") : -1]:
        x = layer(x)
    kernel, bias = model.layers[-1].get_weights()
    upper, maps = keras.Model(entry, x), tf.constant(maps)
    with tf.GradientTape() as tape:
        tape.watch(maps)
        score = (upper(maps, training=False) @ kernel + bias)[:, number]
    weights = tape.gradient(score, maps).numpy().mean(axis=(1, 2))
    cam = np.maximum((maps.numpy() * weights[:, None, None]).sum(axis=-1), 0)
    return 255 * cam / np.maximum(cam.max(axis=(1, 2), keepdims=True), 1e-12)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="compares with TensorFlow's gradient")
def test_maps_are_those_of_the_gradient_for_every_class(model):
    maps = features(model)
    said = Head.of(model).heat_maps(maps)
    assert said.shape == (*maps.shape[:3], CLASSES) and said.dtype == np.uint8
    for number in range(CLASSES):
        np.testing.assert_allclose(said[..., number], grad_cam(model, maps, number), atol=1)


def test_a_class_that_is_found_nowhere_has_an_empty_map():
    head = Head(True, np.eye(2), np.zeros(2), np.ones(1), np.array([[1.0, -1.0], [1.0, -1.0]]))
    maps = head.heat_maps(np.ones((1, 2, 2, 2)))
    assert (maps[..., 0] == 255).all() and (maps[..., 1] == 0).all()


def squares(number: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise with a bright red or blue square somewhere: pixels, labels, where it is (row, column of a 12 x 12 grid)."""
    pixels = rng.integers(90, 160, (number, SIZE, SIZE, 3)).astype(np.uint8)
    labels, places = rng.integers(0, 2, number), rng.integers(0, 8, (number, 2))
    for image, label, (row, column) in zip(pixels, labels, places, strict=True):
        square = image[8 * row : 8 * row + 32, 8 * column : 8 * column + 32]
        square[...] = (250, 20, 20) if label else (20, 20, 250)
    return pixels, labels, places


def mass_on_object(maps: np.ndarray, labels: np.ndarray, places: np.ndarray) -> float:
    """The mean share of a map's mass, for the true class, that lies on the square (4 x 4 of 12 x 12: by chance 11%)."""
    shares = []
    for heat, label, (row, column) in zip(maps, labels, places, strict=True):
        heat = heat[..., label].astype(float)
        shares.append(heat[row : row + 4, column : column + 4].sum() / max(heat.sum(), 1e-9))
    return float(np.mean(shares))


def test_the_map_lies_on_the_object_and_goes_when_what_was_learned_goes():
    """Adebayo et al. 2018, arXiv 1810.03292: a map that does not change with the weights explains nothing."""
    rng = np.random.default_rng(0)
    model = build_small_cnn(2, SIZE)
    pixels, labels, _ = squares(256, rng)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.fit(pixels, labels, epochs=4, batch_size=16, verbose=0)
    pixels, labels, places = squares(64, rng)
    assert model.evaluate(pixels, labels, verbose=0)[1] > 0.95
    seeing = keras.Model(model.input, last_map(model))
    learned = Head.of(model).heat_maps(seeing.predict(pixels, verbose=0))
    assert mass_on_object(learned, labels, places) > 0.5
    for layer in model.layers:
        layer.set_weights([rng.permutation(weight.ravel()).reshape(weight.shape) for weight in layer.get_weights()])
    random = Head.of(model).heat_maps(seeing.predict(pixels, verbose=0))
    alike = [
        np.corrcoef(one.ravel(), other.ravel())[0, 1]
        for one, other in zip(learned, random, strict=True)
        if one.std() and other.std()
    ]
    assert np.median(alike) < 0.5
