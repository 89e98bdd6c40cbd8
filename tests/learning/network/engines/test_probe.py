"""The probe takes the fastest engine that computes the same, remembers it, and survives engines that fail."""

import logging
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.learning.network.engines.engine import Engine, OpenedGraph
from core.learning.network.engines.probe import find_fastest
from core.learning.network.engines.probe_store import ProbeStore

GRAPH, SIZE = b"a graph", 4
PIXELS = np.random.default_rng(0).integers(0, 256, (5, SIZE, SIZE, 3), np.uint8)


def mean(pixels: np.ndarray) -> list[np.ndarray]:
    return [pixels.mean(axis=(1, 2), dtype=np.float32)]


class Recorder:
    """Makes engines of NumPy functions and counts how often each is opened and computes."""

    def __init__(self) -> None:
        self.opened: dict[str, int] = {}
        self.computed: dict[str, int] = {}

    def engine(
        self,
        name: str,
        compute: Callable[[np.ndarray], list[np.ndarray]] = mean,
        seconds: float = 0.0,
        batch_sizes: tuple[int, ...] = (4,),
    ) -> Engine:
        def run(pixels: np.ndarray, batch_size: int) -> list[np.ndarray]:
            self.computed[name] = self.computed.get(name, 0) + 1
            time.sleep(seconds)
            return compute(pixels)

        def open_graph(graph: bytes) -> OpenedGraph:
            self.opened[name] = self.opened.get(name, 0) + 1
            return run

        return Engine(name, "numpy", batch_sizes, open_graph)


@pytest.fixture
def recorder() -> Recorder:
    return Recorder()


@pytest.fixture
def store(tmp_path: Path) -> ProbeStore:
    return ProbeStore(tmp_path, "a processor")


def find(store: ProbeStore, *engines: Engine, graph: bytes = GRAPH):
    return find_fastest(graph, SIZE, engines[0].open(graph), store, engines)


def used(recorder: Recorder, part) -> str:
    """Name of the engine that a function uses."""
    before = dict(recorder.computed)
    np.testing.assert_array_equal(part(PIXELS)[0], mean(PIXELS)[0])
    return next(name for name, count in recorder.computed.items() if count != before.get(name, 0))


def raise_error(*arguments: object) -> list[np.ndarray]:
    raise RuntimeError("no such instruction")


def test_the_fastest_engine_is_used_and_remembered(recorder, store):
    slow, fast = recorder.engine("slow", seconds=0.1), recorder.engine("fast")
    assert used(recorder, find(store, slow, fast)) == "fast"
    opened, computed = dict(recorder.opened), dict(recorder.computed)
    part = find(store, slow, fast)
    assert recorder.opened == {"slow": opened["slow"] + 1, "fast": opened["fast"] + 1}
    assert recorder.computed == computed and used(recorder, part) == "fast"


def test_the_first_engine_stays_if_it_is_fastest(recorder, store):
    first, other = recorder.engine("first"), recorder.engine("other", seconds=0.1)
    find(store, first, other)
    opened = dict(recorder.opened)
    assert used(recorder, find(store, first, other)) == "first"
    assert recorder.opened["other"] == opened["other"], "an engine that is not used is not opened again"


def test_the_best_batch_size_is_used(store):
    def run(pixels: np.ndarray, batch_size: int) -> list[np.ndarray]:
        time.sleep(0.1 if batch_size == 8 else 0.0)
        return [*mean(pixels), np.full(len(pixels), batch_size)] if len(pixels) == 1 else mean(pixels)

    part = find(store, Engine("only", "numpy", (8, 4), lambda graph: run))
    assert part(PIXELS[:1])[1][0] == 4


