"""Model card of an exported model: evaluation, training data, training procedure, usage and limitations."""

import re
from collections.abc import Mapping, Sequence
from html import escape

from core.analysis.results.evaluation_file import EvaluationFigures, describe_accuracy, evaluation_figures
from core.analysis.results.settings import base_name, data_name, settings_of
from core.analysis.results.summary import Summary, summarise
from core.analysis.results.trained_models import read_manifest
from core.analysis.statistics.wilson_interval import wilson_interval
from core.analysis.text import count, duration, percent, shorten
from core.data.datasets.dataset import DataError
from core.data.datasets.split import Manifest
from core.experiment.export_formats import ExportedFile
from core.experiment.run_config import SAMPLE
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore

LICENCE = "unknown"
"""The publisher of the model chooses the licence; the licence of the data set may restrict the choice."""


COMMON_LIMITATIONS = (
    "The model assigns every image to one of its classes, even if it belongs to none of them.",
    "Test images come from the same source as the training images. Accuracy may be lower with other cameras, "
    "lighting or surroundings.",
)


def model_card(store: RunStore, run: Run, file: ExportedFile) -> str:
    """Write the model card of an exported file in Hugging Face's format: metadata in YAML, then Markdown.

    If the manifest is missing or damaged, the card says so. Raises `NoSuchRun`.
    """
    summary, result = summarise(store, run), evaluation_figures(store.evaluation(run.id))
    manifest, name = _manifest_if_readable(store, run), data_name(run.config.data)
    parts = [
        f"# {run.title}: {card_text(name)}",
        f"{describe_network(run, manifest.classes if manifest else result.classes)} "
        f"Trained with Transfer Learning Lab as run `{run.id}`.",
        "## Evaluation",
        _evaluation(result, summary),
        "## Training data",
        _training_data(run, manifest),
        "## Training procedure",
        _training_procedure(run, summary),
        "## Usage",
        describe_usage(run, result.temperature),
        "## Exported file",
        describe_file(file),
        "## Limitations",
        _limitations(result),
    ]
    figures = {"accuracy": result.accuracy, "f1": result.macro_f1}
    if result.is_unbalanced:
        figures["balanced_accuracy"] = result.balanced_accuracy
    return write_card(run, run.id, file, figures, parts)


def write_card(
    run: Run, model_name: str, file: ExportedFile, figures: Mapping[str, float | None], parts: Sequence[str]
) -> str:
    """Join the parts of a card below its metadata. `figures` are measures on the test images, by their usual names."""
    metadata = _metadata(run, model_name, file, figures)
    return f"---\n{metadata}\n---\n\n" + "\n\n".join(parts) + "\n"


def _manifest_if_readable(store: RunStore, run: Run) -> Manifest | None:
    try:
        return read_manifest(store, run)
    except DataError:
        return None


def _metadata(run: Run, model_name: str, file: ExportedFile, figures: Mapping[str, float | None]) -> str:
    """The metadata of the card as YAML."""
    from huggingface_hub import EvalResult, ModelCardData  # takes half a second to import, so only when needed

    evaluation = [
        EvalResult(
            task_type="image-classification",
            dataset_type="imagefolder",
            dataset_name=data_name(run.config.data),
            dataset_split="test",
            metric_type=metric,
            metric_value=round(value, 4),
        )
        for metric, value in figures.items()
        if value is not None
    ]
    metadata = ModelCardData(
        license=LICENCE,
        library_name=file.form.runtime,
        pipeline_tag="image-classification",
        tags=["transfer-learning", run.config.base.replace("-", "")],
        model_name=model_name,
        eval_results=evaluation or None,
    )
    yaml: str = metadata.to_yaml()
    return yaml


def describe_network(run: Run, classes: Sequence[str]) -> str:
    """A sentence on the network and its classes."""
    network = (
        "A small convolutional network"
        if run.config.strategy.is_from_scratch
        else f"{base_name(run.config.base)} (alpha {run.config.alpha:g})"
    )
    return (
        f"{network} that classifies images into {count(len(classes), 'class')}: {', '.join(map(card_text, classes))}."
    )


