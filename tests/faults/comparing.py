"""The engine's state against what really happened: every difference in one sentence."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal

from ccxt_nt.orders.generations import original
from tests.venue.model import Balance, Fill, Kind, Order, Side, Status

_LIVE = (Status.OPEN, Status.WAITING)
_NEVER = frozenset({"DENIED", "REJECTED"})  # statuses of orders that the venue does not have
_WHOLE = frozenset({"FILLED", "CANCELED"})
_OPEN = frozenset({"ACCEPTED", "TRIGGERED", "PARTIALLY_FILLED"})


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineFill:
    """One fill as the engine has it."""

    trade_id: str
    price: Decimal
    quantity: Decimal
    fee: Decimal
    fee_coin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOrder:
    """One order as the engine has it."""

    client_order_id: str
    ours: bool  # placed by the strategy
    status: str
    side: str
    quantity: Decimal
    filled: Decimal
    price: Decimal | None
    trigger_price: Decimal | None
    reduce_only: bool
    is_limit_trigger: bool
    venue_order_ids: tuple[str, ...]  # all it ever had, the present one last
    fills: tuple[EngineFill, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineState:
    """All that the engine holds of one account."""

    orders: tuple[EngineOrder, ...]
    positions: Mapping[str, Decimal]  # by symbol
    balances: Mapping[str, tuple[Decimal, Decimal]]  # by coin: total, locked


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueState:
    """All that happened at the exchange, as copies."""

    orders: tuple[Order, ...]  # oldest first
    fills: tuple[Fill, ...]
    positions: Mapping[str, Decimal]
    balances: Mapping[str, Balance]
    accepted: Mapping[str, int]  # placements that the exchange took, by client id
    loss: Decimal = Decimal(0)  # of open positions, unrealised; some venues count it as not free


@dataclass(frozen=True, slots=True, kw_only=True)
class Lens:
    """How one side is read in the words of the other."""

    decode: Callable[[str], str | None]  # a venue's client id -> the engine's
    money: Callable[[Decimal, str], Decimal]  # rounds as the engine's money does
    keeps_id: bool = False  # the venue shows a fired order under its trigger order's id
    cost_buys: bool = False  # market buys are for a cost: their quantity is known when they filled

    def shown_id(self, order: Order) -> str:
        """Tell the id under which the venue shows an order."""
        return order.fired_from or order.order_id if self.keeps_id else order.order_id

    def can_tell(self, order: Order) -> bool:
        """Say whether an order of somebody else has a quantity that the engine could be told."""
        is_market_buy = order.ask.kind is Kind.MARKET and order.ask.side is Side.BUY
        return not (self.cost_buys and is_market_buy)


@dataclass(slots=True, kw_only=True)
class _Chain:
    """The orders at the exchange that are one order of the engine."""

    legs: list[Order] = field(default_factory=list)
    fills: list[Fill] = field(default_factory=list)

    def __str__(self) -> str:
        return "/".join(f"{leg.order_id} {leg.status.value}" for leg in self.legs)

    @property
    def live(self) -> list[Order]:
        return [leg for leg in self.legs if leg.status in _LIVE]

    @property
    def filled(self) -> Decimal:
        return sum((leg.filled for leg in self.legs), Decimal(0))


def differences(engine: EngineState, venue: VenueState, lens: Lens) -> list[str]:
    """List what differs; empty where the engine knows the truth and nothing else."""
    return [
        *_order_differences(engine.orders, venue, lens),
        *_position_differences(engine, venue),
        *_balance_differences(engine, venue, lens),
        *_request_differences(venue, lens),
    ]


# ---- orders ----


def _order_differences(
    orders: Sequence[EngineOrder], venue: VenueState, lens: Lens
) -> Iterator[str]:
    ours = {order.client_order_id: order for order in orders if order.ours}
    others = {order.venue_order_ids[-1]: order for order in orders if not order.ours}
    own, foreign = _chains(ours, venue, lens)
    for client_order_id, order in ours.items():
        chain = own.get(client_order_id, _Chain())
        yield from _of_ours(_with_surplus(order, chain, others, lens), chain, lens)
    for root, chain in foreign.items():
        ids = [leg.order_id for leg in chain.legs]
        known = [others.pop(each) for each in ids if each in others]
        if not known:
            if chain.fills or any(lens.can_tell(leg) for leg in chain.live):
                yield f"order {root} of somebody else: the engine does not know it: {chain}"
        elif len(known) > 1:
            yield from _of_parts(known, chain, lens)
        else:
            yield from _of_chain(known[0], chain, lens)
    for left in others.values():
        yield f"{left.client_order_id}: not of ours, and not at the exchange ({left.status})"


def _of_parts(known: Sequence[EngineOrder], chain: _Chain, lens: Lens) -> Iterator[str]:
    """Compare a trigger order of somebody else and what it became, where no venue links them."""
    if not chain.live and (still := [each for each in known if is_open(each.status)]):
        yield f"{still[0].client_order_id}: {still[0].status}, and is over: {chain}"
    fills = tuple(fill for each in known for fill in each.fills)
    yield from _fill_differences(replace(known[0], fills=fills), chain.fills, lens)


def _with_surplus(
    order: EngineOrder, chain: _Chain, others: dict[str, EngineOrder], lens: Lens
) -> EngineOrder:
    """Count to an order what it filled above its quantity, which the engine has beside it.

    That may be only where both a stop and the one that was to replace it fired; what one of them
    became may have been told under its own name before the venue linked the two.
    """
    if order.status not in _WHOLE or sum(bool(leg.filled) for leg in chain.legs) < 2:
        return order
    shown = {leg.order_id: lens.shown_id(leg) for leg in chain.legs}
    alone = [f"{shown[fill.order_id]}-{fill.trade_id}" for fill in chain.fills]
    names = dict.fromkeys((*alone, *shown.values()))
    beside = [others.pop(name) for name in names if name in others]
    if not beside:
        return order
    filled = order.filled + sum((each.filled for each in beside), Decimal(0))
    fills = order.fills + tuple(fill for each in beside for fill in each.fills)
    return replace(order, status="FILLED", quantity=filled, filled=filled, fills=fills)


def _chains(
    ours: Mapping[str, EngineOrder], venue: VenueState, lens: Lens
) -> tuple[dict[str, _Chain], dict[str, _Chain]]:
    """Sort the exchange's orders by ours, and those of others by the first of each."""
    told = _told_ids(ours, venue)
    keys: dict[str, tuple[bool, str]] = {}
    own: dict[str, _Chain] = {}
    foreign: dict[str, _Chain] = {}
    for order in venue.orders:
        decoded = None if order.ask.client_id is None else lens.decode(order.ask.client_id)
        named = None if decoded is None else original(decoded)
        if named in ours:
            key = (True, str(named))
        elif order.fired_from in keys:
            key = keys[order.fired_from]
        elif order.order_id in told:
            key = (True, told[order.order_id])
        else:
            key = (False, order.order_id)
        keys[order.order_id] = key
        (own if key[0] else foreign).setdefault(key[1], _Chain()).legs.append(order)
    for fill in venue.fills:
        if fill.order_id in keys:
            is_own, name = keys[fill.order_id]
            (own if is_own else foreign)[name].fills.append(fill)
    return own, foreign


