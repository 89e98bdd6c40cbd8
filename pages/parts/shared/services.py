"""The services behind all pages, created once per server and shared by all browser sessions."""

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
from core.execution.queue.study_growth import grow_studies
from core.experiment.preset import PresetStore
from core.experiment.runs.run import State
from core.experiment.runs.run_store import RunStore, StoreError
from core.experiment.timings import TimingStore
from core.machine.paths import presets_folder, timings_folder
from pages.parts.shared.navigation import ensure_navigation


@dataclass(frozen=True)
class Services:
    """Stored runs, the launcher that trains them, the Keras service, readable folders, presets and training times."""

    store: RunStore
    launcher: Launcher
    keras_service: KerasService
    allowed_folders: AllowedFolders
    presets: PresetStore
    timings: TimingStore


def get_services() -> Services:
    """The services for this server's arguments. If the runs folder cannot be used, show the error and stop the page."""
    ensure_navigation()
    arguments = _arguments()
    try:
        return _services(
            str(arguments.runs), tuple(map(str, arguments.data_root)), st.get_option("server.address") or "", id(State)
        )
    except (StoreError, OSError) as error:
        show_error(error)
        st.stop()


def show_error(error: Exception) -> None:
    """Show an error in one line. Names of files and classes in it are escaped."""
    st.error(escape_markdown(error_text(error)))


def error_text(error: Exception) -> str:
    """The message of an error; for an error of the operating system its text, the file and advice."""
    if isinstance(error, OSError) and error.strerror:
        return f"{error.strerror}: {error.filename or 'the disk'}. Check the path, permissions and free disk space."
    return str(error)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--data-root", type=Path, action="append", default=[])
    return parser.parse_known_args(sys.argv[1:])[0]


@st.cache_resource(show_spinner=False, max_entries=1, on_release=lambda services: _release(services))
def _services(runs: str, data_roots: tuple[str, ...], address: str, code: int) -> Services:
    """Create the services. `code` is part of the cache key: it changes if Streamlit imports the modules again after an
    edit, when services made from the old classes would return states that do not equal the new ones.
    """
    store = RunStore(runs)
    atexit.register(_print_shutdown_notice, store)
    roots = AllowedFolders.for_server(address, [Path(root) for root in data_roots])
    launcher = Launcher(store, prewarmer=Prewarmer(), grow=grow_studies)
    return Services(
        store, launcher, KerasService(), roots, PresetStore(presets_folder()), TimingStore(timings_folder())
    )


def _release(services: Services) -> None:
    services.launcher.close()
    services.keras_service.close()
    atexit.unregister(_print_shutdown_notice)


def _print_shutdown_notice(store: RunStore) -> None:
    if text := shutdown_notice(store):
        print(text, flush=True)
