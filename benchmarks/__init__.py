"""Ratios and figures, each measured in one run."""
