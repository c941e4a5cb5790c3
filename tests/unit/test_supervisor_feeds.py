"""Pages from outside, well-meant and hostile, and what a feed may be told."""

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.supervisor.feeds import FeedKind, FeedSpec
from morningstar_strategy.supervisor.fetching import FeedError, check_url, redirected
from morningstar_strategy.supervisor.polled_json import Paths, Point, read_json
from morningstar_strategy.supervisor.syndication import (
    MAX_ITEMS,
    MAX_TEXT,
    Entry,
    read_date,
    read_syndication,
)

NOON_NS = 1_651_665_600_000_000_000  # 2022-05-04 12:00 UTC
RSS = b"""<?xml version="1.0" encoding="UTF-8"?>
<rss version="2.0" xmlns:media="http://search.yahoo.com/mrss/"
     xmlns:dc="http://purl.org/dc/elements/1.1/"><channel>
  <title>A newspaper</title><pubDate>Wed, 04 May 2022 00:00:00 GMT</pubDate>
  <item><title><![CDATA[Fed raises &amp; Bitcoin
     falls]]></title><pubDate>Wed, 04 May 2022 14:00:00 +0200</pubDate>
    <media:title>not this</media:title>
    <media:group><title>nor this</title></media:group></item>
  <item><title>Caf\xc3\xa9 &lt;b&gt;</title><dc:date>2022-05-04T12:00:00Z</dc:date></item>
  <item><title>Undated</title><pubDate>tomorrow</pubDate></item>
  <item><description>no headline</description></item>
</channel></rss>"""
ATOM = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>A blog</title>
<entry><title type="html">One</title><updated>2022-05-04T18:00:00Z</updated>
<published>2022-05-04T12:00:00+00:00</published><author><name>x</name></author></entry></feed>"""
RDF = b"""<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"
 xmlns="http://purl.org/rss/1.0/" xmlns:dc="http://purl.org/dc/elements/1.1/">
