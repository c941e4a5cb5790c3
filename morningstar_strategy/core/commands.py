"""The four commands that may change what we hold."""

from dataclasses import dataclass, fields, replace
from decimal import ROUND_HALF_EVEN, Decimal
from enum import StrEnum
from typing import Final

MAX_TAKE_PROFITS: Final = 5
_ONE: Final = Decimal(1)
_LARGEST: Final = Decimal("1e13")
_FINEST: Final = -12  # decimal exponent


class Direction(StrEnum):
    """Which way a trade earns."""

    LONG = "LONG"
    SHORT = "SHORT"

    @property
    def sign(self) -> int:
        """Give +1 for LONG and -1 for SHORT."""
        return 1 if self is Direction.LONG else -1

    @property
    def opposite(self) -> "Direction":
        """Give the other direction."""
        return Direction.SHORT if self is Direction.LONG else Direction.LONG


def is_money(value: Decimal) -> bool:
    """Say whether money arithmetic at 28 digits holds the value: positive, finite, in range."""
    if not (value.is_finite() and 0 < value < _LARGEST):
        return False
    exponent = value.as_tuple().exponent
    return isinstance(exponent, int) and exponent >= _FINEST


def equal_fractions(count: int) -> tuple[Decimal, ...]:
    """Give as many equal shares that sum to one exactly; the last takes what rounding leaves."""
    share = (Decimal(1) / count).quantize(Decimal("1e-12"), ROUND_HALF_EVEN)
    return (*(share,) * (count - 1), 1 - share * (count - 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeSetup:
    """Entry, stop and one to five take profits of one trade.

    `entry_price` None enters at market; fractions say which share of the position each take
    profit closes and sum to one; `expires_in_secs` cancels an entry that has not filled by then.
    """

    symbol: str
    direction: Direction
    entry_price: Decimal | None
    stop_loss_price: Decimal
    take_profit_prices: tuple[Decimal, ...]
    take_profit_fractions: tuple[Decimal, ...] = ()
    position_size_percent: Decimal
    expires_in_secs: int | None = None

    def __post_init__(self) -> None:
        if not self.symbol:
            raise ValueError("symbol must not be empty")
        if not 1 <= len(self.take_profit_prices) <= MAX_TAKE_PROFITS:
            count = len(self.take_profit_prices)
            raise ValueError(f"take_profit_prices must hold 1 to {MAX_TAKE_PROFITS}, held {count}")
        self._check_numbers()
        self._check_fractions()
        self._check_sides()
        if self.expires_in_secs is not None and not 0 < self.expires_in_secs < 10**9:
            raise ValueError(f"expires_in_secs must be positive, was {self.expires_in_secs}")

    def _check_numbers(self) -> None:
        entry = () if self.entry_price is None else (("entry_price", self.entry_price),)
        for name, value in (
            *entry,
            ("stop_loss_price", self.stop_loss_price),
            *(("take_profit_prices", price) for price in self.take_profit_prices),
        ):
            if not is_money(value):
                raise ValueError(f"{name} must be a positive number below 1e13, was {value!s:.80}")
        _check_size(self.position_size_percent)

    def _check_fractions(self) -> None:
        if not self.take_profit_fractions:
            return
        if len(self.take_profit_fractions) != len(self.take_profit_prices):
            raise ValueError(
                f"take_profit_fractions must be as many as take_profit_prices, "
                f"were {len(self.take_profit_fractions)}"
            )
        if not all(is_money(fraction) for fraction in self.take_profit_fractions):
            raise ValueError("take_profit_fractions must be positive numbers")
        if sum(self.take_profit_fractions) != 1:
            total = sum(self.take_profit_fractions)
            raise ValueError(f"take_profit_fractions must sum to 1, summed to {total}")

    def _check_sides(self) -> None:
        sign = self.direction.sign
        anchor = self.stop_loss_price if self.entry_price is None else self.entry_price
        if self.entry_price is not None and sign * (anchor - self.stop_loss_price) <= 0:
            raise ValueError(
                f"stop_loss_price must be on the losing side of {anchor}, "
                f"was {self.stop_loss_price}"
            )
        for price in self.take_profit_prices:
            if sign * (price - anchor) <= 0:
                raise ValueError(
                    f"take_profit_prices must be on the winning side of {anchor}, held {price}"
                )

    def sized(self, percent: Decimal) -> "TradeSetup":
        """Give the same setup with another size; only the size is checked, the rest was."""
        _check_size(percent)
        setup = object.__new__(TradeSetup)
        for name in _SETUP_FIELDS:
            object.__setattr__(setup, name, getattr(self, name))
        object.__setattr__(setup, "position_size_percent", percent)
        return setup

    @property
    def fractions(self) -> tuple[Decimal, ...]:
        """Give the share of each take profit; where none were said, equal shares."""
        if self.take_profit_fractions:
            return self.take_profit_fractions
        return equal_fractions(len(self.take_profit_prices))


_SETUP_FIELDS: Final = tuple(item.name for item in fields(TradeSetup))


def _check_size(percent: Decimal) -> None:
    if not is_money(percent):
        raise ValueError(f"position_size_percent must be a positive number, was {percent!s:.80}")
    if percent > 100:
        raise ValueError(f"position_size_percent must be at most 100, was {percent!s:.80}")


@dataclass(frozen=True, slots=True, kw_only=True)
class PlanTrade:
    """Open a trade as set up.

    The gate multiplies the distances of stop and take profits by the scales after it has settled
    the size: a stop brought nearer must not buy a larger position. They are not on the wire.
    """

    trade_setup: TradeSetup
    reasoning: str = ""
    stop_scale: Decimal = _ONE
    target_scale: Decimal = _ONE

    def __post_init__(self) -> None:
        for name in ("stop_scale", "target_scale"):
            scale: Decimal = getattr(self, name)
            if not (is_money(scale) and scale <= 1):
                raise ValueError(f"{name} must be in (0, 1], was {scale!s:.80}")

    @property
    def action(self) -> str:
        """Name the command as on the wire."""
        return "PLAN_TRADE"

    def sized(self, percent: Decimal) -> "PlanTrade":
        """Give the same plan with another size in percent of equity."""
        return replace(self, trade_setup=self.trade_setup.sized(percent))


@dataclass(frozen=True, slots=True, kw_only=True)
class CancelOrder:
    """Call a plan off: cancel its entry, close at market what of it is open."""

    order_id: str
    reasoning: str = ""

    def __post_init__(self) -> None:
        if not self.order_id:
            raise ValueError("order_id must not be empty")

    @property
    def action(self) -> str:
        """Name the command as on the wire."""
        return "CANCEL_ORDER"


@dataclass(frozen=True, slots=True, kw_only=True)
class AdjustTrade:
    """Move the stop and/or the take profits of an open trade."""

    order_id: str
    new_stop_loss_price: Decimal | None = None
    new_take_profit_prices: tuple[Decimal, ...] = ()
    reasoning: str = ""

    def __post_init__(self) -> None:
        if not self.order_id:
            raise ValueError("order_id must not be empty")
        if self.new_stop_loss_price is None and not self.new_take_profit_prices:
            raise ValueError("an adjustment needs new_stop_loss_price or new_take_profit_prices")
        if len(self.new_take_profit_prices) > MAX_TAKE_PROFITS:
            count = len(self.new_take_profit_prices)
            raise ValueError(
                f"new_take_profit_prices must hold up to {MAX_TAKE_PROFITS}, held {count}"
            )
        stop = () if self.new_stop_loss_price is None else (self.new_stop_loss_price,)
        for price in (*stop, *self.new_take_profit_prices):
            if not is_money(price):
                raise ValueError(
                    f"a new price must be a positive number below 1e13, was {price!s:.80}"
                )

    @property
    def action(self) -> str:
        """Name the command as on the wire."""
        return "ADJUST_TRADE"


@dataclass(frozen=True, slots=True, kw_only=True)
class DoNothing:
    """Leave everything as it is."""

    reasoning: str = ""

    @property
    def action(self) -> str:
        """Name the command as on the wire."""
        return "DO_NOTHING"


type TradeCommand = PlanTrade | CancelOrder | AdjustTrade | DoNothing
