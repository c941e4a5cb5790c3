"""One line to a venue: what becomes of a request, whatever happens to it on the way."""

import asyncio
import decimal
import gc
import traceback
from collections.abc import Awaitable, Callable
from contextlib import suppress
from decimal import Decimal
from time import monotonic
from typing import Any

import ccxt
import pytest

from ccxt_nt.errors import Rejected, Throttled, Unknown, Unsent, Untimely, VenueError
from ccxt_nt.line.client import Line, Role
from ccxt_nt.line.clock import ClockKeeper, Signer
from ccxt_nt.line.credentials import Credentials
from ccxt_nt.line.endpoints import redirect
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.settings import Settings
from ccxt_nt.values import Product
from ccxt_nt.venues import profile
from tests.integration.ccxt_feeds import BOTH, DIALECTS, SYMBOL
from tests.venue.clock import VenueClock
from tests.venue.faults import Fault, FaultKind
from tests.venue.local import LocalVenue
from tests.venue.wire import Keys

# `Any` in this module: ccxt's answers have no types

KEYS = Keys(key="canary-key-1234", secret="canary-secret-5678", passphrase="canary-phrase-9")
PARTS = {
    "apiKey": KEYS.key,
    "secret": KEYS.secret,
    "password": KEYS.passphrase,
    "uid": "canary-uid-42",
}

PATIENCE_SECS = 60.0

type Scene = Callable[[Line, LocalVenue], Awaitable[None]]


def play(
    dialect: str,
    scene: Scene,
    *,
    product: Product = Product.SPOT,
    role: Role = Role.ORDERS,
    deadline_secs: float = 5.0,
    clock: VenueClock | None = None,
) -> list[str]:
    """Open a line with keys, let a scene happen, and give what was logged."""
    logged: list[str] = []

    async def run() -> None:
        row = profile(dialect.upper(), product)
        settings = Settings(
            venue=row.venue, product=product, endpoint=venue.url, deadline_secs=deadline_secs
        )
        parts = {name: PARTS[name] for name in row.credentials}
        public = Line(row, settings, role=Role.DATA, log=logged.append)
        line = Line(
            row, settings, role=role, credentials=Credentials(parts=parts), log=logged.append
        )
        await public.open()
        await line.open()
        try:
            await public.load_markets()
            await line.adopt(public)
            await line.know_user()
            await scene(line, venue)
        finally:
            await line.close()
            await public.close()

    with LocalVenue(dialect, keys=KEYS, clock=clock) as venue:
        asyncio.run(run())
    return logged


async def buy(line: Line, *, number: int = 1, **options: Any) -> Any:
    """Send a limit order far from the market."""
    prefix = "t-" if line.profile.ccxt_id == "gate" else ""
    params = {"clientOrderId": f"{prefix}order{number}", **line.profile.place_params}
    return await line.ask(
        "create_order",
        SYMBOL[line.profile.product],
        "limit",
        "buy",
        "0.01",
        "30000",
        params,
        wrote=True,
        **options,
    )


def placed(venue: LocalVenue) -> int:
    return venue.call(lambda exchange: len(exchange.truth.placed))


ARRIVES = {
    FaultKind.RESET_BEFORE: 0,
    FaultKind.RESET_AFTER: 1,
    FaultKind.TIMEOUT_AFTER: 1,
    FaultKind.DROP_REQUEST: 0,
    FaultKind.STATUS_502_BEFORE: 0,
    FaultKind.STATUS_502_AFTER: 1,
    FaultKind.HTML_200_BEFORE: 0,
    FaultKind.HTML_200_AFTER: 1,
    FaultKind.EMPTY_JSON_AFTER: 1,
}


