"""Markets, plans, snapshots, limits and memories for the laws: realistic ones, and nasty ones."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
    TradeSetup,
)
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.state import (
    Active,
    Flat,
    Holding,
    Market,
    Pending,
    Plan,
    Snapshot,
)

DAY_NS: Final = 86_400_000_000_000
NOW_NS: Final = 20_000 * DAY_NS + 3_600_000_000_000
NAMES: Final = tuple(f"{coin}USDT-PERP.BINANCE" for coin in ("BTC", "ETH", "SOL", "BNB", "XRP"))


def numbers(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    """Draw a decimal of `low` to `high` units of the given decimal place."""
    return st.integers(low, high).map(lambda units: Decimal(units).scaleb(-places))


NOT_POSITIVE: Final = st.sampled_from(
    [Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "0", "-0.0", "-1", "-1E-9")]
) | numbers(-(10**9), 0, 4)
NOT_MONEY: Final = NOT_POSITIVE | st.sampled_from(
    [Decimal(text) for text in ("1E+13", "9E+999999", "1E-13", "1E-999999", "0." + "3" * 40)]
)
DIRECTIONS: Final = st.sampled_from(Direction)
_FEES: Final = [Decimal(text) for text in ("0", "0.0002", "0.0006", "0.001", "0.01")]
_FREE: Final = [Decimal(0)]


def down(value: Decimal, step: Decimal) -> Decimal:
    """Round a positive number down to a multiple of the step, exactly."""
    return value // step * step


# Tuples of plain numbers are drawn several times faster than nested composites: what follows
# draws such a tuple and builds the value from it.

_MARKET_PARTS: Final = (st.sampled_from((1, 5, 25)), st.integers(200, 5_000_000))
_LOT_PARTS: Final = (st.sampled_from((1, 1, 5)), st.integers(-4, 0))
_MINIMA: Final = (st.sampled_from((0, 1, 10)), st.sampled_from((0, 1, 5, 10)))


def markets(
    *, name: str = NAMES[0], finest_tick: int = -8, free: bool = False
) -> st.SearchStrategy[Market]:
    """Draw an instrument: price on its tick, lots worth 0.0001 to 50, `free` of costs or not."""
    fees = st.sampled_from(_FREE if free else _FEES)
    exponents = st.integers(finest_tick, 1)
    parts = st.tuples(exponents, *_MARKET_PARTS, *_LOT_PARTS, *_MINIMA, fees, fees)
    return parts.map(lambda drawn: _market(name, *drawn))


def _market(
    name: str,
    exponent: int,
    ticks_of: int,
    ticks: int,
    lots_of: int,
    lot_exponent: int,
    min_lots: int,
    min_notional: int,
    taker_fee: Decimal,
    slippage: Decimal,
) -> Market:
    tick = Decimal(ticks_of).scaleb(exponent)
    price = ticks * tick
    lot = Decimal(lots_of).scaleb(lot_exponent - price.adjusted())
    return Market(
        instrument_id=name,
        price=price,
        ts_price=NOW_NS,
        tick=tick,
        lot=lot,
        min_quantity=lot * min_lots,
        min_notional=Decimal(min_notional),
        maker_fee=taker_fee / 2,
        taker_fee=taker_fee,
        slippage=slippage,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """A trade without its market: distances are per mille of price, the size hundredths of %."""

    direction: Direction
    entry: int | None
    aligned: bool
    stop: int
    targets: list[int]
    weights: list[int] | None
    size: int
    expires: int | None

    def on(self, market: Market) -> TradeSetup:
        """Build the trade on a market: sane, and on the tick where `aligned`."""
        sign, price = self.direction.sign, market.price
        step = market.tick if self.aligned else market.tick / 4
        entry = None if self.entry is None else down(price * (1000 + self.entry) / 1000, step)
        losing = sign * min(sign * (entry or price), sign * price)
        winning = sign * max(sign * (entry or price), sign * price)
        return TradeSetup(
            symbol=market.instrument_id,
            direction=self.direction,
            entry_price=entry,
            stop_loss_price=losing - sign * (down(losing * self.stop / 1000, step) + step),
            take_profit_prices=tuple(
                winning + sign * (down(winning * part / 1000, step) + step) for part in self.targets
            ),
            take_profit_fractions=self._fractions(),
            position_size_percent=Decimal(self.size).scaleb(-2),
            expires_in_secs=self.expires,
        )

    def _fractions(self) -> tuple[Decimal, ...]:
        return () if self.weights is None else shares(self.weights[: len(self.targets) - 1])


def shapes(*, style: str = "any", aligned: bool = False) -> st.SearchStrategy[Shape]:
    """Draw a trade without its market; `style` is any, market or limit."""
    offset = st.integers(-39, 39)
    return st.builds(
        Shape,
        direction=DIRECTIONS,
        entry={"any": st.none() | offset, "market": st.none(), "limit": offset}[style],
        aligned=st.just(True) if aligned else st.booleans(),
        stop=st.integers(1, 75),
        targets=st.lists(st.integers(1, 200), min_size=1, max_size=5),
        weights=st.none() | st.lists(st.integers(1, 50), min_size=4, max_size=4),
        size=st.sampled_from((500, 1_000, 1_500, 10_000)) | st.integers(1, 10_000),
        expires=st.none() | st.integers(1, 10**9 - 1),
    )


def shares(weights: list[int]) -> tuple[Decimal, ...]:
    """Build fractions that sum to one exactly: thousandths, and the rest."""
    parts = [Decimal(weight).scaleb(-3) for weight in weights]
    return (*parts, 1 - sum(parts, Decimal(0)))


def plans(market: Market | None = None) -> st.SearchStrategy[PlanTrade]:
    """Draw a plan on the market, or on one of its own."""
    found = markets() if market is None else st.just(market)
    return st.tuples(found, shapes(), st.text(max_size=3)).map(
        lambda drawn: PlanTrade(trade_setup=drawn[1].on(drawn[0]), reasoning=drawn[2])
    )


type Part = tuple[Direction, int, int]

_PARTS: Final = st.lists(
    st.tuples(DIRECTIONS, st.integers(0, 200), st.integers(-15, 30)), max_size=4
)


def _holdings(equity: Decimal, parts: list[Part]) -> tuple[Holding, ...]:
    return tuple(
        Holding(
            instrument_id=name,
            direction=direction,
            notional=equity * notional / 1000,
            unrealized=equity * notional * unrealized / 1_000_000,
        )
        for name, (direction, notional, unrealized) in zip(NAMES[1:], parts, strict=False)
    )


def equities() -> st.SearchStrategy[Decimal]:
    """Draw an equity of 1 000 to ten million."""
    return numbers(10**5, 10**9, 2) | st.sampled_from([Decimal(10) ** n for n in range(3, 8)])


def snapshots(market: st.SearchStrategy[Market] | None = None) -> st.SearchStrategy[Snapshot]:
    """Draw a flat account with an equity and up to four positions in other instruments."""
    return st.tuples(markets() if market is None else market, equities(), _PARTS).map(
        lambda drawn: Snapshot(
            ts_event=NOW_NS,
            equity=drawn[1],
            market=drawn[0],
            trade=Flat(),
            holdings=_holdings(drawn[1], drawn[2]),
        )
    )


_GROUPS: Final = st.sampled_from(
    [(), (NAMES[:2],), (NAMES[2:],), (NAMES[:2], NAMES[:1] + NAMES[2:]), (NAMES,)]
)


_PERCENTS: Final = {  # hundredths of a percent
    "max_position_percent": st.integers(100, 10_000),
    "max_exposure_percent": st.integers(4_000, 10_000),
    "max_correlated_percent": st.integers(3_000, 10_000),
    "max_risk_percent": st.integers(5, 500),
    "max_daily_loss_percent": st.integers(200, 2_000),
    "max_drawdown_percent": st.integers(800, 10_000),
    "max_loss_ratio_percent": st.integers(400, 2_000),
}
_LIMIT_PARTS: Final = (
    st.tuples(*_PERCENTS.values()),
    st.integers(750, 2_000),
    st.sampled_from((5, 5, 6, 6, 7)),
    st.sampled_from([10**n for n in range(2, 8)]) | st.integers(50, 10**7),
    _GROUPS,
)


def risk_limits() -> st.SearchStrategy[RiskLimits]:
    """Draw limits from strict to none at all."""
    return st.tuples(*_LIMIT_PARTS).map(lambda drawn: _limits(*drawn))


def _limits(
    percents: tuple[int, ...],
    distance: int,
    plans: int,
    order: int,
    correlated: tuple[tuple[str, ...], ...],
) -> RiskLimits:
    parts = {
        name: Decimal(units).scaleb(-2) for name, units in zip(_PERCENTS, percents, strict=True)
    }
    return RiskLimits(
        **parts,  # type: ignore[arg-type]  # every percent is a Decimal
        warn_drawdown_percent=parts["max_drawdown_percent"] / 2,
        max_stop_distance_percent=Decimal(distance).scaleb(-2),
        max_entry_distance_percent=Decimal(distance).scaleb(-2) / 2 + Decimal("0.05"),
        max_open_plans=plans,
        max_order_notional=Decimal(order),
        max_price_age_secs=distance,
        correlated=correlated,
    )


MEMORY_PARTS: Final = (
    st.integers(0, 1_060),
    st.integers(0, 1),
    st.integers(0, 1_015),
    st.sampled_from([(), ((NAMES[0], NOW_NS),), ((NAMES[1], NOW_NS + 1),)]),
)


def memories(equity: Decimal) -> st.SearchStrategy[RiskMemory]:
    """Draw a memory without halts: a peak and a day's start a little above or below."""
    return st.tuples(*MEMORY_PARTS).map(lambda drawn: build_memory(equity, *drawn))


