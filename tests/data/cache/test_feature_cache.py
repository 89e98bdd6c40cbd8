"""What is kept stays within its budget, and a run goes on where it cannot be kept."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from core.data.cache.feature_cache import FeatureCache
from core.data.cache.row_store import Kind
from core.data.cache.run_cache import RunCache

pytestmark = pytest.mark.faults

IMAGES = ["ab" * 32, "cd" * 32]
ROWS = np.ones((2, 1000), np.uint8)


def kind(number: int) -> Kind:
    return Kind(f"kind {number}", (1000,), "uint8", {"number": number})


def fill(feature_cache: FeatureCache, number: int) -> None:
    """As a run of its own would."""
    row_store = FeatureCache(feature_cache.root, feature_cache.budget).open(kind(number), len(IMAGES))
    row_store.append(IMAGES, ROWS, 2.0)
    os.utime(row_store.folder / "about.json", (number, number))


@pytest.fixture
def feature_cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "kept", budget=8_000)


def test_the_least_used_goes_first(feature_cache):
    for number in (1, 2, 3):
        fill(feature_cache, number)
    FeatureCache(feature_cache.root).find(kind(1))  # used again
    fill(feature_cache, 4)
    assert {kept.what for kept in feature_cache.entries()} == {"kind 1", "kind 3", "kind 4"}
    assert sum(kept.bytes for kept in feature_cache.entries()) <= feature_cache.budget


def test_what_is_larger_than_the_budget_is_refused(feature_cache):
    fill(feature_cache, 1)
    with pytest.raises(OSError, match=r"keeping kind 2 would take 0\.0 GB, and the limit is"):
        feature_cache.open(kind(2), 9)
    assert [kept.what for kept in feature_cache.entries()] == ["kind 1"], (
        "nothing goes for what does not fit all the same"
    )


def test_what_a_run_uses_itself_does_not_go_for_its_next_shelf(feature_cache):
    fill(feature_cache, 1)
    for number in (2, 3, 4):
        feature_cache.open(kind(number), 2).append(IMAGES, ROWS, 1.0)
    assert {kept.what for kept in feature_cache.entries()} == {"kind 2", "kind 3", "kind 4"}
    told = []
    run_cache = RunCache(feature_cache, 2, told.append)
    for number in (5, 4):
        run_cache.write(kind(number), IMAGES, ROWS, 1.0)
        assert run_cache.read(kind(number), IMAGES)[1].all() == (number == 4), (
            "one kind that does not fit stops no other"
        )
    assert len(told) == 1


def test_the_budget_is_a_setting_that_is_kept(tmp_path):
    feature_cache = FeatureCache(tmp_path / "kept")
    assert 0 < feature_cache.budget <= 20 * 10**9
    fill(feature_cache, 1)
    feature_cache.set_budget(1_000)
    assert FeatureCache(tmp_path / "kept").budget == 1_000 and feature_cache.entries() == ()
    with pytest.raises(ValueError, match="Expected a budget of 0 bytes or more; received -1"):
        feature_cache.set_budget(-1)


def test_clearing_leaves_nothing(feature_cache):
    fill(feature_cache, 1)
    (feature_cache.root / "no shelf").mkdir()
    feature_cache.clear()
    assert feature_cache.entries() == () and [path.name for path in feature_cache.root.iterdir()] == ["no shelf"]


def test_a_keeper_counts_what_it_saved(feature_cache):
    first, second = RunCache(feature_cache, 2), RunCache(feature_cache, 2)
    assert not first.read(kind(1), IMAGES)[1].any()
    first.write(kind(1), IMAGES, ROWS, 3.0)
    rows, here = second.read(kind(1), IMAGES)
    assert here.all() and (rows == ROWS).all()
    assert (first.saved_seconds, second.saved_seconds) == (0.0, pytest.approx(3.0))


def test_what_is_cleared_or_too_large_ends_keeping_with_a_word_and_no_error(tmp_path):
    feature_cache = FeatureCache(tmp_path / "kept")  # as a page has it
    for break_it in (feature_cache.clear, lambda: feature_cache.set_budget(0)):
        told = []
        run_cache = RunCache(FeatureCache(tmp_path / "kept"), 2, told.append)
        run_cache.read(kind(1), IMAGES)
        break_it()
        run_cache.write(kind(1), IMAGES, ROWS, 1.0)
        run_cache.write(kind(1), IMAGES, ROWS, 1.0)
        assert len(told) == 1 and told[0].startswith("Not all of what is computed is kept for later runs: ")
        assert not RunCache(FeatureCache(feature_cache.root), 2).read(kind(1), IMAGES)[1].any()
    told = []
    run_cache = RunCache(FeatureCache(feature_cache.root, budget=1), 2, told.append)
    assert not run_cache.read(kind(2), IMAGES)[1].any() and len(told) == 1


KEEP_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from core.data.cache.run_cache import RunCache
from core.data.cache.feature_cache import FeatureCache
from tests.data.cache.test_feature_cache import kind
import numpy as np
told = []
keeper = RunCache(FeatureCache(Path(sys.argv[1]), budget=10**9), 3_000, told.append)
for number in range(3_000):
    keeper.write(kind(1), [f"{number:064x}"], np.full((1, 1000), number % 256, np.uint8), 1.0)
rows, here = keeper.read(kind(1), [f"{number:064x}" for number in range(3_000)])
assert all((rows[n] == n % 256).all() for n in range(3_000) if here[n])
print(told, 100 < here.sum() < 2_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_a_full_disk_ends_keeping_and_what_was_kept_is_sound(tmp_path):
    """The rows need 3 MB; the disk that they go to has 1 MB."""
    (disk := tmp_path / "disk").mkdir()
    alone = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*alone, "true"], capture_output=True).returncode:
        pytest.skip("this system lets nobody mount a disk of their own")
    mount = f'mount -t tmpfs -o size=1m tmpfs "{disk}" && exec "$@"'
    done = subprocess.run(
        [*alone, "sh", "-c", mount, "sh", sys.executable, "-c", KEEP_ON_A_FULL_DISK, disk],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    expected = (
        "['Not all of what is computed is kept for later runs: the disk is full. This run goes on all the same.'] True"
    )
    assert done.stdout.strip() == expected, done.stderr
