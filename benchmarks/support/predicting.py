"""What an answer of a trained model costs: at 224 px and alpha 1.0, through the assistant, as the Predict page asks."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.support.common import PROJECT, Figure, seconds
from core.analysis.text import gigabytes
from core.execution.keras_service.client import KerasService

SIZE, CLASSES, MANY = 224, 10, 32
_MAKE = """
import sys
from core.learning.network.model import build_transfer_model
for seed, path in enumerate(sys.argv[1:]):
    build_transfer_model({classes}, {size}, 1.0, "random", seed=seed).save(path)
"""


def predicting(room: Path, quick: bool) -> Iterator[Figure]:
    """The first answer, one image and many with the model loaded, and the wait while somebody else's model loads."""
    models = _make_models(room, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (MANY, SIZE, SIZE, 3), np.uint8)
    repeats = 5 if quick else 50
    keras_service = KerasService()
    try:
        first = _timed(lambda: keras_service.predict(models[0], pixels[:1]))
        yield Figure("First answer: Keras imported, model loaded", seconds(first))
        one = median(_timed(lambda: keras_service.predict(models[0], pixels[:1])) for _ in range(repeats))
        yield Figure("One image, model loaded, heat maps of all classes", seconds(one), "under 210 ms")
        many = median(_timed(lambda: keras_service.predict(models[0], pixels)) for _ in range(max(3, repeats // 5)))
        yield Figure(f"{MANY} images at once, model loaded", f"{MANY / many:.0f} images/s", "80 images/s")
        yield from _while_another_loads(keras_service, models, pixels[:1])
        keras_service.predict(models[2], pixels)
        memory = psutil.Process(keras_service.pid).memory_info().rss
        yield Figure("Memory of the assistant, three models", gigabytes(memory), "under 1.5 GB")
    finally:
        keras_service.close()


def _while_another_loads(keras_service: KerasService, models: list[Path], pixels: np.ndarray) -> Iterator[Figure]:
    """One visitor asks for a model that is not loaded, another goes on asking for one that is."""
    waits = []
    with ThreadPoolExecutor() as pool:
        began = time.perf_counter()
        loading = pool.submit(keras_service.predict, models[1], pixels)
        while not loading.done():
            waits.append(_timed(lambda: keras_service.predict(models[0], pixels)))
        loaded = time.perf_counter() - began
    yield Figure("First answer of a second model", seconds(loaded))
    yield Figure("One image for another visitor meanwhile, median", seconds(median(waits)), "no waiting for it")
    yield Figure("One image for another visitor meanwhile, longest", seconds(max(waits)))


def _make_models(room: Path, number: int) -> list[Path]:
    """Models made in a process of their own: Keras in this one would slow what is measured."""
    paths = [room / f"model-{i}.keras" for i in range(number)]
    subprocess.run(
        [sys.executable, "-c", _MAKE.format(classes=CLASSES, size=SIZE), *paths],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    return paths


def _timed(ask: Callable[[], object]) -> float:
    began = time.perf_counter()
    ask()
    return time.perf_counter() - began
