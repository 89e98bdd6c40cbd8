"""The head trained in NumPy follows Keras: the same losses, weights and optimizer from the same start."""

import keras
import numpy as np
import pytest

from core.experiment.parameter_counts import HEAD_UNITS
from core.learning.head.adam import Adam
from core.learning.head.gradients import mean_loss_and_accuracy, train_batch
from core.learning.head.head_layers import build_head
from core.learning.head.head_weights import HeadWeights, initial_head, predict_log_probabilities
from core.learning.head.trainer import HeadTrainer

CHANNELS, CLASSES, IMAGES = 24, 5, 16


class MaskedDropout(keras.layers.Layer):
    """Dropout with given factors."""

    def __init__(self, factors: np.ndarray) -> None:
        super().__init__()
        self.factors = keras.Variable(factors, trainable=False)

    def call(self, inputs, training=None):
        return inputs * self.factors if training else inputs


def keras_head(head: HeadWeights) -> tuple[keras.Model, MaskedDropout]:
    """The same layers in Keras, on pooled features, with the dropout factors as an input of each step."""
    features = keras.Input((CHANNELS,))
    x = keras.layers.Dense(HEAD_UNITS, activation="relu")(features)
    x = keras.layers.BatchNormalization()(x)
    dropout = MaskedDropout(np.ones((IMAGES, HEAD_UNITS), np.float32))
    probabilities = keras.layers.Dense(CLASSES, activation="softmax")(dropout(x))
    model = keras.Model(features, probabilities)
    for variable, array in zip(weights_of(model), head, strict=True):
        variable.assign(array)
    model.compile(keras.optimizers.Adam(1e-3), "sparse_categorical_crossentropy", metrics=["accuracy"])
    model.optimizer.build(model.trainable_variables)
    return model, dropout


def weights_of(model: keras.Model) -> list[keras.Variable]:
    return [weight for weight in model.weights if weight.shape != (IMAGES, HEAD_UNITS)]


def random_batch(random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features, labels and dropout factors."""
    keep = (random.random((IMAGES, HEAD_UNITS)) >= 0.5).astype(np.float32) * 2
    return random.normal(size=(IMAGES, CHANNELS)).astype(np.float32), random.integers(0, CLASSES, IMAGES), keep


@pytest.mark.parametrize("is_weighted", [False, True])
def test_losses_weights_and_optimizer_are_those_of_keras(is_weighted):
    head, random = initial_head(CHANNELS, CLASSES, 3), np.random.default_rng(0)
    model, dropout = keras_head(head)
    optimizer = Adam(head.trainable, 1e-3)
    for _ in range(40):
        features, labels, keep = random_batch(random)
        weights = random.random(IMAGES) if is_weighted else None
        dropout.factors.assign(keep)
        model.reset_metrics()
        loss, accuracy = map(float, model.train_on_batch(features, labels, weights))
        result = train_batch(head, features, labels, keep, weights)
        optimizer.step(result.gradients)
        assert result.loss == pytest.approx(loss, rel=1e-4) and result.correct / IMAGES == pytest.approx(accuracy)
    for variable, array in zip(weights_of(model), head, strict=True):
        np.testing.assert_allclose(array, variable, atol=1e-4)
    for variable, array in zip(model.optimizer.variables, optimizer.state(), strict=True):
        np.testing.assert_allclose(array, variable, atol=1e-5)
    np.testing.assert_allclose(
        np.exp(predict_log_probabilities(head, features)), model.predict(features, verbose=0), atol=1e-4
    )
    loss, accuracy = model.evaluate(features, labels, verbose=0)
    ours = mean_loss_and_accuracy(predict_log_probabilities(head, features), labels)
    assert ours == pytest.approx((loss, accuracy), rel=1e-4)


def test_the_weights_fit_the_layers_of_the_model():
    features = keras.Input((3, 3, CHANNELS))
    model = keras.Model(features, build_head(features, CLASSES))
    assert [tuple(weight.shape) for weight in model.weights] == [a.shape for a in initial_head(CHANNELS, CLASSES, 0)]


def train(trainer: HeadTrainer, epochs: range) -> list[float]:
    features, labels, _ = random_batch(np.random.default_rng(1))
    losses = []
    for epoch in epochs:
        trainer.start_epoch(epoch)
        losses += [trainer.step(features, labels).loss for _ in range(3)]
    return losses


def test_a_resumed_training_repeats_the_rest_exactly():
    whole = HeadTrainer(initial_head(CHANNELS, CLASSES, 0), 1e-2, seed=7)
    first = HeadTrainer(initial_head(CHANNELS, CLASSES, 0), 1e-2, seed=7)
    expected, _ = train(whole, range(4)), train(first, range(2))
    resumed = HeadTrainer(first.head, 1e-2, seed=7)
    resumed.optimizer.restore(first.optimizer.state())
    assert train(resumed, range(2, 4)) == expected[6:] and expected[0] != expected[1]
    for ours, theirs in zip(resumed.head, whole.head, strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_another_seed_draws_other_weights_and_other_dropout():
    one, other = (initial_head(CHANNELS, CLASSES, seed) for seed in (0, 1))
    assert (one.hidden_kernel != other.hidden_kernel).any() and not one.output_bias.any()
    losses = [train(HeadTrainer(one, 1e-2, seed), range(1))[0] for seed in (0, 1)]
    assert losses[0] != losses[1]


def test_a_state_of_other_weights_is_ignored():
    trainer = HeadTrainer(initial_head(CHANNELS, CLASSES, 0), 1e-2, seed=0)
    before = trainer.optimizer.state()
    trainer.optimizer.restore(HeadTrainer(initial_head(CHANNELS, 3, 0), 1e-2, seed=0).optimizer.state())
    assert all((a == b).all() for a, b in zip(trainer.optimizer.state(), before, strict=True))


def test_a_rate_far_too_high_gives_a_loss_that_is_not_finite_and_no_exception():
    trainer = HeadTrainer(initial_head(CHANNELS, CLASSES, 0), 1e30, seed=0)
    with np.errstate(all="ignore"):
        losses = train(trainer, range(4))
    assert not np.isfinite(losses[-1])
