"""Every call that the adapter makes of ccxt, by a name of its own."""

from collections.abc import Callable, Coroutine, Iterator, Mapping
from decimal import Decimal
from typing import Any, Final

from ccxt_nt.ids import codec
from ccxt_nt.orders.desk import Change, Desk, Terms
from ccxt_nt.orders.inquiry import Inquiry, OrderKey
from ccxt_nt.profiles import Amend, Profile
from ccxt_nt.values import Force, OrderKind, Product, Side, Ticket
from tests.contract.probe import NOW_MS, Probe, Request

OUR_ID = "O-20260101-000000-001-000-1"
SINCE_MS = 1_789_000_000_000

# What differs from a plain limit order to buy
_ODD: Final[Mapping[str, Mapping[str, object]]] = {
    "limit ioc": {"force": Force.IOC},
    "limit fok": {"force": Force.FOK},
    "limit post-only": {"post_only": True},
    "limit reduce-only": {"reduce_only": True, "side": Side.SELL},
    "stop reduce-only": {
        "reduce_only": True,
        "side": Side.SELL,
        "kind": OrderKind.STOP_MARKET,
        "price": None,
        "trigger_price": Decimal("48000.5"),
    },
    "market buy by cost": {
        "kind": OrderKind.MARKET,
        "price": None,
        "quantity": Decimal(100),
        "quantity_in_quote": True,
    },
}

type Call = Callable[[], Coroutine[Any, Any, object]]


async def recorded(profile: Profile) -> dict[str, list[Request] | str]:
    """Record what every call of one profile sends."""
    probe = Probe(profile)
    calls = {**orders(probe, profile), **account(probe, profile), **data(probe, profile)}
    try:
        return {name: await probe.record(call) for name, call in calls.items()}
    finally:
        await probe.exchange.close()


def tickets(profile: Profile, symbol: str) -> Iterator[tuple[str, Ticket]]:
    """Give one ticket of each kind that the venue takes."""
    lot = Decimal("0.01") if profile.product is Product.SPOT else Decimal(2)
    prices = {
        OrderKind.LIMIT: (Decimal("50000.5"), None),
        OrderKind.MARKET: (None, None),
        OrderKind.STOP_MARKET: (None, Decimal("48000.5")),
        OrderKind.STOP_LIMIT: (Decimal("47990.5"), Decimal("48000.5")),
        OrderKind.TAKE_PROFIT_MARKET: (None, Decimal("52000.5")),
        OrderKind.TAKE_PROFIT_LIMIT: (Decimal("51990.5"), Decimal("52000.5")),
    }
    encoded = codec(profile.codec).encode(OUR_ID)
    for kind, (price, trigger) in prices.items():
        for side in Side:
            yield (
                f"{kind.value} {side.value}",
                Ticket(
                    symbol=symbol,
                    client_order_id=encoded,
                    side=side,
                    kind=kind,
                    quantity=lot,
                    price=price,
                    trigger_price=trigger,
                ),
            )
    plain: Mapping[str, object] = {
        "symbol": symbol,
        "client_order_id": encoded,
        "side": Side.BUY,
        "quantity": lot,
        "price": Decimal("50000.5"),
        "kind": OrderKind.LIMIT,
    }
    for name, change in _ODD.items():
        # Any mix of fields: the ticket's own checks are not what is looked at here
        yield name, Ticket(**{**plain, **change})  # type: ignore[arg-type]


def orders(probe: Probe, profile: Profile) -> dict[str, Call]:
    """List the calls of the order counter."""
    terms = Terms(
        margin_modes={probe.symbol: "cross"} if profile.margin_mode else {},
        leverage={probe.symbol: 5},
    )
    desk = Desk(profile, probe, terms=terms)
    symbol = probe.symbol
    encoded = codec(profile.codec).encode(OUR_ID)
    calls: dict[str, Call] = {}
    for name, ticket in tickets(profile, symbol):
        calls[f"place {name}"] = lambda t=ticket: desk.place(t)  # type: ignore[misc]  # a default has no type
    keys = {
        "by id": OrderKey(symbol=symbol, client_id=encoded, venue_order_id="123"),
        "by client id": OrderKey(symbol=symbol, client_id=encoded, venue_order_id=None),
    }
    for name, key in keys.items():
        calls[f"cancel {name}"] = lambda k=key: desk.cancel(k)  # type: ignore[misc]  # a default has no type
    waiting = OrderKey(symbol=symbol, client_id=encoded, venue_order_id="123", waiting=True)
    calls["cancel a waiting stop"] = lambda: desk.cancel(waiting)
    calls["cancel many"] = lambda: desk.cancel_many(symbol, ["123", "124"])
    change = Change(quantity=Decimal(3), price=Decimal("50001.5"), trigger_price=None)
    by_name = dict(tickets(profile, symbol))
    if profile.amend is Amend.ATOMIC:
        calls["amend a limit order"] = lambda: desk.amend(
            keys["by id"], by_name["limit buy"], change
        )
        calls["amend a limit order to sell"] = lambda: desk.amend(
            keys["by id"], by_name["limit sell"], change
        )
    if profile.stops is not None and profile.stops.amend is Amend.ATOMIC:
        moved = Change(quantity=Decimal(3), price=None, trigger_price=Decimal("48100.5"))
        calls["amend a stop"] = lambda: desk.amend(waiting, by_name["stop_market sell"], moved)
    return calls


