"""What can be seen of a venue that one of the engine's own clients serves, which needs no ccxt."""

from collections.abc import Mapping
from typing import Final

from ccxt_nt.natives import native_keys
from ccxt_nt.values import Product
from live.doctoring.finding import Finding, Level, about
from morningstar_strategy.settings.node import VenueLink
from morningstar_strategy.settings.schema import Settings

__all__ = ["native", "needless", "present"]

_ASKED_LATER: Final[tuple[str, ...]] = (
    *("clock", "instrument", "size", "fees", "stops"),
    *("position mode", "margin", "leverage", "balance"),
)


def native(settings: Settings, venue: str, environ: Mapping[str, str]) -> tuple[Finding, ...]:
    """Look for the keys; all else is asked by the client itself when it connects."""
    link = next(each for each in settings.node.venues if each.venue == venue)
    if settings.mode == "paper":
        found, names = needless(venue), _ASKED_LATER
    else:
        found, names = present(settings, link, environ), ("key rights", *_ASKED_LATER)
    text = "unknown: asked by the engine's own client at the start"
    return (found, *(about(name, Level.UNKNOWN, text, venue=venue) for name in names))


def needless(venue: str) -> Finding:
    """Say that paper trading needs none."""
    return about("keys", Level.OK, "paper trading needs no keys", venue=venue)


def present(settings: Settings, link: VenueLink, environ: Mapping[str, str]) -> Finding:
    """Look for the keys in the environment; the venue itself is not asked."""
    demo = link.demo or settings.mode == "demo"
    wanted = native_keys(link.name.strip().lower(), Product(link.product), demo=demo)
    missing = [name for name in wanted if not environ.get(name, "").strip()]
    if missing:
        text = f"{link.venue} needs {' and '.join(missing)} in the environment"
        return about("keys", Level.RED, text, venue=link.venue)
    text = f"{' and '.join(wanted)} can be read from the environment"
    return about("keys", Level.OK, text, venue=link.venue)
