"""Keeps plans: books fills, tends orders, marks the equity."""

from collections.abc import Mapping
from decimal import Decimal
from functools import partial
from typing import Final, Protocol

from nautilus_trader.model import FundingRateUpdate, OrderFilled

from morningstar_strategy.book import Book, PlanStore
from morningstar_strategy.border import Border, Origin, crossing
from morningstar_strategy.border.codecs import MEMORY, PLAIN, TERMS
from morningstar_strategy.border.engine import Engine
from morningstar_strategy.border.seen import SeenHindrances, SeenStore
from morningstar_strategy.core.ledger import Ledger, Role
from morningstar_strategy.core.records import of_equity
from morningstar_strategy.core.risk import AccountRisk, account_risk
from morningstar_strategy.core.state import Active, Snapshot
from morningstar_strategy.faults import Faults, guarded
from morningstar_strategy.fills import of_funding
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.memory import MemoryStore, RiskWatch
from morningstar_strategy.orders import Orders
from morningstar_strategy.snapshot import Reader, Terms
from morningstar_strategy.strategy.booking import Booker
from morningstar_strategy.strategy.mandate import Mandate
from morningstar_strategy.strategy.telling import Event

__all__ = ["PlanKeeper", "Store"]

_SECOND: Final = 1_000_000_000


class Store(PlanStore, MemoryStore, Protocol):
    """Keeps what must survive a restart."""


