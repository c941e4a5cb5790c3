"""Engine and store as a strategy sees them through its border, with the engine's own names."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.common import Cache, Clock, OrderFactory
from nautilus_trader.model import (
    AccountId,
    BarType,
    ClientOrderId,
    Currency,
    InstrumentId,
    Money,
    OrderFilled,
    OrderListId,
    StrategyId,
    Venue,
)
from nautilus_trader.portfolio import Portfolio

from morningstar_strategy.book import StoreError
from morningstar_strategy.border import codecs
from morningstar_strategy.border.crossing import Border
from morningstar_strategy.core.ledger import Ledger
from morningstar_strategy.core.limits import RiskMemory
from morningstar_strategy.hindrances import Hindrances

__all__ = [
    "SeenCache",
    "SeenClock",
    "SeenFactory",
    "SeenHindrances",
    "SeenPortfolio",
    "SeenStore",
    "told_fills",
]

# `Any` in this module: the engine's orders and positions have no common types

_UNKNOWN: Final = (RuntimeError,)  # the engine's word for a price that is missing


class SeenClock:
    """A clock that stands still within a call."""

    def __init__(self, clock: Clock, border: Border) -> None:
        self._clock = clock
        self._border = border

    def timestamp_ns(self) -> int:
        """Give the time in UNIX nanoseconds."""
        return self._border.now_ns(self._clock.timestamp_ns)


class SeenCache:
    """What a strategy asks of the engine's cache."""

    def __init__(self, cache: Cache, border: Border) -> None:
        self._cache = cache
        self._border = border

    def order(self, order_id: ClientOrderId) -> Any:
        """Give an order by its id."""
        name = f"order {order_id.value}"
        return self._border.see(name, lambda: self._cache.order(order_id), codecs.ORDER)

    def fills(self, order_id: ClientOrderId) -> list[OrderFilled]:
        """Give the fills of an order, as the venue told them."""
        name = f"fills {order_id.value}"
        return self._border.see(name, lambda: told_fills(self._cache, order_id), codecs.FILLS)

    def orders(self, *, instrument_id: InstrumentId, strategy_id: StrategyId) -> list[Any]:
        """Give all orders of a strategy on an instrument."""
        return self._border.see(
            f"orders {instrument_id.value}",
            lambda: self._cache.orders(instrument_id=instrument_id, strategy_id=strategy_id),
            codecs.ORDERS,
        )

    def orders_open(self, *, instrument_id: InstrumentId, strategy_id: StrategyId) -> list[Any]:
        """Give the orders of a strategy that are open at the venue."""
        return self._border.see(
            f"open orders {instrument_id.value}",
            lambda: self._cache.orders_open(instrument_id=instrument_id, strategy_id=strategy_id),
            codecs.ORDERS,
        )

    def positions_open(
        self, *, instrument_id: InstrumentId, strategy_id: StrategyId | None = None
    ) -> list[Any]:
        """Give the open positions on an instrument, of one strategy or of all."""
        return self._border.see(
            f"positions {instrument_id.value} {'' if strategy_id is None else 'ours'}",
            lambda: self._cache.positions_open(
                instrument_id=instrument_id, strategy_id=strategy_id
            ),
            codecs.POSITIONS,
        )

    def bar(self, bar_type: BarType) -> Any:
        """Give the newest bar."""
        return self._border.see(f"bar {bar_type}", lambda: self._cache.bar(bar_type), codecs.BAR)

    def trade(self, instrument_id: InstrumentId) -> Any:
        """Say whether there was a trade."""
        name = f"trade {instrument_id.value}"
        return self._border.see(name, lambda: self._cache.trade(instrument_id), codecs.IS_THERE)

    def quote(self, instrument_id: InstrumentId) -> Any:
        """Say whether there was a quote."""
        name = f"quote {instrument_id.value}"
        return self._border.see(name, lambda: self._cache.quote(instrument_id), codecs.IS_THERE)

    def account_id(self, venue: Venue) -> AccountId | None:
        """Name the account at a venue."""
        return self._border.see(
            f"account {venue}", lambda: self._cache.account_id(venue), codecs.ACCOUNT_ID
        )

    def account_for_venue(self, venue: Venue) -> Any:
        """Show the account to a program outside; no decision sees it."""
        return self._cache.account_for_venue(venue)

    def purge_order(self, order_id: ClientOrderId) -> None:
        """Have the engine forget an order."""
        name = order_id.value
        self._border.act(["purge", name], lambda: self._cache.purge_order(order_id))
        for kind in ("order", "fills"):
            self._border.forget(f"{kind} {name}")

    def purge_account_events(self, ts_now: int, *, lookback_secs: int) -> None:
        """Have the engine forget old states of its accounts, which changes nothing here."""
        self._cache.purge_account_events(ts_now, lookback_secs=lookback_secs)


def told_fills(cache: Cache, order_id: ClientOrderId) -> list[OrderFilled]:
    """Give the fills of an order that the engine itself knows."""
    order: Any = cache.order(order_id)
    return [] if order is None else [e for e in order.events() if isinstance(e, OrderFilled)]


class SeenAccount:
    """What a strategy asks of its account."""

    def __init__(self, portfolio: Portfolio, venue: Venue, border: Border) -> None:
        self._portfolio = portfolio
        self._venue = venue
        self._border = border

    def balance_total(self, currency: Currency) -> Money | None:
        """Give the balance in a currency."""

        def look() -> Money | None:
            account = self._portfolio.account(self._venue)
            return None if account is None else account.balance_total(currency)

        return self._border.see(f"balance {currency.code}", look, codecs.MONEY)


