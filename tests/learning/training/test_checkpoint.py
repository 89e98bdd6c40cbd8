"""Only complete checkpoints are loaded."""

import numpy as np
import pytest

from core.learning.training.checkpoint import Checkpoint, Checkpoints

pytestmark = pytest.mark.faults


def state(epoch: int) -> Checkpoint:
    rows = tuple(
        {"kind": "epoch", "epoch": e, "phase": 1, "val_accuracy": 0.5, "val_loss": 1.0} for e in range(1, epoch + 1)
    )
    arrays = tuple(np.full((3, i + 1), epoch, np.float32) for i in range(12))
    return Checkpoint(rows, arrays, arrays[:3], arrays[:2])


@pytest.fixture
def checkpoints(tmp_path) -> Checkpoints:
    return Checkpoints(tmp_path / "checkpoint")


def test_a_saved_checkpoint_is_loaded_unchanged(checkpoints):
    checkpoints.save(state(1))
    loaded = checkpoints.load()
    assert loaded.rows == state(1).rows and loaded.epoch == 1
    for part in ("weights", "optimizer", "best"):
        for a, b in zip(getattr(loaded, part), getattr(state(1), part), strict=True):
            np.testing.assert_array_equal(a, b)


def test_only_the_two_newest_are_kept(checkpoints, tmp_path):
    for epoch in range(1, 6):
        checkpoints.save(state(epoch))
    assert sorted(p.name for p in (tmp_path / "checkpoint").iterdir()) == [
        "0004.json",
        "0004.npz",
        "0005.json",
        "0005.npz",
    ]


def test_after_a_kill_between_weights_and_manifest_the_older_checkpoint_is_loaded(checkpoints, tmp_path):
    for epoch in (1, 2):
        checkpoints.save(state(epoch))
    (tmp_path / "checkpoint" / "0002.json").unlink()
    assert checkpoints.load().epoch == 1
    checkpoints.save(state(2))
    assert checkpoints.load().epoch == 2


def test_a_flipped_bit_is_detected_and_the_older_checkpoint_loaded(checkpoints, tmp_path):
    for epoch in (1, 2):
        checkpoints.save(state(epoch))
    path = tmp_path / "checkpoint" / "0002.npz"
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)
    assert checkpoints.load().epoch == 1


@pytest.mark.parametrize("content", ["", "{", "[]", "{}", '{"epoch": 2}'])
def test_an_invalid_manifest_is_ignored(checkpoints, tmp_path, content):
    checkpoints.save(state(1))
    (tmp_path / "checkpoint" / "0002.json").write_text(content)
    assert checkpoints.load().epoch == 1


def test_an_empty_folder_gives_none(checkpoints):
    assert checkpoints.load() is None
