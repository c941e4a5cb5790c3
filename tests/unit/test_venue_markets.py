"""Market sources: what they trade, in which order, on whose clock, and from which files."""

import asyncio
from decimal import Decimal
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.venue_cases import BTC, BTCP, START_MS, exchange
from tests.venue.clock import VenueClock
from tests.venue.exchange import Exchange
from tests.venue.markets import (
    BarsMarket,
    RecordedBar,
    ScriptedMarket,
    Step,
    TradesMarket,
    WalkMarket,
    drive,
    fitted,
)
from tests.venue.model import Listing, Product, Side
from tests.venue.recorded import bars, symbol_of, trades

D = Decimal
MINUTE = 60_000
LISTING = Listing(base="BTC", quote="USDT", product=Product.SPOT, tick=D("0.01"), lot=D("0.0001"))


def step(ts_ms: int, price: str, symbol: str = BTC) -> Step:
    return Step(ts_ms, symbol, D(price), D(1), Side.BUY)


def on(clock: VenueClock, *listings: Listing) -> Exchange:
    return Exchange(listings or (LISTING,), clock=clock, balances={})


@st.composite
def recorded_bars(draw: st.DrawFn) -> list[RecordedBar]:
    cents = st.integers(1, 10_000)
    made = []
    for index in range(draw(st.integers(1, 8))):
        low, *middle, high = sorted(draw(st.lists(cents, min_size=4, max_size=4)))
        first, last = draw(st.permutations(middle))
        made.append(
            RecordedBar(
                symbol=BTC,
                open_ms=index * MINUTE,
                interval_ms=MINUTE,
                open=D(first) / 100,
                high=D(high) / 100,
                low=D(low) / 100,
                close=D(last) / 100,
                volume=D(draw(st.integers(1, 500))) / 10,
            )
        )
    return made


