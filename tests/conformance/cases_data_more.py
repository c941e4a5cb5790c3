"""Groups 5 to 9 of the data specification: bars, derivatives, lifecycle."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from nautilus_trader.model import BarType, OrderSide

from tests.conformance.bench import PRICE, Bench
from tests.conformance.cases_data import seen
from tests.conformance.checks import must
from tests.conformance.scenario import Scenario
from tests.conformance.times import check_times
from tests.venue.exchange import Exchange
from tests.venue.model import Candle, Side
from tests.venue.model import Product as Traded

# `Any` in this module: the engine's data types, told apart by their names

_MINUTE_MS: Final = 60_000


# ---- bars ----


def _bar_type(bench: Bench) -> BarType:
    return BarType.from_str(f"{bench.instrument_id}-1-MINUTE-LAST-EXTERNAL")


def _check_bar(bench: Bench, bar: Any) -> None:
    """Compare a bar with the venue's closed candle of that minute."""
    open_ms = bar.ts_event // 1_000_000 - _MINUTE_MS
    rows: list[Candle] = bench.ask(lambda e: e.candles(bench.symbol, _MINUTE_MS, open_ms, open_ms))
    must(len(rows) == 1, f"the venue has {len(rows)} candles that open at {open_ms}")
    row = rows[0]
    prices = [getattr(bar, name).as_decimal() for name in ("open", "high", "low", "close")]
    there = [row.open, row.high, row.low, row.close]
    must(prices == there, f"the bar is {prices}, the candle {there}")
    volume = bar.volume.as_decimal()
    digit = Decimal(1).scaleb(-bar.volume.precision)
    must(abs(volume - row.volume) <= digit, f"volume is {volume}, the candle's is {row.volume}")
    check_times(bar)


async def start_bars(bench: Bench) -> None:
    """Subscribe before all other cases, for a minute has to end."""
    bench.desk.strategy.subscribe_bars(_bar_type(bench))
    await bench.stirred(
        lambda: sum(s.counts["candles"] for s in bench.venue.sockets), "candles are pushed"
    )


async def _bars(bench: Bench) -> None:
    """Last of all: a bar that a node tells of is over by the node's own clock too."""
    try:
        found = await bench.stirred(lambda: seen(bench, "Bar"), "a closed bar comes", 150)
    finally:
        bench.desk.strategy.unsubscribe_bars(_bar_type(bench))
    must(found[0].bar_type == _bar_type(bench), f"{found[0].bar_type} came")
    for bar in found:
        _check_bar(bench, bar)