def build_memory(
    equity: Decimal, peak: int, days: int, start: int, cooldowns: tuple[tuple[str, int], ...]
) -> RiskMemory:
    return RiskMemory(
        peak_equity=equity * peak / 1_000,
        day=NOW_NS // DAY_NS - days,
        day_equity=equity * start / 1_000,
        cooldowns=cooldowns,
    )


_ALIGNED: Final = shapes(aligned=True)
_LOTS: Final = st.integers(1, 10_000)
_BOOLEANS: Final = st.booleans()


@st.composite
def trades(draw: st.DrawFn, market: Market, *, active: bool = False) -> Pending | Active:
    """Draw a plan that is pending or active on the market, or surely `active`."""
    setup = draw(_ALIGNED).on(market)
    quantity = draw(_LOTS) * market.lot
    plan = Plan(order_id="P-1", setup=setup, quantity=quantity, planned_ns=NOW_NS, reason="drawn")
    if not active and draw(_BOOLEANS):
        return Pending(plan=plan)
    return Active(
        plan=plan,
        opened_ns=NOW_NS,
        entry_price=setup.entry_price or market.price,
        open_quantity=quantity,
        stop_loss_price=setup.stop_loss_price,
        take_profit_prices=setup.take_profit_prices,
        closing=draw(_BOOLEANS),
    )


