"""What every venue has, whatever it calls it: listings, orders, fills, accounts, events."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum


class Product(Enum):
    """What a listing is."""

    SPOT = "spot"
    PERP = "perp"


class Side(Enum):
    """Which side of the book an order or a trade's taker is on."""

    BUY = "buy"
    SELL = "sell"

    @property
    def opposite(self) -> "Side":
        """Name the other side."""
        return Side.SELL if self is Side.BUY else Side.BUY

    @property
    def sign(self) -> int:
        """Count a buy as +1, a sell as -1."""
        return 1 if self is Side.BUY else -1


class Kind(Enum):
    """How an order meets the book."""

    LIMIT = "limit"
    MARKET = "market"


class Force(Enum):
    """How long an order stays."""

    GTC = "gtc"
    IOC = "ioc"
    FOK = "fok"
    POST_ONLY = "post_only"


class Status(Enum):
    """Where an order stands."""

    WAITING = "waiting"  # a trigger order whose price was not reached
    OPEN = "open"
    FILLED = "filled"
    CANCELED = "canceled"
    FIRED = "fired"  # a trigger order that became another order (see Order.fired_as)
    FAILED = "failed"  # a trigger order whose own order was refused

    @property
    def is_closed(self) -> bool:
        """Say whether nothing more happens to it."""
        return self not in (Status.WAITING, Status.OPEN)


class Refusal(Enum):
    """Why the exchange said no."""

    INSUFFICIENT_BALANCE = "insufficient balance"
    DUPLICATE_CLIENT_ID = "duplicate client id"
    UNKNOWN_ORDER = "unknown order"
    ORDER_CLOSED = "order closed"
    UNKNOWN_SYMBOL = "unknown symbol"
    BELOW_MINIMUM = "below minimum"
    BAD_PRECISION = "bad precision"
    BAD_PRICE = "bad price"
    WOULD_TAKE = "post-only order would take"
    NOT_FILLABLE = "fill-or-kill order cannot be filled"
    REDUCE_ONLY = "reduce-only order without a position to reduce"
    BAD_TRIGGER = "trigger price already passed"
    BAD_REQUEST = "bad request"


class Refused(Exception):
    """The exchange said no; nothing changed."""

    def __init__(self, refusal: Refusal, detail: str = "") -> None:
        super().__init__(f"{refusal.value}: {detail}" if detail else refusal.value)
        self.refusal = refusal
        self.detail = detail


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """One instrument; quantities count in the venue's own units (contracts where it has them)."""

    base: str
    quote: str
    product: Product
    tick: Decimal
    lot: Decimal
    contract_size: Decimal = Decimal(1)  # base coins in one unit of quantity
    min_quantity: Decimal = Decimal(0)
    min_notional: Decimal = Decimal(0)
    maker_fee: Decimal = Decimal("0.0002")
    taker_fee: Decimal = Decimal("0.0006")
    max_leverage: int = 50

    @property
    def symbol(self) -> str:
        """Spell it as ccxt does: BTC/USDT or BTC/USDT:USDT."""
        spot = f"{self.base}/{self.quote}"
        return spot if self.product is Product.SPOT else f"{spot}:{self.quote}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Trigger:
    """When a waiting order goes out."""

    price: Decimal
    rising: bool  # fires at or above the price, else at or below


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What a client asks for; `cost` replaces `quantity` for spot market buys by quote amount."""

    symbol: str
    side: Side
    kind: Kind
    quantity: Decimal | None = None
    cost: Decimal | None = None
    price: Decimal | None = None
    force: Force = Force.GTC
    reduce_only: bool = False
    trigger: Trigger | None = None
    client_id: str | None = None


@dataclass(slots=True, kw_only=True)
class Order:
    """One order as the exchange knows it; `filled` counts venue units, `cost` quote coins."""

    order_id: str
    ask: Ask
    quantity: Decimal | None  # None for a market buy by cost
    price: Decimal | None
    trigger: Trigger | None
    status: Status
    created_ms: int
    updated_ms: int
    filled: Decimal = Decimal(0)
    cost: Decimal = Decimal(0)
    fees: dict[str, Decimal] = field(default_factory=dict)  # paid, by coin
    fired_as: str | None = None  # the order a trigger order became, where that gets its own id
    fired_from: str | None = None
    cancel_reason: str = ""  # "client", "ioc", "fok", "post_only", "reduce_only", "balance"

    @property
    def left(self) -> Decimal:
        """Count what may still fill, in units of quantity (0 for a buy by cost)."""
        return Decimal(0) if self.quantity is None else self.quantity - self.filled

    @property
    def average(self) -> Decimal | None:
        """Divide cost by base coins filled is the dialect's business; here per unit of quantity."""
        return self.cost / self.filled if self.filled else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One execution of a client's order."""

    trade_id: str
    order_id: str
    client_id: str | None
    symbol: str
    side: Side
    price: Decimal
    quantity: Decimal  # venue units
    maker: bool
    fee: Decimal  # positive is paid
    fee_coin: str
    ts_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class PublicTrade:
    """One trade on the tape; `side` is the taker's."""

    trade_id: str
    symbol: str
    price: Decimal
    quantity: Decimal
    side: Side
    ts_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Candle:
    """One bar; volume in base coins, turnover in quote coins."""

    open_ms: int
    open: Decimal
    high: Decimal
    low: Decimal
    close: Decimal
    volume: Decimal
    turnover: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """One price of the book."""

    price: Decimal
    quantity: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """The whole book, best prices first."""

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    sequence: int
    ts_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """One coin of one wallet (spot, or the perpetuals' margin wallet)."""

    coin: str
    total: Decimal
    held: Decimal

    @property
    def free(self) -> Decimal:
        """Count what is not held by orders or as margin."""
        return self.total - self.held


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The net position of a perpetual; short is negative."""

    symbol: str
    quantity: Decimal  # signed, venue units
    entry_price: Decimal
    realised: Decimal
    leverage: int
    cross: bool
    updated_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """What a perpetual pays next."""

    symbol: str
    rate: Decimal
    next_ms: int
    interval_hours: int


# ---- events, in the order in which they happened; all values are copies ----


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderChanged:
    """An order was placed, changed, filled, cancelled, or fired."""

    order: Order
    fill: Fill | None = None  # the fill that changed it


@dataclass(frozen=True, slots=True, kw_only=True)
class BalanceChanged:
    """A wallet changed."""

    product: Product
    balances: Mapping[str, Balance]  # those that changed


@dataclass(frozen=True, slots=True, kw_only=True)
class PositionChanged:
    """A position changed."""

    position: Position


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """Somebody traded."""

    trade: PublicTrade


@dataclass(frozen=True, slots=True, kw_only=True)
class BookChanged:
    """The book moved: new quantity per price, zero where a level went."""

    symbol: str
    bids: tuple[Level, ...]
    asks: tuple[Level, ...]
    first_sequence: int
    last_sequence: int
    ts_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CandleChanged:
    """The running candle of an interval changed, or closed."""

    symbol: str
    interval_ms: int
    candle: Candle
    closed: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MarkChanged:
    """Mark or index price or the funding rate moved."""

    symbol: str
    mark: Decimal
    index: Decimal
    funding: Funding


type Event = (
    OrderChanged
    | BalanceChanged
    | PositionChanged
    | Traded
    | BookChanged
    | CandleChanged
    | MarkChanged
)
