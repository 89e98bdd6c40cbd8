"""The assistant: a real process with Keras in it, beside the one that asks."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import numpy as np
import psutil
import pytest
from harness import wait_for

from core.data.datasets.split import split
from core.execution.keras_service.client import KerasService, KerasServiceError
from core.machine.processes import PROJECT

SIZE = 96
PIXELS = np.random.default_rng(0).integers(0, 256, (3, SIZE, SIZE, 3), np.uint8)


@pytest.fixture(scope="module")
def keras_service() -> Iterator[KerasService]:
    keras_service = KerasService()
    yield keras_service
    keras_service.close()


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> list[Path]:
    from core.learning.network.model import build_transfer_model

    paths = [tmp_path_factory.mktemp("models") / f"{classes}.keras" for classes in (2, 3)]
    for classes, path in enumerate(paths, start=2):
        build_transfer_model(classes, SIZE, 0.35, "random").save(path)
    return paths


def test_it_answers_for_several_models_and_threads(keras_service, models):
    assert keras_service.pid is None, "nothing starts before the first question"
    with ThreadPoolExecutor(8) as pool:
        said = list(pool.map(lambda number: keras_service.predict(models[number % 2], PIXELS).probabilities, range(16)))
    assert [answer.shape for answer in said] == [(3, 2), (3, 3)] * 8
    assert all((answer == said[number % 2]).all() for number, answer in enumerate(said))
    assert len({answer.dtype for answer in said} | {np.dtype(np.float32)}) == 1


def test_it_sees_no_gpu_and_asks_nobody_for_a_port(keras_service, models):
    keras_service.predict(models[0], PIXELS)
    process = psutil.Process(keras_service.pid)
    assert process.environ()["CUDA_VISIBLE_DEVICES"] == "-1"
    assert process.net_connections() == [] and os.getsid(keras_service.pid) != os.getsid(0)


def test_it_finds_a_rate_and_says_in_a_line_why_it_cannot(keras_service, tiny_config, tiny_dataset):
    manifest = split(tiny_dataset).to_csv()
    points = keras_service.find_rate(tiny_config, manifest, 1)
    assert len(points) > 20 and all(low[0] < high[0] for low, high in pairwise(points))
    with pytest.raises(KerasServiceError, match="Expected phase") as caught:
        keras_service.find_rate(tiny_config, manifest, 3)
    assert "\n" not in str(caught.value)


@pytest.mark.faults
def test_what_it_cannot_do_is_one_line_with_advice(keras_service, models, tmp_path):
    (tmp_path / "bad.keras").write_text("no model")
    for path, said in ((tmp_path / "gone.keras", "it is gone. Choose"), (tmp_path / "bad.keras", "Train it again")):
        with pytest.raises(KerasServiceError, match=said) as caught:
            keras_service.predict(path, PIXELS)
        assert "\n" not in str(caught.value)
    with pytest.raises(KerasServiceError, match="Expected images as"):
        keras_service.predict(models[0], PIXELS[:, :50])
    keras_service.preload(tmp_path / "gone.keras")
    assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2), "and it goes on answering"


@pytest.mark.slow
@pytest.mark.faults
def test_a_killed_assistant_is_started_again(keras_service, models):
    before = keras_service.predict(models[0], PIXELS).probabilities
    old = keras_service.pid
    os.kill(old, signal.SIGKILL)
    assert (keras_service.predict(models[0], PIXELS).probabilities == before).all() and keras_service.pid not in (
        old,
        None,
    )


@pytest.mark.faults
def test_one_killed_over_a_question_is_asked_once_more_in_a_new_process(keras_service, models):
    keras_service.predict(models[0], PIXELS)
    os.kill(keras_service.pid, signal.SIGSTOP)  # so that the question is surely open
    threading.Timer(0.3, os.kill, (keras_service.pid, signal.SIGKILL)).start()
    assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2)


@pytest.mark.faults
def test_one_that_hangs_or_never_comes_up_is_an_error_and_no_endless_wait(models, monkeypatch):
    hanging = KerasService(patience=0.2)  # Keras takes longer than that to import
    with pytest.raises(KerasServiceError, match="its process ended twice"):
        hanging.predict(models[0], PIXELS)
    hanging.close()
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with pytest.raises(KerasServiceError, match="Expected to start the assistant"):
        KerasService().predict(models[0], PIXELS)


def test_who_asks_a_loaded_model_does_not_wait_for_one_that_loads(keras_service, models, tmp_path):
    """The other model is a pipe: it loads for as long as nobody writes into it."""
    keras_service.predict(models[0], PIXELS)
    slow = tmp_path / "slow.keras"
    os.mkfifo(slow)
    with ThreadPoolExecutor() as pool:
        loading = pool.submit(keras_service.predict, slow, PIXELS)
        began = time.monotonic()
        assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2)
        assert time.monotonic() - began < 3 and not loading.done()
        slow.open("wb").close()
        with pytest.raises(KerasServiceError):
            loading.result(30)


def test_it_gives_its_memory_back_when_nobody_asks(models):
    keras_service = KerasService(idle_seconds=0.5)
    assert keras_service.predict(models[0], PIXELS).probabilities.shape == (3, 2)
    process = psutil.Process(keras_service.pid)
    wait_for(lambda: not process.is_running() and keras_service.pid is None)


ASK_AND_SLEEP = """
import sys, time
from pathlib import Path
from core.execution.keras_service.client import KerasService
assistant = KerasService()
assistant.preload(Path(sys.argv[1]))
print(assistant.pid, flush=True)
time.sleep(60)
"""


@pytest.mark.faults
def test_it_ends_when_the_one_who_asks_is_killed(models):
    asker = subprocess.Popen([sys.executable, "-c", ASK_AND_SLEEP, models[0]], cwd=PROJECT, stdout=subprocess.PIPE)
    process = psutil.Process(int(asker.stdout.readline()))
    asker.kill()
    asker.wait()
    asker.stdout.close()
    wait_for(lambda: not process.is_running() or process.status() == psutil.STATUS_ZOMBIE)
