"""A seeded synthetic run: records and prices whose equity is kept by a plain cash account."""

from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from typing import Final

import numpy as np

from morningstar_strategy.core.records import Kind, Record, Value
from morningstar_strategy.core.report import Prices, Report, build_report

HOUR_NS: Final = 3_600_000_000_000
START_NS: Final = 1_704_067_200_000_000_000  # 2024-01-01
CAPITAL: Final = Decimal(10_000)
TAKER: Final = Decimal("0.0005")
MAKER: Final = Decimal("0.0002")
SLIPPAGE: Final = Decimal("0.0002")
NAMES: Final = tuple(f"{base}USDT-PERP.BINANCE" for base in ("BTC", "ETH", "SOL", "BNB", "XRP"))
_FIRST: Final = (42_000.0, 2_300.0, 101.0, 315.0, 0.62)
_CENT: Final = Decimal("0.0001")


@dataclass(slots=True, kw_only=True)
class _Open:
    order_id: str
    sign: int
    quantity: Decimal
    left: Decimal
    entry: Decimal
    stop: Decimal
    targets: list[Decimal]
    gross: Decimal = Decimal(0)
    costs: Decimal = Decimal(0)
    exit_value: Decimal = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Demo:
    """Trades at random and writes what a run would write."""

    rng: np.random.Generator
    names: tuple[str, ...]
    closes: dict[str, list[Decimal]]
    trade_probability: float
    cash: Decimal = CAPITAL
    peak: Decimal = CAPITAL
    held: dict[str, _Open] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    planned: int = 0

    def tell(self, ts: int, kind: Kind, name: str, **fields: Value) -> None:
        self.records.append(Record(ts_event=ts, kind=kind, instrument_id=name, fields=fields))

    def hour(self, at: int) -> None:
        ts = START_NS + at * HOUR_NS
        for name in self.names:
            price = self.closes[name][at]
            if at % 8 == 0 and name in self.held:
                self._fund(ts, name, price)
            if name in self.held:
                self._manage(ts, name, price)
            elif self.rng.random() < self.trade_probability:
                self._plan(ts, name, price)
        self.mark(ts, at)

    def mark(self, ts: int, at: int) -> None:
        exposure = {n: o.sign * o.left * self.closes[n][at] for n, o in self.held.items()}
        equity = self.cash + sum(exposure.values(), Decimal(0))
        self.peak = max(self.peak, equity)
        told: dict[str, Value] = {name: f"{value:f}" for name, value in exposure.items()}
        drawdown = f"{(self.peak - equity) / self.peak:.8f}"
        self.tell(
            ts,
            Kind.EQUITY,
            "",
            equity=f"{equity:f}",
            balance=f"{self.cash:f}",
            exposure=told,
            drawdown=drawdown,
        )

    def _plan(self, ts: int, name: str, price: Decimal) -> None:
        self.planned += 1
        order_id = f"M-{self.planned:06d}"
        if self.rng.random() < 0.12:
            self._deny(ts, name)
            return
        sign = 1 if self.rng.random() < 0.6 else -1
        quantity = (CAPITAL * Decimal("0.13") / price).quantize(_CENT, ROUND_DOWN)
        stop = price * (1 - sign * Decimal("0.035"))
        targets = [price * (1 + sign * share) for share in (Decimal("0.03"), Decimal("0.06"))]
        shrunk: list[Value] = ["within_exposure"] if self.rng.random() < 0.2 else []
        self.tell(
            ts, Kind.RULING, name, action="PLAN_TRADE", ruling="approved", shrunk=shrunk,
            quantity=f"{quantity:f}", risk_level="low", equity=f"{self.cash:f}",
        )  # fmt: skip
        reason = f"p({'long' if sign > 0 else 'short'}) {self.rng.uniform(0.5, 0.9):.2f}, calm"
        self.tell(
            ts, Kind.PLAN, name, order_id=order_id, state="PENDING", reason=reason,
            direction="LONG" if sign > 0 else "SHORT", quantity=f"{quantity:f}", entry_price=None,
            stop_loss_price=f"{stop:f}", take_profit_prices=[f"{p:f}" for p in targets],
            position_size_percent="13",
        )  # fmt: skip
        fate = self.rng.random()
        if fate < 0.15:
            self._unfilled(ts, name, order_id, sign, fate)
            return
        held = _Open(
            order_id=order_id, sign=sign, quantity=quantity, left=Decimal(0),
            entry=price, stop=stop, targets=targets,
        )  # fmt: skip
        self.held[name] = held
        half = (quantity / 2).quantize(_CENT, ROUND_DOWN)
        self._fill(ts, name, held, "entry", sign * half, price, maker=False)
        self.tell(
            ts, Kind.PLAN, name, order_id=order_id, state="ACTIVE", entry_price=f"{price:f}",
            open_quantity=f"{half:f}", stop_loss_price=f"{stop:f}",
        )  # fmt: skip
        self._fill(ts, name, held, "entry", sign * (quantity - half), price, maker=False)

    def _deny(self, ts: int, name: str) -> None:
        rules = {
            "within_open_plans": "already 3 open plans, at most 3 are allowed",
            "within_exposure": "exposure 84.6 % would exceed 85 % with any lot",
            "calm_enough": "after <b>bad</b> losses & a stop",
        }
        rule = list(rules)[int(self.rng.integers(3))]
        self.tell(
            ts, Kind.RULING, name, action="PLAN_TRADE", ruling="denied", rule=rule,
            reason=rules[rule], equity=f"{self.cash:f}",
        )  # fmt: skip

    def _unfilled(self, ts: int, name: str, order_id: str, sign: int, fate: float) -> None:
        outcome = ("CANCELLED", "EXPIRED", "REJECTED")[int(fate / 0.05)]
        reason = {"CANCELLED": "opposite signal", "EXPIRED": "entry expired"}.get(outcome, "margin")
        self.tell(
            ts + HOUR_NS // 2, Kind.PLAN, name, order_id=order_id, state=outcome, reason=reason,
            direction="LONG" if sign > 0 else "SHORT", planned_ns=ts, quantity="0",
            entry_price=None, exit_price=None, gross_pnl="0", fees="0",
        )  # fmt: skip

    def _manage(self, ts: int, name: str, price: Decimal) -> None:
        held = self.held[name]
        ahead = held.sign * (price - held.stop)
        if ahead <= 0:
            self._fill(ts, name, held, "stop", -held.sign * held.left, held.stop, maker=False)
            self._end(ts, name, held, "stop")
        elif held.targets and held.sign * (price - held.targets[0]) >= 0:
            target = held.targets.pop(0)
            part = held.left if not held.targets else (held.left / 2).quantize(_CENT, ROUND_DOWN)
            self._fill(ts, name, held, "target", -held.sign * part, target, maker=True)
            if held.left == 0:
                self._end(ts, name, held, "take profit")
        elif self.rng.random() < 0.01:
            self._fill(ts, name, held, "close", -held.sign * held.left, price, maker=False)
            self._end(ts, name, held, "held too long")

    def _fill(
        self,
        ts: int,
        name: str,
        held: _Open,
        role: str,
        signed: Decimal,
        price: Decimal,
        *,
        maker: bool,
    ) -> None:
        notional = abs(signed) * price
        fee = (notional * (MAKER if maker else TAKER)).quantize(Decimal("1e-8"))
        slippage = Decimal(0) if maker else (notional * SLIPPAGE).quantize(Decimal("1e-8"))
        self.cash -= signed * price + fee + slippage
        held.costs += fee + slippage
        held.left += held.sign * signed
        held.gross -= signed * price
        if role != "entry":
            held.exit_value += abs(signed) * price
        self.tell(
            ts, Kind.FILL, name, order_id=f"{held.order_id}-{role}", plan_id=held.order_id,
            role=role, side="BUY" if signed > 0 else "SELL", quantity=f"{abs(signed):f}",
            price=f"{price:f}", fee=f"{fee:f}", slippage=f"{slippage:f}",
            liquidity="MAKER" if maker else "TAKER",
        )  # fmt: skip

    def _end(self, ts: int, name: str, held: _Open, reason: str) -> None:
        del self.held[name]
        self.tell(
            ts, Kind.PLAN, name, order_id=held.order_id, state="CLOSED", reason=reason,
            direction="LONG" if held.sign > 0 else "SHORT", planned_ns=ts - HOUR_NS,
            quantity=f"{held.quantity:f}", entry_price=f"{held.entry:f}",
            exit_price=f"{held.exit_value / held.quantity:f}", gross_pnl=f"{held.gross:f}",
            fees=f"{held.costs:f}",
        )  # fmt: skip

    def _fund(self, ts: int, name: str, price: Decimal) -> None:
        held = self.held[name]
        rate = Decimal(f"{self.rng.normal(0.00005, 0.0001):.8f}")
        quantity = held.sign * held.left
        amount = -quantity * price * rate
        self.cash += amount
        self.tell(
            ts, Kind.FUNDING, name, rate=f"{rate:f}", price=f"{price:f}",
            quantity=f"{quantity:f}", amount=f"{amount:f}",
        )  # fmt: skip


