"""Every Keras backend trains, is killed, resumes, evaluates, predicts and exports, and gives the same losses."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from core.experiment.runs.run import Run, State
from core.experiment.runs.run_store import RunStore
from core.machine.keras_backend import BACKENDS, BackendError, backend_name, expect_backend

PROJECT = Path(__file__).parents[1]


def expect_installed(backend: str) -> None:
    if find_spec(backend) is None:
        if os.environ.get("REQUIRE_BACKENDS"):
            pytest.fail(f"{backend} is not installed: pip install -r {BACKENDS[backend]}")
        pytest.skip(f"needs {BACKENDS[backend]}")


class Terminal:
    """The commands of a user who has set KERAS_BACKEND."""

    def __init__(self, backend: str, folder: Path, data: Path) -> None:
        self.runs, self.data = folder / "runs", data
        self.environment = os.environ | {"KERAS_BACKEND": backend, "TMPDIR": str(folder), "PYTHONPATH": str(PROJECT)}

    def start(self, *command: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=PROJECT,
            env=self.environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
        )

    def run(self, *command: str) -> str:
        process = self.start(*command)
        output, _ = process.communicate(timeout=280)
        assert process.returncode == 0, output[-4_000:]
        return output

    def train(self, *options: str) -> tuple[str, ...]:
        shared = "--data", str(self.data), "--weights", "sample", "--batch-size", "8", "--runs", str(self.runs)
        return ("transfer_learning.py", *shared, *options)


@pytest.mark.backends
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_killed_run_resumes_evaluates_predicts_and_is_exported(backend, tmp_path, tiny_folder):
    expect_installed(backend)
    terminal = Terminal(backend, tmp_path, tiny_folder)
    process = terminal.start(*terminal.train("--phase1-epochs", "1", "--phase2-epochs", "1", "--unfreeze", "11"))
    run = kill_in_phase_2(RunStore(terminal.runs), process)
    terminal.run("transfer_learning.py", "--resume", run.id, "--runs", str(terminal.runs))
    store = RunStore(terminal.runs)
    run, rows = store.get(run.id), store.metrics(run.id).epochs
    assert run.state is State.COMPLETED and run.status.backend == backend
    assert [(row["epoch"], row["phase"], row["unfreeze"]) for row in rows] == [(1, 1, 0), (2, 2, 11)]
    tested = list(csv.DictReader((store.path(run.id) / "predictions.csv").open()))
    files = [str(tiny_folder / row["path"]) for row in tested]
    terminal.run("predict.py", run.id, *files, "--runs", str(terminal.runs), "--csv", str(tmp_path / "p.csv"))
    assert [row["predicted"] for row in csv.DictReader((tmp_path / "p.csv").open())] == [r["predicted"] for r in tested]
    export = "from pathlib import Path; from core.learning.export.exporter import export_model as e; import sys; "
    agreement = terminal.run("-c", f"{export}print(e(Path(sys.argv[1]), 'onnx').agreement)", str(store.path(run.id)))
    assert agreement.split()[-1] == "1.0"


def kill_in_phase_2(store: RunStore, process: subprocess.Popen[str]) -> Run:
    """Kill the worker, then the terminal, in the second phase; return the run once it counts as ended."""
    while not any(row["phase"] == 1 for run in store.runs() for row in store.metrics(run.id).epochs):
        assert process.poll() is None, process.communicate()[0]
        time.sleep(0.1)
    (run,) = store.runs()
    os.kill(run.status.pid, signal.SIGKILL)
    process.communicate(timeout=60)  # the terminal records the end of its worker
    assert store.get(run.id).state is State.FAILED
    return run


@pytest.mark.backends
def test_the_losses_of_all_backends_are_equal(tmp_path, tiny_folder):
    """From the same weights without dropout; later epochs differ more, because rounding errors add up."""
    losses = {}
    for backend in BACKENDS:
        expect_installed(backend)
        terminal = Terminal(backend, tmp_path, tiny_folder)
        output = terminal.run(str(PROJECT / "tests" / "backend_losses.py"), str(tmp_path / "w.npz"), str(tiny_folder))
        losses[backend] = np.array(json.loads(output.splitlines()[-1]))
    for backend in BACKENDS:
        np.testing.assert_allclose(losses[backend][0], losses["tensorflow"][0], atol=1e-3, err_msg=backend)
        np.testing.assert_allclose(losses[backend], losses["tensorflow"], atol=0.05, err_msg=backend)


@pytest.mark.backends
@pytest.mark.parametrize("backend", [name for name in BACKENDS if name != "tensorflow"])
def test_litert_says_that_it_needs_tensorflow(backend, tmp_path):
    expect_installed(backend)
    code = """
from pathlib import Path
from core.learning.export.writers import WRITERS
for name in ("litert", "litert-float16", "litert-int8"):
    for write in WRITERS[name].values():
        try:
            write(None, None, Path("unused"))
        except ValueError as error:
            print(error)
"""
    lines = Terminal(backend, tmp_path, tmp_path).run("-c", code).splitlines()
    expected = f"LiteRT needs the Keras backend tensorflow, not {backend}: set KERAS_BACKEND=tensorflow"
    assert [line for line in lines if line.startswith("LiteRT")] == [expected] * 4


def test_a_backend_that_is_not_installed_is_refused_in_one_line(monkeypatch, tmp_path):
    monkeypatch.setenv("KERAS_BACKEND", "torch")
    monkeypatch.setattr("core.machine.keras_backend.find_spec", lambda name: None)
    with pytest.raises(
        BackendError, match=r"^Expected .* torch to be installed.* pip install -r requirements-torch\.txt"
    ):
        expect_backend()


def test_an_unknown_backend_is_refused_with_the_known_ones(tmp_path):
    terminal = Terminal("theano", tmp_path, tmp_path)
    process = terminal.start(*terminal.train())
    output, _ = process.communicate(timeout=120)
    assert process.returncode == 1 and "tensorflow, jax, torch; received 'theano'" in output
    assert "Traceback" not in output


def test_the_backend_of_keras_configuration_file_counts(monkeypatch, tmp_path):
    monkeypatch.delenv("KERAS_BACKEND", raising=False)
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    assert backend_name() == "tensorflow"
    (tmp_path / "keras.json").write_text('{"backend": "jax"}')
    assert backend_name() == "jax"
    (tmp_path / "keras.json").write_text("{")
    assert backend_name() == "tensorflow"