class SeenPortfolio:
    """What a strategy asks of the engine's portfolio."""

    def __init__(self, portfolio: Portfolio, border: Border) -> None:
        self._portfolio = portfolio
        self._border = border

    def account(self, venue: Venue) -> SeenAccount:
        """Give the account at a venue."""
        return SeenAccount(self._portfolio, venue, self._border)

    def unrealized_pnls(self, venue: Venue) -> Mapping[Currency, Money]:
        """Give the unrealized results by currency; raises RuntimeError for want of a price."""
        told = self._border.see(
            "unrealized",
            lambda: [*self._portfolio.unrealized_pnls(venue).values()],
            codecs.MONIES,
            _UNKNOWN,
        )
        return {each.currency: each for each in told}

    def unrealized_pnl(self, instrument_id: InstrumentId) -> Money | None:
        """Give the unrealized result of a position."""
        return self._border.see(
            f"unrealized {instrument_id.value}",
            lambda: self._portfolio.unrealized_pnl(instrument_id),
            codecs.MONEY,
            _UNKNOWN,
        )

    def net_position(self, instrument_id: InstrumentId) -> Decimal:
        """Give the signed net position."""
        return self._border.see(
            f"net {instrument_id.value}",
            lambda: self._portfolio.net_position(instrument_id),
            codecs.DECIMAL,
        )


class SeenFactory:
    """The engine's maker of orders, whose ids are the record's."""

    def __init__(self, factory: OrderFactory, border: Border) -> None:
        self._factory = factory
        self._border = border

    def generate_client_order_id(self) -> ClientOrderId:
        """Give the next order's name."""
        return self._border.see(
            "new order", self._factory.generate_client_order_id, codecs.ORDER_ID
        )

    def generate_order_list_id(self) -> OrderListId:
        """Give the next list's name."""
        return self._border.see("new list", self._factory.generate_order_list_id, codecs.LIST_ID)

    def market(self, *terms: Any, **more: Any) -> Any:
        """Make a market order."""
        return self._factory.market(*terms, **self._named(more))

    def limit(self, *terms: Any, **more: Any) -> Any:
        """Make a limit order."""
        return self._factory.limit(*terms, **self._named(more))

    def stop_market(self, *terms: Any, **more: Any) -> Any:
        """Make a stop order."""
        return self._factory.stop_market(*terms, **self._named(more))

    def _named(self, terms: dict[str, Any]) -> dict[str, Any]:
        """Name an order that has no name yet."""
        if "client_order_id" not in terms:
            terms["client_order_id"] = self.generate_client_order_id()
        return terms


class SeenHindrances(Hindrances):
    """What stands in the way of new risk, as a strategy sees it; others note there too."""

    def __init__(self, hindrances: Hindrances, border: Border) -> None:
        super().__init__()
        self._hindrances = hindrances
        self._border = border

    def __bool__(self) -> bool:
        return bool(self.known)

    @property
    def known(self) -> Mapping[str, str]:
        """Give the reasons by source."""
        return self._border.see("hindrances", lambda: self._hindrances.known, codecs.PLAIN)

    @property
    def reason(self) -> str:
        """Give all reasons in one sentence, "" where nothing stands in the way."""
        return "; ".join(f"{source}: {why}" for source, why in sorted(self.known.items()))

    def note(self, source: str, reason: str) -> None:
        """Take notice of what a source says."""
        self._border.act(
            ["hindrance", source, reason], lambda: self._hindrances.note(source, reason)
        )


class SeenStore:
    """The store as a strategy meets it: what it kept before, and whether it takes what is new."""

    def __init__(self, store: Any, border: Border) -> None:
        self._store = store
        self._border = border

    def load_plans(self) -> Mapping[str, Ledger]:
        """Give the kept ledgers by instrument."""
        return self._border.see("plans", lambda: self._store.load_plans(), codecs.LEDGERS)

    def load_strays(self) -> Mapping[str, Decimal]:
        """Give the orders of no plan that may still fill."""
        return self._border.see("strays", lambda: self._store.load_strays(), codecs.STRAYS)

    def load(self, venue: str = "") -> RiskMemory:
        """Give the risk memory, which is asked for before anything crosses."""
        memory: RiskMemory = RiskMemory() if self._store is None else self._store.load(venue)
        return memory

    def save(self, memory: RiskMemory, venue: str = "") -> None:
        """Keep the risk memory."""
        self._kept("memory is kept", lambda: self._store.save(memory, venue))

    def save_plan(self, name: str, ledger: Ledger, tell: Sequence[str] = ()) -> None:
        """Keep the ledger of an instrument's plan."""
        self._kept("plan is kept", lambda: self._store.save_plan(name, ledger, tell))

    def drop_plan(self, name: str, tell: Sequence[str] = ()) -> None:
        """Forget an instrument's plan."""
        self._kept("plan is kept", lambda: self._store.drop_plan(name, tell))

    def save_stray(self, order_id: str, filled: Decimal, tell: Sequence[str] = ()) -> None:
        """Keep an order of no plan."""
        self._kept("stray is kept", lambda: self._store.save_stray(order_id, filled, tell))

    def drop_stray(self, order_id: str) -> None:
        """Forget an order of no plan."""
        self._kept("stray is kept", lambda: self._store.drop_stray(order_id))

    def _kept(self, question: str, keep: Any) -> None:
        self._border.see(question, keep, codecs.PLAIN, (StoreError,))
