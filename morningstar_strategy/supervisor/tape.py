"""The tape: every exchange as a line that holds the hash of the line before it."""

import json
from collections.abc import Iterator
from decimal import Decimal
from hashlib import sha256
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from morningstar_strategy.supervisor.exchange import (
    Exchange,
    Failure,
    Prompt,
    ProviderError,
    Purpose,
    Question,
    Reply,
    Turn,
    words_written,
)
from morningstar_strategy.supervisor.writing import escape, escaped

__all__ = ["TapeError", "TapeMiss", "TapeProvider", "TapeWriter", "read_tape", "verify_tape"]

# `Any` in this module: a line of JSON has no better type before it is read

type _Form = tuple[int, str, str, str]  # id of the schema; name, hash and text of the template

_START: Final = "0" * 64
_FORMAT: Final = 1
_MOST_FORMS: Final = 64


class TapeError(ValueError):
    """A line of a tape is not what was written."""


class TapeMiss(LookupError):  # noqa: N818  # named by what happened
    """The tape holds no answer to a question: what is replayed is not what was recorded."""


class TapeWriter:
    """Appends exchanges to a tape, each a whole line before it is used; one writer a file.

    What a crash left of a last line is moved into a file beside the tape, which `torn` then names.
    Raises TapeError where anything else of the tape is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._last = _START
        self._count = self._length = 0
        self._forms: dict[_Form, tuple[dict[str, Any], bytes]] = {}
        if path.exists():
            for mark, _, self._length in _lines(path, torn_end=True):
                self._last, self._count = mark, self._count + 1
        path.parent.mkdir(parents=True, exist_ok=True)
        self._file = path.open("ab", buffering=0)  # what failed must not come with the next line
        self.torn = self._put_aside(path)

    def append(self, exchange: Exchange) -> str:
        """Write one exchange and give the hash of its line; one that cannot be written is not."""
        prompt = exchange.question.prompt
        body = b"".join(
            (
                _before_prompt(exchange),
                self._form(prompt),
                words_written(prompt.user),
                _after_words(exchange),
                b',"format":%d,"index":%d}' % (_FORMAT, self._count),
            )
        )
        mark = _mark(self._last, body)
        head = f'{{"prev": "{self._last}", "hash": "{mark}", "body": '.encode()
        self._write(b"%b%b}\n" % (head, body))
        self._last, self._count = mark, self._count + 1
        return mark

    def _write(self, line: bytes) -> None:
        left = line
        try:
            while left:
                left = left[self._file.write(left) :]
        except OSError:
            self._file.truncate(self._length)
            raise
        self._length += len(line)

    def _put_aside(self, path: Path) -> Path | None:
        with path.open("rb") as file:
            file.seek(self._length)
            tail = file.read()
        if not tail:
            return None
        aside = path.with_name(f"{path.name}.torn")
        with aside.open("ab") as file:
            file.write(tail + b"\n")
        self._file.truncate(self._length)
        return aside

    def _form(self, prompt: Prompt) -> bytes:
        """Write what stands before the words of a prompt, once for each template and schema.

        The same schema is the same object, since nobody changes one; what is kept keeps its id.
        """
        key = (id(prompt.schema), prompt.name, prompt.template_sha, prompt.system)
        found = self._forms.get(key)
        if found is None:
            if len(self._forms) == _MOST_FORMS:
                self._forms.clear()
            found = self._forms[key] = (prompt.schema, _form_written(prompt))
        return found[1]

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        e: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_tape(path: Path) -> Iterator[Exchange]:
    """Read the exchanges in their order; raises TapeError naming the first line that is wrong."""
    for number, (_, body, _) in enumerate(_lines(path), start=1):
        try:
            yield _exchange(body["exchange"])
        except (KeyError, TypeError, ValueError, ArithmeticError) as e:
            raise TapeError(f"line {number} of {path.name} is no exchange: {e!r:.120}") from e


def verify_tape(path: Path) -> int:
    """Count the exchanges of a sound tape; raises TapeError naming the first line that is wrong."""
    return sum(1 for _ in read_tape(path))


class TapeProvider:
    """Answers what was answered: replies and failures with the latency they had."""

    def __init__(self, path: Path) -> None:
        self._name = path.name
        self._known = {each.question.key: each for each in read_tape(path)}
        self._unasked = set(self._known)

    def unasked(self) -> int:
        """Count the exchanges that nobody has asked for yet."""
        return len(self._unasked)

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        """Give the recorded reply; raises ProviderError where none came, TapeMiss where unasked."""
        del deadline_secs  # whether a reply was late is on the tape
        found = self._known.get(question.key)
        if found is None:
            raise TapeMiss(
                f"{self._name} has no answer to {question.purpose.value} of "
                f"{question.instrument_id} at {question.ts_event}, attempt {question.attempt}"
            )
        self._unasked.discard(question.key)
        if found.reply is not None:
            return found.reply
        failure = found.failure or Failure.UNAVAILABLE
        raise ProviderError(
            failure, found.detail, latency_ms=found.latency_ms, charged=found.charged
        )


# ---------------------------------------------------------------- lines


def _lines(path: Path, *, torn_end: bool = False) -> Iterator[tuple[str, dict[str, Any], int]]:
    """Give the hash, the body and the place of the end of every line, or raise TapeError.

    With `torn_end` a last line that was never finished is left out.
    """
    last, end = _START, 0
    with path.open("rb") as file:
        for number, raw in enumerate(file, start=1):
            if torn_end and not raw.endswith(b"\n"):
                return
            fault = f"line {number} of {path.name}"
            mark, body, index = _read_line(raw, last, fault)
            if index != number - 1:
                raise TapeError(f"{fault} must have the index {number - 1}, had {index}")
            last, end = mark, end + len(raw)
            yield mark, body, end


def _read_line(raw: bytes, last: str, fault: str) -> tuple[str, dict[str, Any], object]:
    if not raw.endswith(b"\n"):
        raise TapeError(f"{fault} is cut off")
    try:
        line = json.loads(raw)
        prev, mark, body = line["prev"], line["hash"], line["body"]
        text = f'{{"prev": "{prev}", "hash": "{mark}", "body": {_canonical(body)}}}\n'
        index = body["index"]
    except (ValueError, LookupError, TypeError, RecursionError) as e:
        raise TapeError(f"{fault} is not a line of a tape: {type(e).__name__}") from e
    if prev != last:
        raise TapeError(f"{fault} does not follow the line before it")
    if text.encode() != raw or mark != _mark(prev, _canonical(body).encode()):
        raise TapeError(f"{fault} was changed after it was written")
    return mark, body, index


def _mark(last: str, body: bytes) -> str:
    found = sha256(f"{last}\n".encode())
    found.update(body)
    return found.hexdigest()


_canonical: Final = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False).encode


# ---------------------------------------------------------------- exchanges as fields

# An exchange is written as canonical JSON by hand, in parts: its template and its schema are the
# same in thousands of lines, and its words were escaped already for the question's key


def _before_prompt(exchange: Exchange) -> bytes:
    question, failure = exchange.question, exchange.failure
    return (
        f'{{"exchange":{{"charged":{exchange.charged},"cost":"{exchange.cost:f}",'
        f'"detail":{escape(exchange.detail)},'
        f'"failure":{"null" if failure is None else f'"{failure.value}"'},'
        f'"instrument_id":{escaped(question.instrument_id)},"key":"{question.key}",'
        f'"latency_ms":{exchange.latency_ms},"prompt":'
    ).encode()


def _form_written(prompt: Prompt) -> bytes:
    return (
        f'{{"name":{escape(prompt.name)},"schema":{_canonical(prompt.schema)},'
        f'"system":{escape(prompt.system)},"template_sha":{escape(prompt.template_sha)},"user":'
    ).encode()


def _after_words(exchange: Exchange) -> bytes:
    question = exchange.question
    turns = [f"[{escape(turn.reply)},{escape(turn.complaint)}]" for turn in question.turns]
    return (
        f',"version":{question.prompt.version}}},"purpose":"{question.purpose.value}",'
        f'"reply":{_reply_written(exchange.reply)},"ts_event":{question.ts_event},'
        f'"turns":[{",".join(turns)}],"verdict":{escaped(exchange.verdict)}}}'
    ).encode()


def _reply_written(reply: Reply | None) -> str:
    if reply is None:
        return "null"
    return (
        f'{{"latency_ms":{reply.latency_ms},"model":{escaped(reply.model)},'
        f'"provider":{escaped(reply.provider)},"text":{escape(reply.text)},'
        f'"tokens_in":{reply.tokens_in},"tokens_out":{reply.tokens_out}}}'
    )


def _exchange(fields: dict[str, Any]) -> Exchange:
    question = Question(
        purpose=Purpose(fields["purpose"]),
        instrument_id=fields["instrument_id"],
        ts_event=fields["ts_event"],
        prompt=Prompt(**fields["prompt"]),
        turns=tuple(Turn(reply=reply, complaint=why) for reply, why in fields["turns"]),
    )
    if question.key != fields["key"]:
        raise ValueError(f"key must be that of the question, was {fields['key']!r:.80}")
    failure, reply = fields["failure"], fields["reply"]
    return Exchange(
        question=question,
        reply=None if reply is None else Reply(**reply, charged=fields["charged"]),
        failure=None if failure is None else Failure(failure),
        detail=fields["detail"],
        verdict=fields["verdict"],
        cost=Decimal(fields["cost"]),
        latency_ms=fields["latency_ms"],
        charged=fields["charged"],
    )