def _told_ids(ours: Mapping[str, EngineOrder], venue: VenueState) -> dict[str, str]:
    """Tell which of ours a venue's id is of, also where a stop was found when it had fired."""
    told = {each: key for key, order in ours.items() for each in order.venue_order_ids}
    for order in reversed(venue.orders):
        if order.order_id in told and order.fired_from is not None:
            told.setdefault(order.fired_from, told[order.order_id])
    return told


def _of_ours(order: EngineOrder, chain: _Chain, lens: Lens) -> Iterator[str]:
    if order.status in _NEVER and not order.venue_order_ids and not chain.legs:
        if order.fills:
            yield f"{order.client_order_id}: {order.status}, yet with fills"
        return
    if not chain.legs:
        yield f"{order.client_order_id}: {order.status}, and the exchange never had it"
        return
    yield from _of_chain(order, chain, lens)


def _of_chain(order: EngineOrder, chain: _Chain, lens: Lens) -> Iterator[str]:
    name = order.client_order_id
    where = str(chain)
    if len(chain.live) > 1:
        yield f"{name}: {len(chain.live)} orders of it are open at the exchange: {where}"
    wanted = _expected_status(order, chain)
    if order.status not in wanted:
        yield f"{name}: {order.status}, should be {'/'.join(sorted(wanted))}: {where}"
    if order.filled != chain.filled:
        yield f"{name}: filled {order.filled}, should be {chain.filled}: {where}"
    yield from _terms(order, chain, lens)
    yield from _fill_differences(order, chain.fills, lens)


