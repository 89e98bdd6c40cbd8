"""The services behind all pages: one set a server, shared by its visitors."""

import argparse
import atexit
import sys
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

from core.analysis.text import plain
from core.data.datasets.allowed_folders import DataRoots
from core.execution.keras_service.client import Assistant
from core.execution.queue.launcher import Launcher, farewell
from core.execution.queue.prewarm import Spare
from core.experiment.preset import PresetStore
from core.experiment.run import State
from core.experiment.run_store import RunStore, StoreError
from core.experiment.timings import Paces
from core.machine.paths import presets_folder, timings_folder
from pages.parts.shared.navigation import expect_navigation


@dataclass(frozen=True)
class Services:
    """What pages ask: the runs, who trains them, who answers with Keras, which folders may be read,
    the presets, how fast this machine is.
    """

    store: RunStore
    launcher: Launcher
    assistant: Assistant
    roots: DataRoots
    presets: PresetStore
    paces: Paces


def services() -> Services:
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
    st.error(plain(told(error)))


def told(error: Exception) -> str:
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
    roots = DataRoots.default(address, [Path(root) for root in data_roots])
    launcher = Launcher(store, spare=Spare())
    return Services(store, launcher, Assistant(), roots, PresetStore(presets_folder()), Paces(timings_folder()))


def _release(services: Services) -> None:
    services.launcher.close()
    services.assistant.close()
    atexit.unregister(_say_farewell)


def _say_farewell(store: RunStore) -> None:
    if text := farewell(store):
        print(text, flush=True)
