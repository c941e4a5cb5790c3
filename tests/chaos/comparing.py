"""What the journals and the store of a node say against the venue's ledger, in sentences."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from ccxt_nt.orders.generations import original
from morningstar_strategy.core.ledger import Ledger
from morningstar_strategy.core.limits import RiskMemory
from morningstar_strategy.core.records import Kind, Record

__all__ = ["Books", "Venue", "differences"]

# `Any` in this module: a venue's truth is JSON of every shape

_CENT: Final = Decimal("0.01")
_ZERO: Final = Decimal(0)
_OURS: Final = "O-"  # how ids begin that a node makes
_ENDED: Final = frozenset({"CLOSED", "CANCELLED", "EXPIRED", "REJECTED"})

type Amounts = Counter[tuple[Decimal, Decimal]]  # of fills: quantity in base coins, and price


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """All that a node left behind: its sessions' journals, oldest first, and its store."""

    journals: Sequence[Sequence[Record]]
    plans: Mapping[str, Ledger]
    memory: RiskMemory

    def of(self, *kinds: Kind) -> Iterator[Record]:
        """Give the records of some kinds, oldest session first."""
        return (each for journal in self.journals for each in journal if each.kind in kinds)


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """The exchange's ledger, and how to read it."""

    truth: Mapping[str, Any]
    sizes: Mapping[str, Decimal]  # base coins of a unit, by instrument
    decode: Callable[[str], str | None]  # a venue's client id -> the engine's
    began: Decimal  # the balance at the start

    @property
    def balance(self) -> Decimal:
        """Give what is on the account."""
        return Decimal(self.truth["balances"]["linear"]["USDT"]["total"])

    @property
    def ours(self) -> dict[str, list[Mapping[str, Any]]]:
        """Sort the orders that we sent by the engine's id, with what became of them."""
        found: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        names: dict[str, str] = {}
        for order in self.truth["orders"]:
            name = names.get(order["fired_from"] or "") or self._name(order["client_id"])
            if name is not None:
                names[order["order_id"]] = name
                found[name].append(order)
        return found

    def _name(self, client_id: str | None) -> str | None:
        decoded = None if client_id is None else self.decode(client_id)
        return original(decoded) if decoded is not None and decoded.startswith(_OURS) else None


def differences(books: Books, venue: Venue) -> list[str]:
    """List what differs; empty where the books are the venue's and nothing is left open."""
    return [
        *_left_open(books, venue),
        *_orders(books, venue),
        *_fills(books, venue),
        *_money(books, venue),
        *_plans(books),
        *_memory(books),
    ]


def _left_open(books: Books, venue: Venue) -> Iterator[str]:
    truth = venue.truth
    for name, row in truth["positions"].items():
        if Decimal(row["quantity"]):
            yield f"position {row['quantity']} {name} is left at the venue"
    for order in truth["open_orders"]:
        yield f"order {order['client_id'] or order['order_id']} is left open at the venue"
    for name in books.plans:
        yield f"the plan on {name} is left in the store"


def _orders(books: Books, venue: Venue) -> Iterator[str]:
    for client_id, count in venue.truth["accepted"].items():
        if count > 1 and venue.decode(client_id) is not None:
            yield f"client id {client_id} was taken {count} times"
    known = {
        f"{value}"
        for record in books.of(Kind.ORDER, Kind.FILL, Kind.PLAN, Kind.HEALTH)
        for name in ("order_id", "reason")
        if (value := record.fields.get(name))
    }
    for name in venue.ours:
        if name not in known:
            yield f"order {name} is in no journal"


# ---------------------------------------------------------------- fills


def _fills(books: Books, venue: Venue) -> Iterator[str]:
    ours = [each for each in books.of(Kind.FILL) if _is_ours(each)]
    true, told = _true_fills(venue), _told_fills(ours)
    for name in sorted(true.keys() | told.keys()):
        there, here = true.get(name, Counter()), told.get(name, Counter())
        if lost := there - here:
            yield f"{name}: {_amounts(lost)} of its fills are in no journal"
        if more := here - there:
            word = "twice in the journals" if set(more) <= set(there) else "not at the venue"
            yield f"{name}: fills {_amounts(more)} are {word}"
    paid = sum((_of(fill, "fee") for fill in _our_fills(venue)), _ZERO)
    noted = sum((_number(record, "fee") for record in ours), _ZERO)
    if abs(paid - noted) > _CENT:
        yield f"fees in the journals are {noted}, should be {paid}"


def _is_ours(record: Record) -> bool:
    return f"{record.fields['order_id']}".startswith(_OURS)


def _true_fills(venue: Venue) -> dict[str, Amounts]:
    found: defaultdict[str, Amounts] = defaultdict(Counter)
    for name, orders in venue.ours.items():
        for order in orders:
            size = venue.sizes[order["instrument"]]
            for fill in order["fills"]:
                found[name][_of(fill, "quantity") * size, _of(fill, "price")] += 1
    return found


