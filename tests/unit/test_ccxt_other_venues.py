"""Two venues that nobody wrote a profile for, read by the same adapter from recorded payloads.

Their answers and frames are the ones that ccxt's sources show in comments (tests/data/other_venues
says where); a small server sends them over real sockets, and nothing of the adapter is replaced.
"""

import asyncio
import gzip
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

import pytest
from aiohttp import WSMsgType, web
from nautilus_trader.model import AggressorSide, BarType, InstrumentId, TradeTick, Venue

from ccxt_nt import conversion
from ccxt_nt.errors import Unsupported
from ccxt_nt.health import HealthBoard
from ccxt_nt.line.client import Line, Role
from ccxt_nt.market.bar_feed import read_bar
from ccxt_nt.market.feeds import Station
from ccxt_nt.market.history import History
from ccxt_nt.market.tick_feeds import TradeFeed
from ccxt_nt.orders.desk import Desk
from ccxt_nt.profiles import Budget
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.settings import Settings
from ccxt_nt.values import OrderKind, Product, Side, Ticket
from ccxt_nt.venues import profile

# `Any` in this module: payloads are JSON

_DATA = Path(__file__).parents[1] / "data" / "other_venues"
_BEFORE_NS = 1_577_836_800_000_000_000  # 2020: before everything that was recorded
_AFTER_NS = 1_735_689_600_000_000_000  # 2025: after it
_PATIENCE_SECS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What a venue's payloads say, read by eye."""

    venue: str
    packed: bool  # frames come as gzip
    instruments: Mapping[str, tuple[str, str]]  # tick and lot by name
    past_trade: tuple[str, str, str]  # id, price, quantity
    pushed_trades: tuple[tuple[str, str, str], ...]
    past_bars: tuple[tuple[str, ...], ...]  # open, high, low, close, volume
    pushed_bar: tuple[str, ...]


WHITEBIT = Expected(
    venue="whitebit",
    packed=False,
    instruments={
        "SONUSD": ("0.01", "0.001"),
        "BTCUSDT": ("0.01", "0.000001"),
        "ETHBTC": ("0.000001", "0.001"),
    },
    past_trade=("158056419", "9186.13", "0.0021"),
    pushed_trades=(("1900632398", "21443.04", "0.072844"), ("1900632397", "21443.15", "0.060757")),
    past_bars=(
        ("0.025025", "0.025029", "0.025023", "0.025025", "6.181"),
        ("0.025028", "0.025035", "0.025026", "0.025033", "8.067"),
        ("0.025034", "0.02505", "0.025034", "0.02505", "20.089"),
    ),
    pushed_bar=("22374.15", "22374.27", "22342.52", "22351.34", "30.213426"),
)
HTX = Expected(
    venue="htx",
    packed=True,
    instruments={
        "XRP3SUSDT": ("0.0001", "0.0001"),
        "BTCUSDT": ("0.01", "0.000001"),
        "ETHBTC": ("0.000001", "0.0001"),
    },
    past_trade=("102090736910", "9096.05", "0.010411"),
    pushed_trades=(("1.050046453727319e+22", "9150.01", "0.003893"),),
    past_bars=(("0.025096", "0.025096", "0.025095", "0.025095", "1.2082"),),
    pushed_bar=(
        "9094.5",
        "9094.51",
        "9094.5",
        "9094.51",
        "0.4463978626380091",
    ),  # 16 decimals are the most the engine has
)
BOTH = pytest.mark.parametrize("expected", [WHITEBIT, HTX], ids=lambda each: each.venue)


