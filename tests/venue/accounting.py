"""The exchange's ledger as one JSON object, and what a person at the venue may do."""

from collections import defaultdict
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from typing import Any, Final

from ccxt_nt.symbols import name_of
from ccxt_nt.values import Product as Wallet
from tests.venue.exchange import Exchange
from tests.venue.markets import Step, fitted
from tests.venue.model import Ask, Fill, Kind, Listing, Order, Position, Product, Side

# `Any` in this module: it makes and reads JSON

type Row = dict[str, Any]

WALLETS: Final[Mapping[Product, Wallet]] = {
    Product.SPOT: Wallet.SPOT,
    Product.PERP: Wallet.LINEAR,
}
_MANUAL: Final = frozenset({"symbol", "side", "quantity", "price", "reduce_only"})


def name(listing: Listing) -> str:
    """Name a listing as the adapter does."""
    return name_of(listing.symbol, WALLETS[listing.product])


def market_row(listing: Listing) -> Row:
    """Describe a listing; quantities of orders at the venue count in `contract_size` base coins."""
    return {
        "name": name(listing),
        "symbol": listing.symbol,
        "tick": plain(listing.tick),
        "lot": plain(listing.lot),
        "contract_size": plain(listing.contract_size),
        "min_quantity": plain(listing.min_quantity),
        "min_notional": plain(listing.min_notional),
        "maker_fee": plain(listing.maker_fee),
        "taker_fee": plain(listing.taker_fee),
    }


def truth_row(exchange: Exchange) -> Row:
    """Tell the whole ledger; call it on the exchange's own thread.

    Quantities of orders, fills and positions count in the venue's own units. Client ids are as the
    venue has them. `fees` and `funding` are sums of what was paid: negative was received.
    """
    truth = exchange.truth
    by_order: defaultdict[str, list[Fill]] = defaultdict(list)
    fees: defaultdict[str, Decimal] = defaultdict(Decimal)
    for fill in truth.fills:
        by_order[fill.order_id].append(fill)
        fees[fill.fee_coin] += fill.fee
    orders = [order_row(exchange, each, by_order[each.order_id]) for each in truth.placed.values()]
    return {
        "ts_ms": exchange.clock.now_ms(),
        "balances": {
            wallet.value: {
                coin: {"total": plain(each.total), "held": plain(each.held)}
                for coin, each in exchange.balances(product).items()
            }
            for product, wallet in WALLETS.items()
        },
        "open_orders": [row for row in orders if row["is_open"]],
        "orders": orders,
        "positions": {
            name(exchange.listings[each.symbol]): position_row(exchange, each)
            for each in exchange.positions()
        },
        "fees": {coin: plain(paid) for coin, paid in fees.items()},
        "funding": _funding(exchange),
        "requests": dict(truth.requests),
        "accepted": dict(truth.accepted),
        "prices": {
            name(listing): plain(price)
            for symbol, listing in exchange.listings.items()
            if (price := exchange.last(symbol)) is not None
        },
    }


def order_row(exchange: Exchange, order: Order, fills: list[Fill]) -> Row:
    """Tell one order and its fills."""
    ask = order.ask
    return {
        "order_id": order.order_id,
        "client_id": ask.client_id,
        "instrument": name(exchange.listings[ask.symbol]),
        "side": ask.side.value,
        "kind": ask.kind.value,
        "force": ask.force.value,
        "reduce_only": ask.reduce_only,
        "status": order.status.value,
        "is_open": not order.status.is_closed,
        "quantity": plain(order.quantity),
        "filled": plain(order.filled),
        "price": plain(order.price),
        "trigger_price": plain(order.trigger.price if order.trigger else None),
        "fired_as": order.fired_as,
        "fired_from": order.fired_from,
        "cancel_reason": order.cancel_reason,
        "created_ms": order.created_ms,
        "updated_ms": order.updated_ms,
        "fills": [fill_row(each) for each in fills],
    }


