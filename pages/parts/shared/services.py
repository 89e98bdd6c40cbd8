"""The services behind all pages: one set a server, shared by its visitors."""

import argparse
import atexit
import sys
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.analysis.text import escape_markdown
from core.data.datasets.allowed_folders import AllowedFolders
from core.execution.keras_service.client import KerasService
from core.execution.queue.launcher import Launcher, shutdown_notice
from core.execution.queue.prewarm import Prewarmer
from core.experiment.preset import PresetStore
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore, StoreError
from core.experiment.timings import TimingStore
from core.machine.paths import presets_folder, timings_folder
from pages.parts.shared.navigation import expect_navigation


@dataclass(frozen=True)
class Services:
    """What pages ask: the runs, who trains them, who answers with Keras, which folders may be read,
    the presets, how fast this machine is.
    """

    store: RunStore
    launcher: Launcher
    keras_service: KerasService
    allowed_folders: AllowedFolders
    presets: PresetStore
    timings: TimingStore


def get_services() -> Services:
    """The services for this server's arguments; a runs folder that cannot be used is one line, not a traceback."""
    expect_navigation()
    arguments = _arguments()
    try:
        return _services(
            str(arguments.runs), tuple(map(str, arguments.data_root)), st.get_option("server.address") or "", id(State)
        )
    except (StoreError, OSError) as error:
        refuse(error)
        st.stop()


def refuse(error: Exception) -> None:
    """Say in one line why something cannot be done; names of files and classes in it are no formatting."""
    st.error(escape_markdown(error_text(error)))


def error_text(error: Exception) -> str:
    """An error as a sentence; the system's own come as a number and a name."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'the disk'}. Check the path, the rights and the room on the disk."
    return str(error)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--data-root", type=Path, action="append", default=[])
    return parser.parse_known_args(sys.argv[1:])[0]


@st.cache_resource(show_spinner=False, max_entries=1, on_release=lambda services: _release(services))
def _services(runs: str, data_roots: tuple[str, ...], address: str, code: int) -> Services:
    """`code` changes when the source does: Streamlit then imports all modules anew, and services of old classes would
    speak of states that are none of the new ones.
    """
    store = RunStore(runs)
    atexit.register(_say_farewell, store)
    roots = AllowedFolders.default(address, [Path(root) for root in data_roots])
    launcher = Launcher(store, prewarmer=Prewarmer())
    return Services(
        store, launcher, KerasService(), roots, PresetStore(presets_folder()), TimingStore(timings_folder())
    )


def _release(services: Services) -> None:
    services.launcher.close()
    services.keras_service.close()
    atexit.unregister(_say_farewell)


def _say_farewell(store: RunStore) -> None:
    if text := shutdown_notice(store):
        print(text, flush=True)