def _told_fills(records: Iterable[Record]) -> dict[str, Amounts]:
    found: defaultdict[str, Amounts] = defaultdict(Counter)
    for record in records:
        key = _number(record, "quantity"), _number(record, "price")
        found[f"{record.fields['order_id']}"][key] += 1
    return found


def _our_fills(venue: Venue) -> list[Mapping[str, Any]]:
    return [fill for orders in venue.ours.values() for order in orders for fill in order["fills"]]


def _amounts(fills: Amounts) -> str:
    return ", ".join(f"{quantity} at {price}" for quantity, price in fills.elements())


# ---------------------------------------------------------------- money


def _money(books: Books, venue: Venue) -> Iterator[str]:
    """Hold the cash flow of all fills against the balance; all positions are closed."""
    truth = venue.truth
    funding = sum((Decimal(paid) for paid in truth["funding"].values()), _ZERO)
    flow = sum((_flow(order, venue) for order in truth["orders"]), _ZERO)
    if abs(venue.began + flow - funding - venue.balance) > _CENT:
        yield f"the venue's own balance {venue.balance} is not {venue.began + flow - funding}"
    marks = list(books.of(Kind.EQUITY))
    if not marks:
        yield "no mark of the equity is in the journals"
    elif abs(_number(marks[-1], "balance") - venue.balance) > _CENT:
        told = marks[-1].fields["balance"]
        yield f"the last mark tells a balance of {told}, should be {venue.balance}"


def _flow(order: Mapping[str, Any], venue: Venue) -> Decimal:
    size = venue.sizes[order["instrument"]]
    sign = -1 if order["side"] == "buy" else 1
    values = [_of(fill, "quantity") * size * _of(fill, "price") for fill in order["fills"]]
    fees = [_of(fill, "fee") for fill in order["fills"]]
    return sign * sum(values, _ZERO) - sum(fees, _ZERO)


# ---------------------------------------------------------------- plans


def _plans(books: Books) -> Iterator[str]:
    """Hold what plans say they earned against their own fills, and see that each ended once."""
    begun, ended = Counter[str](), Counter[str]()
    earned: dict[str, Decimal] = {}
    for record in books.of(Kind.PLAN):
        plan, state = f"{record.fields['order_id']}", f"{record.fields['state']}"
        begun[plan] += state == "PENDING"
        if state in _ENDED:
            ended[plan] += 1
            earned[plan] = _number(record, "gross_pnl") - _number(record, "fees")
    for plan in sorted(begun.keys() | ended.keys()):
        if begun[plan] != 1 or ended[plan] != 1:
            yield f"plan {plan} began {begun[plan]} times and ended {ended[plan]} times"
    taken = _taken(books)
    flows = _plan_flows(books.of(Kind.FILL))
    for plan, amount in earned.items():
        if plan not in taken and abs(flows.get(plan, _ZERO) - amount) > _CENT:
            yield f"plan {plan} tells {amount}, its fills are {flows.get(plan, _ZERO)}"


def _plan_flows(records: Iterable[Record]) -> dict[str, Decimal]:
    found: defaultdict[str, Decimal] = defaultdict(Decimal)
    for record in records:
        sign = -1 if record.fields["side"] == "BUY" else 1
        value = sign * _number(record, "quantity") * _number(record, "price")
        found[f"{record.fields['plan_id']}"] += value - _number(record, "fee")
    return found


def _taken(books: Books) -> set[str]:
    """Name the plans of which somebody else closed a part, at a price that nobody told us."""
    current: dict[str, str] = {}
    found: set[str] = set()
    for record in books.of(Kind.PLAN, Kind.HEALTH):
        if record.kind is Kind.PLAN:
            current[record.instrument_id] = f"{record.fields['order_id']}"
        elif record.fields["state"] == "position vanished":
            found.add(current.get(record.instrument_id, ""))
    return found


# ---------------------------------------------------------------- risk


def _memory(books: Books) -> Iterator[str]:
    memory = books.memory
    seen = [_number(each, "equity") for each in books.of(Kind.EQUITY)]
    if seen and memory.peak_equity < max(seen):
        yield f"the risk memory's peak is {memory.peak_equity}, the journals saw {max(seen)}"
    told = ""
    for record in books.of(Kind.HEALTH):
        if record.fields["state"] in ("halted", "released"):
            told = f"{record.fields['reason']}"
    halted = memory.halted or memory.day_halted
    if halted != told:
        yield f"the risk memory is halted by {halted!r}, the journals say {told!r}"


def _of(row: Mapping[str, Any], name: str) -> Decimal:
    return Decimal(row[name])


def _number(record: Record, name: str) -> Decimal:
    return Decimal(f"{record.fields[name]}")
