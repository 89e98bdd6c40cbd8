"""Benchmarks: they print measurements next to target values and assert nothing."""
