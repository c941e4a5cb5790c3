"""Hostile replies and news, and what may come of them: nothing unsafe."""
