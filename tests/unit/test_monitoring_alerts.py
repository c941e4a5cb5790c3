"""What a person hears, once."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.monitoring.alerts import Alert, Cleared, Level, Notice, from_record, of_fault
from live.monitoring.dedupe import Deduplicator, Message, Tone
from morningstar_strategy.core.records import Kind, Record, Value, of_guard, of_health

SECOND = 1_000_000_000
BTC = "BTCUSDT-PERP.BITGET"


def alert(key: str = "halted", level: Level = Level.WARNING, text: str = "Halted") -> Alert:
    return Alert(level=level, key=key, text=text, ts_event=1)


def clear(key: str = "halted") -> Cleared:
    return Cleared(key=key, text="Released", ts_event=2)


def health(state: str, reason: str = "why", name: str = "") -> Record:
    return of_health(ts_event=3, instrument_id=name, state=state, reason=reason)


def heard(record: Record) -> Notice | None:
    return from_record(record, unprotected_secs=5.0)


def order(role: str, event: str) -> Record:
    fields: dict[str, Value] = {"event": event, "role": role, "order_id": "O-1", "reason": "no"}
    return Record(ts_event=4, kind=Kind.ORDER, instrument_id=BTC, fields=fields)


# ---------------------------------------------------------------- laws of saying it once

keys = st.sampled_from(["a", "b", "c"])
levels = st.sampled_from(Level)
alerts = st.builds(alert, keys, levels)
steps = st.lists(st.tuples(st.integers(0, 20), st.one_of(alerts, st.builds(clear, keys))))


def played(told: list[tuple[int, Notice]], capacity: int = 1_000) -> list[Message]:
    dedupe, now_ns = Deduplicator(window_secs=10, capacity=capacity), 0
    messages: list[Message] = []
    for secs, notice in told:
        now_ns += secs * SECOND
        messages += dedupe.due(now_ns=now_ns)
        messages += dedupe.take(notice, now_ns=now_ns)
    return messages + dedupe.finish()


@given(steps, st.integers(1, 3))
def test_every_alert_is_told_or_counted_in_what_is_told(
    told: list[tuple[int, Notice]], capacity: int
) -> None:
    messages = played(told, capacity)
    taken = sum(isinstance(notice, Alert) for _, notice in told)
    assert sum(m.more + (m.tone is Tone.ALERT) for m in messages) == taken


@given(steps)
def test_the_highest_level_of_a_key_is_always_heard(told: list[tuple[int, Notice]]) -> None:
    messages = played(told)
    for key in ("a", "b", "c"):
        highest = [n.level.rank for _, n in told if isinstance(n, Alert) and n.key == key]
        shown = [m.level.rank for m in messages if m.key == key]
        assert max(highest, default=-1) == max(shown, default=-1)


@given(steps)
def test_nothing_is_cleared_that_nobody_heard_of(told: list[tuple[int, Notice]]) -> None:
    open_keys: set[str] = set()
    for message in played(told):
        if message.tone is Tone.CLEARED:
            assert message.key in open_keys
            open_keys.discard(message.key)
        elif message.tone is Tone.ALERT:
            open_keys.add(message.key)


@given(st.lists(st.integers(0, 3), max_size=60))
def test_a_flood_of_one_trouble_is_one_message_a_window(gaps: list[int]) -> None:
    messages = played([(secs, alert()) for secs in gaps])
    assert len(messages) <= sum(gaps) // 10 + 2


# ---------------------------------------------------------------- examples of saying it once


def test_a_repeat_is_told_when_its_window_ends_and_with_the_newest_words() -> None:
    dedupe = Deduplicator(window_secs=10)
    (first,) = dedupe.take(alert(text="1 s"), now_ns=0)
    assert first.words == "WARNING 1 s"
    assert dedupe.next_due_ns() is None
    for secs in (1, 2, 3):
        assert dedupe.take(alert(text=f"{secs + 1} s"), now_ns=secs * SECOND) == []
    assert dedupe.due(now_ns=9 * SECOND) == []
    assert dedupe.next_due_ns() == 10 * SECOND
    (repeated,) = dedupe.due(now_ns=10 * SECOND)
    assert (repeated.tone, repeated.words) == (Tone.REPEATED, "WARNING 4 s (3 more times)")
    assert dedupe.due(now_ns=30 * SECOND) == []


def test_an_end_tells_the_repeats_that_nobody_heard() -> None:
    dedupe = Deduplicator(window_secs=10)
    dedupe.take(alert(), now_ns=0)
    dedupe.take(alert(), now_ns=1)
    (cleared,) = dedupe.take(clear(), now_ns=2)
    assert cleared.words == "CLEARED Released (once more)"
    assert cleared.level is Level.WARNING
    assert dedupe.take(clear(), now_ns=3) == []


def test_trouble_is_cleared_hours_after_its_window() -> None:
    dedupe = Deduplicator(window_secs=10)
    dedupe.take(alert(), now_ns=0)
    assert dedupe.due(now_ns=3_600 * SECOND) == []
    (cleared,) = dedupe.take(clear(), now_ns=7_200 * SECOND)
    assert cleared.tone is Tone.CLEARED


def test_trouble_that_grows_is_told_at_once() -> None:
    dedupe = Deduplicator(window_secs=10)
    dedupe.take(alert(level=Level.WARNING), now_ns=0)
    (worse,) = dedupe.take(alert(level=Level.CRITICAL), now_ns=1)
    assert (worse.level, worse.tone) == (Level.CRITICAL, Tone.ALERT)
    assert dedupe.take(alert(level=Level.WARNING), now_ns=2) == []


def test_lost_messages_are_told_of() -> None:
    message = Message(
        tone=Tone.ALERT, level=Level.INFO, key="k", text="Text", ts_event=0, more=2, lost=3
    )
    assert message.words == "INFO Text (2 more times) (3 earlier messages were lost)"


@pytest.mark.parametrize("name", ["window_secs", "capacity"])
def test_a_window_and_a_memory_of_nothing_are_refused(name: str) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least 1, was 0"):
        Deduplicator(**({"window_secs": 1, "capacity": 1} | {name: 0}))


# ---------------------------------------------------------------- which records say it


@pytest.mark.parametrize(
    ("state", "level", "key"),
    [
        ("halted", Level.CRITICAL, "halted"),
        ("risk warning", Level.WARNING, "risk"),
        ("risk danger", Level.CRITICAL, "risk"),
        ("danger", Level.CRITICAL, "danger"),
        ("closing", Level.CRITICAL, "closing"),
        ("stray fill", Level.CRITICAL, "stray fill"),
        ("take profit given up", Level.WARNING, "take profit given up"),
        ("fee not counted", Level.INFO, "fee not counted"),
        ("late answer dropped", Level.INFO, "late answer dropped"),
        ("a state that somebody adds", Level.WARNING, "a state that somebody adds"),
    ],
)
def test_a_state_of_the_run_is_told_at_its_level(state: str, level: Level, key: str) -> None:
    told = heard(health(state))
    assert isinstance(told, Alert)
    assert (told.level, told.key) == (level, key)
    assert told.text == f"{state[0].upper()}{state[1:]}: why"


@pytest.mark.parametrize(
    ("begins", "ends"),
    [("halted", "released"), ("risk danger", "risk safe"), ("risk warning", "risk safe")],
)
def test_an_end_has_the_key_of_its_beginning(begins: str, ends: str) -> None:
    began, ended = heard(health(begins)), heard(health(ends))
    assert isinstance(began, Alert)
    assert isinstance(ended, Cleared)
    assert began.key == ended.key


def test_trouble_of_two_instruments_is_two_troubles() -> None:
    one, other = (heard(health("stray fill", "O-1", name)) for name in (BTC, "ETH"))
    assert isinstance(one, Alert)
    assert isinstance(other, Alert)
    assert one.key != other.key
    assert one.text == f"{BTC}: stray fill: O-1"


@pytest.mark.parametrize(
    ("secs", "state", "kind"),
    [
        (5.0, "unprotected", type(None)),
        (5.1, "unprotected", Alert),
        (0.2, "protected again", Cleared),
    ],
)
def test_the_guard_alerts_past_its_threshold(secs: float, state: str, kind: type) -> None:
    told = heard(
        of_guard(ts_event=0, instrument_id=BTC, state=state, quantity=Decimal("0.5"), secs=secs)
    )
    assert isinstance(told, kind)
    if isinstance(told, Alert):
        assert told.level is Level.CRITICAL
        assert told.text == f"0.5 of {BTC} has had no working stop for 5.1 s"


@pytest.mark.parametrize(
    ("role", "event", "level"),
    [
        ("stop", "rejected", Level.CRITICAL),
        ("stop", "denied", Level.CRITICAL),
        ("close", "rejected", Level.CRITICAL),
        ("stop", "modify rejected", Level.WARNING),
        ("stop", "accepted", None),
        ("entry", "rejected", None),
        ("target", "rejected", None),
    ],
)
def test_an_order_alerts_where_it_protects_or_closes_and_is_refused(
    role: str, event: str, level: Level | None
) -> None:
    told = heard(order(role, event))
    assert (told.level if isinstance(told, Alert) else None) == level


def test_a_plan_that_was_stopped_out_is_information() -> None:
    fields: dict[str, Value] = {"state": "CLOSED", "gross_pnl": "-12.5", "fees": "0.4"}
    for reason, kind in (("stop", Alert), ("target", type(None))):
        told = heard(
            Record(
                ts_event=1, kind=Kind.PLAN, instrument_id=BTC, fields={**fields, "reason": reason}
            )
        )
        assert isinstance(told, kind)
        assert told is None or (isinstance(told, Alert) and told.level is Level.INFO)


def test_a_fault_says_what_happens_now() -> None:
    told = of_fault(KeyError("x"), ts_event=9)
    assert told.level is Level.CRITICAL
    assert "No new trade is opened" in told.text


@pytest.mark.parametrize("kind", [Kind.FORECAST, Kind.EQUITY, Kind.FILL, Kind.COMMAND])
def test_ordinary_records_disturb_nobody(kind: Kind) -> None:
    assert heard(Record(ts_event=1, kind=kind, instrument_id=BTC, fields={})) is None


def test_an_alert_without_words_is_refused() -> None:
    with pytest.raises(ValueError, match="needs a key and a text"):
        alert(text="")
