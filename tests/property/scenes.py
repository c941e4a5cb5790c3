"""Everything the gate looks at, as one value: coherent scenes, and scenes with a trouble."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from morningstar_strategy.core.commands import PlanTrade
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.risk import Approved, Ruling, rule_on
from morningstar_strategy.core.state import Active, Holding, Market, Pending, Snapshot
from tests.property.strategies import (
    DAY_NS,
    DIRECTIONS,
    MEMORY_PARTS,
    NAMES,
    NOT_POSITIVE,
    NOW_NS,
    Shape,
    build_memory,
    markets,
    plans,
    risk_limits,
    shapes,
    snapshots,
    trades,
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
        st.tuples(*MEMORY_PARTS),
    ).map(lambda drawn: _scene(*drawn))


def _scene(
    now: Snapshot,
    shape: Shape,
    limits: RiskLimits,
    memory: tuple[int, int, int, tuple[tuple[str, int], ...]],
) -> Scene:
    plan = PlanTrade(trade_setup=shape.on(now.market))
    return Scene(plan=plan, now=now, limits=limits, memory=build_memory(now.equity, *memory))


@st.composite
def nasty_scenes(draw: st.DrawFn) -> Scene:
    """Draw a scene with something wrong in it."""
    scene = draw(_SCENES)
    return draw(_TROUBLES)(scene, draw)


_WILD: Final = st.integers(-40, 40)
_WILD_PARTS: Final = st.lists(
    st.tuples(st.sampled_from(NAMES), DIRECTIONS, _WILD, st.booleans(), _WILD), max_size=8
)


def _trouble_with_equity(scene: Scene, draw: st.DrawFn) -> Scene:
    return replace(scene, now=replace(scene.now, equity=draw(NOT_POSITIVE)))


def _trouble_with_size(scene: Scene, draw: st.DrawFn) -> Scene:
    return replace(scene, now=replace(scene.now, equity=Decimal(1).scaleb(draw(_WILD))))


def _trouble_with_holdings(scene: Scene, draw: st.DrawFn) -> Scene:
    found = tuple(
        Holding(
            instrument_id=name,
            direction=direction,
            notional=Decimal(1).scaleb(notional),
            unrealized=Decimal(1 if gain else -1).scaleb(unrealized),
        )
        for name, direction, notional, gain, unrealized in draw(_WILD_PARTS)
    )
    return replace(scene, now=replace(scene.now, holdings=found))


def _trouble_with_time(scene: Scene, draw: st.DrawFn) -> Scene:
    moved = NOW_NS + draw(_MOVES)
    return replace(scene, now=replace(scene.now, ts_event=moved))


def _trouble_with_memory(scene: Scene, draw: st.DrawFn) -> Scene:
    peak, day, start, halt, until = draw(_WILD_MEMORIES)
    memory = RiskMemory(
        peak_equity=Decimal(1).scaleb(peak),
        day=day,
        day_equity=Decimal(1).scaleb(start),
        halted="drawdown" if halt in (1, 3) else "",
        day_halted="daily loss" if halt in (2, 3) else "",
        cooldowns=((NAMES[0], until),),
    )
    return replace(scene, memory=memory)


def _trouble_with_trade(scene: Scene, draw: st.DrawFn) -> Scene:
    return replace(scene, now=replace(scene.now, trade=draw(trades(scene.now.market))))


def _trouble_with_market(scene: Scene, draw: st.DrawFn) -> Scene:
    market, (value, kind, can_short) = scene.now.market, draw(_WILD_MARKETS)
    wild = Decimal(1).scaleb(value)
    market = replace(
        market,
        price=wild if kind == 0 else market.price,
        tick=wild if kind == 1 else market.tick,
        lot=wild if kind == 2 else market.lot,
        can_short=can_short,
    )
    return replace(scene, now=replace(scene.now, market=market))


def _trouble_with_plan(scene: Scene, draw: st.DrawFn) -> Scene:
    return replace(scene, plan=draw(_PLANS))


_PLANS: Final = plans()
_SCENES: Final = scenes()
_MOVES: Final = st.integers(-2 * DAY_NS, 2 * DAY_NS)
_WILD_MEMORIES: Final = st.tuples(
    _WILD, st.integers(-1, 30_000), _WILD, st.integers(0, 3), st.integers(0, 2 * NOW_NS)
)
_WILD_MARKETS: Final = st.tuples(_WILD, st.integers(0, 2), st.booleans())
_TROUBLES: Final = st.sampled_from(
    (
        _trouble_with_equity,
        _trouble_with_size,
        _trouble_with_holdings,
        _trouble_with_time,
        _trouble_with_memory,
        _trouble_with_trade,
        _trouble_with_market,
        _trouble_with_plan,
    )
)


def any_scenes() -> st.SearchStrategy[Scene]:
    """Draw a coherent scene or a nasty one."""
    return scenes() | nasty_scenes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Open:
    """A scene whose instrument has a plan."""

    scene: Scene
    trade: Pending | Active


HALTED: Final = RiskMemory(halted="drawdown", day_halted="daily loss", day=NOW_NS // DAY_NS)
_ANY: Final = any_scenes()
_EQUITIES: Final = st.none() | NOT_POSITIVE
_BOOLEANS: Final = st.booleans()


@st.composite
def opens(draw: st.DrawFn, *, active: bool = False) -> Open:
    """Draw a plan that is pending or active, in any state of the account, halted too."""
    scene = draw(_ANY)
    market = draw(_MARKETS)
    trade = draw(trades(market, active=active))
    wrong, halted = draw(_EQUITIES), draw(_BOOLEANS)
    equity = scene.now.equity if wrong is None else wrong
    now = replace(scene.now, market=market, trade=trade, equity=equity)
    return Open(
        scene=replace(scene, now=now, memory=HALTED if halted else scene.memory), trade=trade
    )


_MARKETS: Final = markets()
