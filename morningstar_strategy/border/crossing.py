"""What crosses the border: calls that come in, answers that are seen, acts that go out."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import partial, wraps
from typing import Any, Final, Protocol

from nautilus_trader.common import Clock

__all__ = ["Asked", "Border", "Codec", "Origin", "Plain", "crossing", "heard_by"]

# `Any` in this module: arguments of calls and JSON values are of every type

_ORIGIN: Final = "crossing_origin"  # attribute of a method that is marked

type Plain = Any  # what JSON can say; a tuple counts as a list


@dataclass(frozen=True)
class Codec[T]:
    """How a value is written as JSON values, and read again."""

    encode: Callable[[T], Plain]
    decode: Callable[[Plain], T]


class Origin(StrEnum):
    """Where a call comes from."""

    HEARD = "heard"  # from outside: a replay makes it anew from the record
    MADE = "made"  # from what a replay computes again; its moment is the record's
    AWAITED = "awaited"  # the same, and a replay may have it before its moment came


@dataclass(frozen=True, slots=True)
class Asked:
    """A method that is called, with its arguments."""

    what: str
    args: tuple[Any, ...] = ()
    named: Mapping[str, Any] = field(default_factory=dict)


class Border(Protocol):
    """Stands between a strategy and all else.

    A session that is recorded writes down what crosses; a replay hands it back. Outside of a call
    nothing is written down and nothing is handed back: who merely looks changes nothing.
    """

    def attach(self, target: object, clock: Clock) -> None:
        """Take hold of whoever hears calls, and of the clock."""
        ...

    def bar(self, instrument_id: str, ts_event: int) -> None:
        """Take notice that a prediction is made from a bar now."""
        ...

    def call[R](self, origin: Origin, asked: Asked, run: Callable[[], R]) -> R:
        """Let a call in; time stands still until it returns."""
        ...

    def now_ns(self, look: Callable[[], int]) -> int:
        """Give the time of the call, outside of one what `look` tells."""
        ...

    def see[T](
        self,
        question: str,
        look: Callable[[], T],
        codec: Codec[T],
        raises: tuple[type[Exception], ...] = (),
    ) -> T:
        """Give what is seen outside; an exception among `raises` is an answer too."""
        ...

    def act(self, what: Plain, do: Callable[[], None]) -> None:
        """Let an act out."""
        ...

    def forget(self, question: str) -> None:
        """Take notice that nobody will ask this again."""
        ...


class _Bordered(Protocol):
    @property
    def border(self) -> Border | None: ...


def crossing[S: _Bordered, R](
    origin: Origin,
) -> Callable[[Callable[..., R]], Callable[..., R]]:
    """Mark a method as one that is called from beyond the border.

    Such a method must not be called from within, since a replay would take that for a call anew.
    """

    def marked(method: Callable[..., R]) -> Callable[..., R]:
        name = method.__name__

        @wraps(method)
        def wrapped(self: S, /, *args: Any, **named: Any) -> R:
            border = self.border
            if border is None:
                return method(self, *args, **named)
            run = partial(method, self, *args, **named)
            return border.call(origin, Asked(name, args, named), run)

        setattr(wrapped, _ORIGIN, origin)
        return wrapped

    return marked


def heard_by(target: object, what: str) -> Callable[..., Any] | None:
    """Find the method by which a target hears a call, None where it has no such method.

    Only what is marked so is found: a record must not be able to name anything else.
    """
    marked = getattr(type(target), what, None)
    return getattr(target, what) if getattr(marked, _ORIGIN, None) is Origin.HEARD else None
