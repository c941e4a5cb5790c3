"""What crosses a border once crosses it again: same answers, same acts, same times."""

import os
import resource
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.border import (
    Asked,
    Border,
    Codec,
    Origin,
    Recorder,
    Replayer,
    crossing,
    crossings,
)
from morningstar_strategy.border.codecs import BAR, DECIMAL, ORDERS, PLAIN
from morningstar_strategy.border.recorder import CALL, RAISED, SEEN

# `Any` in this module: the engine's clock, and lines of JSON

QUESTIONS = ("price", "held", "halted")


@dataclass
class Hand:
    """A clock that is set by hand, and calls back when it comes to an alert."""

    ns: int = 0
    alerts: dict[str, tuple[int, Callable[[object], None]]] = field(default_factory=dict)

    def timestamp_ns(self) -> int:
        return self.ns

    def set_time_alert_ns(self, name: str, ns: int, callback: Callable[[object], None]) -> None:
        self.alerts[name] = (ns, callback)

    def go_to(self, ns: int) -> None:
        while due := [name for name, (at, _) in self.alerts.items() if at <= ns]:
            first = min(due, key=lambda name: self.alerts[name][0])
            self.ns, callback = max(self.ns, self.alerts[first][0]), self.alerts[first][1]
            del self.alerts[first]
            callback(None)
        self.ns = max(self.ns, ns)


class World:
    """What is outside: it changes at random and answers what it is just then."""

    def __init__(self, seed: int) -> None:
        self._rng = Random(seed)

    def look(self, question: str) -> object:
        if question == "price" and self._rng.random() < 0.1:
            raise LookupError("no price")
        return self._rng.choice([None, 1, "a", [1, "b"], {"x": False}])


class Machine:
    """Looks and acts as its calls tell it, and remembers all that it saw and when."""

    def __init__(self, border: Border | None, look: Callable[[str], object]) -> None:
        self.border = border
        self._look = look
        self.seen: list[object] = []
        self.done: list[str] = []
        self.nested: list[str] = []  # calls that come while something goes out

    @crossing(Origin.HEARD)
    def event(self, plan: str) -> None:
        self._follow(plan)

    @crossing(Origin.MADE)
    def ask(self, plan: str) -> int:
        self._follow(plan)
        return len(self.seen)

    @crossing(Origin.AWAITED)
    def decide(self, plan: str) -> None:
        self._follow(plan)

    def _follow(self, plan: str) -> None:
        assert self.border is not None
        for word in plan.split():
            if word in QUESTIONS:
                self._see(self.border, word)
            elif word == "time":
                self.seen.append(self.border.now_ns(lambda: -1))
            else:
                self.border.act([word], self._answer)
                self.done.append(word)

    def _see(self, border: Border, question: str) -> None:
        try:
            self.seen.append(
                border.see(question, lambda: self._look(question), PLAIN, (LookupError,))
            )
        except LookupError as e:
            self.seen.append(f"{e}")

    def _answer(self) -> None:
        if self.nested:
            self.event(self.nested.pop())


words = st.lists(st.sampled_from([*QUESTIONS, "time", "buy", "sell"]), max_size=6).map(" ".join)
calls = st.lists(st.tuples(st.sampled_from(["event", "ask", "decide"]), words), max_size=12)


def record(path: Path, told: Sequence[tuple[str, str]], nested: list[str], seed: int) -> Machine:
    clock, world = Hand(), World(seed)
    with Recorder(path, clock_ns=lambda: 0) as border:
        machine = Machine(border, world.look)
        machine.nested = nested
        border.attach(machine, clock)  # type: ignore[arg-type]
        for number, (what, plan) in enumerate(told):
            clock.ns = number + 1
            getattr(machine, what)(f"{plan} time")
        assert border.fault == ""
    return machine


def lines_of(path: Path) -> list[list[Any]]:
    return list(crossings(path.read_text().splitlines(keepends=True)))


def replay(lines: Sequence[list[Any]], told: Sequence[tuple[str, str]]) -> tuple[Machine, Replayer]:
    """Make the calls that a replay makes itself, the others come from the record."""
    clock, border = Hand(), Replayer(lines)

    def nobody(question: str) -> object:
        raise AssertionError(f"a replay asked the world for {question}")

    machine = Machine(border, nobody)
    border.attach(machine, clock)  # type: ignore[arg-type]
    for number, (what, plan) in enumerate(told):
        clock.go_to(number + 1)
        if what != "event":
            getattr(machine, what)(f"{plan} time")
    clock.go_to(len(told) + 1)
    return machine, border


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crossings")


def fresh(folder: Path) -> Path:
    path = folder / "crossings.jsonl"
    path.unlink(missing_ok=True)
    return path


