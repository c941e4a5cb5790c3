"""Groups 1 to 4 of the data specification: instruments, books, quotes, trades."""

from collections.abc import Mapping
from decimal import Decimal
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.model import BookType, Venue

from tests.conformance.bench import PRICE, Bench
from tests.conformance.checks import must
from tests.conformance.scenario import Scenario
from tests.conformance.times import check_times
from tests.venue.model import Book, Side

# `Any` in this module: the engine's data types, told apart by their names

_LEVELS: Final = 10  # that are compared


def seen(bench: Bench, name: str, since: int = 0) -> list[Any]:
    """List what came of one engine type."""
    return [item for item in bench.desk.seen[since:] if type(item).__name__ == name]


# ---- instruments ----


def _check_instrument(bench: Bench, found: Any) -> None:
    listing = bench.listing
    must(found.price_increment.as_decimal() == listing.tick, f"tick is {found.price_increment}")
    must(found.size_increment.as_decimal() == listing.lot, f"lot is {found.size_increment}")
    must(found.multiplier.as_decimal() == listing.contract_size, f"multiplier {found.multiplier}")
    digits = -int(listing.tick.normalize().as_tuple().exponent)
    must(found.price_precision == max(digits, 0), f"price precision is {found.price_precision}")
    must(found.quote_currency.code == listing.quote, f"quote currency {found.quote_currency}")
    check_times(found)


