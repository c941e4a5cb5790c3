"""Money's laws: no order twice, none lost, every fill once, whatever the network does."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from decimal import Decimal
from random import Random
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from ccxt_nt.errors import VenueError
from ccxt_nt.ids import codec
from ccxt_nt.orders.acts import Acts
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.cases import Cases
from ccxt_nt.orders.desk import Change, Desk
from ccxt_nt.orders.fetching import Fetcher
from ccxt_nt.orders.inquiry import Inquiry
from ccxt_nt.orders.office import Office
from ccxt_nt.orders.reconcile import Known, look
from ccxt_nt.orders.resolver import Patience, Resolver
from ccxt_nt.orders.story import Accepted, Canceled, Filled, Rejected, Saying, Surplus, Told
from ccxt_nt.parsing import fill_row, order_row
from ccxt_nt.profiles import Amend, Profile
from ccxt_nt.values import OrderKind, Product, Side, Ticket
from ccxt_nt.venues import profile
from tests.property.toy_venue import CEILING, START_MS, SYMBOL, ToyVenue, Truth

type Op = tuple[str, int, int]

_OPS = (
    *("submit", "submit", "stop", "stop", "cancel", "change", "change"),
    *("trade", "trade", "fire", "fire", "hand", "hide", "time"),
)
OPS = st.lists(
    st.tuples(
        st.sampled_from(_OPS),
        st.integers(0, 5),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=25,
)


class Desks:
    """An adapter's inner half before a toy venue: all but the engine and the sockets."""

    def __init__(self, seed: int, *, fault_rate: float, amend: Amend, keeps_names: bool) -> None:
        self.rng = Random(seed)
        self.venue = ToyVenue(self.rng, fault_rate=fault_rate, keeps_names=keeps_names)
        self.profile = _profile(amend, keeps_names=keeps_names)
        self.said: dict[str, list[Saying]] = {}
        self.notes: list[str] = []
        self.held_back: list[tuple[str, Any]] = []
        self.inquiry = Inquiry(self.profile, self.venue, now_ms=lambda: self.venue.now_ms)
        self.cases = Cases(
            self.profile,
            codec(self.profile.codec),
            say=self._hear,
            announce=lambda case, row: self.cases.registered(
                case.client_order_id, row.venue_order_id
            ),
            on_ghost=lambda case, leg: self.spawn(
                self.acts.cancel(case) if leg is None else self.acts.end_leg(case, leg)
            ),
            on_want=lambda: None,
            note=self.notes.append,
            secs=self._secs,
            rng=self.rng,
        )
        self.fetcher = Fetcher(
            self.cases,
            self.inquiry,
            rng=self.rng,
            note=self.notes.append,
            on_orphan=lambda fill: self.notes.append(f"orphan {fill.trade_id}"),
        )
        resolver = Resolver(
            self.inquiry, secs=self._secs, sleep=self._sleep, rng=self.rng, note=self.notes.append
        )
        self.acts = Acts(
            Office(
                desk=Desk(self.profile, self.venue),
                inquiry=self.inquiry,
                resolver=resolver,
                cases=self.cases,
                patience=Patience(settle_secs=6.0),
                secs=self._secs,
                sleep=self._sleep,
                rng=self.rng,
                note=self.notes.append,
                confirm_secs=0.0,
            )
        )
        self.venue.on_order = lambda row: self._push("order", row)
        self.venue.on_fill = lambda row: self._push("fill", row)
        self.tasks: set[asyncio.Task[None]] = set()
        self.count = 0

    def _secs(self) -> float:
        return self.venue.now_ms / 1000

    async def _sleep(self, secs: float) -> None:
        self.venue.turn(secs)
        await asyncio.sleep(0)

    def _hear(self, case: Case, saying: Saying) -> None:
        self.said.setdefault(case.client_order_id, []).append(saying)

    # ---- streams that lose, repeat and reorder ----

    def _push(self, kind: str, row: dict[str, Any]) -> None:
        copies = self.rng.choice((0, 1, 1, 1, 2)) if self.venue.fault_rate else 1
        self.held_back += [(kind, dict(row))] * copies
        if self.venue.fault_rate and self.rng.random() < 0.3:
            self.rng.shuffle(self.held_back)

    def deliver(self) -> None:
        pushes, self.held_back = self.held_back, []
        for kind, row in pushes:
            if kind == "order":
                self.cases.take_order(order_row(row, self.profile))
            else:
                self.cases.take_fill(fill_row(row, self.profile))

    # ---- what a strategy does ----

    def spawn(self, act: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(act)
        self.tasks.add(task)

    def submit(self, number: int, *, kind: OrderKind) -> None:
        self.count += 1
        name = f"O-20261121-000000-001-000-{self.count}"
        price = CEILING + 1 if number == 5 else Decimal(49_000 + number)
        is_stop = kind is OrderKind.STOP_MARKET
        ticket = Ticket(
            symbol=SYMBOL,
            client_order_id=codec(self.profile.codec).encode(name),
            side=Side.BUY,
            kind=kind,
            quantity=Decimal("0.5"),
            price=None if is_stop else price,
            trigger_price=Decimal(51_000) if is_stop else None,
        )
        told = Told(
            quantity=ticket.quantity, price=ticket.price, trigger_price=ticket.trigger_price
        )
        case = self.cases.open(name, ticket, told, since_ms=START_MS)

        async def ready() -> None:
            return None

        self.spawn(self.acts.submit(case, ready=ready))

    def case(self, number: int) -> Case | None:
        return self.cases.find(f"O-20261121-000000-001-000-{number + 1}")

    async def play(self, op: Op) -> None:
        name, which, size = op
        match name:
            case "submit":
                self.submit(size, kind=OrderKind.LIMIT)
            case "stop":
                self.submit(size, kind=OrderKind.STOP_MARKET)
            case "cancel" | "change":
                self.command(name, which, size)
            case _:
                self.happen(name, which, size)
        for _ in range(self.rng.randrange(30)):
            await asyncio.sleep(0)
        if self.rng.random() < 0.7:
            self.deliver()

    def happen(self, name: str, which: int, size: int) -> None:
        """Let the market, somebody else or time do something."""
        ids = sorted(self.venue.orders)
        match name:
            case "trade" if ids:
                self.venue.trade(ids[which % len(ids)], Decimal(size) / 10)
            case "fire" if ids:
                self.venue.fire(ids[which % len(ids)])
            case "hide" if ids:
                self.venue.hide(ids[which % len(ids)], size)
            case "hand":
                self.venue.place_by_hand(is_stop=size > 2)
            case "time":
                self.venue.turn(size)

    def command(self, name: str, which: int, size: int) -> None:
        case = self.case(which)
        if case is not None and name == "cancel":
            self.spawn(self.acts.cancel(case))
        if case is not None and name == "change":
            self.spawn(self.acts.change(case, _change(case, size)))

    async def settle(self) -> None:
        """Let everything come to its end over a network that works again."""
        self.venue.fault_rate = 0.0
        for _ in range(200):
            pending = [task for task in self.tasks if not task.done()]
            if not pending:
                break
            await asyncio.wait(pending, timeout=0.02)
            self.deliver()
        assert all(task.done() for task in self.tasks), "an act never ended"
        for task in self.tasks:
            task.result()
        self.deliver()
        for _ in range(8):
            self.venue.turn(2.0)
            await self.round()

    async def round(self) -> None:
        began = self._secs()
        keys = tuple(self.cases.key(case) for case in self.cases.alive)
        known = Known(open=keys, fills_since_ms={SYMBOL: START_MS})
        picture = await look(self.inquiry, known, product=Product.LINEAR)
        for row in (*picture.listing.rows, *picture.asked):
            self.cases.take_order(row)
            self.cases.compare(row, asked=began)
        for fill in picture.fills:
            self.cases.take_fill(fill)
        for key in picture.gone:
            self.cases.missed(key)
        self.cases.open_doors()
        try:
            await self.fetcher.fetch()
        except VenueError as e:
            self.notes.append(str(e))
        self.cases.advance()


def _change(case: Case, size: int) -> Change:
    return Change(
        quantity=case.ticket.quantity,
        price=None if case.ticket.price is None else Decimal(48_000 + size),
        trigger_price=None if case.ticket.trigger_price is None else Decimal(51_000 + size),
    )


def _profile(amend: Amend, *, keeps_names: bool) -> Profile:
    row = profile("BITGET", Product.LINEAR)
    assert row.stops is not None
    stops = replace(
        row.stops,
        amend=Amend.REPLACE,
        fetch_params={},
        cancel_params={},
        by_client_id=True,
        keeps_client_id=keeps_names,
        names_fired=not keeps_names,
        history_method=None,
    )
    return replace(
        row,
        stops=stops,
        amend=amend,
        margin_mode_in_order=False,
        wallet_keys=(),
        unrealised_key=None,
    )


async def _run(
    seed: int, ops: list[Op], *, fault_rate: float, amend: Amend, keeps_names: bool
) -> Desks:
    desks = Desks(seed, fault_rate=fault_rate, amend=amend, keeps_names=keeps_names)
    for op in ops:
        await desks.play(op)
    await desks.settle()
    return desks


def _check(desks: Desks) -> None:
    assert all(times == 1 for times in desks.venue.placements.values())
    told_trades = [
        saying.fill.trade_id
        for sayings in desks.said.values()
        for saying in sayings
        if isinstance(saying, Filled | Surplus)
    ]
    true_trades = [t for order in desks.venue.orders.values() for t, *_ in order.fills]
    assert sorted(told_trades) == sorted(true_trades)
    for name, sayings in desks.said.items():
        _check_one(desks, name, sayings)
    for order in desks.venue.orders.values():
        root = desks.venue.root(order)
        names = {desks.cases.decode(root.client_id), root.order_id, order.order_id}
        is_nothing = order.status in ("fired", "canceled") and not order.fills
        assert is_nothing or names & desks.said.keys(), f"{order}: the engine never heard of it"


def _check_one(desks: Desks, name: str, sayings: list[Saying]) -> None:
    orders = [order for order in desks.venue.orders.values() if name in _names(desks, order)]
    if isinstance(sayings[0], Rejected):
        assert not [order for order in orders if order.status == "open"]
        return
    is_ours = name.startswith("O-")
    assert isinstance(sayings[0], Accepted)
    assert sum(isinstance(saying, Accepted) for saying in sayings) == 1
    live = [order for order in orders if order.status == "open"]
    endings = sum(isinstance(saying, Canceled | Rejected) for saying in sayings)
    case = desks.cases.find(name)
    assert case is not None
    if is_ours:
        is_over = case.told.closed or (case.is_external and not case.is_announced)
        assert is_over is not bool(live), f"{name}: {orders}"
        assert len(live) <= 1, f"{name}: {live}"
    assert endings <= 1
    assert not endings or not isinstance(sayings[-1], Accepted)


def _names(desks: Desks, order: Truth) -> set[str | None]:
    """Tell what the engine may call an order."""
    root = desks.venue.root(order)
    named = desks.cases.decode(root.client_id) or ""
    return {named} if named.startswith("O-") else {named, root.order_id, order.order_id}


_RUNS = (st.integers(0, 10**6), OPS)


@settings(max_examples=300, deadline=None)
@given(*_RUNS, st.sampled_from((Amend.ATOMIC, Amend.REPLACE)), st.booleans())
def test_whatever_the_network_does_the_engine_ends_up_with_the_truth(
    seed: int, ops: list[Op], amend: Amend, keeps_names: bool
) -> None:
    _check(asyncio.run(_run(seed, ops, fault_rate=0.35, amend=amend, keeps_names=keeps_names)))


@settings(max_examples=100, deadline=None)
@given(*_RUNS, st.booleans())
def test_over_a_network_that_works_nothing_is_asked_in_vain(
    seed: int, ops: list[Op], keeps_names: bool
) -> None:
    desks = asyncio.run(
        _run(seed, ops, fault_rate=0.0, amend=Amend.ATOMIC, keeps_names=keeps_names)
    )
    _check(desks)
