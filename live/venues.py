"""Which clients a node gets: the engine's own or those of ccxt, and fills real or simulated."""

from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from nautilus_trader.adapters.sandbox import (
    SandboxExecutionClientConfig,
    SandboxExecutionClientFactory,
)
from nautilus_trader.live import LiveNodeBuilder
from nautilus_trader.model import AccountId, AccountType, Currency, Money, OmsType, Venue

from ccxt_nt import Clients, clients_for
from ccxt_nt.errors import VenueError
from live.errors import NodeError
from live.exchange import Played
from live.fees import PaperFeeModel
from morningstar_strategy.settings.node import VenueLink
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.supervisor.addresses import is_this_machine

__all__ = ["Link", "links_of"]


# What a stream lost is found by a look, and may be a fill without a stop. A look asks a question
# or two for every instrument, of which venues answer ten a second.
_LOOK_SECS: Final = 2.0
_LOOK_SECS_EACH: Final = 0.4


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """A venue with its clients and the instruments that are traded there, with venue."""

    venue: str
    clients: Clients
    instruments: tuple[str, ...]

    def add_to(self, builder: LiveNodeBuilder, settings: Settings) -> LiveNodeBuilder:
        """Add data, and real execution but for paper trading."""
        if settings.mode != "paper":
            return self.clients.add_to(builder)
        builder = self.clients.add_data_to(builder)
        return builder.add_simulated_exec_client(
            self.venue, SandboxExecutionClientFactory(), _sandbox(self.venue, settings)
        )


def links_of(settings: Settings, played: Played | None) -> tuple[Link, ...]:
    """Configure every venue of the settings; raise NodeError in one sentence."""
    wanted: dict[str, list[str]] = {}
    for name in settings.data.instruments:
        wanted.setdefault(name.rpartition(".")[2], []).append(name)
    rows = {link.venue: link for link in _rows(settings, played)}
    if settings.node.speed > 1 and not all(map(_is_here, rows.values())):
        speed = settings.node.speed
        raise NodeError(f"node.speed must be 1 but for an exchange on this machine, was {speed}")
    strange = sorted(set(wanted) - set(rows))
    if strange:
        raise NodeError(
            f"data.instruments holds {wanted[strange[0]][0]}, but node.venues names "
            f"{', '.join(sorted(rows)) or 'none'}"
        )
    idle = sorted(set(rows) - set(wanted))
    if idle:
        raise NodeError(f"node.venues names {idle[0]}, where data.instruments trades nothing")
    return tuple(
        Link(
            venue=venue,
            clients=_clients(rows[venue], names, demo=settings.mode == "demo"),
            instruments=tuple(names),
        )
        for venue, names in wanted.items()
    )


def _rows(settings: Settings, played: Played | None) -> tuple[VenueLink, ...]:
    """Give the connections of the settings; the local exchange needs none to be written."""
    exchange = settings.node.exchange
    if played is None or exchange is None:
        return settings.node.venues
    if settings.node.venues:
        raise NodeError("node.venues must be empty beside node.exchange, which is a venue itself")
    return (VenueLink(name=exchange.dialect, endpoint=played.url),)


def _is_here(row: VenueLink) -> bool:
    return row.endpoint is not None and is_this_machine(urlsplit(row.endpoint).hostname or "")


def _clients(row: VenueLink, names: list[str], *, demo: bool) -> Clients:
    options: dict[str, Any] = {"endpoint": row.endpoint, "margin_mode": row.margin_mode}
    options = {name: value for name, value in options.items() if value is not None}
    if row.leverage:
        options["leverage"] = dict(row.leverage)
    if row.allow_untested:
        options["allow_untested"] = True
    try:
        from_ccxt = clients_for(
            row.name,
            product=row.product,
            demo=row.demo or (demo and row.endpoint is None),
            account_id=row.account_id,
            **options,
            **_instruments(row, names),
        )
    except (ValueError, ImportError, VenueError) as e:
        raise NodeError(f"node.venues {row.name!r}: {e}") from e
    return from_ccxt


def _instruments(row: VenueLink, names: list[str]) -> dict[str, Any]:
    """Name what is loaded and how often all of it is compared, where the client takes that."""
    from ccxt_nt.natives import NATIVES

    if row.name.strip().lower() in NATIVES:
        return {}
    return {
        "instruments": tuple(name.rpartition(".")[0] for name in names),
        "reconcile_secs": max(_LOOK_SECS, _LOOK_SECS_EACH * len(names)),
    }


def _sandbox(venue: str, settings: Settings) -> SandboxExecutionClientConfig:
    currency = Currency.from_str(settings.currency)
    return SandboxExecutionClientConfig(
        Venue(venue),
        [Money.from_decimal(settings.capital, currency)],
        account_id=AccountId(f"{venue}-PAPER"),
        base_currency=currency,
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        default_leverage=settings.venue.leverage,
        reject_stop_orders=False,
        fee_model=PaperFeeModel(settings.venue),
    )
