"""What a supervisor did in a run, summed up from records, and the report's words for it."""

from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.commands import DoNothing
from morningstar_strategy.core.counsel import LATE, Tally, build_counsel, to_dict
from morningstar_strategy.core.records import (
    Kind,
    Record,
    RecordError,
    from_line,
    of_health,
    of_review,
    to_line,
)
from morningstar_strategy.core.review import Review, Verdict
from reports.counsel import counsel_figures, counsel_line, counsel_rows

NAME = "BTCUSDT-PERP.BINANCE"
VETO = Review(verdict=Verdict.VETOED, scale=0.0, reason="<b>bad</b> news")
SHRUNK = Review(verdict=Verdict.REDUCED, scale=0.25, reason="risky", risk_score=0.5)
ACTED = Review(verdict=Verdict.CONFIRMED, proposal=DoNothing(reasoning="wait"))


def reviewed(review: Review, ts_event: int = 5, purpose: str = "review") -> Record:
    return of_review(review, ts_event=ts_event, instrument_id=NAME, purpose=purpose, asked_ns=3)


def asked(**changes: Any) -> Record:
    fields: dict[str, Any] = {
        "attempt": 0,
        "charged": 0,
        "prompt": "review.v1",
        "model": "m",
        "tokens_in": 100,
        "tokens_out": 10,
        "cost": "0.5",
        "latency_ms": 200,
        "failure": "",
    }
    return Record(ts_event=5, kind=Kind.EXCHANGE, instrument_id=NAME, fields=fields | changes)


RECORDS = [
    asked(),
    reviewed(VETO),
    asked(attempt=1, latency_ms=400),
    asked(failure="deadline", model="", tokens_in=0, tokens_out=0, cost="0", charged=1),
    reviewed(SHRUNK, 7),
    reviewed(ACTED, 8, "execute"),
    of_health(ts_event=9, instrument_id=NAME, state=LATE, reason="confirmed"),
    of_health(ts_event=9, instrument_id=NAME, state="halted", reason="loss"),
]


def test_a_run_without_a_supervisor_has_nothing_to_sum_up() -> None:
    assert build_counsel(RECORDS[-1:], starting_equity=Decimal(10), days=1.0) is None


def test_everything_said_and_its_price_are_summed_up() -> None:
    told = build_counsel(RECORDS, starting_equity=Decimal(100), days=73.0)
    assert told is not None
    assert told.verdicts == tuple(
        Tally(name=name, count=1) for name in ("confirmed", "reduced", "vetoed")
    )
    assert told.proposals == (Tally(name="DO_NOTHING", count=1),)
    assert (told.exchanges, told.repairs, told.charged, told.late) == (3, 1, 1, 1)
    assert told.failures == (Tally(name="deadline", count=1),)
    assert (told.tokens_in, told.tokens_out, told.cost) == (200, 20, Decimal("1.0"))
    assert told.cost_per_decision == Decimal("1.0") / 3
    assert told.yearly_cost == pytest.approx(0.05)  # 1 of 100 in a fifth of a year
    assert told.mean_latency_ms == pytest.approx(800 / 3)
    assert told.longest_latency_ms == 400
    assert (told.prompts, told.models) == (("review.v1",), ("m",))
    assert to_dict(told)["verdicts"] == {"confirmed": 1, "reduced": 1, "vetoed": 1}


def test_a_run_without_length_has_no_yearly_cost() -> None:
    told = build_counsel(RECORDS, starting_equity=Decimal(100), days=0.0)
    assert told is not None
    assert told.yearly_cost is None


@pytest.mark.parametrize("changes", [{"cost": 0.5}, {"tokens_in": True}, {"latency_ms": "1"}])
def test_a_field_that_cannot_be_read_is_named(changes: dict[str, Any]) -> None:
    (name,) = changes
    with pytest.raises(RecordError, match=f"{name} of the exchange record at 5"):
        build_counsel([asked(**changes)], starting_equity=Decimal(1), days=1.0)


def test_a_review_without_a_number_as_scale_is_named() -> None:
    record = reviewed(VETO)
    broken = Record(
        ts_event=5, kind=Kind.REVIEW, instrument_id=NAME, fields={**record.fields, "scale": "0"}
    )
    with pytest.raises(RecordError, match="scale of the review record at 5"):
        build_counsel([broken], starting_equity=Decimal(1), days=1.0)


def test_a_review_survives_the_journal() -> None:
    for review in (VETO, SHRUNK, ACTED):
        record = reviewed(review)
        assert from_line(to_line(record)) == record


def test_the_report_says_what_was_said_and_trusts_no_word_of_it() -> None:
    told = build_counsel(RECORDS, starting_equity=Decimal(100), days=73.0)
    assert told is not None
    line = counsel_line(told, "live")
    assert "3 decisions considered, 1 confirmed, 1 reduced, 1 vetoed" in line
    assert "cost 0.333333 a decision, 5.00 % of the capital a year" in line
    assert "200 in, 20 out" in counsel_figures(told)
    rows = counsel_rows(told)
    assert "&lt;b&gt;bad&lt;/b&gt; news" in rows
    assert "<b>bad" not in rows
    assert rows.index("DO_NOTHING") < rows.index("risky") < rows.index("news")  # newest first
