"""The engine's actor, made constructible with our own arguments."""

from typing import Any, Self

from nautilus_trader.common import DataActor, DataActorConfig
from nautilus_trader.model import ActorId

__all__ = ["Actor"]


class Actor(DataActor):
    """An actor of the engine whose subclasses take keyword arguments.

    A `tag` tells it from another of its kind in the same node.
    """

    def __new__(cls, *_args: Any, tag: str = "", **_kwargs: Any) -> Self:
        """Keep the subclass's arguments from the engine's constructor."""
        actor_id = ActorId(f"{cls.__name__}-{tag}") if tag else None
        # The stub hides the engine's constructor behind __init__
        return super().__new__(cls, DataActorConfig(actor_id=actor_id))  # type: ignore[call-arg]
