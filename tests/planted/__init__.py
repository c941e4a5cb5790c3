"""Differences put into one of two runs on purpose, each with the rung and cause to be found."""
