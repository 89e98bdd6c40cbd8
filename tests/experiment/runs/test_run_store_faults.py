"""Damaged, deleted, unwritable and hostile run folders."""

import os
import shutil
import sqlite3
import tempfile
import time
from pathlib import Path

import pytest
from test_run_store import MANIFEST, STUDY, add

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore, StoreError

pytestmark = pytest.mark.faults

OPEN_AS_UNPRIVILEGED_USER = """
import os, sys
from core.experiment.runs.run_store import RunStore, StoreError
if os.getuid() == 0:
    os.setuid(65534)
try:
    RunStore(sys.argv[1])
except StoreError as error:
    print(error)
"""


@pytest.mark.skipif(not hasattr(os, "setuid"), reason="needs Unix users")
@pytest.mark.parametrize("inside", ["", "runs", ".active"])
def test_a_read_only_folder_is_a_one_line_error(output_of, inside):
    folder = Path(tempfile.mkdtemp(dir="/tmp"))
    try:
        (folder / inside).mkdir(exist_ok=True)
        for path in (folder / inside, folder):
            path.chmod(0o555)
        root = folder / "runs" if inside == "runs" else folder
        message = output_of(OPEN_AS_UNPRIVILEGED_USER, root)
        assert message == (
            f"Expected a writable folder for runs; received {root} (Permission denied). Choose another with --runs."
        )
    finally:
        folder.chmod(0o755)
        shutil.rmtree(folder)


def test_a_file_in_place_of_the_folder_is_refused(tmp_path):
    (tmp_path / "runs").touch()
    with pytest.raises(StoreError, match="Expected a writable folder for runs"):
        RunStore(tmp_path / "runs")


GARBAGE = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"7",
    b"\xff\xfe\x00garbage",
    b"[" * 100_000,
    b'{"state": "flying"}',
    b'{"strategy": {"name": "x", "phases": [{"unfreeze": 0, "learning_rate": %d, "epochs": 1}]}}' % 10**400,
]


@pytest.mark.parametrize("name", ["status.json", "config.json"])
@pytest.mark.parametrize("garbage", GARBAGE, ids=lambda garbage: garbage[:9].decode(errors="replace") or "empty")
def test_a_damaged_run_is_corrupt_and_the_others_are_listed(store, name, garbage):
    queued, corrupt, completed = add(store), add(store, State.RUNNING, seed=1), add(store, State.COMPLETED, seed=2)
    path = store.path(corrupt.id) / name
    original = path.read_bytes()
    path.write_bytes(garbage)
    for reader in (store, RunStore(store.root)):
        assert [(run.id, run.state) for run in reader.runs()] == [
            (completed.id, State.COMPLETED),
            (corrupt.id, State.CORRUPT),
            (queued.id, State.QUEUED),
        ]
        assert reader.get(corrupt.id).status.error.advice == "Delete the run, or restore the file."
        assert reader.active() == (queued,)
    path.write_bytes(original)
    assert [run.state for run in store.runs()] == [State.COMPLETED, State.RUNNING, State.QUEUED], "restored"


def test_a_run_with_a_missing_file_is_corrupt_and_can_be_deleted(store):
    corrupt = add(store)
    (store.path(corrupt.id) / "status.json").unlink()
    assert [run.state for run in store.runs()] == [State.CORRUPT]
    store.delete(corrupt.id)
    assert store.runs() == () and store.active() == ()


@pytest.mark.parametrize("garbage", GARBAGE[:2] + GARBAGE[5:7], ids=["empty", "truncated", "binary", "deeply nested"])
def test_a_damaged_evaluation_is_none(store, garbage):
    run = add(store, State.COMPLETED)
    (store.path(run.id) / "evaluation.json").write_bytes(garbage)
    assert store.evaluation(run.id) is None


WRITE = """
import sys
from core.experiment.runs.run import RunStatus, State
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1])
for beat in range(1, 10_001):
    store.write_status(sys.argv[2], RunStatus(State.RUNNING, beat=beat, note="x" * (beat % 500)))
"""


@pytest.fixture
def folder_in_memory():
    """A folder in memory if the system has one, because 10,000 renames on a disk are slow."""
    with tempfile.TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        yield Path(folder)


def test_a_reader_sees_only_complete_statuses_during_10_000_writes(folder_in_memory, start):
    store = RunStore(folder_in_memory)
    run = add(store, State.RUNNING)
    writer, beats = start(WRITE, store.root, run.id), [0]
    while writer.poll() is None:
        for status in (store.get(run.id).status, store.runs()[0].status):
            assert status.state is State.RUNNING and status.beat >= beats[-1], status
            beats.append(status.beat)
    assert writer.returncode == 0 and store.get(run.id).status.beat == 10_000
    assert len(set(beats)) > 100, "the reader read while the writer wrote"


