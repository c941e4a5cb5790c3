"""A live session made consistent by construction: bars, plans, fills, a cash account, a journal."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import ROUND_DOWN, Decimal
from pathlib import Path
from random import Random
from typing import Final

from live.auditing.session import Session, bars_told
from morningstar_strategy.core.commands import equal_fractions
from morningstar_strategy.core.records import (
    Kind,
    Record,
    Value,
    of_bar,
    of_guard,
    of_health,
    to_line,
)
from morningstar_strategy.journal import JOURNAL, MANIFEST, SETTINGS, journal_digest
from morningstar_strategy.settings.load import dump_settings
from morningstar_strategy.settings.schema import Settings

SECOND_NS: Final = 1_000_000_000
STEP_NS: Final = 300 * SECOND_NS
START_NS: Final = 1_704_067_200 * SECOND_NS  # 2024-01-01
NAMES: Final = ("BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE")
MAX_HOLDING_SECS: Final = 20 * 300
TICK: Final = Decimal("0.1")
LOT: Final = Decimal("0.001")
FEE: Final = Decimal("0.0005")
_FIRST: Final = (Decimal("40000.0"), Decimal("2200.0"))
_NOTHING: Final = Decimal(0)


@dataclass(slots=True, kw_only=True)
class Trade:
    """A plan as the session holds it now."""

    plan_id: str
    sign: int
    quantity: Decimal
    stop: Decimal
    targets: list[tuple[int, Decimal, Decimal]]  # index, price, quantity; one of none is left out
    opened_ns: int
    left: Decimal = _NOTHING
    value: Decimal = _NOTHING  # of what entered
    out: Decimal = _NOTHING  # of what left
    costs: Decimal = _NOTHING


@dataclass(slots=True, kw_only=True)
class Story:
    """Trades two instruments at random; every event is told as a live node tells it."""

    rng: Random
    count: int = 120
    records: list[Record] = field(default_factory=list)
    cash: Decimal = Decimal(10_000)
    prices: dict[str, Decimal] = field(default_factory=dict)
    trades: dict[str, Trade] = field(default_factory=dict)
    plans: int = 0

    def tell(self, ts: int, kind: Kind, name: str, fields: Mapping[str, Value]) -> None:
        self.records.append(Record(ts_event=ts, kind=kind, instrument_id=name, fields=fields))

    def play(self) -> "Story":
        self.prices = dict(zip(NAMES, _FIRST, strict=True))
        self._say(START_NS - 5 * SECOND_NS, "started")
        self._mark(START_NS - 4 * SECOND_NS)
        for at in range(self.count):
            close_ns = START_NS + at * STEP_NS
            for name in NAMES:
                self._bar(name, close_ns)
            for name in NAMES:
                self._decide(name, close_ns + SECOND_NS // 5)
            if at % 24 == 7:
                self._fund(close_ns + SECOND_NS // 2)
            if at % 6 == 5:
                self._mark(close_ns + SECOND_NS * 3)
        end_ns = START_NS + self.count * STEP_NS - 60 * SECOND_NS
        self._mark(end_ns)
        self._say(end_ns + SECOND_NS, "stopped")
        return self

    # ------------------------------------------------------------ the market

    def _bar(self, name: str, close_ns: int) -> None:
        """Walk one bar, and let the venue fill what it reaches before the bar closes."""
        open_ = self.prices[name]
        scale = open_ / 400
        close = _tick(open_ + scale * Decimal(str(self.rng.gauss(0, 1))))
        wicks = [scale * Decimal(str(abs(self.rng.gauss(0, 0.7)))) for _ in range(2)]
        high, low = _tick(max(open_, close) + wicks[0]), _tick(min(open_, close) - wicks[1])
        if (trade := self.trades.get(name)) is not None and self.rng.random() < 0.1:
            high, low = self._touching(trade, high, low, open_, close)
        self._match(name, high, low, close_ns)
        ohlcv = (open_, high, low, close, Decimal(self.rng.randrange(1, 500)))
        self.records.append(of_bar(ts_event=close_ns, instrument_id=name, ohlcv=ohlcv))
        self.prices[name] = close

    def _touching(
        self, trade: Trade, high: Decimal, low: Decimal, open_: Decimal, close: Decimal
    ) -> tuple[Decimal, Decimal]:
        """End the bar's range at a take profit exactly, which is no crossing."""
        price = trade.targets[0][1]
        if trade.sign > 0 and high > price >= max(open_, close):
            return price, low
        if trade.sign < 0 and low < price <= min(open_, close):
            return high, price
        return high, low

    def _match(self, name: str, high: Decimal, low: Decimal, close_ns: int) -> None:
        trade = self.trades.get(name)
        if trade is None:
            return
        within = max(close_ns - self.rng.randrange(1, 200) * SECOND_NS, trade.opened_ns + 1)
        adverse, gain = (low, high) if trade.sign > 0 else (high, low)
        if trade.sign * (adverse - trade.stop) <= 0:
            slip = TICK * self.rng.randrange(0, 5)
            self._exit(name, within, "stop", trade.left, trade.stop - trade.sign * slip)
            return
        passed = [each for each in trade.targets if trade.sign * (gain - each[1]) > 0]
        for index, price, quantity in passed:
            trade.targets.remove((index, price, quantity))
            self._exit(name, within, "target", quantity, price)

    # ------------------------------------------------------------ the strategy

    def _decide(self, name: str, now_ns: int) -> None:
        close_ns = now_ns - SECOND_NS // 5
        self.tell(close_ns, Kind.ASSESSMENT, name, {"price": float(self.prices[name])})
        trade = self.trades.get(name)
        if trade is None:
            if self.rng.random() < 0.4:
                self._plan(name, now_ns)
        elif now_ns - trade.opened_ns >= MAX_HOLDING_SECS * SECOND_NS or self.rng.random() < 0.03:
            self._command(name, now_ns, {"action": "CANCEL_ORDER", "order_id": trade.plan_id})
            self._exit(name, now_ns + SECOND_NS, "close", trade.left, self.prices[name])
        elif self.rng.random() < 0.1:
            self._adjust(name, trade, now_ns)

    def _command(self, name: str, now_ns: int, command: dict[str, Value]) -> None:
        approved: dict[str, Value] = {"action": command["action"], "ruling": "approved"}
        self.tell(now_ns, Kind.COMMAND, name, {"command": command})
        self.tell(now_ns, Kind.RULING, name, approved)

    def _plan(self, name: str, now_ns: int) -> None:
        price, sign = self.prices[name], self.rng.choice((1, -1))
        far = price / 400
        stop = _tick(price - sign * far * Decimal(str(self.rng.uniform(1.2, 4))))
        levels = self.rng.randrange(1, 4)
        reach = [Decimal(str(self.rng.uniform(1, 2) + each)) for each in range(levels)]
        targets = [_tick(price + sign * far * each) for each in reach]
        quantity = LOT * self.rng.randrange(1, 200)
        self.plans += 1
        plan_id = f"O-{self.plans}"
        shown: list[Value] = [f"{target:f}" for target in targets]
        setup: dict[str, Value] = {"symbol": name, "take_profit_prices": shown}
        self._command(name, now_ns, {"action": "PLAN_TRADE", "trade_setup": setup})
        self._state(
            name,
            now_ns,
            {
                "order_id": plan_id,
                "state": "PENDING",
                "direction": "LONG" if sign > 0 else "SHORT",
                "quantity": f"{quantity:f}",
                "entry_price": None,
                "stop_loss_price": f"{stop:f}",
                "take_profit_prices": shown,
                "reason": "a signal",
            },
        )
        self._enter(name, now_ns + SECOND_NS, plan_id, sign, quantity, stop, targets)

    def _enter(
        self,
        name: str,
        now_ns: int,
        plan_id: str,
        sign: int,
        quantity: Decimal,
        stop: Decimal,
        targets: list[Decimal],
    ) -> None:
        trade = self.trades[name] = Trade(
            plan_id=plan_id,
            sign=sign,
            quantity=quantity,
            stop=stop,
            targets=_shared(quantity, targets),
            opened_ns=now_ns,
        )
        first = LOT * self.rng.randrange(1, int(quantity / LOT) + 1)
        self._fill(name, now_ns, "entry", first, self.prices[name])
        self._state(
            name,
            now_ns,
            {
                "order_id": plan_id,
                "state": "ACTIVE",
                "entry_price": f"{self.prices[name]:f}",
                "open_quantity": f"{first:f}",
                "stop_loss_price": f"{stop:f}",
            },
        )
        secs = self.rng.uniform(0, 3)
        working_ns = now_ns + int(secs * SECOND_NS)
        self._guard(name, now_ns, working_ns, first)
        self._order(name, working_ns, "accepted", "stop", f"{plan_id}-S")
        if first < quantity:
            rest = quantity - first
            self._fill(name, working_ns, "entry", rest, self.prices[name] + sign * TICK)
        for index, _, _ in trade.targets:
            self._order(name, working_ns, "accepted", "target", f"{plan_id}-T{index}")
        trade.opened_ns = now_ns

    def _guard(self, name: str, from_ns: int, to_ns: int, quantity: Decimal) -> None:
        if self.rng.random() < 0.5:
            return
        for state, ts in (("unprotected", from_ns), ("protected", to_ns)):
            secs = (ts - from_ns) / SECOND_NS
            told = of_guard(
                ts_event=ts, instrument_id=name, state=state, quantity=quantity, secs=secs
            )
            self.records.append(told)

    def _adjust(self, name: str, trade: Trade, now_ns: int) -> None:
        """Bring the stop nearer to the price, and sometimes all take profits farther away."""
        price = self.prices[name]
        stop = _tick(trade.stop + (price - trade.stop) / 4)
        if trade.sign * (price - stop) <= 0 or trade.sign * (stop - trade.stop) <= 0:
            return
        trade.stop = stop
        command: dict[str, Value] = {
            "action": "ADJUST_TRADE",
            "order_id": trade.plan_id,
            "new_stop_loss_price": f"{stop:f}",
        }
        if self.rng.random() < 0.3:
            far = price / 400
            targets = [_tick(price + trade.sign * far * each) for each in (2, 3)]
            trade.targets = _shared(trade.left, targets)
            command["new_take_profit_prices"] = [f"{target:f}" for target in targets]
        self._command(name, now_ns, command)

    def _exit(self, name: str, ts: int, role: str, quantity: Decimal, price: Decimal) -> None:
        trade = self.trades[name]
        self._fill(name, ts, role, quantity, price)
        if trade.left:
            return
        if role != "stop":
            self._order(name, ts, "canceled", "stop", f"{trade.plan_id}-S")
        gross = trade.sign * (trade.out - trade.value)
        self._state(
            name,
            ts + SECOND_NS // 10,
            {
                "order_id": trade.plan_id,
                "state": "CLOSED",
                "direction": "LONG" if trade.sign > 0 else "SHORT",
                "reason": role,
                "quantity": f"{trade.quantity:f}",
                "entry_price": f"{trade.value / trade.quantity:f}",
                "exit_price": f"{trade.out / trade.quantity:f}",
                "gross_pnl": f"{gross:f}",
                "fees": f"{trade.costs:f}",
            },
        )
        del self.trades[name]

    # ------------------------------------------------------------ the account

    def _fill(self, name: str, ts: int, role: str, quantity: Decimal, price: Decimal) -> None:
        """Move cash as an account does: it knows no average cost."""
        trade = self.trades[name]
        sign = trade.sign if role == "entry" else -trade.sign
        fee = quantity * price * FEE
        slippage = Decimal(0) if role == "target" else quantity * price * FEE / 5
        self.cash -= sign * quantity * price + fee + slippage
        trade.left += quantity if role == "entry" else -quantity
        if role == "entry":
            trade.value += quantity * price
        else:
            trade.out += quantity * price
        trade.costs += fee + slippage
        self.tell(
            ts,
            Kind.FILL,
            name,
            {
                "order_id": f"{trade.plan_id}-{role}",
                "plan_id": trade.plan_id,
                "role": role,
                "side": "BUY" if sign > 0 else "SELL",
                "quantity": f"{quantity:f}",
                "price": f"{price:f}",
                "fee": f"{fee:f}",
                "slippage": f"{slippage:f}",
                "liquidity": "MAKER" if role == "target" else "TAKER",
            },
        )

    def _fund(self, ts: int) -> None:
        for name, trade in self.trades.items():
            amount = -trade.sign * trade.left * self.prices[name] * Decimal("0.0003")
            self.cash += amount
            self.tell(ts, Kind.FUNDING, name, {"amount": f"{amount:f}"})

    def _mark(self, ts: int) -> None:
        """Tell equity and the balance without open results, both from cash and prices."""
        exposure = {n: t.sign * t.left * self.prices[n] for n, t in self.trades.items()}
        equity = self.cash + sum(exposure.values(), _NOTHING)
        open_results = sum(
            (
                t.sign * (t.left * self.prices[n] - t.value * t.left / t.quantity)
                for n, t in self.trades.items()
            ),
            _NOTHING,
        )
        shown: dict[str, Value] = {name: f"{value:f}" for name, value in exposure.items()}
        balance = equity - open_results
        fields: dict[str, Value] = {
            "equity": f"{equity:f}",
            "balance": f"{balance:f}",
            "exposure": shown,
        }
        self.tell(ts, Kind.EQUITY, "", fields)

    # ------------------------------------------------------------ telling

    def _say(self, ts: int, state: str) -> None:
        self.records.append(of_health(ts_event=ts, instrument_id="", state=state, reason="asked"))

    def _state(self, name: str, ts: int, fields: Mapping[str, Value]) -> None:
        self.tell(ts, Kind.PLAN, name, fields)

    def _order(self, name: str, ts: int, event: str, role: str, order_id: str) -> None:
        plan_id = self.trades[name].plan_id
        fields: dict[str, Value] = {
            "event": event,
            "order_id": order_id,
            "plan_id": plan_id,
            "role": role,
        }
        self.tell(ts, Kind.ORDER, name, fields)


