"""Laws of the fill ledger: the order in which facts arrive, and how often, changes nothing."""

from dataclasses import dataclass, replace
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.orders.ledger import Ledger
from ccxt_nt.orders.ledgers import Ledgers
from ccxt_nt.values import FillRow, Force, OrderKind, OrderRow, OrderStatus, Side

_CLOSED = (OrderStatus.FILLED, OrderStatus.CANCELED, OrderStatus.EXPIRED, OrderStatus.REJECTED)
_SENT, _OURS = "t-O-1", "O-1"
_START_NS = 1_790_000_000_000_000_000


@dataclass(frozen=True)
class Link:
    """The venue's id became known to be of our order."""

    venue_order_id: str


type Fact = OrderRow | FillRow | Link


def decode(text: str) -> str | None:
    return text[2:] if text.startswith("t-") else None


def row(order_id: str = "V1", **changes: object) -> OrderRow:
    base = OrderRow(
        symbol="BTC/USDT",
        venue_order_id=order_id,
        client_order_id=_SENT,
        side=Side.BUY,
        kind=OrderKind.LIMIT,
        force=Force.GTC,
        post_only=False,
        reduce_only=False,
        status=OrderStatus.OPEN,
        quantity=Decimal(10),
        filled=Decimal(0),
        average=None,
        price=Decimal(100),
        trigger_price=None,
        fired_id=None,
        created_ns=_START_NS,
        updated_ns=_START_NS,
    )
    return replace(base, **changes)  # type: ignore[arg-type]  # any mix of fields


def fill(
    trade_id: str,
    quantity: Decimal,
    *,
    order_id: str = "V1",
    fee: Decimal | None = None,
    at: int = 1,
) -> FillRow:
    return FillRow(
        symbol="BTC/USDT",
        trade_id=trade_id,
        venue_order_id=order_id,
        client_order_id=None,
        side=Side.BUY,
        price=Decimal(100),
        quantity=quantity,
        is_maker=None,
        fee=fee,
        fee_currency=None if fee is None else "USDT",
        ts_event=_START_NS + at,
    )


@st.composite
def histories(draw: st.DrawFn) -> list[Fact]:
    """Draw the facts of one order's life in the order in which they happened."""
    quantity = Decimal(draw(st.integers(min_value=1, max_value=20)))
    order_id, facts = "V1", list[Fact]()
    if draw(st.booleans()):  # it begins as a trigger order
        waiting = row("T1", quantity=quantity, trigger_price=Decimal(90))
        facts.append(waiting)
        told = draw(st.booleans())
        fired = replace(
            waiting,
            status=OrderStatus.TRIGGERED,
            fired_id="V1" if told else None,
            updated_ns=_START_NS + 1,
        )
        facts.append(fired)
        order_id = "V1"
    names_client = draw(st.booleans())
    filled, moment = Decimal(0), 10
    shown = _SENT if names_client else None
    state = row(order_id, quantity=quantity, client_order_id=shown, created_ns=_START_NS + 5)
    facts.extend((Link(order_id), state))
    while filled < quantity and draw(st.booleans()):
        part = Decimal(draw(st.integers(min_value=1, max_value=int(quantity - filled))))
        filled, moment = filled + part, moment + 1
        facts.append(fill(f"f{moment}", part, order_id=order_id, at=moment))
        if draw(st.booleans()):
            told_fill = fill(f"f{moment}", part, order_id=order_id, fee=Decimal("0.1"), at=moment)
            facts.append(told_fill)
        if draw(st.booleans()):
            state = replace(state, filled=filled, updated_ns=_START_NS + moment)
            facts.append(state)
    if filled == quantity:
        end = OrderStatus.FILLED
    else:
        end = draw(st.sampled_from((OrderStatus.OPEN, OrderStatus.CANCELED, OrderStatus.EXPIRED)))
    facts.append(replace(state, status=end, filled=filled, updated_ns=_START_NS + moment + 1))
    return facts


def _venue_ids(facts: list[Fact]) -> set[str]:
    return {fact.venue_order_id for fact in facts}


def told(facts: list[Fact]) -> Ledger:
    """Tell facts to an empty book of ledgers and give the ledger of our order."""
    book = Ledgers(decode)
    ledger = book.expect(_OURS)
    for fact in facts:
        tell(book, fact)
    assert list(book) == [ledger]  # it is still the one of ours
    return ledger


def tell(book: Ledgers, fact: Fact) -> None:
    match fact:
        case OrderRow():
            book.absorb_order(fact)
        case FillRow():
            book.absorb_fill(fact)
        case Link(venue_order_id):
            book.acknowledge(_OURS, venue_order_id)


