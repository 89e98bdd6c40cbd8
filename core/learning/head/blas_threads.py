"""Threads of NumPy's matrix products: the matrices of a head are small, and several threads take much longer."""

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def in_one_thread() -> AbstractContextManager[object]:
    """Within the context, NumPy multiplies matrices in one thread, in all threads of the process."""
    limit: AbstractContextManager[object] = _controller().limit(limits=1, user_api="blas")
    return limit


@cache
def _controller() -> ThreadpoolController:
    """The thread pools of the libraries that are loaded; finding them takes milliseconds."""
    return ThreadpoolController()
