"""Markets, trades, bars, books, quotes, marks: from ccxt's dictionaries to rows."""

from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import Any, Final

from ccxt_nt.parsing.fields import (
    Raw,
    Unreadable,
    decimal,
    expect_symbol,
    first_time,
    info,
    mapping,
    nanoseconds,
    not_negative,
    number,
    optional_number,
    optional_positive,
    optional_text,
    positive,
    text,
)
from ccxt_nt.profiles import Profile
from ccxt_nt.values import BarRow, BookRow, MarketRow, MarkRow, Product, QuoteRow, Side, TradeRow

_BAR_FIELDS: Final = ("time", "open", "high", "low", "close", "volume")


def belongs(market: Raw, profile: Profile) -> bool:
    """Say whether a listed market is of the profile's product."""
    if profile.product is Product.SPOT:
        return market.get("spot") is True
    return market.get("swap") is True and market.get("linear") is True


def market_row(market: object, profile: Profile) -> MarketRow:
    """Read one listed market; ccxt's instance must run in TICK_SIZE mode with `number=str`."""
    m = mapping(market, "market")
    if not belongs(m, profile):
        raise Unreadable("type", m.get("type"), f"must be {profile.product.value}")
    precision = mapping(m.get("precision"), "precision")
    limits = mapping(m.get("limits"), "limits")
    amount = mapping(limits.get("amount") or {}, "limits.amount")
    spot = profile.product is Product.SPOT
    return MarketRow(
        symbol=text(m, "symbol"),
        native_id=text(m, "id"),
        base=text(m, "base"),
        quote=text(m, "quote"),
        settle=None if spot else text(m, "settle"),
        product=profile.product,
        contract_size=Decimal(1) if spot else positive(m, "contractSize"),
        tick=positive(precision, "price"),
        lot=positive(precision, "amount"),
        min_quantity=optional_positive(amount, "min"),
        max_quantity=optional_positive(amount, "max"),
        min_notional=optional_positive(mapping(limits.get("cost") or {}, "limits.cost"), "min"),
        maker_fee=number(m, "maker"),
        taker_fee=number(m, "taker"),
        active=m.get("active") is not False,
        max_leverage=optional_positive(
            mapping(limits.get("leverage") or {}, "limits.leverage"), "max"
        ),
    )


def market_rows(
    markets: Iterable[object], profile: Profile
) -> tuple[tuple[MarketRow, ...], dict[str, str]]:
    """Read all markets of the product; what cannot be read is told by its symbol, not fatal."""
    rows, faults = list[MarketRow](), dict[str, str]()
    for market in markets:
        m = mapping(market, "market")
        if not belongs(m, profile):
            continue
        try:
            rows.append(market_row(m, profile))
        except Unreadable as e:
            faults[str(m.get("symbol"))] = str(e)
    return tuple(rows), faults


def trade_row(trade: object, *, symbol: str | None = None) -> TradeRow:
    """Read one trade of the tape."""
    t = mapping(trade, "trade")
    return TradeRow(
        symbol=expect_symbol(t, symbol),
        # KuCoin's REST calls a trade by its sequence alone, which is its id on the stream
        trade_id=optional_text(t, "id") or text(info(t), "sequence"),
        price=positive(t, "price"),
        quantity=positive(t, "amount"),
        side=side(t),
        ts_event=nanoseconds(t.get("timestamp"), "timestamp"),
    )


def side(row: Raw) -> Side:
    """Read which side of the book."""
    told = text(row, "side").lower()
    if told not in ("buy", "sell"):
        raise Unreadable("side", told, "must be buy or sell")
    return Side(told)