@given(told=calls, nested=st.lists(words, max_size=4), seed=st.integers(0, 9))
def test_a_replay_sees_and_does_what_was_seen_and_done(
    folder: Path, told: list[tuple[str, str]], nested: list[str], seed: int
) -> None:
    path = fresh(folder)
    # An event at the very beginning would be heard only when the replay first does something
    told = [("ask", "price"), *told, ("ask", "")]
    first = record(path, told, [*nested], seed)
    second, border = replay(lines_of(path), told)
    assert border.parted == ""
    assert second.seen == first.seen
    assert second.done == first.done


@given(told=calls, seed=st.integers(0, 9), data=st.data())
def test_a_record_that_is_cut_replays_as_far_as_it_goes(
    folder: Path, told: list[tuple[str, str]], seed: int, data: st.DataObject
) -> None:
    path = fresh(folder)
    told = [("ask", "price"), *told]
    first = record(path, told, [], seed)
    content = path.read_bytes()
    path.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    second, border = replay(lines_of(path), told)
    assert border.parted == ""
    assert first.seen[: len(second.seen)] == second.seen
    assert first.done[: len(second.done)] == second.done


@given(
    told=calls, seed=st.integers(0, 9), where=st.integers(0, 11), word=st.sampled_from(QUESTIONS)
)
def test_who_does_something_else_is_told_where(
    folder: Path, told: list[tuple[str, str]], seed: int, where: int, word: str
) -> None:
    path = fresh(folder)
    told = [("ask", "price"), *told, ("ask", "held halted")]
    record(path, told, [], 3)
    made = [number for number, (what, _) in enumerate(told) if what != "event"]
    number = made[where % len(made)]
    other = [*told]
    other[number] = (told[number][0], f"hedge {told[number][1]} {word}")
    _, border = replay(lines_of(path), other)
    assert border.parted
    assert border.is_over


def test_an_act_that_is_another_is_told_with_both(tmp_path: Path) -> None:
    path = tmp_path / "crossings.jsonl"
    record(path, [("ask", "buy")], [], 0)
    lines = [[*line[:2], ["sell"]] if line[0] == "act" else line for line in lines_of(path)]
    _, border = replay(lines, [("ask", "buy")])
    assert "['sell']" in border.parted
    assert "did ['buy']" in border.parted


@pytest.mark.parametrize("what", ["nope", "__init__", "_follow", "ask", "decide", "seen"])
def test_a_record_names_no_method_but_those_that_are_heard(tmp_path: Path, what: str) -> None:
    path = tmp_path / "crossings.jsonl"
    record(path, [("ask", "price")], [], 0)
    lines = [*lines_of(path), [CALL, 1, 2, "heard", what, ["buy"], {}]]
    machine, border = replay(lines, [("ask", "price"), ("decide", "")])
    assert f"nobody hears '{what}'" in border.parted
    assert machine.done == []


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ([], "event"),
        (["buy", "sell"], "event"),
        ([{"type": "Nope"}], "what event was told cannot be read"),
        ([{"type": "OrderFilled", "quantity": 10**400}], "what event was told cannot be read"),
    ],
)
def test_a_call_that_cannot_be_made_ends_the_replay(
    tmp_path: Path, args: list[object], words: str
) -> None:
    path = tmp_path / "crossings.jsonl"
    record(path, [("ask", "price")], [], 0)
    lines = [*lines_of(path), [CALL, 1, 2, "heard", "event", args, {}], [SEEN, 9, "held", 1]]
    _, border = replay(lines, [("ask", "price"), ("decide", "")])
    assert words in border.parted


@pytest.mark.parametrize("what", ["ask", "decide"])
def test_what_a_call_raises_stays_within_the_replay_as_it_did_in_the_session(what: str) -> None:
    clock = Hand()
    origin = "made" if what == "ask" else "awaited"
    border = Replayer([[CALL, 1, 5, origin, what, [], {}], [CALL, 1, 6, "made", "end", [], {}]])
    border.attach(Deaf(), clock)  # type: ignore[arg-type]

    def fail() -> None:
        raise ZeroDivisionError

    assert border.call(Origin(origin), Asked(what), fail) is None
    clock.go_to(5)
    assert [type(e) for e in border.raised] == [ZeroDivisionError]
    assert border.call(Origin.MADE, Asked("end"), lambda: 7) == 7
    assert border.parted == ""


class Deaf:
    """Refuses a call before it comes to the border, as a callback does that takes other words."""

    border: Border | None = None

    @crossing(Origin.HEARD)
    def event(self, plan: str) -> None:
        raise AssertionError(plan)


def test_a_call_that_never_crosses_is_not_made_for_ever() -> None:
    border, clock = Replayer([[CALL, 1, 1, "heard", "event", ["buy"], {}]]), Hand(ns=2)
    border.attach(Deaf(), clock)  # type: ignore[arg-type]
    border.call(Origin.MADE, Asked("ask"), lambda: None)
    assert "event cannot be called as the session was" in border.parted


