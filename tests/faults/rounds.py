"""Schedules one after another on one node, each followed by the comparison with the truth."""

import asyncio
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any, Final

from nautilus_trader.live import LiveNode
from nautilus_trader.model import AccountId, ClientId, InstrumentId

from ccxt_nt.conversion import health_type
from ccxt_nt.health import VenueHealth
from ccxt_nt.ids import codec
from ccxt_nt.profiles import MarketBuy
from ccxt_nt.values import Health
from ccxt_nt.values import Product as Kind
from ccxt_nt.venues import profile
from tests.faults.comparing import Lens, differences
from tests.faults.driving import Arena, Driver, tidy
from tests.faults.outcome import Outcome
from tests.faults.plans import Schedule, schedule
from tests.faults.reading import Ledger, engine_state, rounded
from tests.harness.nodes import Desk, Setup, run_script
from tests.venue.exchange import Exchange
from tests.venue.local import BALANCES, LocalVenue
from tests.venue.model import Product

# `Any` in this module: the engine's stubs have no common type of orders

_SETTLE_SECS: Final = 60.0  # real ones; what differs then is a difference
_LOOK_SECS: Final = 0.1
_CLIENT_ID: Final = re.compile(r'"(?:clientOid|client_oid|text)":\s*"([^"]+)"')
_BASES: Final = ("BTC", "ETH")


@dataclass(slots=True)
class Sight:
    """How well the adapter sees, and for how long it did not, in real nanoseconds."""

    health: Health = Health.HEALTHY
    since_ns: int = field(default_factory=time.time_ns)
    spent_ns: dict[Health, int] = field(default_factory=dict)
    _read: int = 0

    def read(self, seen: Sequence[Any]) -> None:
        """Take in what came since the last time."""
        for item in seen[self._read :]:
            report = getattr(item, "data", None)
            if isinstance(report, VenueHealth) and report.source == "execution":
                self._turn(report.ts_event, report.health)
        self._read = len(seen)
        self._turn(time.time_ns(), self.health)

    def _turn(self, now_ns: int, health: Health) -> None:
        passed = max(0, now_ns - self.since_ns)
        self.spent_ns[self.health] = self.spent_ns.get(self.health, 0) + passed
        self.since_ns, self.health = max(now_ns, self.since_ns), health


@dataclass(frozen=True, slots=True, kw_only=True)
class Rounds:
    """What is to be run, and whom to tell."""

    dialect: str
    product: str
    seeds: Sequence[int]
    orders: int
    speed: float
    calm: bool
    tell: Callable[[Outcome], None]

    def run(self, make_loop: Callable[[], asyncio.AbstractEventLoop]) -> None:
        """Run all of it on one node."""

        def run(node: LiveNode) -> None:
            async def whole() -> None:
                await node.run_async()

            with asyncio.Runner(loop_factory=make_loop) as runner:
                runner.run(whole())

        with LocalVenue(self.dialect, seed=self.seeds[0]) as venue:
            table = _Table(self, venue)
            options = {"instruments": table.names, "reconcile_secs": 10.0}
            setup = Setup(product=self.product, options=options, run=run)
            run_script(venue, self.dialect, table.script, setup)


