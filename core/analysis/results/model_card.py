"""The card that goes along with a model: what it is, what it was trained on, how good it is and where it ends."""

import re
from collections.abc import Sequence
from html import escape

from core.analysis.results.evaluation_file import EvaluationFigures, evaluation_figures
from core.analysis.results.settings import data_name, settings_of
from core.analysis.results.summary import Summary, summarise
from core.analysis.statistics.wilson_interval import wilson_interval
from core.analysis.text import count, duration, percent, shorten
from core.data.datasets.split import Manifest
from core.experiment.export_formats import FORMATS, ExportedFile
from core.experiment.run_config import SAMPLE
from core.experiment.runs.run import Run
from core.experiment.runs.run_store import RunStore

LICENCE = "unknown"
"""Whoever publishes the model decides; the data set's own licence may bind him."""

_LIBRARIES = {"keras": "keras", "onnx": "onnx"} | dict.fromkeys(("litert", "litert-float16", "litert-int8"), "litert")


def model_card(store: RunStore, run: Run, file: ExportedFile) -> str:
    """The card of an exported file in Hugging Face's format: metadata in YAML, then Markdown.

    Raises `NoSuchRun`, `DataError`, and `OSError` where the manifest is gone.
    """
    from huggingface_hub import EvalResult, ModelCardData  # half a second to import: only where a card is made

    summary, result = summarise(store, run), evaluation_figures(store.evaluation(run.id))
    manifest, name = Manifest.from_csv(store.manifest(run.id)), data_name(run.config.data)
    figures = [("accuracy", result.accuracy), ("f1", result.macro_f1)]
    data = ModelCardData(
        license=LICENCE,
        library_name=_LIBRARIES[file.format],
        pipeline_tag="image-classification",
        tags=["transfer-learning", "mobilenetv2"],
        model_name=run.id,
        eval_results=[
            EvalResult(
                task_type="image-classification",
                dataset_type="imagefolder",
                dataset_name=name,
                dataset_split="test",
                metric_type=kind,
                metric_value=round(value, 4),
            )
            for kind, value in figures
            if value is not None
        ]
        or None,
    )
    parts = [
        f"# {run.title}: {_inert(name)}",
        _what(run, manifest),
        "## How good it is",
        _figures(result, summary),
        "## What it was trained on",
        _data(run, manifest),
        "## How it was trained",
        _settings(run, summary),
        "## How to use it",
        _use(run, result),
        "## The file",
        _file(file),
        "## Where it ends",
        _limits(run, result),
    ]
    return f"---\n{data.to_yaml()}\n---\n\n" + "\n\n".join(parts) + "\n"


def _what(run: Run, manifest: Manifest) -> str:
    base = (
        "A small convolutional network"
        if run.config.strategy.is_from_scratch
        else f"MobileNetV2 (alpha {run.config.alpha:g})"
    )
    return (
        f"{base} that tells {count(len(manifest.classes), 'class')} apart: "
        f"{', '.join(map(_inert, manifest.classes))}. Trained with Transfer Learning Lab as run `{run.id}`."
    )


def _figures(result: EvaluationFigures, summary: Summary) -> str:
    if result.accuracy is None or not result.test_images:
        return "It was not measured on test images."
    low, high = wilson_interval(result.accuracy, result.test_images)
    rows = [(name, percent(result.f1.get(name)), str(result.images.get(name, 0))) for name in result.classes]
    table = _table(("Class", "F1", "Test images"), rows)
    honest = f" Its probabilities are honest at temperature {result.temperature:.2f}." if result.temperature else ""
    return (
        f"Test accuracy {percent(result.accuracy)} (95% interval {percent(low)} to {percent(high)}, "
        f"{count(result.test_images, 'image')} that it had not seen), macro F1 {percent(result.macro_f1)}, best "
        f"validation accuracy {percent(summary.best_val_accuracy)} at epoch {summary.best_epoch or '–'}.{honest} "
        f"The interval is that of the test images alone: another training may differ by more.\n\n{table}"
    )


def _data(run: Run, manifest: Manifest) -> str:
    counts = manifest.counts()
    drawn = " They are drawn by a program, not photographed." if run.config.data == SAMPLE else ""
    near = (
        "Near-duplicates are in one part."
        if run.config.leak_free
        else "Near-duplicates were divided carelessly, so the test may be too kind."
    )
    return (
        f"{_inert(data_name(run.config.data))}: {count(len(manifest.items), 'image')}, of which "
        f"{counts['train']:,} train, {counts['validation']:,} validate and {counts['test']:,} test.{drawn} {near}"
    )


def _settings(run: Run, summary: Summary) -> str:
    rows = list(settings_of(run.config).items())
    took = f"Training took {duration(summary.seconds)} on {run.status.device or 'an unknown device'}."
    return f"{_table(('Setting', 'Value'), rows)}\n\n{took}"


def _use(run: Run, result: EvaluationFigures) -> str:
    size = run.config.image_size
    honest = (
        (
            " To have them as honest as they were on the validation images, raise each to 1 / temperature, which is "
            "in `model.json` too, and divide by their sum; `example.py` does."
        )
        if result.temperature
        else ""
    )
    return (
        f"It takes an upright RGB picture, squeezed as a whole to {size} x {size} pixels (bilinear), as values "
        "from 0 to 255: rescaling is inside the model. It gives a probability for each class, in the order of "
        f"`model.json`.{honest}"
    )


def _file(file: ExportedFile) -> str:
    """The exported file as it was measured by running it."""
    form = FORMATS[file.format]
    row = (
        form.file,
        f"{file.bytes / 1e6:.1f} MB",
        percent(file.accuracy),
        percent(file.agreement),
        f"{file.milliseconds:.1f}",
    )
    return (
        f"{_table(('File', 'Size', 'Test accuracy', 'Names as Keras does', 'ms an image'), [row])}\n\n"
        f"{file.title}, for {form.purpose}. Run itself on {count(file.images, 'test image')}, one at a time, on "
        f"{_inert(file.machine)}."
    )


def _limits(run: Run, result: EvaluationFigures) -> str:
    weakest = min(result.f1, key=result.f1.get, default=None)
    lines = [
        "It knows these classes and no others: anything else is named as one of them.",
        "It was judged on pictures like those it was trained on. Other cameras, light or places may be harder.",
        f"It is weakest on {_inert(weakest)} (F1 {percent(result.f1[weakest])})." if weakest else "",
        "It is one training with one seed.",
    ]
    return "\n".join(f"- {line}" for line in lines if line)


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *([_inert(cell) for cell in row] for row in rows)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _inert(text: str) -> str:
    """A name of somebody's file or class as text within Markdown."""
    one_line = escape(" ".join(shorten(text, 80).split()), quote=False)
    return re.sub(r"([\\`*_\[\]|$])", r"\\\1", one_line)
