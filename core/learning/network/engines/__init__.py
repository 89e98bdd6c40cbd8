"""Engines that compute the frozen part of a base, and the probe that finds the fastest one on this machine."""
