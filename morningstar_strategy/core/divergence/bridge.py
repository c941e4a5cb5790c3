"""The way from the result of one run to the other's, each cause with its part; it sums exactly."""

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import Final

from morningstar_strategy.core.curves import exposures
from morningstar_strategy.core.divergence.account import ROUNDING, amount, held_at, paired_fundings
from morningstar_strategy.core.divergence.causes import Causes
from morningstar_strategy.core.divergence.execution import Matched, matched_orders, same_charge
from morningstar_strategy.core.divergence.reading import OrderTold, Told
from morningstar_strategy.core.divergence.values import Cause, PlanKey, Rung, Step
from morningstar_strategy.core.fields import money

__all__ = ["OUTSIDE", "UNTOLD", "Bridge", "Contribution", "build_bridge"]

OUTSIDE: Final = "outside the other's time"
UNTOLD: Final = "not told by the journals"
_ZERO: Final = Decimal(0)
_GRAIN: Final = Decimal("1e-8")
_DIGITS: Final = 100  # so that no addition rounds

type Label = Cause | str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contribution:
    """What one cause is worth, in account currency; `label` is a cause, OUTSIDE or UNTOLD."""

    label: str
    amount: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Bridge:
    """From the result of run A to that of run B: start + contributions = end, exactly.

    A result is the change of the equity from the first to the last mark, or, of a run that has no
    marks, what its fills brought in with what is left valued at the last fill.
    """

    start: Decimal
    contributions: tuple[Contribution, ...]
    end: Decimal
    currency: str

    def __post_init__(self) -> None:
        with localcontext(prec=_DIGITS):
            told = self.start + sum((each.amount for each in self.contributions), _ZERO)
        if told != self.end:
            raise ValueError(f"start and contributions must sum to end {self.end}, were {told}")


def build_bridge(a: Told, b: Told, causes: Causes, *, slack_ns: int) -> Bridge:
    """Take the difference of two results apart; raise RecordError for a field that is no number."""
    with localcontext(prec=_DIGITS):
        builder = _Builder(a, b, causes, slack_ns)
        builder.book_orders()
        builder.book_holdings()
        builder.book_fundings()
        builder.book_plans()
        return builder.bridge()


