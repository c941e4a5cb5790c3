"""Laws of the tape: every trade once, none of before, none lost in a reconnection."""

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.market.tape import Tape
from ccxt_nt.values import Side, TradeRow


def trade(number: int) -> TradeRow:
    return TradeRow(
        symbol="BTC/USDT",
        trade_id=str(number),
        price=Decimal(100),
        quantity=Decimal(1),
        side=Side.BUY,
        ts_event=number // 3,  # several at the same time
    )


NUMBERS = st.integers(0, 60)
PUSHES = st.lists(
    st.tuples(st.sampled_from(["push", "gap"]), st.lists(NUMBERS, max_size=10)), max_size=20
)


@given(PUSHES, st.integers(0, 10))
def test_no_trade_is_told_twice_and_none_from_before_the_beginning(
    pushes: list[tuple[str, list[int]]], start: int
) -> None:
    tape, told = Tape(start_ns=start), list[TradeRow]()
    for kind, numbers in pushes:
        rows = [trade(n) for n in numbers]
        if kind == "gap":
            tape.hold()
            told += tape.release(rows)
        else:
            told += tape.take(rows)
    ids = [row.trade_id for row in told]
    assert len(ids) == len(set(ids))
    assert all(row.ts_event >= start for row in told)
    assert set(ids) == {str(n) for _, numbers in pushes for n in numbers if n // 3 >= start}


@given(st.lists(NUMBERS, max_size=12), st.lists(NUMBERS, max_size=12), st.lists(NUMBERS))
def test_what_a_gap_held_back_and_what_the_history_has_are_told_together_in_order(
    before: list[int], held: list[int], history: list[int]
) -> None:
    tape = Tape(start_ns=0)
    known = {row.trade_id for row in tape.take([trade(n) for n in before])}
    tape.hold()
    assert tape.take([trade(n) for n in held]) == ()
    told = tape.release([trade(n) for n in history])
    assert not tape.is_holding
    assert {row.trade_id for row in told} == {str(n) for n in held + history} - known
    assert [row.ts_event for row in told] == sorted(row.ts_event for row in told)


@given(st.integers(1, 20), st.integers(0, 200))
def test_a_bounded_memory_still_never_tells_an_old_trade_again(memory: int, count: int) -> None:
    tape = Tape(start_ns=0, memory=memory)
    rows = [trade(3 * n) for n in range(count)]  # each a moment later
    told = [row for each in rows for row in tape.take([each])]
    assert told == rows
    assert tape.take(rows) == ()
    assert all(tape.knows(row) for row in rows)