def test_a_run_whose_folder_was_deleted_does_not_exist(store):
    deleted, other = add(store, State.RUNNING), add(store, seed=1)
    assert len(store.runs()) == 2 and store.metrics(deleted.id)
    shutil.rmtree(store.root / deleted.id)
    assert store.active() == store.runs() == (other,)
    for method in (store.get, store.metrics, store.evaluation, store.log_tail, store.delete, store.request_stop):
        with pytest.raises(NoSuchRun, match="Check the id and the folder"):
            method(deleted.id)
    with pytest.raises(NoSuchRun):
        store.write_status(deleted.id, RunStatus(State.RUNNING))
    with pytest.raises(NoSuchRun):
        store.study(deleted.study)
    assert not (store.root / deleted.id).exists()


def test_a_deleted_runs_folder_counts_as_empty(store):
    add(store)
    shutil.rmtree(store.root)
    assert store.runs() == () and store.active() == ()
    run = add(store)
    assert store.active() == store.runs() == (run,)


DAMAGES = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "garbage": lambda path: path.write_bytes(b"garbage" * 1_000),
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:5_000]),
    "another table": lambda path: (path.unlink(), sqlite3.connect(path).execute("CREATE TABLE runs (a)")),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


@pytest.fixture(scope="module")
def runs_folder(tmp_path_factory) -> Path:
    """A folder with 300 runs, 290 of them finished, listed once."""
    store = RunStore(tmp_path_factory.mktemp("many"))
    study = store.create_study([(RunConfig(seed=seed), MANIFEST) for seed in range(300)])
    for run in study.runs[:290]:
        store.write_status(run.id, RunStatus(State.COMPLETED, ended=time.time()))
    assert len(store.runs()) == 300
    return store.root


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_index_is_rebuilt(runs_folder, tmp_path, damage):
    shutil.copytree(runs_folder, tmp_path / "runs")
    before = RunStore(tmp_path / "runs").runs()
    damage(tmp_path / "runs" / ".index.sqlite")
    for _ in range(3):
        assert RunStore(tmp_path / "runs").runs() == before
    assert len(before) == 300


def test_markers_of_active_runs_are_rebuilt(runs_folder):
    before = RunStore(runs_folder).active()
    assert len(before) == 10
    store = RunStore(runs_folder)
    shutil.rmtree(runs_folder / ".active")
    assert store.active() == before, "by the same store"
    shutil.rmtree(runs_folder / ".active")
    other = RunStore(runs_folder)
    other.rebuild_active()
    assert other.active() == before, "by another store"


VALID = "20261123-220052-417-01-two-phase"
INVALID_IDS = [
    "",
    ".",
    "..",
    "../x",
    "/etc",
    "a\0b",
    ".active",
    VALID + "\n",
    VALID + "/..",
    f"../{VALID}",
    "x" * 5_000,
    "٢" * 8 + "-220052-417-01-a",
    None,
    7,
    VALID,  # but no run has it
]


@pytest.mark.parametrize(
    "method",
    ["get", "path", "metrics", "manifest", "evaluation", "log_tail", "delete", "request_stop", "requeue", "study"],
)
@pytest.mark.parametrize("run_id", INVALID_IDS, ids=lambda run_id: ascii(run_id)[:20])
def test_invalid_and_unknown_ids_are_refused(store, method, run_id):
    with pytest.raises(NoSuchRun, match=r"No such run: .{1,100}\. Check the id and the folder of the runs\."):
        getattr(store, method)(run_id)


def test_a_link_to_another_folder_is_not_a_run(store, tmp_path):
    outside = RunStore(tmp_path / "outside")
    run = add(outside, State.STOPPED)
    (store.root / run.id).symlink_to(outside.root / run.id)
    (store.root / ".active" / run.id).touch()
    assert store.runs() == store.active() == ()
    for method in (store.get, store.path, store.metrics, store.log_tail, store.evaluation, store.delete, store.requeue):
        with pytest.raises(NoSuchRun):
            method(run.id)
    assert outside.runs() == (run,)


FILL_THE_DISK = """
import resource, sys
from core.experiment.run_config import RunConfig
from core.experiment.runs.run_store import RunStore
store = RunStore(sys.argv[1])
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
try:
    store.create_study([(RunConfig(), ""), (RunConfig(seed=1), "x" * 20_000)])
except OSError as error:
    print(len(store.runs()), error.strerror)
"""


def test_a_full_disk_leaves_no_incomplete_study(store, output_of):
    assert output_of(FILL_THE_DISK, store.root) == "0 File too large"
    assert [path.name for path in store.root.iterdir() if "-01-" in path.name] == []
    assert len(store.create_study(STUDY).runs) == 3
