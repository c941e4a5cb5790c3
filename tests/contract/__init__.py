"""What ccxt sends for each call that the adapter makes, pinned."""
