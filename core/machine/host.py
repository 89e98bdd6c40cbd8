"""Recognise this host: by its boot, which survives a new name, and by its name, which survives a reboot."""

import socket
import uuid
from functools import lru_cache
from pathlib import Path
from typing import TypedDict

import psutil

_MACHINE_ID, _BOOT_ID = Path("/etc/machine-id"), Path("/proc/sys/kernel/random/boot_id")  # Linux only
_NOT_BUILT_IN = 0b11 << 40  # bits of a MAC address that was drawn at random or assigned by software


class HostIdentity(TypedDict):
    """Name of a host, its machine id and the id of its current boot; an id that the system does not have is ""."""

    host: str
    machine: str
    boot: str


def host_identity() -> HostIdentity:
    """The identity of the host on which this process runs."""
    return {"host": socket.gethostname(), "machine": _machine_id(), "boot": _boot_id()}


def is_this_host(other: HostIdentity) -> bool:
    """Whether `other` was recorded on this host, perhaps before a reboot or under another name.

    Two hosts may have the same name, and copies of one disk the same machine id. So a machine id alone proves nothing,
    and a host that was renamed and restarted counts as another one.
    """
    here = host_identity()
    if here["boot"] and here["boot"] == other["boot"]:
        return True
    is_other_machine = bool(here["machine"] and other["machine"]) and here["machine"] != other["machine"]
    return bool(other["host"]) and here["host"] == other["host"] and not is_other_machine


@lru_cache(1)
def _machine_id() -> str:
    try:
        return _MACHINE_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        node = uuid.getnode()
        return "" if node & _NOT_BUILT_IN else f"{node:012x}"


@lru_cache(1)
def _boot_id() -> str:
    try:
        return _BOOT_ID.read_text(encoding="ascii").strip()
    except (OSError, ValueError):
        machine = _machine_id()
        return f"{machine}-{psutil.boot_time():.0f}" if machine else ""