def bar_row(bar: object, market: MarketRow, *, volume: Decimal | None = None) -> BarRow:
    """Read one bar [ms, open, high, low, close, volume in the market's units].

    `volume` replaces the bar's own where that counts something else, and is in base currency.
    """
    # Any: an item of a foreign list
    if not isinstance(bar, Sequence) or isinstance(bar, str) or len(bar) < len(_BAR_FIELDS):
        raise Unreadable("bar", bar, "must be a list of six")
    cells: dict[str, Any] = dict(zip(_BAR_FIELDS, bar, strict=False))
    if volume is None:
        volume = not_negative(cells, "volume") * market.contract_size
    row = BarRow(
        symbol=market.symbol,
        open_ns=nanoseconds(cells["time"], "time"),
        open=positive(cells, "open"),
        high=positive(cells, "high"),
        low=positive(cells, "low"),
        close=positive(cells, "close"),
        volume=volume,
    )
    if row.high < max(row.open, row.low, row.close) or row.low > min(row.open, row.close):
        raise Unreadable("bar", bar, "must have its extremes at high and low")
    return row


def book_row(book: object, *, symbol: str | None = None, received_ns: int | None = None) -> BookRow:
    """Read a whole book; levels with no quantity are left out, a crossed book is refused."""
    b = mapping(book, "book")
    bids, asks = _levels(b.get("bids"), "bids"), _levels(b.get("asks"), "asks")
    bids.sort(key=lambda level: -level[0])
    asks.sort(key=lambda level: level[0])
    if bids and asks and bids[0][0] >= asks[0][0]:
        raise Unreadable("book", (bids[0], asks[0]), "must not be crossed")
    nonce = b.get("nonce")
    return BookRow(
        symbol=expect_symbol(b, symbol),
        bids=tuple(bids),
        asks=tuple(asks),
        sequence=None if nonce is None else int(decimal(nonce, "nonce")),
        ts_event=first_time((b.get("timestamp"), "timestamp"), received_ns=received_ns),
    )


def _levels(levels: object, field: str) -> list[tuple[Decimal, Decimal]]:
    if not isinstance(levels, Sequence) or isinstance(levels, str):
        raise Unreadable(field, levels, "must be a list of levels")
    rows: dict[Decimal, Decimal] = {}
    for level in levels:
        if not isinstance(level, Sequence) or isinstance(level, str) or len(level) < 2:
            raise Unreadable(field, level, "must hold price and quantity")
        price, quantity = decimal(level[0], field), decimal(level[1], field)
        if price <= 0 or quantity < 0 or price in rows:
            raise Unreadable(field, level, "must be a price of its own with a quantity")
        rows[price] = quantity
    return [(price, quantity) for price, quantity in rows.items() if quantity]


def quote_row(
    ticker: object, *, symbol: str | None = None, received_ns: int | None = None
) -> QuoteRow:
    """Read the top of the book from a ticker that has both sides."""
    t = mapping(ticker, "ticker")
    row = QuoteRow(
        symbol=expect_symbol(t, symbol),
        bid=positive(t, "bid"),
        ask=positive(t, "ask"),
        bid_quantity=positive(t, "bidVolume"),
        ask_quantity=positive(t, "askVolume"),
        ts_event=first_time((t.get("timestamp"), "timestamp"), received_ns=received_ns),
    )
    if row.bid >= row.ask:
        raise Unreadable("bid", row.bid, f"must be below the ask {row.ask}")
    return row


def last_price(ticker: object, *, symbol: str) -> Decimal:
    """Read what was last paid."""
    t = mapping(ticker, "ticker")
    expect_symbol(t, symbol)
    return positive(t, "last")


def mark_row(told: object, *, symbol: str | None = None, received_ns: int | None = None) -> MarkRow:
    """Read mark, index and funding from a ticker or a funding rate; what is absent stays None."""
    t = mapping(told, "mark")
    due = t.get("fundingTimestamp") or t.get("nextFundingTimestamp")
    row = MarkRow(
        symbol=expect_symbol(t, symbol),
        mark=optional_positive(t, "markPrice"),
        index=optional_positive(t, "indexPrice"),
        funding_rate=optional_number(t, "fundingRate"),
        next_funding_ns=None if not due else nanoseconds(due, "fundingTimestamp"),
        ts_event=first_time((t.get("timestamp"), "timestamp"), received_ns=received_ns),
    )
    if row.mark is None and row.index is None and row.funding_rate is None:
        raise Unreadable("mark", sorted(info(t))[:8], "must tell a mark, an index or a funding")
    return row
