"""The records of a run: one flat, exact JSON object per line of the journal."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from typing import Final, NoReturn

from morningstar_strategy.core.commands import TradeCommand
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Assessment, Review
from morningstar_strategy.core.risk import AccountRisk, Approved, Denied, Ruling
from morningstar_strategy.core.state import Active, Ended, Pending, Plan
from morningstar_strategy.core.wire import wire_fields

type Value = str | int | float | bool | list[Value] | dict[str, Value] | None


class Kind(StrEnum):
    """What a record tells of."""

    ASSESSMENT = "assessment"
    COMMAND = "command"
    RULING = "ruling"
    ORDER = "order"
    FILL = "fill"
    PLAN = "plan"
    FUNDING = "funding"
    EQUITY = "equity"
    HEALTH = "health"
    FORECAST = "forecast"
    EXCHANGE = "exchange"  # a question to a supervisor and what came back
    REVIEW = "review"  # what a supervisor made of it
    BAR = "bar"  # what was decided on, as it came
    GUARD = "guard"  # held quantity without a working stop, and for how long


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """Something that happened at `ts_event` (UNIX nanoseconds) to an instrument, "" for all."""

    ts_event: int
    kind: Kind
    instrument_id: str
    fields: Mapping[str, Value]


_END_OF_TIME: Final = 1 << 63  # nanoseconds are kept in 64 bits, with a sign
_NOT_A_RECORD: Final = (
    *(ValueError, KeyError, AttributeError, TypeError),
    RecursionError,  # brackets without end
)


class RecordError(ValueError):
    """A line is not a record."""


def _compact_writer() -> Callable[[object], str]:
    """Give a writer of JSON without blanks.

    An encoder's `encode` makes its C part anew for every line, which is half of what a line costs;
    here that is made once. Without C the encoder does it all.
    """
    encoder = json.JSONEncoder(separators=(",", ":"))
    make = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return encoder.encode
    parts = make(
        None,  # nothing is looked for in itself: a record is no circle
        encoder.default,
        json.encoder.encode_basestring_ascii,
        encoder.indent,
        encoder.key_separator,
        encoder.item_separator,
        encoder.sort_keys,
        encoder.skipkeys,
        encoder.allow_nan,
    )
    return lambda value: "".join(parts(value, 0))


_compact: Final = _compact_writer()


def to_line(record: Record) -> str:
    """Write a record as one line of JSON, without the line's end."""
    line: dict[str, Value] = {"ts_event": record.ts_event, "kind": record.kind.value}
    if record.instrument_id:
        line["instrument_id"] = record.instrument_id
    line.update(record.fields)
    return _compact(line)


def from_line(line: str) -> Record:
    """Read a record back; raise RecordError naming what is wrong."""
    try:
        fields = json.loads(line, parse_constant=_refuse_constant)
        ts_event, kind = fields.pop("ts_event"), Kind(fields.pop("kind"))
        instrument_id = fields.pop("instrument_id", "")
    except _NOT_A_RECORD as e:
        raise RecordError(f"not a record: {line[:80]!r}") from e
    if type(ts_event) is not int:
        raise RecordError(f"ts_event must be whole nanoseconds, was {ts_event!r:.80}")
    if not -_END_OF_TIME <= ts_event < _END_OF_TIME:
        raise RecordError(f"ts_event must fit 64 bits, was {ts_event!r:.80}")
    if not isinstance(instrument_id, str):
        raise RecordError(f"instrument_id must be a text, was {instrument_id!r:.80}")
    return Record(ts_event=ts_event, kind=kind, instrument_id=instrument_id, fields=fields)


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number")


def of_assessment(assessment: Assessment) -> Record:
    """Record a prediction together with its review."""
    prediction, review = assessment.prediction, assessment.review
    return Record(
        ts_event=prediction.ts_event,
        kind=Kind.ASSESSMENT,
        instrument_id=prediction.instrument_id,
        fields={
            "price": prediction.price,
            **_forecast_fields(prediction),
            "regime": prediction.regime.value,
            "verdict": review.verdict.value,
            "scale": review.scale,
            "review": review.reason,
        },
    )


def of_health(*, ts_event: int, instrument_id: str, state: str, reason: str) -> Record:
    """Record something about the run itself."""
    return Record(
        ts_event=ts_event,
        kind=Kind.HEALTH,
        instrument_id=instrument_id,
        fields={"state": state, "reason": reason},
    )


def of_bar(
    *, ts_event: int, instrument_id: str, ohlcv: tuple[Decimal, Decimal, Decimal, Decimal, Decimal]
) -> Record:
    """Record a closed bar."""
    names = ("open", "high", "low", "close", "volume")
    return Record(
        ts_event=ts_event,
        kind=Kind.BAR,
        instrument_id=instrument_id,
        fields={name: _text(value) for name, value in zip(names, ohlcv, strict=True)},
    )


def of_guard(
    *, ts_event: int, instrument_id: str, state: str, quantity: Decimal, secs: float
) -> Record:
    """Record what is held without a working stop: `state` is unprotected or protected again.

    `secs` is how long it has lasted so far.
    """
    return Record(
        ts_event=ts_event,
        kind=Kind.GUARD,
        instrument_id=instrument_id,
        fields={"state": state, "quantity": _text(quantity), "secs": round(secs, 6)},
    )


def of_equity(
    *,
    ts_event: int,
    equity: Decimal,
    balance: Decimal,
    exposure: Mapping[str, Decimal],
    drawdown: Decimal,
    risk: AccountRisk,
) -> Record:
    """Record a mark of the equity; `drawdown` is a fraction of the peak."""
    return Record(
        ts_event=ts_event,
        kind=Kind.EQUITY,
        instrument_id="",
        fields={
            "equity": _text(equity),
            "balance": _text(balance),
            "exposure": {name: _text(value) for name, value in exposure.items()},
            "drawdown": f"{drawdown:.8f}",
            "risk": risk.value,
        },
    )