def state_of(ledger: Ledger) -> tuple[object, ...]:
    legs = {
        leg.venue_order_id: (leg.status, leg.told_filled, leg.largest, leg.last, leg.fired_id)
        for leg in ledger.legs.values()
    }
    return (
        ledger.status,
        ledger.filled,
        ledger.missing,
        ledger.surplus,
        ledger.quantity,
        ledger.venue_order_id,
        ledger.fills,
        legs,
    )


@given(histories(), st.data())
def test_any_order_and_any_repetition_end_in_the_same_state(
    facts: list[Fact], data: st.DataObject
) -> None:
    again = data.draw(st.lists(st.sampled_from(facts), max_size=6))
    shuffled = data.draw(st.permutations(facts + again))
    assert state_of(told(shuffled)) == state_of(told(facts))


@given(histories(), st.data())
def test_what_is_filled_never_exceeds_the_quantity_and_never_shrinks(
    facts: list[Fact], data: st.DataObject
) -> None:
    book = Ledgers(decode)
    ledger, before = book.expect(_OURS), Decimal(0)
    for fact in data.draw(st.permutations(facts)):
        tell(book, fact)
        assert ledger.filled >= before
        assert ledger.quantity is None or ledger.filled <= ledger.quantity
        before = ledger.filled


@given(histories(), st.data())
def test_a_closed_order_never_opens_again(facts: list[Fact], data: st.DataObject) -> None:
    book = Ledgers(decode)
    ledger = book.expect(_OURS)
    closed = False
    plain = [f for f in facts if not (isinstance(f, OrderRow) and f.venue_order_id == "T1")]
    for fact in data.draw(st.permutations(plain)):
        tell(book, fact)
        assert ledger.is_closed or not closed
        closed = ledger.is_closed


@given(histories(), st.data())
def test_no_fill_is_invented_and_none_is_told_twice(facts: list[Fact], data: st.DataObject) -> None:
    again = data.draw(st.permutations(facts + facts))
    book = Ledgers(decode)
    ledger = book.expect(_OURS)
    new = [f for f in again if isinstance(f, FillRow) and book.absorb_fill(f)[1]]
    known = {f.trade_id for f in facts if isinstance(f, FillRow)}
    assert sorted(f.trade_id for f in new) == sorted(known)
    for fact in facts:
        tell(book, fact)
    assert list(book) == [ledger]
    assert {f.trade_id for f in ledger.fills} == known


@given(histories(), st.data())
def test_what_is_missing_is_what_the_venue_counts_and_no_fill_explains(
    facts: list[Fact], data: st.DataObject
) -> None:
    lost = data.draw(st.lists(st.sampled_from(facts), max_size=5))
    lost_ids = {f.trade_id for f in lost if isinstance(f, FillRow)}
    left = [f for f in facts if not (isinstance(f, FillRow) and f.trade_id in lost_ids)]
    ledger = told(left)
    by_id = {f.trade_id: f.quantity for f in facts if isinstance(f, FillRow)}
    assert ledger.missing == sum((by_id[i] for i in lost_ids), Decimal(0))


@given(histories())
def test_the_richer_telling_of_a_fill_stays(facts: list[Fact]) -> None:
    ledger = told(facts)
    told_fees = {f.trade_id for f in facts if isinstance(f, FillRow) and f.fee is not None}
    assert {f.trade_id for f in ledger.fills if f.fee is not None} == told_fees


@given(histories(), st.data())
def test_somebody_elses_order_never_becomes_ours(facts: list[Fact], data: st.DataObject) -> None:
    def rename(order_id: str) -> str:
        return f"X{order_id}"

    theirs: list[Fact] = []
    for fact in facts:
        if isinstance(fact, OrderRow):
            theirs.append(
                replace(
                    fact,
                    venue_order_id=rename(fact.venue_order_id),
                    client_order_id="web",
                    fired_id=None if fact.fired_id is None else rename(fact.fired_id),
                )
            )
        elif isinstance(fact, FillRow):
            theirs.append(
                replace(
                    fact,
                    venue_order_id=rename(fact.venue_order_id),
                    trade_id=rename(fact.trade_id),
                )
            )
    book = Ledgers(decode)
    ours = book.expect(_OURS)
    for fact in data.draw(st.permutations(facts + theirs)):
        tell(book, fact)
    assert state_of(ours) == state_of(told(facts))
    found = {name: book.by_venue(name) for name in _venue_ids(theirs)}
    assert all(ledger is not None and ledger.is_external for ledger in found.values())
    assert found.keys().isdisjoint(ours.legs)
