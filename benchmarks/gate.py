"""Time of one ruling of the gate, in microseconds: approved as asked, made smaller, denied."""

import argparse
import json
import sys
import timeit
from collections.abc import Sequence
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import Final

from rich.console import Console
from rich.table import Table

from morningstar_strategy.core.commands import Direction, PlanTrade, TradeSetup
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.risk import Approved, Denied, rule_on
from morningstar_strategy.core.state import Flat, Holding, Market, Snapshot

GOAL_US: Final = 20.0
_DAY_NS: Final = 86_400_000_000_000
_NOW_NS: Final = 20_000 * _DAY_NS
_SYMBOL: Final = "BTCUSDT-PERP.BINANCE"


def typical_plan() -> PlanTrade:
    """Build a long at market with stop and two take profits, of 10 % of equity."""
    setup = TradeSetup(
        symbol=_SYMBOL,
        direction=Direction.LONG,
        entry_price=None,
        stop_loss_price=Decimal("62725.0"),
        take_profit_prices=(Decimal("67000.0"), Decimal("69500.0")),
        position_size_percent=Decimal(10),
    )
    return PlanTrade(trade_setup=setup)


def typical_snapshot() -> Snapshot:
    """Build an account of 10 000 with five holdings, flat in the plan's instrument."""
    market = Market(
        instrument_id=_SYMBOL,
        price=Decimal("65000.1"),
        ts_price=_NOW_NS,
        tick=Decimal("0.1"),
        lot=Decimal("0.001"),
        min_quantity=Decimal("0.001"),
        min_notional=Decimal(5),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0006"),
        slippage=Decimal("0.0002"),
    )
    holdings = tuple(
        Holding(
            instrument_id=f"{coin}USDT-PERP.BINANCE",
            direction=Direction.LONG if index % 2 else Direction.SHORT,
            notional=Decimal("812.55"),
            unrealized=Decimal(index - 2),
        )
        for index, coin in enumerate(("ETH", "SOL", "BNB", "XRP", "ADA"))
    )
    return Snapshot(
        ts_event=_NOW_NS,
        equity=Decimal("10012.37"),
        market=market,
        trade=Flat(),
        holdings=holdings,
    )


def measure(*, rounds: int = 20_000) -> dict[str, float]:
    """Give the least time of one ruling (µs, best of five rounds) for each kind of plan."""
    plan, now, limits = typical_plan(), typical_snapshot(), RiskLimits(max_open_plans=6)
    memory = RiskMemory(
        peak_equity=Decimal("10100.5"), day=_NOW_NS // _DAY_NS, day_equity=Decimal("10050.2")
    )
    halted = replace(memory, halted="drawdown 10.00% reached the limit 10.00%")
    full = replace(limits, max_exposure_percent=Decimal(40))
    cases = {
        "approved as asked": (plan, limits, memory, Approved),
        "approved, made smaller": (plan.sized(Decimal(40)), limits, memory, Approved),
        "denied: halted": (plan, limits, halted, Denied),
        "denied: no exposure left": (plan, full, memory, Denied),
    }
    found: dict[str, float] = {}
    for name, (asked, bounds, remembered, kind) in cases.items():
        ruling = rule_on(asked, now, bounds, remembered)
        assert type(ruling) is kind, f"{name} was ruled {ruling}"
        timer = timeit.Timer(partial(rule_on, asked, now, bounds, remembered))
        found[name] = min(timer.repeat(repeat=5, number=rounds)) / rounds * 1e6
    return found


def main(argv: Sequence[str] | None = None) -> int:
    """Print the time of a ruling as a table, or as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print JSON instead of a table")
    parser.add_argument("--rounds", type=int, default=20_000, help="rulings per timing")
    args = parser.parse_args(argv)
    if args.rounds < 1:
        parser.error(f"--rounds must be positive, was {args.rounds}")
    found = measure(rounds=args.rounds)
    if args.json:
        print(json.dumps({"goal_us": GOAL_US, "us_per_ruling": found}))
        return 0
    table = Table("ruling", "µs", f"goal {GOAL_US:g} µs", title="The gate: rule_on")
    for name, took in found.items():
        table.add_row(name, f"{took:.1f}", "met" if took < GOAL_US else "missed")
    Console().print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
