"""Feeds polled over a real line: what is known, from when on, and what a bad server can do."""

import json
import logging
import threading
import time
from collections.abc import Callable, Sequence

import pytest

from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import NUMBER_LIFE_NS, TEXT_LIFE_NS
from morningstar_strategy.supervisor.feeds import FeedKind, Feeds, FeedSpec
from morningstar_strategy.supervisor.fetching import MAX_BYTES, FeedError, fetch
from morningstar_strategy.supervisor.polled_json import Paths
from tests.feed_server import Answer, FeedServer, serving

SECOND_NS = 1_000_000_000
NOON_NS = 1_651_665_600 * SECOND_NS  # 2022-05-04 12:00 UTC
PATIENCE_SECS = 60.0


class Clock:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now = NOON_NS

    def __call__(self) -> int:
        return self.now


def rss(*items: tuple[str, int]) -> Answer:
    """Write a page of headlines, each so many seconds after noon."""
    written = "".join(
        f"<item><title>{title}</title><pubDate>Wed, 04 May 2022 "
        f"{12 + secs // 3600:02}:{secs // 60 % 60:02}:{secs % 60:02} GMT</pubDate></item>"
        for title, secs in items
    )
    return Answer(body=f"<rss><channel>{written}</channel></rss>".encode())


def number(value: object, secs: int | None = None) -> Answer:
    """Write a page of one number."""
    dated = {} if secs is None else {"t": NOON_NS // SECOND_NS + secs}
    return Answer(body=json.dumps({"v": value, **dated}).encode())


def news(server: FeedServer, **changes: object) -> FeedSpec:
    """Tell the feed of headlines."""
    told = {"name": "news", "url": server.url("/news"), "kind": FeedKind.RSS, **changes}
    return FeedSpec(**told)  # type: ignore[arg-type]  # a test tells what it changes


def index(server: FeedServer, *, dated: bool) -> FeedSpec:
    """Tell the feed of a number."""
    return FeedSpec(
        name="fear",
        url=server.url("/fear"),
        kind=FeedKind.JSON,
        paths=Paths(value="v", time="t" if dated else ""),
    )


def texts(told: Sequence[External]) -> list[str]:
    """Give the headlines."""
    return [item.text for item in told if item.trust is Trust.TEXT]


def values(told: Sequence[External]) -> list[float | None]:
    """Give the numbers."""
    return [item.value for item in told if item.trust is Trust.NUMBER]


def until(true: Callable[[], bool]) -> None:
    """Wait for something that other threads bring about."""
    ends = time.monotonic() + PATIENCE_SECS
    pause = threading.Event()
    while not true():
        assert time.monotonic() < ends, "it did not happen"
        pause.wait(0.005)


def test_a_headline_is_known_from_when_it_was_received_and_once() -> None:
    clock = Clock()
    pages = [rss(("early", 0)), rss(("late", 30), ("early", 0))]
    with serving({"/news": pages}) as server:
        feeds = Feeds([news(server, symbol="BTC")], now_ns=clock)
        clock.now = NOON_NS + 20 * SECOND_NS
        feeds.poll("news")
        clock.now = NOON_NS + 40 * SECOND_NS
        feeds.poll("news")
        feeds.poll("news")
    assert feeds.as_of(NOON_NS + 20 * SECOND_NS - 1) == ()
    assert texts(feeds.as_of(NOON_NS + 20 * SECOND_NS)) == ["early"]
    assert texts(feeds.as_of(NOON_NS + 39 * SECOND_NS)) == ["early"]
    told = feeds.as_of(NOON_NS + 40 * SECOND_NS, "BTC")
    assert texts(told) == ["late", "early"]
    assert [item.ts_event for item in told] == [NOON_NS + 30 * SECOND_NS, NOON_NS]
    assert feeds.as_of(NOON_NS + 40 * SECOND_NS, "ETH") == ()


def test_a_headline_that_is_only_a_link_takes_no_place() -> None:
    links = [(f"https://evil.example/{place}", place) for place in range(1, 30)]
    with serving({"/news": [rss(*links, ("early", 0))]}) as server:
        feeds = Feeds([news(server)], now_ns=lambda: NOON_NS + 60 * SECOND_NS)
        feeds.poll("news")
    assert texts(feeds.as_of(NOON_NS + 60 * SECOND_NS)) == ["early"]


def test_a_page_cannot_date_itself_into_the_future_or_pass_old_news_off_as_new() -> None:
    clock = Clock()
    with serving({"/news": [rss(("tomorrow's", 11 * 3600), ("old", 0))]}) as server:
        feeds = Feeds([news(server)], now_ns=clock)
        clock.now = NOON_NS + SECOND_NS
        feeds.poll("news")
        (told, _) = feeds.as_of(clock.now)
        assert (told.ts_event, told.ts_known) == (clock.now, clock.now)
        clock.now = NOON_NS + TEXT_LIFE_NS + SECOND_NS
        late = Feeds([news(server)], now_ns=clock)
        late.poll("news")
        assert texts(late.as_of(clock.now)) == ["tomorrow's"]


def test_a_number_is_told_anew_when_it_changes_and_changes_back() -> None:
    clock = Clock()
    with serving({"/fear": [number(40), number(41), number(40)]}) as server:
        feeds = Feeds([index(server, dated=False)], now_ns=clock)
        seen = []
        for secs in (0, 60, 120):
            clock.now = NOON_NS + secs * SECOND_NS
            feeds.poll("fear")
            seen += values(feeds.as_of(clock.now))
    assert seen == [40.0, 41.0, 40.0]
    assert values(feeds.as_of(NOON_NS + 60 * SECOND_NS)) == [41.0]
    assert values(feeds.as_of(clock.now + NUMBER_LIFE_NS + 1)) == []


def test_a_dated_number_that_is_revised_is_known_revised_only_later() -> None:
    clock = Clock()
    pages = [number(40, 0), number(44, 0), number(40, 0)]
    with serving({"/fear": pages}) as server:
        feeds = Feeds([index(server, dated=True)], now_ns=clock)
        for secs in (10, 20, 30):
            clock.now = NOON_NS + secs * SECOND_NS
            feeds.poll("fear")
    read = [values(feeds.as_of(NOON_NS + secs * SECOND_NS)) for secs in (9, 10, 19, 20, 30)]
    assert read == [[], [40.0], [40.0], [44.0], [40.0]]


def test_what_the_catalog_knew_is_known_beside_what_is_polled() -> None:
    earlier = External(
        source="dvol", symbol="", ts_event=NOON_NS, ts_known=NOON_NS, trust=Trust.NUMBER, value=60.0
    )
    with serving({"/fear": [number(40)]}) as server:
        feeds = Feeds([index(server, dated=False)], now_ns=Clock(), earlier=[earlier])
        assert values(feeds.as_of(NOON_NS)) == [60.0]
        feeds.poll("fear")
        assert sorted(v for v in values(feeds.as_of(NOON_NS)) if v is not None) == [40.0, 60.0]


def test_an_unchanged_page_is_not_sent_again() -> None:
    first = Answer(body=rss(("a", 0)).body, headers={"ETag": '"1"', "Last-Modified": "then"})
    with serving({"/news": [first, Answer(status=304, promised=0)]}) as server:
        feeds = Feeds([news(server)], now_ns=Clock())
        for _ in range(3):
            assert feeds.poll("news") == 300.0
        assert texts(feeds.as_of(NOON_NS)) == ["a"]
        assert not feeds.faults
        sent = [headers for _, headers in server.asked]
    assert "If-None-Match" not in sent[0]
    assert [(each["If-None-Match"], each["If-Modified-Since"]) for each in sent[1:]] == [
        ('"1"', "then")
    ] * 2


@pytest.mark.parametrize("tag", ['"a"\r\n b', "x" * 1_000, "\xe9"])
def test_a_mark_that_cannot_be_sent_back_is_not_kept(tag: str) -> None:
    page = Answer(body=rss(("a", 0)).body, headers={"ETag": tag})
    with serving({"/news": [page]}) as server:
        feeds = Feeds([news(server)], now_ns=Clock())
        assert [feeds.poll("news"), feeds.poll("news")] == [300.0, 300.0]
        assert not any("If-None-Match" in headers for _, headers in server.asked)


BAD = {
    "missing": (Answer(status=404), "the server answered 404"),
    "broken": (Answer(status=500), "the server answered 500"),
    "cut": (Answer(body=b"<rss></rss>", promised=500), "ended 489 bytes early"),
    "huge": (Answer(body=b"x" * (MAX_BYTES + 1)), f"more than {MAX_BYTES} bytes"),
    "zipped": (Answer(body=b"x", headers={"Content-Encoding": "gzip"}), "asked for identity"),
    "page": (Answer(body=b"<html></html>"), "neither RSS nor Atom"),
    "nowhere": (Answer(status=302), "more than 3 redirects"),
    "file": (Answer(status=302, headers={"Location": "file:///etc/passwd"}), "not allowed"),
    "plain": (Answer(status=301, headers={"Location": "http://example.com/"}), "not allowed"),
    "silent": (Answer(silent=True), "within the deadline"),
    "drip": (Answer(drip=True, promised=100_000), "within the deadline"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_answer_is_a_fault_in_time_and_what_was_known_stays_known(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer, sentence = BAD[name]
    with serving({"/news": [rss(("good", 0)), answer]}) as server:
        feeds = Feeds([news(server, deadline_secs=0.5)], now_ns=Clock())
        feeds.poll("news")
        began = time.monotonic()
        with caplog.at_level(logging.WARNING):
            assert feeds.poll("news") == 600.0
            assert feeds.poll("news") == 1_200.0
        assert time.monotonic() - began < 60.0
        assert sentence in feeds.faults["news"]
        assert texts(feeds.as_of(NOON_NS)) == ["good"]
        assert len(caplog.records) == 1  # once, not with every try


def test_a_feed_that_answers_again_is_no_fault_and_keeps_its_pace() -> None:
    with serving({"/news": [Answer(status=500), rss(("a", 0))]}) as server:
        feeds = Feeds([news(server)], now_ns=Clock())
        feeds.poll("news")
        assert feeds.faults
        assert feeds.poll("news") == 300.0
        assert not feeds.faults


def test_a_server_that_wants_more_time_gets_it_but_not_for_ever() -> None:
    waits = ["900", "99999", "soon", "-5"]
    pages = [Answer(status=429, headers={"Retry-After": each}) for each in waits]
    with serving({"/news": pages}) as server:
        feeds = Feeds([news(server)], now_ns=Clock())
        assert [feeds.poll("news") for _ in waits] == [900.0, 3_600.0, 2_400.0, 3_600.0]


def test_a_moved_page_is_followed() -> None:
    moved = Answer(status=301, headers={"Location": "/new"})
    with serving({"/news": [moved], "/new": [rss(("a", 0))]}) as server:
        assert fetch(server.url("/news"), deadline_secs=5.0).body == rss(("a", 0)).body


def test_a_closed_door_is_a_fault() -> None:
    with serving({}) as server:
        url = server.url("/news")
    with pytest.raises(FeedError, match="no answer"):
        fetch(url, deadline_secs=5.0)


def test_a_slow_feed_delays_neither_the_others_nor_who_asks() -> None:
    door = threading.Event()
    slow = Answer(body=rss(("slow", 0)).body, after=door)
    with serving({"/news": [slow], "/fear": [number(40)]}) as server:
        specs = [news(server, deadline_secs=30.0), index(server, dated=False)]
        with Feeds(specs, now_ns=Clock()) as feeds:
            until(lambda: values(feeds.as_of(NOON_NS)) == [40.0])
            asked = time.monotonic()
            assert texts(feeds.as_of(NOON_NS)) == []
            assert time.monotonic() - asked < 20.0
            door.set()
            until(lambda: texts(feeds.as_of(NOON_NS)) == ["slow"])
    assert not [thread for thread in threading.enumerate() if thread.name.startswith("feed-")]


def test_feeds_start_once_and_have_distinct_names() -> None:
    with serving({"/news": [rss(("a", 0))]}) as server:
        with pytest.raises(ValueError, match="names of feeds must be distinct, were news, news"):
            Feeds([news(server), news(server)], now_ns=Clock())
        with Feeds([news(server)], now_ns=Clock()) as feeds, pytest.raises(RuntimeError):
            feeds.start()
