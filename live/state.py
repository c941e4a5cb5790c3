"""Where a node keeps what must survive it, and whose account that is."""

from pathlib import Path
from typing import Final

from live.venue_names import venue_of
from morningstar_strategy.settings.schema import Settings

__all__ = ["STATE", "account_of", "desk_file", "shelves_of", "state_file"]

STATE: Final = "state.sqlite"
_DESK: Final = "desk.sock"


def state_file(settings: Settings) -> Path:
    """Name the store of plans, risk memory and requests."""
    return settings.node.state / STATE


def desk_file(settings: Settings) -> Path:
    """Name the socket at which a node serves programs outside."""
    return settings.node.state / _DESK


def account_of(settings: Settings) -> str:
    """Name the account that a store belongs to for ever: the mode, and the first venue."""
    return f"{settings.mode}:{venue_of(settings.data.instruments[0])}"


def shelves_of(settings: Settings) -> tuple[str, ...]:
    """Name the parts of a store with a risk memory: "" for the first venue, then the others."""
    venues = dict.fromkeys(map(venue_of, settings.data.instruments))
    return ("", *list(venues)[1:])
