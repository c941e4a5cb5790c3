"""Backtests on the engine: composition root and command line."""
