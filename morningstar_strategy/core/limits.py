"""What may never be exceeded, and what risk must remember across bars and restarts."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.commands import is_money

_DAY_NS: Final = 86_400_000_000_000
_HUNDRED: Final = Decimal(100)
_MOST_EQUITY: Final = Decimal(10) ** 15  # nobody has more, and a slip of the keyboard may


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskLimits:
    """What may never be exceeded; percents are of equity unless they say otherwise."""

    max_position_percent: Decimal = Decimal(15)  # per instrument
    max_exposure_percent: Decimal = Decimal(85)  # all positions and working entries
    max_correlated_percent: Decimal = Decimal(60)  # one direction within a correlated group
    max_risk_percent: Decimal = Decimal(1)  # lost at the stop, fees and slippage included
    max_daily_loss_percent: Decimal = Decimal(3)
    warn_drawdown_percent: Decimal = Decimal(5)  # of the equity peak
    max_drawdown_percent: Decimal = Decimal(10)  # of the equity peak
    max_loss_ratio_percent: Decimal = Decimal(5)  # unrealized loss of all open positions
    max_stop_distance_percent: Decimal = Decimal(10)  # of the entry price
    max_entry_distance_percent: Decimal = Decimal(5)  # limit entry from the market price
    max_open_plans: int = 5
    max_order_notional: Decimal = Decimal(100_000)  # account currency
    max_price_age_secs: int = 900
    observe_every_secs: int = 300  # while something is held; every ruling looks anew anyway
    correlated: tuple[tuple[str, ...], ...] = ()  # groups of instrument ids; empty: all are one

    def __post_init__(self) -> None:
        for name in (name for name in self.__slots__ if name.endswith("_percent")):
            value: Decimal = getattr(self, name)
            if not (is_money(value) and value <= 100):
                raise ValueError(f"{name} must be in (0, 100], was {value}")
        if not self.max_open_plans > 0:
            raise ValueError(f"max_open_plans must be positive, was {self.max_open_plans}")
        if not is_money(self.max_order_notional):
            raise ValueError(f"max_order_notional must be positive, was {self.max_order_notional}")
        for name in ("max_price_age_secs", "observe_every_secs"):
            secs: int = getattr(self, name)
            if not secs > 0:
                raise ValueError(f"{name} must be positive, was {secs}")
        if self.warn_drawdown_percent > self.max_drawdown_percent:
            raise ValueError(
                f"warn_drawdown_percent must not exceed max_drawdown_percent "
                f"{self.max_drawdown_percent}, was {self.warn_drawdown_percent}"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class RiskMemory:
    """Equity peak, the day's first equity, latched halts and cool-downs.

    `day` counts days since the UNIX epoch (UTC); `halted` and `day_halted` hold the reason or
    are empty; `cooldowns` hold (instrument_id, until) with UNIX nanoseconds.
    """

    peak_equity: Decimal = Decimal(0)
    day: int = -1
    day_equity: Decimal = Decimal(0)
    halted: str = ""
    day_halted: str = ""
    cooldowns: tuple[tuple[str, int], ...] = ()

    def __post_init__(self) -> None:
        for name, value in (("peak_equity", self.peak_equity), ("day_equity", self.day_equity)):
            if not (value.is_finite() and value >= 0):
                raise ValueError(f"{name} must be zero or a positive number, was {value}")

    def cooling(self, instrument_id: str, *, now_ns: int) -> bool:
        """Say whether an instrument rests after a stop."""
        return any(name == instrument_id and now_ns < until for name, until in self.cooldowns)

    def drawdown(self, equity: Decimal) -> Decimal:
        """Give the loss from the peak as a fraction of the peak."""
        if self.peak_equity <= 0:
            return Decimal(0)
        return max((self.peak_equity - equity) / self.peak_equity, Decimal(0))

    def day_loss(self, equity: Decimal) -> Decimal:
        """Give the day's loss as a fraction of the equity it began with."""
        if self.day_equity <= 0:
            return Decimal(0)
        return max((self.day_equity - equity) / self.day_equity, Decimal(0))


