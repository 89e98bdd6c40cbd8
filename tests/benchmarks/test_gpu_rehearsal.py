"""The comparison on a GPU runs on a few drawn images, and says what it is not."""

import json
import os
import subprocess
import sys
from importlib.util import find_spec

import numpy as np
import pytest

from core.machine.processes import PROJECT


@pytest.mark.backends
def test_a_rehearsal_measures_torch_and_claims_nothing_about_a_gpu(tmp_path):
    if find_spec("torch") is None:
        pytest.skip("needs requirements-torch.txt")
    out = tmp_path / "results.jsonl"
    command = ["benchmarks/gpu.py", "--rehearse", "--backends", "torch", "--parts", "losses", "--out", str(out)]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    process = subprocess.run(
        [sys.executable, *command], cwd=PROJECT, env=environment, capture_output=True, text=True, timeout=280
    )
    assert process.returncode == 0, process.stderr[-2_000:]
    assert "a rehearsal on the CPU" in process.stdout and "failed" not in process.stdout
    results = [json.loads(line) for line in out.read_text().splitlines()]
    assert [result["part"] for result in results] == ["losses", "losses"]
    assert all(result["rehearsal"] and result["device"] == "CPU" for result in results)
    on_cpu, measured = (result["losses"] for result in results)
    assert len(measured) == 3 and np.allclose(measured, on_cpu, rtol=1e-3)