ORDER_IDS: Final = st.text(min_size=1, max_size=8)


_PRICE: Final = numbers(1, 10**12, 6)


def adjustments() -> st.SearchStrategy[AdjustTrade]:
    """Draw an adjustment with any prices."""
    reasons, targets = st.text(max_size=5), st.lists(_PRICE, min_size=1, max_size=5).map(tuple)
    moves = st.tuples(_PRICE, st.just(())) | st.tuples(st.none() | _PRICE, targets)
    return st.tuples(ORDER_IDS, moves, reasons).map(
        lambda drawn: AdjustTrade(
            order_id=drawn[0],
            new_stop_loss_price=drawn[1][0],
            new_take_profit_prices=drawn[1][1],
            reasoning=drawn[2],
        )
    )


def commands() -> st.SearchStrategy[TradeCommand]:
    """Draw one of the four commands."""
    return st.one_of(
        plans(),
        st.builds(CancelOrder, order_id=ORDER_IDS, reasoning=st.text(max_size=5)),
        adjustments(),
        st.builds(DoNothing, reasoning=st.text(max_size=5)),
    )


_SHARES: Final = st.floats(0.0, 1.0)
_FORECASTS: Final = st.tuples(
    _SHARES,
    _SHARES,
    _SHARES,
    st.floats(1e-6, 0.2) | st.floats(0.0, 1e308),
    st.floats(1e-6, 1e9),
)


def predictions() -> st.SearchStrategy[Prediction]:
    """Draw a forecast of any confidence and volatility, its probabilities being votes."""
    return _FORECASTS.map(lambda drawn: _prediction(*drawn))


def calibrated() -> st.SearchStrategy[Prediction]:
    """Draw a forecast whose probabilities are the odds of a move."""
    barriers = st.floats(1e-5, 0.5)
    return st.builds(lambda told, barrier: replace(told, barrier=barrier), predictions(), barriers)


def _prediction(
    p_long: float, rest: float, confidence: float, volatility: float, price: float
) -> Prediction:
    p_short = (1.0 - p_long) * rest
    return Prediction(
        instrument_id=NAMES[0],
        ts_event=NOW_NS,
        price=price,
        p_short=p_short,
        p_flat=max(1.0 - p_long - p_short, 0.0),
        p_long=p_long,
        confidence=confidence,
        volatility=volatility,
        turbulence=rest,
        stop_distance=0.035,
        target_distance=0.07,
        model="drawn",
    )