async def _past_bars(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.request_bars(_bar_type(bench))

    def came() -> list[Any]:
        return [b for items in bench.desk.seen[since:] if isinstance(items, list) for b in items]

    found = await bench.until(came, "past bars come")
    times = [bar.ts_event for bar in found]
    must(times == sorted(set(times)), "they do not ascend")
    for bar in found:
        _check_bar(bench, bar)
    now_ms = bench.ask(lambda e: e.clock.now_ms())
    must(times[-1] // 1_000_000 <= now_ms, "a bar that is not over came")
    must(len(found) >= HISTORY_MINUTES - 1, f"{len(found)} came of {HISTORY_MINUTES}")


HISTORY_MINUTES: Final = 5  # of trades that the venue has before a node starts


def make_history(exchange: Exchange, symbols: tuple[str, ...]) -> None:
    """Trade for some minutes up to now, on a clock that began so long ago."""
    for minute in range(HISTORY_MINUTES):
        for symbol in symbols:
            listing = exchange.listings[symbol]
            last = exchange.last(symbol) or PRICE
            for step in (0, 7, -4):
                price = last + step * listing.tick * 10
                exchange.tick(symbol, price, listing.lot * (minute + 1), Side.BUY)
            if listing.product is Traded.PERP:
                exchange.settle_funding(symbol, Decimal(minute - 2).scaleb(-4))
        exchange.clock.turn(_MINUTE_MS)
        exchange.roll()


# ---- derivatives ----


async def _mark_or_index(bench: Bench, what: str, name: str) -> None:
    since = len(bench.desk.seen)
    strategy = bench.desk.strategy
    getattr(strategy, f"subscribe_{what}_prices")(bench.instrument_id)

    def agrees() -> Any:
        there = bench.ask(lambda e: getattr(e, what)(bench.symbol))
        found = seen(bench, name, since)
        exact = bench.instrument.make_price(there).as_decimal()
        return found and found[-1].value.as_decimal() == exact and found[-1]

    try:
        last = await bench.stirred(agrees, f"the {what} price is the venue's")
        must(last.instrument_id == bench.instrument_id, f"{last.instrument_id} came")
        check_times(last, live=True)
    finally:
        getattr(strategy, f"unsubscribe_{what}_prices")(bench.instrument_id)


async def _mark(bench: Bench) -> None:
    """And quotes, which come over the same channel at one venue, outlive the end of it."""
    strategy, of = bench.desk.strategy, bench.instrument_id
    strategy.subscribe_quotes(of)
    try:
        await bench.stirred(lambda: seen(bench, "QuoteTick"), "quotes come")
        await _mark_or_index(bench, "mark", "MarkPriceUpdate")
        await _round_trips(bench)
        since = len(bench.desk.seen)
        bench.tick(PRICE + 70)
        await bench.until(lambda: seen(bench, "QuoteTick", since), "quotes go on")
    finally:
        strategy.unsubscribe_quotes(of)


async def _round_trips(bench: Bench) -> None:
    """Wait until the venue has answered what was asked of it before."""
    strategy, of = bench.desk.strategy, bench.instrument_id
    for _ in range(2):
        since = len(bench.desk.seen)
        strategy.subscribe_trades(of)
        await bench.stirred(partial(seen, bench, "TradeTick", since), "trades come")
        strategy.unsubscribe_trades(of)


async def _funding(bench: Bench) -> None:
    since = len(bench.desk.seen)
    bench.desk.strategy.subscribe_funding_rates(bench.instrument_id)
    try:
        found = await bench.stirred(
            lambda: seen(bench, "FundingRateUpdate", since), "a funding rate comes"
        )
    finally:
        bench.desk.strategy.unsubscribe_funding_rates(bench.instrument_id)
    rate = bench.ask(lambda e: e.funding(bench.symbol).rate)
    must(Decimal(str(found[-1].rate)) == rate, f"rate is {found[-1].rate}, the venue's is {rate}")
    must(found[-1].instrument_id == bench.instrument_id, f"{found[-1].instrument_id} came")
    check_times(found[-1], live=True)


async def _past_funding(bench: Bench) -> None:
    rates = [each.rate for each in bench.ask(lambda e: e.funding_history(bench.symbol))]
    since = len(bench.desk.seen)
    bench.desk.strategy.request_funding_rates(bench.instrument_id)

    def came() -> list[Any]:
        return [f for items in bench.desk.seen[since:] if isinstance(items, list) for f in items]

    found = await bench.until(came, "past funding rates come")
    told = [Decimal(str(each.rate)) for each in found]
    must(told == rates, f"rates were {told}, must be {rates}")
    for each in found:
        check_times(each)


# ---- lifecycle ----


async def _unsubscribed(bench: Bench) -> str | None:
    strategy, of = bench.desk.strategy, bench.instrument_id
    since = len(bench.desk.seen)
    strategy.subscribe_quotes(of)
    strategy.subscribe_trades(of)
    await bench.stirred(
        lambda: seen(bench, "QuoteTick", since) and seen(bench, "TradeTick", since), "data flows"
    )
    strategy.unsubscribe_quotes(of)
    strategy.unsubscribe_trades(of)
    note = None
    try:  # the proof is the venue's: it was asked to stop, and sends no frame more for a trade
        await bench.until(lambda: not _frames_of_a_trade(bench), "", 10)
    except TimeoutError:
        note = "ccxt has no way to end every stream: the rest is read and dropped"
    since = len(bench.desk.seen)
    for step in range(5):
        bench.tick(PRICE + 10 * step)
    await bench.placed(bench.limit(OrderSide.BUY))  # whatever was under way has come before
    late = [*seen(bench, "QuoteTick", since), *seen(bench, "TradeTick", since)]
    must(not late, f"{len(late)} came after unsubscribing")
    return note


async def _retired(bench: Bench) -> None:
    first, second = bench.listeners.both
    before = _frames_of_a_trade(bench)  # of streams that nobody can end
    for each in (first, second):
        each.listen(bench.instrument_id)
    await bench.stirred(
        lambda: min(first.trades, second.trades, first.bars, second.bars) > 0, "both hear"
    )
    first.retire()
    must(first.is_gone, "the first one was not disposed of")
    heard, trades, bars = first.trades, second.trades, second.bars
    await bench.stirred(
        lambda: second.trades > trades and second.bars > bars, "the second one goes on"
    )
    must(first.trades == heard, "the first one still hears")
    second.retire()
    await bench.until(
        lambda: _frames_of_a_trade(bench) <= before, "the venue has no subscriber of ours left"
    )


def _frames_of_a_trade(bench: Bench) -> int:
    """Count what the venue sends on its public connections when somebody trades."""

    def count() -> int:
        return sum(
            number
            for socket in bench.venue.sockets
            if not socket.private
            for stream, number in socket.counts.items()
            if stream not in ("pong", "ack", "candles")  # bars are another case's
        )

    before = count()
    bench.tick(PRICE)
    return count() - before


CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-D40": _bars,
        "TC-D41": _past_bars,
        "TC-D50": _mark,
        "TC-D51": partial(_mark_or_index, what="index", name="IndexPriceUpdate"),
        "TC-D52": _funding,
        "TC-D53": _past_funding,
        "TC-D70": _unsubscribed,
        "TC-D73": _retired,
    }
)
