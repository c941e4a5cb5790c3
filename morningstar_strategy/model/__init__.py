"""Models that forecast."""
