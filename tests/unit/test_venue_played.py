"""Played bars: whoever aggregates the trades of an interval has the bar again."""

import asyncio
import json
from collections import defaultdict
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction
from itertools import islice
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from catalog.errors import CatalogError
from tests.catalogs import sample_folder
from tests.venue import play
from tests.venue.accounting import truth_row
from tests.venue.catalog_bars import Span, listings_for, read_bars
from tests.venue.clock import VenueClock
from tests.venue.control import Control
from tests.venue.dialects import CLASSES, spoken
from tests.venue.exchange import Exchange
from tests.venue.local import LocalVenue
from tests.venue.markets import RecordedBar, Step, fitted
from tests.venue.model import Ask, Kind, Listing, Product, PublicTrade, Side, Trigger
from tests.venue.played import PlayedMarket, bar_spec, step_ms_of

# `Any` in this module: what a venue tells is JSON

D = Decimal
MINUTE = 60_000
SAMPLE = sample_folder()
SYMBOLS = ("BTC/USDT:USDT", "ETH/USDT:USDT", "XRP/USDT:USDT")


def listing(symbol: str, tick: str = "0.01", lot: str = "1", size: str = "0.01") -> Listing:
    base = symbol.partition("/")[0]
    return Listing(
        base=base,
        quote="USDT",
        product=Product.PERP,
        tick=D(tick),
        lot=D(lot),
        contract_size=D(size),
    )


def bar(
    index: int, *prices: str, symbol: str = SYMBOLS[0], volume: str = "1", offset: int = 7
) -> RecordedBar:
    first, high, low, last = map(D, prices)
    return RecordedBar(
        symbol=symbol,
        open_ms=(index + offset) * MINUTE,
        interval_ms=MINUTE,
        open=first,
        high=high,
        low=low,
        close=last,
        volume=D(volume),
    )


def market(*bars: RecordedBar, **options: Any) -> PlayedMarket:
    listings = {each.symbol: listing(each.symbol) for each in bars}
    return PlayedMarket(bars=bars, **{"listings": listings, "step_ms": 1_000, **options})


@st.composite
def markets(draw: st.DrawFn) -> PlayedMarket:
    """Make bars of several symbols with holes, and silent ones, on any grid and at any speed."""
    bars: list[RecordedBar] = []
    listings = {}
    for symbol in draw(st.lists(st.sampled_from(SYMBOLS), min_size=1, unique=True)):
        tick, lot, size = (draw(st.sampled_from(["0.0001", "0.1", "1"])) for _ in range(3))
        listings[symbol] = listing(symbol, tick, lot, size)
        for index in draw(st.lists(st.integers(0, 12), min_size=1, max_size=6, unique=True)):
            figures = st.decimals(D("0.0003"), 90_000, places=4)
            low, *middle, high = sorted(draw(st.lists(figures, min_size=4, max_size=4)))
            first, last = draw(st.permutations(middle))
            volume = draw(st.sampled_from(["0", "0.0001", "12.3456789", "98765.4321"]))
            prices = (str(each) for each in (first, high, low, last))
            bars.append(bar(index, *prices, symbol=symbol, volume=volume))
    if not any(each.volume for each in bars):
        bars[0] = RecordedBar(**{name: getattr(bars[0], name) for name in _NAMES}, volume=D(1))
    step_ms = draw(st.integers(8, 300_000))
    return PlayedMarket(bars=bars, listings=listings, step_ms=step_ms)


_NAMES = ("symbol", "open_ms", "interval_ms", "open", "high", "low", "close")

type Aggregate = tuple[Decimal, Decimal, Decimal, Decimal, Decimal]