class _Table:
    """One node's schedules."""

    def __init__(self, rounds: Rounds, venue: LocalVenue) -> None:
        self._rounds = rounds
        self._venue = venue
        self._row = profile(rounds.dialect.upper(), Kind(rounds.product), allow_untested=False)
        self._is_perp = self._row.product is Kind.LINEAR
        self._product = Product.PERP if self._is_perp else Product.SPOT
        suffix = "-PERP" if self._is_perp else ""
        self.names = tuple(f"{base}USDT{suffix}" for base in _BASES)
        listed = venue.exchange.listings.values()
        by_base = {each.base: each for each in listed if each.product is self._product}
        self._listings = tuple(by_base[base] for base in _BASES)
        self._ledger = Ledger(self._product)
        stops = self._row.stops
        self._lens = Lens(
            decode=codec(self._row.codec).decode,
            money=rounded,
            keeps_id=stops is not None and stops.keeps_id,
            cost_buys=self._row.market_buy is MarketBuy.COST,
        )
        self._done: set[str] = set()  # ids of the engine's orders of earlier schedules
        self._sight = Sight()
        self._requests = 0

    async def script(self, desk: Desk) -> None:
        """Run every schedule."""
        self._desk = desk
        self._loop = asyncio.get_running_loop()
        venue_name = self._rounds.dialect.upper()
        desk.strategy.subscribe_data(health_type(venue_name), client_id=ClientId(venue_name))
        self._instruments = [desk.instrument(f"{name}.{venue_name}") for name in self.names]
        self._iids = {
            listing.symbol: InstrumentId.from_str(f"{name}.{venue_name}")
            for name, listing in zip(self.names, self._listings, strict=True)
        }
        self._account_id = AccountId(f"{venue_name}-001")
        for seed in self._rounds.seeds:
            plan = schedule(
                seed, orders=self._rounds.orders, perp=self._is_perp, calm=self._rounds.calm
            )
            outcome = await self._one(plan)
            self._rounds.tell(outcome)
            if outcome.differences:
                return  # what is wrong here must not be found again in the next

    async def _one(self, plan: Schedule) -> Outcome:
        venue, began, adapter_began = self._venue, time.monotonic(), self._loop.time()
        venue.faults.dice = Random(plan.seed)
        venue.call(self._ledger.turn)
        self._sight.spent_ns.clear()
        struck_before = len(venue.faults.log)
        await Driver(self._arena(), plan).run()
        venue.faults.clear()
        lifted = time.monotonic()
        found = await self._settled()
        settled = time.monotonic() - lifted
        if not found:
            found = await self._tidied()
        found += self._sent_twice()
        outcome = self._outcome(plan, found, struck_before)
        outcome.secs, outcome.settle_secs = time.monotonic() - began, settled
        outcome.adapter_secs = self._loop.time() - adapter_began
        self._done |= {order.client_order_id.value for order in self._orders()}
        return outcome

    def _arena(self) -> Arena:
        return Arena(
            desk=self._desk,
            venue=self._venue,
            instruments=self._instruments,
            listings=self._listings,
            cost_buys=self._row.market_buy is MarketBuy.COST,
            is_blind=self._is_blind,
            is_now=lambda order: order.client_order_id.value not in self._done,
            speed=self._rounds.speed,
        )

    def _is_blind(self) -> bool:
        self._sight.read(self._desk.seen)
        return self._sight.health is Health.BLIND

    def _orders(self) -> list[Any]:
        orders = self._desk.strategy.cache.orders()
        return [order for order in orders if order.client_order_id.value not in self._done]

    # ---- the comparison ----

    async def _settled(self) -> list[str]:
        """Wait until nothing differs; what differs at the end of patience."""
        until = time.monotonic() + _SETTLE_SECS
        while True:
            found = self._compare()
            if not found or time.monotonic() > until:
                return found
            await asyncio.sleep(_LOOK_SECS * self._rounds.speed)

    def _compare(self) -> list[str]:
        truth = self._venue.call(self._ledger.state)
        state = engine_state(
            self._desk.strategy.cache,
            orders=self._orders(),
            instruments=self._iids if self._is_perp else {},
            account_id=self._account_id,
        )
        return differences(state, truth, self._lens)

    async def _tidied(self) -> list[str]:
        """End all orders and positions, and compare again."""
        for instrument in self._instruments:
            self._desk.strategy.cancel_all_orders(instrument.id)
        found = await self._settled()
        self._venue.call(self._tidy)
        return found or await self._settled()

    def _tidy(self, exchange: Exchange) -> None:
        targets = {coin: Decimal(total) for coin, total in BALANCES[self._product].items()}
        tidy(exchange, self._product, targets)

    def _sent_twice(self) -> list[str]:
        """Find orders that left more than once, whether they arrived or not."""
        requests = self._venue.requests
        new, self._requests = requests[self._requests :], len(requests)
        sent = Counter(
            name
            for each in new
            if each.purpose == "order" and each.method == "POST"
            for name in _CLIENT_ID.findall(each.body)
        )
        return [f"client id {name}: sent {n} times" for name, n in sent.items() if n > 1]

    def _outcome(self, plan: Schedule, found: list[str], struck_before: int) -> Outcome:
        self._sight.read(self._desk.seen)
        orders = self._orders()
        ours = [order for order in orders if order.strategy_id.value != "EXTERNAL"]
        names = Counter(order.status.name for order in ours)
        struck = self._venue.faults.log[struck_before:]
        truth = self._venue.call(self._ledger.state)
        return Outcome(
            seed=plan.seed,
            orders=len(ours),
            denied=names["DENIED"],
            rejected=names["REJECTED"],
            fills=len(truth.fills),
            by_hand=len(orders) - len(ours),
            placed=len(truth.orders),
            faults=dict(Counter(each.kind.value for each in struck)),
            differences=found,
            blind_secs=self._adapter_secs(Health.BLIND),
            degraded_secs=self._adapter_secs(Health.DEGRADED),
        )

    def _adapter_secs(self, health: Health) -> float:
        return self._sight.spent_ns.get(health, 0) * self._rounds.speed / 1e9