<item><title>Old</title><dc:date>2022-05-04T14:00+02:00</dc:date></item></rdf:RDF>"""


def test_rss_gives_headlines_and_when_they_appeared() -> None:
    assert read_syndication(RSS) == (
        Entry(text="Fed raises &amp; Bitcoin falls", ts_event=NOON_NS),
        Entry(text="Café <b>", ts_event=NOON_NS),
        Entry(text="Undated", ts_event=None),
    )


@pytest.mark.parametrize(("page", "text"), [(ATOM, "One"), (RDF, "Old")])
def test_atom_and_old_rss_are_read_too(page: bytes, text: str) -> None:
    assert read_syndication(page) == (Entry(text=text, ts_event=NOON_NS),)


BOMB = b"".join(
    [
        b'<?xml version="1.0"?><!DOCTYPE rss [<!ENTITY a "ha">',
        *(b'<!ENTITY b%d "%s">' % (i, b"&a;" * 10) for i in range(9)),
        b"]><rss><item><title>&b8;</title></item></rss>",
    ]
)
EXTERNAL = (
    b'<!DOCTYPE rss [<!ENTITY x SYSTEM "file:///etc/hostname">]>'
    b"<rss><item><title>&x;</title></item></rss>"
)


@pytest.mark.parametrize(
    ("page", "sentence"),
    [
        (BOMB, "declares a document type"),
        (EXTERNAL, "declares a document type"),
        (b'<!DOCTYPE rss SYSTEM "http://127.0.0.1:9/x.dtd"><rss/>', "declares a document type"),
        (b"<a>" * 40 + b"</a>" * 40, "neither RSS nor Atom"),
        (b"<rss>" + b"<a>" * 40 + b"</a>" * 40 + b"</rss>", "nests deeper than 32"),
        (b"<rss><item><title>x</title></item>", "not well-formed"),
        (b"<rss><item><title>&nbsp;</title></item></rss>", "not well-formed"),
        (b"", "not well-formed"),
        (b"<html><body>Just a moment...</body></html>", "neither RSS nor Atom"),
        (b'<?xml version="1.0" encoding="x-none"?><rss/>', "not well-formed"),
        (b'<?xml version="1.0" encoding="gb18030"?><rss/>', "not well-formed"),
        (b'{"rss": 1}', "not well-formed"),
    ],
    ids=range(12),
)
def test_a_hostile_or_broken_page_is_refused(page: bytes, sentence: str) -> None:
    with pytest.raises(FeedError, match=sentence):
        read_syndication(page)


def test_a_page_of_too_much_gives_the_first_and_each_cut() -> None:
    item = b"<item><title>%s</title></item>" % (b"x" * 100_000)
    entries = read_syndication(b"<rss>" + item + b"<item><title>y</title></item>" * 500 + b"</rss>")
    assert len(entries) == MAX_ITEMS
    assert entries[0].text == "x" * MAX_TEXT


@given(st.binary(max_size=300) | st.text(alphabet="<>/&;rsitemle!DOCTYP[]'\" =", max_size=200))
def test_whatever_bytes_come_they_are_read_or_refused(noise: bytes | str) -> None:
    body = noise.encode() if isinstance(noise, str) else noise
    for page in (body, b"<rss><item><title>" + body + b"</title></item></rss>"):
        for reader in (read_syndication, lambda text: read_json(text, Paths(value="v"))):
            with suppress(FeedError):  # and nothing else
                reader(page)


@given(st.text(max_size=60))
def test_whatever_stands_for_a_date_is_a_time_or_none(text: str) -> None:
    found = read_date(text)
    assert found is None or isinstance(found, int)


FEAR = json.dumps(
    {"data": [{"value": "40", "timestamp": "1651622400"}, {"value": 41.5, "timestamp": 1651536000}]}
).encode()


def test_numbers_are_found_where_the_paths_lead() -> None:
    paths = Paths(items="data", value="value", time="timestamp")
    assert read_json(FEAR, paths) == (
        Point(value=40.0, text="", ts_event=1_651_622_400_000_000_000),
        Point(value=41.5, text="", ts_event=1_651_536_000_000_000_000),
    )
    rows = b'{"result": {"data": [[1651665600000, 70.1, 71.0, 69.5, 70.5]]}}'
    by_place = Paths(items="result.data", value="4", time="0")
    assert read_json(rows, by_place) == (Point(value=70.5, text="", ts_event=NOON_NS),)


@pytest.mark.parametrize(
    "stamp", [1651665600, 1651665600.0, 1651665600000, "1651665600000000", "2022-05-04T14:00+02:00"]
)
def test_times_are_read_in_every_usual_notation(stamp: object) -> None:
    body = json.dumps({"n": 1, "t": stamp}).encode()
    (point,) = read_json(body, Paths(value="n", time="t"))
    assert point.ts_event == NOON_NS


@pytest.mark.parametrize("stamp", [-1, 1e300, "never", "99999999999999999999"])
def test_a_time_that_is_none_counts_as_untold(stamp: object) -> None:
    body = json.dumps({"n": 1, "t": stamp}).encode()
    (point,) = read_json(body, Paths(value="n", time="t"))
    assert point.ts_event is None


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        (b"", "not JSON"),
        (b"<html>", "not JSON"),
        (b"\xff\xfe", "not JSON"),
        (b'{"v": NaN}', "not JSON"),
        (b'{"v": Infinity}', "not JSON"),
        (b'{"v": ' + b"9" * 5_000 + b"}", "not JSON"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b'{"v": 1e999}', "not a number"),
        (b'{"v": "NaN"}', "not a number"),
        (b'{"v": "1,5"}', "not a number"),
        (b'{"v": true}', "does not hold"),
        (b'{"v": null}', "does not hold"),
        (b'{"v": {"v": 1}}', "does not hold"),
        (b'{"w": 1}', "does not hold"),
        (b'"v"', "does not hold"),
    ],
    ids=range(15),
)
def test_a_page_without_a_number_there_is_refused(body: bytes, sentence: str) -> None:
    with pytest.raises(FeedError, match=sentence):
        read_json(body, Paths(value="v"))


def test_texts_are_cut_and_must_be_texts() -> None:
    body = json.dumps({"posts": [{"title": " a \n b" + "c" * 9_000}]}).encode()
    (point,) = read_json(body, Paths(items="posts", text="title"))
    assert (point.value, len(point.text), point.text[:4]) == (None, MAX_TEXT, "a bc")
    with pytest.raises(FeedError, match="does not hold"):
        read_json(b'{"title": 5}', Paths(text="title"))


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/feed",
        "ftp://example.com/feed",
        "file:///etc/passwd",
        "https://",
        "https://user:secret@example.com/",
        "https://example.com:0/",
        "https://[::1",
        "http://127.0.0.1.example.com/",
        "example.com",
    ],
)
def test_an_address_that_is_neither_https_nor_loopback_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="url must be"):
        check_url(url)


@pytest.mark.parametrize(
    ("target", "sentence"),
    [
        ("http://127.0.0.1:8080/admin", "to this machine"),
        ("//localhost/", "to this machine"),
        ("https://[::1]/", "to this machine"),
        ("http://example.org/", "not allowed"),
        ("https://example.org:99999/", "not allowed"),
    ],
)
def test_a_page_cannot_send_us_where_we_must_not_go(target: str, sentence: str) -> None:
    with pytest.raises(FeedError, match=sentence):
        redirected("https://example.com/feed", target)


def test_a_page_may_send_us_on_within_its_own_or_another_public_place() -> None:
    assert redirected("https://example.com/a/b", "../c") == "https://example.com/c"
    assert redirected("https://example.com/", "https://x.org/y") == "https://x.org/y"


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"name": "My Feed"}, "name of a feed must be like crypto-news, was 'My Feed'"),
        ({"symbol": "btc"}, "symbol must be a base currency such as BTC, was 'btc'"),
        ({"every_secs": 5}, "every_secs must be in"),
        ({"deadline_secs": float("nan")}, "deadline_secs must be in"),
        ({"paths": Paths(value="v")}, "neither for rss"),
        ({"kind": FeedKind.JSON}, "either a value or a text for json"),
        ({"kind": FeedKind.JSON, "paths": Paths(value="v", text="t")}, "either a value or a text"),
    ],
)
def test_a_feed_that_cannot_work_cannot_be_told(changes: dict[str, object], sentence: str) -> None:
    told = {"name": "news", "url": "https://example.com/rss", "kind": FeedKind.RSS, **changes}
    with pytest.raises(ValueError, match=sentence):
        FeedSpec(**told)  # type: ignore[arg-type]  # wrong on purpose
