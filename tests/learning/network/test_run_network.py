"""A run's network knows its features and saves its model without building the base, equal to one that is built."""

from dataclasses import replace
from pathlib import Path

import keras
import numpy as np
import pytest

from core.experiment.named_strategies import FEATURE_EXTRACTION, TWO_PHASE
from core.experiment.run_config import RunConfig
from core.learning.head.head_weights import initial_head
from core.learning.network.cut_points import cut_point_for
from core.learning.network.fingerprint import fingerprint
from core.learning.network.model import base_of, build_model, read_head
from core.learning.network.reuse import known_networks
from core.learning.network.run_network import RunNetwork
from core.machine.paths import networks_folder

CLASSES = 4

pytestmark = pytest.mark.faults


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANSFER_LAB_HOME", str(tmp_path / "home"))


@pytest.fixture(scope="module")
def config() -> RunConfig:
    return RunConfig(strategy=FEATURE_EXTRACTION, image_size=96, alpha=0.35, weights="sample", batch_size=8)


@pytest.fixture(scope="module")
def built(config) -> keras.Model:
    return build_model(config, CLASSES)


def must_not_build() -> None:
    raise AssertionError("the base was built")


def test_the_pooled_features_and_their_fingerprint_are_those_of_the_model(config, built):
    network = RunNetwork(config, CLASSES)
    pooled = network.cut_point(0)
    assert pooled == cut_point_for(base_of(built), 0)
    assert network.fingerprint(pooled) == fingerprint(config, base_of(built), pooled)
    again = RunNetwork(replace(config, seed=3, batch_size=4), CLASSES, before_build=must_not_build)
    assert again.fingerprint(pooled) == network.fingerprint(pooled)


def test_the_initial_head_is_that_of_the_model(config, built):
    for ours, theirs in zip(RunNetwork(config, CLASSES).head, read_head(built), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_model_saved_without_building_it_is_the_same(config, tmp_path):
    RunNetwork(config, CLASSES).save(tmp_path / "first.keras")
    network = RunNetwork(replace(config, seed=5, batch_size=4), CLASSES, before_build=must_not_build)
    network.head = head = initial_head(1280, CLASSES, 9)
    network.save(tmp_path / "second.keras")
    first, second = (keras.models.load_model(tmp_path / f"{name}.keras") for name in ("first", "second"))
    assert first.get_config() == second.get_config()
    for a, b in zip(base_of(first).get_weights(), base_of(second).get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    for ours, saved in zip(head, read_head(second), strict=True):
        np.testing.assert_array_equal(ours, saved)


@pytest.mark.parametrize("damage", [b"", b"PK", None])
def test_a_damaged_template_is_not_used(config, tmp_path, damage):
    RunNetwork(config, CLASSES).save(tmp_path / "first.keras")
    (template,) = networks_folder().glob("*.keras")
    content = template.read_bytes()
    middle = len(content) // 2
    template.write_bytes(content[:middle] + b"damage" + content[middle + 6 :] if damage is None else damage)
    network = RunNetwork(config, CLASSES)
    network.save(tmp_path / "second.keras")
    keras.models.load_model(tmp_path / "second.keras")
    assert template.read_bytes() == (tmp_path / "second.keras").read_bytes(), "it is replaced"


def test_a_trained_base_is_never_a_template(config, tmp_path):
    network = RunNetwork(replace(config, strategy=TWO_PHASE), CLASSES)
    network.open_model()
    network.save(tmp_path / "model.keras")
    assert not list(networks_folder().glob("*.keras"))


def test_a_changed_weights_file_is_another_network(config, tmp_path):
    file = tmp_path / "weights.npz"
    file.write_bytes(config.backbone.sample.file.read_bytes())
    of_file = replace(config, weights=str(file))
    network = RunNetwork(of_file, CLASSES)
    network.fingerprint(network.cut_point(0))
    with np.load(file) as stored:
        np.savez(file, **{name: 2 * stored[name] for name in stored.files})
    changed = RunNetwork(of_file, CLASSES)
    assert changed.fingerprint(changed.cut_point(0)) != network.fingerprint(network.cut_point(0))


def test_without_a_writable_folder_nothing_is_kept(config, tmp_path):
    (tmp_path / "home").write_text("a file where the folder should be")
    network = RunNetwork(config, CLASSES)
    assert network.fingerprint(network.cut_point(0))
    network.save(tmp_path / "model.keras")
    assert (tmp_path / "model.keras").is_file()


def test_old_files_make_room(config, tmp_path, monkeypatch):
    monkeypatch.setattr(known_networks, "MAX_FILES", 3)
    for classes in (3, 4, 5, 6):
        network = RunNetwork(config, classes)
        network.fingerprint(network.cut_point(0))
        network.save(tmp_path / "model.keras")
    assert len(list(networks_folder().iterdir())) == 3
