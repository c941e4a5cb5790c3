"""Hands back what crossed the border in a session, in its order and at its time."""

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from nautilus_trader.common import Clock

from morningstar_strategy.border.arguments import read, written
from morningstar_strategy.border.crossing import Asked, Codec, Origin, Plain, heard_by
from morningstar_strategy.border.recorder import ACT, BAR, CALL, RAISED, SEEN

__all__ = ["DivergedError", "Replayer"]

# `Any` in this module: lines are JSON of several shapes, and calls give values of every type


class DivergedError(Exception):
    """What is replayed does something else than the session did: here first."""


@dataclass(frozen=True, slots=True)
class _Call:
    """A call of the record."""

    depth: int
    ts: int
    origin: Origin
    what: str
    args: list[Plain]
    named: dict[str, Plain]

    def is_of(self, asked: Asked) -> bool:
        """Say whether this is the same call."""
        return self.what == asked.what and (self.args, self.named) == _plain(asked)


type _Key = tuple[str, str]


class Replayer:
    """Stands where a recorder stood.

    Calls that were heard are made at their time; calls that the replay makes itself wait for their
    turn, and get the time of the record. `is_over` from the end of the record, or from where the
    two part: then nothing is called any more.
    """

    def __init__(self, lines: Iterable[list[Plain]]) -> None:
        self.is_over = False
        self.divergence: DivergedError | None = None
        self.raised: list[Exception] = []  # by calls
        self._lines = (line for line in lines if line[0] != BAR)
        self._next: list[Plain] | None = next(self._lines, None)
        self._known: dict[str, Plain] = {}
        self._looks = 0
        self._depth = 0
        self._now_ns = 0
        self._waiting: dict[_Key, Callable[[], Any]] = {}  # calls whose moment has not come
        self._targets: list[object] = []
        self._clock: Clock | None = None
        self._alerts = 0

    @property
    def parted(self) -> str:
        """Say where the replay did something else than the session, "" where it never did."""
        if self.divergence is None and self._next is None:
            return ""
        why = self.divergence or f"the session went on with {self._next}, nothing did so"
        raised = [f"{type(e).__name__}: {e}" for e in self.raised]
        return "; ".join((f"{why}", *(f"a call raised {each}" for each in raised[-1:])))

    def attach(self, target: object, clock: Clock) -> None:
        """Take hold of who hears the calls, and of the clock that brings them."""
        self._targets.append(target)
        self._clock = clock

    def bar(self, instrument_id: str, ts_event: int) -> None:
        """Leave it: bars come from the record of the market."""

    # ------------------------------------------------------------ calls

    def call(self, origin: Origin, asked: Asked, run: Callable[[], Any]) -> Any:
        """Let a call in when it is its turn; one that is awaited may be let in later."""
        try:
            return self._call(origin, asked, run)
        except Exception as e:
            if self._depth:
                raise
            self._mind(e)
            return None  # who called goes on without an answer

    def _call(self, origin: Origin, asked: Asked, run: Callable[[], Any]) -> Any:
        if self.is_over:
            return None
        key = (asked.what, json.dumps(_plain(asked)))
        if origin is Origin.AWAITED:
            self._waiting[key] = run
            self._go_on(until=key)
            return None
        if origin is Origin.MADE:
            self._go_on(until=key)
        call = self._upcoming()
        if self.is_over or self._next is None:  # the session was killed before it came to this
            self.is_over = True
            return None
        if call is None or not call.is_of(asked):
            self._part(f"the session went on with {self._next}, the replay with {key}")
        try:
            return self._enter(call, run)
        finally:
            if not self._depth and origin is Origin.MADE:
                self._go_on()

    def _go_on(self, *, until: _Key | None = None) -> None:
        """Make the calls of the record whose time has come, and those before `until`."""
        now_ns = self._clock.timestamp_ns() if self._clock is not None else 0
        while not self.is_over and (call := self._upcoming()) is not None:
            key = (call.what, json.dumps((call.args, call.named)))
            is_early = until is None and call.ts > now_ns
            if is_early or (call.origin is Origin.MADE):
                break
            if call.origin is Origin.HEARD:
                self._hear(call)
            elif (run := self._waiting.pop(key, None)) is not None:
                self._enter(call, run)
            else:
                break
            if key == until:
                until = None
        if not self._depth:
            self._set_alert()

    def _wake(self) -> None:
        try:
            self._go_on()
        except Exception as e:
            self._mind(e)

    def _mind(self, e: Exception) -> None:
        """Keep what a call raised: the session's went to a log; `parted` tells of a divergence."""
        if not isinstance(e, DivergedError):
            self.raised.append(e)

    def _upcoming(self) -> _Call | None:
        """Give the next line where it is a call at this depth."""
        if self._next is None or self._next[0] != CALL:
            return None
        _, depth, ts, origin, what, args, named = self._next
        if depth != self._depth + 1:
            return None
        return _Call(depth, ts, Origin(origin), what, args, named)

    def _hear(self, call: _Call) -> None:
        """Call as the session was called; what it raises was for that caller to mind."""
        line = self._next
        method, asked = self._heard(call)
        try:
            method(*asked.args, **asked.named)
        except DivergedError:
            raise
        except Exception as e:
            self.raised.append(e)
        if self._next is line:  # what was called never let the call in
            self._part(f"{call.what} cannot be called as the session was: {line}")

    def _heard(self, call: _Call) -> tuple[Callable[..., Any], Asked]:
        """Find who hears a call; a record can name what is heard and nothing else."""
        found = (heard_by(each, call.what) for each in self._targets)
        method = next((each for each in found if each is not None), None)
        if method is None:
            self._part(f"nobody hears {call.what!r:.80}")
        try:
            return method, read(call.what, call.args, call.named)
        except Exception as e:  # the engine's readers raise whatever they meet
            self._part(f"what {call.what} was told cannot be read: {e}")

    def _enter(self, call: _Call, run: Callable[[], Any]) -> Any:
        before_ns, self._now_ns = self._now_ns, call.ts
        self._depth += 1
        self._step()
        try:
            return run()
        finally:
            self._depth -= 1
            self._now_ns = before_ns

    def _set_alert(self) -> None:
        """Have the clock wake this up when the next call was heard."""
        call = self._upcoming()
        if self._clock is None or call is None or self.is_over or call.origin is Origin.MADE:
            return
        if call.ts > self._clock.timestamp_ns():
            self._alerts += 1
            self._clock.set_time_alert_ns(
                f"crossing-{self._alerts}", call.ts, lambda _event: self._wake()
            )

    # ------------------------------------------------------------ answers and acts

    def now_ns(self, look: Callable[[], int]) -> int:
        """Give the time at which the call began in the session."""
        return self._now_ns if self._depth else look()

    def see[T](
        self,
        question: str,
        look: Callable[[], T],
        codec: Codec[T],
        raises: tuple[type[Exception], ...] = (),
    ) -> T:
        """Give what was seen in the session, whatever would be seen now."""
        if not self._depth:
            return look()
        self._looks += 1
        if self._next is not None and self._next[0] == SEEN and self._next[1] == self._looks:
            _, _, asked, answer = self._next
            if asked != question:
                self._part(f"the session asked for {asked}, the replay for {question}")
            self._known[question] = answer
            self._step()
        if question not in self._known:
            self._part(f"the replay asked for {question}, the session went on with {self._next}")
        answer = self._known[question]
        if isinstance(answer, dict) and RAISED in answer:
            raise self._raised(question, answer[RAISED], raises)
        try:
            return codec.decode(answer)
        except Exception as e:  # the engine's readers raise whatever they meet
            self._part(f"the session's answer to {question} cannot be read: {e!r:.200}")

    def _raised(self, question: str, told: Plain, raises: tuple[type[Exception], ...]) -> Exception:
        """Give the exception that was the session's answer."""
        if not (raises and isinstance(told, list) and len(told) == len(("type", "words"))):
            self._part(f"the session's answer to {question} cannot be read: {told!r:.200}")
        name, words = told
        return next((each for each in raises if each.__name__ == name), raises[0])(words)

    def act(self, what: Plain, do: Callable[[], None]) -> None:
        """Hold what goes out against the session; nothing goes out, but what came of it comes."""
        del do
        if not self._depth:
            return
        if (
            self._next is None
            or self._next[0] != ACT
            or self._next[1:] != [self._looks, json.loads(json.dumps(what))]
        ):
            self._part(f"the session went on with {self._next}, the replay did {what}")
        self._step()
        while (call := self._upcoming()) is not None and call.origin is Origin.HEARD:
            self._hear(call)

    def forget(self, question: str) -> None:
        """Free the memory of an answer."""
        self._known.pop(question, None)

    def _step(self) -> None:
        self._next = next(self._lines, None)

    def _part(self, why: str) -> NoReturn:
        self.is_over = True
        self.divergence = DivergedError(f"{why} (look {self._looks}, {self._now_ns} ns)")
        raise self.divergence


def _plain(asked: Asked) -> tuple[Plain, Plain]:
    """Write arguments as they are read again."""
    args, named = json.loads(json.dumps(written(asked)))
    return args, named
