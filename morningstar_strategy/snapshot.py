"""The only reader of engine state: freezes what a decision may look at."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from nautilus_trader.common import Cache
from nautilus_trader.model import (
    BarType,
    ClientOrderId,
    Currency,
    InstrumentId,
    Money,
    Quantity,
    Venue,
)
from nautilus_trader.portfolio import Portfolio

from morningstar_strategy.core.commands import Direction, DoNothing, TradeCommand
from morningstar_strategy.core.decision import decide, is_idle, round_trip_cost
from morningstar_strategy.core.ledger import Ledger
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Assessment, Review, Verdict
from morningstar_strategy.core.risk import Approved, Denied, rule_on
from morningstar_strategy.core.state import Flat, Holding, Market, Snapshot

# `Any` in this module: the engine's quantities, which its stubs give several types

_CONFIRMED: Final = Review(verdict=Verdict.CONFIRMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """How one instrument trades at its venue; fees and slippage are fractions of notional.

    `lot` and `min_quantity` are in base coins, as all our quantities are: the engine and the venue
    count in contracts of `contract` base coins each.
    """

    instrument_id: InstrumentId
    bar_type: BarType
    price_precision: int
    size_precision: int
    tick: Decimal
    lot: Decimal
    min_quantity: Decimal
    min_notional: Decimal
    maker_fee: Decimal
    taker_fee: Decimal
    slippage: Decimal
    can_short: bool
    quote_currency: str
    contract: Decimal = Decimal(1)

    def base_of(self, quantity: Quantity) -> Decimal:
        """Give a quantity of the engine in base coins."""
        return quantity.as_decimal() * self.contract

    def market(self, price: Decimal, ts_price: int) -> Market:
        """Give the instrument as it trades at this price."""
        return Market(
            instrument_id=self.instrument_id.value,
            price=price,
            ts_price=ts_price,
            tick=self.tick,
            lot=self.lot,
            min_quantity=self.min_quantity,
            min_notional=self.min_notional,
            maker_fee=self.maker_fee,
            taker_fee=self.taker_fee,
            slippage=self.slippage,
            can_short=self.can_short,
        )


class Reader:
    """Looks at the engine's cache and portfolio; keeps nothing of what it saw but the terms."""

    def __init__(
        self, *, cache: Cache, portfolio: Portfolio, venue: Venue, currency: Currency
    ) -> None:
        self._cache = cache
        self._portfolio = portfolio
        self._venue = venue
        self._currency = currency
        self._markets: dict[InstrumentId, Market] = {}  # as each traded at some time

    def equity(self) -> Decimal:
        """Give the account's balance with unrealized results, in account currency.

        The portfolio's own equity is some seconds old on a live node: measured.
        """
        return self.balance() + self.unrealized()

    def balance(self) -> Decimal:
        """Give the account's balance without unrealized results, in account currency."""
        account = self._portfolio.account(self._venue)
        money = None if account is None else account.balance_total(self._currency)
        return Decimal(0) if money is None else money.as_decimal()

    def unrealized(self) -> Decimal:
        """Give the unrealized result of all positions, in account currency."""
        money: Money | None = self._portfolio.unrealized_pnls(self._venue).get(self._currency)
        return Decimal(0) if money is None else money.as_decimal()

    def is_priced(self) -> bool:
        """Say whether all that is held has a price; after a restart it has none before a trade.

        Until then the equity would be told without the unrealized results.
        """
        try:
            self._portfolio.unrealized_pnls(self._venue)
        except RuntimeError:  # the engine's word for a price that is missing
            return False
        return True

    def price(self, terms: Terms) -> tuple[Decimal, int] | None:
        """Give the last bar's close and its time, None before the first bar."""
        bar = self._cache.bar(terms.bar_type)
        return None if bar is None else (bar.close.as_decimal(), bar.ts_event)

    def is_trading(self, terms: Terms) -> bool:
        """Say whether anything was traded in the last bar; a price without volume is no price."""
        bar = self._cache.bar(terms.bar_type)
        return bar is not None and bar.volume.as_double() > 0.0

    def net_quantity(self, terms: Terms) -> Decimal:
        """Give the signed net position in base units."""
        return self._portfolio.net_position(terms.instrument_id) * terms.contract

    def snapshot(
        self,
        instrument_id: str,
        *,
        now_ns: int,
        terms: Mapping[str, Terms],
        ledgers: Mapping[str, Ledger],
    ) -> Snapshot | None:
        """Freeze the account as one instrument's decision sees it; None without all prices."""
        priced = self.price(terms[instrument_id])
        if priced is None or not self.is_priced():
            return None
        ledger, known = ledgers.get(instrument_id), {instrument_id: priced}
        return Snapshot(
            ts_event=now_ns,
            equity=self.equity(),
            market=self._market(terms[instrument_id], *priced),
            trade=Flat() if ledger is None else ledger.trade,
            holdings=tuple(
                holding
                for name, term in terms.items()
                if (holding := self._holding(term, ledgers.get(name), known.get(name))) is not None
            ),
        )

    def _market(self, terms: Terms, price: Decimal, ts_price: int) -> Market:
        known = self._markets.get(terms.instrument_id)
        if known is None:
            known = self._markets[terms.instrument_id] = terms.market(price, ts_price)
            return known
        return known.at(price, ts_price)

    def exposure(self, terms: Mapping[str, Terms]) -> dict[str, Decimal]:
        """Give the signed notional of every instrument that is held."""
        found: dict[str, Decimal] = {}
        for name, term in terms.items():
            quantity = self.net_quantity(term)
            priced = self.price(term) if quantity else None
            if priced is not None:
                found[name] = quantity * priced[0]
        return found

    def _holding(
        self, terms: Terms, ledger: Ledger | None, priced: tuple[Decimal, int] | None
    ) -> Holding | None:
        """Give position and working entry at their worst-case notional."""
        quantity = self.net_quantity(terms)
        if ledger is None and quantity == 0:
            return None
        priced = priced or self.price(terms)
        if priced is None:
            return None
        notional = abs(quantity) * priced[0]
        direction = Direction.LONG if quantity > 0 else Direction.SHORT
        if ledger is not None:
            direction = ledger.plan.direction
            notional += self._working_entry(ledger, priced[0], terms)
        money = self._portfolio.unrealized_pnl(terms.instrument_id) if quantity else None
        return Holding(
            instrument_id=terms.instrument_id.value,
            direction=direction,
            notional=notional,
            unrealized=Decimal(0) if money is None else money.as_decimal(),
        )

    def _working_entry(self, ledger: Ledger, price: Decimal, terms: Terms) -> Decimal:
        """Give what the entry may still add; one being cancelled can fill until it is closed."""
        entry = self._cache.order(ClientOrderId(ledger.plan.order_id))
        if entry is not None and entry.is_closed:
            return Decimal(0)
        left = max(ledger.plan.quantity - ledger.entered, Decimal(0))
        limit = ledger.plan.setup.entry_price
        worst = price * (1 + terms.slippage) if limit is None else max(limit, price)
        return left * worst


