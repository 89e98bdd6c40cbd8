"""Limits of an upload, and the error raised when an upload is refused."""

import errno
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from core.data.datasets.layout.shown_names import printable
from core.machine.files import ZIP_ERRORS


class UploadError(ValueError):
    """Raised for a refused upload; the message names the entry, the cause and the remedy.

    `received` is the entry with the cause; "" if it is not one entry that is refused.
    """

    def __init__(self, message: str, received: str = "") -> None:
        super().__init__(message)
        self.received = received


class UnusableFile(ValueError):
    """One file of an upload cannot be used; the others can. The message says why in a few words."""


@dataclass(frozen=True)
class UploadLimits:
    """Limits of one upload; sizes in bytes."""

    entries: int = 100_000
    total_bytes: int = 20 * 10**9
    file_bytes: int = 200 * 10**6
    ratio: int = 200
    """Largest ratio of unpacked to packed size of an archive that unpacks to more than `ratio_from` bytes."""
    ratio_from: int = 10**9
    path_bytes: int = 512
    name_bytes: int = 255


@contextmanager
def as_upload_errors(name: str) -> Iterator[None]:
    """Convert errors of the disk and of damaged archives into an UploadError that names the entry."""
    try:
        yield
    except UploadError:
        raise
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            raise upload_error(
                f"disk space for {quoted(name)}", "disk full", "free some space and try again"
            ) from error
        cause = error.strerror or str(error)
        raise upload_error(
            f"to read and store {quoted(name)}", cause, "check the file and the uploads folder"
        ) from error
    except ZIP_ERRORS as error:
        raise upload_error("a valid ZIP file", f"damage at {quoted(name)} ({error})", "create the ZIP again") from error


def upload_error(expected: str, received: str, advice: str) -> UploadError:
    """Return an UploadError with the project's three-part message."""
    return UploadError(f"Expected {expected}; received {received}; {advice}.", received)


def joined(errors: Sequence[UploadError]) -> UploadError:
    """Return one error that contains up to three of the refused entries, so that all can be mended at once."""
    if len(errors) == 1:
        return errors[0]
    causes = [error.received for error in errors[1:3]]
    more = f" and {len(errors) - 3:,} more" if len(errors) > 3 else ""
    return UploadError(f"{str(errors[0]).removesuffix('.')}; refused too: {', '.join(causes)}{more}.")


def size_error(name: str, limits: UploadLimits) -> UploadError:
    """Return the error for a file that exceeds the limit for one file or for the whole upload."""
    allowed = f"at most {limits.file_bytes:,} bytes per file and {limits.total_bytes:,} in total"
    return upload_error(allowed, f"more, at {quoted(name)}", "leave it out or split the data set")


def quoted(name: str) -> str:
    """Quote a name for a message, as `short_name` shows it."""
    return f"'{short_name(name)}'"


def short_name(name: str) -> str:
    """A name for a message: control and direction characters escaped, shortened to 80 characters."""
    return printable(name if len(name) <= 80 else f"{name[:40]}…{name[-39:]}")
