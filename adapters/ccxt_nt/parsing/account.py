"""Fills, balances, positions: from ccxt's dictionaries to rows."""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Final

from ccxt_nt.parsing.fields import (
    Raw,
    Unreadable,
    decimal,
    expect_symbol,
    first_time,
    identifier,
    info,
    mapping,
    nanoseconds,
    number,
    optional_number,
    optional_positive,
    optional_text,
    positive,
    text,
)
from ccxt_nt.parsing.market import side
from ccxt_nt.parsing.orders import client_id
from ccxt_nt.profiles import Profile
from ccxt_nt.values import BalanceRow, FillRow, PositionRow

_NOT_CURRENCIES: Final = frozenset(
    {"info", "free", "used", "total", "debt", "timestamp", "datetime"}
)


def fill_row(trade: object, profile: Profile, *, symbol: str | None = None) -> FillRow:
    """Read one execution of our order."""
    t = mapping(trade, "fill")
    fee, currency = _fee(t)
    if profile.tested and info(t):
        for key in ("price", "amount"):
            _expect_written(t, key)
    return FillRow(
        symbol=expect_symbol(t, symbol),
        trade_id=identifier(t, "id"),
        venue_order_id=identifier(t, "order"),
        client_order_id=client_id(t),
        side=side(t),
        price=positive(t, "price"),
        quantity=positive(t, "amount"),
        is_maker=_is_maker(t),
        fee=fee,
        fee_currency=currency,
        ts_event=nanoseconds(t.get("timestamp"), "timestamp"),
    )


def _expect_written(trade: Raw, key: str) -> None:
    """Refuse a number that the venue did not write itself: ccxt reads 1.2.3 as 0.123."""
    value = positive(trade, key)
    for told in info(trade).values():
        try:
            if abs(decimal(told, key)) == value:
                return
        except Unreadable:
            continue
    raise Unreadable(key, trade.get(key), "must be a number that the venue wrote")


def _is_maker(trade: Raw) -> bool | None:
    told = optional_text(trade, "takerOrMaker")
    if told is None:
        return None
    if told not in ("taker", "maker"):
        raise Unreadable("takerOrMaker", told, "must be taker or maker")
    return told == "maker"


def _fee(trade: Raw) -> tuple[Decimal | None, str | None]:
    """Read the fee of one currency; several are refused, for one row can carry one."""
    told = [f for f in (trade.get("fees") or [trade.get("fee")]) if isinstance(f, Mapping)]
    charged = [f for f in told if f.get("cost") is not None and f.get("currency")]
    nonzero = [f for f in charged if number(f, "cost") != 0]
    if len({text(f, "currency") for f in nonzero}) > 1:
        raise Unreadable("fees", nonzero, "must be in one currency")
    if nonzero:
        return sum((number(f, "cost") for f in nonzero), Decimal(0)), text(nonzero[0], "currency")
    if charged:
        return number(charged[0], "cost"), text(charged[0], "currency")
    return None, None


def balance_rows(balance: object, profile: Profile | None = None) -> tuple[BalanceRow, ...]:
    """Read every currency of an account, in alphabetical order.

    With a profile whose ccxt counts the profit of open positions into the total, the total is
    the wallet alone, and only currencies that the venue's own row tells are read.
    """
    b = mapping(balance, "balance")
    rows = []
    for currency in sorted(set(b) - _NOT_CURRENCIES, key=str):
        if not isinstance(currency, str) or not currency:
            raise Unreadable("currency", currency, "must be a text that is not empty")
        account = mapping(b[currency], f"balance of {currency}")
        if profile is not None and (profile.wallet_keys or profile.unrealised_key):
            raw = next((r for r in _raw_accounts(b.get("info")) if _names(r, currency)), None)
            if raw is not None:
                rows.append(_wallet(currency, account, raw, profile))
        else:
            rows.append(_balance(currency, account))
    if not rows and set(b) - _NOT_CURRENCIES:
        raise Unreadable("balance", sorted(set(b) - _NOT_CURRENCIES), "must name its currencies")
    return tuple(rows)


def _wallet(currency: str, account: Raw, raw: Raw, profile: Profile) -> BalanceRow:
    """Take the profit of open positions out: the engine reckons it by itself."""
    free = number(account, "free")
    for key in profile.wallet_keys:
        told = optional_number(raw, key)
        if told is not None:
            return BalanceRow(currency=currency, total=told, free=free)
    if profile.unrealised_key is None:
        raise Unreadable(f"balance of {currency}", None, f"must tell {profile.wallet_keys}")
    total = number(account, "total") - number(raw, profile.unrealised_key)
    return BalanceRow(currency=currency, total=total, free=free)


def _raw_accounts(told: object) -> Iterator[Raw]:
    """Walk through the dictionaries of the venue's own answer."""
    if isinstance(told, Mapping):
        yield told
        for inner in told.values():
            yield from _raw_accounts(inner)
    elif isinstance(told, list):
        for inner in told:
            yield from _raw_accounts(inner)


def _names(raw: Raw, currency: str) -> bool:
    told = raw.get("marginCoin") or raw.get("currency")
    return told == currency


def _balance(currency: str, account: Raw) -> BalanceRow:
    total, free = optional_number(account, "total"), optional_number(account, "free")
    used = optional_number(account, "used")
    if total is None and free is not None and used is not None:
        total = free + used
    if free is None and total is not None and used is not None:
        free = total - used
    if total is None or free is None:
        raise Unreadable(f"balance of {currency}", dict(account), "must tell total and free")
    return BalanceRow(currency=currency, total=total, free=free)


def position_row(
    position: object, *, symbol: str | None = None, received_ns: int | None = None
) -> PositionRow:
    """Read a net position in the venue's units; a flat one has quantity 0."""
    p = mapping(position, "position")
    contracts = abs(decimal(p.get("contracts") or 0, "contracts"))
    held = optional_text(p, "side")
    if contracts and held not in ("long", "short"):
        raise Unreadable("side", held, "must be long or short")
    margin = optional_text(p, "marginMode")
    if margin not in (None, "cross", "isolated"):
        raise Unreadable("marginMode", margin, "must be cross or isolated")
    hedged = p.get("hedged")
    return PositionRow(
        symbol=expect_symbol(p, symbol),
        quantity=-contracts if held == "short" else contracts,
        entry_price=optional_positive(p, "entryPrice"),
        leverage=optional_positive(p, "leverage")
        or optional_positive(info(p), "cross_leverage_limit"),  # beside a leverage of zero
        cross=None if margin is None else margin == "cross",
        hedged=hedged if isinstance(hedged, bool) else None,
        ts_event=first_time(
            (p.get("lastUpdateTimestamp"), "lastUpdateTimestamp"),
            (p.get("timestamp"), "timestamp"),
            (info(p).get("uTime"), "uTime"),
            received_ns=received_ns,
        ),
    )
