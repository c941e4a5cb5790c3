"""What a node's strategy sees, as facts that can be sent to a test as lines of JSON."""

import json
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model import (
    CustomData,
    FundingRateUpdate,
    IndexPriceUpdate,
    MarkPriceUpdate,
    OrderBook,
    OrderBookDepth,
    QuoteTick,
    TradeTick,
)

from ccxt_nt.health import VenueHealth

# `Any` in this module: facts are JSON, and the engine's stubs have no common type of events

type Fact = dict[str, Any]

_OF_EVENTS = ("reason", "last_qty", "last_px", "commission", "venue_order_id", "trade_id")


def tell(fact: Fact) -> None:
    """Write one line."""
    sys.stdout.write(json.dumps(fact, default=str) + "\n")
    sys.stdout.flush()


def fact_of(item: Any, names: Mapping[str, str]) -> Fact | None:
    """Say what came, None for what no test asks for; `names` are the test's own of its orders."""
    match item:
        case CustomData(data=VenueHealth() as seen):
            why = {"health": seen.health.value, "reasons": seen.reasons}
            return {"kind": "health", "source": seen.source, **why}
        case OrderBook():
            return {"kind": "book_answer", **levels_of(item)}
        case [TradeTick(), *_]:
            return {"kind": "trades", "trades": [_trade(each) for each in item]}
    if hasattr(item, "client_order_id"):
        return _event(item, names)
    if type(item) not in _STREAMS:
        return None
    kind, read = _STREAMS[type(item)]
    return {"kind": kind, "instrument": item.instrument_id, **read(item)}


def _event(event: Any, names: Mapping[str, str]) -> Fact:
    what = {key: str(told) for key in _OF_EVENTS if (told := getattr(event, key, None)) is not None}
    ours = event.client_order_id.value
    name = {"order": names.get(ours, ours), "client_order_id": ours}
    return {"kind": "event", "event": type(event).__name__, **name, **what}


def _trade(trade: Any) -> Fact:
    return {"price": trade.price, "size": trade.size}


_STREAMS: Final[Mapping[type, tuple[str, Callable[[Any], Fact]]]] = {
    TradeTick: ("trade", _trade),
    QuoteTick: ("quote", lambda quote: {"bid": quote.bid_price, "ask": quote.ask_price}),
    OrderBookDepth: ("depth", lambda depth: {}),
    MarkPriceUpdate: ("mark", lambda mark: {"value": mark.value}),
    IndexPriceUpdate: ("index", lambda index: {"value": index.value}),
    FundingRateUpdate: ("funding", lambda funding: {"rate": funding.rate}),
}


def levels_of(book: Any) -> dict[str, list[list[str]]]:
    """List the price and the size of every level of a book, best first."""
    sides = {"bids": book.bids(), "asks": book.asks()}
    return {
        side: [[str(each.price), str(each.size())] for each in rows] for side, rows in sides.items()
    }


def state_of(cache: Any, names: Mapping[str, str]) -> Fact:
    """Tell all that the engine knows of instruments, orders, positions and wallets."""
    instruments = [each.id for each in cache.instruments()]
    accounts = [cache.account_for_venue(venue) for venue in {each.venue for each in instruments}]
    return {
        "instruments": instruments,
        "orders": {
            names.get(order.client_order_id.value, order.client_order_id.value): _order(order)
            for order in cache.orders()
        },
        "position": str(sum((_signed(each) for each in cache.positions_open()), Decimal(0))),
        "balances": {
            coin.code: str(money.as_decimal())
            for account in accounts
            if account is not None
            for coin, money in account.balances_total().items()
        },
    }


def _signed(position: Any) -> Decimal:
    quantity: Decimal = position.quantity.as_decimal()
    return quantity if position.signed_qty > 0 else -quantity


def _order(order: Any) -> Fact:
    return {
        "status": order.status.name,
        "filled": str(order.filled_qty.as_decimal()),
        "quantity": str(order.quantity.as_decimal()),
        "venue_order_id": order.venue_order_id.value if order.venue_order_id else None,
        "trades": [trade.value for trade in order.trade_ids],
        "strategy": order.strategy_id.value,
        "trigger_price": str(getattr(order, "trigger_price", None)),
    }
