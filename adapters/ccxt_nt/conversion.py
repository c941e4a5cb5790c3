"""Rows into the engine's types, exactly or not at all."""

from decimal import Context, Decimal
from typing import Any, Final

from nautilus_trader.model import (
    AggressorSide,
    Bar,
    BarType,
    CryptoPerpetual,
    Currency,
    CurrencyPair,
    CustomData,
    DataType,
    FundingRateUpdate,
    IndexPriceUpdate,
    InstrumentId,
    MarkPriceUpdate,
    Money,
    Price,
    Quantity,
    QuoteTick,
    Symbol,
    TradeId,
    TradeTick,
    Venue,
)

from ccxt_nt.health import HealthReport, VenueHealth
from ccxt_nt.symbols import instrument_name
from ccxt_nt.values import BarRow, MarketRow, MarkRow, Product, QuoteRow, Side, TradeRow

type Instrument = CurrencyPair | CryptoPerpetual

HEALTH: Final = "VenueHealth"
_MOST_DECIMALS: Final = 16  # the engine's own limit
_FINEST: Final = Decimal(1).scaleb(-_MOST_DECIMALS)
_WIDE: Final = Context(prec=60)  # a volume of a cheap coin has more digits than the usual 28
_LARGEST: Final = Decimal(10) ** 13  # quantities above the engine's range are clipped


def instrument_id(market: MarketRow, venue: Venue) -> InstrumentId:
    """Name an instrument for the engine."""
    return InstrumentId(Symbol(instrument_name(market)), venue)


def instrument(
    market: MarketRow, venue: Venue, *, ts_init: int, leverage: int | None = None
) -> Instrument:
    """Build the engine's instrument; quantities count in the venue's own units."""
    quote = Currency.from_str(market.quote)
    fields: dict[str, Any] = {  # the two constructors share these and check each
        "instrument_id": instrument_id(market, venue),
        "raw_symbol": Symbol(market.native_id),
        "base_currency": Currency.from_str(market.base),
        "quote_currency": quote,
        "price_precision": decimals(market.tick),
        "size_precision": decimals(market.lot),
        "price_increment": Price.from_str(text(market.tick)),
        "size_increment": Quantity.from_str(text(market.lot)),
        "lot_size": Quantity.from_str(text(market.lot)),
        "multiplier": Quantity.from_str(text(market.contract_size)),
        "min_quantity": _bound(market.min_quantity),
        "max_quantity": _bound(market.max_quantity),
        "min_notional": _notional(market.min_notional, quote),
        "margin_init": Decimal(1) / leverage if leverage else Decimal(1),
        "margin_maint": Decimal("0.5") / leverage if leverage else Decimal("0.5"),
        "info": {
            "maker_fee": text(market.maker_fee),
            "taker_fee": text(market.taker_fee),
            "symbol": market.symbol,
            "contract_size": text(market.contract_size),
            "active": market.active,
        },
        "ts_event": ts_init,
        "ts_init": ts_init,
    }
    if market.product is Product.SPOT:
        return CurrencyPair(**fields)
    settle = Currency.from_str(market.settle or market.quote)
    return CryptoPerpetual(settlement_currency=settle, is_inverse=False, **fields)


def price(value: Decimal, precision: int) -> Price:
    """Make a price that is exactly the value; ValueError where the precision cannot hold it."""
    made = Price.from_decimal_dp(value, precision)
    if made.as_decimal() != value:
        raise ValueError(f"price {value} has more than {precision} decimals")
    return made


def quantity(value: Decimal, precision: int) -> Quantity:
    """Make a quantity that is exactly the value; ValueError where the precision cannot hold it."""
    made = Quantity.from_decimal_dp(value, precision)
    if made.as_decimal() != value:
        raise ValueError(f"quantity {value} has more than {precision} decimals")
    return made


def trade(row: TradeRow, of: Instrument, *, ts_init: int) -> TradeTick:
    """Build a trade."""
    aggressor = AggressorSide.BUY if row.side is Side.BUY else AggressorSide.SELL
    return TradeTick(
        of.id,
        price(row.price, of.price_precision),
        quantity(row.quantity, of.size_precision),
        aggressor,
        TradeId(row.trade_id),
        row.ts_event,
        ts_init,
    )


