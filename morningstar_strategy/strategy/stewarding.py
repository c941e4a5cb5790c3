"""What a guard and a person may ask of a strategy: to protect, to halt, to close, to go on."""

from decimal import Decimal
from typing import Any

from morningstar_strategy.border import Origin, crossing
from morningstar_strategy.core.limits import reset
from morningstar_strategy.core.risk import endangered
from morningstar_strategy.core.state import Pending
from morningstar_strategy.faults import guarded
from morningstar_strategy.strategy.mandate import AtStop
from morningstar_strategy.strategy.recovering import Recoverer

__all__ = ["Steward"]

_ACCOUNT_NS = 2_000_000_000  # the venue tells of the balance after the fill


class Steward(Recoverer):
    """Answers for what is open; every method is for the engine's thread, after the start."""

    @property
    def names(self) -> tuple[str, ...]:
        """Give the instruments it answers for."""
        return tuple(self._terms)

    def exposed(self, name: str) -> Decimal:
        """Give what is held of an instrument without a working stop, in base units."""
        return self._orders.exposed(self._terms[name])

    @crossing(Origin.HEARD)
    def protect(self, name: str) -> None:
        """Bring position and orders of an instrument to what they should be."""
        self._protect(name)

    def _protect(self, name: str) -> None:
        self._even_out(name)
        self._tend(name)

    @crossing(Origin.HEARD)
    def close(self, name: str, reason: str) -> None:
        """Close what is held of an instrument, whatever it takes."""
        self._close(name, reason)

    def _close(self, name: str, reason: str) -> None:
        ledger = self._book.get(name)
        try:
            if ledger is not None:
                self._book[name] = ledger.calling_off(reason)
            self._protect(name)
        finally:
            # Also where our own books are what is broken
            terms = self._terms[name]
            if self._orders.held(terms) and name not in self._book and not self._closing(name):
                self._orders.flatten(terms)

    @guarded
    def on_stop(self) -> None:
        """Stop trading."""
        self.end()

    @crossing(Origin.MADE)
    def end(self) -> None:
        """Take the last mark of the equity, and do with what is open as the mandate says."""
        self._mark_last()
        if self._mandate.at_stop is AtStop.FLATTEN and self.leftovers():
            for ledger in self._book.values():  # no event of the close comes here any more
                self._orders.cancel_exits(ledger)
        self._wind_down()

    @crossing(Origin.HEARD)
    def wind_down(self) -> None:
        """Do with what is open as the mandate says of a node that stops; may be done again."""
        self._wind_down()

    def _wind_down(self) -> None:
        match self._mandate.at_stop:
            case AtStop.KEEP:
                self._take_back_entries("the node stops")
            case AtStop.FLATTEN:
                self._close_all("the node stops")
            case AtStop.LEAVE:
                pass

    @property
    def is_wound_down(self) -> bool:
        """Say whether what `wind_down` wants is so."""
        if self._clock.timestamp_ns() - self._filled_ns < _ACCOUNT_NS:
            return False
        if self._mandate.at_stop is AtStop.FLATTEN:
            return not self.leftovers()
        waiting = (self._orders.has_entry_left(ledger) for ledger in self._book.values())
        return not (any(waiting) or any(self.exposed(name) for name in self.names))

    def keep(self) -> None:
        """Bring to the store what it could not take before."""
        if self._book.is_owing or self._watch.is_owing:
            self.settle()

    @crossing(Origin.HEARD)
    def settle(self) -> None:
        """Try to keep what is not on disk yet."""
        self._book.settle()
        self._watch.settle()

    def look_again(self) -> None:
        """Ask the venue for the account: fills and balances that nobody heard of are told."""
        account_id = self._cache.account_id(self._mandate.venue)
        if account_id is not None:
            self.query_account(account_id)

    # ------------------------------------------------------------ what a person asks

    @crossing(Origin.HEARD)
    def halt(self, reason: str, *, flatten: bool) -> None:
        """Latch a halt, take back entries, and close everything where that is asked."""
        self._watch.halt(reason)
        self._tell_halt()
        if flatten:
            self._close_all(reason)
        else:
            self._take_back_entries(reason)

    def keeps_from_lifting(self, *, operator: str) -> str:
        """Say why `lift` would raise, "" where it would not; nothing is changed."""
        if not self._reader.is_priced():
            return "equity is unknown until every instrument that is held has a price"
        try:
            reset(self._watch.memory, operator=operator, equity=self._reader.equity())
        except ValueError as e:
            return f"{e}"
        return ""

    @crossing(Origin.HEARD)
    def lift(self, *, operator: str) -> str:
        """Lift every halt in the name of a person; say what was reset.

        Raises ValueError without a name, or while the equity is not a positive number.
        """
        if reason := self.keeps_from_lifting(operator=operator):
            raise ValueError(reason)
        before, equity = self._watch.memory, self._reader.equity()
        self._watch.resume(operator=operator, equity=equity)
        self._tell_halt()
        lifted = before.halted or before.day_halted or "nothing was halted"
        return (
            f"lifted: {lifted}; drawdown and daily loss count from {equity:f} "
            f"(peak was {before.peak_equity:f}, the day began with {before.day_equity:f})"
        )

    @property
    def halted(self) -> str:
        """Say why no new risk is taken by a latched halt, "" where it is."""
        return self._watch.memory.halted or self._watch.memory.day_halted

    def danger(self) -> str:
        """Say why the account's money is in danger now, whatever was halted; "" where it is not.

        Nothing that is held is nothing to save. Risk takes notice of what is found.
        """
        if not any(self._orders.held(terms) for terms in self._terms.values()):
            return ""
        now_ns = self._clock.timestamp_ns()
        now = self._any_snapshot(now_ns)
        reason = "" if now is None else endangered(now, self._mandate.risk, self._watch.memory)
        if reason:
            self.heed_danger()
        return reason

    @crossing(Origin.HEARD)
    def heed_danger(self) -> None:
        """Let risk see the equity now."""
        self._see_equity(self._clock.timestamp_ns())

    def leftovers(self) -> tuple[str, ...]:
        """Name every position and working order that the engine knows of these instruments."""
        found = []
        for name, terms in self._terms.items():
            if net := self._orders.held(terms):
                found.append(f"position {net} {name}")
            found += [
                f"order {order.client_order_id} {name}" for order in self._orders.alive(terms)
            ]
        return tuple(found)

    def standing(self) -> dict[str, Any]:
        """Give plans and account as JSON values, for whoever looks from outside."""
        return {
            "equity": f"{self._reader.equity():f}" if self._reader.is_priced() else None,
            "halted": self.halted,
            "risk": self._account_risk(self._clock.timestamp_ns()).value,
            "hindrances": dict(self.hindrances.known),
            "exposed": {n: f"{q:f}" for n in self.names if (q := self.exposed(n)) > 0},
            "plans": {
                name: {
                    "order_id": ledger.plan.order_id,
                    "state": type(ledger.trade).__name__.upper(),
                    "direction": ledger.plan.direction.value,
                    "open_quantity": f"{ledger.open_quantity:f}",
                    "stop": f"{ledger.stop_price:f}",
                }
                for name, ledger in self._book.items()
            },
            "leftovers": list(self.leftovers()),
        }

    def _take_back_entries(self, reason: str) -> None:
        for name, ledger in list(self._book.items()):
            if isinstance(ledger.trade, Pending):
                self._book[name] = ledger.calling_off(reason)
                self._tend(name)
            else:
                self._orders.cancel_entry(ledger)

    def _close_all(self, reason: str) -> None:
        for name in self.names:
            self._close(name, reason)

    def _tell_halt(self) -> None:
        self._see_equity(self._clock.timestamp_ns())
