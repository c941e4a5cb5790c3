"""A NautilusTrader-native trading system packaged as strategy, actors and a pure core."""

__all__: list[str] = []
