"""One small account and plan with round numbers, to be changed by each example."""

from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.risk import Approved, Denied, Ruling, rule_on
from morningstar_strategy.core.state import Active, Flat, Holding, Market, Pending, Plan, Snapshot

SECOND: Final = 1_000_000_000
DAY: Final = 86_400 * SECOND
NOW: Final = 20_000 * DAY + 3_600 * SECOND

MARKET: Final = Market(
    instrument_id="BTC",
    price=Decimal(100),
    ts_price=NOW,
    tick=Decimal("0.1"),
    lot=Decimal("0.01"),
    min_quantity=Decimal("0.01"),
    min_notional=Decimal(5),
    maker_fee=Decimal("0.0005"),
    taker_fee=Decimal("0.001"),
    slippage=Decimal("0.002"),
)
LONG: Final = TradeSetup(
    symbol="BTC",
    direction=Direction.LONG,
    entry_price=None,
    stop_loss_price=Decimal(95),
    take_profit_prices=(Decimal(110), Decimal(120)),
    position_size_percent=Decimal(10),
)
SHORT: Final = replace(
    LONG,
    direction=Direction.SHORT,
    stop_loss_price=Decimal(105),
    take_profit_prices=(Decimal(90), Decimal(80)),
)
NOW_FLAT: Final = Snapshot(ts_event=NOW, equity=Decimal(10_000), market=MARKET, trade=Flat())
MEMORY: Final = RiskMemory(peak_equity=Decimal(10_000), day=20_000, day_equity=Decimal(10_000))


def held(notional: object, name: str = "ETH", **changed: Any) -> Holding:  # Any: any field
    """Build a long holding."""
    fields: dict[str, Any] = {"direction": Direction.LONG, "unrealized": Decimal(0)} | changed
    return Holding(instrument_id=name, notional=Decimal(f"{notional}"), **fields)


def market(**changed: Any) -> Market:  # Any: any field of a market
    """Change the market."""
    return replace(MARKET, **changed)


def ruled(
    setup: TradeSetup = LONG,
    *,
    limits: dict[str, Any] | None = None,  # Any: any field of the limits
    memory: RiskMemory = MEMORY,
    now: Snapshot = NOW_FLAT,
    **changed: Any,  # any field of the setup
) -> Ruling:
    """Let the gate rule on the changed setup."""
    plan = PlanTrade(trade_setup=replace(setup, **changed))
    return rule_on(plan, now, replace(RiskLimits(), **(limits or {})), memory)


def approved(ruling: Ruling) -> tuple[Any, Any]:  # Any: compared with plain numbers
    """Give percent and quantity of an approved plan."""
    assert isinstance(ruling, Approved), f"{ruling}"
    assert isinstance(ruling.command, PlanTrade)
    return ruling.command.trade_setup.position_size_percent, ruling.quantity


def denied(ruling: Ruling) -> tuple[str, str]:
    """Give rule and reason of a denial."""
    assert isinstance(ruling, Denied), f"{ruling}"
    return ruling.rule, ruling.reason


def planned(setup: TradeSetup = LONG) -> Plan:
    """Build a plan of ten."""
    return Plan(order_id="P-1", setup=setup, quantity=Decimal(10), planned_ns=NOW, reason="a test")


def pending(setup: TradeSetup = LONG) -> Pending:
    """Build a plan whose entry works."""
    return Pending(plan=planned(setup))


def active(setup: TradeSetup = LONG) -> Active:
    """Build an open trade of ten at 100."""
    return Active(
        plan=planned(setup),
        opened_ns=NOW,
        entry_price=Decimal(100),
        open_quantity=Decimal(10),
        stop_loss_price=setup.stop_loss_price,
        take_profit_prices=setup.take_profit_prices,
    )
