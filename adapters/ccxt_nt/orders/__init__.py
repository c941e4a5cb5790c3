"""Orders as facts: what was asked, what the venue says, what must be told; free of the engine."""
