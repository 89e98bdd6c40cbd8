"""Read metrics.jsonl while it grows, has incomplete lines, continues after a resume, or is deleted."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.experiment.runs.metrics import MAX_STEPS, Metrics, MetricsReader, MetricsWriter

pytestmark = pytest.mark.faults


def epoch(number: int, accuracy: float = 0.5, loss: float = 1.0, phase: int = 1) -> dict:
    return {
        "kind": "epoch",
        "epoch": number,
        "phase": phase,
        "loss": 1.0,
        "accuracy": 0.5,
        "val_loss": loss,
        "val_accuracy": accuracy,
    }


def step(number: int, epoch: int = 1) -> dict:
    return {"kind": "step", "step": number, "epoch": epoch, "loss": 1.0, "accuracy": 0.5}


def line(row: dict) -> bytes:
    return json.dumps(row).encode() + b"\n"


def append(path: Path, content: bytes) -> None:
    with path.open("ab") as file:
        file.write(content)


def write(path: Path, *rows: dict) -> None:
    writer = MetricsWriter(path)
    for row in rows:
        writer.append(row)
    writer.close()


def numbers(metrics: Metrics) -> list[int]:
    return [row["epoch"] for row in metrics.epochs]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "metrics.jsonl"


def test_rows_are_read_as_written(path):
    rows = [step(0), epoch(1, accuracy=0.1), step(1, 2), epoch(2, loss=1e-30)]
    write(path, *rows)
    metrics = MetricsReader(path).read()
    assert metrics == Metrics((rows[1], rows[3]), (rows[0], rows[2]), 0)


def test_a_missing_file_has_no_rows(path):
    assert MetricsReader(path).read() == Metrics()


def test_an_incomplete_last_line_is_read_once_it_is_complete(path):
    second = line(epoch(2))
    append(path, line(epoch(1)) + second[:20])
    reader = MetricsReader(path)
    assert reader.read() == Metrics((epoch(1),))
    append(path, second[20:-1])
    assert numbers(reader.read()) == [1]
    append(path, b"\n")
    assert reader.read() == Metrics((epoch(1), epoch(2)))


@pytest.mark.parametrize(
    "damage",
    [
        line(epoch(9))[:30],
        b"\xff\xfe\x00",
        b"null",
        b"7",
        b"[]",
        b"{}",
        b'{"kind": []}',
        b'{"kind": "other"}',
        b'{"kind": "resume"}',
        b'{"kind": "resume", "epoch": "one"}',
        b"[" * 100_000,
        b"9" * 10_000,
        line(step(1) | {"loss": None})[:-1],
    ],
    ids=lambda damage: damage[:12].decode(errors="replace"),
)
def test_a_damaged_line_is_skipped_and_counted(path, damage):
    append(path, line(epoch(1)) + damage + b"\n" + line(epoch(2)))
    metrics = MetricsReader(path).read()
    assert numbers(metrics) == [1, 2] and metrics.skipped == 1


def test_the_writer_continues_after_an_incomplete_line(path):
    write(path, epoch(1), epoch(2))
    path.write_bytes(path.read_bytes()[:-7])
    reader = MetricsReader(path)
    assert numbers(reader.read()) == [1]
    write(path, epoch(2), epoch(3))
    metrics = reader.read()
    assert numbers(metrics) == [1, 2, 3] and metrics.skipped == 1


def test_a_line_that_lacks_only_its_line_end_is_read(path):
    append(path, line(epoch(1))[:-1])
    write(path, epoch(2))
    assert MetricsReader(path).read() == Metrics((epoch(1), epoch(2)))


FILL_THE_DISK = """
import resource, sys
from pathlib import Path
from core.machine.files import is_disk_full
from core.experiment.runs.metrics import MetricsWriter
writer = MetricsWriter(Path(sys.argv[1]))
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, 1_000))
try:
    for number in range(1_000):
        writer.append({"kind": "step", "step": number, "epoch": 1, "loss": 1.0, "accuracy": 0.5})
except OSError as error:
    print(number, is_disk_full(error))
