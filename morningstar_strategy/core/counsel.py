"""What a supervisor did in a run and what that cost, from the records."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.records import Kind, Record, RecordError, Value

__all__ = ["LATE", "CounselRow", "CounselSummary", "Tally", "build_counsel", "to_dict"]

LATE: Final = "late answer dropped"  # state of the health record of an answer nobody waited for
_DAYS_PER_YEAR: Final = 365
_ZERO: Final = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How often something occurred."""

    name: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CounselRow:
    """One consideration: of a signal, or by the executor with what it proposed."""

    ts_event: int
    instrument_id: str
    purpose: str
    verdict: str
    scale: float
    proposed: str  # the command's action, "" for none
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CounselSummary:
    """Everything said, and its price.

    `cost` is money by the price table; `yearly_cost` is the cost of 365 days as a fraction of the
    starting equity, None for a run without length.
    """

    rows: tuple[CounselRow, ...]
    verdicts: tuple[Tally, ...]
    proposals: tuple[Tally, ...]
    exchanges: int
    repairs: int
    charged: int  # requests without a usable reply that may have to be paid for; no token of them
    failures: tuple[Tally, ...]
    late: int
    tokens_in: int
    tokens_out: int
    cost: Decimal
    cost_per_decision: Decimal | None
    yearly_cost: float | None
    mean_latency_ms: float | None
    longest_latency_ms: int | None
    prompts: tuple[str, ...]
    models: tuple[str, ...]


def build_counsel(
    records: Iterable[Record], *, starting_equity: Decimal, days: float
) -> CounselSummary | None:
    """Sum up what was considered; None where nothing was.

    Raises RecordError for a record with a field that cannot be read.
    """
    reviews: list[Record] = []
    exchanges: list[Record] = []
    late = 0
    for record in records:
        match record.kind:
            case Kind.REVIEW:
                reviews.append(record)
            case Kind.EXCHANGE:
                exchanges.append(record)
            case Kind.HEALTH if text(record, "state") == LATE:
                late += 1
            case _:
                continue
    if not (reviews or exchanges):
        return None
    return _summary(reviews, exchanges, late, starting_equity, days)


def _summary(
    reviews: Sequence[Record],
    exchanges: Sequence[Record],
    late: int,
    starting_equity: Decimal,
    days: float,
) -> CounselSummary:
    rows = tuple(_row(record) for record in reviews)
    cost = sum((money(record, "cost") for record in exchanges), _ZERO)
    latencies = [_whole(record, "latency_ms") for record in exchanges]
    yearly = float(cost / starting_equity) / days * _DAYS_PER_YEAR if days > 0 else None
    return CounselSummary(
        rows=rows,
        verdicts=_tallies(row.verdict for row in rows),
        proposals=_tallies(row.proposed for row in rows if row.proposed),
        exchanges=len(exchanges),
        repairs=sum(_whole(record, "attempt") > 0 for record in exchanges),
        charged=sum(_whole(record, "charged") for record in exchanges),
        failures=_tallies(why for record in exchanges if (why := text(record, "failure"))),
        late=late,
        tokens_in=sum(_whole(record, "tokens_in") for record in exchanges),
        tokens_out=sum(_whole(record, "tokens_out") for record in exchanges),
        cost=cost,
        cost_per_decision=cost / len(rows) if rows else None,
        yearly_cost=yearly,
        mean_latency_ms=sum(latencies) / len(latencies) if latencies else None,
        longest_latency_ms=max(latencies, default=None),
        prompts=tuple(sorted({text(record, "prompt") for record in exchanges})),
        models=tuple(sorted({name for r in exchanges if (name := text(r, "model"))})),
    )


def _row(record: Record) -> CounselRow:
    scale, proposal = record.fields.get("scale"), record.fields.get("proposal")
    if isinstance(scale, bool) or not isinstance(scale, int | float):
        raise RecordError(f"scale of the review record at {record.ts_event} must be a number")
    action = proposal.get("action", "") if isinstance(proposal, dict) else ""
    return CounselRow(
        ts_event=record.ts_event,
        instrument_id=record.instrument_id,
        purpose=text(record, "purpose"),
        verdict=text(record, "verdict"),
        scale=float(scale),
        proposed=f"{action}",
        reason=text(record, "reason"),
    )


def _whole(record: Record, name: str) -> int:
    value = record.fields.get(name)
    if type(value) is not int:
        raise RecordError(
            f"{name} of the {record.kind.value} record at {record.ts_event} must be whole, "
            f"was {value!r:.80}"
        )
    return value


def _tallies(names: Iterable[str]) -> tuple[Tally, ...]:
    """Count names, the most frequent first."""
    found = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    return tuple(Tally(name=name, count=count) for name, count in found)


def to_dict(summary: CounselSummary) -> dict[str, Value]:
    """Write a summary as JSON values, money as exact text; the journal holds the rows."""
    per = summary.cost_per_decision
    return {
        "considered": len(summary.rows),
        "verdicts": _counts(summary.verdicts),
        "proposals": _counts(summary.proposals),
        "exchanges": summary.exchanges,
        "repairs": summary.repairs,
        "charged": summary.charged,
        "failures": _counts(summary.failures),
        "late": summary.late,
        "tokens_in": summary.tokens_in,
        "tokens_out": summary.tokens_out,
        "cost": f"{summary.cost:f}",
        "cost_per_decision": None if per is None else f"{per:f}",
        "yearly_cost": summary.yearly_cost,
        "mean_latency_ms": summary.mean_latency_ms,
        "longest_latency_ms": summary.longest_latency_ms,
        "prompts": list(summary.prompts),
        "models": list(summary.models),
    }


def _counts(tallies: Sequence[Tally]) -> dict[str, Value]:
    return {tally.name: tally.count for tally in tallies}
