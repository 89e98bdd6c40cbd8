"""Fixtures of all tests: a temporary application folder, a tiny drawn data set, real photos, processes."""

import gc
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ["TRANSFER_LAB_HOME"] = tempfile.mkdtemp(prefix="lab-home-")

from core.data.datasets.dataset import Dataset
from core.data.datasets.scan import scan
from core.data.sample_set.generate import write_sample
from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.strategy import Phase, Strategy

settings.register_profile("lab", deadline=None)  # a slow machine is no failure
settings.load_profile("lab")
Path(os.environ["TRANSFER_LAB_HOME"], "sample").symlink_to(  # the sample set is drawn once for all test processes
    os.environ.setdefault("LAB_TESTS_SAMPLE", tempfile.mkdtemp(prefix="lab-sample-"))
)

PROJECT = Path(__file__).parents[1]
SHARED = PROJECT.parent / "shared"
WEIGHTS = SHARED / "weights" / "mobilenet_v2_1.0_224_imagenet_no_top.weights.h5"
SPLIT_PHOTOS = SHARED / "data" / "clothing-224"
PHOTOS = SHARED / "data" / "trashnet-112"
Start = Callable[..., subprocess.Popen[str]]


def pytest_xdist_auto_num_workers() -> int:
    """One more than the number of cores, because tests often wait for processes and browsers."""
    return 1 + (os.cpu_count() or 1)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Run the longest files first: the last of them would otherwise run alone, while other workers wait."""
    long = (
        "tests/browser/test_j",
        "tests/test_b",
        "tests/test_an",
        "tests/execution/",
        "tests/learning/",
        "tests/test_",
        "tests/pages/",
        "tests/tools/",
    )
    items.sort(key=lambda item: next((i for i, name in enumerate(long) if name in item.nodeid), len(long)))


@pytest.fixture(scope="module", autouse=True)
def short_garbage_collections() -> Iterator[None]:
    """Exempt what a file leaves behind from garbage collection: with Keras' graphs in memory one takes seconds."""
    yield
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ten classes with six drawn images each."""
    return write_sample(tmp_path_factory.mktemp("data") / "tiny", images_per_class=6, size=96)


@pytest.fixture(scope="session")
def tiny_dataset(tiny_folder: Path) -> Dataset:
    return scan(tiny_folder)


@pytest.fixture(scope="session")
def tiny_config(tiny_folder: Path) -> RunConfig:
    """The smallest real run: two phases of one epoch each on the narrowest base."""
    phases = (Phase(0, 1e-3, 1), Phase(11, 1e-4, 1))
    return RunConfig(
        data=str(tiny_folder),
        strategy=Strategy("tiny", phases),
        batch_size=8,
        image_size=96,
        alpha=0.35,
        weights="random",
        augmentation=Augmentation(contrast=0),
    )


@pytest.fixture
def photos() -> Path:
    """The real photos of the development set."""
    if not PHOTOS.is_dir():
        pytest.skip("needs the real photos in ../shared/data")
    return PHOTOS


@pytest.fixture
def split_photos() -> Path:
    """Real photos in folders train, validation and test."""
    if not SPLIT_PHOTOS.is_dir():
        pytest.skip("needs the real photos in ../shared/data")
    return SPLIT_PHOTOS


@pytest.fixture
def imagenet_file() -> Path:
    """ImageNet weights of the base at alpha 1.0."""
    if not WEIGHTS.is_file():
        pytest.skip("needs the ImageNet weights in ../shared/weights")
    return WEIGHTS


@pytest.fixture
def start() -> Iterator[Start]:
    """Start Python code in a new process, with arguments in `sys.argv`. It is killed at the end of the test."""
    started: list[subprocess.Popen[str]] = []

    def start(code: str, *arguments: object) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-c", code, *map(str, arguments)],
            cwd=PROJECT,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


@pytest.fixture
def output_of(start: Start) -> Callable[..., str]:
    """Run Python code in a new process, which must succeed, and return what it prints."""

    def run(code: str, *arguments: object) -> str:
        process = start(code, *arguments)
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        return out.strip()

    return run
