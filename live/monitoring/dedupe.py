"""Tells the same trouble once, counts its repeats, and tells when it is over."""

from collections import OrderedDict
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final

from live.monitoring.alerts import Alert, Cleared, Level, Notice

__all__ = ["Deduplicator", "Message", "Tone"]

_SECOND: Final = 1_000_000_000
_CAPACITY: Final = 1_000


class Tone(StrEnum):
    """What a message is."""

    ALERT = "alert"
    REPEATED = "repeated"
    CLEARED = "cleared"
    HEARTBEAT = "heartbeat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What goes out; `more` is how many untold repeats it stands for, `lost` what never went out.

    An alert stands for one more than its repeats.
    """

    tone: Tone
    level: Level
    key: str
    text: str
    ts_event: int
    more: int = 0
    lost: int = 0

    def __post_init__(self) -> None:
        for name, value in (("more", self.more), ("lost", self.lost)):
            if value < 0:
                raise ValueError(f"{name} must not be negative, was {value}")

    @property
    def words(self) -> str:
        """Give the whole sentence."""
        heads = {Tone.ALERT: self.level.value.upper(), Tone.REPEATED: self.level.value.upper()}
        parts = [f"{heads.get(self.tone, self.tone.value.upper())} {self.text}"]
        if self.more:
            parts.append(f"({_times(self.more)})")
        if self.lost:
            parts.append(f"({self.lost} earlier messages were lost)")
        return " ".join(parts)


def _times(more: int) -> str:
    return "once more" if more == 1 else f"{more} more times"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Story:
    """What was told of a key last, and what came since; until_ns is the window's end."""

    last: Alert
    level: Level
    until_ns: int
    more: int = 0


class Deduplicator:
    """Keeps what was told; times are of a clock that never jumps.

    It remembers a thousand keys; the one that was longest without news is told and forgotten.
    """

    def __init__(self, *, window_secs: int, capacity: int = _CAPACITY) -> None:
        for name, value in (("window_secs", window_secs), ("capacity", capacity)):
            if value < 1:
                raise ValueError(f"{name} must be at least 1, was {value}")
        self._window_ns = window_secs * _SECOND
        self._capacity = capacity
        self._stories: OrderedDict[str, _Story] = OrderedDict()

    def take(self, notice: Notice, *, now_ns: int) -> list[Message]:
        """Give what is to be told of a notice now."""
        match notice:
            case Alert():
                return self._alerted(notice, now_ns)
            case Cleared():
                return self._cleared(notice)

    def due(self, *, now_ns: int) -> list[Message]:
        """Give the repeats of the windows that have ended."""
        ended = [(key, story) for key, story in self._stories.items() if story.until_ns <= now_ns]
        messages: list[Message] = []
        for key, story in ended:
            if story.more:
                messages.append(_repeated(story))
                until_ns = now_ns + self._window_ns
                self._stories[key] = replace(
                    story, level=story.last.level, until_ns=until_ns, more=0
                )
        return messages

    def finish(self) -> list[Message]:
        """Give all repeats that were not told yet, and forget everything."""
        stories = [story for story in self._stories.values() if story.more]
        self._stories.clear()
        return [_repeated(story) for story in stories]

    def next_due_ns(self) -> int | None:
        """Give the end of the first window with repeats."""
        return min((s.until_ns for s in self._stories.values() if s.more), default=None)

    def _alerted(self, alert: Alert, now_ns: int) -> list[Message]:
        story = self._stories.get(alert.key)
        is_news = story is None or now_ns >= story.until_ns or alert.level.rank > story.level.rank
        if story is not None and not is_news:
            self._stories[alert.key] = replace(story, last=alert, more=story.more + 1)
            return []
        until_ns = now_ns + self._window_ns
        self._stories[alert.key] = _Story(last=alert, level=alert.level, until_ns=until_ns)
        self._stories.move_to_end(alert.key)
        more = 0 if story is None else story.more
        return [*self._evicted(), _message(Tone.ALERT, alert, alert.level, more)]

    def _cleared(self, cleared: Cleared) -> list[Message]:
        story = self._stories.pop(cleared.key, None)
        if story is None:
            return []  # nobody heard of the trouble, so nobody waits for its end
        told = replace(story.last, text=cleared.text, ts_event=cleared.ts_event)
        return [_message(Tone.CLEARED, told, story.level, story.more)]

    def _evicted(self) -> list[Message]:
        if len(self._stories) <= self._capacity:
            return []
        _, story = self._stories.popitem(last=False)
        return [_repeated(story)] if story.more else []


def _repeated(story: _Story) -> Message:
    return _message(Tone.REPEATED, story.last, story.level, story.more)


def _message(tone: Tone, alert: Alert, level: Level, more: int) -> Message:
    return Message(
        tone=tone,
        level=level,
        key=alert.key,
        text=alert.text,
        ts_event=alert.ts_event,
        more=more,
    )
