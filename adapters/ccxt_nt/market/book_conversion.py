"""Books into the engine's types: what changed, the best levels, the whole."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Final

from nautilus_trader.model import (
    BookAction,
    BookOrder,
    BookType,
    OrderBook,
    OrderBookDelta,
    OrderBookDeltas,
    OrderBookDepth,
    OrderSide,
    RecordFlag,
)

from ccxt_nt.conversion import Instrument, price, quantity
from ccxt_nt.market.books import Act, BookKeeper, BookUpdate, Change
from ccxt_nt.values import BookRow, Side

_ACTIONS: Final[Mapping[Act, BookAction]] = {
    Act.ADD: BookAction.ADD,
    Act.UPDATE: BookAction.UPDATE,
    Act.DELETE: BookAction.DELETE,
}
_LAST: Final = int(RecordFlag.F_LAST.value)
_SNAPSHOT: Final = int(RecordFlag.F_SNAPSHOT.value)


def deltas(update: BookUpdate[Decimal], of: Instrument, *, ts_init: int) -> OrderBookDeltas:
    """Build what changed in a book; a snapshot clears it first."""
    base = _SNAPSHOT if update.is_snapshot else 0
    made: list[OrderBookDelta] = []
    if update.is_snapshot:
        clear = OrderBookDelta.clear(of.id, update.sequence, update.ts_event, ts_init)
        made.append(clear if update.changes else _flagged(clear, base | _LAST))
    for number, change in enumerate(update.changes, start=1):
        flags = base | (_LAST if number == len(update.changes) else 0)
        made.append(_delta(change, of, flags, update, ts_init))
    return OrderBookDeltas(of.id, made)


def depth(row: BookRow, of: Instrument, *, sequence: int, ts_init: int) -> OrderBookDepth:
    """Build a whole book."""
    bids = [_order(OrderSide.BUY, level, of) for level in row.bids]
    asks = [_order(OrderSide.SELL, level, of) for level in row.asks]
    return OrderBookDepth(
        of.id,
        bids,
        asks,
        [1] * len(bids),
        [1] * len(asks),
        _SNAPSHOT | _LAST,
        sequence,
        row.ts_event,
        ts_init,
    )


def book(row: BookRow, of: Instrument, *, depth: int, ts_init: int) -> OrderBook:
    """Build an order book of at most so many levels."""
    keeper: BookKeeper[Decimal] = BookKeeper(depth)
    made = OrderBook(of.id, BookType.L2_MBP)
    update = keeper.absorb(row)
    if update is not None:
        made.apply_deltas(deltas(update, of, ts_init=ts_init))
    return made


def _order(side: OrderSide, level: tuple[Decimal, Decimal], of: Instrument) -> BookOrder:
    return BookOrder(
        side, price(level[0], of.price_precision), quantity(level[1], of.size_precision), 0
    )


def _delta(
    change: Change[Decimal], of: Instrument, flags: int, update: BookUpdate[Decimal], ts_init: int
) -> OrderBookDelta:
    side = OrderSide.BUY if change.side is Side.BUY else OrderSide.SELL
    order = _order(side, (change.price, change.quantity or Decimal(0)), of)
    action = _ACTIONS[change.act]
    return OrderBookDelta(of.id, action, order, flags, update.sequence, update.ts_event, ts_init)


def _flagged(delta: OrderBookDelta, flags: int) -> OrderBookDelta:
    return OrderBookDelta(
        delta.instrument_id,
        delta.action,
        delta.order,
        flags,
        delta.sequence,
        delta.ts_event,
        delta.ts_init,
    )