async def _instruments_requested(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.request_instruments(Venue(bench.row.venue))

    def came() -> list[Any]:
        lists = [item for item in bench.desk.seen[since:] if isinstance(item, list)]
        return [each for items in lists for each in items] or [
            item for item in bench.desk.seen[since:] if hasattr(item, "price_increment")
        ]

    found = await bench.until(came, "instruments come")
    by_id = {each.id: each for each in found}
    wanted = [s for s in bench.venue.exchange.listings.values() if s.symbol.endswith(_end(bench))]
    must(len(by_id) >= len(wanted), f"{len(by_id)} came of {len(wanted)}")
    must(bench.instrument_id in by_id, f"{bench.instrument_id} is not among them")
    _check_instrument(bench, by_id[bench.instrument_id])


def _end(bench: Bench) -> str:
    return "/USDT" if bench.is_spot else ":USDT"


async def _instrument_subscribed(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.subscribe_instrument(bench.instrument_id)
    name = type(bench.instrument).__name__
    found = await bench.until(lambda: seen(bench, name, since), "the instrument comes")
    must(found[0].id == bench.instrument_id, f"{found[0].id} came")
    _check_instrument(bench, found[0])


async def _instrument_loaded(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.request_instrument(bench.instrument_id)
    name = type(bench.instrument).__name__
    await bench.until(lambda: seen(bench, name, since), "the instrument comes")
    _check_instrument(bench, bench.instrument)


# ---- books ----


def _levels(side: Any) -> list[tuple[Decimal, Decimal]]:
    return [(each.price.as_decimal(), Decimal(str(each.size()))) for each in side][:_LEVELS]


def _same(book: Any, there: Book) -> bool:
    """Compare the best levels of a book of the engine's with the venue's."""
    bids = [(level.price, level.quantity) for level in there.bids][:_LEVELS]
    asks = [(level.price, level.quantity) for level in there.asks][:_LEVELS]
    return _levels(book.bids()) == bids and _levels(book.asks()) == asks


def _check_sides(bids: list[Decimal], asks: list[Decimal]) -> None:
    must(bids and asks, "a side of the book is empty")
    must(bids == sorted(bids, reverse=True), "bids do not descend")
    must(asks == sorted(asks), "asks do not ascend")
    must(bids[0] < asks[0], f"the book is crossed: {bids[0]} and {asks[0]}")


async def _deltas(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.subscribe_book_deltas(bench.instrument_id, BookType.L2_MBP)
    try:
        found = await bench.stirred(
            lambda: [d for d in seen(bench, "OrderBookDeltas", since) if not d.is_snapshot],
            "deltas come after the snapshot",
        )
    finally:
        bench.desk.strategy.unsubscribe_book_deltas(bench.instrument_id)
    first = seen(bench, "OrderBookDeltas", since)[0]
    must(first.is_snapshot, "the first deltas are no snapshot")
    must(found[0].instrument_id == bench.instrument_id, f"{found[0].instrument_id} came")
    sides = {delta.order.side.name for delta in first.deltas if delta.is_add}
    must({"BUY", "SELL"} <= sides, f"the snapshot has {sides}")
    for deltas in (first, found[0]):
        check_times(deltas)
        # F_LAST is the highest bit: a batch that does not end with it leaves readers waiting
        must(deltas.deltas[-1].flags & 128, "the last delta is not marked as the last")


async def _managed(bench: Bench) -> None:
    strategy = bench.desk.strategy
    strategy.subscribe_book_deltas(bench.instrument_id, BookType.L2_MBP, managed=True)

    def equal() -> bool:
        book = bench.cache.order_book(bench.instrument_id)
        return book is not None and _same(book, bench.ask(lambda e: e.book(bench.symbol)))

    try:
        await bench.until(equal, "the managed book is the venue's")
        for step, side in ((30, Side.BUY), (-50, Side.SELL), (20, Side.BUY)):
            bench.tick(PRICE + step, side=side)
            await bench.until(equal, f"the managed book is the venue's after a trade at {step:+}")
        book = bench.cache.order_book(bench.instrument_id)
        _check_sides(*([price for price, _ in _levels(s)] for s in (book.bids(), book.asks())))
    finally:
        strategy.unsubscribe_book_deltas(bench.instrument_id)


async def _at_interval(bench: Bench) -> None:
    since = len(bench.desk.seen)
    strategy, interval_ms = bench.desk.strategy, 200
    strategy.subscribe_book_at_interval(bench.instrument_id, BookType.L2_MBP, interval_ms)
    try:
        found = await bench.stirred(
            lambda: len(books := seen(bench, "OrderBook", since)) >= 3 and books, "three books come"
        )
    finally:
        strategy.unsubscribe_book_at_interval(bench.instrument_id, interval_ms)
    for book in found[-2:]:
        _check_sides(*([price for price, _ in _levels(s)] for s in (book.bids(), book.asks())))


async def _depth(bench: Bench) -> None:
    since = len(bench.desk.seen)
    strategy = bench.desk.strategy
    strategy.subscribe_book_depth(bench.instrument_id, BookType.L2_MBP, depth=_LEVELS)
    try:
        found = await bench.stirred(
            lambda: [item for item in bench.desk.seen[since:] if "Depth" in type(item).__name__],
            "depth comes",
        )
    finally:
        strategy.unsubscribe_book_depth(bench.instrument_id)
    bids = [level.price.as_decimal() for level in found[0].bids if level.size.as_decimal()]
    asks = [level.price.as_decimal() for level in found[0].asks if level.size.as_decimal()]
    _check_sides(bids, asks)
    must(len(bids) <= _LEVELS and len(asks) <= _LEVELS, f"{len(bids)} and {len(asks)} levels")
    check_times(found[0])


async def _snapshot(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.request_book_snapshot(bench.instrument_id, depth=_LEVELS)
    found = await bench.until(lambda: seen(bench, "OrderBook", since), "the book comes")
    must(_same(found[0], bench.ask(lambda e: e.book(bench.symbol))), "it is not the venue's book")


# ---- quotes and trades ----


async def _quotes(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.subscribe_quotes(bench.instrument_id)

    def agrees() -> Any:
        book = bench.ask(lambda e: e.book(bench.symbol))
        quotes = seen(bench, "QuoteTick", since)
        last = quotes[-1] if quotes else None
        return (
            last is not None
            and last.bid_price.as_decimal() == book.bids[0].price
            and last.ask_price.as_decimal() == book.asks[0].price
            and last.bid_size.as_decimal() == book.bids[0].quantity
            and last.ask_size.as_decimal() == book.asks[0].quantity
            and last
        )

    try:
        await bench.stirred(lambda: seen(bench, "QuoteTick", since), "quotes come")
        bench.tick(PRICE + 40)
        last = await bench.until(agrees, "the last quote is the venue's best")
        must(last.bid_price < last.ask_price, "the quote is crossed")
        check_times(last, live=True)
    finally:
        bench.desk.strategy.unsubscribe_quotes(bench.instrument_id)


def _row(trade: Any) -> tuple[str, Decimal, Decimal, str]:
    return (
        trade.trade_id.value,
        trade.price.as_decimal(),
        trade.size.as_decimal(),
        trade.aggressor_side.name,
    )


def _tape(bench: Bench, limit: int) -> list[tuple[str, Decimal, Decimal, str]]:
    sides = {Side.BUY: "BUY", Side.SELL: "SELL"}
    return [
        (trade.trade_id, trade.price, trade.quantity, sides[trade.side])
        for trade in bench.ask(lambda e: e.trades(bench.symbol, limit))
    ]


async def _trades(bench: Bench) -> str | None:
    since = len(bench.desk.seen)
    bench.desk.strategy.subscribe_trades(bench.instrument_id)
    try:
        await bench.stirred(lambda: seen(bench, "TradeTick", since), "trades come")
        since = len(bench.desk.seen)
        for step in range(5):
            side = Side.SELL if step % 2 else Side.BUY
            bench.tick(PRICE + step * 10, side=side, lots=step + 1)
        wanted = _tape(bench, 5)

        def came() -> list[Any]:
            trades = seen(bench, "TradeTick", since)
            return trades if len(trades) >= len(wanted) else []

        found = await bench.until(came, f"{len(wanted)} trades come")
        rows = [_row(trade) for trade in found][-len(wanted) :]
        must([r[1:] for r in rows] == [w[1:] for w in wanted], f"{rows} came, must be {wanted}")
        must([r[0] for r in rows] == [w[0] for w in wanted], "trade ids are not the venue's")
        must(len({r[0] for r in rows}) == len(rows), "a trade came twice")
        check_times(found[-1], live=True)
    finally:
        bench.desk.strategy.unsubscribe_trades(bench.instrument_id)
    return None


async def _past_trades(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.request_trades(bench.instrument_id)

    def came() -> list[Any]:
        return [t for items in bench.desk.seen[since:] if isinstance(items, list) for t in items]

    found = await bench.until(came, "past trades come")
    rows = {_row(trade) for trade in found}
    tape = set(_tape(bench, 10_000))
    must(rows <= tape, f"not on the tape: {sorted(rows - tape)[:3]}")
    times = [trade.ts_event for trade in found]
    must(times == sorted(times), "they are not in order")
    for trade in found:
        check_times(trade)


CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-D01": _instruments_requested,
        "TC-D02": _instrument_subscribed,
        "TC-D03": _instrument_loaded,
        "TC-D10": _deltas,
        "TC-D11": _at_interval,
        "TC-D12": _depth,
        "TC-D13": _snapshot,
        "TC-D14": _managed,
        "TC-D20": _quotes,
        "TC-D30": _trades,
        "TC-D31": _past_trades,
    }
)
