"""The number of threads in which NumPy multiplies matrices."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache

from threadpoolctl import ThreadpoolController

_LOCK = threading.Lock()
"""Two limits at once would restore each other's number of threads."""


@contextmanager
def in_one_thread() -> Iterator[None]:
    """Within the context, NumPy multiplies matrices in one thread, in all threads of the process.

    The matrices of a head are small: several threads take longer, and may round differently.
    """
    with _LOCK, _controller().limit(limits=1, user_api="blas"):
        yield


@cache
def _controller() -> ThreadpoolController:
    """The thread pools of the libraries that are loaded; finding them takes milliseconds."""
    return ThreadpoolController()
