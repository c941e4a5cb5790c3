"""Live sessions on the local exchange, replayed from what they recorded and compared."""