def account(probe: Probe, profile: Profile) -> dict[str, Call]:
    """List the questions about the account, and what is set at connect."""
    inquiry = Inquiry(profile, probe, now_ms=lambda: NOW_MS)
    symbol = probe.symbol
    encoded = codec(profile.codec).encode(OUR_ID)
    by_id = OrderKey(symbol=symbol, client_id=encoded, venue_order_id="123")
    by_client = OrderKey(symbol=symbol, client_id=encoded, venue_order_id=None)
    waiting = OrderKey(symbol=symbol, client_id=encoded, venue_order_id="123", waiting=True)
    lost = OrderKey(symbol=symbol, client_id=encoded, venue_order_id=None, waiting=True)
    ex = probe.exchange
    calls: dict[str, Call] = {
        "find by id": lambda: inquiry.find(by_id),
        "find by client id": lambda: inquiry.find(by_client),
        "find a waiting stop": lambda: inquiry.find(waiting),
        "find a waiting stop by client id": lambda: inquiry.find(lost),
        "open orders of a symbol": lambda: ex.fetch_open_orders(symbol, None, 50, {}),
        "past orders": lambda: inquiry.past_orders(symbol, since_ms=SINCE_MS),
        "fills": lambda: inquiry.fills(symbol, since_ms=SINCE_MS),
        "balances": inquiry.balances,
    }
    if not profile.open_orders_need_symbol:
        calls["open orders"] = inquiry.open_orders
    if (stops := profile.stops) is not None:
        calls["open stops of a symbol"] = lambda: ex.fetch_open_orders(
            symbol, None, 50, dict(stops.query_params)
        )
        if (history := stops.history_method) is not None:
            calls["past stops"] = lambda: getattr(ex, history)(
                symbol, SINCE_MS, 50, dict(stops.query_params)
            )
    if profile.uid_from is not None:
        calls["user number"] = getattr(ex, profile.uid_from[0])
    if profile.product is Product.LINEAR:
        calls |= _margin(probe, profile, inquiry)
    return calls | _private_streams(probe, profile)


def _margin(probe: Probe, profile: Profile, inquiry: Inquiry) -> dict[str, Call]:
    ex, symbol = probe.exchange, probe.symbol
    calls: dict[str, Call] = {
        "positions": inquiry.positions,
        "set leverage": lambda: ex.set_leverage(5, symbol, {"marginMode": "cross"}),
        "set one-way mode": lambda: ex.set_position_mode(False, symbol),
    }
    if profile.margin_mode:
        calls["set margin mode"] = lambda: ex.set_margin_mode("cross", symbol)
    return calls


def _private_streams(probe: Probe, profile: Profile) -> dict[str, Call]:
    ex = probe.exchange
    symbol = probe.symbol if profile.watch_orders_per_symbol else None
    params = {} if symbol else dict(profile.type_params)
    calls: dict[str, Call] = {
        "watch orders": lambda: ex.watch_orders(symbol, None, None, params),
        "watch fills": lambda: ex.watch_my_trades(symbol, None, None, params),
        "watch balance": lambda: ex.watch_balance(dict(profile.type_params)),
    }
    stops = profile.stops
    if stops is not None and (watched := stops.watch_params) is not None:
        calls["watch stops"] = lambda: ex.watch_orders(symbol, None, None, {**params, **watched})
    return calls


def data(probe: Probe, profile: Profile) -> dict[str, Call]:
    """List the calls of market data."""
    ex, symbol = probe.exchange, probe.symbol
    paging = profile.paging
    depth = profile.book_snapshots_depth or (profile.book_depths or (None,))[0]
    calls: dict[str, Call] = {
        "markets": lambda: ex.fetch_markets(),
        "time": lambda: ex.fetch_time(),
        "bars": lambda: ex.fetch_ohlcv(symbol, "5m", SINCE_MS, paging.bars),
        "trades": lambda: ex.fetch_trades(symbol, None, paging.trades),
        "book": lambda: ex.fetch_order_book(symbol, 20),
        "watch trades": lambda: ex.watch_trades(symbol),
        "watch book": lambda: ex.watch_order_book(symbol),
        "watch book snapshots": lambda: ex.watch_order_book(symbol, depth),
        "watch bars": lambda: ex.watch_ohlcv(symbol, "1m"),
        "watch quotes": lambda: ex.watch_bids_asks([symbol]),
    }
    if profile.product is Product.LINEAR:
        calls["funding rate"] = lambda: ex.fetch_funding_rate(symbol)
        calls["past funding rates"] = lambda: ex.fetch_funding_rate_history(
            symbol, SINCE_MS, paging.funding
        )
        if (stream := profile.mark_stream) is not None:
            calls["watch mark"] = lambda: getattr(ex, stream)(symbol)
        if (asked := profile.mark_call) is not None:
            calls["mark"] = lambda: getattr(ex, asked)(symbol)
    return calls
