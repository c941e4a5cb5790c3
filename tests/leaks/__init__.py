"""Leaks planted on purpose, each to be found by its detector: `python -m tests.leaks`."""