def aggregated(steps: list[Step], step_ms: int) -> dict[tuple[str, int], Aggregate]:
    """Aggregate as a client does: by symbol and aligned interval."""
    found: defaultdict[tuple[str, int], list[Step]] = defaultdict(list)
    for each in steps:
        found[each.symbol, each.ts_ms // step_ms].append(each)
    return {
        key: (
            rows[0].price,
            max(row.price for row in rows),
            min(row.price for row in rows),
            rows[-1].price,
            sum((row.quantity for row in rows), D(0)),
        )
        for key, rows in found.items()
    }


def on_grid(row: RecordedBar, at: Listing) -> Aggregate:
    ticks = (max(round(each / at.tick), 1) for each in (row.open, row.high, row.low, row.close))
    first, high, low, last = (each * at.tick for each in ticks)
    return first, high, low, last, max(row.volume / at.contract_size // at.lot, D(4)) * at.lot


# ---- laws ----


@given(markets(), st.integers(0, 10**9))
def test_the_trades_of_each_interval_aggregate_to_its_bar(played: PlayedMarket, start: int) -> None:
    shift_ms = played.shift_ms(next(played.steps()), start)
    assert shift_ms % played.step_ms == 0
    assert start + played.lead_ms <= shift_ms < start + played.lead_ms + played.step_ms
    steps = [
        fitted(step, played.listings[step.symbol])._replace(ts_ms=step.ts_ms + shift_ms)
        for step in played.steps()
    ]
    first_ms = min(each.open_ms for each in played.bars)
    wanted = {
        (each.symbol, shift_ms // played.step_ms + (each.open_ms - first_ms) // MINUTE): on_grid(
            each, played.listings[each.symbol]
        )
        for each in played.bars
        if each.volume
    }
    assert aggregated(steps, played.step_ms) == wanted


@given(markets())
def test_trades_come_in_order_and_away_from_the_ends_of_their_interval(
    played: PlayedMarket,
) -> None:
    times = [step.ts_ms for step in played.steps()]
    assert times == sorted(times)
    margin = played.step_ms // 8
    assert all(margin <= each % played.step_ms <= played.step_ms - margin for each in times)


@given(markets(), st.integers(1, 4))
def test_a_repeated_path_goes_on_where_it_ended(played: PlayedMarket, laps: int) -> None:
    played.repeat = True
    length = len({each.open_ms for each in played.bars})
    rows = list(islice(played.intervals(), length * (laps + 1)))
    indices = [index for index, _ in rows]
    assert indices == sorted(set(indices))
    for lap in range(1, laps + 1):
        before = {each.symbol: each.close for _, bars in rows[: lap * length] for each in bars}
        after = rows[lap * length : (lap + 1) * length]
        opened = {each.symbol: each.open for _, bars in reversed(after) for each in bars}
        assert opened == before


@given(
    st.sampled_from(sorted(CLASSES)),
    st.sampled_from(Product),
    st.sampled_from(["BTC", "ETH", "DOGE"]),
    st.decimals(D("0.00001"), 150_000, places=6).filter(bool),
)
def test_listings_have_steps_that_fit_the_price(
    dialect: str, product: Product, base: str, price: Decimal
) -> None:
    symbol = f"{base}/USDT" if product is Product.SPOT else f"{base}/USDT:USDT"
    row = bar(0, *[str(price)] * 4, symbol=symbol)
    made = listings_for(dialect, [row], product)[symbol]
    assert made.symbol == symbol
    assert D("1e-5") < made.tick / price <= D("1e-4") or (made.tick == 1 and price > 10_000)
    own = {each.symbol: each for each in spoken(dialect).listings}.get(symbol)
    if own is not None and own.contract_size != 1:
        assert (made.lot, made.contract_size) == (own.lot, own.contract_size)
    else:
        assert D("0.5") < made.lot * made.contract_size * price <= 5


# ---- examples ----


def test_a_bar_walks_over_the_nearer_extreme_first() -> None:
    played = market(bar(0, "10", "12", "9", "11", volume="0.07"), bar(1, "11", "12", "9", "10"))
    rows = [(step.ts_ms, str(step.price), str(step.quantity)) for step in played.steps()]
    assert rows[:4] == [
        (125, "10", "0.02"),
        (375, "9", "0.02"),
        (625, "12", "0.02"),
        (875, "11", "0.01"),
    ]
    assert [price for _, price, _ in rows[4:]] == ["11", "12", "9", "10"]


def test_play_begins_aligned_after_the_lead_and_ends_with_the_bars() -> None:
    flat = ("10", "12", "9", "11")
    played = market(bar(0, *flat, volume="0"), bar(1, *flat), lead_ms=200, step_ms=200)
    clock = VenueClock(start_ms=1_000_050)
    exchange = Exchange([listing(SYMBOLS[0])], clock=clock, balances={})
    asyncio.run(asyncio.wait_for(played.play(exchange, stop=asyncio.Event()), 20))
    progress = played.progress
    assert (progress.start_ms, progress.index, progress.is_over) == (1_000_400, 1, True)
    tape: list[PublicTrade] = exchange.trades(SYMBOLS[0])
    assert [str(trade.price) for trade in tape] == ["10", "9", "12", "11"]
    assert tape[0].ts_ms >= 1_000_400 + 200 + 25
    assert progress.trades == 4


def test_a_trade_that_left_its_interval_is_counted_as_late() -> None:
    played = market(bar(0, "10", "12", "9", "11"))
    last = list(played.steps())[-1]
    played.traded(last, late_ms=124)
    assert (played.progress.late, played.progress.worst_late_ms) == (0, 124)
    played.traded(last, late_ms=125)
    assert (played.progress.late, played.progress.worst_late_ms) == (1, 125)


@pytest.mark.parametrize(
    ("step_ms", "spec"),
    [
        (50, "50-MILLISECOND"),
        (1_000, "1-SECOND"),
        (5_000, "5-SECOND"),
        (60_000, "1-MINUTE"),
        (300_000, "5-MINUTE"),
        (3_600_000, "1-HOUR"),
    ],
)
def test_an_interval_is_named_as_the_engine_names_bars(step_ms: int, spec: str) -> None:
    assert bar_spec(step_ms) == spec


@pytest.mark.parametrize("speed", ["0", "-1", "7", "120", "100000", "40"])
def test_a_speed_without_bars_of_the_engine_is_refused(speed: str) -> None:
    with pytest.raises(ValueError, match=r"speed must|divisor"):
        step_ms_of(300_000, Fraction(speed))


def test_a_played_market_cannot_exist_wrong() -> None:
    good = bar(0, "10", "12", "9", "11")
    for bars, options, words in (
        ((), {}, "bars must hold at least one"),
        ((good,), {"step_ms": 7}, "step_ms must be 8 or more, was 7"),
        ((good,), {"lead_ms": -1}, "lead_ms must be 0 or more, was -1"),
        ((good,), {"listings": {}}, "'BTC/USDT:USDT' is not there"),
        ((good, good), {}, "one bar a symbol and interval"),
        ((bar(0, "1", "1", "1", "1", volume="0"),), {}, "bars must have volume"),
    ):
        with pytest.raises(ValueError, match=words):
            list(market(*bars, **options).steps())


def test_bars_are_read_from_the_first_that_opens_at_the_start() -> None:
    start = datetime(2024, 2, 1, tzinfo=UTC)
    names = ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE")
    span = Span(catalog=SAMPLE, instruments=names, interval="5m", start=start, count=3)
    rows = read_bars(span, Product.SPOT)
    assert {row.symbol for row in rows} == {"BTC/USDT", "ETH/USDT"}
    first_ms = int(start.timestamp() * 1000)
    opens = [row.open_ms for row in rows if row.symbol == "BTC/USDT"]
    assert opens == [first_ms, first_ms + 300_000, first_ms + 600_000]


@pytest.mark.parametrize(
    ("names", "start", "words"),
    [
        (("NONE",), None, "NONE"),
        (("BTCUSDT-PERP.BINANCE",), datetime(2030, 1, 1, tzinfo=UTC), "no 5m bars of BTC"),
    ],
)
def test_what_the_catalog_does_not_hold_is_named(
    names: tuple[str, ...], start: datetime | None, words: str
) -> None:
    span = Span(catalog=SAMPLE, instruments=names, interval="5m", start=start)
    with pytest.raises((CatalogError, ValueError), match=words):
        read_bars(span, Product.PERP)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("hello", "must begin with truth"),
        ("truth now", "nothing may follow"),
        ("faults", "faults: "),
        ("faults {}", "must be a JSON list"),
        ('faults [{"kind": "nonsense"}]', "kind must be one of"),
        ("drop everything", "public or private"),
        ("restart -1", "the time away must be 0 s or more"),
        ("restart nan", "the time away must be 0 s or more"),
        ("manual []", "must be a JSON object"),
        ('manual {"symbol": "BTCUSDT-PERP"}', "side must be buy or sell"),
        ('manual {"symbol": "BTCUSDT-PERP", "side": "buy"}', "quantity must be a number"),
        ('manual {"symbol": "X", "side": "buy"}', "symbol must be one of BTCUSDT-PERP"),
        ('manual {"size": 1}', "not 'size'"),
        (
            'manual {"symbol": "BTCUSDT-PERP", "side": "buy", "quantity": "0.00001"}',
            "the exchange refused",
        ),
        ("cancel 1", "unknown order"),
        ("others 1", "must be a JSON object"),
        ('others {"symbol": "BTCUSDT-PERP"}', "has price and symbol"),
        ('others {"symbol": "BTCUSDT-PERP", "price": "-1"}', "price must be above 0"),
    ],
)
def test_a_line_that_cannot_be_obeyed_is_answered_by_why(line: str, words: str) -> None:
    played = market(bar(0, "10", "12", "9", "11"))
    with LocalVenue("gate", listings=tuple(played.listings.values()), prices={}) as venue:
        answer = Control(venue=venue, market=played).answer(line)
        assert set(answer) <= {"error", "refusal"}
        assert words in answer["error"]
        assert venue.call(truth_row)["orders"] == []


