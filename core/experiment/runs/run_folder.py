"""Read and create the folders of runs. `runs/README.md` describes their files."""

import json
import os
import shutil
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from core.experiment.run_config import RunConfig
from core.experiment.runs.run import AnyRun, CorruptRun, Run, RunError, RunStatus, State
from core.machine.files import read_json

LOG_BYTES = 64 * 1024
"""Number of bytes at the end of a log that are read at most."""


class NoSuchRun(KeyError):
    """No run has this id."""

    def __str__(self) -> str:
        return f"No such run: {str(self.args[0])[:80]!r}. Check the id and the folder of the runs."


def read_run(path: Path) -> AnyRun:
    """Read the run in this folder. Raises `NoSuchRun` if the folder is missing."""
    try:
        config = RunConfig.from_json(read_json(path / "config.json"))
        status = RunStatus.from_json(read_json(path / "status.json"))
    except (OSError, ValueError) as error:
        if not path.is_dir():
            raise NoSuchRun(path.name) from error
        problem = RunError(
            "corrupt",
            f"Its config.json or status.json cannot be read: {error}",
            "Delete the run, or restore the file.",
        )
        return CorruptRun(path.name, RunStatus(State.CORRUPT, error=problem))
    return Run(path.name, config, status)


def read_log_tail(path: Path, lines: int) -> str:
    """Read the last lines that the run's worker printed; "" if there is no log."""
    try:
        with (path / "log.txt").open("rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - LOG_BYTES))
            return "".join(deque(file.read().decode(errors="replace").splitlines(keepends=True), maxlen=lines))
    except OSError:
        return ""


def create_run_folders(root: Path, planned: Mapping[str, tuple[RunConfig, str]]) -> None:
    """Create a folder for each run id: (configuration, manifest as CSV text).

    All folders are filled under hidden names and then renamed, so readers never see an incomplete run, and an error
    leaves no part of a study. Raises `OSError`.
    """
    hidden = {run_id: root / f".new-{run_id}" for run_id in planned}
    try:
        for run_id, (config, manifest) in planned.items():
            _fill(hidden[run_id], config, manifest)
    except BaseException:
        for folder in hidden.values():
            shutil.rmtree(folder, ignore_errors=True)
        raise
    active = root / ".active"
    active.mkdir(parents=True, exist_ok=True)
    for run_id, folder in hidden.items():
        folder.rename(root / run_id)
        (active / run_id).touch()


def _fill(folder: Path, config: RunConfig, manifest: str) -> None:
    folder.mkdir()
    (folder / "manifest.csv").write_bytes(manifest.encode())
    (folder / "config.json").write_text(json.dumps(config.to_json(), indent=1), encoding="utf-8")
    (folder / "status.json").write_text(json.dumps(RunStatus().to_json()), encoding="utf-8")
