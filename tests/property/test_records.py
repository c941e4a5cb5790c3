"""Laws of the records: what is written is read back; what is not a record is refused, only so."""

import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.commands import TradeCommand
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import (
    Kind,
    Record,
    RecordError,
    Value,
    from_line,
    of_assessment,
    of_command,
    of_plan,
    of_ruling,
    to_line,
)
from morningstar_strategy.core.review import Assessment, Review, Verdict
from morningstar_strategy.core.state import Active, Pending
from morningstar_strategy.journal import JOURNAL, JournalError, read_records
from tests.property.scenes import Scene, scenes
from tests.property.strategies import commands, markets, predictions, trades

HEAD = {"ts_event", "kind", "instrument_id"}
NUMBERS = st.integers(-(2**63), 2**63) | st.floats(allow_nan=False, allow_infinity=False)
VALUES: st.SearchStrategy[Value] = st.recursive(
    st.none() | st.booleans() | NUMBERS | st.text(max_size=8),
    lambda below: (
        st.lists(below, max_size=3) | st.dictionaries(st.text(max_size=4), below, max_size=3)
    ),
    max_leaves=5,
)
RECORDS = st.builds(
    Record,
    ts_event=st.integers(0, 2**63 - 1),
    kind=st.sampled_from(Kind),
    instrument_id=st.text(max_size=8),
    fields=st.dictionaries(
        st.text(max_size=6).filter(lambda name: name not in HEAD), VALUES, max_size=4
    ),
)


@given(RECORDS)
def test_every_record_survives_its_line(record: Record) -> None:
    line = to_line(record)
    assert "\n" not in line
    assert from_line(line) == record


@given(RECORDS)
def test_a_line_is_what_any_encoder_of_json_writes(record: Record) -> None:
    named = {"instrument_id": record.instrument_id} if record.instrument_id else {}
    whole = {"ts_event": record.ts_event, "kind": record.kind.value, **named, **record.fields}
    assert to_line(record) == json.dumps(whole, separators=(",", ":"))


@given(RECORDS, st.integers(0, 400))
def test_a_line_that_was_cut_is_refused(record: Record, place: int) -> None:
    line = to_line(record)
    cut = line[: place % len(line)]
    try:
        from_line(cut)
    except RecordError as e:
        assert str(e)  # noqa: PT017  # the law is that nothing else is raised
    else:
        raise AssertionError(f"{cut!r} was read as a record")


JSON_LIKE = st.text('{}[]":,0123456789.eE+-truefalsnINy\\ \n ts_evkind', max_size=60)
PATCHED = st.tuples(RECORDS, st.integers(0, 400), st.characters()).map(
    lambda drawn: _patched(to_line(drawn[0]), drawn[1], drawn[2])
)


def _patched(line: str, place: int, character: str) -> str:
    place %= len(line)
    return line[:place] + character + line[place + 1 :]


@given(st.text() | JSON_LIKE | PATCHED)
def test_any_text_is_a_record_or_a_record_error(text: str) -> None:
    try:
        record = from_line(text)
    except RecordError:
        return
    assert isinstance(record.ts_event, int)
    assert isinstance(record.kind, Kind)
    assert isinstance(record.instrument_id, str)
    assert from_line(to_line(record)) == record


@given(st.binary(max_size=80) | PATCHED.map(lambda text: text.encode(errors="replace")))
def test_any_bytes_are_a_journal_or_a_journal_error(
    tmp_path_factory: pytest.TempPathFactory, raw: bytes
) -> None:
    folder = tmp_path_factory.getbasetemp() / "any-bytes"
    folder.mkdir(exist_ok=True)
    (folder / JOURNAL).write_bytes(raw)
    try:
        records = list(read_records(folder))
    except JournalError as e:
        assert str(e).startswith(f"{folder / JOURNAL} line ")  # noqa: PT017  # the law is that nothing else is raised
    else:
        assert len(records) <= raw.count(b"\n") + 1


@given(predictions(), st.sampled_from(Verdict), st.text(min_size=1, max_size=5))
def test_an_assessment_survives_its_line(
    prediction: Prediction, verdict: Verdict, reason: str
) -> None:
    scale = 0.0 if verdict is Verdict.VETOED else 0.5
    review = Review(verdict=verdict, scale=scale, reason=reason)
    record = of_assessment(Assessment(prediction=prediction, review=review))
    assert from_line(to_line(record)) == record
    assert from_line(to_line(record)).fields["price"] == prediction.price


@given(commands())
def test_a_command_survives_its_line(command: TradeCommand) -> None:
    record = of_command(command, ts_event=1, instrument_id="X.Y")
    assert from_line(to_line(record)) == record


@given(scenes())
def test_a_ruling_survives_its_line(scene: Scene) -> None:
    ruling = scene.ruling()
    record = of_ruling(ruling, ts_event=1, instrument_id="X.Y", equity=scene.now.equity)
    read = from_line(to_line(record))
    assert read == record
    assert Decimal(str(read.fields["equity"])) == scene.now.equity
    if read.fields["ruling"] == "denied":
        assert read.fields["reason"]
    else:
        assert Decimal(str(read.fields["quantity"])) == scene.quantity()


@given(markets().flatmap(trades))
def test_a_plan_survives_its_line(trade: Pending | Active) -> None:
    record = of_plan(trade, ts_event=7)
    read = from_line(to_line(record))
    assert read == record
    assert read.fields["order_id"] == trade.plan.order_id
    if isinstance(trade, Active):
        assert Decimal(str(read.fields["open_quantity"])) == trade.open_quantity
    else:
        assert Decimal(str(read.fields["quantity"])) == trade.plan.quantity
