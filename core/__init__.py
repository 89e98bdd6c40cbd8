"""The front door: the names that pages, terminal and notebooks use.

Importing it imports no Keras: what needs Keras, Plotly or SciPy is loaded when its name is first used.
"""

from importlib import import_module
from typing import Any

from core.analysis.charts.learning_curves.curve_options import CurveView
from core.analysis.charts.palette import colours, run_colours
from core.analysis.comparison.run_table import class_table, comparison_table, differences
from core.analysis.csv_text import to_csv
from core.analysis.results.bundle import bundle, files_of
from core.analysis.results.course_ranges import baseline_rows, promised_rows
from core.analysis.results.duration_estimate import Estimate, estimate
from core.analysis.results.evaluation_file import Measured, measured
from core.analysis.results.predictions import (
    Prediction,
    agree,
    agreement,
    disagreement,
    prediction_rows,
    sureness,
    unlike,
)
from core.analysis.results.search import matching
from core.analysis.results.settings import by_setting, data_name, differing, labels, settings_of, weights_name
from core.analysis.results.summary import PhaseSummary, Progress, Summary, progress, summarise
from core.analysis.results.trained_models import (
    ModelError,
    TrainedModel,
    default_models,
    held_out_images,
    predictable,
    trained_model,
)
from core.analysis.statistics.lr_suggestion import Suggestion, rate_question, suggest
from core.backbones.layer_table import (
    block_reached,
    blocks,
    layer_table,
    small_cnn_parameters,
    total_parameters,
    trainable_parameters,
)
from core.backbones.weights import (
    BUILT_IN_WEIGHTS,
    FROM_DRAWINGS,
    NOTHING_TRANSFERRED,
    SAMPLE_ALPHA,
    SAMPLE_BASE,
    SAMPLE_SIZE,
    WeightsError,
    imagenet_is_reachable,
    imagenet_path,
    offline_weights,
    resolve_weights,
)
from core.data.cache.feature_cache import Kept, Shelves
from core.data.datasets.allowed_folders import DataRoots
from core.data.datasets.decode import UnreadableImage, load_image
from core.data.datasets.reports import Report, Reports
from core.data.datasets.scan import DataError, Dataset, Picture, Problem, data_folder, scan, stamp
from core.data.datasets.split import Manifest, split
from core.data.datasets.thumbnails import Thumbnails, thumbnail
from core.data.explain.heat_map import heat_png
from core.data.sample_set.generate import SAMPLE_CLASSES, sample_folder
from core.data.study_plan import plan_study, short_study, with_weights
from core.data.uploads.feedback import NONE_OF_THESE, Feedback
from core.data.uploads.session_images import Brought, Visit
from core.data.uploads.unpack import UploadError, store_files, unpack_zip
from core.data.uploads.uploaded_images import Incoming, Refused, receive
from core.execution.keras_service.client import Assistant, AssistantError
from core.execution.prediction_cache import Answers
from core.execution.queue.launcher import Launcher, farewell
from core.execution.queue.prewarm import Spare, SpareTerms
from core.experiment.export_formats import FORMATS, Exported, Format
from core.experiment.guidelines import batch_size, fine_tuning_rate, layers_to_unfreeze, rules_of_thumb, warnings
from core.experiment.metrics import Metrics
from core.experiment.preset import Preset, PresetStore
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
    study_of,
)
from core.experiment.run_store import NoSuchRun, RunStore, StoreError
from core.experiment.strategy import (
    ALL_LAYERS,
    BASELINE,
    FEATURE_EXTRACTION,
    FINE_TUNING,
    FROM_SCRATCH,
    STRATEGIES,
    TWO_PHASE,
    Phase,
    Strategy,
    gradual_unfreezing,
    unfreeze_sweep,
    with_phases,
    with_settings,
)
from core.experiment.timings import Pace, Paces, PhasePace
from core.machine.devices import Device, gpu_memory, training_devices
from core.machine.paths import home

