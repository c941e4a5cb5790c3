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
from morningstar_strategy.core.risk import Approved, Ruling, rule_on
from morningstar_strategy.core.state import (
    Active,
    Flat,
    Holding,
    Market,
    Pending,
    Plan,
    Snapshot,
    Trade,
)

DAY_NS: Final = 86_400_000_000_000
NOW_NS: Final = 20_000 * DAY_NS + 3_600_000_000_000
NAMES: Final = tuple(f"{coin}USDT-PERP.BINANCE" for coin in ("BTC", "ETH", "SOL", "BNB", "XRP"))



def numbers(low: int, high: int, places: int) -> st.SearchStrategy[Decimal]:
    """Draw a decimal of `low` to `high` units of the given decimal place."""
    return st.integers(low, high).map(lambda units: Decimal(units).scaleb(-places))


NOT_POSITIVE: Final = st.sampled_from(
    [Decimal(text) for text in ("NaN", "sNaN", "Infinity", "-Infinity", "0", "-0.0", "-1", "-1E-9")]
)
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
_LOT_PARTS: Final = (st.sampled_from((1, 1, 5)), st.integers(-4, 1))
_MINIMA: Final = (st.sampled_from((0, 1, 10)), st.sampled_from((0, 1, 5, 10)))


def markets(
    *, name: str = NAMES[0], finest_tick: int = -8, free: bool = False
) -> st.SearchStrategy[Market]:
    """Draw an instrument: price on its tick, lots worth 0.0001 to 100, `free` of costs or not."""
    fees = st.sampled_from(_FREE if free else _FEES)
    exponents = st.integers(finest_tick, 1)
    parts = st.tuples(exponents, *_MARKET_PARTS, *_LOT_PARTS, *_MINIMA, fees, fees, fees)
    return parts.map(lambda drawn: _market(name, *drawn))