class _Builder:
    """Books every difference of money under its cause."""

    def __init__(self, a: Told, b: Told, causes: Causes, slack_ns: int) -> None:
        self._a, self._b = a, b
        self._causes, self._slack_ns = causes, slack_ns
        self._parts: defaultdict[Label, Decimal] = defaultdict(lambda: _ZERO)
        self._plans: defaultdict[PlanKey, Decimal] = defaultdict(lambda: _ZERO)
        self._first: dict[PlanKey, int] = {}
        self._outside: set[PlanKey] = set()
        self._marks = (_mark_prices(a), _mark_prices(b))

    def _add(self, label: Label | None, part: Decimal) -> None:
        self._parts[UNTOLD if label is None else label] += part.quantize(_GRAIN)

    # ------------------------------------------------------------ fills

    def book_orders(self) -> None:
        """Book the fills: price, slippage and fee of what both filled, the rest under its plan."""
        for matched in matched_orders(self._a, self._b):
            order = matched.either
            begun = self._first.get(order.plan, order.ts_event)
            self._first[order.plan] = min(begun, order.ts_event)
            self._note_outside(matched)
            apart = _cash(matched.b) - _cash(matched.a)
            if matched.a is not None and matched.b is not None:
                apart -= self._book_common(matched.a, matched.b)
            self._plans[order.plan] += apart

    def _note_outside(self, matched: Matched) -> None:
        order, slack = matched.either, self._slack_ns
        lacking = self._b if matched.b is None else self._a if matched.a is None else None
        if lacking is not None and not lacking.side.covers(order.ts_event, slack):
            self._outside.add(order.plan)

    def _book_common(self, a: OrderTold, b: OrderTold) -> Decimal:
        """Book what the quantity that both filled cost more or less; give all of it."""
        common = min(abs(a.filled), abs(b.filled))
        if not common or a.filled * b.filled < 0:
            return _ZERO
        shares = common / abs(a.filled), common / abs(b.filled)
        sign = 1 if a.filled > 0 else -1
        price = (-sign * common * (b.price - a.price)).quantize(_GRAIN)
        slippage = (a.slippage * shares[0] - b.slippage * shares[1]).quantize(_GRAIN)
        fee = (a.fee * shares[0] - b.fee * shares[1]).quantize(_GRAIN)
        self._add(self._why_price(a, b), price)
        begun = min(a.ts_event, b.ts_event)
        charged = same_charge(a, a.slippage, b, b.slippage)
        self._add(self._why_price(a, b) if charged else self._kind(Cause.PRICE, begun), slippage)
        paid = same_charge(a, a.fee, b, b.fee)
        self._add(self._why_price(a, b) if paid else self._kind(Cause.FEE, begun), fee)
        return price + slippage + fee

    def _why_price(self, a: OrderTold, b: OrderTold) -> Label | None:
        """Say why an order was filled at another price."""
        begun = min(a.ts_event, b.ts_event)
        if self._causes.inherits(a.plan):
            return self._causes.of_plan(a.plan, begun)
        bar = self._causes.of_bar(a.instrument_id, a.ts_event)
        if bar is not None:
            return bar
        apart = abs(a.last_ns - b.last_ns) > self._slack_ns
        return self._kind(Cause.LATENCY if apart else Cause.PRICE, begun)

    def _kind(self, natural: Cause, ts_event: int) -> Cause:
        return self._causes.of_kind(Rung.FILLS, natural, ts_event)

    # ------------------------------------------------------------ what is left, funding, the sum

    def book_holdings(self) -> None:
        """Book what is held at the end, at the price of the last mark, as if it were sold."""
        held = (_left(self._a), _left(self._b))
        for plan in sorted({*held[0], *held[1]}):
            ours, theirs = held[0].get(plan, _ZERO), held[1].get(plan, _ZERO)
            price_a, price_b = (marks.get(plan[0], _ZERO) for marks in self._marks)
            common = min(abs(ours), abs(theirs)) if ours * theirs > 0 else _ZERO
            moved = (common * (1 if ours > 0 else -1) * (price_b - price_a)).quantize(_GRAIN)
            apart = abs(self._a.side.end_ns - self._b.side.end_ns) > self._slack_ns
            self._add(OUTSIDE if apart else Cause.DATA, moved)
            self._plans[plan] += theirs * price_b - ours * price_a - moved

    def book_fundings(self) -> None:
        """Book the payments of funding of both runs, those outside the other's time too."""
        paired = paired_fundings(self._a, self._b, slack_ns=self._slack_ns).pairs
        seen: set[tuple[int, int]] = set()
        for ours, theirs in paired:
            for which, step in enumerate((ours, theirs)):
                if step is not None:
                    seen.add((which, step.seq))
            self._book_funding(ours, theirs)
        for which, told in enumerate((self._a, self._b)):
            alone = (step for step in told.fundings if (which, step.seq) not in seen)
            paid = sum((amount(step, "amount") for step in alone), _ZERO)
            self._add(OUTSIDE, paid if which else -paid)

    def _book_funding(self, ours: Step | None, theirs: Step | None) -> None:
        paid = [step.ts_event for step in (ours, theirs) if step is not None]
        why = self._causes.of_kind(Rung.EQUITY, Cause.FUNDING, min(paid))
        if ours is not None and theirs is not None:
            apart = amount(theirs, "amount") - amount(ours, "amount")
            per_coin = [amount(each, "rate") * amount(each, "price") for each in (ours, theirs)]
            rate = _ZERO
            if abs(apart) > ROUNDING:  # else nothing was paid otherwise
                rate = -amount(ours, "quantity") * (per_coin[1] - per_coin[0])
            self._add(why, rate)
            rest = apart - rate.quantize(_GRAIN)
            self._add(self._causes.of_moment(ours.ts_event), rest)
            return
        for step, sign, lacking in ((ours, -1, self._b), (theirs, 1, self._a)):
            if step is not None:
                held = held_at(lacking, step.instrument_id, step.ts_event)
                cause = why if held else self._causes.of_moment(step.ts_event)
                self._add(cause, sign * amount(step, "amount"))

    def book_plans(self) -> None:
        """Book what plans that came to another quantity brought in more or less."""
        for plan, left in self._plans.items():
            if left:
                begun = self._first.get(plan, plan[1])
                outside = plan in self._outside
                self._add(OUTSIDE if outside else self._causes.of_plan(plan, begun), left)

    def bridge(self) -> Bridge:
        """Give the bridge; what the parts leave over is not told by the journals."""
        start, end = _result(self._a), _result(self._b)
        told = sum(self._parts.values(), _ZERO)
        self._parts[UNTOLD] += end - start - told
        labels: tuple[Label, ...] = (*Cause, OUTSIDE, UNTOLD)
        return Bridge(
            start=start,
            contributions=tuple(
                Contribution(label=f"{label}", amount=self._parts[label])
                for label in labels
                if self._parts[label]
            ),
            end=end,
            currency=self._a.side.currency or self._b.side.currency,
        )


def _cash(order: OrderTold | None) -> Decimal:
    return _ZERO if order is None else order.cash


def _left(told: Told) -> dict[PlanKey, Decimal]:
    """Give the signed quantity of each plan that is left at the end."""
    left: dict[PlanKey, Decimal] = {}
    for order in told.orders.values():
        left[order.plan] = left.get(order.plan, _ZERO) + order.filled
    return {plan: quantity for plan, quantity in left.items() if quantity}


def _mark_prices(told: Told) -> dict[str, Decimal]:
    """Give the price at which what is left is worth what the last mark says."""
    held: dict[str, Decimal] = {}
    last: dict[str, OrderTold] = {}
    for order in told.orders.values():
        name = order.instrument_id
        held[name] = held.get(name, _ZERO) + order.filled
        if name not in last or order.last_ns >= last[name].last_ns:
            last[name] = order
    if not told.marks:
        return {name: order.price for name, order in last.items()}
    worth = exposures(told.marks[-1])
    return {
        name: worth[name] / quantity if name in worth and quantity else last[name].price
        for name, quantity in held.items()
    }


def _result(told: Told) -> Decimal:
    """Give what a run earned; see Bridge."""
    if told.marks:
        return money(told.marks[-1], "equity") - money(told.marks[0], "equity")
    prices = _mark_prices(told)
    cash = sum((order.cash for order in told.orders.values()), _ZERO)
    worth = sum((quantity * prices[plan[0]] for plan, quantity in _left(told).items()), _ZERO)
    return (cash + worth).quantize(_GRAIN)
