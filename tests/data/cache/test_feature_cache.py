"""The feature cache stays within its budget, and a run continues if nothing can be cached."""

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
    """Cache rows as another run would, last used at Unix time `number`."""
    row_store = FeatureCache(feature_cache.root, feature_cache.budget).open(kind(number), len(IMAGES))
    row_store.append(IMAGES, ROWS, 2.0)
    os.utime(row_store.folder / "about.json", (number, number))


@pytest.fixture
def feature_cache(tmp_path) -> FeatureCache:
    return FeatureCache(tmp_path / "cache", budget=8_000)


def test_the_least_recently_used_entry_is_deleted_first(feature_cache):
    for number in (1, 2, 3):
        fill(feature_cache, number)
    FeatureCache(feature_cache.root).find(kind(1))  # now the most recently used
    fill(feature_cache, 4)
    assert {entry.description for entry in feature_cache.entries()} == {"kind 1", "kind 3", "kind 4"}
    assert sum(entry.bytes for entry in feature_cache.entries()) <= feature_cache.budget


def test_a_kind_larger_than_the_budget_is_refused(feature_cache):
    fill(feature_cache, 1)
    with pytest.raises(OSError, match=r"caching kind 2 would take 0\.0 GB, and the limit is"):
        feature_cache.open(kind(2), 9)
    assert [entry.description for entry in feature_cache.entries()] == ["kind 1"], (
        "nothing is deleted for a kind that cannot fit"
    )


def test_entries_in_use_are_not_deleted_for_another_kind(feature_cache):
    fill(feature_cache, 1)
    for number in (2, 3, 4):
        feature_cache.open(kind(number), 2).append(IMAGES, ROWS, 1.0)
    assert {entry.description for entry in feature_cache.entries()} == {"kind 2", "kind 3", "kind 4"}
    warnings = []
    run_cache = RunCache(feature_cache, 2, warnings.append)
    for number in (5, 4):
        run_cache.write(kind(number), IMAGES, ROWS, 1.0)
        assert run_cache.read(kind(number), IMAGES)[1].all() == (number == 4), (
            "a kind that does not fit does not affect others"
        )
    assert len(warnings) == 1


def test_the_budget_is_saved(tmp_path):
    feature_cache = FeatureCache(tmp_path / "cache")
    assert 0 < feature_cache.budget <= 20 * 10**9
    fill(feature_cache, 1)
    feature_cache.set_budget(1_000)
    assert FeatureCache(tmp_path / "cache").budget == 1_000 and feature_cache.entries() == ()
    with pytest.raises(ValueError, match="Expected a budget of 0 bytes or more; received -1"):
        feature_cache.set_budget(-1)


def test_clear_deletes_all_entries_and_nothing_else(feature_cache):
    fill(feature_cache, 1)
    (feature_cache.root / "other folder").mkdir()
    feature_cache.clear()
    assert feature_cache.entries() == () and [path.name for path in feature_cache.root.iterdir()] == ["other folder"]


def test_a_run_cache_counts_the_seconds_it_saved(feature_cache):
    first, second = RunCache(feature_cache, 2), RunCache(feature_cache, 2)
    assert not first.read(kind(1), IMAGES)[1].any()
    first.write(kind(1), IMAGES, ROWS, 3.0)
    rows, found = second.read(kind(1), IMAGES)
    assert found.all() and (rows == ROWS).all()
    assert (first.saved_seconds, second.saved_seconds) == (0.0, pytest.approx(3.0))


def test_a_cleared_or_too_small_cache_gives_one_warning_and_no_error(tmp_path):
    feature_cache = FeatureCache(tmp_path / "cache")  # as used by a page
    for make_unusable in (feature_cache.clear, lambda: feature_cache.set_budget(0)):
        warnings = []
        run_cache = RunCache(FeatureCache(tmp_path / "cache"), 2, warnings.append)
        run_cache.read(kind(1), IMAGES)
        make_unusable()
        run_cache.write(kind(1), IMAGES, ROWS, 1.0)
        run_cache.write(kind(1), IMAGES, ROWS, 1.0)
        assert len(warnings) == 1 and warnings[0].startswith("Not everything can be cached for later runs: ")
        assert not RunCache(FeatureCache(feature_cache.root), 2).read(kind(1), IMAGES)[1].any()
    warnings = []
    run_cache = RunCache(FeatureCache(feature_cache.root, budget=1), 2, warnings.append)
    assert not run_cache.read(kind(2), IMAGES)[1].any() and len(warnings) == 1


CACHE_ON_A_FULL_DISK = """
import sys
from pathlib import Path
from core.data.cache.run_cache import RunCache
from core.data.cache.feature_cache import FeatureCache
from tests.data.cache.test_feature_cache import kind
import numpy as np
warnings = []
run_cache = RunCache(FeatureCache(Path(sys.argv[1]), budget=10**9), 3_000, warnings.append)
for number in range(3_000):
    run_cache.write(kind(1), [f"{number:064x}"], np.full((1, 1000), number % 256, np.uint8), 1.0)
rows, found = run_cache.read(kind(1), [f"{number:064x}" for number in range(3_000)])
assert all((rows[n] == n % 256).all() for n in range(3_000) if found[n])
print(warnings, 100 < found.sum() < 2_000)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="mounts a small disk")
def test_a_full_disk_stops_writing_and_the_cached_rows_are_correct(tmp_path):
    """The rows need 3 MB; the disk has 1 MB."""
    (disk := tmp_path / "disk").mkdir()
    unshare = ["unshare", "--user", "--map-root-user", "--mount"]
    if subprocess.run([*unshare, "true"], capture_output=True).returncode:
        pytest.skip("this system does not allow users to mount a disk")
    mount = f'mount -t tmpfs -o size=1m tmpfs "{disk}" && exec "$@"'
    process = subprocess.run(
        [*unshare, "sh", "-c", mount, "sh", sys.executable, "-c", CACHE_ON_A_FULL_DISK, disk],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
    )
    expected = "['Not everything can be cached for later runs: the disk is full. This run continues.'] True"
    assert process.stdout.strip() == expected, process.stderr