@pytest.mark.parametrize(
    "compute",
    [
        raise_error,
        lambda pixels: [mean(pixels)[0] * np.float32(1.001)],
        lambda pixels: [mean(pixels)[0] * np.nan],
        lambda pixels: [mean(pixels)[0][:-1]],
        lambda pixels: mean(pixels) * 2,
    ],
    ids=["raises", "unequal", "not a number", "too few", "too many"],
)
def test_an_engine_that_fails_or_computes_something_else_is_not_used(recorder, store, caplog, compute):
    first, bad = recorder.engine("first", seconds=0.1), recorder.engine("bad", compute)
    assert used(recorder, find(store, first, bad)) == "first"
    assert len([line for line in caplog.messages if "bad is not used" in line]) == 1
    assert used(recorder, find(store, first, bad)) == "first" and recorder.opened["bad"] == 1, "this is remembered"


def test_an_engine_that_does_not_open_is_not_used(recorder, store, caplog):
    bad = Engine("bad", "numpy", (4,), raise_error)
    assert used(recorder, find(store, recorder.engine("first"), bad)) == "first"
    assert "bad is not used: no such instruction" in caplog.messages


def test_a_kept_engine_that_no_longer_opens_is_replaced_by_the_first(recorder, store, caplog):
    first = recorder.engine("first", seconds=0.1)
    find(store, first, recorder.engine("second"))
    broken = Engine("second", "numpy", (4,), raise_error)
    assert used(recorder, find(store, first, broken)) == "first"
    assert "first computes the frozen layers: no such instruction" in caplog.messages


def test_an_engine_that_is_not_installed_is_not_tried(recorder, store):
    missing = Engine("missing", "no_such_package", (4,), raise_error)
    assert used(recorder, find(store, recorder.engine("first"), missing)) == "first"
    assert not list(store._folder.glob("*.marker"))


def test_an_engine_that_ended_the_process_is_never_tried_again(recorder, store, tmp_path, caplog):
    """A real process dies in the probe, as by an illegal instruction."""
    code = (
        "import os, sys, pathlib; sys.path.insert(0, 'tests/learning/network/engines');"
        "from test_probe import *;"
        "bad = Engine('bad', 'numpy', (4,), lambda graph: os.kill(os.getpid(), 4));"
        "find(ProbeStore(pathlib.Path(sys.argv[1]), 'a processor'), Recorder().engine('first'), bad)"
    )
    environment = {"PYTHONPATH": ".", "TF_CPP_MIN_LOG_LEVEL": "3"}
    assert subprocess.run([sys.executable, "-c", code, tmp_path], env=environment).returncode == -4
    first, bad = recorder.engine("first", seconds=0.1), recorder.engine("bad")
    for graph in (GRAPH, b"another graph"):
        assert used(recorder, find(store, first, bad, graph=graph)) == "first"
    assert "bad" not in recorder.opened
    assert any("the process ended when it was tried" in line for line in caplog.messages)
    assert used(recorder, find(ProbeStore(tmp_path, "another processor"), first, bad)) == "bad"


def test_another_processor_or_graph_or_damaged_result_is_probed_again(recorder, store, tmp_path):
    first, second = recorder.engine("first"), recorder.engine("second", seconds=0.1)
    find(store, first, second)
    for again in (
        lambda: find(ProbeStore(tmp_path, "another processor"), first, second),
        lambda: find(store, first, second, graph=b"another graph"),
        lambda: (
            [path.write_text('{"engine": "unknown"}') for path in tmp_path.glob("result-*")]
            and find(store, first, second)
        ),
        lambda: [path.write_text("{") for path in tmp_path.glob("result-*")] and find(store, first, second),
    ):
        opened = recorder.opened["second"]
        again()
        assert recorder.opened["second"] == opened + 1


def test_without_a_writable_folder_the_first_engine_is_used(recorder, tmp_path, caplog):
    (tmp_path / "file").write_text("")
    store = ProbeStore(tmp_path / "file" / "folder", "a processor")
    with caplog.at_level(logging.WARNING):
        part = find(store, recorder.engine("first"), recorder.engine("second"))
    assert used(recorder, part) == "first" and len(caplog.messages) == 1
