"""The journal of a live node in a database: sessions, hash-chained records, append-only."""