def fill_row(fill: Fill) -> Row:
    """Tell one fill."""
    return {
        "trade_id": fill.trade_id,
        "price": plain(fill.price),
        "quantity": plain(fill.quantity),
        "maker": fill.maker,
        "fee": plain(fill.fee),
        "fee_coin": fill.fee_coin,
        "ts_ms": fill.ts_ms,
    }


def position_row(exchange: Exchange, position: Position) -> Row:
    """Tell one position; short is negative."""
    listing = exchange.listings[position.symbol]
    return {
        "quantity": plain(position.quantity),
        "base": plain(position.quantity * listing.contract_size),
        "entry_price": plain(position.entry_price),
        "realised": plain(position.realised),
        "leverage": position.leverage,
        "updated_ms": position.updated_ms,
    }


def trade_by_hand(exchange: Exchange, wish: Mapping[str, Any]) -> Order:
    """Trade on the account as a person at the venue would, without a client id.

    `symbol` is a name of the adapter or a symbol of ccxt, `quantity` counts in base coins; with a
    `price` it is a limit order, else a market order. Raises ValueError, or Refused.
    """
    if unknown := set(wish) - _MANUAL:
        raise ValueError(f"a manual trade has {sorted(_MANUAL)}, not {min(unknown)!r}")
    listing = _listing(exchange, str(wish.get("symbol", "")))
    side = str(wish.get("side", "")).lower()
    if side not in {each.value for each in Side}:
        raise ValueError(f"side must be buy or sell, was {wish.get('side')!r}")
    price = None if wish.get("price") is None else _number("price", wish["price"])
    ask = Ask(
        symbol=listing.symbol,
        side=Side(side),
        kind=Kind.MARKET if price is None else Kind.LIMIT,
        quantity=_number("quantity", wish.get("quantity")) / listing.contract_size,
        price=price,
        reduce_only=wish.get("reduce_only", False) is True,
    )
    return exchange.place(ask)


def trade_by_others(exchange: Exchange, wish: Mapping[str, Any]) -> Row:
    """Let others trade one lot at a price, whatever the last one was: a spike, to the tick.

    `symbol` is as in `trade_by_hand`. Raises ValueError.
    """
    if set(wish) != {"symbol", "price"}:
        raise ValueError(f"a trade of others has price and symbol, had {sorted(wish)}")
    listing = _listing(exchange, str(wish["symbol"]))
    price = _number("price", wish["price"])
    last = exchange.last(listing.symbol)
    side = Side.SELL if last is not None and price < last else Side.BUY
    step = fitted(Step(0, listing.symbol, price, Decimal(0), side), listing)
    exchange.tick(step.symbol, step.price, step.quantity, step.side)
    return {"price": plain(step.price), "quantity": plain(step.quantity)}


def plain(value: Decimal | None) -> str | None:
    """Write a number without exponent and idle zeros."""
    return None if value is None else f"{value.normalize():f}"


def _listing(exchange: Exchange, asked: str) -> Listing:
    for listing in exchange.listings.values():
        if asked in (listing.symbol, name(listing)):
            return listing
    names = ", ".join(name(each) for each in exchange.listings.values())
    raise ValueError(f"symbol must be one of {names}, was {asked!r}")


def _number(field: str, told: object) -> Decimal:
    try:
        number = Decimal(str(told))
    except InvalidOperation:
        raise ValueError(f"{field} must be a number, was {told!r}") from None
    if not number.is_finite() or number <= 0:
        raise ValueError(f"{field} must be above 0, was {told!r}")
    return number


def _funding(exchange: Exchange) -> dict[str, str | None]:
    sums: defaultdict[str, Decimal] = defaultdict(Decimal)
    for _, symbol, paid in exchange.truth.funding:
        sums[name(exchange.listings[symbol])] += paid
    return {key: plain(paid) for key, paid in sums.items()}
