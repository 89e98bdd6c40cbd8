"""What all pages share: the services behind them and the sidebar."""

import argparse
import atexit
import sys
from dataclasses import dataclass
from pathlib import Path

import streamlit as st

import core
from core.analysis.words import duration, gigabytes, plain

POLL_SECONDS = 2.0


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
    except (core.StoreError, OSError) as error:
        refuse(error)
        st.stop()


def refuse(error: Exception) -> None:
    """Say in one line why something cannot be done; names of files and classes in it are no formatting."""
    st.error(plain(str(error)))


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
        running = _running(services)
        st.fragment(_show_running, run_every=POLL_SECONDS if running else None)(services, bool(running))
        for study in dict.fromkeys(run.study for run in running):
            st.page_link("pages/train.py", label="Watch it", query_params={"study": study})


def _running(services: Services) -> list[core.Run]:
    return [run for run in services.store.active() if run.state is not core.State.QUEUED]


def _show_running(services: Services, was_running: bool) -> None:
    """What trains now, kept fresh; the page is redrawn when the last run ends."""
    running = _running(services)
    if was_running and not running:
        st.rerun()
    for run in running:
        try:
            done = core.progress(run, services.store.metrics(run.id))
        except core.NoSuchRun:
            continue
        st.progress(done.share, run.title + (f", {duration(done.seconds_left)} left" if done.seconds_left else ""))
    if not running:
        st.caption("Nothing trains now.")
