"""Opinions on predictions from outside the model."""
