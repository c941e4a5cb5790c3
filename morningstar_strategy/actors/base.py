"""The engine's actor, made constructible with our own arguments."""

from typing import Any, Self

from nautilus_trader.common import DataActor, DataActorConfig

__all__ = ["Actor"]


class Actor(DataActor):
    """An actor of the engine whose subclasses take keyword arguments."""

    def __new__(cls, *_args: Any, **_kwargs: Any) -> Self:
        """Keep the subclass's arguments from the engine's constructor."""
        # The stub hides the engine's constructor behind __init__
        return super().__new__(cls, DataActorConfig())  # type: ignore[call-arg]
