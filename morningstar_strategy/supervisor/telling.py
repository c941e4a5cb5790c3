"""An exchange with a supervisor as a record of the journal; the tape keeps its words."""

from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.supervisor.exchange import Exchange

__all__ = ["of_exchange"]


def of_exchange(exchange: Exchange, *, ts_event: int) -> Record:
    """Record who was asked what, what became of it, and what it cost."""
    question, reply = exchange.question, exchange.reply
    failure = exchange.failure
    return Record(
        ts_event=ts_event,
        kind=Kind.EXCHANGE,
        instrument_id=question.instrument_id,
        fields={
            "asked_ns": question.ts_event,
            "purpose": question.purpose.value,
            "attempt": question.attempt,
            "prompt": f"{question.prompt.name}.v{question.prompt.version}",
            "template_sha": question.prompt.template_sha,
            "provider": "" if reply is None else reply.provider,
            "model": "" if reply is None else reply.model,
            "tokens_in": 0 if reply is None else reply.tokens_in,
            "tokens_out": 0 if reply is None else reply.tokens_out,
            "cost": f"{exchange.cost:f}",
            "charged": exchange.charged,
            "latency_ms": exchange.latency_ms,
            "failure": "" if failure is None else failure.value,
            "detail": exchange.detail,
            "verdict": exchange.verdict,
        },
    )