_LATER = {
    "build_transfer_model": "core.learning.network.model",
    "unfreeze_layers": "core.learning.network.model",
    "load_data": "core.learning.training.batches",
    "View": "core.data.datasets.augmentation",
    "make_view": "core.data.datasets.augmentation",
    "train": "core.learning.training.loop",
    "evaluate": "core.learning.training.evaluation",
    "learning_curves": "core.analysis.charts.learning_curves.curves",
    **dict.fromkeys(("group_curves", "has_several_seeds"), "core.analysis.charts.learning_curves.group_curves"),
    "chart_points": "core.analysis.charts.common",
    **dict.fromkeys(("accuracy_bars", "setting_bars"), "core.analysis.charts.bars"),
    "confusion_chart": "core.analysis.charts.confusion",
    "class_bars": "core.analysis.charts.classes",
    "rate_chart": "core.analysis.charts.lr_range",
    **dict.fromkeys(("contrast_chart", "shown_contrasts"), "core.analysis.charts.contrasts"),
    "contrast_table": "core.analysis.comparison.contrast_table",
    **dict.fromkeys(("TRAINING_TIME", "cost_chart", "cost_in_words", "trained_parameters"), "core.analysis.charts.cost"),
    **dict.fromkeys(("Answer", "Dispute", "Disputes", "disputes", "mistaken_pairs"), "core.analysis.comparison.disputes"),
    **dict.fromkeys(("Contrast", "Judgement", "Verdict", "judge"), "core.analysis.comparison.verdict"),
    **dict.fromkeys(("depth_curve", "depth_in_words", "rule_for"), "core.analysis.comparison.depth"),
    "depth_chart": "core.analysis.charts.depth",
    "reliability": "core.analysis.comparison.calibration",
    "answered": "core.analysis.comparison.replicates",
    "calibration_chart": "core.analysis.charts.calibration",
    "calibration_table": "core.analysis.comparison.calibration_table",
    "fairness": "core.analysis.comparison.fairness",
    **dict.fromkeys(("class_contrast_chart", "class_contrasts", "tested_alike"), "core.analysis.comparison.class_contrasts"),
    "headline": "core.analysis.comparison.headline",
    "leak_table": "core.analysis.comparison.leakage_effect",
    "smallest_detectable": "core.analysis.statistics.significance",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'core' has no attribute {name!r}")
    return getattr(import_module(_LATER[name]), name)


__all__ = [
    "ALL_LAYERS", "ALPHAS", "BASELINE", "BUILT_IN_WEIGHTS", "FEATURE_EXTRACTION", "FINE_TUNING", "FORMATS",
    "FROM_DRAWINGS", "FROM_SCRATCH", "IMAGE_SIZES", "NONE_OF_THESE", "NOTHING_TRANSFERRED", "SAMPLE", "SAMPLE_ALPHA",
    "SAMPLE_BASE", "SAMPLE_CLASSES", "SAMPLE_SIZE", "STRATEGIES", "TRAINING_TIME", "TWO_PHASE", "Answer", "Answers",
    "Assistant", "AssistantError", "Augmentation", "Brought", "Contrast", "CurveView", "DataError", "DataRoots",
    "Dataset", "Device", "Dispute", "Disputes", "Estimate", "Exported", "Feedback", "Format", "Incoming", "Judgement",
    "Kept", "Launcher", "Manifest", "Measured", "Metrics", "ModelError", "NoSuchRun", "Pace", "Paces", "Phase",
    "PhasePace", "PhaseSummary", "Picture", "Prediction", "Preset", "PresetStore", "Problem", "Progress", "Refused",
    "Report", "Reports", "Run", "RunConfig", "RunError", "RunStatus", "RunStore", "Shelves", "Spare", "SpareTerms",
    "State", "StoreError", "Strategy", "Study", "Suggestion", "Summary", "Thumbnails", "TrainedModel",
    "UnreadableImage", "UploadError", "Verdict", "View", "Visit", "WeightsError", "accuracy_bars", "agree",
    "agreement", "answered", "baseline_rows", "batch_size", "block_reached", "blocks", "build_transfer_model",
    "bundle", "by_setting", "calibration_chart", "calibration_table", "chart_points", "class_bars",
    "class_contrast_chart", "class_contrasts", "class_table", "colours", "comparison_table", "confusion_chart",
    "contrast_chart", "contrast_table", "cost_chart", "cost_in_words", "data_folder", "data_name", "default_models",
    "depth_chart", "depth_curve", "depth_in_words", "differences", "differing", "disagreement", "disputes",
    "estimate", "evaluate", "fairness", "farewell", "files_of", "fine_tuning_rate", "gpu_memory",
    "gradual_unfreezing", "group_curves", "has_several_seeds", "headline", "heat_png", "held_out_images", "home",
    "imagenet_is_reachable", "imagenet_path", "judge", "labels", "layer_table", "layers_to_unfreeze", "leak_table",
    "learning_curves", "load_data", "load_image", "make_view", "matching", "measured", "mistaken_pairs",
    "offline_weights", "plan_study", "predictable", "prediction_rows", "progress", "promised_rows", "rate_chart",
    "rate_question", "receive", "reliability", "resolve_weights", "rule_for", "rules_of_thumb", "run_colours",
    "sample_folder", "scan", "setting_bars", "settings_of", "short_study", "shown_contrasts", "small_cnn_parameters",
    "smallest_detectable", "split", "stamp", "store_files", "study_of", "suggest", "summarise", "sureness",
    "tested_alike", "thumbnail", "to_csv", "total_parameters", "train", "trainable_parameters", "trained_model",
    "trained_parameters", "training_devices", "unfreeze_layers", "unfreeze_sweep", "unlike", "unpack_zip", "warnings",
    "weights_name", "with_phases", "with_settings", "with_weights",
]
