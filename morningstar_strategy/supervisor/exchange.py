"""What travels between a supervisor and whoever answers it: question, reply, failure, exchange."""

from dataclasses import dataclass, field
from decimal import Decimal
from enum import StrEnum
from functools import lru_cache
from hashlib import sha256
from typing import Any, Protocol

from morningstar_strategy.supervisor.writing import escape, escaped, listed

__all__ = [
    "Exchange",
    "Failure",
    "Prompt",
    "Provider",
    "ProviderError",
    "Purpose",
    "Question",
    "Reply",
    "Turn",
    "words_written",
]

# `Any` in this module: a JSON schema has no better type


class Purpose(StrEnum):
    """Why a supervisor asks."""

    REVIEW = "review"  # of a model signal that would open risk
    EXECUTE = "execute"  # for one of the four commands


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What is asked: two texts, and the JSON schema of the reply.

    `name` and `version` name the template file, `template_sha` is the SHA-256 of its bytes.
    """

    name: str
    version: int
    template_sha: str
    system: str
    user: str
    schema: dict[str, Any] = field(hash=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """An earlier reply and what was wrong with it: one repair is asked for."""

    reply: str
    complaint: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question; the same question always has the same `key`, whoever answers it."""

    purpose: Purpose
    instrument_id: str
    ts_event: int
    prompt: Prompt
    turns: tuple[Turn, ...] = ()

    @property
    def attempt(self) -> int:
        """Count from 0; a repair is 1."""
        return len(self.turns)

    @property
    def key(self) -> str:
        """Hash what was asked, about what, when, with which words and the how-many-th time."""
        prompt = self.prompt
        about = f'"{self.purpose.value}", {escaped(self.instrument_id)}'
        said = [listed([escape(turn.reply), escape(turn.complaint)]) for turn in self.turns]
        found = sha256(f"[[{about}, {self.ts_event}, {self.attempt}], [".encode())
        found.update(_template_written(prompt.template_sha, prompt.system))
        found.update(words_written(prompt.user))
        found.update(f"], {listed(said)}]".encode())
        return found.hexdigest()


@lru_cache(maxsize=16)
def _template_written(sha: str, system: str) -> bytes:
    """Write what all questions of a template have in common."""
    return f"{escape(sha)}, {escape(system)}, ".encode()


@lru_cache(maxsize=8)
def words_written(user: str) -> bytes:
    """Write what is asked in ASCII, once for the question's key and for the tape.

    A few are kept, for questions that are asked beside each other; more would cost memory that is
    never looked at again.
    """
    return escape(user).encode()


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back, as text, and what it cost to get.

    `charged` counts the requests before it that brought nothing but may have to be paid for.
    """

    text: str
    provider: str
    model: str
    tokens_in: int
    tokens_out: int
    latency_ms: int
    charged: int = 0


class Failure(StrEnum):
    """Why no reply came."""

    DEADLINE = "deadline"
    UNAVAILABLE = "unavailable"  # connection, 5xx, reset, a body that is no answer
    THROTTLED = "throttled"
    UNAUTHORISED = "unauthorised"
    REFUSED = "refused"  # the provider would not answer this question
    LEAKED = "leaked"  # the reply held the key that it was asked with
    OPEN = "open"  # the circuit breaker is open


class ProviderError(Exception):
    """No reply; the message never holds a key.

    `retry_after_secs` is how long the provider asked to be left alone, None where it did not;
    `charged` counts the requests that may have to be paid for although nothing came of them.
    """

    def __init__(
        self,
        failure: Failure,
        detail: str,
        *,
        latency_ms: int = 0,
        retry_after_secs: float | None = None,
        charged: int = 0,
    ) -> None:
        super().__init__(detail)
        self.failure = failure
        self.latency_ms = latency_ms
        self.retry_after_secs = retry_after_secs
        self.charged = charged


class Provider(Protocol):
    """Whoever answers: a venue of models, a script, a tape."""

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        """Answer within the deadline, blocking; raises ProviderError."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One question and what became of it, as the tape keeps it.

    Exactly one of `reply` and `failure` is set; `verdict` is what the supervisor made of it, in
    one sentence; `cost` is money by the price table, with that of the `charged` requests which
    may have to be paid for although nothing came of them.
    """

    question: Question
    reply: Reply | None
    failure: Failure | None
    detail: str
    verdict: str
    cost: Decimal
    latency_ms: int
    charged: int = 0

    def __post_init__(self) -> None:
        if (self.reply is None) is (self.failure is None):
            held = "neither" if self.reply is None else "both"
            raise ValueError(f"an exchange must hold a reply or a failure, held {held}")
