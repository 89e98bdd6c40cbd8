"""The front door: the names that pages, terminal and notebooks use.

Importing it imports no Keras: what needs Keras, Plotly or SciPy is loaded when its name is first used.
"""

from importlib import import_module
from typing import Any

from core.analysis.bundle import bundle, files_of
from core.analysis.comparison import class_table, comparison_table, differences
from core.analysis.csv_text import to_csv
from core.analysis.estimate import Estimate, estimate
from core.analysis.measured import Measured, measured
from core.analysis.models import (
    ModelError,
    TrainedModel,
    default_models,
    held_out_images,
    predictable,
    trained_model,
)
from core.analysis.palette import colours, run_colours
from core.analysis.predictions import (
    Prediction,
    agree,
    agreement,
    disagreement,
    prediction_rows,
    sureness,
    unlike,
)
from core.analysis.promised import baseline_rows, promised_rows
from core.analysis.rates import Suggestion, rate_question, suggest
from core.analysis.search import matching
from core.analysis.settings import by_setting, data_name, differing, labels, settings_of, weights_name
from core.analysis.summary import PhaseSummary, Progress, Summary, progress, summarise
from core.analysis.view import CurveView
from core.data.dataset import DataError, Dataset, Picture, Problem, data_folder, scan, stamp
from core.data.feedback import NONE_OF_THESE, Feedback
from core.data.heat import heat_png
from core.data.images import UnreadableImage, load_image
from core.data.incoming import Incoming, Refused, receive
from core.data.places import home
from core.data.reports import Report, Reports
from core.data.roots import DataRoots
from core.data.sample import SAMPLE_CLASSES, sample_folder
from core.data.shelves import Kept, Shelves
from core.data.split import Manifest, split
from core.data.study import plan_study, short_study, with_weights
from core.data.thumbnails import Thumbnails, thumbnail
from core.data.upload import UploadError, store_files, unpack_zip
from core.data.visit import Brought, Visit
from core.data.weights import (
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
from core.execution.answers import Answers
from core.execution.assistant import Assistant, AssistantError
from core.execution.devices import Device, gpu_memory, training_devices
from core.execution.launcher import Launcher, farewell
from core.execution.spare import Spare, SpareTerms
from core.experiment.exports import FORMATS, Exported, Format
from core.experiment.guidelines import batch_size, fine_tuning_rate, layers_to_unfreeze, rules_of_thumb, warnings
from core.experiment.layers import (
    block_reached,
    blocks,
    layer_table,
    small_cnn_parameters,
    total_parameters,
    trainable_parameters,
)
from core.experiment.metrics import Metrics
from core.experiment.pace import Pace, Paces, PhasePace
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
from core.experiment.store import NoSuchRun, RunStore, StoreError
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

_LATER = {
    "build_transfer_model": "core.learning.model",
    "unfreeze_layers": "core.learning.model",
    "load_data": "core.learning.data",
    "View": "core.data.views",
    "make_view": "core.data.views",
    "train": "core.learning.training",
    "evaluate": "core.learning.evaluation",
    "learning_curves": "core.analysis.curves",
    **dict.fromkeys(("group_curves", "has_several_seeds"), "core.analysis.group_curves"),
    "chart_points": "core.analysis.charts",
    **dict.fromkeys(("accuracy_bars", "setting_bars"), "core.analysis.bars"),
    "confusion_chart": "core.analysis.confusion",
    "class_bars": "core.analysis.data_charts",
    "rate_chart": "core.analysis.rate_chart",
    **dict.fromkeys(("contrast_chart", "shown_contrasts"), "core.analysis.contrast_chart"),
    "contrast_table": "core.analysis.contrast_table",
    **dict.fromkeys(("TRAINING_TIME", "cost_chart", "cost_in_words", "trained_parameters"), "core.analysis.cost_chart"),
    **dict.fromkeys(("Answer", "Dispute", "Disputes", "disputes", "mistaken_pairs"), "core.analysis.disputes"),
    **dict.fromkeys(("Contrast", "Judgement", "Verdict", "judge"), "core.analysis.verdict"),
    **dict.fromkeys(("depth_curve", "depth_in_words", "rule_for"), "core.analysis.depths"),
    "depth_chart": "core.analysis.depth_chart",
    "reliability": "core.analysis.calibration",
    "answered": "core.analysis.replicates",
    "calibration_chart": "core.analysis.calibration_chart",
    "calibration_table": "core.analysis.calibration_table",
    "fairness": "core.analysis.fairness",
    **dict.fromkeys(("class_contrast_chart", "class_contrasts", "tested_alike"), "core.analysis.class_contrasts"),
    "headline": "core.analysis.headline",
    "leak_table": "core.analysis.leaks",
    "smallest_detectable": "core.analysis.inference",
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
