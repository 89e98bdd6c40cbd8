"""Fixtures of the execution tests."""

from harness import lab

__all__ = ["lab"]
