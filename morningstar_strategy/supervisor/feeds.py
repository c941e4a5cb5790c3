"""Sources outside that are polled while trading: news over RSS, numbers over JSON."""

import logging
import re
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain
from types import MappingProxyType, TracebackType
from typing import Final, Self

from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import NUMBER_LIFE_NS, TEXT_LIFE_NS, Timeline
from morningstar_strategy.supervisor.fetching import FeedError, check_url, fetch
from morningstar_strategy.supervisor.outside import says_nothing
from morningstar_strategy.supervisor.polled_json import Paths, Point, read_json
from morningstar_strategy.supervisor.syndication import MAX_ITEMS, read_syndication

__all__ = ["FeedKind", "FeedSpec", "Feeds"]

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,47}")
_SYMBOL: Final = re.compile(r"[A-Z0-9]{0,20}")
_KEPT: Final = 200  # externals of one feed
_REMEMBERED: Final = 5 * MAX_ITEMS  # so that no page can make us forget what it says
_LONGEST_WAIT_SECS: Final = 3_600
_PATIENCE_SECS: Final = 1.0
_log = logging.getLogger(__name__)


class FeedKind(StrEnum):
    """What a page is written in."""

    RSS = "rss"  # or Atom
    JSON = "json"


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedSpec:
    """One source outside; `symbol` is a base currency, empty for the whole market.

    `paths` says where a JSON page has its items, their value (a number) or text, and their time.
    """

    name: str
    url: str
    kind: FeedKind
    symbol: str = ""
    every_secs: int = 300
    deadline_secs: float = 10.0
    paths: Paths = field(default_factory=Paths)

    def __post_init__(self) -> None:
        if _NAME.fullmatch(self.name) is None:
            raise ValueError(f"name of a feed must be like crypto-news, was {self.name!r}")
        if _SYMBOL.fullmatch(self.symbol) is None:
            raise ValueError(f"symbol must be a base currency such as BTC, was {self.symbol!r}")
        check_url(self.url)
        if not 10 <= self.every_secs <= 86_400:
            raise ValueError(f"every_secs must be in [10, 86400], was {self.every_secs}")
        if not 0.0 < self.deadline_secs <= 60.0:
            raise ValueError(f"deadline_secs must be in (0, 60], was {self.deadline_secs}")
        said = bool(self.paths.value) + bool(self.paths.text)
        if said != (self.kind is FeedKind.JSON):
            raise ValueError(
                f"paths of {self.name} must name either a value or a text for json, neither for rss"
            )


class _Source:
    """What is remembered of one feed; only its own thread touches it."""

    def __init__(self, spec: FeedSpec) -> None:
        self.spec = spec
        self.validators: Mapping[str, str] = {}
        self.kept: list[External] = []
        self.failures = 0
        self._told: dict[tuple[int, str], float | None] = {}  # what was said last, newest last

    def absorb(self, points: Iterable[Point], now: int) -> None:
        """Take in what is new and drop what is over."""
        heard = (
            point for point in points if point.value is not None or not says_nothing(point.text)
        )
        new = [_external(self.spec, point, now) for point in heard if self._is_new(point)]
        self.kept = [item for item in (*self.kept, *new) if _alive(item, now)][-_KEPT:]
        for key in list(self._told)[:-_REMEMBERED]:
            del self._told[key]

    def _is_new(self, point: Point) -> bool:
        if point.ts_event is None and point.value is not None:
            return True  # a reading of now, even where it reads the same
        key = (point.ts_event or 0, point.text)
        known = key in self._told and self._told[key] == point.value
        self._told.pop(key, None)
        self._told[key] = point.value
        return not known


def _external(spec: FeedSpec, point: Point, now: int) -> External:
    return External(
        source=spec.name,
        symbol=spec.symbol,
        ts_event=now if point.ts_event is None else min(point.ts_event, now),
        ts_known=now,  # never before we had it, whatever the page says
        trust=Trust.TEXT if point.value is None else Trust.NUMBER,
        value=point.value,
        text=point.text,
    )


def _alive(item: External, now: int) -> bool:
    # News that is old when it is first seen is no news
    return now - item.ts_event <= (NUMBER_LIFE_NS if item.value is not None else TEXT_LIFE_NS)


