"""The record of files that were left out when a data set was uploaded, so that its report can list them."""

import json
from collections.abc import Sequence
from dataclasses import astuple
from pathlib import Path

from core.data.datasets.dataset import Problem
from core.machine.files import read_json, write_atomically

_NAME = ".left-out.json"


def write_left_out(folder: Path, problems: Sequence[Problem]) -> None:
    """Record the problems in the folder; writes no file if there are none. Raises `OSError`."""
    if problems:
        write_atomically(folder / _NAME, json.dumps([astuple(problem) for problem in problems]))


def read_left_out(folder: Path) -> list[Problem]:
    """Return the recorded problems; none if the folder has no readable record."""
    try:
        return [Problem(*map(str, row)) for row in read_json(folder / _NAME)]
    except (OSError, ValueError, TypeError):
        return []
