"""Below which folders a person may choose data: a server that others can reach shows nobody its disk."""

import ipaddress
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

_LONGEST = 4096
# Control characters, NUL among them, and lone surrogates, which no file system can be asked about.
_FORBIDDEN = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


class FolderError(ValueError):
    """A folder that cannot be chosen; the message says why in one line."""


class OutsideAllowedFolders(FolderError):
    """Not below a root; raised in the same words whether or not the folder exists."""


class MissingFolder(FolderError):
    """Below a root, but no folder is there."""


@dataclass(frozen=True)
class AllowedFolders:
    """The folders below which data may be chosen; with none, only the sample and uploads are left."""

    roots: tuple[Path, ...]

    @classmethod
    def default(cls, address: str, given: Sequence[Path]) -> "AllowedFolders":
        """The given roots; without any, the working directory and the home folder of a server only its owner reaches.

        `address` is what the server listens on. An empty one means every interface, so it gives no roots.
        """
        if given:
            return cls(tuple(given))
        return cls((Path.cwd(), Path.home())) if _is_loopback(address) else cls(())

    def resolve(self, path: str) -> Path:
        """The real folder that `path` names, `~` expanded and links followed.

        Raises OutsideRoots where that is not below a root or is no path at all, MissingFolder where nothing is there.
        """
        real = _real(path)
        if not any(real.is_relative_to(os.path.realpath(root)) for root in self.roots):
            raise OutsideAllowedFolders(
                f"Expected a folder {self._described()}; received {_shown(path)}; {self._advice()}."
            )
        if not os.path.isdir(real):  # noqa: PTH112
            raise MissingFolder(f"Expected an existing folder; received {_shown(path)}; check its spelling.")
        return real

    def _described(self) -> str:
        """The roots in words."""
        return f"below {' or '.join(map(str, self.roots))}" if self.roots else "this server offers, and it offers none"

    def _advice(self) -> str:
        """What a person outside the roots can do."""
        return "choose one below it, or upload the images" if self.roots else "upload the images or take the sample"


def _is_loopback(address: str) -> bool:
    """Whether only programs on the same machine can reach the address."""
    try:
        return ipaddress.ip_address(address.strip("[]")).is_loopback
    except ValueError:
        return address.lower() == "localhost"


def _real(path: str) -> Path:
    """The path with `~` and links resolved, whether or not it exists; raises OutsideRoots where it can be no path."""
    if not path.strip():
        raise OutsideAllowedFolders("Expected the path of a folder; received nothing; type or choose one.")
    if len(path) > _LONGEST or _FORBIDDEN.search(path):
        expected = f"a path of at most {_LONGEST:,} characters, none of them a control character"
        raise OutsideAllowedFolders(f"Expected {expected}; received {len(path):,}: {_shown(path)}; check its spelling.")
    # os.path and not pathlib, here and above: it raises for neither an unknown `~user`, a loop of links, an over-long
    # name nor a folder that may not be looked into.
    return Path(os.path.realpath(os.path.expanduser(path)))  # noqa: PTH111


def _shown(path: str) -> str:
    """The path for a message: quoted, control characters escaped, of bounded length."""
    return repr(path if len(path) <= 120 else f"{path[:60]}…{path[-59:]}")
