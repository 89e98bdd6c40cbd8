"""What all pages share: the services behind them and the sidebar."""

import argparse
import atexit
import sys
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

import core
from core.analysis.words import duration, gigabytes


@dataclass(frozen=True)
class Services:
    """One set a server, shared by all visitors."""

    store: core.RunStore
    launcher: core.Launcher
    roots: core.DataRoots


def services() -> Services:
    """The services for this server's arguments; a runs folder that cannot be used is one line, not a traceback."""
    arguments = _arguments()
    try:
        return _services(str(arguments.runs), tuple(map(str, arguments.data_root)),
                         st.get_option("server.address") or "")
    except core.StoreError as error:
        st.error(str(error))
        st.stop()


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--runs", type=Path, default=Path("runs"))
    parser.add_argument("--data-root", type=Path, action="append", default=[])
    return parser.parse_known_args(sys.argv[1:])[0]


@st.cache_resource(show_spinner=False, on_release=lambda services: _release(services))
def _services(runs: str, data_roots: tuple[str, ...], address: str) -> Services:
    store = core.RunStore(runs)
    atexit.register(_say_farewell, store)
    return Services(store, core.Launcher(store), core.DataRoots.default(address, [Path(root) for root in data_roots]))


def _release(services: Services) -> None:
    services.launcher.close()
    atexit.unregister(_say_farewell)


def _say_farewell(store: core.RunStore) -> None:
    if text := core.farewell(store):
        print(text, flush=True)


def sidebar(services: Services) -> None:
    """The device and what runs now, on every page."""
    with st.sidebar:
        for device in core.training_devices():
            used, total = gigabytes(device.memory_used), gigabytes(device.memory_total)
            st.caption(f"{device.name}  \n{used} of {total} used, {device.load:.0%} busy")
        running = [run for run in services.store.active() if run.state is not core.State.QUEUED]
        for run in running:
            done = core.progress(run, services.store.metrics(run.id))
            left = f", {duration(done.seconds_left)} left" if done.seconds_left is not None else ""
            st.progress(done.share, f"{run.title}{left}")
            st.page_link("pages/train.py", label="Watch it", query_params={"study": run.study})
        if not running:
            st.caption("Nothing trains now.")