def observe(
    memory: RiskMemory,
    *,
    equity: Decimal,
    now_ns: int,
    max_drawdown: Decimal,
    max_daily_loss: Decimal,
) -> RiskMemory:
    """Take notice of the equity: move the peak, open the day, latch what is breached.

    The limits are fractions. The drawdown halt stays until `reset`; the daily one until the next
    UTC day. Equity that is not a positive number halts as well.
    """
    if not (equity.is_finite() and equity > 0):
        reason = memory.halted or f"equity is not positive: {equity}"
        return replace(memory, halted=reason)
    day = now_ns // _DAY_NS
    if day > memory.day:
        memory = replace(memory, day=day, day_equity=equity, day_halted="")
    if equity > memory.peak_equity:
        memory = replace(memory, peak_equity=equity)
    if not memory.halted and _lost(memory.peak_equity, equity, max_drawdown):
        reason = f"drawdown {memory.drawdown(equity):.2%} reached the limit {max_drawdown:.2%}"
        memory = replace(memory, halted=reason)
    if not memory.day_halted and _lost(memory.day_equity, equity, max_daily_loss):
        reason = f"daily loss {memory.day_loss(equity):.2%} reached the limit {max_daily_loss:.2%}"
        memory = replace(memory, day_halted=reason)
    return memory


def _lost(start: Decimal, equity: Decimal, fraction: Decimal) -> bool:
    """Say whether the positive equity is at least this fraction below where it started."""
    return start - equity >= fraction * start


def rest(memory: RiskMemory, instrument_id: str, *, until_ns: int, now_ns: int) -> RiskMemory:
    """Keep an instrument out of new plans until the given time."""
    kept = tuple(
        (name, until)
        for name, until in memory.cooldowns
        if name != instrument_id and until > now_ns
    )
    return replace(memory, cooldowns=(*kept, (instrument_id, until_ns)))


def reset(memory: RiskMemory, *, operator: str, equity: Decimal) -> RiskMemory:
    """Lift every halt in the name of a person, and measure drawdown from here."""
    if not operator.strip():
        raise ValueError("a reset needs the operator's name")
    if not (equity.is_finite() and 0 < equity < _MOST_EQUITY):
        raise ValueError(
            f"a reset needs an equity that is a positive number below {_MOST_EQUITY:.0e}, "
            f"was {equity:.4g}"
        )
    return replace(memory, halted="", day_halted="", peak_equity=equity, day_equity=equity)


def remember(memory: RiskMemory, *, equity: Decimal, now_ns: int, limits: RiskLimits) -> RiskMemory:
    """Let the memory take notice of the equity under these limits."""
    return observe(
        memory,
        equity=equity,
        now_ns=now_ns,
        max_drawdown=limits.max_drawdown_percent / _HUNDRED,
        max_daily_loss=limits.max_daily_loss_percent / _HUNDRED,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Calm:
    """Range of equity, floor excluded, and the day in which `remember` changes nothing."""

    floor: Decimal
    ceiling: Decimal
    day: int

    def holds(self, equity: Decimal, *, now_ns: int) -> bool:
        """Say whether nothing needs to be remembered."""
        if not equity.is_finite():
            return False
        return self.floor < equity <= self.ceiling and now_ns // _DAY_NS == self.day


def calm(memory: RiskMemory, limits: RiskLimits) -> Calm:
    """Give the range of equity that neither makes a peak nor breaches a limit."""
    by_peak = memory.peak_equity * (1 - limits.max_drawdown_percent / _HUNDRED)
    by_day = memory.day_equity * (1 - limits.max_daily_loss_percent / _HUNDRED)
    return Calm(floor=max(by_peak, by_day), ceiling=memory.peak_equity, day=memory.day)
