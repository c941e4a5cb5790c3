"""Everything that happens to the account, added to a file as it happens: one JSON object a line."""

import json
from pathlib import Path
from types import TracebackType
from typing import Self, TextIO

from tests.venue.accounting import WALLETS, Row, name, order_row, plain, position_row
from tests.venue.exchange import Exchange
from tests.venue.model import BalanceChanged, Event, OrderChanged, PositionChanged


class Recorder:
    """Open it with `with` before the exchange trades; every line reaches the system at once."""

    def __init__(self, exchange: Exchange, path: Path) -> None:
        self._exchange = exchange
        self._path = path
        self._file: TextIO | None = None

    def __enter__(self) -> Self:
        self._file = self._path.open("a", encoding="utf-8")
        kinds = (OrderChanged, BalanceChanged, PositionChanged)
        self._exchange.listen(self._happened, kinds=kinds)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        assert self._file is not None
        self._file.close()

    def _happened(self, event: Event) -> None:
        row = self._row(event)
        if row is not None and self._file is not None and not self._file.closed:
            ts_ms = self._exchange.clock.now_ms()
            self._file.write(json.dumps({"ts_ms": ts_ms, **row}) + "\n")
            self._file.flush()

    def _row(self, event: Event) -> Row | None:
        match event:
            case OrderChanged():
                fills = [event.fill] if event.fill is not None else []
                return {"event": "order", **order_row(self._exchange, event.order, fills)}
            case BalanceChanged():
                return {
                    "event": "balance",
                    "wallet": WALLETS[event.product].value,
                    "balances": {
                        coin: {"total": plain(each.total), "held": plain(each.held)}
                        for coin, each in event.balances.items()
                    },
                }
            case PositionChanged():
                held = event.position
                listing = self._exchange.listings[held.symbol]
                row = position_row(self._exchange, held)
                return {"event": "position", "instrument": name(listing), **row}
            case _:
                return None
