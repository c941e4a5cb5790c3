"""Look at the whole account after a connection came back, and from time to time."""

from collections.abc import Collection
from dataclasses import dataclass
from typing import Protocol

from ccxt_nt.errors import Closed, Missing
from ccxt_nt.orders.inquiry import Listing, OrderKey
from ccxt_nt.values import BalanceRow, FillRow, OrderRow, PositionRow, Product


class Account(Protocol):
    """What is asked of an inquiry."""

    async def find(self, key: OrderKey) -> OrderRow:
        """Ask for one order."""

    async def all_open_orders(self, symbols: Collection[str]) -> Listing:
        """List the open orders."""

    async def fills(self, symbol: str, *, since_ms: int) -> tuple[FillRow, ...]:
        """List one symbol's fills."""

    async def balances(self) -> tuple[BalanceRow, ...]:
        """Ask for every currency."""

    async def positions(self) -> tuple[PositionRow, ...]:
        """Ask for every position."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What we believe before we look."""

    open: tuple[OrderKey, ...]  # orders that the venue has, as far as we know
    fills_since_ms: dict[str, int]  # by symbol: where their fills were complete


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """The account as the venue told it, question by question."""

    balances: tuple[BalanceRow, ...]
    positions: tuple[PositionRow, ...]
    listing: Listing  # open orders
    asked: tuple[OrderRow, ...]  # orders that were not listed and were asked for one by one
    gone: tuple[OrderKey, ...]  # neither listed nor found
    fills: tuple[FillRow, ...]


async def look(account: Account, known: Known, *, product: Product) -> Picture:
    """Ask everything once; raises VenueError if any of it could not be had.

    Orders come before fills, so that every fill that an order's total counts is in the picture,
    and fills before positions and balances.
    """
    symbols = set(known.fills_since_ms) | {key.symbol for key in known.open}
    listing = await account.all_open_orders(symbols)
    asked, gone = await _ask_for(account, known.open, listing)
    fills: list[FillRow] = []
    for symbol, since_ms in sorted(known.fills_since_ms.items()):
        fills += await account.fills(symbol, since_ms=since_ms)
    positions = () if product is Product.SPOT else await account.positions()
    balances = await account.balances()
    return Picture(
        balances=balances,
        positions=positions,
        listing=listing,
        asked=asked,
        gone=gone,
        fills=tuple(fills),
    )


async def _ask_for(
    account: Account, keys: tuple[OrderKey, ...], listing: Listing
) -> tuple[tuple[OrderRow, ...], tuple[OrderKey, ...]]:
    """Ask for each order that we hold open and that is not listed."""
    ids = {row.venue_order_id for row in listing.rows}
    client_ids = {row.client_order_id for row in listing.rows if row.client_order_id}
    asked, gone = [], []
    for key in keys:
        if key.venue_order_id in ids or key.client_id in client_ids:
            continue
        try:
            asked.append(await account.find(key))
        except (Missing, Closed):
            gone.append(key)
    return tuple(asked), tuple(gone)
