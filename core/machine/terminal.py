"""Consoles of the terminal programs: results go to standard output, progress and messages to standard error."""

import io
import sys
from typing import Final

from rich.console import Console

messages: Final = Console(stderr=True, highlight=False)
"""For progress, warnings and errors."""

_UNLIMITED_WIDTH: Final = 10_000


def results() -> Console:
    """A console for results. In a file or a pipe, lines are not wrapped.

    Characters that the encoding of the output lacks are written as escapes, as Python does on standard error.
    """
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")
    width = None if sys.stdout.isatty() else _UNLIMITED_WIDTH
    return Console(width=width, markup=False, emoji=False, highlight=False)