@pytest.mark.parametrize(
    ("answer", "codec"),
    [
        ("much", DECIMAL),
        (["XRP"], ORDERS),
        ([1, 2], BAR),
        ({RAISED: 5}, PLAIN),
        ({RAISED: ["LookupError"]}, PLAIN),
    ],
)
def test_an_answer_that_cannot_be_read_ends_the_replay(answer: object, codec: Codec[Any]) -> None:
    border = Replayer([[CALL, 1, 1, "made", "ask", [], {}], [SEEN, 1, "price", answer]])

    def ask() -> None:
        border.see("price", lambda: None, codec, (LookupError,))

    assert border.call(Origin.MADE, Asked("ask"), ask) is None
    assert "the session's answer to price cannot be read" in border.parted


@pytest.mark.parametrize(
    ("texts", "words"),
    [
        (['["call"]\n'], "line 1 is no crossing"),
        (['["call",1,"now","heard","event",[],{}]\n'], "line 1 is no crossing"),
        (['["call",1,-1,"heard","event",[],{}]\n'], "line 1 is no crossing"),
        ([f'["call",1,{2**63},"heard","event",[],{{}}]\n'], "line 1 is no crossing"),
        (['["call",1,1,"guessed","event",[],{}]\n'], "line 1 is no crossing"),
        (['["call",1,1,["heard"],"event",[],{}]\n'], "line 1 is no crossing"),
        (['["call",1,1,"heard",["event"],[],{}]\n'], "line 1 is no crossing"),
        (['["call",1,1,"heard","event",{},[]]\n'], "line 1 is no crossing"),
        (['["seen",true,"price",1]\n'], "line 1 is no crossing"),
        (['["seen",1,["price"],1]\n'], "line 1 is no crossing"),
        (['["act",1.5,[]]\n'], "line 1 is no crossing"),
        (['["bar",1,2,3]\n'], "line 1 is no crossing"),
        (['["end",1]\n'], "line 1 is no crossing"),
        (["[" * 100_000 + "\n"], "line 1 is no crossing"),
        (["{}\n"], "line 1 is no crossing"),
        (["[]\n"], "line 1 is no crossing"),
        (['["bar",1,"X",2]\n', "what\n", '["bar",1,"X",2]\n'], "line 2 is no crossing"),
    ],
)
def test_a_line_that_is_no_crossing_is_named(texts: list[str], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        list(crossings(texts))


def test_what_cannot_be_written_down_ends_the_record_and_costs_no_call(tmp_path: Path) -> None:
    path = tmp_path / "crossings.jsonl"
    with Recorder(path, clock_ns=lambda: 0) as border:
        machine = Machine(border, lambda _question: object())
        border.attach(machine, Hand())  # type: ignore[arg-type]
        machine.ask("time")
        taken = path.read_bytes()
        machine.ask("held buy time")
        assert "crossings.jsonl ends here: TypeError: Object of type object" in border.fault
        assert machine.done == ["buy"]
        machine.ask("time")
    assert path.read_bytes() == taken
    assert "ends here" in border.fault


@contextmanager
def full_disk(path: Path, *, room: int) -> Iterator[None]:
    """Let the file grow by so many bytes more, as a disk does that is nearly full."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.mark.parametrize("room", [0, 20])
def test_a_full_disk_is_told_and_tears_no_line(tmp_path: Path, room: int) -> None:
    path = tmp_path / "crossings.jsonl"
    told = [("ask", "held"), ("ask", "halted"), ("ask", "held buy halted")]
    with Recorder(path, clock_ns=lambda: 0) as border:
        machine, clock = Machine(border, World(0).look), Hand()
        border.attach(machine, clock)  # type: ignore[arg-type]
        machine.ask("held time")
        taken = path.read_bytes()
        with full_disk(path, room=room):
            machine.ask("halted time")
            assert border.fault
            assert path.read_bytes() == taken
        machine.ask("held buy halted time")
        assert border.fault == ""
    second, replayer = replay(lines_of(path), told)
    assert replayer.parted == ""
    assert second.seen[: len(machine.seen)] != []
    assert second.done == machine.done


def test_a_disk_that_breaks_ends_the_record_and_costs_no_call(tmp_path: Path) -> None:
    path = tmp_path / "crossings.jsonl"
    with Recorder(path, clock_ns=lambda: 0) as border:
        machine = Machine(border, World(0).look)
        border.attach(machine, Hand())  # type: ignore[arg-type]
        machine.ask("time")
        file = border._file
        reading, writing = os.pipe()  # takes no lines when nobody reads, and cannot be cut
        os.close(reading)
        os.dup2(writing, file)
        os.close(writing)
        machine.ask("buy time")
        assert machine.done == ["buy"]
        assert "crossings.jsonl ends here: what was written in part stays" in border.fault
        machine.ask("sell time")
        assert machine.done == ["buy", "sell"]