class Replay:
    """A server that answers with what was recorded, and pushes it to whoever subscribes."""

    def __init__(self, venue: str, *, packed: bool) -> None:
        told = json.loads((_DATA / f"{venue}.json").read_text(encoding="utf-8"))
        self._answers = {path: each["payload"] for path, each in told["answers"].items()}
        self._frames = {name: each["payload"] for name, each in told["frames"].items()}
        self._packed = packed

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if request.headers.get("upgrade", "").lower() == "websocket":
            return await self._connect(request)
        for path, payload in self._answers.items():
            if request.path.endswith(path):
                return web.json_response(payload)
        return web.json_response({"status": "ok", "data": []})

    async def _connect(self, request: web.Request) -> web.WebSocketResponse:
        ws = web.WebSocketResponse()
        await ws.prepare(request)
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            asked = json.loads(message.data)
            await self._send(ws, _yes(asked))
            name = "trades" if "trade" in message.data else "bars"
            await self._send(ws, self._frames[name])
        return ws

    async def _send(self, ws: web.WebSocketResponse, frame: Any) -> None:
        text = json.dumps(frame)
        if self._packed:
            await ws.send_bytes(gzip.compress(text.encode()))
        else:
            await ws.send_str(text)


def _yes(asked: Any) -> Any:
    """Say yes as the venue does: by the id of the request."""
    if "sub" in asked:
        return {"id": asked["id"], "status": "ok", "subbed": asked["sub"], "ts": 1583495834011}
    return {"error": None, "result": {"status": "success"}, "id": asked["id"]}


@dataclass(kw_only=True)
class Place:
    """One line to a replayed venue, its markets loaded."""

    line: Line
    provider: CcxtInstrumentProvider
    station: Station
    got: list[Any]
    now_ns: int

    def instrument(self, name: str) -> Any:
        symbol = self.line.symbols.symbol(name)
        return self.line.symbols.market(symbol), self.provider.instrument(symbol)


