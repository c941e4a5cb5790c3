"""What may reach the engine: fills that some frame told in whole, and numbers that can be true.

A fill is *told* where one dictionary inside one delivered frame or answer holds, each under a key
that the venue uses for it and written as a number or a text: the trade's id, the order's id, a
price above zero and a quantity above zero (digits of any script count, and `1_000`: Python, and so
ccxt, reads them). A fill that nothing delivered has told is invented.
The reading here is independent of ccxt and of the adapter.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final, NamedTuple

from nautilus_trader.model import (
    AccountBalance,
    Bar,
    BookAction,
    BookType,
    CustomData,
    FillReport,
    FundingRateUpdate,
    IndexPriceUpdate,
    MarkPriceUpdate,
    OrderBook,
    OrderBookDeltas,
    OrderBookDepth,
    OrderStatusReport,
    PositionStatusReport,
    QuoteTick,
    TradeTick,
)

from ccxt_nt.values import FillRow

# `Any` in this module: frames are any JSON, and the engine's types have no common base

_TRADE_IDS: Final = ("tradeId", "trade_id", "id", "execId")
_ORDER_IDS: Final = ("orderId", "order_id")
_PRICES: Final = ("price", "priceAvg", "fillPrice", "matchPrice", "fill_price", "execPrice")
_QUANTITIES: Final = (
    "size",
    "baseVolume",
    "matchSize",
    "amount",
    "sizeQty",
    "fillSize",
    "qty",
    "execQty",
)
_FIRST_NS: Final = 1_000_000_000 * 10**9
_LAST_NS: Final = 4_102_444_800 * 10**9


class BrokenError(AssertionError):
    """The adapter did what it must never do."""


class Told(NamedTuple):
    """One execution as a frame told it."""

    trade_id: str
    order_id: str
    price: Decimal
    quantity: Decimal


class Claims:
    """Every fill that anything delivered has told."""

    def __init__(self) -> None:
        self._told: set[Told] = set()

    def hear(self, text: str) -> None:
        """Take one frame or answer, right or wrong."""
        try:
            frame = json.loads(text)
        except (ValueError, RecursionError):
            return
        for part in _dictionaries(frame):
            self._told.update(_told_by(part))

    def check(self, fill: FillRow) -> None:
        """Raise BrokenError unless the fill was told."""
        found = Told(fill.trade_id, fill.venue_order_id, fill.price, fill.quantity)
        if found not in self._told:
            raise BrokenError(f"a fill was invented: {found}")


def _dictionaries(frame: Any) -> Iterator[Mapping[str, Any]]:
    if isinstance(frame, dict):
        yield frame
        for value in frame.values():
            yield from _dictionaries(value)
    elif isinstance(frame, list):
        for value in frame:
            yield from _dictionaries(value)


def _told_by(part: Mapping[str, Any]) -> Iterator[Told]:
    trade_ids, order_ids = list(_texts(part, _TRADE_IDS)), list(_texts(part, _ORDER_IDS))
    if not trade_ids or not order_ids:
        return
    quantities = list(_numbers(part, _QUANTITIES))
    for price in _numbers(part, _PRICES):
        for quantity in quantities:
            for trade_id in trade_ids:
                for order_id in order_ids:
                    yield Told(trade_id, order_id, price, quantity)


def _texts(part: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[str]:
    for key in keys:
        value = part.get(key)
        if isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
            yield str(value)
            if isinstance(value, int) and abs(value) >= 2**63:
                yield str(float(value))  # as a quick reader of JSON takes it


def _numbers(part: Mapping[str, Any], keys: tuple[str, ...]) -> Iterator[Decimal]:
    """Read amounts; a venue that signs contracts by their side means the amount."""
    for key in keys:
        value = part.get(key)
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            continue
        try:
            number = Decimal(str(value).strip()).copy_abs()
        except InvalidOperation:
            continue
        if number.is_finite() and number > 0:
            yield number


class Engine:
    """Takes what the engine would take, and refuses what can never be true."""

    def __init__(self) -> None:
        self.faults: list[
            BrokenError
        ] = []  # kept, for whoever raises here is the adapter's own task
        self.taken: Counter[type] = Counter()
        self.last: dict[type, Any] = {}
        self.books: dict[str, OrderBook] = {}

    def take(self, item: Any) -> None:
        """Take one thing, and note it as a fault where it cannot be true."""
        kind = type(item)
        check = _CHECKS.get(kind)
        try:
            _insist(check is not None, f"the engine was given a {kind.__name__}: {item!r}")
            if check is not None:
                check(item)
            if kind is OrderBookDeltas:
                self._apply(item)
        except BrokenError as e:
            self.faults.append(e)
        self.taken[kind] += 1
        self.last[kind] = item

    def _apply(self, deltas: OrderBookDeltas) -> None:
        name = str(deltas.instrument_id)
        book = self.books.get(name)
        if book is None:
            book = self.books[name] = OrderBook(deltas.instrument_id, BookType.L2_MBP)
        book.apply_deltas(deltas)
        bid, ask = book.best_bid_price(), book.best_ask_price()
        if bid is not None and ask is not None:
            _insist(bid.as_decimal() < ask.as_decimal(), f"a book is crossed: {bid} {ask}")


def _insist(test: object, sentence: str) -> None:
    if not test:
        raise BrokenError(sentence)


def _above_zero(value: Any, item: Any) -> None:
    number = value.as_decimal()
    _insist(number.is_finite() and number > 0, f"{number} is not above zero in {item!r}")


def _not_below_zero(value: Any, item: Any) -> None:
    number = value.as_decimal()
    _insist(number.is_finite() and number >= 0, f"{number} is below zero in {item!r}")


def _timed(item: Any) -> None:
    _insist(_FIRST_NS <= item.ts_event <= _LAST_NS, f"a time cannot be true: {item!r}")


def _trade(item: TradeTick) -> None:
    _above_zero(item.price, item)
    _above_zero(item.size, item)
    _timed(item)


def _quote(item: QuoteTick) -> None:
    for value in (item.bid_price, item.ask_price, item.bid_size, item.ask_size):
        _above_zero(value, item)
    _insist(
        item.bid_price.as_decimal() < item.ask_price.as_decimal(), f"a quote is crossed: {item!r}"
    )
    _timed(item)


def _bar(item: Bar) -> None:
    for value in (item.open, item.high, item.low, item.close):
        _above_zero(value, item)
    _not_below_zero(item.volume, item)
    first, last, low, high = (x.as_decimal() for x in (item.open, item.close, item.low, item.high))
    _insist(low <= min(first, last), f"a bar's low is wrong: {item!r}")
    _insist(high >= max(first, last), f"a bar's high is wrong: {item!r}")
    _timed(item)


def _deltas(item: OrderBookDeltas) -> None:
    for delta in item.deltas:
        if delta.action == BookAction.CLEAR:
            continue
        _above_zero(delta.order.price, delta)
        (_not_below_zero if delta.action == BookAction.DELETE else _above_zero)(
            delta.order.size, delta
        )
        _timed(delta)


def _depth(item: OrderBookDepth) -> None:
    for order in (*item.bids, *item.asks):
        _not_below_zero(order.price, item)
        _not_below_zero(order.size, item)
    _timed(item)


def _mark(item: MarkPriceUpdate | IndexPriceUpdate) -> None:
    _above_zero(item.value, item)
    _timed(item)


def _funding(item: FundingRateUpdate) -> None:
    _insist(Decimal(str(item.rate)).is_finite(), f"a rate is not finite: {item!r}")
    _timed(item)


def _balance(item: AccountBalance) -> None:
    parts = [money.as_decimal() for money in (item.total, item.locked, item.free)]
    _insist(all(part.is_finite() for part in parts), f"a balance is not finite: {item!r}")
    _insist(parts[0] == parts[1] + parts[2], f"a balance does not add up: {item!r}")
    _insist(parts[1] >= 0, f"less than nothing is locked: {item!r}")


def _order_report(item: OrderStatusReport) -> None:
    _not_below_zero(item.quantity, item)
    _not_below_zero(item.filled_qty, item)
    for value in (item.price, item.trigger_price):
        if value is not None:
            _above_zero(value, item)


def _fill_report(item: FillReport) -> None:
    _above_zero(item.last_px, item)
    _above_zero(item.last_qty, item)
    _insist(item.commission.as_decimal().is_finite(), f"a fee is not finite: {item!r}")


def _position_report(item: PositionStatusReport) -> None:
    _not_below_zero(item.quantity, item)
    average = item.avg_px_open
    _insist(average is None or average > 0, f"an entry price is not above zero: {item!r}")


_CHECKS: Final[Mapping[type, Callable[[Any], None]]] = {
    TradeTick: _trade,
    QuoteTick: _quote,
    Bar: _bar,
    OrderBookDeltas: _deltas,
    OrderBookDepth: _depth,
    MarkPriceUpdate: _mark,
    IndexPriceUpdate: _mark,
    FundingRateUpdate: _funding,
    AccountBalance: _balance,
    OrderStatusReport: _order_report,
    FillReport: _fill_report,
    PositionStatusReport: _position_report,
    CustomData: lambda item: None,
}
