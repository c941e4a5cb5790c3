"""An account under any sequence of approved commands, fills, rejects, cancels and price moves.

Price drift is defined here: for each quantity that counted when the last plan was approved, what
the market price (slipped, while a market entry works) has risen since above the price it counted
at: the market price of what was open, the worst price of a working entry. Exposure never exceeds
its cap by more than the sum of those. A market entry that fills worse than the slippage it was
approved with likewise loses that much more than its budget at the stop, and nothing beyond.
"""

from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Final

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    PlanTrade,
    TradeSetup,
)
from morningstar_strategy.core.limits import RiskLimits, RiskMemory, remember, reset
from morningstar_strategy.core.risk import Approved, Denied, rule_on
from morningstar_strategy.core.rules import worst_notional, worst_price
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
from tests.property.strategies import (
    DAY_NS,
    NAMES,
    NOW_NS,
    Shape,
    equities,
    markets,
    risk_limits,
    shapes,
)

_ZERO: Final = Decimal(0)
_PLACES: Final = st.integers(0, len(NAMES) - 1)
_SHARES: Final = st.integers(1, 10)
_LIMITS: Final = st.tuples(risk_limits(), st.integers(5, 60), st.integers(1, 10)).map(
    lambda drawn: replace(  # tight enough to bind, with few plans
        drawn[0],
        max_exposure_percent=Decimal(drawn[1]),
        max_drawdown_percent=Decimal(drawn[2]),
        max_position_percent=Decimal(drawn[1]) / 2,
        max_risk_percent=Decimal(drawn[2]),
        warn_drawdown_percent=Decimal(1),
        max_order_notional=Decimal(10**7),
    )
)
_SHAPES: Final = st.lists(shapes(), min_size=len(NAMES), max_size=len(NAMES))
_MOVES: Final = st.lists(
    st.integers(-80, 80) | st.just(0), min_size=len(NAMES), max_size=len(NAMES)
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Book:
    """One plan at the venue: what of its entry works, what is open, and what it has earned.

    `cash` is what fills have paid and received, fees included; `equity` and `price` (the fill's)
    are those it was approved with; `drifted` what its fills have cost beyond that price.
    """

    plan: Plan
    working: Decimal
    open: Decimal
    stop: Decimal
    equity: Decimal
    price: Decimal
    cash: Decimal = _ZERO
    drifted: Decimal = _ZERO

    @property
    def sign(self) -> int:
        """Give +1 for a long and -1 for a short."""
        return self.plan.direction.sign

    def traded(self, quantity: Decimal, price: Decimal, fee: Decimal) -> Decimal:
        """Give the cash after buying (negative: selling) so much in the plan's direction."""
        return self.cash - self.sign * quantity * price - abs(quantity) * price * fee

    def worth(self, price: Decimal) -> Decimal:
        """Give cash and open position at this price."""
        return self.cash + self.sign * self.open * price

    def parts(self, market: Market) -> list[tuple[Decimal, Decimal]]:
        """List (quantity, price it counts at) of what is open and of what works."""
        setup = self.plan.setup
        return [(self.open, market.price), (self.working, worst_price(setup, market))]

    def trade(self, market: Market) -> Trade:
        """Give what the gate may see of it."""
        if not self.open:
            return Pending(plan=self.plan)
        return Active(
            plan=self.plan,
            opened_ns=NOW_NS,
            entry_price=market.price,
            open_quantity=self.open,
            stop_loss_price=self.stop,
            take_profit_prices=self.plan.setup.take_profit_prices,
        )


def _fill_price(setup: TradeSetup, market: Market) -> Decimal:
    """Give the limit, or the market price slipped against us."""
    if setup.entry_price is not None:
        return setup.entry_price
    return market.price * (1 + setup.direction.sign * market.slippage)


type Counted = dict[int, list[tuple[Decimal, Decimal]]]


class Account(RuleBasedStateMachine):
    """Drive the gate as a strategy would, and a venue as badly as one behaves."""

    @initialize(
        found=st.tuples(*(markets(name=name, finest_tick=-3) for name in NAMES)),
        equity=equities(),
        limits=_LIMITS,
    )
    def opens(self, found: tuple[Market, ...], equity: Decimal, limits: RiskLimits) -> None:
        self.markets = list(found)
        self.banked = equity
        self.limits = limits
        self.memory = RiskMemory()
        self.books: dict[int, Book] = {}
        self.now_ns = NOW_NS
        self.count = 0
        self.caps: dict[str, tuple[Fraction, Counted]] = {}
        self._notice()

    @property
    def equity(self) -> Decimal:
        worths = (book.worth(self.markets[at].price) for at, book in self.books.items())
        return self.banked + sum(worths, _ZERO)

    def _notice(self) -> None:
        self.memory = remember(
            self.memory, equity=self.equity, now_ns=self.now_ns, limits=self.limits
        )

    def _now(self, place: int) -> Snapshot:
        market = replace(self.markets[place], ts_price=self.now_ns)
        held = []
        for at, book in self.books.items():
            there = self.markets[at]
            notional = book.open * there.price
            notional += worst_notional(book.plan.setup, book.working, there)
            held.append(
                Holding(
                    instrument_id=NAMES[at],
                    direction=book.plan.direction,
                    notional=notional,
                    unrealized=book.worth(there.price),
                )
            )
        book_here = self.books.get(place)
        return Snapshot(
            ts_event=self.now_ns,
            equity=self.equity,
            market=market,
            trade=Flat() if book_here is None else book_here.trade(market),
            holdings=tuple(held),
        )

    def _counted(self) -> Counted:
        return {at: book.parts(self.markets[at]) for at, book in self.books.items()}

    @rule(place=_PLACES, shape=shapes())
    def plans(self, place: int, shape: Shape) -> None:
        setup = shape.on(self.markets[place])
        now = self._now(place)
        ruling = rule_on(PlanTrade(trade_setup=setup), now, self.limits, self.memory)
        if isinstance(ruling, Denied):
            return
        assert isinstance(ruling.command, PlanTrade)
        assert place not in self.books
        self.count += 1
        plan = Plan(
            order_id=f"P-{self.count}",
            setup=ruling.command.trade_setup,
            quantity=ruling.quantity,
            planned_ns=self.now_ns,
            reason="drawn",
        )
        self.books[place] = Book(
            plan=plan,
            working=ruling.quantity,
            open=_ZERO,
            stop=plan.setup.stop_loss_price,
            equity=now.equity,
            price=_fill_price(plan.setup, now.market),
        )
        self._remember_caps(place, now.equity)

    @rule(drawn=_SHAPES)
    def plans_everywhere(self, drawn: list[Shape]) -> None:
        for place, shape in enumerate(drawn):
            self.plans(place, shape)

    def _remember_caps(self, place: int, equity: Decimal) -> None:
        whole, counted = Fraction(equity) / 100, self._counted()
        direction = self.books[place].plan.direction
        same = {at: c for at, c in counted.items() if self.books[at].plan.direction is direction}
        self.caps["all"] = (whole * Fraction(self.limits.max_exposure_percent), counted)
        self.caps[NAMES[place]] = (
            min(
                whole * Fraction(self.limits.max_position_percent),
                Fraction(self.limits.max_order_notional),
            ),
            {place: counted[place]},
        )
        if not self.limits.correlated:
            self.caps[direction] = (whole * Fraction(self.limits.max_correlated_percent), same)

    @precondition(lambda self: self.books)
    @rule(which=_PLACES)
    def calls_off(self, which: int) -> None:
        place = list(self.books)[which % len(self.books)]
        now = self._now(place)
        unknown = f"P-{self.count + 1}"
        for stranger in (
            CancelOrder(order_id=unknown),
            AdjustTrade(order_id=unknown, new_stop_loss_price=Decimal(1)),
        ):
            assert isinstance(rule_on(stranger, now, self.limits, self.memory), Denied)
        command = CancelOrder(order_id=self.books[place].plan.order_id)
        assert rule_on(command, now, self.limits, self.memory) == Approved(command=command)
        self._leave(place, self.books[place].open, now.market.price)
        self._drop_entry(place)

    @precondition(lambda self: any(book.open for book in self.books.values()))
    @rule(which=_PLACES, share=_SHARES)
    def tightens_a_stop(self, which: int, share: int) -> None:
        held = [at for at, book in self.books.items() if book.open]
        place = held[which % len(held)]
        book, market = self.books[place], self.markets[place]
        room = book.sign * (market.price - book.stop) // market.tick - 1
        if room < 0:
            return
        stop = book.stop + book.sign * (room * share // 10) * market.tick
        command = AdjustTrade(order_id=book.plan.order_id, new_stop_loss_price=stop)
        ruling = rule_on(command, self._now(place), self.limits, self.memory)
        assert ruling == Approved(command=command)
        self.books[place] = replace(book, stop=stop)

    @rule()
    def a_person_resets(self) -> None:
        if self.memory.halted and self.equity > 0:
            self.memory = reset(self.memory, operator="Ada", equity=self.equity)

    @precondition(lambda self: any(book.working for book in self.books.values()))
    @rule(which=_PLACES, share=_SHARES)
    def fills_a_part(self, which: int, share: int) -> None:
        waiting = [at for at, book in self.books.items() if book.working]
        self._fill(waiting[which % len(waiting)], share)

    @precondition(lambda self: any(book.working for book in self.books.values()))
    @rule(share=st.sampled_from((10, 5)))
    def fills_everything(self, share: int) -> None:
        for place in [at for at, book in self.books.items() if book.working]:
            self._fill(place, share)

    def _fill(self, place: int, share: int) -> None:
        book, market = self.books[place], self.markets[place]
        price = _fill_price(book.plan.setup, market)
        if book.plan.setup.entry_price is not None and book.sign * (price - market.price) < 0:
            return  # the market has not come to the limit
        worse = max(book.sign * (price - book.price), _ZERO)
        lots = book.working // market.lot
        quantity = max(lots * share // 10, Decimal(1)) * market.lot
        self.books[place] = replace(
            book,
            working=book.working - quantity,
            open=book.open + quantity,
            cash=book.traded(quantity, price, market.taker_fee),
            drifted=book.drifted + quantity * worse * (1 + market.taker_fee),
        )
        self._notice()

    @precondition(lambda self: any(book.working for book in self.books.values()))
    @rule(which=_PLACES)
    def rejects_what_works(self, which: int) -> None:
        waiting = [at for at, book in self.books.items() if book.working]
        self._drop_entry(waiting[which % len(waiting)])

    @precondition(lambda self: any(book.open for book in self.books.values()))
    @rule(which=_PLACES, share=_SHARES)
    def takes_a_profit(self, which: int, share: int) -> None:
        held = [at for at, book in self.books.items() if book.open]
        place = held[which % len(held)]
        book, market = self.books[place], self.markets[place]
        lots = max(book.open // market.lot * share // 10, Decimal(1))
        self._leave(place, lots * market.lot, market.price)

    @precondition(lambda self: any(book.open for book in self.books.values()))
    @rule(which=_PLACES)
    def hits_a_stop_where_it_stands(self, which: int) -> None:
        """The whole plan has then lost no more than its budget, but for the drift of its fills."""
        held = [at for at, book in self.books.items() if book.open]
        place = held[which % len(held)]
        book, market = self.books[place], self.markets[place]
        price = book.stop * (1 - book.sign * market.slippage)
        lost = -book.traded(-book.open, price, market.taker_fee)
        budget = book.equity * self.limits.max_risk_percent / 100
        assert lost <= budget + book.drifted
        self.markets[place] = replace(market, price=book.stop)
        self._leave(place, book.open, price)

    @rule(permilles=_MOVES)
    def moves_prices(self, permilles: list[int]) -> None:
        for place, permille in enumerate(permilles):
            self._move(place, permille)

    @precondition(lambda self: any(book.open for book in self.books.values()))
    @rule(permille=st.sampled_from((-300, -100, -50, 50, 100, 300)))
    def gaps_everywhere(self, permille: int) -> None:
        for place in range(len(NAMES)):
            self._move(place, permille)

    def _move(self, place: int, permille: int) -> None:
        market = self.markets[place]
        ticks = market.price * (1_000 + permille) / 1_000 // market.tick
        self.markets[place] = replace(market, price=max(ticks, Decimal(1)) * market.tick)
        book = self.books.get(place)
        price = self.markets[place].price
        if book is not None and book.open and book.sign * (price - book.stop) <= 0:
            self._leave(place, book.open, price * (1 - book.sign * market.slippage))
        self._notice()

    @rule(hours=st.integers(1, 30))
    def passes_time(self, hours: int) -> None:
        self.now_ns += hours * DAY_NS // 24
        self._notice()

    def _leave(self, place: int, quantity: Decimal, price: Decimal) -> None:
        book, fee = self.books[place], self.markets[place].taker_fee
        cash = book.traded(-quantity, price, fee)
        self.books[place] = replace(book, open=book.open - quantity, cash=cash)
        self._forget_where_over(place)

    def _drop_entry(self, place: int) -> None:
        if place in self.books:
            self.books[place] = replace(self.books[place], working=_ZERO)
            self._forget_where_over(place)

    def _forget_where_over(self, place: int) -> None:
        book = self.books[place]
        if not book.open and not book.working:
            self.banked += book.cash
            del self.books[place]
        self._notice()

    # ------------------------------------------------------------ the promise

    @invariant()
    def exposure_exceeds_no_cap_by_more_than_the_drift_since_approval(self) -> None:
        for name, (cap, counted) in self.caps.items():
            places = [
                at
                for at, book in self.books.items()
                if name in ("all", NAMES[at], book.plan.direction)
            ]
            exposure = drift = Fraction(0)
            for at in places:
                market = self.markets[at]
                price = Fraction(market.price)
                if self.books[at].working and self.books[at].plan.setup.entry_price is None:
                    price *= 1 + Fraction(market.slippage)
                for quantity, counts_at in self.books[at].parts(market):
                    exposure += Fraction(quantity) * Fraction(counts_at)
                for quantity, counted_at in counted.get(at, []):
                    drift += Fraction(quantity) * max(price - Fraction(counted_at), Fraction(0))
            assert exposure <= cap + drift, f"{name}: {float(exposure)} > {float(cap + drift)}"

    @invariant()
    def no_more_plans_are_open_than_allowed(self) -> None:
        assert len(self.books) <= self.limits.max_open_plans

    @invariant()
    def a_drawdown_halts(self) -> None:
        lost = self.memory.peak_equity - self.equity
        if lost * 100 > self.memory.peak_equity * self.limits.max_drawdown_percent:
            assert self.memory.halted


TestAccount = Account.TestCase
TestAccount.settings = settings(settings.default, stateful_step_count=12)