_FINEST_LOT: Final = Decimal("1e-6")  # a third is told to twelve digits


def _tick(price: Decimal) -> Decimal:
    return (price / TICK).to_integral_value(ROUND_DOWN) * TICK


def _shared(quantity: Decimal, targets: list[Decimal]) -> list[tuple[int, Decimal, Decimal]]:
    """Split a quantity over prices in lots; the last takes the rest, no lot has no order."""
    shares = [
        (quantity * share / LOT).quantize(_FINEST_LOT).to_integral_value(ROUND_DOWN) * LOT
        for share in equal_fractions(len(targets))[:-1]
    ]
    parts = [*shares, quantity - sum(shares, _NOTHING)]
    numbered = enumerate(zip(targets, parts, strict=True))
    return [(index, price, part) for index, (price, part) in numbered if part]


def story(seed: int, *, count: int = 120) -> Story:
    """Play the session of a seed."""
    return Story(rng=Random(seed), count=count).play()


def session_of(records: list[Record], *, max_holding_secs: int = MAX_HOLDING_SECS) -> Session:
    """Read records as a run folder of a live node is read."""
    return Session(
        records=tuple(records),
        instruments=NAMES,
        interval_ns=STEP_NS,
        max_holding_secs=max_holding_secs,
        keeps_assessments=True,
        bars=bars_told(tuple(records)),
        bars_from="journal",
    )


def write_folder(folder: Path, records: list[Record]) -> Path:
    """Write a run folder as a live node leaves it."""
    folder.mkdir(parents=True)
    settings = Settings.model_validate(
        {
            "mode": "paper",
            "data": {"instruments": list(NAMES), "interval": "5m"},
            "decision": {"max_holding_secs": MAX_HOLDING_SECS},
        }
    )
    (folder / SETTINGS).write_text(dump_settings(settings), encoding="utf-8")
    lines = "".join(to_line(record) + "\n" for record in records)
    (folder / JOURNAL).write_text(lines, encoding="utf-8")
    seal = {"journal_sha256": journal_digest(folder)}
    (folder / MANIFEST).write_text(json.dumps(seal), encoding="utf-8")
    return folder
