"""The engine's side of execution: commands in, events and reports out."""
