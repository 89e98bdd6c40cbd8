"""The training loop trains the right layers, and a resumed run gives the same weights as an uninterrupted one."""

from dataclasses import replace

import keras
import numpy as np
import pytest

from core.data.datasets.split import split
from core.experiment.parameter_counts import small_cnn_parameters
from core.experiment.run_config import RunConfig
from core.experiment.runs.errors import Diverged
from core.experiment.runs.metrics import best_key
from core.experiment.strategy import ALL_LAYERS, FROM_SCRATCH, Phase, Strategy
from core.learning.inputs.batches import Batches
from core.learning.inputs.training_data import Images, TrainingData, balanced_class_weights, load_data
from core.learning.network.model import base_of, build_model, unfreeze_layers
from core.learning.training.checkpoint import Checkpoints
from core.learning.training.loop import Outcome, train

pytestmark = pytest.mark.faults


@pytest.fixture(scope="module")
def data(tiny_dataset) -> TrainingData:
    return load_data(split(tiny_dataset), tiny_dataset.root, 96)


def with_phases(config: RunConfig, *phases: Phase, **changes) -> RunConfig:
    return replace(config, strategy=Strategy("tiny", phases), **changes)


def model_of(config: RunConfig) -> keras.Model:
    return build_model(config, 10)


def run(config: RunConfig, data: TrainingData, **more) -> tuple[keras.Model, Outcome, list[dict]]:
    model, rows = model_of(config), []
    outcome = train(config, model, data, rows.append, **more)
    return model, outcome, [row for row in rows if row["kind"] == "epoch"]


def pixel_batches(images: Images, shuffle_seed: int | None = None) -> Batches:
    return Batches.of(lambda numbers, epoch: images.pixels[numbers], images.labels, 8, shuffle_seed)


def test_the_baseline_trains_all_layers_of_the_small_network(tiny_config, data, tmp_path):
    config = with_phases(tiny_config, Phase(FROM_SCRATCH, 1e-3, 2), weights="missing.h5")
    model, rows = build_model(config, 10), []
    before = model.get_weights()
    outcome = train(config, model, data, rows.append, checkpoints=Checkpoints(tmp_path))
    assert all((old != new).any() for old, new in zip(before, model.get_weights(), strict=True))
    assert model.count_params() == small_cnn_parameters(10, 96) == outcome.rows[0]["trainable_parameters"]
    again = build_model(config, 10)
    resumed = train(config, again, data, rows.append, start=Checkpoints(tmp_path).load())
    assert resumed.rows == outcome.rows and (again.get_weights()[0] == model.get_weights()[0]).all()
    with pytest.raises(ValueError, match="of a model without a base"):
        unfreeze_layers(model, 30)


def weights_by_layer(model: keras.Model) -> list[list[np.ndarray]]:
    return [layer.get_weights() for layer in base_of(model).layers]


@pytest.mark.parametrize("unfreeze", [0, 13, ALL_LAYERS])
def test_exactly_the_unfrozen_layers_change_and_statistics_never(tiny_config, data, unfreeze):
    config = with_phases(tiny_config, Phase(unfreeze, 1e-3, 1))
    model = model_of(config)
    before = weights_by_layer(model)
    train(config, model, data, lambda row: None)
    for number, layer in enumerate(base_of(model).layers):
        statistics = 2 if isinstance(layer, keras.layers.BatchNormalization) else 0
        old, new = before[number], layer.get_weights()
        frozen = len(old) if number < len(before) - unfreeze else statistics
        for a, b in zip(old[len(old) - frozen :], new[len(new) - frozen :], strict=True):
            np.testing.assert_array_equal(a, b, err_msg=layer.name)
        if frozen < len(old):  # an unfrozen layer with weights
            assert any((a != b).any() for a, b in zip(old, new, strict=True)), f"{layer.name} did not train"


@pytest.fixture(autouse=True, scope="module")
def deterministic_operations() -> None:
    import tensorflow as tf

    tf.config.experimental.enable_op_determinism()


@pytest.fixture(scope="module")
def two_phases(tiny_config, deterministic_operations) -> RunConfig:
    return with_phases(tiny_config, Phase(0, 1e-3, 2), Phase(11, 1e-4, 2), deterministic=True)


@pytest.fixture(scope="module")
def uninterrupted(two_phases, data) -> tuple[keras.Model, Outcome, list[dict]]:
    return run(two_phases, data)


