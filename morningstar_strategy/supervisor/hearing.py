"""One decision heard: ask within deadline and budget, read strictly, ask once for a repair."""

from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.commands import TradeCommand
from morningstar_strategy.core.scene import Scene
from morningstar_strategy.supervisor.authority import Silence
from morningstar_strategy.supervisor.budget import Budget, Estimate, Purse
from morningstar_strategy.supervisor.exchange import (
    Exchange,
    Provider,
    ProviderError,
    Purpose,
    Question,
    Reply,
    Turn,
)
from morningstar_strategy.supervisor.outside import clean
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.reply import (
    Opinion,
    Rejected,
    parse_command_reply,
    parse_review,
)

__all__ = ["Answer", "Heard", "Listener"]

type Answer = Opinion | TradeCommand | Silence

_LONGEST_QUOTE: Final = 2_000  # characters of a refused reply that are sent back
_LONGEST_DETAIL: Final = 300
_NOTHING: Final = Estimate(tokens=0, money=Decimal(0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What came of one decision, and every exchange it took."""

    answer: Answer
    exchanges: tuple[Exchange, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """Puts questions to a provider; safe to use from several threads when the provider is.

    What it does depends on what came back and on the latency said with it, never on a clock, so
    that a replay does the same.
    """

    provider: Provider
    policy: SupervisorPolicy
    budget: Budget
    purse: Purse

    def hear(self, question: Question, scene: Scene) -> Heard:
        """Ask, and once more where the reply cannot be read and time and money are left."""
        left_ms = round(self.policy.deadline_secs * 1_000)
        exchange, answer = self._ask(question, scene, left_ms=left_ms, before=None)
        if exchange is None or exchange.reply is None or not isinstance(answer, Rejected):
            return _heard(answer, exchange)
        left_ms -= exchange.latency_ms
        if left_ms < self.policy.least_repair_secs * 1_000:
            return _heard(answer, exchange)
        repair = _repair_of(question, exchange.reply.text, answer)
        second, better = self._ask(repair, scene, left_ms=left_ms, before=exchange)
        if second is None:  # no budget for a repair
            return _heard(answer, exchange)
        return _heard(better, exchange, second)

    def _ask(
        self, question: Question, scene: Scene, *, left_ms: int, before: Exchange | None
    ) -> tuple[Exchange | None, Answer | Rejected]:
        """Put one question; without an exchange where the budget refused it."""
        ts_event = question.ts_event
        most = self.budget.estimate(question)
        refusal = self.purse.reserve(most, ts_event=ts_event, spent=self._spent(before))
        if refusal:
            return None, Silence(reason=refusal)
        try:
            reply = self.provider.ask(question, deadline_secs=left_ms / 1_000)
        except ProviderError as e:
            # What ran out of time may have been answered and charged for
            cost = most.times(e.charged)
            self.purse.settle(most, cost, ts_event=ts_event)
            return _failed(question, e, cost.money)
        reply = self.budget.believed(reply, most)
        cost = self.budget.spent_on(reply)
        if reply.charged:
            cost = cost.plus(most.times(reply.charged))
        self.purse.settle(most, cost, ts_event=ts_event)
        answer = _read(question, reply, scene, left_ms)
        return _answered(question, reply, answer, cost.money), answer

    def _spent(self, exchange: Exchange | None) -> Estimate:
        """Give what an exchange of the same decision has cost."""
        if exchange is None or exchange.reply is None:
            return _NOTHING
        tokens = exchange.reply.tokens_in + exchange.reply.tokens_out
        tokens += self.budget.estimate(exchange.question).tokens * exchange.charged
        return Estimate(tokens=tokens, money=exchange.cost)


def _read(question: Question, reply: Reply, scene: Scene, left_ms: int) -> Answer | Rejected:
    if reply.latency_ms > left_ms:
        return Silence(reason=f"reply came after {reply.latency_ms} ms, {left_ms} ms were left")
    match question.purpose:
        case Purpose.REVIEW:
            return parse_review(reply.text, symbol=question.instrument_id)
        case Purpose.EXECUTE:
            return parse_command_reply(reply.text, scene)


def _repair_of(question: Question, text: str, rejected: Rejected) -> Question:
    quoted = text[:_LONGEST_QUOTE].encode("utf-8", "replace").decode()
    complaint = (
        f"This reply was refused ({rejected.reason.value}): {rejected.detail}. "
        f"Answer again with exactly one JSON object as described, and nothing else."
    )
    return replace(question, turns=(Turn(reply=quoted, complaint=complaint),))


def _failed(question: Question, e: ProviderError, cost: Decimal) -> tuple[Exchange, Silence]:
    detail = clean(f"{e}", most=_LONGEST_DETAIL)
    exchange = Exchange(
        question=question,
        reply=None,
        failure=e.failure,
        detail=detail,
        verdict=f"no reply: {e.failure.value}",
        cost=cost,
        latency_ms=e.latency_ms,
        charged=e.charged,
    )
    return exchange, Silence(reason=f"no reply, {e.failure.value}: {detail}")


def _answered(
    question: Question, reply: Reply, answer: Answer | Rejected, cost: Decimal
) -> Exchange:
    return Exchange(
        question=question,
        reply=reply,
        failure=None,
        detail=answer.detail if isinstance(answer, Rejected) else "",
        verdict=_verdict(answer),
        cost=cost,
        latency_ms=reply.latency_ms,
        charged=reply.charged,
    )


def _verdict(answer: Answer | Rejected) -> str:
    match answer:
        case Rejected(reason=reason):
            return f"rejected: {reason.value}"
        case Silence():
            return "late"
        case Opinion(veto=veto):
            return "veto" if veto else "opinion"
        case command:
            return command.action


def _heard(answer: Answer | Rejected, *exchanges: Exchange | None) -> Heard:
    if isinstance(answer, Rejected):
        answer = Silence(reason=f"unusable reply, {answer.reason.value}: {answer.detail}")
    return Heard(answer=answer, exchanges=tuple(each for each in exchanges if each is not None))