@settings(max_examples=max(settings().max_examples // 4, 20))
@given(recorded_bars())
def test_bars_played_through_the_exchange_come_out_as_its_candles(
    recorded: list[RecordedBar],
) -> None:
    made = on(VenueClock(start_ms=0, speed=0))
    drive(made, BarsMarket(recorded).steps())
    candles = made.candles(BTC, MINUTE)
    assert [(c.open_ms, c.open, c.high, c.low, c.close) for c in candles] == [
        (b.open_ms, b.open, b.high, b.low, b.close) for b in recorded
    ]
    for candle, bar in zip(candles, recorded, strict=True):
        assert abs(candle.volume - bar.volume) < 4 * LISTING.lot


@given(st.integers(0, 2**32))
def test_a_walk_is_the_same_for_the_same_seed_and_starts_with_every_symbol(seed: int) -> None:
    first = list(islice(WalkMarket(seed).steps(), 50))
    assert first == list(islice(WalkMarket(seed).steps(), 50))
    assert len({one.symbol for one in first[:4]}) == 4
    assert [one.ts_ms for one in first] == sorted(one.ts_ms for one in first)
    assert all(one.price > 0 and one.quantity > 0 for one in first)


def test_spot_and_perpetual_of_one_coin_walk_together() -> None:
    market = WalkMarket(7, prices={BTC: D(100), BTCP: D(100)}, volatility=0.01, count=2000)
    last = {one.symbol: one.price for one in market.steps()}
    assert abs(last[BTC] / last[BTCP] - 1) < D("0.05")
    assert last[BTC] != 100


def test_a_step_is_rounded_to_the_listing_and_counted_in_contracts() -> None:
    listing = Listing(
        base="BTC",
        quote="USDT",
        product=Product.PERP,
        tick=D("0.5"),
        lot=D(1),
        contract_size=D("0.01"),
    )
    raw = Step(0, BTCP, D("100.3"), D("0.057"), Side.SELL)
    assert fitted(raw, listing) == raw._replace(price=D("100.5"), quantity=D(5))
    dust = raw._replace(price=D("0.01"), quantity=D("0.001"))
    assert fitted(dust, listing)[2:4] == (D("0.5"), D(1))


def test_driving_turns_the_clock_to_each_step() -> None:
    made = exchange()
    count = drive(made, [step(1_000, "100"), step(61_000, "101"), step(5, "1", "DOGE/USDT")])
    assert count == 2
    assert [trade.ts_ms for trade in made.trades(BTC)][-2:] == [START_MS, START_MS + MINUTE]


def test_bars_of_several_symbols_trade_in_the_order_of_time() -> None:
    made = [
        RecordedBar(
            symbol=symbol,
            open_ms=0,
            interval_ms=MINUTE,
            open=D(2),
            high=D(3),
            low=D(1),
            close=D(2),
            volume=D(4),
        )
        for symbol in (BTC, BTCP)
    ]
    stamps = [(one.ts_ms, one.symbol) for one in BarsMarket(made).steps()]
    assert stamps == [(n * 15_000, symbol) for n in range(4) for symbol in (BTC, BTCP)]


def test_a_falling_bar_visits_its_high_first_and_an_empty_one_trades_nothing() -> None:
    def bar(close: int, volume: int) -> RecordedBar:
        return RecordedBar(
            symbol=BTC,
            open_ms=0,
            interval_ms=MINUTE,
            open=D(5),
            high=D(9),
            low=D(1),
            close=D(close),
            volume=D(volume),
        )

    prices = [[one.price for one in BarsMarket([bar(close, 4)]).steps()] for close in (4, 6)]
    assert prices == [[5, 9, 1, 4], [5, 1, 9, 6]]
    assert list(BarsMarket([bar(4, 0)]).steps()) == []


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [("high", "1", "low <= open"), ("volume", "-1", "volume must be 0 or more, was -1")],
)
def test_a_bar_cannot_be_wrong(field: str, value: str, says: str) -> None:
    numbers = {"open": "2", "high": "3", "low": "1", "close": "2", "volume": "1", field: value}
    with pytest.raises(ValueError, match=says):
        RecordedBar(
            symbol=BTC,
            open_ms=0,
            interval_ms=MINUTE,
            **{name: D(number) for name, number in numbers.items()},
        )


def test_a_script_that_runs_back_is_named() -> None:
    with pytest.raises(ValueError, match="ts_ms must not fall, was 2, then 1"):
        ScriptedMarket([step(2, "1"), step(1, "1")])


def test_a_market_plays_on_the_exchanges_clock_and_ends() -> None:
    made = on(VenueClock(start_ms=0, speed=1000))
    script = [step(n * 10_000, str(100 + n)) for n in range(6)]
    asyncio.run(asyncio.wait_for(TradesMarket(script).play(made, stop=asyncio.Event()), 10))
    tape = made.trades(BTC)
    assert [trade.price for trade in tape] == [one.price for one in script]
    for trade, one in zip(tape, script, strict=True):
        assert trade.ts_ms - tape[0].ts_ms >= one.ts_ms - 1


def test_a_market_waits_for_a_clock_turned_by_hand_and_stops_when_told() -> None:
    async def play() -> list[int]:
        made = on(VenueClock(start_ms=0, speed=0))
        stop, traded = asyncio.Event(), asyncio.Event()
        made.listen(lambda _: traded.set())
        task = asyncio.create_task(
            ScriptedMarket([step(0, "1"), step(500, "2"), step(9_000, "3")]).play(made, stop=stop)
        )
        counts = []
        for ms in (0, 500):
            made.clock.turn(ms)
            await asyncio.wait_for(traded.wait(), 10)
            traded.clear()
            counts.append(len(made.trades(BTC)))
        stop.set()
        await asyncio.wait_for(task, 10)
        return [*counts, len(made.trades(BTC))]

    assert asyncio.run(play()) == [1, 2, 2]


def test_a_market_of_other_symbols_says_so() -> None:
    made = on(VenueClock(start_ms=0, speed=0))
    market = ScriptedMarket([step(0, "1", "DOGE/USDT")])
    with pytest.raises(ValueError, match="trades nothing of BTC/USDT"):
        asyncio.run(market.play(made, stop=asyncio.Event()))


# ---- files ----


def test_a_csv_of_bars_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "BTCUSDT-1m-binance-perp-202401.csv"
    path.write_text(
        "ts,open,high,low,close,volume\n"
        "1700000040000,100.1,100.3,99.9,100.2,12.5\n"
        "1700000100000,100.2,100.2,100.2,100.2,0\n"
    )
    first, second = bars(path)
    assert (first.symbol, first.open_ms, first.interval_ms) == (BTCP, 1_700_000_040_000, MINUTE)
    assert (first.open, first.high, first.low) == (D("100.1"), D("100.3"), D("99.9"))
    assert (first.close, first.volume, second.volume) == (D("100.2"), D("12.5"), D(0))


def test_a_csv_of_trades_is_read_exactly(tmp_path: Path) -> None:
    path = tmp_path / "ETHUSDT-trades-binance-spot-202401.csv"
    path.write_text(
        "ts,price,size,side,trade_id\n"
        "1700000000000,2000.55,0.013,buy,1\n"
        "1700000000001,2000.54,1,sell,2\n"
    )
    assert trades(path) == [
        Step(1_700_000_000_000, "ETH/USDT", D("2000.55"), D("0.013"), Side.BUY),
        Step(1_700_000_000_001, "ETH/USDT", D("2000.54"), D(1), Side.SELL),
    ]


def test_a_file_whose_name_tells_no_symbol_is_named() -> None:
    with pytest.raises(ValueError, match=r"was prices\.csv"):
        symbol_of(Path("prices.csv"))


def test_real_recorded_trades_play(shared_data: Path) -> None:
    recorded = trades(shared_data / "BTCUSDT-trades-binance-perp-20240808.parquet")[:500]
    clock = VenueClock(start_ms=recorded[0].ts_ms, speed=0)
    listing = Listing(base="BTC", quote="USDT", product=Product.PERP, tick=D("0.1"), lot=D("0.001"))
    made = on(clock, listing)
    assert drive(made, TradesMarket(recorded).steps()) == 500
    tape = made.trades(BTCP, 500)
    assert [(t.ts_ms, t.price, t.quantity, t.side) for t in tape] == [
        (one.ts_ms, one.price, one.quantity, one.side) for one in recorded
    ]


def test_real_recorded_bars_come_out_as_candles(shared_data: Path) -> None:
    recorded = bars(shared_data / "BTCUSDT-1h-binance-perp-201909-202504.parquet")[-200:]
    listing = Listing(base="BTC", quote="USDT", product=Product.PERP, tick=D("0.1"), lot=D("0.001"))
    made = on(VenueClock(start_ms=recorded[0].open_ms, speed=0), listing)
    drive(made, BarsMarket(recorded).steps())
    candles = made.candles(BTCP, 3_600_000)
    assert [(c.open_ms, c.open, c.high, c.low, c.close) for c in candles] == [
        (b.open_ms, b.open, b.high, b.low, b.close) for b in recorded
    ]
