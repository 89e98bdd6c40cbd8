"""Allowed data folders: a server that other machines can reach must not reveal its disk."""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_MAX_LENGTH = 4096
# Control characters (including NUL) and lone surrogates: file systems accept neither.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class FolderError(ValueError):
    """The folder cannot be used; the message gives the reason in one line."""


class OutsideAllowedFolders(FolderError):
    """The folder is not below an allowed folder. The message is the same whether or not it exists."""


class MissingFolder(FolderError):
    """The path is below an allowed folder, but no folder exists there."""


class MissingFile(FolderError):
    """The path is below an allowed folder, but no regular file exists there."""


@dataclass(frozen=True)
class AllowedFolders:
    """The folders below which users may choose data. If there are none, only the sample set and uploads remain."""

    roots: tuple[Path, ...]

    @classmethod
    def for_server(cls, address: str, configured: Sequence[Path]) -> "AllowedFolders":
        """Return the configured folders; if there are none and only this machine can reach the server, the working
        directory and the home folder.

        `address` is the address that the server listens on. An empty address means all interfaces, so it allows none.
        """
        if configured:
            return cls(tuple(configured))
        return cls((Path.cwd(), Path.home())) if _is_loopback(address) else cls(())

    def resolve(self, path: str) -> Path:
        """Return the real folder at `path`, with `~` expanded and links followed.

        Raises `OutsideAllowedFolders` if it is not below an allowed folder or is not a valid path, `MissingFolder` if
        it is not an existing folder.
        """
        real = self._expect_allowed(path, "folder")
        if not os.path.isdir(real):  # noqa: PTH112
            raise MissingFolder(f"Expected an existing folder; received {_quoted(path)}; check its spelling.")
        return real

    def resolve_file(self, path: str) -> Path:
        """Return the real file at `path`, with `~` expanded and links followed.

        Raises `OutsideAllowedFolders` as `resolve` does, `MissingFile` if it is no existing regular file.
        """
        real = self._expect_allowed(path, "file")
        if not os.path.isfile(real):  # noqa: PTH113
            raise MissingFile(f"Expected an existing file; received {_quoted(path)}; check its spelling.")
        return real

    def _expect_allowed(self, path: str, kind: str) -> Path:
        """Return the real path. Raises `OutsideAllowedFolders` if it is not below an allowed folder."""
        real = _real_path(path)
        if not any(real.is_relative_to(os.path.realpath(root)) for root in self.roots):
            raise OutsideAllowedFolders(
                f"Expected a {kind} {self._described()}; received {_quoted(path)}; {self._advice(kind)}."
            )
        return real

    def _described(self) -> str:
        if self.roots:
            return f"below {' or '.join(map(str, self.roots))}"
        return "that this server allows, and it allows none"

    def _advice(self, kind: str) -> str:
        if kind == "file":
            return "copy the file there, or use a pattern" if self.roots else "use a pattern"
        if self.roots:
            return "choose a folder below it, or upload the images"
        return "upload the images or use the sample set"


def _is_loopback(address: str) -> bool:
    """Whether only programs on the same machine can reach the address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def _real_path(path: str) -> Path:
    """Resolve `~` and links, whether or not the path exists. Raises `OutsideAllowedFolders` if it is not valid."""
    if not path.strip():
        raise OutsideAllowedFolders("Expected the path of a folder; received nothing; type or choose one.")
    if len(path) > _MAX_LENGTH or _FORBIDDEN.search(path):
        expected = f"a path of at most {_MAX_LENGTH:,} characters without control characters"
        raise OutsideAllowedFolders(
            f"Expected {expected}; received {len(path):,} characters: {_quoted(path)}; check its spelling."
        )
    # os.path instead of pathlib, here and above: it never raises, not for an unknown `~user`, a loop of links, an
    # over-long name or a folder without read permission.
    return Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111


def _quoted(path: str) -> str:
    """The path for a message: quoted, control characters escaped, at most 120 characters."""
    return repr(path if len(path) <= 120 else f"{path[:60]}…{path[-59:]}")
