"""The front door: the names that pages, terminal and notebooks use.

Importing it imports no Keras: what needs Keras or Plotly is loaded when its name is first used.
"""

from importlib import import_module
from typing import Any

from core.analysis.palette import colours
from core.analysis.summary import Progress, Summary, progress, summarise
from core.data.dataset import DataError, Dataset, Problem, data_folder, scan, stamp
from core.data.roots import DataRoots
from core.data.sample import SAMPLE_CLASSES, sample_folder
from core.data.split import Manifest, split
from core.data.study import plan_study
from core.data.upload import UploadError, store_files, unpack_zip
from core.data.weights import WeightsError, imagenet_is_reachable, imagenet_path, resolve_weights
from core.execution.devices import Device, training_devices
from core.execution.launcher import Launcher, farewell
from core.experiment.guidelines import batch_size, fine_tuning_rate, layers_to_unfreeze, warnings
from core.experiment.layers import blocks, layer_table, total_parameters, trainable_parameters
from core.experiment.metrics import Metrics
from core.experiment.run import (
    ALPHAS,
    IMAGE_SIZES,
    SAMPLE,
    Augmentation,
    Run,
    RunConfig,
    RunError,
    RunStatus,
    State,
    Study,
)
from core.experiment.store import NoSuchRun, RunStore, StoreError
from core.experiment.strategy import (
    ALL_LAYERS,
    FEATURE_EXTRACTION,
    FINE_TUNING,
    STRATEGIES,
    TWO_PHASE,
    Phase,
    Strategy,
    gradual_unfreezing,
    unfreeze_sweep,
    with_settings,
)

_LATER = {
    "build_transfer_model": "core.learning.model",
    "unfreeze_layers": "core.learning.model",
    "load_data": "core.learning.data",
    "train": "core.learning.training",
    "evaluate": "core.learning.evaluation",
    "learning_curves": "core.analysis.charts",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


__all__ = [
    "ALL_LAYERS", "ALPHAS", "FEATURE_EXTRACTION", "FINE_TUNING", "IMAGE_SIZES", "SAMPLE", "SAMPLE_CLASSES",
    "STRATEGIES", "TWO_PHASE", "Augmentation", "DataError", "DataRoots", "Dataset", "Device", "Launcher", "Manifest",
    "Metrics", "NoSuchRun", "Phase", "Problem", "Progress", "Run", "RunConfig", "RunError", "RunStatus", "RunStore",
    "State", "StoreError", "Strategy", "Study", "Summary", "UploadError", "WeightsError", "batch_size", "blocks",
    "build_transfer_model", "colours", "data_folder", "evaluate", "farewell", "fine_tuning_rate", "gradual_unfreezing",
    "imagenet_is_reachable", "imagenet_path", "layer_table", "layers_to_unfreeze", "learning_curves", "load_data",
    "plan_study",
    "progress", "resolve_weights", "sample_folder", "scan", "split", "stamp", "store_files", "summarise",
    "total_parameters", "train", "trainable_parameters", "training_devices", "unfreeze_layers", "unfreeze_sweep",
    "unpack_zip", "warnings", "with_settings",
]
