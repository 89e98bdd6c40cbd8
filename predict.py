"""Predict images with the model of a trained run, from a terminal; same results as on the Predict page."""

import argparse
import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.progress import Progress
from rich.table import Column, Table

from core.analysis.ensembles.held_out_accuracy import held_out_predictions
from core.analysis.results.ensemble import AnyModel, ensemble_members, load_ensemble
from core.analysis.results.predictions import Prediction, novelty_message, prediction_rows
from core.analysis.results.trained_models import runs_with_models, trained_model
from core.analysis.text import count, percent, to_csv
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, read_uploads
from core.execution.keras_service.client import KerasService, KerasServiceError
from core.execution.prediction_cache import PredictionCache
from core.experiment.runs.run import Run
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore
from core.machine.litter import contains_litter
from core.machine.terminal import messages as console
from core.machine.terminal import results

DONE, FAILED, WRONG_ARGUMENTS = 0, 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Predict the images named in the arguments and return the exit code.

    It is 1 if a file was refused, 2 if there is none.
    """
    arguments = _parse(argv)
    keras_service = KerasService()
    try:
        store = RunStore(arguments.runs)
        model = _load_model(store, arguments.run, arguments.ensemble)
        files = list(_find_files(arguments.images))
        if not files:
            console.print(
                f"Expected images; received no files in {', '.join(map(str, arguments.images))}. "
                "Name images, or folders that contain some.",
                style="red",
                markup=False,
                soft_wrap=True,
            )
            return WRONG_ARGUMENTS
        items = list(read_uploads(files))
        predictions = _predict(
            keras_service,
            model,
            {item.hash: path for (_, path), item in zip(files, items, strict=True) if isinstance(item, UploadedImage)},
        )
        return _report(arguments, model, items, predictions)
    except (ValueError, OSError, NoSuchRun, KerasServiceError) as error:
        console.print(str(error), style="red", markup=False, soft_wrap=True)
        return FAILED
    finally:
        keras_service.close()


def _load_model(store: RunStore, run_id: str, as_ensemble: bool) -> AnyModel:
    """Load the model of a run, or of all seeds of its setting. Raises `ModelError`, `NoSuchRun`, `ValueError`."""
    if not as_ensemble:
        return trained_model(store, store.get(run_id))
    setting = store.get_intact(run_id).config.without_seeds()
    runs = [run for run in store.runs() if isinstance(run, Run) and run.config.without_seeds() == setting]
    members = ensemble_members(runs_with_models(store, runs, len(runs)))
    ensemble = load_ensemble(store, members[0] if members else ())
    accuracy = held_out_predictions(store, ensemble).describe()
    console.print(f"{ensemble.title}: {accuracy}.", markup=False, soft_wrap=True)
    return ensemble


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="predict.py", description=__doc__)
    add = parser.add_argument
    add("run", metavar="RUN", help="id of a run that has a model")
    add("images", metavar="IMAGES", nargs="+", type=Path, help="images, or folders of images")
    add("--ensemble", action="store_true", help="average the models of all seeds of the run's setting")
    add("--csv", type=Path, metavar="FILE.csv", help="also write all probabilities to this file")
    add("--top", type=int, default=3, metavar="N", help="number of classes to show per image")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="folder of the runs")
    arguments = parser.parse_args(argv)
    if arguments.top < 1:
        parser.error(f"Expected --top to be 1 or more; received {arguments.top}.")
    if arguments.csv and arguments.csv.suffix.lower() != ".csv":
        parser.error(f"Expected --csv to name a .csv file; received {arguments.csv}.")
    if arguments.csv and not _is_writable(arguments.csv):
        parser.error(f"Expected --csv to name a file in a folder that can be written; received {arguments.csv}.")
    return arguments


def _is_writable(path: Path) -> bool:
    """Whether this file can be written: its folder exists, and permissions allow it."""
    return not path.is_dir() and os.access(path if path.exists() else path.parent, os.W_OK)


def _find_files(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """Yield (name, path) of each file in `paths`, and of all files below each folder except litter."""
    for path in paths:
        if path.is_dir():
            found = ((entry.relative_to(path), entry) for entry in sorted(path.rglob("*")) if entry.is_file())
            yield from ((name.as_posix(), entry) for name, entry in found if not contains_litter(name.parts))
        else:
            yield str(path), path


def _predict(keras_service: KerasService, model: AnyModel, contents: dict[str, Path]) -> PredictionCache:
    """Predict all images (path by hash) behind a progress bar. Raises `KerasServiceError` if the model fails."""
    predictions = PredictionCache()
    with Progress(console=console, transient=True) as bars:
        task = bars.add_task("Predicting", total=len(contents))
        for done, total in predictions.compute(contents, [model], keras_service.predict):
            bars.update(task, completed=done, total=total)
    for message in predictions.failures.values():
        raise KerasServiceError(message)
    return predictions


def _report(
    arguments: argparse.Namespace,
    model: AnyModel,
    items: Sequence[UploadedImage | RefusedFile],
    cache: PredictionCache,
) -> int:
    """Print the predictions and the refused files, write the CSV, and return the exit code. Raises `OSError`."""
    predictions = [
        (item.name, model, prediction)
        for item in items
        if isinstance(item, UploadedImage) and (prediction := cache.get(item.hash, model))
    ]
    refused = [
        (item.name, item.reason if isinstance(item, RefusedFile) else cache.unreadable[item.hash])
        for item in items
        if isinstance(item, RefusedFile) or item.hash in cache.unreadable
    ]
    _print_table(predictions, arguments.top)
    for name, reason in refused:
        console.print(f"{name}: {reason}", style="yellow", markup=False, soft_wrap=True)
    if arguments.csv:
        rows = to_csv(prediction_rows(predictions))
        arguments.csv.write_bytes(rows.encode(errors="replace"))
    console.print(f"{count(len(predictions), 'image')} predicted, {len(refused)} refused.")
    return FAILED if refused else DONE


def _print_table(predictions: Sequence[tuple[str, AnyModel, Prediction]], top: int) -> None:
    if not predictions:
        return
    ranks = max(len(prediction.top(top)) for _, _, prediction in predictions)
    notes = [novelty_message([prediction]) for _, _, prediction in predictions]
    novelty = ["Novelty"] if any(notes) else []
    table = Table(Column("Image", overflow="fold"), *(f"{rank}." for rank in range(1, ranks + 1)), *novelty)
    for (name, _, prediction), note in zip(predictions, notes, strict=True):
        classes = (f"{label} {percent(share)}" for label, share in prediction.top(top))
        table.add_row(name, *classes, *(note for _ in novelty))
    results().print(table)


if __name__ == "__main__":
    sys.exit(main())
