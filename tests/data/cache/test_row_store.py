"""A row on a shelf is the row that was put there, or it is not there."""

import hashlib
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from core.data.cache.row_store import Kind, RowStore

KIND = Kind("numbers", (3,), "float16", {"cut": "here"})


def image(number: int) -> str:
    return hashlib.sha256(str(number).encode()).hexdigest()


def row(number: int) -> np.ndarray:
    return np.full(KIND.shape, number, KIND.dtype)


def put(row_store: RowStore, *numbers: int) -> None:
    row_store.append([image(n) for n in numbers], np.stack([row(n) for n in numbers]), float(len(numbers)))


def expect(row_store: RowStore, here: list[int], gone: list[int] = ()) -> None:
    rows, found, seconds = row_store.read([image(n) for n in (*here, *gone)])
    assert found.tolist() == [True] * len(here) + [False] * len(gone)
    for number, one in zip(here, rows, strict=False):
        np.testing.assert_array_equal(one, row(number))
    assert seconds == pytest.approx(len(here))


@given(st.lists(st.lists(st.integers(0, 30), min_size=1, max_size=8), max_size=6), st.lists(st.integers(0, 30)))
def test_it_gives_what_was_put_and_nothing_else(tmp_path_factory, puts, asked):
    folder = tmp_path_factory.mktemp("shelf")
    row_store, reader = RowStore(folder, KIND), RowStore(folder, KIND)  # as two processes would have it
    for numbers in puts:
        row_store.append([image(n) for n in numbers], np.stack([row(n) for n in numbers]), 1.0)
    known = {n for numbers in puts for n in numbers}
    for one in (row_store, reader, RowStore(folder, KIND)):
        rows, here, _ = one.read([image(n) for n in asked])
        assert here.tolist() == [n in known for n in asked]
        assert all((rows[i] == (row(n) if n in known else 0)).all() for i, n in enumerate(asked))
    assert (folder / "rows.bin").stat().st_size == len(known) * KIND.row_bytes, "no row is kept twice"


def test_kinds_that_differ_in_anything_are_other_shelves():
    others = [
        Kind("numbers", (4,), "float16", {"cut": "here"}),
        Kind("numbers", (3,), "float32", {"cut": "here"}),
        Kind("numbers", (3,), "float16", {"cut": "there"}),
        Kind("letters", (3,), "float16", {"cut": "here"}),
    ]
    assert len({KIND.name, *(other.name for other in others)}) == 5
    assert Kind("numbers", (3,), "float16", {"cut": "here"}).name == KIND.name


@pytest.mark.faults
def test_a_flipped_bit_costs_its_row_alone_and_it_is_put_anew(tmp_path):
    put(RowStore(tmp_path, KIND), 1, 2, 3)
    content = bytearray((tmp_path / "rows.bin").read_bytes())
    content[KIND.row_bytes] ^= 1
    (tmp_path / "rows.bin").write_bytes(content)
    row_store = RowStore(tmp_path, KIND)
    expect(row_store, [1, 3], [2])
    put(row_store, 2)
    expect(row_store, [1, 2, 3])
    expect(RowStore(tmp_path, KIND), [1, 2, 3])


@pytest.mark.faults
@pytest.mark.parametrize("torn", [1, 17, 39])
def test_what_a_kill_left_half_written_does_not_count(tmp_path, torn):
    put(RowStore(tmp_path, KIND), 1, 2)
    records = (tmp_path / "records.bin").read_bytes()
    (tmp_path / "records.bin").write_bytes(records[: len(records) - torn])
    with (tmp_path / "rows.bin").open("ab") as file:
        file.write(b"xyz")
    row_store = RowStore(tmp_path, KIND)
    expect(row_store, [1], [2])
    put(row_store, 2, 3)
    expect(RowStore(tmp_path, KIND), [1, 2, 3])


@pytest.mark.faults
@pytest.mark.parametrize("about", ["", "{", "[]", '{"version": 0}', None])
def test_a_folder_that_is_foreign_or_damaged_is_begun_anew(tmp_path, about):
    put(RowStore(tmp_path, KIND), 1)
    if about is None:
        (tmp_path / "about.json").unlink()
    else:
        (tmp_path / "about.json").write_text(about)
    row_store = RowStore(tmp_path, KIND)
    expect(row_store, [], [1])
    put(row_store, 1)
    expect(RowStore(tmp_path, KIND), [1])


@pytest.mark.faults
def test_rows_that_were_cut_off_are_gone(tmp_path):
    put(RowStore(tmp_path, KIND), 1, 2)
    (tmp_path / "rows.bin").write_bytes((tmp_path / "rows.bin").read_bytes()[: KIND.row_bytes + 1])
    expect(RowStore(tmp_path, KIND), [1], [2])


PUT_MANY = """
import sys
from pathlib import Path
from tests.data.cache.test_row_store import KIND, RowStore, put
shelf = RowStore(Path(sys.argv[1]), KIND)
for number in range(int(sys.argv[2]), 200, 2):
    put(shelf, number, number + 1)
"""


@pytest.mark.faults
def test_two_processes_may_write_at_once(tmp_path):
    command = [sys.executable, "-c", PUT_MANY, str(tmp_path)]
    both = [subprocess.Popen([*command, start], cwd=Path(__file__).parents[3]) for start in ("0", "1")]
    assert [process.wait() for process in both] == [0, 0]
    row_store = RowStore(tmp_path, KIND)
    rows, here, _ = row_store.read([image(n) for n in range(201)])
    assert here.all() and all((rows[n] == row(n)).all() for n in range(201))
    assert (tmp_path / "rows.bin").stat().st_size == 201 * KIND.row_bytes