@dataclass(frozen=True, slots=True, kw_only=True)
class Glimpse:
    """What a strategy sees of one instrument, and what it would do there by itself.

    `halted` says why no new risk is taken, "" where it is.
    """

    snapshot: Snapshot
    would: TradeCommand
    halted: str


class Window:
    """Shows beforehand what a strategy sees and would do; looking changes nothing."""

    def __init__(
        self,
        *,
        reader: Reader,
        terms: Mapping[str, Terms],
        ledgers: Mapping[str, Ledger],
        decision: DecisionPolicy,
        limits: RiskLimits,
        memory: Callable[[], RiskMemory],
    ) -> None:
        self._reader = reader
        self._terms = terms
        self._ledgers = ledgers
        self._decision = decision
        self._limits = limits
        self._memory = memory
        self._costs = {n: round_trip_cost(t.taker_fee, t.slippage) for n, t in terms.items()}

    def would_act(self, prediction: Prediction, *, now_ns: int) -> bool:
        """Say quickly whether the strategy may do something by itself."""
        name = prediction.instrument_id
        ledger = self._ledgers.get(name)
        return not is_idle(
            Assessment(prediction=prediction, review=_CONFIRMED),
            Flat() if ledger is None else ledger.trade,
            now_ns=now_ns,
            policy=self._decision,
            cost=self._costs[name],
        )

    def glimpse(self, prediction: Prediction, *, now_ns: int) -> Glimpse | None:
        """Freeze the state with what the gate would let through; None where nothing is decided."""
        name = prediction.instrument_id
        now = self._reader.snapshot(name, now_ns=now_ns, terms=self._terms, ledgers=self._ledgers)
        if now is None or not self._reader.is_trading(self._terms[name]):
            return None
        memory = self._memory()
        command = decide(Assessment(prediction=prediction, review=_CONFIRMED), now, self._decision)
        match rule_on(command, now, self._limits, memory):
            case Approved(command=approved):
                would = approved
            case Denied(rule=rule, reason=reason):
                would = DoNothing(reasoning=f"denied by {rule}: {reason}")
        return Glimpse(snapshot=now, would=would, halted=memory.halted or memory.day_halted)
