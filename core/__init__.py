"""Public interface for notebooks and scripts: train, compare and plot.

Importing this package does not import Keras: names that need Keras or Plotly are imported when they are first used.
The pages and the command-line scripts import from the submodules instead.

Example:
    >>> import core
    >>> dataset = core.scan(core.sample_folder())
    >>> planned = core.plan_study(core.RunConfig(), [core.TWO_PHASE], dataset)
    >>> study = core.RunStore("runs").create_study(planned)
"""

from importlib import import_module
from typing import TYPE_CHECKING

from core.analysis.comparison.headline import headline
from core.analysis.comparison.verdict import Verdict, judge
from core.analysis.results.summary import Summary, summarise
from core.backbones.weights import resolve_weights
from core.data.datasets.dataset import Dataset
from core.data.datasets.images.decode import load_image
from core.data.datasets.scan import scan
from core.data.datasets.split import Manifest, split
from core.data.sample_set.generate import sample_folder
from core.data.study_plan import plan_study, quick_study
from core.execution.queue.launcher import Launcher
from core.experiment.named_strategies import (
    BASELINE,
    FEATURE_EXTRACTION,
    FINE_TUNING,
    STRATEGIES,
    TWO_PHASE,
    gradual_unfreezing,
    unfreeze_sweep,
)
from core.experiment.run_config import Augmentation, RunConfig
from core.experiment.runs.metrics import Metrics
from core.experiment.runs.run import Run, RunStatus, State, Study
from core.experiment.runs.run_store import RunStore
from core.experiment.strategy import ALL_LAYERS, Phase, Strategy

if TYPE_CHECKING:
    from core.analysis.charts.bars import accuracy_bars, setting_bars
    from core.analysis.charts.confusion import confusion_chart
    from core.analysis.charts.depth import depth_chart
    from core.analysis.charts.learning_curves.curves import learning_curves
    from core.analysis.charts.learning_curves.group_curves import group_curves
    from core.analysis.comparison.depth import depth_curve
    from core.learning.network.model import build_transfer_model, unfreeze_layers
    from core.learning.training.batches import load_data
    from core.learning.training.evaluation import evaluate
    from core.learning.training.loop import train
else:
    _LOADED_ON_USE = {
        "accuracy_bars": "core.analysis.charts.bars",
        "setting_bars": "core.analysis.charts.bars",
        "confusion_chart": "core.analysis.charts.confusion",
        "depth_chart": "core.analysis.charts.depth",
        "learning_curves": "core.analysis.charts.learning_curves.curves",
        "group_curves": "core.analysis.charts.learning_curves.group_curves",
        "depth_curve": "core.analysis.comparison.depth",
        "build_transfer_model": "core.learning.network.model",
        "unfreeze_layers": "core.learning.network.model",
        "load_data": "core.learning.training.batches",
        "evaluate": "core.learning.training.evaluation",
        "train": "core.learning.training.loop",
    }

    def __getattr__(name):
        if name not in _LOADED_ON_USE:
            raise AttributeError(f"module 'core' has no attribute {name!r}")
        return getattr(import_module(_LOADED_ON_USE[name]), name)


__all__ = [
    "ALL_LAYERS",
    "BASELINE",
    "FEATURE_EXTRACTION",
    "FINE_TUNING",
    "STRATEGIES",
    "TWO_PHASE",
    "Augmentation",
    "Dataset",
    "Launcher",
    "Manifest",
    "Metrics",
    "Phase",
    "Run",
    "RunConfig",
    "RunStatus",
    "RunStore",
    "State",
    "Strategy",
    "Study",
    "Summary",
    "Verdict",
    "accuracy_bars",
    "build_transfer_model",
    "confusion_chart",
    "depth_chart",
    "depth_curve",
    "evaluate",
    "gradual_unfreezing",
    "group_curves",
    "headline",
    "judge",
    "learning_curves",
    "load_data",
    "load_image",
    "plan_study",
    "quick_study",
    "resolve_weights",
    "sample_folder",
    "scan",
    "setting_bars",
    "split",
    "summarise",
    "train",
    "unfreeze_layers",
    "unfreeze_sweep",
]
