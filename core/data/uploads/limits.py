"""How an upload is refused: what it may bring, and the error that says what was wrong with it."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from core.machine.files import DAMAGED_ZIP


class UploadError(ValueError):
    """An upload that is refused: the message names the entry, the cause and what to do."""


@dataclass(frozen=True)
class UploadLimits:
    """How much one upload may bring; sizes in bytes."""

    entries: int = 100_000
    total_bytes: int = 20 * 10**9
    file_bytes: int = 200 * 10**6
    ratio: int = 200
    """Unpacked size over packed size, for entries larger than `ratio_from` unpacked."""
    ratio_from: int = 10**6
    path_bytes: int = 512
    name_bytes: int = 255


@contextmanager
def refusing(name: str) -> Iterator[None]:
    """Turn what disks and damaged archives raise into an UploadError that names the entry."""
    try:
        yield
    except UploadError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise refusal(f"room for {shown(name)}", "disk full", "free some space and try again") from error
        cause = error.strerror or str(error)
        raise refusal(f"to read and store {shown(name)}", cause, "check the file and the uploads folder") from error
    except DAMAGED_ZIP as error:
        raise refusal("a sound zip", f"damage at {shown(name)} ({error})", "make the zip again") from error


def refusal(expected: str, received: str, advice: str) -> UploadError:
    """The error with the project's three-part message."""
    return UploadError(f"Expected {expected}; received {received}; {advice}.")


def too_large(name: str, limits: UploadLimits) -> UploadError:
    """The error for a file, or with it the whole upload, over its limit."""
    allowed = f"at most {limits.file_bytes:,} bytes a file and {limits.total_bytes:,} in all"
    return refusal(allowed, f"more, at {shown(name)}", "leave it out or split the data set")


def shown(name: str) -> str:
    """The name for a message: quoted, its control and direction characters escaped, of bounded length."""
    return repr(name if len(name) <= 80 else f"{name[:40]}…{name[-39:]}")