@asynccontextmanager
async def at(expected: Expected, *, now_ns: int) -> AsyncIterator[Place]:
    """Open a line, as a data client does, at a venue nobody has tested."""
    replay = Replay(expected.venue, packed=expected.packed)
    server = web.Application()
    server.router.add_route("*", "/{path:.*}", replay.serve)
    runner = web.AppRunner(server, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    settings = Settings(
        venue=expected.venue,
        product=Product.SPOT,
        endpoint=f"http://127.0.0.1:{runner.addresses[0][1]}",
        allow_untested=True,
    )
    row = profile(expected.venue, Product.SPOT, allow_untested=True)
    row = replace(row, budget=Budget(data_per_sec=1_000, orders_per_sec=1_000))  # for a replay
    notes: list[str] = []
    line = Line(row, settings, role=Role.DATA, log=notes.append)
    try:
        await line.open()
        provider = CcxtInstrumentProvider(
            line, Venue(row.venue), settings=settings, now_ns=lambda: now_ns
        )
        await provider.load_all_async()
        got: list[Any] = []
        station = Station(
            line=line,
            emit=got.append,
            now_ns=lambda: now_ns,
            board=HealthBoard(),
            log=notes.append,
            rng=Random(0),
        )
        yield Place(line=line, provider=provider, station=station, got=got, now_ns=now_ns)
    finally:
        await line.close()
        await runner.cleanup()


@BOTH
def test_its_instruments_are_read_exactly(expected: Expected) -> None:
    async def run() -> None:
        async with at(expected, now_ns=_AFTER_NS) as desk:
            for name, (tick, lot) in expected.instruments.items():
                market, instrument = desk.instrument(name)
                assert str(instrument.id) == f"{name}.{expected.venue.upper()}"
                assert instrument.price_increment.as_decimal() == Decimal(tick)
                assert instrument.size_increment.as_decimal() == Decimal(lot)
                assert instrument.raw_symbol.value == market.native_id

    asyncio.run(run())


@BOTH
def test_its_past_trades_and_bars_are_read_exactly(expected: Expected) -> None:
    async def run() -> None:
        async with at(expected, now_ns=_AFTER_NS) as desk:
            history = History(desk.station)
            market, instrument = desk.instrument("BTCUSDT")
            (row,) = await history.trades(market, start_ns=None, end_ns=None, limit=10)
            trade = conversion.trade(row, instrument, ts_init=_AFTER_NS)
            told = (trade.trade_id.value, str(trade.price), str(trade.size.as_decimal()))
            assert told == _padded(expected.past_trade, instrument)
            assert trade.aggressor_side == AggressorSide.SELL
            market, instrument = desk.instrument("ETHBTC")
            start_ns = 1_591_488_000_000_000_000 if expected is WHITEBIT else None
            since = start_ns or 1_591_515_300_000_000_000
            rows = await history.bars(
                market,
                "1m",
                60_000_000_000,
                start_ns=since,
                end_ns=since + 600_000_000_000,
                limit=None,
            )
            bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
            bars = [_bar_of(each, bar_type, instrument) for each in rows]
            assert tuple(bars) == expected.past_bars

    asyncio.run(run())


@BOTH
def test_its_pushed_trades_and_bars_are_read_exactly(expected: Expected) -> None:
    async def run() -> None:
        async with at(expected, now_ns=_BEFORE_NS) as desk:
            # The clock stands before the recordings, as it did when they were made
            market, instrument = desk.instrument("BTCUSDT")
            feed = TradeFeed(desk.station, market, instrument)
            desk.station.now_ns = lambda: _AFTER_NS
            feed.start()
            await _until(lambda: len(desk.got) >= len(expected.pushed_trades))
            await feed.stop()
            trades = [each for each in desk.got if isinstance(each, TradeTick)]
            told = {(t.trade_id.value, str(t.price), str(t.size.as_decimal())) for t in trades}
            assert told == {_padded(each, instrument) for each in expected.pushed_trades}
            async with asyncio.timeout(_PATIENCE_SECS):
                bars = await desk.line.next_value("watch_ohlcv", market.symbol, "1m")
            bar_type = BarType.from_str(f"{instrument.id}-1-MINUTE-LAST-EXTERNAL")
            row = read_bar(bars[-1], market)
            assert _bar_of(row, bar_type, instrument) == expected.pushed_bar

    asyncio.run(run())


@pytest.mark.parametrize("venue", ["whitebit", "htx", "mexc", "bingx"])
@pytest.mark.parametrize("product", list(Product))
@pytest.mark.parametrize("kind", [kind for kind in OrderKind if kind.is_trigger])
def test_stop_orders_stay_refused_before_anything_is_sent(
    venue: str, product: Product, kind: OrderKind
) -> None:
    class Silent:
        async def ask(self, *_: object, **__: object) -> None:
            raise AssertionError("something was sent")

    row = profile(venue, product, allow_untested=True)
    desk = Desk(row, Silent())  # nothing may be asked
    ticket = Ticket(
        symbol="BTC/USDT",
        client_order_id="1",
        side=Side.SELL,
        kind=kind,
        quantity=Decimal(1),
        price=Decimal(9) if kind.is_limit else None,
        trigger_price=Decimal(10),
    )
    with pytest.raises(Unsupported, match=f"no tested way to send {kind.value} orders"):
        asyncio.run(desk.place(ticket))


def test_without_leave_an_untested_venue_is_refused_altogether() -> None:
    with pytest.raises(Unsupported, match="allow_untested=True"):
        profile("whitebit", Product.SPOT)


async def _until(test: Any) -> None:
    deadline = asyncio.get_running_loop().time() + _PATIENCE_SECS
    while not test():
        assert asyncio.get_running_loop().time() < deadline, "it never came"
        await asyncio.sleep(0.005)


def _padded(told: tuple[str, str, str], instrument: Any) -> tuple[str, str, str]:
    """Write price and quantity with the instrument's decimals, as the engine does."""
    trade_id, price, quantity = told
    return (
        trade_id,
        f"{Decimal(price):.{instrument.price_precision}f}",
        f"{Decimal(quantity):.{instrument.size_precision}f}",
    )


def _bar_of(row: Any, bar_type: BarType, instrument: Any) -> tuple[str, ...]:
    bar = conversion.bar(row, bar_type, instrument, interval_ns=60_000_000_000, ts_init=_AFTER_NS)
    assert bar.bar_type.instrument_id == InstrumentId.from_str(str(instrument.id))
    assert bar.ts_event == row.open_ns + 60_000_000_000
    values = (bar.open, bar.high, bar.low, bar.close, bar.volume)
    return tuple(conversion.text(value.as_decimal()) for value in values)