def _market(  # noqa: PLR0913 - one argument for each part that is drawn
    name: str,
    exponent: int,
    ticks_of: int,
    ticks: int,
    lots_of: int,
    lot_exponent: int,
    min_lots: int,
    min_notional: int,
    maker_fee: Decimal,
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
        maker_fee=maker_fee,
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
        if self.weights is None:
            return ()
        parts = [Decimal(weight).scaleb(-3) for weight in self.weights[: len(self.targets) - 1]]
        return (*parts, 1 - sum(parts, Decimal(0)))


def shapes(*, style: str = "any", aligned: bool = False) -> st.SearchStrategy[Shape]:
    """Draw a trade without its market; `style` is any, market or limit."""
    offset = st.integers(-39, 39)
    return st.builds(
        Shape,
        direction=DIRECTIONS,
        entry={"any": st.none() | offset, "market": st.none(), "limit": offset}[style],
        aligned=st.just(True) if aligned else st.booleans(),  # noqa: FBT003 - a value to draw
        stop=st.integers(1, 75),
        targets=st.lists(st.integers(1, 200), min_size=1, max_size=5),
        weights=st.none() | st.lists(st.integers(1, 50), min_size=4, max_size=4),
        size=st.sampled_from((500, 1_000, 1_500, 10_000)) | st.integers(1, 10_000),
        expires=st.none() | st.integers(1, 10**9 - 1),
    )


def plans(market: Market | None = None) -> st.SearchStrategy[PlanTrade]:
    """Draw a plan on the market, or on one of its own."""
    found = markets() if market is None else st.just(market)
    return st.tuples(found, shapes(), st.text(max_size=3)).map(
        lambda drawn: PlanTrade(trade_setup=drawn[1].on(drawn[0]), reasoning=drawn[2])
    )


type Part = tuple[Direction, int, int]

_PARTS: Final = st.lists(
    st.tuples(DIRECTIONS, st.integers(0, 250), st.integers(-15, 30)), max_size=4
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
    """Draw an equity of 100 to ten million."""
    return numbers(10_000, 10**9, 2) | st.sampled_from([Decimal(10) ** n for n in range(2, 8)])


def snapshots(market: st.SearchStrategy[Market] | None = None) -> st.SearchStrategy[Snapshot]:
    """Draw a flat account with an equity and up to four positions in other instruments."""
    return st.tuples(market or markets(), equities(), _PARTS).map(
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


def risk_limits() -> st.SearchStrategy[RiskLimits]:
    """Draw limits from strict to none at all."""
    percents = {
        "max_position_percent": (100, 10_000),
        "max_exposure_percent": (4_000, 10_000),
        "max_correlated_percent": (3_000, 10_000),
        "max_risk_percent": (5, 500),
        "max_daily_loss_percent": (200, 2_000),
        "warn_drawdown_percent": (1, 799),
        "max_drawdown_percent": (800, 10_000),
        "max_loss_ratio_percent": (400, 2_000),
        "max_stop_distance_percent": (750, 2_000),
        "max_entry_distance_percent": (380, 1_000),
    }
    names = (*percents, "max_open_plans", "max_order_notional", "max_price_age_secs", "correlated")
    return st.tuples(
        *(numbers(low, high, 2) for low, high in percents.values()),
        st.integers(4, 7),
        st.sampled_from([Decimal(10) ** n for n in range(2, 8)]) | numbers(50, 10**7, 0),
        st.integers(1, 3_600),
        _GROUPS,
    ).map(lambda drawn: RiskLimits(**dict(zip(names, drawn, strict=True))))


_MEMORY_PARTS: Final = (
    st.integers(0, 1_060),
    st.integers(0, 1),
    st.integers(0, 1_015),
    st.sampled_from([(), ((NAMES[0], NOW_NS),), ((NAMES[1], NOW_NS + 1),)]),
)


def memories(equity: Decimal) -> st.SearchStrategy[RiskMemory]:
    """Draw a memory without halts: a peak and a day's start a little above or below."""
    return st.tuples(*_MEMORY_PARTS).map(lambda drawn: _memory(equity, *drawn))


def _memory(
    equity: Decimal, peak: int, days: int, start: int, cooldowns: tuple[tuple[str, int], ...]
) -> RiskMemory:
    return RiskMemory(
        peak_equity=equity * peak / 1_000,
        day=NOW_NS // DAY_NS - days,
        day_equity=equity * start / 1_000,
        cooldowns=cooldowns,
    )


@st.composite
def trades(draw: st.DrawFn, market: Market) -> Pending | Active:
    """Draw a plan that is pending or active on the market."""
    setup = draw(shapes(aligned=True)).on(market)
    quantity = draw(st.integers(1, 10_000)) * market.lot
    plan = Plan(order_id="P-1", setup=setup, quantity=quantity, planned_ns=NOW_NS, reason="drawn")
    if draw(st.booleans()):
        return Pending(plan=plan)
    return Active(
        plan=plan,
        opened_ns=NOW_NS,
        entry_price=setup.entry_price or market.price,
        open_quantity=quantity,
        stop_loss_price=setup.stop_loss_price,
        take_profit_prices=setup.take_profit_prices,
        closing=draw(st.booleans()),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Scene:
    """Everything the gate looks at."""

    plan: PlanTrade
    now: Snapshot
    limits: RiskLimits
    memory: RiskMemory

    def ruling(self) -> Ruling:
        """Let the gate rule on the plan."""
        return rule_on(self.plan, self.now, self.limits, self.memory)

    def quantity(self) -> Decimal:
        """Give the approved quantity, zero where the plan is denied."""
        return quantity_in(self.ruling())


def quantity_in(ruling: Ruling) -> Decimal:
    """Give the approved quantity, zero where the plan is denied."""
    return ruling.quantity if isinstance(ruling, Approved) else Decimal(0)


def scenes(
    *, market: st.SearchStrategy[Market] | None = None, style: str = "any", aligned: bool = False
) -> st.SearchStrategy[Scene]:
    """Draw a coherent scene; the gate approves about three in four."""
    return st.tuples(
        snapshots(market),
        shapes(style=style, aligned=aligned),
        risk_limits(),
        st.tuples(*_MEMORY_PARTS),
    ).map(lambda drawn: _scene(*drawn))


def _scene(
    now: Snapshot,
    shape: Shape,
    limits: RiskLimits,
    memory: tuple[int, int, int, tuple[tuple[str, int], ...]],
) -> Scene:
    plan = PlanTrade(trade_setup=shape.on(now.market))
    return Scene(plan=plan, now=now, limits=limits, memory=_memory(now.equity, *memory))


@st.composite
def nasty_scenes(draw: st.DrawFn) -> Scene:
    """Draw a scene with something wrong in it."""
    scene = draw(scenes())
    return draw(st.sampled_from(TROUBLES))(scene, draw)


def _trouble_with_equity(scene: Scene, draw: st.DrawFn) -> Scene:
    return replace(scene, now=replace(scene.now, equity=draw(NOT_POSITIVE)))


def _trouble_with_size(scene: Scene, draw: st.DrawFn) -> Scene:
    equity = Decimal(1).scaleb(draw(st.integers(-40, 40)))
    return replace(scene, now=replace(scene.now, equity=equity))


def _trouble_with_holdings(scene: Scene, draw: st.DrawFn) -> Scene:
    found = tuple(
        Holding(
            instrument_id=name,
            direction=draw(DIRECTIONS),
            notional=Decimal(1).scaleb(draw(st.integers(-40, 40))),
            unrealized=Decimal(draw(st.sampled_from((-1, 1)))).scaleb(draw(st.integers(-40, 40))),
        )
        for name in draw(st.lists(st.sampled_from(NAMES), max_size=8))
    )
    return replace(scene, now=replace(scene.now, holdings=found))


def _trouble_with_time(scene: Scene, draw: st.DrawFn) -> Scene:
    moved = NOW_NS + draw(st.integers(-2 * DAY_NS, 2 * DAY_NS))
    return replace(scene, now=replace(scene.now, ts_event=moved))


def _trouble_with_memory(scene: Scene, draw: st.DrawFn) -> Scene:
    memory = RiskMemory(
        peak_equity=Decimal(1).scaleb(draw(st.integers(-40, 40))),
        day=draw(st.integers(-1, 30_000)),
        day_equity=Decimal(draw(st.integers(0, 1))).scaleb(draw(st.integers(-40, 40))),
        halted=draw(st.sampled_from(("", "drawdown"))),
        day_halted=draw(st.sampled_from(("", "daily loss"))),
        cooldowns=((NAMES[0], draw(st.integers(0, 2 * NOW_NS))),),
    )
    return replace(scene, memory=memory)


def _trouble_with_trade(scene: Scene, draw: st.DrawFn) -> Scene:
    return replace(scene, now=replace(scene.now, trade=draw(trades(scene.now.market))))


def _trouble_with_market(scene: Scene, draw: st.DrawFn) -> Scene:
    wild = {name: Decimal(1).scaleb(draw(st.integers(-30, 30))) for name in ("price", "tick", "lot")}
    kept = draw(st.sampled_from(("price", "tick", "lot")))
    wild[kept] = getattr(scene.now.market, kept)
    can_short = draw(st.booleans())
    market = replace(
        scene.now.market,
        price=wild["price"],
        tick=wild["tick"],
        lot=wild["lot"],
        can_short=can_short,
    )
    return replace(scene, now=replace(scene.now, market=market))


def _trouble_with_plan(scene: Scene, draw: st.DrawFn) -> Scene:
    return replace(scene, plan=draw(plans()))


TROUBLES: Final = (
    _trouble_with_equity,
    _trouble_with_size,
    _trouble_with_holdings,
    _trouble_with_time,
    _trouble_with_memory,
    _trouble_with_trade,
    _trouble_with_market,
    _trouble_with_plan,
)


def any_scenes() -> st.SearchStrategy[Scene]:
    """Draw a coherent scene or a nasty one."""
    return scenes() | nasty_scenes()


ORDER_IDS: Final = st.text(min_size=1, max_size=8)


@st.composite
def adjustments(draw: st.DrawFn) -> AdjustTrade:
    """Draw an adjustment with any prices."""
    price = numbers(1, 10**12, 6)
    targets = tuple(draw(st.lists(price, max_size=5)))
    stop = draw(price if not targets else st.none() | price)
    return AdjustTrade(
        order_id=draw(ORDER_IDS),
        new_stop_loss_price=stop,
        new_take_profit_prices=targets,
        reasoning=draw(st.text(max_size=5)),
    )


def commands() -> st.SearchStrategy[TradeCommand]:
    """Draw one of the four commands."""
    return st.one_of(
        plans(),
        st.builds(CancelOrder, order_id=ORDER_IDS, reasoning=st.text(max_size=5)),
        adjustments(),
        st.builds(DoNothing, reasoning=st.text(max_size=5)),
    )


@st.composite
def predictions(draw: st.DrawFn) -> Prediction:
    """Draw a forecast of any confidence and volatility."""
    p_long = draw(st.floats(0.0, 1.0))
    p_short = (1.0 - p_long) * draw(st.floats(0.0, 1.0))
    return Prediction(
        instrument_id=NAMES[0],
        ts_event=NOW_NS,
        price=draw(st.floats(1e-6, 1e9)),
        p_short=p_short,
        p_flat=max(1.0 - p_long - p_short, 0.0),
        p_long=p_long,
        confidence=draw(st.floats(0.0, 1.0)),
        volatility=draw(st.floats(1e-6, 0.2) | st.floats(0.0, 1e308)),
        turbulence=draw(st.floats(0.0, 1.0)),
        stop_distance=draw(st.floats(0.001, 0.5)),
        target_distance=draw(st.floats(0.001, 2.0)),
        model="drawn",
    )
