"""NautilusTrader's own testing specifications, case by case, against the local exchange."""
