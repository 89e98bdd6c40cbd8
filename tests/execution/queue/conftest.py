"""Fixtures of the queue tests."""

from harness import lab

__all__ = ["lab"]