@pytest.fixture(scope="module")
def stopped_twice(two_phases, data, tmp_path_factory) -> tuple[Checkpoints, list]:
    """The three parts of a run that is stopped within the second epoch of each phase, and its checkpoints."""
    checkpoints, parts = Checkpoints(tmp_path_factory.mktemp("run") / "checkpoint"), []
    for whole_epochs in (1, 2, None):
        calls = []

        def should_stop(calls: list = calls, whole_epochs: int | None = whole_epochs) -> bool:
            calls.append(1)  # for each batch: an epoch has five for training and two for validation
            return whole_epochs is not None and len(calls) > whole_epochs * 7 + 3

        start = checkpoints.load()
        parts.append(run(two_phases, data, should_stop=should_stop, checkpoints=checkpoints, start=start))
    return checkpoints, parts


def test_phases_follow_each_other_and_rows_show_their_settings(uninterrupted):
    _, outcome, rows = uninterrupted
    assert [(r["epoch"], r["phase"], r["unfreeze"], r["learning_rate"]) for r in rows] == [
        (1, 1, 0, 1e-3),
        (2, 1, 0, 1e-3),
        (3, 2, 11, 1e-4),
        (4, 2, 11, 1e-4),
    ]
    assert rows[0]["trainable_parameters"] < rows[2]["trainable_parameters"]
    assert outcome.best == max(rows, key=best_key) and not outcome.stopped


def test_the_trained_model_has_the_weights_of_its_best_epoch(tiny_config, data):
    model, outcome, _ = run(with_phases(tiny_config, Phase(0, 1e-2, 4), kept_precision="float32"), data)
    model.compile(loss="sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False)
    loss, accuracy = model.evaluate(pixel_batches(data.validation), verbose=0)
    assert accuracy == pytest.approx(outcome.best["val_accuracy"])
    assert loss == pytest.approx(outcome.best["val_loss"], rel=1e-4)


def test_a_run_stopped_within_epochs_of_both_phases_resumes_to_the_same_weights(uninterrupted, stopped_twice):
    whole, _, whole_rows = uninterrupted
    _, ((_, first, first_rows), (_, second, second_rows), (resumed, last, last_rows)) = stopped_twice
    assert first.stopped and second.stopped and not last.stopped
    assert [[row["epoch"] for row in rows] for rows in (first_rows, second_rows, last_rows)] == [[1], [2, 3], [4]]
    assert [row["val_loss"] for row in last.rows] == [row["val_loss"] for row in whole_rows]
    for a, b in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)


def test_a_completed_run_resumed_trains_nothing(two_phases, data, stopped_twice):
    checkpoints, _ = stopped_twice
    _, outcome, rows = run(two_phases, data, start=checkpoints.load())
    assert rows == [] and len(outcome.rows) == 4


@pytest.mark.parametrize(("seed", "is_equal"), [(0, True), (1, False)])
def test_the_seed_determines_the_losses(two_phases, uninterrupted, data, seed, is_equal):
    """And the weights: the test above compares those of two trainings with one seed."""
    _, _, (row,) = run(with_phases(two_phases, Phase(0, 1e-3, 1), seed=seed), data)
    _, _, (first, *_) = uninterrupted
    assert all((row[name] == first[name]) is is_equal for name in ("loss", "val_loss"))


def test_patience_ends_a_phase_and_the_next_begins(tiny_config, data):
    config = with_phases(tiny_config, Phase(0, 10.0, 6), Phase(11, 1e-5, 1), patience=1)
    _, _, rows = run(config, data)
    assert rows[-1]["phase"] == 2 and sum(row["phase"] == 1 for row in rows) < 6
    assert [row["epoch"] for row in rows] == list(range(1, len(rows) + 1))


def test_a_diverged_loss_is_reported_with_step_and_rate(tiny_config, data, tmp_path):
    model, checkpoints = model_of(tiny_config), Checkpoints(tmp_path / "checkpoint")
    kernel = model.get_layer("classes").kernel
    kernel.assign(np.full(kernel.shape, np.nan))
    with pytest.raises(Diverged, match=r"step 1.*learning rate of 0.001"):
        train(tiny_config, model, data, lambda row: None, checkpoints=checkpoints)
    assert checkpoints.load() is None


def test_class_weights_balance_rare_classes(tiny_config, data):
    weights = balanced_class_weights(np.array([0, 0, 0, 1]))
    assert weights == {0: pytest.approx(2 / 3), 1: pytest.approx(2.0)}
    _, outcome, _ = run(with_phases(tiny_config, Phase(0, 1e-3, 1), class_weights=True), data)
    assert np.isfinite(outcome.best["loss"])


def test_each_epoch_uses_every_image_once_in_a_new_order(data):
    batches, again = (pixel_batches(data.train, 3) for _ in range(2))

    def labels_of(batches: Batches, epoch: int) -> np.ndarray:
        batches.start_epoch(epoch)
        return np.concatenate([batches[i][1] for i in range(len(batches))])

    first, second = labels_of(batches, 0), labels_of(batches, 1)
    assert sorted(first) == sorted(second) == sorted(data.train.labels) and (first != second).any()
    assert (labels_of(again, 1) == second).all()
