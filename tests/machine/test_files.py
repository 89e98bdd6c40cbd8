"""Files are replaced whole or not at all, and errors are told in words."""

import errno
import threading
from pathlib import Path

import pytest

from core.experiment.runs.errors import Diverged, ended, explain, first_line
from core.machine.files import is_disk_full, read_json, whole, write_whole

pytestmark = pytest.mark.faults


@pytest.mark.parametrize("durable", [False, True])
def test_content_is_replaced(tmp_path, durable):
    for content in ("old", "né\n", b"\x00\xff"):
        write_whole(tmp_path / "a", content, durable)
        assert (tmp_path / "a").read_bytes() == (content.encode() if isinstance(content, str) else content)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from core.machine.files import is_disk_full, write_whole
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    write_whole(Path(sys.argv[1]), "x" * 10_000)
except OSError as error:
    print(is_disk_full(error))
"""


def test_full_disk_keeps_the_old_content(tmp_path, output_of):
    path = tmp_path / "status.json"
    write_whole(path, "old")
    assert output_of(FILL_THE_DISK, path) == "True"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path], "nothing temporary is left"


def test_a_draft_takes_its_place_when_its_block_ends_well(tmp_path):
    path = tmp_path / "model.keras"
    with whole(path) as draft:
        draft.write_text("new")
        assert draft.suffix == ".keras" and not path.exists()
    assert path.read_text() == "new" and [*tmp_path.iterdir()] == [path]


def test_a_draft_whose_block_fails_leaves_the_old_content(tmp_path):
    path = tmp_path / "model.keras"
    path.write_text("old")
    (tmp_path / ".draft-model.keras").write_text("left by a killed writer")
    with pytest.raises(ValueError, match="half way"), whole(path) as draft:
        draft.write_text("ne")
        raise ValueError("half way")
    assert path.read_text() == "old" and [*tmp_path.iterdir()] == [path]


def test_missing_folder_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError):
        write_whole(tmp_path / "gone" / "a", "x")


def test_threads_that_write_the_same_file_do_not_meet(tmp_path):
    path, troubles = tmp_path / "a", []
    contents = [letter * 5_000 for letter in "abcdefgh"]

    def write(content: str) -> None:
        try:
            for _ in range(100):
                write_whole(path, content)
                assert path.read_text() in contents
        except (OSError, AssertionError) as error:
            troubles.append(error)

    threads = [threading.Thread(target=write, args=(content,)) for content in contents]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not troubles and list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    "content",
    [b"", b"\xff", b"{", b"[" * 100_000, b"9" * 10_000, b"{'a': 1}"],
    ids=lambda content: content[:4].decode(errors="replace") or "empty",
)
def test_json_that_cannot_be_read(tmp_path, content):
    (tmp_path / "a").write_bytes(content)
    with pytest.raises(ValueError):
        read_json(tmp_path / "a")


def test_full_disks_have_three_names():
    assert [is_disk_full(OSError(code, "")) for code in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)] == [True] * 3
    assert not any(map(is_disk_full, [PermissionError(errno.EACCES, ""), OSError(), ValueError("disk full")]))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full here")
def test_real_full_disk_in_words():
    with pytest.raises(OSError) as caught:
        Path("/dev/full").write_bytes(b"x")
    assert explain(caught.value).kind == "disk full"
    assert "Free some space" in explain(caught.value).advice


def test_real_memory_error_in_words():
    with pytest.raises(MemoryError) as caught:
        bytearray(1 << 62)
    told = explain(caught.value)
    assert told.kind == "out of memory" and "smaller batch" in told.advice


def test_gpu_out_of_memory_in_words():
    class ResourceExhaustedError(Exception):
        """As TensorFlow names it."""

    assert explain(ResourceExhaustedError("OOM when allocating")).kind == "out of memory"
    assert explain(RuntimeError("RESOURCE_EXHAUSTED: Out of memory")).kind == "out of memory"


def test_divergence_in_words():
    told = explain(Diverged(step=1_200, learning_rate=0.5))
    assert told.kind == "diverged" and "step 1,200" in told.message and "0.5" in told.message
    assert "0.05 or lower" in told.advice


def test_other_errors_in_words():
    assert explain(ValueError("Expected a; received b.\nMore.")).message == "Expected a; received b."
    assert explain(ValueError("x")).kind == "input"
    assert explain(ZeroDivisionError()).kind == explain(ZeroDivisionError()).message == "ZeroDivisionError"
    assert explain(ZeroDivisionError()).advice == "The run's log has the details."
    assert len(first_line(RuntimeError("x" * 5_000))) == 300
    assert first_line(RuntimeError(" \n ")) == "RuntimeError"


def test_workers_that_ended_without_a_word():
    killed = ended(-9, "irrelevant")
    assert killed.kind == "killed by signal 9" and "smaller batch" in killed.advice
    crashed = ended(3, "Traceback\nImportError: no module\n")
    assert crashed.kind == "crashed" and "exit code 3" in crashed.message
    assert crashed.message.endswith("ImportError: no module")
    assert ended(None, "").message == "The worker ended unexpectedly."
    assert len(ended(None, "x" * 100_000).message) < 2_000
