"""What the adapter knows of a venue, free of ccxt's dictionaries and of the engine's types."""

from dataclasses import dataclass
from decimal import Decimal
from enum import Enum


class Product(Enum):
    """Which kind of instrument a client trades."""

    SPOT = "spot"
    LINEAR = "linear"  # perpetuals settled in the quote currency


class Side(Enum):
    """Which side of the book."""

    BUY = "buy"
    SELL = "sell"


class OrderKind(Enum):
    """What an order does at the venue."""

    LIMIT = "limit"
    MARKET = "market"
    STOP_MARKET = "stop_market"
    STOP_LIMIT = "stop_limit"
    TAKE_PROFIT_MARKET = "take_profit_market"  # the engine's MARKET_IF_TOUCHED
    TAKE_PROFIT_LIMIT = "take_profit_limit"  # the engine's LIMIT_IF_TOUCHED

    @property
    def is_trigger(self) -> bool:
        """Say whether it waits for a trigger price."""
        return self not in (OrderKind.LIMIT, OrderKind.MARKET)

    @property
    def takes_profit(self) -> bool:
        """Say whether its trigger is on the profitable side."""
        return self in (OrderKind.TAKE_PROFIT_MARKET, OrderKind.TAKE_PROFIT_LIMIT)

    @property
    def is_limit(self) -> bool:
        """Say whether it carries a limit price."""
        return self in (OrderKind.LIMIT, OrderKind.STOP_LIMIT, OrderKind.TAKE_PROFIT_LIMIT)


class Force(Enum):
    """How long an order stays."""

    GTC = "GTC"
    IOC = "IOC"
    FOK = "FOK"


class OrderStatus(Enum):
    """Where an order stands at the venue."""

    OPEN = "open"  # filled or not: that is what `filled` says
    FILLED = "filled"
    CANCELED = "canceled"
    EXPIRED = "expired"
    REJECTED = "rejected"
    TRIGGERED = "triggered"  # a trigger order that became another order (see `fired_id`)


class Health(Enum):
    """How well the adapter sees its venue."""

    HEALTHY = "healthy"
    DEGRADED = "degraded"  # something is late or being fetched again
    BLIND = "blind"  # orders or fills may have changed unseen: no new risk


@dataclass(frozen=True, slots=True, kw_only=True)
class MarketRow:
    """One listed market; quantities in the venue's own units (contracts where it has them)."""

    symbol: str  # ccxt's, e.g. BTC/USDT:USDT
    native_id: str
    base: str
    quote: str
    settle: str | None
    product: Product
    contract_size: Decimal  # base currency in one unit of quantity
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal | None
    max_quantity: Decimal | None
    min_notional: Decimal | None
    maker_fee: Decimal
    taker_fee: Decimal
    active: bool
    max_leverage: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeRow:
    """One trade on the tape; `side` is the taker's."""

    symbol: str
    trade_id: str
    price: Decimal
    quantity: Decimal
    side: Side
    ts_event: int  # UNIX nanoseconds


@dataclass(frozen=True, slots=True, kw_only=True)
class BarRow:
    """One bar; volume in base currency."""

    symbol: str
    open_ns: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class BookRow:
    """A whole book, best prices first."""

    symbol: str
    bids: tuple[tuple[Decimal, Decimal], ...]
    asks: tuple[tuple[Decimal, Decimal], ...]
    sequence: int | None
    ts_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class QuoteRow:
    """The top of a book."""

    symbol: str
    bid: Decimal
    ask: Decimal
    bid_quantity: Decimal
    ask_quantity: Decimal
    ts_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkRow:
    """Mark price, and the funding that will be paid next."""

    symbol: str
    mark: Decimal | None
    index: Decimal | None
    funding_rate: Decimal | None
    next_funding_ns: int | None
    ts_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRow:
    """One order as the venue last told it."""

    symbol: str
    venue_order_id: str
    client_order_id: str | None  # as the venue has it, not decoded
    side: Side
    kind: OrderKind
    force: Force
    post_only: bool
    reduce_only: bool
    status: OrderStatus
    quantity: Decimal | None  # None where the venue tells none (a market buy by cost)
    filled: Decimal | None  # cumulative, in units of quantity; None where not told
    average: Decimal | None
    price: Decimal | None
    trigger_price: Decimal | None
    fired_id: str | None  # the order that a triggered one became
    created_ns: int
    updated_ns: int
    fired_from: str | None = None  # the trigger order it came from, where told
    triggered: bool = False  # a trigger order that fired and keeps its id: it is in the market now


@dataclass(frozen=True, slots=True, kw_only=True)
class FillRow:
    """One execution of our order."""

    symbol: str
    trade_id: str
    venue_order_id: str
    client_order_id: str | None
    side: Side
    price: Decimal
    quantity: Decimal
    is_maker: bool | None
    fee: Decimal | None  # positive is paid; None where the venue does not tell it here
    fee_currency: str | None
    ts_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceRow:
    """One currency of the account."""

    currency: str
    total: Decimal
    free: Decimal

    @property
    def locked(self) -> Decimal:
        """Count what orders or margin hold."""
        return self.total - self.free


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionRow:
    """The net position of a perpetual; short is negative."""

    symbol: str
    quantity: Decimal
    entry_price: Decimal | None
    leverage: Decimal | None
    cross: bool | None
    hedged: bool | None
    ts_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """An order to be sent: everything in the venue's terms, prices and quantities exact."""

    symbol: str
    client_order_id: str  # encoded for the venue
    side: Side
    kind: OrderKind
    quantity: Decimal
    price: Decimal | None = None
    trigger_price: Decimal | None = None
    force: Force = Force.GTC
    post_only: bool = False
    reduce_only: bool = False
    quantity_in_quote: bool = False

    @property
    def is_protective(self) -> bool:
        """Say whether it can only lower risk, and so goes first."""
        return self.reduce_only
