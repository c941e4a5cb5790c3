"""Leak detectors: what must not know the future is shown another one, and must not notice."""
