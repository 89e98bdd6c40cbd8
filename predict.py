"""What a trained run says of pictures, from a terminal: the same answers as on the Predict page."""

import argparse
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from rich.console import Console
from rich.progress import track
from rich.table import Column, Table

import core
from core.analysis.words import count, percent
from core.data.incoming import Content

DONE, FAILED = 0, 1

say = Console(stderr=True, highlight=False)


def main(argv: Sequence[str] | None = None) -> int:
    """Predict what the arguments ask for and return the exit code: 1 where a file could not be read."""
    parser = _parser()
    arguments = parser.parse_args(argv)
    if arguments.top < 1:
        parser.error(f"Expected --top to be 1 or more; received {arguments.top}.")
    assistant = core.Assistant()
    try:
        store = core.RunStore(arguments.runs)
        model = core.trained_model(store, store.get(arguments.run))
        files = list(_files(arguments.images))
        items = list(core.receive(files))
        answers = _ask(assistant, model, {item.hash: path for (_, path), item in zip(files, items, strict=True)
                                          if isinstance(item, core.Incoming)})
    except (ValueError, OSError, core.NoSuchRun, core.AssistantError) as error:
        say.print(str(error), style="red", markup=False)
        return FAILED
    finally:
        assistant.close()
    return _tell(arguments, model, items, answers)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="predict.py", description=__doc__)
    add = parser.add_argument
    add("run", metavar="RUN", help="the id of a run that has a model")
    add("images", metavar="IMAGES", nargs="+", type=Path, help="pictures, or folders of pictures")
    add("--csv", type=Path, metavar="FILE", help="write all probabilities there too")
    add("--top", type=int, default=3, metavar="N", help="classes to show of each picture")
    add("--runs", type=Path, default=Path("runs"), metavar="DIR", help="where runs are kept")
    return parser


def _files(paths: Iterable[Path]) -> Iterator[tuple[str, Path]]:
    """(name, path) of the files themselves, and of all below folders."""
    for path in paths:
        if path.is_dir():
            found = sorted(entry for entry in path.rglob("*") if entry.is_file())
            yield from ((entry.relative_to(path).as_posix(), entry) for entry in found)
        else:
            yield str(path), path


def _ask(assistant: core.Assistant, model: core.TrainedModel, contents: dict[str, Content]) -> core.Answers:
    """Raises `AssistantError` where the model cannot be asked."""
    answers = core.Answers()
    for _ in track(answers.ask(contents, [model], assistant.see), "Asking the model", len(contents), console=say,
                   transient=True):
        pass
    for trouble in answers.failures.values():
        raise core.AssistantError(trouble)
    return answers


def _tell(arguments: argparse.Namespace, model: core.TrainedModel, items: Sequence[core.Incoming | core.Refused],
          answers: core.Answers) -> int:
    said = [(item.name, model, answer) for item in items if isinstance(item, core.Incoming)
            and (answer := answers.of(item.hash, model))]
    ranks = range(1, min(arguments.top, len(model.classes)) + 1)
    table = Table(Column("Picture", overflow="fold"), *(f"{rank}." for rank in ranks), "")
    for name, _, answer in said:
        table.add_row(name, *(f"{label} {percent(share)}" for label, share in answer.top(arguments.top)),
                      core.unlike([answer]))
    Console(markup=False, highlight=False).print(table)
    refused = [item for item in items if isinstance(item, core.Refused)]
    for item in refused:
        say.print(f"{item.name}: {item.reason}", style="yellow", markup=False, soft_wrap=True)
    if arguments.csv:
        arguments.csv.write_text(core.to_csv(core.prediction_rows(said)), encoding="utf-8")
    say.print(f"{count(len(said), 'picture')} answered, {len(refused)} refused.")
    return FAILED if refused or len(said) < len(items) else DONE


if __name__ == "__main__":
    sys.exit(main())
