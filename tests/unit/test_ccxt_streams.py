"""One owner for each subscription, against channels that misbehave in every known way."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from ccxt_nt.line.streams import Backoff, Care, Stream, StreamState

# `Any` in this module: what a channel brings has no type


class FakeChannel:
    """A channel fed by hand: values, exceptions, silence."""

    name = "watch_trades BTC/USDT"

    def __init__(self) -> None:
        self.coming: asyncio.Queue[Any] = asyncio.Queue()
        self.on_acknowledged: Callable[[], None] = lambda: None
        self.is_connected = False
        self.hung_up: list[str] = []
        self.renewed: list[str] = []
        self.dropped = asyncio.Event()

    async def watch(self) -> Any:
        value = await self.coming.get()
        if isinstance(value, BaseException):
            raise value
        return value

    def hang_up(self, reason: str) -> None:
        self.hung_up.append(reason)
        self.dropped.set()

    async def renew(self, reason: str) -> None:
        self.renewed.append(reason)


class Ear:
    """Whatever a stream tells."""

    def __init__(self, channel: FakeChannel, **options: Any) -> None:
        self.heard: list[Any] = []
        self.gaps: list[str] = []
        self.lives = 0
        self.bad: list[Exception] = []
        self.prepared = 0
        self.news = asyncio.Event()
        self.stream = Stream(
            channel,
            sink=self._hear,
            backoff=Backoff(rng=Random(1), first_secs=0.001, most_secs=0.01),
            on_gap=lambda reason: self._note(self.gaps, reason),
            on_live=self._live,
            on_bad=lambda e: self._note(self.bad, e),
            prepare=self._prepare,
            **options,
        )

    def _note(self, list_: list[Any], what: Any) -> None:
        list_.append(what)
        self.news.set()

    def _hear(self, value: Any) -> None:
        self._note(self.heard, value)
        if value == "poison":
            raise ValueError("cannot read this")

    def _live(self) -> None:
        self.lives += 1
        self.news.set()

    async def _prepare(self) -> None:
        self.prepared += 1

    async def until(self, holds: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not holds():
                self.news.clear()
                await self.news.wait()


def play(scene: Callable[[FakeChannel, Ear], Any], **options: Any) -> None:
    async def run() -> None:
        channel = FakeChannel()
        ear = Ear(channel, **options)
        ear.stream.start()
        try:
            await scene(channel, ear)
        finally:
            await ear.stream.stop()
        assert ear.stream.state is StreamState.STOPPED

    asyncio.run(run())


def test_values_come_through_in_order() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        for value in (1, 2, 3):
            channel.coming.put_nowait(value)
        await ear.until(lambda: len(ear.heard) == 3)
        assert ear.heard == [1, 2, 3]
        assert ear.stream.state is StreamState.LIVE
        assert ear.lives == 1

    play(scene)


def test_what_ccxt_changes_later_does_not_change_what_was_handed_over() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        order = {"status": "open", "info": {"filled": "0"}}
        channel.coming.put_nowait([order])
        await ear.until(lambda: bool(ear.heard))
        order["status"] = "closed"
        order["info"]["filled"] = "1"  # type: ignore[index]  # ccxt does so
        assert ear.heard == [[{"status": "open", "info": {"filled": "0"}}]]

    play(scene)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionError("reset"),
        RuntimeError("anything at all"),
        KeyError("urls"),
        asyncio.CancelledError(),  # what ccxt's futures raise when ccxt closes them
    ],
)
def test_no_exception_ends_a_stream(error: BaseException) -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        channel.coming.put_nowait(1)
        channel.coming.put_nowait(error)
        channel.coming.put_nowait(2)
        await ear.until(lambda: len(ear.heard) == 2)
        assert (len(ear.gaps), ear.lives, ear.prepared) == (1, 2, 1)

    play(scene)


def test_errors_that_queue_up_are_one_gap() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        for _ in range(5):
            channel.coming.put_nowait(RuntimeError("checksum"))
        channel.coming.put_nowait("whole again")
        await ear.until(lambda: bool(ear.heard))
        assert (len(ear.gaps), ear.lives, ear.prepared) == (1, 1, 5)

    play(scene)


def test_one_message_that_nobody_can_read_is_left_out_and_told() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        for value in ("poison", "fine"):
            channel.coming.put_nowait(value)
        await ear.until(lambda: len(ear.heard) == 2)
        assert [str(e) for e in ear.bad] == ["cannot read this"]
        assert ear.gaps == []

    play(scene)


def test_a_yes_makes_a_silent_stream_live() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        await asyncio.sleep(0)
        channel.on_acknowledged()
        await ear.until(lambda: ear.lives == 1)
        assert ear.heard == []

    play(scene)


def test_a_subscription_without_an_answer_is_made_again() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        await asyncio.wait_for(channel.dropped.wait(), 5)
        assert channel.hung_up[0] == "watch_trades BTC/USDT was not acknowledged"

    play(scene, acknowledge_secs=0.02)


def test_silence_is_judged_by_asking_and_kept_where_nothing_was_missed() -> None:
    asked = 0

    async def nothing_missed() -> bool:
        nonlocal asked
        asked += 1
        return False

    async def scene(channel: FakeChannel, ear: Ear) -> None:
        channel.coming.put_nowait(1)
        while asked < 3:
            await asyncio.sleep(0.005)
        assert channel.hung_up == []
        assert ear.gaps == []

    play(scene, care=Care(silent_secs=0.02, missed=nothing_missed))


def test_a_stream_that_missed_something_is_dropped() -> None:
    async def missed() -> bool:
        return True

    async def scene(channel: FakeChannel, ear: Ear) -> None:
        channel.coming.put_nowait(1)
        await asyncio.wait_for(channel.dropped.wait(), 5)
        assert "was silent and missed something" in channel.hung_up[0]

    play(scene, care=Care(silent_secs=0.02, missed=missed))


def test_data_that_comes_while_the_venue_is_asked_saves_the_connection() -> None:
    channels: list[FakeChannel] = []
    ears: list[Ear] = []
    answered = 0

    async def missed() -> bool:
        nonlocal answered
        before = len(ears[0].heard)
        channels[0].coming.put_nowait("came meanwhile")
        await ears[0].until(lambda: len(ears[0].heard) > before)
        answered += 1
        return True

    async def scene(channel: FakeChannel, ear: Ear) -> None:
        channels.append(channel)
        ears.append(ear)
        channel.coming.put_nowait(1)
        while answered < 3:
            await asyncio.sleep(0.005)
        assert channel.hung_up == []

    play(scene, care=Care(silent_secs=0.02, missed=missed))


def test_a_question_that_fails_proves_nothing() -> None:
    async def broken() -> bool:
        raise ConnectionError("no answer")

    async def scene(channel: FakeChannel, ear: Ear) -> None:
        channel.coming.put_nowait(1)
        await ear.until(lambda: len(ear.bad) >= 2)
        assert channel.hung_up == []

    play(scene, care=Care(silent_secs=0.02, missed=broken))


def test_a_stream_that_is_talking_is_never_asked_about() -> None:
    async def never() -> bool:
        raise AssertionError("asked although data came")

    async def scene(channel: FakeChannel, ear: Ear) -> None:
        for value in range(30):
            channel.coming.put_nowait(value)
            await asyncio.sleep(0.005)
        assert ear.bad == []

    play(scene, care=Care(silent_secs=0.1, missed=never))


def test_stopping_leaves_no_task_behind() -> None:
    async def run() -> None:
        before = asyncio.all_tasks()
        ears = [Ear(FakeChannel()) for _ in range(5)]
        for ear in ears:
            ear.stream.start()
        await asyncio.sleep(0)
        await asyncio.gather(*(ear.stream.stop() for ear in ears))
        assert asyncio.all_tasks() == before

    asyncio.run(run())


def test_a_stream_is_started_once() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        with pytest.raises(RuntimeError, match="was started already"):
            ear.stream.start()

    play(scene)


def test_attempts_come_ever_later_and_never_in_step() -> None:
    one, other = Backoff(rng=Random(1)), Backoff(rng=Random(2))
    ones = [one.next_secs() for _ in range(12)]
    assert all(0.1 <= secs <= 30 for secs in ones)
    assert min(ones[-3:]) >= 15
    assert ones != [other.next_secs() for _ in range(12)]
    one.reset()
    assert one.next_secs() <= 0.2


def test_a_subscription_is_made_anew_by_itself_once_and_its_loss_is_told() -> None:
    async def scene(channel: FakeChannel, ear: Ear) -> None:
        ear.stream.renew("nothing was ever had")
        channel.coming.put_nowait(1)
        await ear.until(lambda: ear.heard == [1])
        assert (channel.renewed, ear.gaps) == ([], [])
        ear.stream.renew("crossed")
        ear.stream.renew("crossed again")
        await asyncio.sleep(0)
        assert ear.stream.state is StreamState.LOST
        assert (channel.renewed, ear.gaps, channel.hung_up) == (["crossed"], ["crossed"], [])
        channel.coming.put_nowait(2)  # of the new one
        await ear.until(lambda: ear.heard == [1, 2])
        assert (ear.stream.state, ear.lives) == (StreamState.LIVE, 2)

    play(scene)
