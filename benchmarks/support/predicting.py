"""Time and memory of predictions through the Keras service, as on the Predict page, at 224 px and alpha 1.0."""

import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median

import numpy as np
import psutil

from benchmarks.support.common import PROJECT, Measurement, seconds
from core.analysis.text import gigabytes
from core.execution.keras_service.client import KerasService

SIZE, CLASSES, MANY = 224, 10, 32
_MAKE = """
import sys
from core.learning.network.model import build_transfer_model
for seed, path in enumerate(sys.argv[1:]):
    build_transfer_model({classes}, {size}, 1.0, "random", seed=seed).save(path)
"""


def predicting(folder: Path, quick: bool) -> Iterator[Measurement]:
    """Time the first prediction, one image and many with the model loaded, and one image while another model loads."""
    models = _make_models(folder, 3)
    pixels = np.random.default_rng(0).integers(0, 256, (MANY, SIZE, SIZE, 3), np.uint8)
    repeats = 5 if quick else 50
    keras_service = KerasService()
    try:
        first = _timed(lambda: keras_service.predict(models[0], pixels[:1]))
        yield Measurement("First prediction, including Keras import and model loading", seconds(first))
        one = median(_timed(lambda: keras_service.predict(models[0], pixels[:1])) for _ in range(repeats))
        yield Measurement("One image, model loaded, heat maps of all classes", seconds(one), "under 210 ms")
        many = median(_timed(lambda: keras_service.predict(models[0], pixels)) for _ in range(max(3, repeats // 5)))
        yield Measurement(f"{MANY} images in one request, model loaded", f"{MANY / many:.0f} images/s", "80 images/s")
        yield from _while_another_loads(keras_service, models, pixels[:1])
        keras_service.predict(models[2], pixels)
        memory = psutil.Process(keras_service.pid).memory_info().rss
        yield Measurement("Memory of the Keras service, three models", gigabytes(memory), "under 1.5 GB")
    finally:
        keras_service.close()


def _while_another_loads(keras_service: KerasService, models: list[Path], pixels: np.ndarray) -> Iterator[Measurement]:
    """Time predictions with a loaded model while another user's request loads a second model."""
    waits = []
    with ThreadPoolExecutor() as pool:
        start = time.perf_counter()
        loading = pool.submit(keras_service.predict, models[1], pixels)
        while not loading.done():
            waits.append(_timed(lambda: keras_service.predict(models[0], pixels)))
        loading_time = time.perf_counter() - start
    yield Measurement("First prediction of a second model", seconds(loading_time))
    yield Measurement("One image for another user meanwhile, median", seconds(median(waits)), "no waiting")
    yield Measurement("One image for another user meanwhile, longest", seconds(max(waits)))


def _make_models(folder: Path, number: int) -> list[Path]:
    """Write untrained models from a separate process: Keras in this process would slow the measurements."""
    paths = [folder / f"model-{i}.keras" for i in range(number)]
    subprocess.run(
        [sys.executable, "-c", _MAKE.format(classes=CLASSES, size=SIZE), *paths],
        cwd=PROJECT,
        check=True,
        capture_output=True,
    )
    return paths


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start
