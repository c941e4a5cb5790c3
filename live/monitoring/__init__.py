"""Watching a live node: metrics, health, logs and alerts."""
