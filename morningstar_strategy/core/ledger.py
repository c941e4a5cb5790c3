"""The orders and fills of one plan: what it has, what it owes, how it ended."""

from dataclasses import dataclass, replace
from decimal import Decimal
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.commands import equal_fractions
from morningstar_strategy.core.state import EXPIRED, Active, Ended, Outcome, Pending, Plan, activate

MOST_REFUSALS: Final = 10  # of one take profit, before it is given up
_ZERO: Final = Decimal(0)


class Role(StrEnum):
    """What an order is for."""

    ENTRY = "entry"
    STOP = "stop"
    TARGET = "target"
    CLOSE = "close"
    STRAY = "stray"  # of no plan: closes what nobody planned, or somebody else's


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRef:
    """An order we sent for a plan; `index` says which take profit a target is.

    `quantity` is what we meant it to be: a simulated venue may resize reduce-only orders. `filled`
    is what is booked of it, so that a restart knows which fills it has missed.
    """

    order_id: str
    role: Role
    quantity: Decimal
    index: int = 0
    filled: Decimal = _ZERO


@dataclass(frozen=True, slots=True, kw_only=True)
class Fill:
    """One fill of one of our orders; fee and slippage are costs in account currency."""

    order_id: str
    quantity: Decimal
    price: Decimal
    fee: Decimal
    slippage: Decimal
    ts_event: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Ledger:
    """A plan with its orders and the sums of its fills."""

    plan: Plan
    trade: Pending | Active
    fractions: tuple[Decimal, ...]
    target_filled: tuple[Decimal, ...]
    target_refusals: tuple[int, ...]
    orders: tuple[OrderRef, ...] = ()
    entered: Decimal = _ZERO
    entry_value: Decimal = _ZERO
    exited: Decimal = _ZERO
    exit_value: Decimal = _ZERO
    costs: Decimal = _ZERO
    called_off: str = ""
    stop_refused: bool = False
    stop_fixed: bool = False
    last_exit: Role | None = None

    @classmethod
    def open(cls, plan: Plan, orders: tuple[OrderRef, ...]) -> "Ledger":
        """Begin the ledger of a plan whose entry goes out."""
        fractions = plan.setup.fractions
        return cls(
            plan=plan,
            trade=Pending(plan=plan),
            fractions=fractions,
            target_filled=(_ZERO,) * len(fractions),
            target_refusals=(0,) * len(fractions),
            orders=orders,
        )

    @property
    def open_quantity(self) -> Decimal:
        """Give what of the position is open; below zero when exits overran it."""
        return self.entered - self.exited

    @property
    def stop_price(self) -> Decimal:
        """Give where the stop belongs now."""
        match self.trade:
            case Pending(plan=plan):
                return plan.setup.stop_loss_price
            case Active(stop_loss_price=price):
                return price

    def is_stopped_at(self, price: Decimal) -> bool:
        """Say whether a price is at the stop or beyond it."""
        return self.plan.setup.direction.sign * (price - self.stop_price) <= 0

    @property
    def target_prices(self) -> tuple[Decimal, ...]:
        """Give where the take profits belong now."""
        match self.trade:
            case Pending(plan=plan):
                return plan.setup.take_profit_prices
            case Active(take_profit_prices=prices):
                return prices

    @property
    def entry_ref(self) -> OrderRef:
        """Give the entry order."""
        return next(ref for ref in self.orders if ref.role is Role.ENTRY)

    def rest_has_expired(self, now_ns: int) -> bool:
        """Say whether what has not filled of a partly filled entry is too old to wait for."""
        expires_ns = self.plan.expires_ns
        if expires_ns is None or now_ns < expires_ns:
            return False
        return 0 < self.entered < self.plan.quantity

    def ref(self, order_id: str) -> OrderRef | None:
        """Find one of the plan's orders."""
        return next((ref for ref in self.orders if ref.order_id == order_id), None)

    def with_order(self, ref: OrderRef) -> "Ledger":
        """Add an order that was sent."""
        return replace(self, orders=(*self.orders, ref))

    def calling_off(self, reason: str) -> "Ledger":
        """Mark the plan as to be cancelled or closed; the first reason stays."""
        trade = self.trade
        if isinstance(trade, Active):
            trade = replace(trade, closing=True)
        return replace(self, called_off=self.called_off or reason, trade=trade)

    def refusing_stop(self) -> "Ledger":
        """Mark that a venue refused the stop, so that the position must be closed."""
        return replace(self, stop_refused=True).calling_off("stop refused")

    def fixing_stop(self) -> "Ledger":
        """Mark that a venue refused to change the stop, so that more cover needs a second one."""
        return replace(self, stop_fixed=True)

    def refusing_target(self, index: int) -> "Ledger":
        """Count that a take profit was refused; one of an earlier set is nobody's any more."""
        counts = list(self.target_refusals)
        if index < len(counts):
            counts[index] += 1
        return replace(self, target_refusals=tuple(counts))

    def gives_up(self, index: int) -> bool:
        """Say whether a take profit was refused so often that it is not sent again."""
        return index < len(self.target_refusals) and self.target_refusals[index] >= MOST_REFUSALS

    def vanished(self, price: Decimal, left: Decimal = _ZERO) -> "Ledger":
        """Book what is open but for `left` as gone at this price: the venue does not hold it."""
        gone = max(self.open_quantity - left, _ZERO)
        ledger = self if left > 0 else self.calling_off("position vanished")
        trade = ledger.trade
        if isinstance(trade, Active) and left > 0:
            trade = replace(trade, open_quantity=left)
        return replace(
            ledger,
            exited=self.exited + gone,
            exit_value=self.exit_value + gone * price,
            trade=trade,
            last_exit=None,
        )

    def adjusted(self, stop: Decimal | None, targets: tuple[Decimal, ...]) -> "Ledger":
        """Move the stop and/or take new targets for what is open, in equal shares."""
        if not isinstance(self.trade, Active):
            raise TypeError(f"plan {self.plan.order_id} is not active")
        trade = self.trade if stop is None else self.trade.stopped_at(stop)
        if not targets:
            return replace(self, trade=trade)
        trade = replace(trade, take_profit_prices=targets)
        fractions = equal_fractions(len(targets))
        return replace(
            self,
            trade=trade,
            fractions=fractions,
            target_filled=(_ZERO,) * len(fractions),
            target_refusals=(0,) * len(fractions),
        )

    def filled(self, fill: Fill) -> "Ledger":
        """Book a fill; raise KeyError for an order that is not the plan's."""
        ref = self.ref(fill.order_id)
        if ref is None:
            raise KeyError(f"{fill.order_id} is not an order of plan {self.plan.order_id}")
        known = replace(ref, filled=ref.filled + fill.quantity)
        booked = replace(
            self,
            costs=self.costs + fill.fee + fill.slippage,
            orders=tuple(known if each is ref else each for each in self.orders),
        )
        if ref.role is Role.ENTRY:
            return booked._entered_with(fill)
        return booked._exited_with(fill, ref)

    def _entered_with(self, fill: Fill) -> "Ledger":
        entered = self.entered + fill.quantity
        value = self.entry_value + fill.quantity * fill.price
        booked = replace(self, entered=entered, entry_value=value)
        if booked.open_quantity <= 0:  # exits have overrun the entry: no trade is held
            return booked
        return replace(booked, trade=booked._trade_after(fill))

    def _trade_after(self, fill: Fill) -> Active:
        trade = self.trade
        if isinstance(trade, Active):
            price = self.entry_value / self.entered
            return replace(trade, entry_price=price, open_quantity=self.open_quantity)
        active = activate(
            trade,
            ts_event=fill.ts_event,
            price=self.entry_value / self.entered,
            quantity=self.open_quantity,
            stop=self.stop_price,
        )
        return replace(active, closing=bool(self.called_off))

    def _exited_with(self, fill: Fill, ref: OrderRef) -> "Ledger":
        exited = self.exited + fill.quantity
        left = self.entered - exited
        trade = self.trade
        if isinstance(trade, Active) and left > 0:
            trade = replace(trade, open_quantity=left)
        target_filled = self.target_filled
        if ref.role is Role.TARGET and ref.index < len(target_filled):
            target_filled = tuple(
                done + fill.quantity if index == ref.index else done
                for index, done in enumerate(target_filled)
            )
        return replace(
            self,
            exited=exited,
            exit_value=self.exit_value + fill.quantity * fill.price,
            trade=trade,
            target_filled=target_filled,
            last_exit=ref.role,
        )

    def ended(self, *, now_ns: int, entry_rejected: bool) -> Ended:
        """Close the ledger: how the plan ended, and what it earned before and in costs."""
        if self.entered == 0:
            outcome = Outcome.REJECTED if entry_rejected else Outcome.CANCELLED
            if self.called_off == EXPIRED:
                outcome = Outcome.EXPIRED
            reason = self.called_off or "the venue ended the entry"
            return Ended(plan=self.plan, outcome=outcome, ended_ns=now_ns, reason=reason)
        gross = self.plan.direction.sign * (self.exit_value - self.entry_value)
        return Ended(
            plan=self.plan,
            outcome=Outcome.CLOSED,
            ended_ns=now_ns,
            reason=self._end_reason(),
            entry_price=self.entry_value / self.entered,
            exit_price=self.exit_value / self.exited,
            quantity=self.entered,
            gross_pnl=gross,
            fees=self.costs,
        )

    def _end_reason(self) -> str:
        match self.last_exit:
            case Role.STOP:
                return "stop"
            case Role.TARGET:
                return "take profit"
            case _:
                return self.called_off or "closed"
