"""An ordinary node with a data client, in a process of its own: commands in, JSON lines out.

Commands are JSON lines on standard input: {"do": "subscribe", "what": "trades", ...}.
"""

import asyncio
import json
import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from nautilus_trader.common import Environment, LoggerConfig, LogLevel
from nautilus_trader.live import LiveNode
from nautilus_trader.model import (
    BarType,
    BookType,
    ClientId,
    InstrumentId,
    StrategyId,
    TraderId,
    Venue,
)
from nautilus_trader.trading import Strategy, StrategyConfig

from ccxt_nt.config import CcxtDataClientConfig
from ccxt_nt.conversion import health_type
from ccxt_nt.factories import CcxtDataClientFactory

# `Any` in this module: what is told to the test is JSON


def tell(kind: str, **facts: Any) -> None:
    print(json.dumps({"kind": kind, **facts}, default=str), flush=True)


class Teller(Strategy):
    """Does what it is told, and tells what it gets."""

    stop_node: Any = None

    def on_start(self) -> None:
        self._cache = self.cache
        self._heard = b""
        asyncio.get_running_loop().add_reader(0, self._read)
        tell("started", instruments=[str(each.id) for each in self.cache.instruments()])

    def _read(self) -> None:
        heard = os.read(0, 65536)
        if not heard:
            asyncio.get_running_loop().remove_reader(0)
            self.stop_node()
            return
        self._heard += heard
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            command = json.loads(line)
            getattr(self, f"_{command.pop('do')}")(**command)

    def _subscribe(self, what: str, of: str, **more: Any) -> None:
        if what == "bars":
            self.subscribe_bars(BarType.from_str(of))
        elif what == "health":
            self.subscribe_data(health_type(of), client_id=ClientId(of))
        elif what.startswith("book"):
            subscribe = getattr(self, f"subscribe_{what}")
            managed = {"managed": True} if what == "book_deltas" else {}
            subscribe(InstrumentId.from_str(of), BookType.L2_MBP, **managed, **more)
        else:
            getattr(self, f"subscribe_{what}")(InstrumentId.from_str(of))
        tell("done", what=f"subscribe {what}")

    def _unsubscribe(self, what: str, of: str) -> None:
        if what == "bars":
            self.unsubscribe_bars(BarType.from_str(of))
        else:
            getattr(self, f"unsubscribe_{what}")(InstrumentId.from_str(of))
        tell("done", what=f"unsubscribe {what}")

    def _request(self, what: str, of: str, **window: Any) -> None:
        for name in ("start", "end"):
            if name in window:
                window[name] = datetime.fromtimestamp(window[name] / 1000, tz=UTC)
        if what == "bars":
            self.request_bars(BarType.from_str(of), **window)
        elif what == "instruments":
            self.request_instruments(Venue(of))
        else:
            getattr(self, f"request_{what}")(InstrumentId.from_str(of), **window)

    def _book(self, of: str) -> None:
        book = self._cache.order_book(InstrumentId.from_str(of))
        tell("book", **levels(book))

    def on_instrument(self, instrument: Any) -> None:
        tell("instrument", id=instrument.id)

    def on_instruments(self, instruments: Sequence[Any]) -> None:
        tell("instruments", ids=[each.id for each in instruments])

    def on_trade(self, trade: Any) -> None:
        tell("trade", instrument=trade.instrument_id, **row(trade))

    def on_quote(self, quote: Any) -> None:
        tell(
            "quote",
            instrument=quote.instrument_id,
            bid=quote.bid_price,
            ask=quote.ask_price,
            ts_event=quote.ts_event,
        )

    def on_bar(self, bar: Any) -> None:
        tell("bar", type=bar.bar_type, ts_event=bar.ts_event, **ohlcv(bar))

    def on_book_deltas(self, deltas: Any) -> None:
        tell("deltas", count=len(deltas.deltas), snapshot=deltas.is_snapshot)

    def on_book_depth(self, depth: Any) -> None:
        tell("depth", instrument=depth.instrument_id, bids=len(depth.bids), asks=len(depth.asks))

    def on_book(self, book: Any) -> None:
        tell("book_answer", **levels(book))

    def on_mark_price(self, mark_price: Any) -> None:
        tell("mark", instrument=mark_price.instrument_id, value=mark_price.value)

    def on_index_price(self, index_price: Any) -> None:
        tell("index", instrument=index_price.instrument_id, value=index_price.value)

    def on_funding_rate(self, funding_rate: Any) -> None:
        tell("funding", instrument=funding_rate.instrument_id, rate=funding_rate.rate)

    def on_data(self, data: Any) -> None:
        tell("health", health=data.data.health.value, reasons=data.data.reasons)

    def on_historical_bars(self, bars: Sequence[Any]) -> None:
        tell("bars", bars=[{"ts_event": bar.ts_event, **ohlcv(bar)} for bar in bars])

    def on_historical_trades(self, trades: Sequence[Any]) -> None:
        tell("trades", trades=[row(trade) for trade in trades])

    def on_historical_funding_rates(self, funding_rates: Sequence[Any]) -> None:
        tell("fundings", rates=[each.rate for each in funding_rates])


def row(trade: Any) -> dict[str, Any]:
    return {
        "id": trade.trade_id.value,
        "price": trade.price,
        "size": trade.size,
        "side": trade.aggressor_side.name,
        "ts_event": trade.ts_event,
    }


def ohlcv(bar: Any) -> dict[str, Any]:
    return {name: getattr(bar, name) for name in ("open", "high", "low", "close", "volume")}


def levels(book: Any) -> dict[str, Any]:
    def side(rows: list[Any]) -> list[list[str]]:
        return [[str(each.price), str(each.size())] for each in rows]

    return {"bids": side(book.bids()), "asks": side(book.asks())}


def main() -> None:
    """Run a node with the clients told, until standard input ends."""
    builder = LiveNode.builder("NODE", TraderId("TESTER-001"), Environment.LIVE)
    builder = builder.with_logging(LoggerConfig(stdout_level=LogLevel.WARNING))
    builder = builder.with_delay_post_stop_secs(0).with_timeout_connection(60)
    for options in json.loads(sys.argv[1]):
        name = options.get("venue_name") or options["venue"]
        builder = builder.add_data_client(
            name, CcxtDataClientFactory(), CcxtDataClientConfig(**options)
        )
    node = builder.build()
    teller = Teller(StrategyConfig(strategy_id=StrategyId("TELLER-1")))
    node.add_strategy(teller)
    teller.stop_node = node.handle().stop
    node.run()
    tell("stopped")


if __name__ == "__main__":
    main()