"""


def test_a_full_disk_is_an_error_and_loses_no_complete_row(path, output_of):
    number, full = output_of(FILL_THE_DISK, path).split()
    assert full == "True" and path.stat().st_size == 1_000
    assert [row["step"] for row in MetricsReader(path).read().steps] == list(range(int(number)))
    write(path, step(99))
    metrics = MetricsReader(path).read()
    assert metrics.steps[-1] == step(99) and metrics.skipped == 1


def test_a_row_with_nan_is_not_written(path):
    with pytest.raises(ValueError):
        write(path, epoch(1, loss=float("nan")))
    assert path.read_bytes() == b""


def test_a_resume_replaces_later_rows(path):
    write(path, epoch(1), step(0, 2), epoch(2), step(1, 3), epoch(3), {"kind": "resume", "epoch": 1}, step(2, 2))
    reader = MetricsReader(path)
    assert reader.read() == Metrics((epoch(1),), (step(2, 2),))
    write(path, epoch(2, accuracy=0.9))
    assert reader.read().epochs == (epoch(1), epoch(2, accuracy=0.9))


def test_best_epoch_and_phase_starts(path):
    assert Metrics().best is None and Metrics().phase_start_epochs == ()
    write(
        path,
        epoch(1, 0.7, 0.9),
        epoch(2, 0.8, 0.9),
        epoch(3, 0.8, 0.5, phase=2),
        epoch(4, 0.8, 0.5, phase=2),
        epoch(5, 0.6, 0.1, phase=3),
    )
    metrics = MetricsReader(path).read()
    assert metrics.best == epoch(3, 0.8, 0.5, phase=2), "highest accuracy, then lowest loss, then the first"
    assert metrics.phase_start_epochs == (3, 5)


def test_a_shortened_file_is_read_from_the_start(path):
    write(path, epoch(1), epoch(2), epoch(3))
    append(path, b"damage\n")
    reader = MetricsReader(path)
    assert numbers(reader.read()) == [1, 2, 3]
    path.write_bytes(line(epoch(7)))
    assert reader.read() == Metrics((epoch(7),))


def test_a_deleted_file_has_no_rows_until_it_exists_again(path):
    write(path, epoch(1), epoch(2))
    reader = MetricsReader(path)
    assert numbers(reader.read()) == [1, 2]
    path.unlink()
    assert reader.read() == Metrics()
    write(path, epoch(5))
    assert numbers(reader.read()) == [5]


small = st.integers(0, 5)
lines = st.one_of(
    st.builds(epoch, small, st.floats(0, 1), st.floats(0, 9), small).map(line),
    st.builds(step, small, small).map(line),
    st.builds(lambda number: line({"kind": "resume", "epoch": number}), small),
    st.binary(max_size=30),
    st.just(b"\n"),
    st.just(line(epoch(1))[:25]),
)


@given(st.lists(lines, max_size=12).map(b"".join), st.data())
def test_reading_in_chunks_equals_reading_at_once(tmp_path_factory, content, data):
    path = tmp_path_factory.mktemp("chunks") / "metrics.jsonl"
    offsets = sorted(data.draw(st.lists(st.integers(0, len(content)), max_size=6)))
    reader = MetricsReader(path)
    for start, end in zip([0, *offsets], [*offsets, len(content)], strict=True):
        append(path, content[start:end])
        reader.read()
    assert reader.read() == MetricsReader(path).read()


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 1)), min_size=1, max_size=3 * MAX_STEPS))
@settings(max_examples=5)
def test_steps_of_long_runs_are_thinned_and_keep_their_extremes(tmp_path_factory, values):
    path = tmp_path_factory.mktemp("long") / "metrics.jsonl"
    values = values * (2 * MAX_STEPS // len(values) + 1)
    path.write_bytes(
        b"".join(
            line(step(number) | {"loss": loss, "accuracy": accuracy}) for number, (loss, accuracy) in enumerate(values)
        )
    )
    kept = MetricsReader(path).read().steps
    assert len(kept) <= MAX_STEPS and [row["step"] for row in kept] == sorted({row["step"] for row in kept})
    for measure, column in (("loss", 0), ("accuracy", 1)):
        thinned, original = [row[measure] for row in kept], [value[column] for value in values]
        assert (min(thinned), max(thinned)) == (min(original), max(original))
    assert kept[-1]["step"] == len(values) - 1, "the newest row is kept, since it shows the progress"
