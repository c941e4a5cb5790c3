"""Laws of the difference between two books."""

from dataclasses import dataclass
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.market.book_reading import RawBook, exact_row, exact_update, read_book
from ccxt_nt.market.books import Act, BookError, BookKeeper, BookUpdate, check
from ccxt_nt.parsing import Unreadable
from ccxt_nt.values import BookRow, Side

PRICES = st.integers(1, 60)
SIZES = st.integers(1, 5)


@st.composite
def books(draw: st.DrawFn) -> BookRow:
    """Draw a book that is true: two sides apart, no price twice."""
    middle = draw(st.integers(10, 50))
    bids = draw(st.dictionaries(st.integers(1, middle - 1), SIZES, max_size=12))
    asks = draw(st.dictionaries(st.integers(middle, 60), SIZES, max_size=12))
    return BookRow(
        symbol="BTC/USDT",
        bids=tuple((Decimal(p), Decimal(bids[p])) for p in sorted(bids, reverse=True)),
        asks=tuple((Decimal(p), Decimal(asks[p])) for p in sorted(asks)),
        sequence=draw(st.none() | st.integers(0, 10**12)),
        ts_event=draw(st.integers(0, 10**18)),
    )


@dataclass
class Mirror:
    """Whoever applies our updates."""

    bids: dict[Decimal, Decimal]
    asks: dict[Decimal, Decimal]

    def apply(self, update: BookUpdate[Decimal]) -> None:
        if update.is_snapshot:
            self.bids, self.asks = {}, {}
        for change in update.changes:
            side = self.bids if change.side is Side.BUY else self.asks
            match change.act:
                case Act.DELETE:
                    del side[change.price]
                case Act.ADD:
                    assert change.price not in side
                    assert change.quantity is not None
                    side[change.price] = change.quantity
                case Act.UPDATE:
                    assert change.quantity is not None
                    assert side[change.price] != change.quantity
                    side[change.price] = change.quantity


@given(st.lists(books() | st.none(), max_size=12), st.integers(1, 15))
def test_whoever_follows_the_updates_has_the_top_of_the_book(
    told: list[BookRow | None], depth: int
) -> None:
    keeper: BookKeeper[Decimal] = BookKeeper(depth)
    mirror = Mirror({}, {})
    for row in told:
        if row is None:  # a reconnection
            keeper.forget()
            continue
        update = keeper.absorb(row)
        if update is not None:
            mirror.apply(update)
        assert mirror.bids == dict(row.bids[:depth])
        assert mirror.asks == dict(row.asks[:depth])


@given(books(), st.integers(1, 15))
def test_the_same_book_again_is_no_news_but_after_a_gap_it_is_a_snapshot(
    row: BookRow, depth: int
) -> None:
    keeper: BookKeeper[Decimal] = BookKeeper(depth)
    first = keeper.absorb(row)
    assert first is not None
    assert first.is_snapshot
    assert keeper.absorb(row) is None
    keeper.forget()
    again = keeper.absorb(row)
    assert again is not None
    assert again.is_snapshot
    assert again.changes == first.changes


@given(books(), books())
def test_what_goes_is_told_before_what_comes_so_that_no_side_crosses_the_other(
    before: BookRow, after: BookRow
) -> None:
    keeper: BookKeeper[Decimal] = BookKeeper(20)
    keeper.absorb(before)
    update = keeper.absorb(after)
    for side in Side:
        acts = [change.act for change in (update.changes if update else ()) if change.side is side]
        gone = [act is Act.DELETE for act in acts]
        assert gone == sorted(gone, reverse=True)


@given(books())
def test_exact_numbers_come_out_of_floats_as_the_venue_wrote_them(row: BookRow) -> None:
    scale = Decimal("0.0001")
    exact = BookRow(
        symbol=row.symbol,
        bids=tuple((p * scale, q * scale) for p, q in row.bids),
        asks=tuple((p * scale, q * scale) for p, q in row.asks),
        sequence=row.sequence,
        ts_event=row.ts_event,
    )
    raw = RawBook(
        symbol=row.symbol,
        bids=tuple((float(p), float(q)) for p, q in exact.bids),
        asks=tuple((float(p), float(q)) for p, q in exact.asks),
        sequence=row.sequence,
        ts_event=row.ts_event,
    )
    assert exact_row(raw) == exact
    rough: BookKeeper[float] = BookKeeper(10)
    keeper: BookKeeper[Decimal] = BookKeeper(10)
    update = rough.absorb(raw)
    assert update is not None
    assert exact_update(update).changes == getattr(keeper.absorb(exact), "changes", None)


def row_of(bids: list[tuple[str, str]], asks: list[tuple[str, str]]) -> BookRow:
    return BookRow(
        symbol="BTC/USDT",
        bids=tuple((Decimal(p), Decimal(q)) for p, q in bids),
        asks=tuple((Decimal(p), Decimal(q)) for p, q in asks),
        sequence=None,
        ts_event=0,
    )


@pytest.mark.parametrize(
    ("bids", "asks", "says"),
    [
        ([("100", "1")], [("100", "1")], "crossed: bid 100, ask 100"),
        ([("101", "1")], [("100", "1")], "crossed: bid 101, ask 100"),
        ([("99", "1"), ("100", "1")], [], "out of order: 100 after 99"),
        ([], [("101", "1"), ("100", "1")], "out of order: 100 after 101"),
        ([("99", "1"), ("99", "2")], [], "out of order: 99 after 99"),
        ([("99", "0")], [], "at 99 hold 0"),
        ([("99", "-1")], [], "at 99 hold -1"),
    ],
)
def test_a_book_that_cannot_be_true_is_refused_and_forgotten(
    bids: list[tuple[str, str]], asks: list[tuple[str, str]], says: str
) -> None:
    keeper: BookKeeper[Decimal] = BookKeeper(5)
    good = row_of([("99", "1")], [("100", "1")])
    keeper.absorb(good)
    with pytest.raises(BookError, match=says):
        keeper.absorb(row_of(bids, asks))
    again = keeper.absorb(good)
    assert again is not None
    assert again.is_snapshot


def test_a_price_that_is_no_number_is_refused() -> None:
    bids = ((float("nan"), 1.0),)
    raw = RawBook(symbol="BTC/USDT", bids=bids, asks=(), sequence=None, ts_event=0)
    with pytest.raises(BookError, match="nan"):
        check(raw)


@pytest.mark.parametrize(
    "book",
    [
        {"symbol": "ETH/USDT", "bids": [], "asks": []},
        {"bids": None, "asks": []},
        {"bids": "abc", "asks": []},
        {"bids": [[1.0]], "asks": []},
        {"bids": [None], "asks": []},
    ],
)
def test_a_book_that_is_none_is_refused(book: dict[str, object]) -> None:
    with pytest.raises(Unreadable):
        read_book(book, symbol="BTC/USDT", depth=5, received_ns=1)


def test_what_was_read_does_not_change_when_ccxt_changes_its_book() -> None:
    living = {"bids": [[99.0, 1.0]], "asks": [[100.0, 1.0]], "nonce": 5, "timestamp": None}
    read = read_book(living, symbol="BTC/USDT", depth=5, received_ns=7)
    living["bids"][0][1] = 2.0  # type: ignore[index]  # ccxt does so
    assert read.bids == ((99.0, 1.0),)
    assert (read.sequence, read.ts_event) == (5, 7)