def _read(spec: FeedSpec, body: bytes) -> Sequence[Point]:
    match spec.kind:
        case FeedKind.JSON:
            return read_json(body, spec.paths)
        case FeedKind.RSS:
            return [
                Point(value=None, text=entry.text, ts_event=entry.ts_event)
                for entry in read_syndication(body)
            ]


class Feeds:
    """Polls feeds on threads of its own; asking what is known never waits for a line.

    `now_ns` gives the time of the trading clock. `earlier` is what was known before, as from the
    catalog.
    """

    def __init__(
        self,
        specs: Sequence[FeedSpec],
        *,
        now_ns: Callable[[], int],
        earlier: Iterable[External] = (),
    ) -> None:
        names = [spec.name for spec in specs]
        if len(set(names)) != len(names):
            raise ValueError(f"names of feeds must be distinct, were {', '.join(names)}")
        self._sources = {spec.name: _Source(spec) for spec in specs}
        self._now_ns = now_ns
        self._earlier = tuple(earlier)
        self._by_feed: dict[str, tuple[External, ...]] = {}
        self._faults: dict[str, str] = {}
        self._timeline = Timeline(self._earlier)
        self._lock = threading.Lock()  # of the two dictionaries and of who replaces the timeline
        self._stopped = threading.Event()
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, e: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()

    def as_of(self, ts: int, symbol: str | None = None) -> tuple[External, ...]:
        """Give what was known at a time, newest first, as a `Timeline` does."""
        return self._timeline.as_of(ts, symbol)

    @property
    def faults(self) -> Mapping[str, str]:
        """Say for every feed that fails now, why."""
        with self._lock:
            return MappingProxyType(dict(self._faults))

    def poll(self, name: str) -> float:
        """Ask one feed now, blocking; give the seconds until it wants to be asked again.

        A failure is a fault, not an exception: what was known stays known until it is too old.
        """
        source = self._sources[name]
        try:
            page = fetch(
                source.spec.url,
                deadline_secs=source.spec.deadline_secs,
                validators=source.validators,
            )
            points = () if page.body is None else _read(source.spec, page.body)
        except FeedError as e:
            return self._failed(source, e, e.retry_after_secs)
        except Exception as e:  # a fault of ours must not end the feed without a word
            return self._failed(source, e)
        if page.body is not None:
            source.validators = page.validators
        if source.failures:
            _log.info("Feed %s answers again", name)
        source.failures = 0
        source.absorb(points, self._now_ns())
        self._show(source)
        return float(source.spec.every_secs)

    def _failed(
        self, source: _Source, e: Exception, retry_after_secs: float | None = None
    ) -> float:
        name, every = source.spec.name, source.spec.every_secs
        if source.failures == 0:
            _log.warning("Feed %s fails: %s", name, e)
        source.failures += 1
        with self._lock:
            self._faults[name] = str(e) if isinstance(e, FeedError) else f"fault: {e!r:.200}"
        wait = max(every * 2 ** min(source.failures, 10), retry_after_secs or 0)
        return float(min(wait, max(_LONGEST_WAIT_SECS, every)))

    def _show(self, source: _Source) -> None:
        with self._lock:
            self._faults.pop(source.spec.name, None)
            self._by_feed[source.spec.name] = tuple(source.kept)
            polled = chain.from_iterable(self._by_feed.values())
            self._timeline = Timeline((*self._earlier, *polled))

    def start(self) -> None:
        """Begin to poll, each feed on its own thread."""
        if self._threads:
            raise RuntimeError("feeds are polled already")
        self._stopped.clear()
        for name in self._sources:
            thread = threading.Thread(target=self._run, args=(name,), name=f"feed-{name}")
            thread.daemon = True
            thread.start()
            self._threads.append(thread)

    def _run(self, name: str) -> None:
        wait = 0.0
        while not self._stopped.wait(wait):
            wait = self.poll(name)

    def stop(self) -> None:
        """Stop polling; a fetch under way ends alone at its deadline, on its thread."""
        self._stopped.set()
        for thread in self._threads:
            thread.join(_PATIENCE_SECS)
        self._threads.clear()
