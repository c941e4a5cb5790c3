"""Takes risk off at a venue without a node: entries first, then positions, then what is left."""

import asyncio
from collections.abc import Coroutine, Iterable, Sequence
from typing import Any

from ccxt_nt.errors import Rejected, VenueError
from ccxt_nt.values import OrderRow, PositionRow
from live.witness import Sight, Witness, may_open

__all__ = ["reduce"]


async def reduce(witness: Witness, sight: Sight, *, flatten: bool) -> tuple[str, ...]:
    """Act once on what was seen, and give what went wrong.

    A position keeps its stops until a look shows that it is closed: the close is placed before any
    of them is cancelled. Nothing here can open or enlarge a position.
    """
    if not flatten:
        return await _all(_cancel(witness, row) for row in sight.entries)
    held = {each.symbol for each in sight.positions}
    openers = [row for row in sight.orders if may_open(row)]
    exits = [row for row in sight.orders if not may_open(row) and row.symbol not in held]
    return (
        *await _all(_cancel(witness, row) for row in openers),
        *await _all(_close(witness, each, sight.orders) for each in sight.positions),
        *await _all(_cancel(witness, row) for row in exits),
    )


async def _cancel(witness: Witness, row: OrderRow) -> str:
    try:
        await witness.cancel(row)
    except VenueError as e:
        return f"order {row.venue_order_id} could not be cancelled: {e}"
    return ""


async def _close(witness: Witness, position: PositionRow, orders: Sequence[OrderRow]) -> str:
    """Close a position; where the venue refuses, its take profits make room for the next time."""
    try:
        await witness.close(position)
    except Rejected as e:
        targets = [o for o in orders if o.symbol == position.symbol and not o.kind.is_trigger]
        await _all(_cancel(witness, row) for row in targets)
        return f"closing {position.symbol} was refused: {e}"
    except VenueError as e:
        return f"closing {position.symbol}: what became of it is not known: {e}"
    return ""


async def _all(acts: Iterable[Coroutine[Any, Any, str]]) -> tuple[str, ...]:
    told = await asyncio.gather(*acts)
    return tuple(each for each in told if each)
