"""The fill ledger through the lives of orders that once went wrong."""

from dataclasses import replace
from decimal import Decimal

from ccxt_nt.orders.ledger import Ledger
from ccxt_nt.orders.ledgers import Ledgers
from ccxt_nt.values import OrderKind, OrderStatus
from tests.property.test_ccxt_ledger import decode, fill, row

_OURS = "O-1"
STOP: dict[str, object] = {"kind": OrderKind.STOP_MARKET, "trigger_price": Decimal(90)}


def book_of_ours() -> tuple[Ledgers, Ledger]:
    book = Ledgers(decode)
    return book, book.expect(_OURS)


def stands(ledger: Ledger, status: OrderStatus) -> bool:
    return ledger.status is status


def test_an_order_that_the_venue_never_saw_has_no_status() -> None:
    _, ledger = book_of_ours()
    assert ledger.status is None
    assert not ledger.is_closed
    assert ledger.venue_order_id is None


def test_a_fill_that_comes_before_its_order_waits_for_it() -> None:
    book, ledger = book_of_ours()
    holder, is_new = book.absorb_fill(fill("f1", Decimal(4)))
    assert is_new
    assert holder.is_external
    assert ledger.filled == 0
    book.absorb_order(row(filled=Decimal(4)))
    assert ledger.filled == 4
    assert ledger.missing == 0
    assert book.by_venue("V1") is ledger


def test_a_cumulative_sum_without_fills_says_what_is_missing() -> None:
    book, ledger = book_of_ours()
    _, news = book.absorb_order(
        row(status=OrderStatus.CANCELED, filled=Decimal(3), updated_ns=2 * 10**18)
    )
    assert news.status is OrderStatus.CANCELED
    assert news.missing == 3
    assert ledger.missing
    book.absorb_fill(fill("f1", Decimal(3)))
    assert ledger.is_closed
    assert ledger.missing == 0


def test_a_filled_order_without_a_sum_is_missing_whole() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row(status=OrderStatus.FILLED, filled=None))
    assert ledger.missing == 10


def test_fills_alone_close_an_order() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row())
    book.absorb_fill(fill("f1", Decimal(6)))
    assert stands(ledger, OrderStatus.OPEN)
    book.absorb_fill(fill("f2", Decimal(4)))
    assert stands(ledger, OrderStatus.FILLED)


def test_a_stale_row_changes_nothing() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row(status=OrderStatus.FILLED, filled=Decimal(10), updated_ns=2 * 10**18))
    _, news = book.absorb_order(row())
    assert news.status is None
    assert stands(ledger, OrderStatus.FILLED)


def test_a_fill_too_many_is_told_as_surplus_and_not_counted() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row())
    book.absorb_fill(fill("f1", Decimal(10)))
    _, is_new = book.absorb_fill(fill("f2", Decimal(1)))
    assert not is_new
    assert ledger.filled == 10
    assert ledger.surplus == 1


def test_an_amended_quantity_is_the_latest_told() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row())
    book.absorb_order(row(quantity=Decimal(7), updated_ns=2 * 10**18))
    assert ledger.quantity == 7


def test_a_trigger_order_lives_on_in_what_it_fired() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", trigger_price=Decimal(90)))
    book.absorb_order(row("T1", status=OrderStatus.TRIGGERED, fired_id="V1", updated_ns=2 * 10**18))
    assert ledger.venue_order_id == "V1"
    book.absorb_order(row("V1", client_order_id="made by the venue", filled=Decimal(2)))
    book.absorb_fill(fill("f1", Decimal(2)))
    assert stands(ledger, OrderStatus.OPEN)
    assert ledger.filled == 2
    assert ledger.missing == 0


def test_an_order_that_names_its_trigger_order_joins_it() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", trigger_price=Decimal(90)))
    book.absorb_order(row("V1", client_order_id=None, fired_from="T1"))
    assert ledger.venue_order_id == "V1"


def test_a_fired_order_is_found_by_the_client_id_that_it_keeps() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", trigger_price=Decimal(90)))
    book.absorb_order(row("T1", status=OrderStatus.TRIGGERED, updated_ns=2 * 10**18))
    assert stands(ledger, OrderStatus.TRIGGERED)
    book.absorb_order(row("V1", created_ns=3 * 10**18))
    assert ledger.venue_order_id == "V1"
    assert stands(ledger, OrderStatus.OPEN)