def quote(row: QuoteRow, of: Instrument, *, ts_init: int) -> QuoteTick:
    """Build a quote; refused where the bid is not below the ask."""
    if row.bid >= row.ask:
        raise ValueError(f"quote of {row.symbol} is crossed: bid {row.bid}, ask {row.ask}")
    return QuoteTick(
        of.id,
        price(row.bid, of.price_precision),
        price(row.ask, of.price_precision),
        quantity(row.bid_quantity, of.size_precision),
        quantity(row.ask_quantity, of.size_precision),
        row.ts_event,
        ts_init,
    )


def bar(row: BarRow, bar_type: BarType, of: Instrument, *, interval_ns: int, ts_init: int) -> Bar:
    """Build a bar stamped at its close; volume in base currency, with the decimals that needs."""
    digits = of.price_precision
    volume = row.volume
    if decimals(volume) > _MOST_DECIMALS:  # some venues send sums of floats
        volume = volume.quantize(_FINEST, context=_WIDE)
    volume_digits = max(of.size_precision, decimals(volume))
    return Bar(
        bar_type,
        price(row.open, digits),
        price(row.high, digits),
        price(row.low, digits),
        price(row.close, digits),
        quantity(volume, volume_digits),
        row.open_ns + interval_ns,
        ts_init,
    )


def is_same_quote(one: QuoteTick, other: QuoteTick) -> bool:
    """Say whether two quotes tell the same prices and quantities."""
    return (one.bid_price, one.ask_price, one.bid_size, one.ask_size) == (
        other.bid_price,
        other.ask_price,
        other.bid_size,
        other.ask_size,
    )


def mark_price(row: MarkRow, of: Instrument, *, ts_init: int) -> MarkPriceUpdate | None:
    """Build a mark price, where the row has one."""
    if row.mark is None:
        return None
    return MarkPriceUpdate(of.id, _free_price(row.mark), row.ts_event, ts_init)


def index_price(row: MarkRow, of: Instrument, *, ts_init: int) -> IndexPriceUpdate | None:
    """Build an index price, where the row has one."""
    if row.index is None:
        return None
    return IndexPriceUpdate(of.id, _free_price(row.index), row.ts_event, ts_init)


def funding_rate(
    row: MarkRow, of: Instrument, *, ts_init: int, interval_mins: int | None = None
) -> FundingRateUpdate | None:
    """Build a funding rate, where the row has one."""
    if row.funding_rate is None:
        return None
    return FundingRateUpdate(
        of.id,
        row.funding_rate,
        row.ts_event,
        ts_init,
        interval=interval_mins,
        next_funding_ns=row.next_funding_ns,
    )


def health_type(venue: str) -> DataType:
    """Name the data that a strategy subscribes to in order to see the health of a venue."""
    return DataType(HEALTH, metadata={"venue": venue})


def health_data(report: HealthReport, *, venue: str, source: str, now_ns: int) -> CustomData:
    """Build what a strategy receives when the health of a venue changes."""
    health = VenueHealth(
        venue=venue,
        source=source,
        health=report.health,
        reasons=report.reasons,
        ts_event=now_ns,
        ts_init=now_ns,
    )
    return CustomData(health_type(venue), health)


def money(value: Decimal, currency: str) -> Money:
    """Make an amount of money, rounded to what the currency can express."""
    return Money.from_decimal(value, Currency.from_str(currency))


def decimals(value: Decimal) -> int:
    """Count the decimals that a value needs."""
    exponent = value.normalize().as_tuple().exponent
    if not isinstance(exponent, int):
        raise ValueError(f"a finite number is needed, was {value}")  # noqa: TRY004 - not a type
    return max(-exponent, 0)


def text(value: Decimal) -> str:
    """Write a number without an exponent and without zeros at its end."""
    return format(value.normalize(), "f")


def _free_price(value: Decimal) -> Price:
    return Price.from_decimal_dp(value, min(decimals(value), _MOST_DECIMALS))


def _bound(value: Decimal | None) -> Quantity | None:
    if value is None or value <= 0:
        return None
    return Quantity.from_str(text(min(value, _LARGEST)))


def _notional(value: Decimal | None, currency: Currency) -> Money | None:
    return None if not value else Money.from_decimal(value, currency)