def demo_run(
    *, days: int, seed: int, instruments: int = 5, trade_probability: float = 0.01
) -> tuple[list[Record], tuple[Prices, ...]]:
    """Make the records and prices of a run of whole days."""
    rng = np.random.default_rng(seed)
    names, hours = NAMES[:instruments], days * 24 + 1
    closes: dict[str, list[Decimal]] = {}
    for name, first in zip(names, _FIRST, strict=False):
        steps = rng.normal(0.00002, 0.006, hours)
        steps[0] = 0.0
        path = first * np.exp(np.cumsum(steps))
        closes[name] = [Decimal(f"{value:.6g}") for value in path]
    demo = Demo(rng=rng, names=names, closes=closes, trade_probability=trade_probability)
    demo.mark(START_NS, 0)
    for at in range(1, hours):
        demo.hour(at)
    stamps = START_NS + HOUR_NS * np.arange(hours, dtype=np.int64)
    prices = tuple(
        Prices(
            instrument_id=name,
            ts_event=stamps,
            close=np.array([float(value) for value in closes[name]]),
        )
        for name in names
    )
    return demo.records, prices


def demo_report(
    *, days: int = 400, seed: int = 7, instruments: int = 5, trade_probability: float = 0.01
) -> Report:
    """Make the report of a synthetic run."""
    records, prices = demo_run(
        days=days, seed=seed, instruments=instruments, trade_probability=trade_probability
    )
    if days > 100:
        halt: dict[str, Value] = {"state": "halted", "reason": "drawdown 10.2 % is over 10 %"}
        at = START_NS + 90 * 24 * HOUR_NS
        health = Record(ts_event=at, kind=Kind.HEALTH, instrument_id="", fields=halt)
        records = sorted([*records, health], key=lambda record: record.ts_event)
    return build_report(
        records,
        prices=prices,
        starting_equity=CAPITAL,
        currency="USDT",
        synthetic=True,
        trials=12,
        trial_sharpes=[0.01, 0.03, -0.02, 0.05],
    )