def test_the_truth_is_plain_json_in_the_words_of_the_adapter() -> None:
    played = market(bar(0, "10", "12", "9", "11"))
    prices = {SYMBOLS[0]: D(10)}
    with LocalVenue("gate", listings=tuple(played.listings.values()), prices=prices) as venue:
        control = Control(venue=venue, market=played)
        wish = {"symbol": SYMBOLS[0], "side": "sell", "quantity": "0.5"}
        order = control.answer(f"manual {json.dumps(wish)}")["order"]
        venue.call(lambda exchange: exchange.settle_funding(SYMBOLS[0], D("0.01")))
        told = json.loads(json.dumps(control.answer("truth")))
    assert told["orders"] == [order]
    assert told["positions"]["BTCUSDT-PERP"]["quantity"] == "-50"
    assert told["positions"]["BTCUSDT-PERP"]["base"] == "-0.5"
    assert D(told["funding"]["BTCUSDT-PERP"]) < 0
    assert order["fills"][0]["quantity"] == "50"


def test_a_spike_fires_a_stop_at_its_price_and_not_before() -> None:
    played = market(bar(0, "10", "12", "9", "11"))
    stop = Ask(
        symbol=SYMBOLS[0],
        side=Side.SELL,
        kind=Kind.MARKET,
        quantity=D(50),
        trigger=Trigger(price=D(8), rising=False),
        reduce_only=True,
    )
    prices = {SYMBOLS[0]: D(10)}
    with LocalVenue("gate", listings=tuple(played.listings.values()), prices=prices) as venue:
        control = Control(venue=venue, market=played)
        bought = {"symbol": SYMBOLS[0], "side": "buy", "quantity": "0.5"}
        control.answer(f"manual {json.dumps(bought)}")
        venue.call(lambda exchange: exchange.place(stop))
        for price, status in (("8.01", "waiting"), ("8", "fired")):
            wish = {"symbol": "BTCUSDT-PERP", "price": price}
            assert control.answer(f"others {json.dumps(wish)}")["trade"]["price"] == price
            orders = control.answer("truth")["orders"]
            assert [each["status"] for each in orders if each["trigger_price"]] == [status]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--instruments", "NONE"], "NONE"),
        (["--speed", "7"], "speed must"),
        (["--balance", "0"], "balance must be above 0"),
        (["--start", "2031-01-01"], "no 5m bars"),
        (["--faults", "absent.yaml"], "absent.yaml"),
        (["--bars", "0"], "count must be 1 or more"),
    ],
)
def test_the_command_refuses_bad_input_in_one_sentence(
    capsys: pytest.CaptureFixture[str], options: list[str], words: str
) -> None:
    command = ["--dialect", "bitget", "--catalog", str(SAMPLE), "--bars", "3"]
    command += ["--instruments", "BTCUSDT-PERP.BINANCE", *options]
    assert play.main(command) == 2
    told = capsys.readouterr()
    assert words in told.err
    assert told.err.count("\n") == 1
    assert not told.out