def _expected_status(order: EngineOrder, chain: _Chain) -> frozenset[str]:
    if chain.live:
        if chain.filled:
            return frozenset({"PARTIALLY_FILLED"})
        fired = order.is_limit_trigger and chain.live[-1].status is Status.OPEN
        return frozenset({"TRIGGERED" if fired else "ACCEPTED"})
    if any(leg.status is Status.FILLED for leg in chain.legs):
        # What the venue cut after its fills were told cannot fill any more, and is not full
        may_be_cut = order.reduce_only or len(chain.legs) > 1
        is_cut = may_be_cut and order.filled == chain.filled < order.quantity
        return frozenset({"CANCELED"} if is_cut else {"FILLED"})
    if any(leg.status is Status.FAILED for leg in chain.legs):
        return frozenset({"REJECTED", "CANCELED"})
    return frozenset({"CANCELED"})


def _terms(order: EngineOrder, chain: _Chain, lens: Lens) -> Iterator[str]:
    """Compare what may still fill; of an order that is over only the sum matters."""
    name = order.client_order_id
    if not chain.live:
        if order.status == "FILLED" and order.quantity != order.filled:
            yield f"{name}: FILLED {order.filled} of {order.quantity}"
        return
    leg = chain.live[-1]
    if order.venue_order_ids[-1:] != (lens.shown_id(leg),):
        yield f"{name}: is order {order.venue_order_ids[-1:]}, should be {lens.shown_id(leg)}"
    earlier = sum((each.filled for each in chain.legs if each is not leg), Decimal(0))
    quantity = (leg.quantity or Decimal(0)) + earlier
    if order.quantity != quantity:
        yield f"{name}: quantity {order.quantity}, should be {quantity}"
    if order.price is not None and order.price != leg.price:
        yield f"{name}: price {order.price}, should be {leg.price}"
    trigger = leg.trigger.price if leg.trigger is not None else None
    if order.trigger_price is not None and trigger not in (None, order.trigger_price):
        yield f"{name}: trigger price {order.trigger_price}, should be {trigger}"


def _fill_differences(order: EngineOrder, fills: Iterable[Fill], lens: Lens) -> Iterator[str]:
    truth = {fill.trade_id: fill for fill in fills}
    seen: set[str] = set()
    for fill in order.fills:
        if fill.trade_id in seen:
            yield f"{order.client_order_id}: fill {fill.trade_id} twice"
        seen.add(fill.trade_id)
        true = truth.get(fill.trade_id)
        if true is None:
            yield f"{order.client_order_id}: fill {fill.trade_id} never happened"
            continue
        wanted = EngineFill(
            trade_id=true.trade_id,
            price=true.price,
            quantity=true.quantity,
            fee=lens.money(true.fee, true.fee_coin),
            fee_coin=true.fee_coin,
        )
        if fill != wanted:
            yield f"{order.client_order_id}: {fill}, should be {wanted}"
    for missing in truth.keys() - seen:
        yield f"{order.client_order_id}: fill {missing} is missing"


# ---- the account ----


def _position_differences(engine: EngineState, venue: VenueState) -> Iterator[str]:
    for symbol in sorted(engine.positions.keys() | venue.positions.keys()):
        here = engine.positions.get(symbol, Decimal(0))
        there = venue.positions.get(symbol, Decimal(0))
        if here != there:
            yield f"position {symbol}: {here}, should be {there}"


def _balance_differences(engine: EngineState, venue: VenueState, lens: Lens) -> Iterator[str]:
    for coin, balance in sorted(venue.balances.items()):
        if coin not in engine.balances:
            if balance.total:
                yield f"balance {coin}: unknown, should be {balance.total}"
            continue
        total, locked = engine.balances[coin]
        if total != lens.money(balance.total, coin):
            yield f"balance {coin}: total {total}, should be {balance.total}"
        if locked not in (lens.money(balance.held + loss, coin) for loss in (0, venue.loss)):
            yield f"balance {coin}: locked {locked}, should be {balance.held}"


def _request_differences(venue: VenueState, lens: Lens) -> Iterator[str]:
    for client_id, count in venue.accepted.items():
        if count > 1 and lens.decode(client_id) is not None:
            yield f"client id {client_id}: placed {count} times"


def is_open(status: str) -> bool:
    """Say whether an order of the engine is at the venue and not over."""
    return status in _OPEN
