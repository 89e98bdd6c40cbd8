"""Read and change the records of growing studies: one JSON file each in `.growth` in the folder of the runs."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from filelock import FileLock

from core.experiment.growth_limits import GrowthLimits
from core.experiment.run_config import RunConfig
from core.experiment.runs.growth import Growth, GrowthState
from core.experiment.runs.index import FileStamp, file_stamp
from core.experiment.runs.run import STUDY_ID, AnyRun, State
from core.experiment.runs.run_store import RunStore
from core.machine.files import read_json, write_atomically


class GrowthStore:
    """The records of the growing studies of a `RunStore`. A change by another process is never overwritten."""

    def __init__(self, store: RunStore) -> None:
        self._store, self._folder = store, store.root / ".growth"

    def load(self, study_id: str) -> Growth | None:
        """The record of a study; None if it does not grow, or its record is damaged."""
        if not isinstance(study_id, str) or not STUDY_ID.fullmatch(study_id):
            return None
        try:
            return _read(self._path(study_id), file_stamp(self._path(study_id)))
        except (OSError, ValueError):
            return None

    def growing(self) -> list[Growth]:
        """The records of all studies to which seeds may be added, the oldest first."""
        paths = sorted(self._folder.glob("*.json")) if self._folder.is_dir() else []
        found = [growth for path in paths if (growth := self.load(path.stem))]
        return [growth for growth in found if growth.state is GrowthState.GROWING]

    def add(self, growth: Growth) -> None:
        """Store a new record, unless the study has one. Raises `OSError`."""
        with self._lock():
            if not self.load(growth.study):
                self._write(growth)

    def update(self, before: Growth, after: Growth, planned: Sequence[tuple[RunConfig, str]] = ()) -> None:
        """Add these runs to the study and replace its record, unless another process has changed it. Raises `OSError`.

        The runs come first: if the process ends in between, `add_runs` adds only the missing ones the next time.
        """
        with self._lock():
            if self.load(before.study) == before:
                if planned:
                    self._store.add_runs(before.study, planned)
                self._write(after)

    def stop(self, study_id: str) -> None:
        """Add no more seeds; runs that wait or train are not stopped. Raises `OSError`."""
        with self._lock():
            growth = self.load(study_id)
            if growth and growth.state is GrowthState.GROWING:
                self._write(replace(growth, state=GrowthState.STOPPED, reason="stopped by hand"))

    def resume(self, study_id: str, limits: GrowthLimits | None = None) -> Growth:
        """Let a study that is not settled grow again, and queue its stopped and failed runs.

        A study that has used up its budget needs higher `limits`. Raises `NoSuchRun`, `ValueError`, `OSError`.
        """
        growth = self.load(study_id)
        if growth is None or growth.state is GrowthState.SETTLED:
            found = f", {growth.state}" if growth else ", which does not grow"
            raise ValueError(f"Expected a stopped study that grows until it is settled; received {study_id}{found}.")
        limits, runs = limits or growth.limits, self._store.study(study_id).runs
        if growth.state is GrowthState.BUDGET_USED or limits.max_seeds < growth.seeds:
            growth.expect_room(limits, trained_seconds(self._store, runs))
        for run in runs:
            if run.state.is_resumable or run.state is State.LOST:
                self._store.requeue(run.id)
        resumed = replace(growth, limits=limits, state=GrowthState.GROWING, reason="")
        with self._lock():
            self._write(resumed)
        return resumed

    def forget(self, study_id: str) -> None:
        """Delete the record of a study whose runs were all deleted."""
        self._path(study_id).unlink(missing_ok=True)

    def _path(self, study_id: str) -> Path:
        return self._folder / f"{study_id}.json"

    def _write(self, growth: Growth) -> None:
        write_atomically(self._path(growth.study), json.dumps(growth.to_json(), indent=1), durable=True)

    @contextmanager
    def _lock(self) -> Iterator[None]:
        self._folder.mkdir(exist_ok=True)
        with FileLock(self._folder / ".lock"):
            yield


def trained_seconds(store: RunStore, runs: Sequence[AnyRun]) -> float:
    """How long these runs have trained together."""
    return sum(store.metrics(run.id).elapsed for run in runs)


@lru_cache(64)
def _read(path: Path, _stamp: FileStamp) -> Growth:
    """Read a record; `_stamp` is part of the cache key, so that a changed file is read again."""
    return Growth.from_json(read_json(path))
