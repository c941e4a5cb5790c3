"""The dialects that the exchange speaks, by name."""

import importlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

from tests.venue.exchange import Exchange
from tests.venue.model import Listing
from tests.venue.wire import Dialect, Keys

type Make = Callable[[Exchange, Keys, Callable[[], str]], Dialect]

# The module of each is its name; a dialect that nobody asks for is not imported
CLASSES: Mapping[str, str] = {"bitget": "Bitget", "kucoin": "KuCoin", "gate": "Gate"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Spoken:
    """One dialect: how to make it, and what the venue implies for the exchange below it."""

    name: str
    make: Make
    exchange_options: Mapping[str, bool]
    listings: Sequence[Listing]


def spoken(name: str) -> Spoken:
    """Find a dialect by name; raise ValueError where there is none."""
    if name not in CLASSES:
        raise ValueError(f"dialect must be one of {', '.join(CLASSES)}, was {name!r}")
    module = importlib.import_module(f"tests.venue.dialects.{name}")
    return Spoken(
        name=name,
        make=cast(Make, getattr(module, CLASSES[name])),
        exchange_options=module.EXCHANGE_OPTIONS,
        listings=module.LISTINGS,
    )
