"""What a trained run says of pictures, from a terminal: the same answers as on the Predict page."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import Progress
from rich.table import Column, Table

from core.analysis.results.predictions import Prediction, prediction_rows, unlike
from core.analysis.results.trained_models import TrainedModel, trained_model
from core.analysis.text import count, percent, to_csv
from core.data.uploads.uploaded_images import RefusedFile, UploadedImage, read_uploads
from core.execution.keras_service.client import KerasService, KerasServiceError
from core.execution.prediction_cache import PredictionCache
from core.experiment.runs.run_folder import NoSuchRun
from core.experiment.runs.run_store import RunStore

DONE, FAILED = 0, 1

say = Console(stderr=True, highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Predict what the arguments ask for and return the exit code: 1 where a file could not be read."""
    arguments = _arguments(argv)
    keras_service = KerasService()
    try:
        store = RunStore(arguments.runs)
        model = trained_model(store, store.get(arguments.run))
        files = list(_files(arguments.images))
        items = list(read_uploads(files))
        answers = _ask(
            keras_service,
            model,
            {item.hash: path for (_, path), item in zip(files, items, strict=True) if isinstance(item, UploadedImage)},
        )
        return _tell(arguments, model, items, answers)
    except (ValueError, OSError, NoSuchRun, KerasServiceError) as error:
        say.print(str(error), style="red", markup=False, soft_wrap=True)
        return FAILED
    finally:
        keras_service.close()


def _arguments(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="predict.py", description=__doc__)
    add = parser.add_argument
    add("run", metavar="RUN", help="the id of a run that has a model")
    add("images", metavar="IMAGES", nargs="+", type=Path, help="pictures, or folders of pictures")
    add("--csv", type=Path, metavar="FILE.csv", help="write all probabilities there too")
    add("--top", type=int, default=3, metavar="N", help="classes to show of each picture")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept")
    arguments = parser.parse_args(argv)
    if arguments.top < 1:
        parser.error(f"Expected --top to be 1 or more; received {arguments.top}.")
    if arguments.csv and arguments.csv.suffix.lower() != ".csv":
        parser.error(f"Expected --csv to name a .csv file; received {arguments.csv}.")
    return arguments


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(name, path) of the files themselves, and of all below folders but hidden ones."""
    for path in paths:
        if path.is_dir():
            found = ((entry.relative_to(path), entry) for entry in sorted(path.rglob("*")) if entry.is_file())
            yield from (
                (name.as_posix(), entry)
                for name, entry in found
                if not any(part.startswith(".") for part in name.parts)
            )
        else:
            yield str(path), path


def _ask(keras_service: KerasService, model: TrainedModel, contents: dict[str, Path]) -> PredictionCache:
    """Raises `KerasServiceError` where the model cannot be asked."""
    answers = PredictionCache()
    with Progress(console=say, transient=True) as bars:
        task = bars.add_task("Asking the model", total=len(contents))
        for done, total in answers.compute(contents, [model], keras_service.predict):
            bars.update(task, completed=done, total=total)
    for trouble in answers.failures.values():
        raise KerasServiceError(trouble)
    return answers


def _tell(
    arguments: argparse.Namespace,
    model: TrainedModel,
    items: Sequence[UploadedImage | RefusedFile],
    answers: PredictionCache,
) -> int:
    """Print and write the answers, name what was refused, and return the exit code. Raises `OSError`."""
    said = [
        (item.name, model, answer)
        for item in items
        if isinstance(item, UploadedImage) and (answer := answers.of(item.hash, model))
    ]
    refused = [
        (item.name, item.reason if isinstance(item, RefusedFile) else answers.unreadable[item.hash])
        for item in items
        if isinstance(item, RefusedFile) or item.hash in answers.unreadable
    ]
    _print_table(said, arguments.top)
    for name, reason in refused:
        say.print(f"{name}: {reason}", style="yellow", markup=False, soft_wrap=True)
    if arguments.csv:
        rows = to_csv(prediction_rows(said))
        arguments.csv.write_bytes(rows.encode(errors="replace"))
    say.print(f"{count(len(said), 'picture')} answered, {len(refused)} refused.")
    return FAILED if refused else DONE


def _print_table(said: Sequence[tuple[str, TrainedModel, Prediction]], top: int) -> None:
    ranks = max((len(answer.top(top)) for _, _, answer in said), default=0)
    table = Table(Column("Picture", overflow="fold"), *(f"{rank}." for rank in range(1, ranks + 1)), "")
    for name, _, answer in said:
        table.add_row(name, *(f"{label} {percent(share)}" for label, share in answer.top(top)), unlike([answer]))
    Console(markup=False, highlight=False).print(table)


if __name__ == "__main__":
    sys.exit(main())
