"""The one schema of settings and how it becomes wired components."""
