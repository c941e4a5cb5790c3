"""All checks in their order."""

from collections.abc import Mapping
from importlib.metadata import version
from typing import Final

from live.doctoring.finding import Finding
from live.doctoring.language import language_models
from live.doctoring.machine import disk, engine
from live.doctoring.memory import store
from live.doctoring.model import models
from live.doctoring.natives import native
from live.errors import NodeError
from live.exchange import open_exchange
from live.venue_names import is_native
from live.venues import Link, links_of
from morningstar_strategy.settings.schema import Settings

__all__ = ["examine", "table"]

_HEAD: Final = ("level", "check", "venue", "what")


def examine(settings: Settings, *, environ: Mapping[str, str], now_ns: int) -> tuple[Finding, ...]:
    """Check machine, state, model and language models, then every venue of a node.

    The local exchange is started for as long as that takes where the settings have one. Raises
    NodeError where the settings cannot be a node's.
    """
    if settings.mode == "backtest":
        raise NodeError("mode must be paper, demo or live, was backtest")
    with open_exchange(settings) as played:
        links = links_of(settings, played)
        known = dict(environ) | ({} if played is None else dict(played.environment))
        found = (
            engine(version("nautilus_trader")),
            *disk(settings),
            store(settings),
            *models(settings, now_ns=now_ns),
            *language_models(settings, environ=known, now_ns=now_ns),
        )
        for link in links:
            found += _venue(settings, link, environ=known, now_ns=now_ns)
    return found


def _venue(
    settings: Settings, link: Link, *, environ: Mapping[str, str], now_ns: int
) -> tuple[Finding, ...]:
    if is_native(link.venue):
        return native(settings, link.venue, environ)
    # Imported when asked for: ccxt is an extra, which the engine's own venues do not need
    from live.doctoring.visit import visit

    return visit(settings, link, environ=environ, now_ns=now_ns)


def table(findings: tuple[Finding, ...]) -> str:
    """Write the findings as lines for a person."""
    rows = [_HEAD, *((each.level.value, each.name, each.venue, each.text) for each in findings)]
    widths = [max(len(row[at]) for row in rows) for at in range(3)]
    return "\n".join(
        "  ".join([*(row[at].ljust(widths[at]) for at in range(3)), row[3]]) for row in rows
    )