class PlanKeeper(Booker):
    """Books what the venue says, keeps what is open protected, lets risk see the equity."""

    def __init__(
        self,
        *,
        mandate: Mandate,
        faults: Faults,
        store: Store | None = None,
        hindrances: Hindrances | None = None,
        border: Border | None = None,
    ) -> None:
        self.faults = faults
        self.border = border
        hindrances = Hindrances() if hindrances is None else hindrances
        if border is not None:
            store, hindrances = SeenStore(store, border), SeenHindrances(hindrances, border)
        self.hindrances = hindrances
        self._mandate = mandate
        self._terms: Mapping[str, Terms] = {}
        self._observe_due_ns = 0
        self._mark_due_ns = 0
        self._book = Book(store, self.hindrances)
        self._watch = RiskWatch(
            limits=mandate.risk, store=store, hindrances=self.hindrances, venue=mandate.shelf
        )
        self._level = AccountRisk.SAFE

    def _take_hold(self) -> None:
        """Take hold of the engine's parts; it has them from the start on."""
        engine, mandate = Engine.of(self, self.border), self._mandate
        learnt = self._learn()
        self._terms = {each.instrument_id.value: each for each in learnt}
        self._clock, self._cache = engine.clock, engine.cache
        self._reader = Reader(
            cache=engine.cache,
            portfolio=engine.portfolio,
            venue=mandate.venue,
            currency=mandate.currency,
        )
        self._orders = Orders(
            strategy=engine.hands,
            cache=engine.cache,
            factory=engine.factory,
            style=mandate.style,
            book=self._book,
        )
        for terms in learnt:
            self.subscribe_funding_rates(terms.instrument_id)

    def _learn(self) -> tuple[Terms, ...]:
        """Learn how the instruments trade, and what risk remembers."""
        learn = partial(self._mandate.traded.learn, self.cache)
        if self.border is None:
            return learn()
        self._watch.take_up(self.border.see("risk memory", lambda: self._watch.memory, MEMORY))
        return self.border.see("terms", learn, TERMS)

    @property
    def _is_faulty(self) -> bool:
        """Say whether anything of this node failed that must not fail."""
        if self.border is None:
            return bool(self.faults)
        return bool(self.border.see("fault", lambda: bool(self.faults), PLAIN))

    def _mark_last(self) -> None:
        """Let risk see the equity once more and mark it."""
        now_ns = self._clock.timestamp_ns()
        equity = self._see_equity(now_ns)
        if equity is not None:
            self._mark(now_ns, equity)

    # ------------------------------------------------------------ equity and halts

    def _observe(self, now_ns: int) -> None:
        """Let risk see the equity at its pace while something is held, and mark it when due."""
        pace = self._mandate.risk.observe_every_secs
        self._observe_due_ns = now_ns + pace * _SECOND
        due = now_ns >= self._mark_due_ns
        if not (self._orders.book or due):
            return
        equity = self._see_equity(now_ns)
        if equity is None:
            self._observe_due_ns = now_ns
        elif due:
            self._mark_due_ns = now_ns + self._mandate.equity_every_secs * _SECOND
            self._mark(now_ns, equity)
            self._orders.sweep(now_ns=now_ns)

    def _see_equity(self, now_ns: int) -> Decimal | None:
        """Let risk see the equity, None where it is unknown for want of a price."""
        if not self._reader.is_priced():
            return None
        equity = self._reader.equity()
        self._watch.see(equity, now_ns=now_ns)
        halted = self._watch.news()
        if halted is not None:
            self._say(now_ns, "", "halted" if halted else "released", halted)
            self.log.warning(f"No new risk: {halted}" if halted else "New risk is allowed again")
        return equity

    def _mark(self, now_ns: int, equity: Decimal) -> None:
        exposure, risk = self._reader.exposure(self._terms), self._account_risk(now_ns)
        drawdown = self._watch.memory.drawdown(equity)
        told = of_equity(
            ts_event=now_ns,
            equity=equity,
            balance=self._reader.balance(),
            exposure=exposure,
            drawdown=drawdown,
            risk=risk,
        )
        self._record(told)
        if risk is not self._level:
            self._level = risk
            self._say(now_ns, "", f"risk {risk.value}", f"drawdown {drawdown:.2%} of the peak")

    def _account_risk(self, now_ns: int) -> AccountRisk:
        now = self._any_snapshot(now_ns)
        if now is None:
            return AccountRisk.SAFE
        return account_risk(now, self._mandate.risk, self._watch.memory)

    def _any_snapshot(self, now_ns: int) -> Snapshot | None:
        """Freeze the account as any instrument sees it, None before the first price."""
        terms, book = self._terms, self._orders.book
        for name in terms:
            now = self._reader.snapshot(name, now_ns=now_ns, terms=terms, ledgers=book)
            if now is not None:
                return now
        return None

    # ------------------------------------------------------------ what the venue says

    @guarded
    @crossing(Origin.HEARD)
    def on_order_filled(self, event: OrderFilled) -> None:
        """Book a fill and see that what is open is protected."""
        name = event.instrument_id.value
        ledger = self._orders.book.get(name)
        ref = None if ledger is None else ledger.ref(event.client_order_id.value)
        if ledger is None or ref is None:
            self._refuse_stray_fill(event)
            return
        booked = self._book_fill(event, ref, self._terms[name].base_of(event.last_qty))
        if self._can_wait(booked, ref.role):
            self._orders.restless.add(name)
        else:
            self._tend(name)

    def _can_wait(self, ledger: Ledger, role: Role) -> bool:
        """Leave a partial exit to the next bar where the venue cuts the other exits itself."""
        stays = role is not Role.ENTRY and not ledger.called_off
        return stays and ledger.open_quantity > 0 and self._mandate.style.shrinks_exits

    def _refuse_stray_fill(self, event: OrderFilled) -> None:
        """Close a fill that belongs to no open plan: nothing may stay unprotected."""
        name, order_id = event.instrument_id.value, event.client_order_id.value
        self.log.warning(f"Fill of {order_id} on {name} belongs to no open plan: closing it")
        self._say(event.ts_event, name, "stray fill", order_id)
        self._book_stray(event, self._terms[name].base_of(event.last_qty))
        self._even_out(name)
        self._tend(name)

    @guarded
    @crossing(Origin.HEARD)
    def on_order_accepted(self, event: Event) -> None:
        """Go on with what waited for the venue's word."""
        self._tell_order(event, "accepted", "")
        ledger = self._orders.book.get(event.instrument_id.value)
        if ledger is not None and isinstance(ledger.trade, Active):
            self._tend(event.instrument_id.value)

    @guarded
    @crossing(Origin.HEARD)
    def on_order_updated(self, event: Event) -> None:
        """Take notice; the next bar looks whether more is to be changed."""
        self._tell_order(event, "updated", "")

    @guarded
    @crossing(Origin.HEARD)
    def on_order_canceled(self, event: Event) -> None:
        """Replace what must not be missing."""
        self._tell_order(event, "canceled", "")
        self._tend(event.instrument_id.value)

    @guarded
    @crossing(Origin.HEARD)
    def on_order_expired(self, event: Event) -> None:
        """Replace what must not be missing."""
        self._tell_order(event, "expired", "")
        self._tend(event.instrument_id.value)

    @guarded
    @crossing(Origin.HEARD)
    def on_order_modify_rejected(self, event: Event) -> None:
        """Put a second stop where the venue will not enlarge the first."""
        name = event.instrument_id.value
        role = self._tell_order(event, "modify rejected", f"{event.reason}")
        if role is Role.STOP:
            self._orders.book[name] = self._orders.book[name].fixing_stop()
            self._tend(name)

    @guarded
    @crossing(Origin.HEARD)
    def on_order_cancel_rejected(self, event: Event) -> None:
        """Leave the order as it stands; the next bar tries again."""
        self._tell_order(event, "cancel rejected", f"{event.reason}")

    @guarded
    @crossing(Origin.HEARD)
    def on_order_rejected(self, event: Event) -> None:
        """Close at market where the venue refused the only stop, or one that was passed."""
        self._after_refusal(event, "rejected")

    @guarded
    @crossing(Origin.HEARD)
    def on_order_denied(self, event: Event) -> None:
        """Close at market where the engine refused a stop."""
        self._after_refusal(event, "denied")

    def _after_refusal(self, event: Event, word: str) -> None:
        name = event.instrument_id.value
        role = self._tell_order(event, word, f"{event.reason}")
        if role is Role.STOP:
            if self._orders.has_stop_beside(
                name, event.client_order_id.value
            ) and not self._is_stopped(name):
                self._orders.restless.add(name)  # the other one covers it until the next bar
                return
            self._orders.book[name] = self._orders.book[name].refusing_stop()
        if role is Role.TARGET:
            self._count_refusal(name, event)
        ledger = self._orders.book.get(name)
        held = ledger is not None and ledger.open_quantity > 0
        if held and role in (Role.CLOSE, Role.TARGET):
            self._orders.restless.add(name)  # at once it would be refused again, without end
            self._notice_if_gone(name, event.ts_event)
        else:
            self._tend(name)

    def _is_stopped(self, name: str) -> bool:
        """Say whether the last bar closed at the stop or beyond it."""
        priced = self._reader.price(self._terms[name])
        return priced is not None and self._orders.book[name].is_stopped_at(priced[0])

    def _count_refusal(self, name: str, event: Event) -> None:
        """Give a take profit up that is refused again and again; the stop still covers it."""
        ledger = self._orders.book[name]
        ref = ledger.ref(event.client_order_id.value)
        if ref is None:
            return
        booked = self._orders.book[name] = ledger.refusing_target(ref.index)
        if booked.gives_up(ref.index) and not ledger.gives_up(ref.index):
            self.log.warning(f"A take profit of {name} is given up: {event.reason}")
            self._say(event.ts_event, name, "take profit given up", f"{event.reason}")

    def _notice_if_gone(self, name: str, ts_event: int) -> None:
        """End a plan whose position has gone without a fill of ours; nothing could close it."""
        terms = self._terms[name]
        priced = self._reader.price(terms)
        if priced is None or self._reader.net_quantity(terms) != 0:
            return
        self._orders.book[name] = self._orders.book[name].vanished(priced[0])
        self._say(ts_event, name, "position vanished", name)
        self._tend(name)

    def _tend(self, name: str) -> None:
        if name in self._orders.book:
            self._orders.tend(self._terms[name])
            self._settle(name)

    def _settle(self, name: str) -> None:
        """End a plan of which nothing is left."""
        ledger = self._orders.book.get(name)
        if ledger is None or not self._orders.is_over(ledger):
            return
        now_ns = self._clock.timestamp_ns()
        ended = ledger.ended(now_ns=now_ns, entry_rejected=self._orders.entry_was_refused(ledger))
        self._orders.forget(name, ended, now_ns=now_ns)
        self._tell_plan(ended, ts_event=now_ns)
        cooldown_ns = self._mandate.decision.cooldown_secs * _SECOND
        if ledger.last_exit is Role.STOP and cooldown_ns:
            self._watch.rest(name, until_ns=now_ns + cooldown_ns, now_ns=now_ns)
        self._see_equity(now_ns)
        if ledger.open_quantity < 0:
            self._even_out(name)

    @guarded
    @crossing(Origin.HEARD)
    def on_funding_rate(self, funding_rate: FundingRateUpdate) -> None:
        """Record what the position pays or receives at a settlement."""
        name = funding_rate.instrument_id.value
        terms = self._terms[name]
        quantity, priced = self._reader.net_quantity(terms), self._reader.price(terms)
        settles = funding_rate.next_funding_ns == funding_rate.ts_event
        if quantity and priced is not None and settles:
            self._record(of_funding(funding_rate, quantity=quantity, price=priced[0]))
