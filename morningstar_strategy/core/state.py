"""What we hold and how a trade plan lives, as values that cannot be built wrong."""

from dataclasses import dataclass, fields, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.commands import Direction, TradeSetup

_ZERO: Final = Decimal(0)

EXPIRED: Final = "entry expired"  # why an entry that waited too long is called off


class Outcome(StrEnum):
    """How a plan ended."""

    CLOSED = "CLOSED"
    CANCELLED = "CANCELLED"
    EXPIRED = "EXPIRED"
    REJECTED = "REJECTED"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """An approved trade: the setup at venue precision, its quantity and when it was planned.

    `order_id` is our handle on it; `expires_ns` the time (UNIX nanoseconds) at which an entry
    that has not filled is cancelled, None for never.
    """

    order_id: str
    setup: TradeSetup
    quantity: Decimal
    planned_ns: int
    reason: str

    def __post_init__(self) -> None:
        if not (self.quantity.is_finite() and self.quantity > 0):
            raise ValueError(f"quantity of a plan must be positive, was {self.quantity}")
        if not self.order_id:
            raise ValueError("order_id of a plan must not be empty")

    @property
    def direction(self) -> Direction:
        """Give the direction of the trade."""
        return self.setup.direction

    @property
    def expires_ns(self) -> int | None:
        """Give the time at which an unfilled entry is cancelled."""
        if self.setup.expires_in_secs is None:
            return None
        return self.planned_ns + self.setup.expires_in_secs * 1_000_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Flat:
    """Nothing is held and nothing is planned."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pending:
    """An entry that works and has not filled."""

    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Active:
    """A position with its stop; `opened_ns` is the time of the first fill."""

    plan: Plan
    opened_ns: int
    entry_price: Decimal
    open_quantity: Decimal
    stop_loss_price: Decimal
    take_profit_prices: tuple[Decimal, ...]
    closing: bool = False

    def __post_init__(self) -> None:
        for name, value in (
            ("entry_price", self.entry_price),
            ("open_quantity", self.open_quantity),
            ("stop_loss_price", self.stop_loss_price),
        ):
            if not (value.is_finite() and value > 0):
                raise ValueError(f"{name} of an active trade must be positive, was {value}")

    def stopped_at(self, price: Decimal) -> "Active":
        """Give the same trade with another stop."""
        return replace(self, stop_loss_price=price)


type Trade = Flat | Pending | Active


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A plan that is over, and how."""

    plan: Plan
    outcome: Outcome
    ended_ns: int
    reason: str
    entry_price: Decimal | None = None
    exit_price: Decimal | None = None
    quantity: Decimal = Decimal(0)
    gross_pnl: Decimal = Decimal(0)
    fees: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not (self.quantity.is_finite() and self.quantity >= 0):
            raise ValueError(f"quantity of an ended plan must be >= 0, was {self.quantity}")
        if (self.outcome is Outcome.CLOSED) != (self.quantity > 0):
            raise ValueError(
                f"a plan ends CLOSED exactly when something was filled, "
                f"was {self.outcome.value} with {self.quantity}"
            )


def activate(
    pending: Pending, *, ts_event: int, price: Decimal, quantity: Decimal, stop: Decimal
) -> Active:
    """Turn a pending plan into an active trade at its first fill; a stop is a must."""
    return Active(
        plan=pending.plan,
        opened_ns=ts_event,
        entry_price=price,
        open_quantity=quantity,
        stop_loss_price=stop,
        take_profit_prices=pending.plan.setup.take_profit_prices,
    )


def plan_of(trade: Trade) -> Plan | None:
    """Give the plan behind a trade."""
    match trade:
        case Flat():
            return None
        case Pending(plan=plan) | Active(plan=plan):
            return plan


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """One instrument as it trades now; fees and slippage are fractions of notional."""

    instrument_id: str
    price: Decimal
    ts_price: int
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    slippage: Decimal
    can_short: bool = True

    def at(self, price: Decimal, ts_price: int) -> "Market":
        """Give the same instrument at another price; all else was checked."""
        if not (price.is_finite() and price > 0):
            raise ValueError(f"price of {self.instrument_id} must be positive, was {price}")
        market = object.__new__(Market)
        for name in _MARKET_FIELDS:
            object.__setattr__(market, name, getattr(self, name))
        object.__setattr__(market, "price", price)
        object.__setattr__(market, "ts_price", ts_price)
        return market

    def __post_init__(self) -> None:
        for name in ("price", "tick", "lot"):
            value: Decimal = getattr(self, name)
            if not (value.is_finite() and value > 0):
                raise ValueError(f"{name} of {self.instrument_id} must be positive, was {value}")
        for name in ("min_quantity", "min_notional"):
            value = getattr(self, name)
            if not (value.is_finite() and value >= 0):
                raise ValueError(f"{name} of {self.instrument_id} must be >= 0, was {value}")
        for name in ("maker_fee", "taker_fee", "slippage"):
            value = getattr(self, name)
            if not (value.is_finite() and abs(value) < 1):
                raise ValueError(f"{name} of {self.instrument_id} must be below 1, was {value}")
        if self.slippage < 0:
            raise ValueError(
                f"slippage of {self.instrument_id} must not be negative, was {self.slippage}"
            )


_MARKET_FIELDS: Final = tuple(item.name for item in fields(Market))


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """A position or a working entry at its worst-case notional, in account currency."""

    instrument_id: str
    direction: Direction
    notional: Decimal
    unrealized: Decimal = Decimal(0)

    def __post_init__(self) -> None:
        if not (self.notional.is_finite() and self.notional >= 0):
            raise ValueError(f"notional of a holding must not be negative, was {self.notional}")
        if not self.unrealized.is_finite():
            raise ValueError(f"unrealized of a holding must be finite, was {self.unrealized}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything a decision may look at, frozen at `ts_event`."""

    ts_event: int
    equity: Decimal
    market: Market
    trade: Trade
    holdings: tuple[Holding, ...] = ()

    @property
    def exposure(self) -> Decimal:
        """Sum the notional of all positions and working entries."""
        return sum([holding.notional for holding in self.holdings], _ZERO)

    @property
    def open_loss(self) -> Decimal:
        """Sum the unrealized losses of all positions, as a positive number."""
        return -sum([h.unrealized for h in self.holdings if h.unrealized < 0], _ZERO)
