"""What must survive a restart is in one file, whole or refused."""

import sqlite3
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.book import Book, StoreError
from morningstar_strategy.core.commands import Direction, TradeSetup
from morningstar_strategy.core.ledger import Fill, Ledger, OrderRef, Role
from morningstar_strategy.core.limits import RiskLimits, RiskMemory
from morningstar_strategy.core.records import Kind, Record, Value, to_line
from morningstar_strategy.core.state import Active, Plan
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.memory import RiskWatch
from morningstar_strategy.store import Action, StateStore

NAME = "BTCUSDT-PERP.BITGET"

_money = st.decimals(min_value=0, max_value=10**9, places=8)
_memories = st.builds(
    RiskMemory,
    peak_equity=_money,
    day=st.integers(-1, 10**6),
    day_equity=_money,
    halted=st.text(max_size=40),
    day_halted=st.text(max_size=40),
    cooldowns=st.lists(st.tuples(st.text(max_size=20), st.integers(0, 2**62)), max_size=4).map(
        tuple
    ),
)


def ledger(reason: str = "it looked good") -> Ledger:
    setup = TradeSetup(
        symbol=NAME,
        direction=Direction.LONG,
        entry_price=None,
        stop_loss_price=Decimal("95.50"),
        take_profit_prices=(Decimal("107.0"), Decimal(110)),
        position_size_percent=Decimal("12.5"),
    )
    plan = Plan(order_id="O-1", setup=setup, quantity=Decimal("1.50"), planned_ns=7, reason=reason)
    return Ledger.open(plan, (OrderRef(order_id="O-1", role=Role.ENTRY, quantity=Decimal("1.50")),))


def entered(quantity: str = "0.7") -> Ledger:
    fill = Fill(
        order_id="O-1",
        quantity=Decimal(quantity),
        price=Decimal("100.1"),
        fee=Decimal("0.01"),
        slippage=Decimal(0),
        ts_event=9,
    )
    return ledger().filled(fill)


def store(folder: Path, account: str = "BITGET-001") -> StateStore:
    return StateStore(folder / "state.sqlite", account=account)


@given(memory=_memories)
def test_a_risk_memory_that_is_saved_is_loaded(
    tmp_path_factory: pytest.TempPathFactory, memory: RiskMemory
) -> None:
    with store(tmp_path_factory.getbasetemp()) as kept:
        kept.save(memory)
        assert kept.load() == memory


@given(reason=st.text(max_size=30), quantity=st.integers(1, 150))
def test_a_plan_that_is_saved_is_loaded_with_its_fills(
    tmp_path_factory: pytest.TempPathFactory, reason: str, quantity: int
) -> None:
    known = ledger(reason).filled(
        Fill(
            order_id="O-1",
            quantity=Decimal(quantity) / 100,
            price=Decimal("100.1"),
            fee=Decimal("0.01"),
            slippage=Decimal("0.002"),
            ts_event=9,
        )
    )
    with store(tmp_path_factory.getbasetemp()) as kept:
        kept.save_plan(NAME, known)
        found = kept.load_plans()[NAME]
    assert found == known
    assert isinstance(found.trade, Active)
    assert found.orders[0].filled == Decimal(quantity) / 100


def test_a_new_store_holds_nothing(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        assert kept.load() == RiskMemory()
        assert kept.load_plans() == {}
        assert kept.open_requests() == ()
        assert kept.status() is None


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"peak_equity": "x"}', "\x00"])
def test_a_damaged_memory_is_refused(tmp_path: Path, text: str) -> None:
    with store(tmp_path) as kept:
        kept._set_fact("risk", text)
        with pytest.raises(StoreError, match=r"risk memory in .*state\.sqlite is damaged"):
            kept.load()


