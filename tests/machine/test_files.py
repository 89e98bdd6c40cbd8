"""Files are replaced atomically, and errors become readable messages."""

import errno
import threading
from pathlib import Path

import pytest

from core.experiment.runs.errors import Diverged, describe_exception, describe_exit, first_line
from core.machine.files import atomic_draft, is_disk_full, read_json, write_atomically

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("durable", [False, True])
def test_content_is_replaced(tmp_path, durable):
    for content in ("old", "né\n", b"\x00\xff"):
        write_atomically(tmp_path / "a", content, durable)
        assert (tmp_path / "a").read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from core.machine.files import is_disk_full, write_atomically
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    write_atomically(Path(sys.argv[1]), "x" * 10_000)
except OSError as error:
    print(is_disk_full(error))
"""


def test_full_disk_keeps_the_old_content(tmp_path, output_of):
    path = tmp_path / "status.json"
    write_atomically(path, "old")
    assert output_of(FILL_THE_DISK, path) == "True"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path], "no temporary file is left"


def test_a_draft_replaces_the_file_if_its_block_succeeds(tmp_path):
    path = tmp_path / "model.keras"
    with atomic_draft(path) as draft:
        draft.write_text("new")
        assert draft.suffix == ".keras" and not path.exists()
    assert path.read_text() == "new" and [*tmp_path.iterdir()] == [path]


def test_a_draft_is_deleted_if_its_block_fails(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    (tmp_path / ".draft-model.keras").write_text("left by a killed writer")
    with pytest.raises(ValueError, match="half way"), atomic_draft(path) as draft:
        draft.write_text("ne")
        raise ValueError("half way")
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_atomically(tmp_path / "gone" / "a", "x")


def test_threads_can_write_the_same_file(tmp_path):
    path, errors = tmp_path / "a", []
    contents = [letter * 5_000 for letter in "abcdefgh"]

    def write(content: str) -> None:
        try:
            for _ in range(100):
                write_atomically(path, content)
                assert path.read_text() in contents
        except (OSError, AssertionError) as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not errors and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"{", b"[" * 100_000, b"9" * 10_000, b"{'a': 1}"],
    ids=lambda content: content[:4].decode(errors="replace") or "empty",
)
def test_invalid_json_is_refused(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError):
        read_json(tmp_path / "a")


def test_three_error_codes_mean_a_full_disk():
    assert [is_disk_full(OSError(code, "")) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)] == [True] * 3
    assert not any(map(is_disk_full, [PermissionError(errno.EACCES, ""), OSError(), ValueError("disk full")]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_message_for_a_real_full_disk():
    with pytest.raises(OSError) as caught:
        Path("/dev/full").write_bytes(b"x")
    assert describe_exception(caught.value).kind == "disk full"
    assert "Free some space" in describe_exception(caught.value).advice


def test_message_for_a_real_memory_error():
    with pytest.raises(MemoryError) as caught:
        bytearray(1 << 62)
    error = describe_exception(caught.value)
    assert error.kind == "out of memory" and "smaller batch" in error.advice


def test_message_for_gpu_out_of_memory():
    class ResourceExhaustedError(Exception):
        """Has the name of TensorFlow's exception."""

    assert describe_exception(ResourceExhaustedError("OOM when allocating")).kind == "out of memory"
    assert describe_exception(RuntimeError("RESOURCE_EXHAUSTED: Out of memory")).kind == "out of memory"


def test_message_for_divergence():
    error = describe_exception(Diverged(step=1_200, learning_rate=0.5))
    assert error.kind == "diverged" and "step 1,200" in error.message and "0.5" in error.message
    assert "0.05 or lower" in error.advice


def test_messages_for_other_errors():
    assert describe_exception(ValueError("Expected a; received b.\nMore.")).message == "Expected a; received b."
    assert describe_exception(ValueError("x")).kind == "input"
    assert (
        describe_exception(ZeroDivisionError()).kind
        == describe_exception(ZeroDivisionError()).message
        == "ZeroDivisionError"
    )
    assert describe_exception(ZeroDivisionError()).advice == "The run's log has the details."
    assert len(first_line(RuntimeError("x" * 5_000))) == 300
    assert first_line(RuntimeError(" \n ")) == "RuntimeError"


def test_messages_for_workers_that_reported_no_error():
    killed = describe_exit(-9, "irrelevant")
    assert killed.kind == "killed by signal 9" and "smaller batch" in killed.advice
    crashed = describe_exit(3, "Traceback\nImportError: no module\n")
    assert crashed.kind == "crashed" and "exit code 3" in crashed.message
    assert crashed.message.endswith("ImportError: no module")
    assert describe_exit(None, "").message == "The worker ended unexpectedly."
    assert len(describe_exit(None, "x" * 100_000).message) < 2_000
