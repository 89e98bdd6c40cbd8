"""Public interface for notebooks and scripts: train, compare and plot.

Each name is imported when it is first used, so importing this package takes no time and does not import Keras. Pages
and command-line scripts import from the submodules instead.

Example:
    >>> import core
    >>> dataset = core.scan(core.sample_folder())
    >>> planned = core.plan_study(core.RunConfig(), [core.TWO_PHASE], dataset)
    >>> study = core.RunStore("runs").create_study(planned)
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from core.analysis.charts.bars import accuracy_bars, setting_bars
    from core.analysis.charts.confusion import confusion_chart
    from core.analysis.charts.depth import depth_chart
    from core.analysis.charts.learning_curves.curves import learning_curves
    from core.analysis.charts.learning_curves.group_curves import group_curves
    from core.analysis.comparison.depth import depth_curve
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
    from core.learning.inputs.training_data import load_data
    from core.learning.network.model import build_transfer_model, unfreeze_layers
    from core.learning.training.evaluation import evaluate
    from core.learning.training.loop import train
else:
    _NAMES = {
        "core.analysis.charts.bars": ("accuracy_bars", "setting_bars"),
        "core.analysis.charts.confusion": ("confusion_chart",),
        "core.analysis.charts.depth": ("depth_chart",),
        "core.analysis.charts.learning_curves.curves": ("learning_curves",),
        "core.analysis.charts.learning_curves.group_curves": ("group_curves",),
        "core.analysis.comparison.depth": ("depth_curve",),
        "core.analysis.comparison.headline": ("headline",),
        "core.analysis.comparison.verdict": ("Verdict", "judge"),
        "core.analysis.results.summary": ("Summary", "summarise"),
        "core.backbones.weights": ("resolve_weights",),
        "core.data.datasets.dataset": ("Dataset",),
        "core.data.datasets.images.decode": ("load_image",),
        "core.data.datasets.scan": ("scan",),
        "core.data.datasets.split": ("Manifest", "split"),
        "core.data.sample_set.generate": ("sample_folder",),
        "core.data.study_plan": ("plan_study", "quick_study"),
        "core.execution.queue.launcher": ("Launcher",),
        "core.experiment.named_strategies": (
            "BASELINE",
            "FEATURE_EXTRACTION",
            "FINE_TUNING",
            "STRATEGIES",
            "TWO_PHASE",
            "gradual_unfreezing",
            "unfreeze_sweep",
        ),
        "core.experiment.run_config": ("Augmentation", "RunConfig"),
        "core.experiment.runs.metrics": ("Metrics",),
        "core.experiment.runs.run": ("Run", "RunStatus", "State", "Study"),
        "core.experiment.runs.run_store": ("RunStore",),
        "core.experiment.strategy": ("ALL_LAYERS", "Phase", "Strategy"),
        "core.learning.inputs.training_data": ("load_data",),
        "core.learning.network.model": ("build_transfer_model", "unfreeze_layers"),
        "core.learning.training.evaluation": ("evaluate",),
        "core.learning.training.loop": ("train",),
    }
    _MODULES = {name: module for module, names in _NAMES.items() for name in names}

    def __getattr__(name):
        if name not in _MODULES:
            raise AttributeError(f"module 'core' has no attribute {name!r}")
        return getattr(import_module(_MODULES[name]), name)


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