def test_a_damaged_plan_is_refused_and_names_its_instrument(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        kept.save_plan(NAME, ledger())
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        connection.execute("UPDATE plans SET ledger = replace(ledger, '95.50', 'x')")
    connection.close()
    with store(tmp_path) as kept, pytest.raises(StoreError, match=f"plan on {NAME} .* damaged"):
        kept.load_plans()


def test_a_damaged_request_is_refused_and_names_its_number(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        number = kept.ask(Action.HALT, operator="Ada", reason="news", asked_ns=1)
    with sqlite3.connect(tmp_path / "state.sqlite") as connection:
        connection.execute("UPDATE requests SET action = 'pause'")
    connection.close()
    with store(tmp_path) as kept:
        with pytest.raises(StoreError, match=f"request {number} in .* is damaged: 'pause'"):
            kept.open_requests()
        with pytest.raises(StoreError, match=f"request {number} in .* is damaged: 'pause'"):
            kept.request(number)


def test_a_file_that_is_no_store_is_refused(tmp_path: Path) -> None:
    (tmp_path / "state.sqlite").write_text("not a database, but long enough to look at" * 40)
    with pytest.raises(StoreError, match="cannot be opened"), store(tmp_path):
        pass


@pytest.mark.parametrize("harm", ["", "DELETE FROM facts", "DROP TABLE facts"])
def test_a_store_that_was_emptied_is_refused_rather_than_begun_anew(
    tmp_path: Path, harm: str
) -> None:
    with store(tmp_path) as kept:
        kept.save(RiskMemory(halted="by Ada"))
        path = kept._path
    if harm:
        with sqlite3.connect(path) as connection:
            connection.execute(harm)
        connection.close()
    else:
        for each in path.parent.glob(f"{path.name}*"):
            each.write_bytes(b"")
    with pytest.raises(StoreError, match="was emptied"), store(tmp_path):
        raise AssertionError("it was opened")


FOUNDER = """
import sys
from pathlib import Path
from morningstar_strategy.store import StateStore
for number in range(1_000_000):
    with StateStore(Path(sys.argv[1]) / f"{number}/state.sqlite", account="demo BITGET"):
        print(number, flush=True)
"""


@pytest.mark.parametrize("founded", [1, 3, 5, 7])
def test_whoever_is_killed_while_a_store_is_made_leaves_a_whole_one_or_none(
    tmp_path: Path, founded: int
) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", FOUNDER, f"{tmp_path}"], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        for _ in range(founded):
            process.stdout.readline()
        process.kill()
    folders = sorted(tmp_path.iterdir())
    assert len(folders) >= founded
    for folder in folders:
        with StateStore(folder / "state.sqlite", account="demo BITGET") as opened:
            assert opened.load() == RiskMemory()


def test_what_is_left_of_a_store_that_was_never_made_is_no_hindrance(tmp_path: Path) -> None:
    for content in (b"", b"SQLite format 3\x00 and then the power went"):
        (tmp_path / "state.begun").write_bytes(content)
        with store(tmp_path) as opened:
            path = opened._path
        assert sorted(each.name for each in tmp_path.iterdir()) == ["state.lock", "state.sqlite"]
        path.unlink()


def test_a_store_that_is_taken_away_takes_no_more_plans(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        path = kept._path
        path.rename(tmp_path / "elsewhere")
        with pytest.raises(StoreError, match="is gone"):
            kept.save_plan(NAME, ledger())
        path.write_bytes(b"")
        with pytest.raises(StoreError, match="another file is in its place"):
            kept.save_plan(NAME, ledger())
        path.unlink()
        (tmp_path / "elsewhere").rename(path)
        kept.save_plan(NAME, ledger())


def test_a_halt_takes_the_word_from_whoever_asked_to_resume_before(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        older = kept.ask(Action.RESUME, operator="Ada", reason="", asked_ns=5)
        kept.ask(Action.FLATTEN, operator="Bob", reason="", asked_ns=6)
        newer = kept.ask(Action.RESUME, operator="Cy", reason="", asked_ns=7)
        assert kept.request(older).answer == "refused: halted meanwhile by Bob"
        assert [each.number for each in kept.open_requests()] == [2, newer]


def test_only_one_node_trades_on_a_store(tmp_path: Path) -> None:
    with store(tmp_path):
        with pytest.raises(StoreError, match="held by a node that runs"), store(tmp_path):
            pass
        with StateStore(tmp_path / "state.sqlite") as guest:  # a person may ask meanwhile
            guest.ask(Action.HALT, operator="Ada", reason="news", asked_ns=1)
    with store(tmp_path) as again:
        assert [each.action for each in again.open_requests()] == [Action.HALT]


def test_a_store_is_of_one_account_for_ever(tmp_path: Path) -> None:
    with store(tmp_path):
        pass
    with (
        pytest.raises(StoreError, match="is of account BITGET-001, not of GATE-001"),
        store(tmp_path, "GATE-001"),
    ):
        pass


def test_a_guest_does_not_make_a_store(tmp_path: Path) -> None:
    with (
        pytest.raises(StoreError, match="does not exist"),
        StateStore(tmp_path / "state.sqlite"),
    ):
        pass


def test_a_request_is_answered_once_and_needs_a_name(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        number = kept.ask(Action.FLATTEN, operator="Ada", reason="", asked_ns=5)
        assert kept.request(number).answer is None
        kept.answer(number, "flat")
        assert kept.request(number).answer == "flat"
        assert kept.open_requests() == ()
        with pytest.raises(StoreError, match="operator's name"):
            kept.ask(Action.HALT, operator=" ", reason="", asked_ns=6)
        with pytest.raises(StoreError, match="request 99 is not in"):
            kept.request(99)


# ---------------------------------------------------------------- the book


def test_a_plan_is_on_disk_before_it_is_in_the_book(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        book = Book(kept)
        book[NAME] = ledger()
        assert kept.load_plans() == {NAME: ledger()}
        book[NAME] = entered()
        assert kept.load_plans() == {NAME: entered()}
        fresh = Book(kept)
        fresh.restore(venue=NAME.rpartition(".")[2], tag="001")
        assert fresh == book
        assert book.forget(NAME) == entered()
        assert kept.load_plans() == {}


def test_a_plan_that_cannot_be_kept_is_not_begun(tmp_path: Path) -> None:
    kept = store(tmp_path)
    hindrances = Hindrances()
    with kept:
        book = Book(kept, hindrances)
    with pytest.raises(StoreError, match="is not open"):
        book[NAME] = ledger()
    assert NAME not in book
    assert "is not open" in hindrances.reason


def test_what_is_open_goes_on_without_the_store_and_is_kept_later(tmp_path: Path) -> None:
    hindrances = Hindrances()
    kept = store(tmp_path)
    with kept:
        book = Book(kept, hindrances)
        book[NAME] = ledger()
    book[NAME] = entered()
    assert book[NAME] == entered()
    assert "store" in hindrances.known
    with kept:
        book.settle()
        assert not hindrances
        assert kept.load_plans() == {NAME: entered()}


def test_a_lock_that_another_process_holds_is_a_hindrance_that_passes(tmp_path: Path) -> None:
    hindrances = Hindrances()
    with store(tmp_path) as kept:
        book = Book(kept, hindrances)
        book[NAME] = ledger()
        other = sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None)
        other.execute("BEGIN EXCLUSIVE")
        book[NAME] = entered()
        assert "locked" in hindrances.reason
        other.execute("ROLLBACK")
        other.close()
        book.settle()
        assert not hindrances
        assert kept.load_plans() == {NAME: entered()}


# ---------------------------------------------------------------- the risk memory


def test_a_halt_is_latched_on_disk_and_lifted_only_by_a_name(tmp_path: Path) -> None:
    limits = RiskLimits()
    with store(tmp_path) as kept:
        watch = RiskWatch(limits=limits, store=kept)
        watch.see(Decimal(1000), now_ns=5)
        watch.halt("by Ada: news")
        watch.halt("something later")
        assert RiskWatch(limits=limits, store=kept).memory.halted == "by Ada: news"
        with pytest.raises(ValueError, match="operator's name"):
            watch.resume(operator="", equity=Decimal(1000))
        watch.resume(operator="Ada", equity=Decimal(990))
        assert kept.load() == replace(
            watch.memory, halted="", peak_equity=Decimal(990), day_equity=Decimal(990)
        )


def test_what_hinders_new_risk_counts_as_a_halt_and_is_not_kept(tmp_path: Path) -> None:
    hindrances = Hindrances()
    with store(tmp_path) as kept:
        watch = RiskWatch(limits=RiskLimits(), store=kept, hindrances=hindrances)
        watch.see(Decimal(1000), now_ns=5)
        assert watch.standing is watch.memory
        hindrances.note("venue", "blind")
        assert watch.standing.halted == "venue: blind"
        assert kept.load().halted == ""
        hindrances.note("venue", "")
        assert watch.standing is watch.memory


def test_a_memory_that_cannot_be_kept_holds_here_and_hinders_new_risk(tmp_path: Path) -> None:
    hindrances = Hindrances()
    kept = store(tmp_path)
    with kept:
        watch = RiskWatch(limits=RiskLimits(), store=kept, hindrances=hindrances)
    watch.halt("by Ada")
    assert watch.memory.halted == "by Ada"
    assert "risk memory" in hindrances.known
    with kept:
        watch.see(Decimal(1000), now_ns=5)
        assert kept.load().halted == "by Ada"
    assert not hindrances


def test_each_change_of_a_hindrance_is_told_once() -> None:
    told: list[tuple[str, str]] = []
    hindrances = Hindrances()
    hindrances.tell = lambda source, reason: told.append((source, reason))
    for reason in ("a", "b", "", ""):
        hindrances.note("venue", reason)
    hindrances.note("data", "old")
    assert told == [("venue", "a"), ("venue", ""), ("data", "old")]
    assert hindrances.reason == "data: old"


# ---------------------------------------------------------------- what the journal is to have


def told(number: int) -> Record:
    fields: dict[str, Value] = {"order_id": f"O-{number}", "quantity": "1"}
    return Record(ts_event=number, kind=Kind.FILL, instrument_id=NAME, fields=fields)


def test_lines_for_the_journal_are_kept_with_the_plan_that_they_tell_of(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        book = Book(kept)
        book.put(NAME, ledger(), told(1))
        book.put(NAME, entered(), told(2), told(3))
        book.forget(NAME, told(4))
    with store(tmp_path) as kept:
        assert kept.load_plans() == {}
        assert kept.untold() == tuple(to_line(told(number)) for number in (1, 2, 3, 4))
        kept.forget_untold()
        assert kept.untold() == ()


def test_lines_of_a_plan_that_could_not_be_kept_are_kept_with_the_next(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        book = Book(kept)
        book.put(NAME, ledger(), told(1))
        with sqlite3.connect(tmp_path / "state.sqlite", isolation_level=None) as other:
            other.execute("BEGIN IMMEDIATE")
            book.put(NAME, entered(), told(2))
            other.execute("ROLLBACK")
        other.close()
        assert len(kept.untold()) == 1
        book.settle()
        assert kept.untold() == (to_line(told(1)), to_line(told(2)))
        assert kept.load_plans() == {NAME: entered()}


def test_orders_of_no_plan_are_known_after_a_restart_until_they_are_over(tmp_path: Path) -> None:
    with store(tmp_path) as kept:
        book = Book(kept)
        for number in (7, 8):
            book.stray(f"O-20260102-030405-001-001-{number}", Decimal(0))
        book.stray("O-20260102-030405-001-002-9", Decimal(0))  # of the strategy of another venue
        book.stray("O-20260102-030405-001-001-7", Decimal("0.25"), told(7))
        book.forget_stray("O-20260102-030405-001-001-8")
    with store(tmp_path) as kept:
        book = Book(kept)
        book.restore(venue="BITGET", tag="001")
        assert book.strays == {"O-20260102-030405-001-001-7": Decimal("0.25")}
        assert kept.untold() == (to_line(told(7)),)


def test_an_order_of_no_plan_that_could_not_be_kept_hinders_until_it_is(tmp_path: Path) -> None:
    hindrances = Hindrances()
    kept = store(tmp_path)
    book = Book(kept, hindrances)
    book.stray("O-20260102-030405-001-001-7", Decimal("0.25"), told(7))
    assert "is not open" in hindrances.reason
    with kept:
        book.settle()
        assert not hindrances
        assert kept.load_strays() == {"O-20260102-030405-001-001-7": Decimal("0.25")}
        assert kept.untold() == (to_line(told(7)),)