NO_ANSWERS = (  # a read that is reset is asked again by aiohttp itself
    FaultKind.TIMEOUT_AFTER,
    FaultKind.STATUS_502_BEFORE,
    FaultKind.HTML_200_AFTER,
    FaultKind.EMPTY_JSON_AFTER,
    FaultKind.MAINTENANCE,
)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_an_order_without_a_plain_answer_is_unknown_and_is_never_sent_again(dialect: str) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        there = 0
        for number, (kind, arrives) in enumerate(ARRIVES.items()):
            venue.faults.add(Fault(kind=kind, where="order"))
            with pytest.raises(Unknown):
                await buy(line, number=number)
            seen = await asyncio.to_thread(lambda: venue.requests)
            there += arrives
            assert sum(each.purpose == "order" for each in seen) == number + 1, kind
            assert await asyncio.to_thread(placed, venue) == there, kind

    play(dialect, scene, deadline_secs=2.0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_answer_is_not_taken_for_an_empty_account(dialect: str) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        for kind in NO_ANSWERS:
            venue.faults.add(Fault(kind=kind, where="read"))
            with pytest.raises(VenueError):
                await line.ask("fetch_open_orders", SYMBOL[line.profile.product])

    play(dialect, scene, deadline_secs=2.0)


def test_a_question_that_hangs_twice_is_asked_again_before_its_deadline() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        hangs = Fault(kind=FaultKind.TIMEOUT_AFTER, where="read", delay_secs=200.0)
        venue.faults.add(hangs, hangs)
        async with asyncio.timeout(PATIENCE_SECS):
            assert await line.ask("fetch_open_orders", SYMBOL[line.profile.product]) == []

    play("bitget", scene, deadline_secs=120.0)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refusal_is_a_refusal(dialect: str) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        with pytest.raises(Rejected) as told:
            await line.ask(
                "create_order", "BTC/USDT", "limit", "buy", "100", "30000", {}, wrote=True
            )
        assert told.value.code

    play(dialect, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_too_many_requests_are_told_from_other_refusals(dialect: str) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        venue.faults.add(Fault(kind=FaultKind.STATUS_429, where="read", count=2))
        with pytest.raises(Throttled):
            await line.ask("fetch_balance")

    play(dialect, scene)


def test_a_question_too_many_is_asked_again_after_a_rest() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        venue.faults.add(Fault(kind=FaultKind.STATUS_429, where="read"))
        began = monotonic()
        await line.ask("fetch_balance")
        assert monotonic() - began >= 0.4

    play("bitget", scene)


def test_an_order_too_many_is_refused_and_never_sent_again() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        venue.faults.add(Fault(kind=FaultKind.STATUS_429, where="order"))
        with pytest.raises(Throttled):
            await buy(line)
        assert await asyncio.to_thread(placed, venue) == 0

    play("bitget", scene)


def test_too_many_requests_let_the_line_rest() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        venue.faults.add(Fault(kind=FaultKind.STATUS_429, where="read", count=2))
        with pytest.raises(Throttled):
            await line.ask("fetch_balance")
        began = monotonic()
        await line.ask("fetch_balance")
        assert monotonic() - began >= 0.4

    play("bitget", scene)


def test_a_request_that_never_left_the_queue_is_told_from_one_that_did() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        line._lane.hold(60)
        with pytest.raises(Unsent, match=r"create_order was not sent: it waited 0\.1 s"):
            await buy(line, deadline_secs=0.1)
        assert await asyncio.to_thread(placed, venue) == 0

    play("bitget", scene)


def test_a_protective_order_goes_before_forty_questions() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        questions = [asyncio.create_task(line.ask("fetch_balance")) for _ in range(40)]
        await asyncio.sleep(0)
        await buy(line, urgency=Urgency.PROTECTIVE)
        seen = [each.purpose for each in await asyncio.to_thread(lambda: venue.requests)]
        assert seen[: seen.index("order")].count("read") <= line.profile.budget.burst + 1
        for task in questions:
            task.cancel()
        await asyncio.gather(*questions, return_exceptions=True)

    play("bitget", scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_no_secret_is_in_an_error_a_traceback_or_a_log(dialect: str) -> None:
    texts: list[str] = []

    async def scene(line: Line, venue: LocalVenue) -> None:
        texts.append(repr(line))
        for kind in (*NO_ANSWERS, FaultKind.RESET_AFTER, FaultKind.CLOCK_SKEW):
            venue.faults.clear()
            venue.faults.add(Fault(kind=kind, where="order"), Fault(kind=kind, where="read"))
            for attempt in (buy(line, number=9), line.ask("fetch_balance")):
                try:
                    await attempt
                except VenueError as e:
                    texts.extend(traceback.format_exception(e))
        channel = line.channel("watch_orders")
        venue.faults.clear()
        venue.faults.add(Fault(kind=FaultKind.DROP_REQUEST, where="connect", count=None))
        try:
            async with asyncio.timeout(0.5):
                await channel.watch()
        except Exception as e:  # whatever it is, it is told
            texts.append(line.tell(e))

    texts += play(dialect, scene, deadline_secs=0.3)
    assert len(texts) > 10
    assert not [text for text in texts if "canary" in text]


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_private_subscriptions_are_acknowledged(dialect: str, product: Product) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        channel = line.channel("watch_orders")
        said_yes = asyncio.Event()
        channel.on_acknowledged = said_yes.set
        watching = asyncio.create_task(channel.watch())
        await asyncio.wait_for(said_yes.wait(), PATIENCE_SECS)
        assert channel.is_subscribed
        assert not watching.done()
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    play(dialect, scene, product=product, role=Role.ACCOUNT)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_refused_subscription_is_told_to_whom_it_concerns_and_to_nobody_else(
    dialect: str,
) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        good = asyncio.create_task(line.channel("watch_trades", "ETH/USDT").watch())
        bad = line.channel("watch_trades", "BTC/USDT")
        line._exchange.markets["BTC/USDT"]["id"] = "NO-SUCH_PAIR"
        with pytest.raises(Rejected, match=r"subscription refused: .*"):
            await asyncio.wait_for(bad.watch(), PATIENCE_SECS)
        assert not bad.is_subscribed  # so that the next attempt subscribes again
        assert not good.done()
        good.cancel()
        await asyncio.gather(good, return_exceptions=True)

    play(dialect, scene)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_the_clocks_difference_is_measured(dialect: str) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        def skew(exchange: Any) -> None:
            exchange.clock.skew_ms = 3_000

        await line.look_at_clock()
        assert abs(line.venue_clock.ahead_ms) < 500
        await asyncio.to_thread(venue.call, skew)
        await line.look_at_clock()
        assert 2_500 < line.venue_clock.ahead_ms < 3_500

    play(dialect, scene)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_a_clock_that_drifts_away_costs_no_question_and_one_order_at_most(
    dialect: str, product: Product
) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        def skew(exchange: Any) -> None:
            exchange.clock.skew_ms += 90_000

        await line.ask("fetch_balance")
        await asyncio.to_thread(venue.call, skew)
        await line.ask("fetch_balance")
        assert line.venue_clock.signer is Signer.VENUES
        assert abs(line.venue_clock.ahead_ms - 90_000) < 500
        await asyncio.to_thread(venue.call, skew)  # further, while the venue's time is signed with
        if product is Product.SPOT:
            with pytest.raises(Untimely):
                await buy(line)
            assert await asyncio.to_thread(placed, venue) == 0
            await line.ask("fetch_balance")
            await buy(line, number=2)
            assert await asyncio.to_thread(placed, venue) == 1
        await line.ask("fetch_balance")

    logged = play(dialect, scene, product=product)
    assert any("refused the time of a signature" in text for text in logged)


@pytest.mark.parametrize(("dialect", "product"), BOTH)
def test_private_streams_sign_with_the_time_that_the_venue_takes(
    dialect: str, product: Product
) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        def skew(exchange: Any) -> None:
            exchange.clock.skew_ms = -90_000

        await asyncio.to_thread(venue.call, skew)
        await line.ask("fetch_balance")
        said_yes = asyncio.Event()
        channel = line.channel("watch_orders")
        channel.on_acknowledged = said_yes.set
        watching = asyncio.create_task(channel.watch())
        await asyncio.wait_for(said_yes.wait(), PATIENCE_SECS)
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)

    play(dialect, scene, product=product, role=Role.ACCOUNT)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_a_venue_that_runs_ten_times_as_fast_is_followed_and_takes_our_signatures(
    dialect: str,
) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        clock = line.venue_clock
        keeper = ClockKeeper(clock, line.look_at_clock, note=print)
        keeper.start()
        await line.look_at_clock()
        while clock.wait_secs <= 1.0:  # until it goes as foreseen
            await asyncio.sleep(0.05)
        before = clock.ahead_ms
        await asyncio.sleep(0.5)
        assert clock.ahead_ms - before >= 4_000  # foreseen: nobody looked meanwhile
        earliest_ms = clock.now_ms
        market_ms = await asyncio.to_thread(venue.call, lambda exchange: exchange.clock.now_ms())
        assert earliest_ms - 1_000 < market_ms < clock.now_ms + 1_000
        await line.ask("fetch_balance")
        assert clock.signer is Signer.OURS  # signatures are held against the wall's time
        await keeper.stop()

    play(dialect, scene, clock=VenueClock(speed=10))


def test_a_wrong_refusal_of_a_time_is_got_over() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        await line.look_at_clock()
        await asyncio.sleep(1)
        await line.look_at_clock()  # now its pace is known, as it is soon after a start
        venue.faults.add(Fault(kind=FaultKind.CLOCK_SKEW, where="read", delay_secs=60, count=2))
        with pytest.raises(Untimely):  # asked twice, refused twice
            await line.ask("fetch_balance")
        for _ in range(2):  # a busy machine makes a look at a fast clock doubtful
            with suppress(Untimely):
                await line.ask("fetch_balance")
        await line.ask("fetch_balance")

    play("bitget", scene, clock=VenueClock(speed=10, start_ms=1_700_000_000_000))


def test_markets_are_loaded_without_keys_and_adopted() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        await line.ask("fetch_balance")
        paths = [seen.path for seen in await asyncio.to_thread(lambda: venue.requests)]
        assert sum("symbols" in path for path in paths) == 1
        assert not [path for path in paths if "settings" in path]  # no guessing of account types

    play("bitget", scene)


def test_a_line_with_keys_needs_them_and_a_demo_must_exist() -> None:
    row = profile("KUCOIN", Product.SPOT)
    settings = Settings(venue="KUCOIN", product=Product.SPOT, demo=True)
    with pytest.raises(ValueError, match="a line for orders needs credentials"):
        Line(row, settings, role=Role.ORDERS, log=print)
    line = Line(row, settings, role=Role.DATA, log=print)
    with pytest.raises(ValueError, match="KUCOIN/spot has no demo"):
        asyncio.run(line.open())


def test_a_closed_line_says_so() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        await line.close()
        with pytest.raises(Unsent, match="the line to BITGET/spot is closed"):
            await line.ask("fetch_balance")

    play("bitget", scene)


class Urls:
    hostname = "bitget.com"

    def __init__(self) -> None:
        self.urls: dict[str, Any] = {
            "api": {"rest": "https://api.{hostname}/x", "ws": {"public": "wss://ws.host/v2"}},
            "www": "https://www.bitget.com",
            "test": None,
        }


def test_every_address_goes_behind_the_endpoint_with_its_host_first() -> None:
    exchange = Urls()
    redirect(exchange, "http://127.0.0.1:80/base")
    assert exchange.urls["api"] == {
        "rest": "http://127.0.0.1:80/base/api.bitget.com/x",
        "ws": {"public": "ws://127.0.0.1:80/base/ws.host/v2"},
    }
    assert exchange.urls["www"] == "https://www.bitget.com"
    redirect(exchange, "https://proxy")
    assert exchange.urls["api"]["ws"]["public"].startswith("wss://proxy/127.0.0.1:80/")


def test_what_nobody_inside_of_ccxt_waits_for_is_not_printed_and_what_we_wait_for_raises() -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        printed: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, told: printed.append(told["message"]))
        inside = line._exchange

        async def fail() -> None:
            raise ccxt.ChecksumError("of a book that nobody watches")

        inside.spawn(fail)
        url = inside.urls["api"]["ws"]["public"]
        inside.watch_multiple(url, ["one", "two"], None, [])
        inside.watch(url, "three", None, None)
        waited = inside.spawn(fail)
        inside.client(url).reject(ccxt.NetworkError("gone"))
        with pytest.raises(ccxt.ChecksumError):
            await waited
        del waited
        await asyncio.sleep(0.05)
        gc.collect()
        loop.set_exception_handler(None)
        assert printed == []

    play("bitget", scene)


@pytest.mark.parametrize("dialect", ["bitget", "gate"])  # whose books come without a change
def test_a_subscription_is_made_anew_also_where_its_connection_just_broke(dialect: str) -> None:
    async def scene(line: Line, venue: LocalVenue) -> None:
        channel = line.channel("watch_order_book", SYMBOL[Product.SPOT])
        await channel.watch()
        broken = channel._client
        broken.connection._writer.transport.abort()  # ccxt has not heard of it
        await channel.renew("tried")
        assert not line.holds(broken)
        assert (await channel.watch())["bids"]

    play(dialect, scene, role=Role.DATA)


@pytest.mark.parametrize("dialect", DIALECTS)
def test_ccxt_does_not_change_how_our_decimals_are_rounded(dialect: str) -> None:
    ours = decimal.Context()  # others may have left another

    async def scene(line: Line, venue: LocalVenue) -> None:
        await buy(line)
        now = decimal.getcontext()
        assert (now.rounding, now.prec, now.traps) == (ours.rounding, ours.prec, ours.traps)
        assert Decimal("0.5").to_integral_value() == 0

    with decimal.localcontext(ours):
        play(dialect, scene)
