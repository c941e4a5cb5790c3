"""The line to a venue: one ccxt object a role, its queue, its streams, its errors."""