def _evaluation(result: EvaluationFigures, summary: Summary) -> str:
    if result.accuracy is None or not result.test_images:
        return "The model was not evaluated on test images."
    low, high = wilson_interval(result.accuracy, result.test_images)
    rows = [(name, percent(result.f1.get(name)), str(result.images.get(name, 0))) for name in result.classes]
    table = card_table(("Class", "F1", "Test images"), rows)
    scaling = f" Temperature for calibrated probabilities: {result.temperature:.2f}." if result.temperature else ""
    return (
        f"Test accuracy {describe_accuracy(result)} (95% interval {percent(low)} to {percent(high)}, "
        f"{count(result.test_images, 'image')} not used for training), macro F1 {percent(result.macro_f1)}, best "
        f"validation accuracy {percent(summary.best_val_accuracy)} at epoch {summary.best_epoch or '–'}.{scaling} "
        f"The interval covers only the sampling of test images; another training may differ by more.\n\n{table}"
    )


def _training_data(run: Run, manifest: Manifest | None) -> str:
    if manifest is None:
        return (
            f"{card_text(data_name(run.config.data))}. The list of the images (`manifest.csv`) is missing or damaged, "
            "so their numbers are unknown, and `decode.py` scales each image of more than 8 bits per channel by itself."
        )
    counts = manifest.counts()
    drawn = " The images are drawn by a program; they are not photos." if run.config.data == SAMPLE else ""
    near_duplicates = (
        "Near-duplicates were kept in the same part of the split, except between folders that were split beforehand "
        "and in classes that have too few different images for that."
        if run.config.leak_free
        else "Near-duplicates were not kept in the same part of the split, so the test accuracy may be too high."
    )
    groups = len({item.group for item in manifest.items} - {""})
    grouped = f" The images form {count(groups, 'group')}, such as recordings of one object." if groups else ""
    return (
        f"{card_text(data_name(run.config.data))}: {count(len(manifest.items), 'image')}, of which "
        f"{counts['train']:,} for training, {counts['validation']:,} for validation and {counts['test']:,} for "
        f"testing.{drawn}{grouped} {near_duplicates}"
    )


def _training_procedure(run: Run, summary: Summary) -> str:
    rows = list(settings_of(run.config).items())
    time = f"Training took {duration(summary.seconds)} on {run.status.device or 'an unknown device'}."
    return f"{card_table(('Setting', 'Value'), rows)}\n\n{time}"


def describe_usage(run: Run, temperature: float | None) -> str:
    """Input and output of the model. `temperature` is None if the probabilities need no scaling."""
    size = run.config.image_size
    scaling = (
        " For calibrated probabilities, raise each to the power 1 / temperature (the temperature is in `model.json`) "
        "and divide by their sum, as `example.py` does."
        if temperature
        else ""
    )
    return (
        f"The input is an upright RGB image, resized to {size} x {size} pixels (bilinear, not cropped), with values "
        "from 0 to 255; the model rescales them itself. The output is one probability per class, in the order of "
        f"`model.json`.{scaling} `decode.py` reads image files this way, also those of more than 8 bits per channel, "
        "whose white values are in `model.json`."
    )


def describe_file(file: ExportedFile) -> str:
    """The exported file's measurements, made by running it on test images."""
    form = file.form
    row = {"File": form.file, "Size": f"{file.bytes / 1e6:.1f} MB"}
    measured = f"This file was not measured, because {file.not_measured}: check its predictions before you use it."
    if not file.not_measured:
        row |= {
            "Test accuracy": percent(file.accuracy),
            "Agreement with Keras": percent(file.agreement),
            "ms per image": f"{file.milliseconds:.1f}",
        }
        measured = (
            f"Measured with this file on {count(file.images, 'test image')}, one at a time, on "
            f"{card_text(file.machine)}."
        )
    return f"{card_table(tuple(row), [tuple(row.values())])}\n\n{file.title}, for {form.purpose}. {measured}"


def _limitations(result: EvaluationFigures) -> str:
    weakest = min(result.f1, key=lambda label: result.f1[label], default=None)
    lines = [
        *COMMON_LIMITATIONS,
        f"The weakest class is {card_text(weakest)} (F1 {percent(result.f1[weakest])})." if weakest else "",
        "The results come from one training with one seed.",
    ]
    return bullets(lines)


def bullets(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines if line)


def card_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([card_text(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def card_text(text: str) -> str:
    """Escape a file or class name, so that Markdown shows it as plain text."""
    one_line = escape(" ".join(shorten(text, 80).split()), quote=False)
    return re.sub(r"([\\`*_\[\]|$])", r"\\\1", one_line)
