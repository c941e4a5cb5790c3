"""ccxt data and execution clients for NautilusTrader (in preparation)."""
