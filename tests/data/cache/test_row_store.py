"""A row store returns the row that was appended for an image, or none, never a wrong one."""

import hashlib
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.cache.row_store import Kind, RowStore

KIND = Kind("numbers", (3,), "float16", {"cut": "first"})


def image(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number: int) -> np.ndarray:
    return np.full(KIND.shape, number, KIND.dtype)


def append(row_store: RowStore, *numbers: int) -> None:
    row_store.append([image(n) for n in numbers], np.stack([row(n) for n in numbers]), float(len(numbers)))


def expect(row_store: RowStore, present: Sequence[int], absent: Sequence[int] = ()) -> None:
    rows, found, seconds = row_store.read([image(n) for n in (*present, *absent)])
    assert found.tolist() == [True] * len(present) + [False] * len(absent)
    for number, actual in zip(present, rows, strict=False):
        np.testing.assert_array_equal(actual, row(number))
    assert seconds == pytest.approx(len(present))


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), max_size=6), st.lists(st.integers(0, 30)))
def test_it_returns_exactly_the_rows_that_were_appended(tmp_path_factory, batches, requested):
    folder = tmp_path_factory.mktemp("store")
    writer, reader = RowStore(folder, KIND), RowStore(folder, KIND)  # as in two processes
    for numbers in batches:
        writer.append([image(n) for n in numbers], np.stack([row(n) for n in numbers]), 1.0)
    appended = {n for numbers in batches for n in numbers}
    for row_store in (writer, reader, RowStore(folder, KIND)):
        rows, found, _ = row_store.read([image(n) for n in requested])
        assert found.tolist() == [n in appended for n in requested]
        assert all((rows[i] == (row(n) if n in appended else 0)).all() for i, n in enumerate(requested))
    assert (folder / "rows.bin").stat().st_size == len(appended) * KIND.row_bytes, "no row is stored twice"


def test_kinds_that_differ_in_anything_have_different_names():
    others = [
        Kind("numbers", (4,), "float16", {"cut": "first"}),
        Kind("numbers", (3,), "float32", {"cut": "first"}),
        Kind("numbers", (3,), "float16", {"cut": "second"}),
        Kind("letters", (3,), "float16", {"cut": "first"}),
    ]
    assert len({KIND.name, *(other.name for other in others)}) == 5
    assert Kind("numbers", (3,), "float16", {"cut": "first"}).name == KIND.name


@pytest.mark.faults
def test_a_flipped_bit_loses_only_its_row_which_can_be_appended_again(tmp_path):
    append(RowStore(tmp_path, KIND), 1, 2, 3)
    content = bytearray((tmp_path / "rows.bin").read_bytes())
    content[KIND.row_bytes] ^= 1
    (tmp_path / "rows.bin").write_bytes(content)
    row_store = RowStore(tmp_path, KIND)
    expect(row_store, [1, 3], [2])
    append(row_store, 2)
    expect(row_store, [1, 2, 3])
    expect(RowStore(tmp_path, KIND), [1, 2, 3])


@pytest.mark.faults
@pytest.mark.parametrize("missing_bytes", [1, 17, 39])
def test_half_written_records_and_rows_are_ignored(tmp_path, missing_bytes):
    append(RowStore(tmp_path, KIND), 1, 2)
    records = (tmp_path / "records.bin").read_bytes()
    (tmp_path / "records.bin").write_bytes(records[: len(records) - missing_bytes])
    with (tmp_path / "rows.bin").open("ab") as file:
        file.write(b"xyz")
    row_store = RowStore(tmp_path, KIND)
    expect(row_store, [1], [2])
    append(row_store, 2, 3)
    expect(RowStore(tmp_path, KIND), [1, 2, 3])


@pytest.mark.faults
@pytest.mark.parametrize("about", ["", "{", "[]", '{"version": 0}', None])
def test_a_folder_of_another_kind_or_damaged_becomes_an_empty_store(tmp_path, about):
    append(RowStore(tmp_path, KIND), 1)
    if about is None:
        (tmp_path / "about.json").unlink()
    else:
        (tmp_path / "about.json").write_text(about)
    row_store = RowStore(tmp_path, KIND)
    expect(row_store, [], [1])
    append(row_store, 1)
    expect(RowStore(tmp_path, KIND), [1])


@pytest.mark.faults
def test_truncated_rows_are_not_found(tmp_path):
    append(RowStore(tmp_path, KIND), 1, 2)
    (tmp_path / "rows.bin").write_bytes((tmp_path / "rows.bin").read_bytes()[: KIND.row_bytes + 1])
    expect(RowStore(tmp_path, KIND), [1], [2])


APPEND_MANY = """
import sys
from pathlib import Path
from tests.data.cache.test_row_store import KIND, RowStore, append
row_store = RowStore(Path(sys.argv[1]), KIND)
for number in range(int(sys.argv[2]), 200, 2):
    append(row_store, number, number + 1)
"""


@pytest.mark.faults
def test_two_processes_may_write_at_the_same_time(tmp_path):
    command = [sys.executable, "-c", APPEND_MANY, str(tmp_path)]
    processes = [subprocess.Popen([*command, start], cwd=Path(__file__).parents[3]) for start in ("0", "1")]
    assert [process.wait() for process in processes] == [0, 0]
    row_store = RowStore(tmp_path, KIND)
    rows, found, _ = row_store.read([image(n) for n in range(201)])
    assert found.all() and all((rows[n] == row(n)).all() for n in range(201))
    assert (tmp_path / "rows.bin").stat().st_size == 201 * KIND.row_bytes
