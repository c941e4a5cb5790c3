"""Tokens and money that a day and a decision may cost, and what has been spent."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_UP, Decimal
from functools import lru_cache
from threading import Lock
from typing import Final

from morningstar_strategy.supervisor.exchange import Exchange, Prompt, Question, Reply

__all__ = ["Budget", "Estimate", "Price", "Purse"]

_DAY_NS: Final = 86_400_000_000_000
_MILLION: Final = Decimal(1_000_000)
_GRAIN: Final = Decimal("0.00000001")
_ZERO: Final = Decimal(0)
_MOST_OVER: Final = 16  # times the estimate: more than any thinking costs
_DAYS_KEPT: Final = 8
_BYTES_PER_TOKEN: Final = 2  # fewer than any tokeniser needs for running text


@dataclass(frozen=True, slots=True, kw_only=True)
class Price:
    """Money for a million tokens."""

    tokens_in: Decimal
    tokens_out: Decimal

    def __post_init__(self) -> None:
        for name, value in (("tokens_in", self.tokens_in), ("tokens_out", self.tokens_out)):
            if not (value.is_finite() and 0 <= value < 1_000_000):
                raise ValueError(f"price of {name} must be in [0, 1000000), was {value}")

    def of(self, tokens_in: int, tokens_out: int) -> Decimal:
        """Give what these tokens cost, rounded up."""
        cost = (self.tokens_in * tokens_in + self.tokens_out * tokens_out) / _MILLION
        return cost.quantize(_GRAIN, ROUND_UP)


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """What one question may cost at most, or what several things cost."""

    tokens: int
    money: Decimal

    def times(self, count: int) -> "Estimate":
        """Give as much so many times."""
        return Estimate(tokens=self.tokens * count, money=self.money * count)

    def plus(self, other: "Estimate") -> "Estimate":
        """Give both together."""
        return Estimate(tokens=self.tokens + other.tokens, money=self.money + other.money)


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What may be spent in one UTC day of event time, and on one decision.

    `prices` are by model; a model that is not in them costs as much as the dearest, and nothing
    where there are none. `max_reply_tokens` is the most a provider lets a reply have.
    """

    tokens_per_day: int = 2_000_000
    money_per_day: Decimal = Decimal(2)
    tokens_per_decision: int = 20_000
    money_per_decision: Decimal = Decimal("0.10")
    max_reply_tokens: int = 700
    prices: Mapping[str, Price] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("tokens_per_day", "tokens_per_decision", "max_reply_tokens"):
            count: int = getattr(self, name)
            if not count > 0:
                raise ValueError(f"{name} must be positive, was {count}")
        for name in ("money_per_day", "money_per_decision"):
            money: Decimal = getattr(self, name)
            if not (money.is_finite() and money >= 0):
                raise ValueError(f"{name} must not be negative, was {money}")

    def require(self, models: Iterable[str]) -> None:
        """Raise ValueError naming the models that have no price; money cannot be kept otherwise."""
        if missing := sorted(set(models) - set(self.prices)):
            raise ValueError(f"prices must name every model, had none for {', '.join(missing)}")

    def spent_on(self, reply: Reply) -> Estimate:
        """Give what a reply itself cost by the price table."""
        price = self.prices.get(reply.model)
        tokens = reply.tokens_in, reply.tokens_out
        money = self._dearest(*tokens) if price is None else price.of(*tokens)
        return Estimate(tokens=sum(tokens), money=money)

    def believed(self, reply: Reply, most: Estimate) -> Reply:
        """Take a usage that cannot be for the most that the question could cost."""
        told = reply.tokens_in, reply.tokens_out
        if min(told) >= 0 and sum(told) <= most.tokens * _MOST_OVER:
            return reply
        longest = min(self.max_reply_tokens, most.tokens)
        return replace(reply, tokens_in=most.tokens - longest, tokens_out=longest)

    def estimate(self, question: Question) -> Estimate:
        """Give the most a question may cost: its bytes as tokens, a reply as long as allowed."""
        asked = _size(question.prompt) + sum(
            len(turn.reply.encode()) + len(turn.complaint.encode()) for turn in question.turns
        )
        tokens_in, tokens_out = asked // _BYTES_PER_TOKEN, self.max_reply_tokens
        money = self._dearest(tokens_in, tokens_out)
        return Estimate(tokens=tokens_in + tokens_out, money=money)

    def _dearest(self, tokens_in: int, tokens_out: int) -> Decimal:
        costs = [price.of(tokens_in, tokens_out) for price in self.prices.values()]
        return max(costs, default=_ZERO)


def _size(prompt: Prompt) -> int:
    user = prompt.user
    return _bytes_of_template(prompt.system) + (len(user) if user.isascii() else len(user.encode()))


@lru_cache(maxsize=16)
def _bytes_of_template(text: str) -> int:
    return len(text.encode())


@dataclass(slots=True)
class _Spent:
    tokens: int = 0
    money: Decimal = _ZERO


class Purse:
    """What is left of a budget: reserve before asking, settle after, from any thread."""

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._lock = Lock()
        self._days: dict[int, _Spent] = {}

    def reserve(self, estimate: Estimate, *, ts_event: int, spent: Estimate) -> str:
        """Take the most a question may cost out of the day, or say what it would exceed.

        `spent` is what the same decision has cost already; "" means reserved.
        """
        with self._lock:
            day = self._of(ts_event)
            refusal = self._refusal(day, estimate, spent)
            if not refusal:
                day.tokens += estimate.tokens
                day.money += estimate.money
        return refusal

    def _refusal(self, day: _Spent, estimate: Estimate, spent: Estimate) -> str:
        budget = self._budget
        if spent.tokens + estimate.tokens > budget.tokens_per_decision:
            return f"over budget: {budget.tokens_per_decision} tokens a decision"
        if spent.money + estimate.money > budget.money_per_decision:
            return f"over budget: {budget.money_per_decision} a decision"
        if day.tokens + estimate.tokens > budget.tokens_per_day:
            return f"over budget: {budget.tokens_per_day} tokens a day"
        if day.money + estimate.money > budget.money_per_day:
            return f"over budget: {budget.money_per_day} a day"
        return ""

    def settle(self, reserved: Estimate, actual: Estimate, *, ts_event: int) -> None:
        """Give back what a question cost less than was reserved for it."""
        with self._lock:
            day = self._of(ts_event)
            day.tokens += actual.tokens - reserved.tokens
            day.money += actual.money - reserved.money

    def recall(self, exchanges: Iterable[Exchange]) -> None:
        """Count what was spent before a restart."""
        with self._lock:
            for exchange in exchanges:
                day, reply = self._of(exchange.question.ts_event), exchange.reply
                day.tokens += 0 if reply is None else reply.tokens_in + reply.tokens_out
                day.tokens += self._budget.estimate(exchange.question).tokens * exchange.charged
                day.money += exchange.cost

    def spent(self, ts_event: int) -> Estimate:
        """Give what the day of this time has cost, reservations included."""
        with self._lock:
            day = self._of(ts_event)
            return Estimate(tokens=day.tokens, money=day.money)

    def _of(self, ts_event: int) -> _Spent:
        day = ts_event // _DAY_NS
        found = self._days.setdefault(day, _Spent())
        while len(self._days) > _DAYS_KEPT:  # a bar of a wrong day must not clear this one
            del self._days[min(each for each in self._days if each != day)]
        return found