def of_review(
    review: Review, *, ts_event: int, instrument_id: str, purpose: str, asked_ns: int
) -> Record:
    """Record what a supervisor said and when it was asked; a proposal is kept in its wire form."""
    proposal = review.proposal
    return Record(
        ts_event=ts_event,
        kind=Kind.REVIEW,
        instrument_id=instrument_id,
        fields={
            "purpose": purpose,
            "asked_ns": asked_ns,
            "verdict": review.verdict.value,
            "scale": review.scale,
            "stop_scale": review.stop_scale,
            "target_scale": review.target_scale,
            "coherence": review.coherence,
            "risk_score": review.risk_score,
            "reason": review.reason,
            "proposal": None if proposal is None else _exact(wire_fields(proposal)),
        },
    )


def of_abstention(prediction: Prediction) -> Record:
    """Record that a model begins or ceases to abstain."""
    state = "model abstains" if prediction.abstained else "model forecasts again"
    return Record(
        ts_event=prediction.ts_event,
        kind=Kind.HEALTH,
        instrument_id=prediction.instrument_id,
        fields={"state": state, "reason": prediction.abstained},
    )


def of_forecast(
    predictions: Sequence[Prediction],
    *,
    ts_event: int,
    instrument_id: str,
    ohlcv: tuple[float, float, float, float, float],
) -> Record:
    """Record a closed bar with what several models say of it, none while too few bars were seen."""
    told: list[Value] = [_forecast_fields(prediction) for prediction in predictions]
    return Record(
        ts_event=ts_event,
        kind=Kind.FORECAST,
        instrument_id=instrument_id,
        fields={"ohlcv": list(ohlcv), "forecasts": told},
    )


def _forecast_fields(prediction: Prediction) -> dict[str, Value]:
    return {
        "p_short": prediction.p_short,
        "p_flat": prediction.p_flat,
        "p_long": prediction.p_long,
        "confidence": prediction.confidence,
        "volatility": prediction.volatility,
        "turbulence": prediction.turbulence,
        "stop_distance": prediction.stop_distance,
        "target_distance": prediction.target_distance,
        "barrier": prediction.barrier,
        "efficiency": prediction.efficiency,
        "abstained": prediction.abstained,
        "model": prediction.model,
    }


def of_command(command: TradeCommand, *, ts_event: int, instrument_id: str) -> Record:
    """Record a command in its wire form; numbers are kept as exact texts."""
    wire = _exact(wire_fields(command))
    return Record(
        ts_event=ts_event, kind=Kind.COMMAND, instrument_id=instrument_id, fields={"command": wire}
    )


def _exact(value: object) -> Value:
    match value:
        case Decimal():
            return _text(value)
        case dict():
            return {str(key): _exact(below) for key, below in value.items()}
        case tuple():
            return [_exact(item) for item in value]
        case str() | int() | None:
            return value
        case _:
            raise TypeError(f"a command holds no {type(value).__name__}")


def of_ruling(ruling: Ruling, *, ts_event: int, instrument_id: str, equity: Decimal) -> Record:
    """Record what the gate said."""
    fields: dict[str, Value] = {"action": ruling.command.action, "equity": _text(equity)}
    match ruling:
        case Approved():
            fields |= {
                "ruling": "approved",
                "quantity": _text(ruling.quantity),
                "risk_level": ruling.risk_level.value,
                "shrunk": list(ruling.shrunk),
            }
        case Denied():
            fields |= {"ruling": "denied", "rule": ruling.rule, "reason": ruling.reason}
    return Record(ts_event=ts_event, kind=Kind.RULING, instrument_id=instrument_id, fields=fields)


def of_plan(state: Pending | Active | Ended, *, ts_event: int) -> Record:
    """Record that a plan came into a state."""
    fields: dict[str, Value] = {"order_id": state.plan.order_id}
    match state:
        case Pending(plan=plan):
            fields |= {"state": "PENDING", **_plan_fields(plan)}
        case Active():
            fields |= {
                "state": "ACTIVE",
                "entry_price": _text(state.entry_price),
                "open_quantity": _text(state.open_quantity),
                "stop_loss_price": _text(state.stop_loss_price),
            }
        case Ended():
            fields |= {"state": state.outcome.value, **_end_fields(state)}
    return Record(
        ts_event=ts_event,
        kind=Kind.PLAN,
        instrument_id=state.plan.setup.symbol,
        fields=fields,
    )


def _plan_fields(plan: Plan) -> dict[str, Value]:
    setup = plan.setup
    return {
        "direction": setup.direction.value,
        "quantity": _text(plan.quantity),
        "entry_price": None if setup.entry_price is None else _text(setup.entry_price),
        "stop_loss_price": _text(setup.stop_loss_price),
        "take_profit_prices": [_text(price) for price in setup.take_profit_prices],
        "position_size_percent": _text(setup.position_size_percent),
        "reason": plan.reason,
    }


def _end_fields(ended: Ended) -> dict[str, Value]:
    return {
        "direction": ended.plan.direction.value,
        "planned_ns": ended.plan.planned_ns,
        "reason": ended.reason,
        "quantity": _text(ended.quantity),
        "entry_price": None if ended.entry_price is None else _text(ended.entry_price),
        "exit_price": None if ended.exit_price is None else _text(ended.exit_price),
        "gross_pnl": _text(ended.gross_pnl),
        "fees": _text(ended.fees),
    }


def _text(value: Decimal) -> str:
    return f"{value:f}"