def test_a_stop_that_fired_while_it_was_replaced_is_open_until_what_it_became_is_known() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", **STOP))
    book.replace("T1", "T2")
    book.absorb_order(row("T2", client_order_id="t-O-1-R1", status=OrderStatus.CANCELED, **STOP))
    book.absorb_order(row("T1", status=OrderStatus.TRIGGERED, updated_ns=2 * 10**18, **STOP))
    ledger.revert("T1")
    assert stands(ledger, OrderStatus.TRIGGERED)
    assert ledger.is_unlinked(ledger.legs["T1"])
    book.absorb_order(row("V1", client_order_id=None, fired_from="T1", status=OrderStatus.FILLED))
    assert stands(ledger, OrderStatus.FILLED)
    assert not ledger.is_unlinked(ledger.legs["T1"])


def test_what_a_stop_became_counts_though_its_firing_was_never_told() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", **STOP))
    book.absorb_order(row("V1", client_order_id=None, fired_from="T1", status=OrderStatus.CANCELED))
    assert stands(ledger, OrderStatus.CANCELED)


def test_an_order_of_the_same_client_id_that_waits_for_nothing_is_what_a_stop_became() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", **STOP))
    book.absorb_order(row("V1", status=OrderStatus.CANCELED))
    assert stands(ledger, OrderStatus.CANCELED)
    assert ledger.became(ledger.legs["T1"]) is ledger.legs["V1"]


def test_a_stop_in_place_of_what_a_stop_became_may_fire_too() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", **STOP))
    book.absorb_order(row("V1", status=OrderStatus.CANCELED))
    book.replace("V1", "T2")
    second = row("T2", client_order_id="t-O-1-R1", **STOP)
    book.absorb_order(second)
    book.absorb_order(replace(second, status=OrderStatus.TRIGGERED, updated_ns=2 * 10**18))
    assert ledger.is_unlinked(ledger.legs["T2"])
    assert stands(ledger, OrderStatus.TRIGGERED)


def test_a_replacement_takes_over_and_its_fills_add_up() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("V1"))
    book.absorb_fill(fill("f1", Decimal(3)))
    book.replace("V1", "V2")
    book.absorb_order(row("V2", client_order_id="t-O-1-R1", quantity=Decimal(7)))
    book.absorb_fill(fill("f2", Decimal(5), order_id="V2"))
    assert ledger.venue_order_id == "V2"
    assert ledger.filled == 8
    assert ledger.quantity == 7


def test_two_orders_of_ours_may_share_a_trade_id() -> None:
    """A trade with ourselves has one id and two fills."""
    book, ledger = book_of_ours()
    other = book.expect("O-2")
    book.absorb_order(row("V1"))
    book.absorb_order(row("V2", client_order_id="t-O-2"))
    book.absorb_fill(fill("f1", Decimal(1), order_id="V1"))
    book.absorb_fill(fill("f1", Decimal(1), order_id="V2"))
    assert ledger.filled == other.filled == 1


def test_an_order_by_hand_stays_external() -> None:
    book, ledger = book_of_ours()
    found, _ = book.absorb_order(row("X1", client_order_id="web"))
    assert found.is_external
    assert book.by_venue("X1") is found
    assert list(book) == [ledger]


def test_an_order_seen_before_it_was_expected_is_adopted() -> None:
    book = Ledgers(decode)
    found, _ = book.absorb_order(row("V1"))
    assert found.is_external
    ledger = book.expect(_OURS)
    assert ledger.venue_order_id == "V1"
    assert book.by_venue("V1") is ledger


def test_an_acknowledgement_links_what_names_no_client() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("V1", client_order_id=None, filled=Decimal(1)))
    book.acknowledge(_OURS, "V1")
    assert ledger.missing == 1


def test_what_is_over_can_be_forgotten() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("V1"))
    book.forget(ledger)
    assert list(book) == []
    assert book.by_venue("V1") is None


def test_an_order_of_ours_is_never_joined_to_another_of_ours() -> None:
    book, ledger = book_of_ours()
    other = book.acknowledge("O-2", "V2")
    book.absorb_order(row("V1"))
    book.replace("V1", "V2")
    assert book.by_venue("V1") is ledger
    assert book.by_venue("V2") is other


def test_the_fee_that_comes_later_enriches_the_fill() -> None:
    book, ledger = book_of_ours()
    book.absorb_fill(fill("f1", Decimal(1)))
    book.acknowledge(_OURS, "V1")
    _, is_new = book.absorb_fill(replace(fill("f1", Decimal(1)), fee=Decimal("0.1")))
    assert not is_new
    assert [f.fee for f in ledger.fills] == [Decimal("0.1")]


def test_a_client_id_once_told_stays_known() -> None:
    book, ledger = book_of_ours()
    book.absorb_order(row("T1", **STOP))
    book.absorb_order(row("T1", client_order_id=None, updated_ns=2 * 10**18, **STOP))
    book.absorb_order(row("V1", status=OrderStatus.FILLED))
    assert ledger.became(ledger.legs["T1"]) is ledger.legs["V1"]
    assert stands(ledger, OrderStatus.FILLED)
