"""The queue on a real event loop: who goes first, and what a cancellation leaves."""

import asyncio
import time

import pytest

from ccxt_nt.line.lanes import Lane, Urgency


def lane(per_sec: float = 20, burst: int = 1) -> Lane:
    return Lane(per_sec=per_sec, burst=burst, clock=time.monotonic)


async def enter(queue: Lane, urgency: Urgency, name: str, gone: list[str]) -> None:
    await queue.enter(urgency)
    gone.append(name)


def test_a_protective_order_overtakes_forty_questions() -> None:
    async def run() -> list[str]:
        queue, gone = lane(per_sec=20), list[str]()  # so seldom that a pause of ours is none of its
        asking = [
            asyncio.create_task(enter(queue, Urgency.NORMAL, "question", gone)) for _ in range(40)
        ]
        await asyncio.sleep(0)
        stop = asyncio.create_task(enter(queue, Urgency.PROTECTIVE, "stop", gone))
        await stop
        before = list(gone)
        await asyncio.gather(*asking)
        assert len(gone) == 41
        return before

    before = asyncio.run(run())
    assert before[-1] == "stop"
    assert len(before) <= 4


def test_the_budget_holds_on_the_wall_clock() -> None:
    async def run() -> float:
        queue, gone = lane(per_sec=50, burst=1), list[str]()
        began = time.monotonic()
        await asyncio.gather(*(enter(queue, Urgency.NORMAL, "x", gone) for _ in range(11)))
        return time.monotonic() - began

    assert asyncio.run(run()) >= 10 / 50 - 0.01


def test_one_who_gives_up_does_not_hold_up_the_next() -> None:
    async def run() -> list[str]:
        queue, gone = lane(per_sec=1), list[str]()
        await enter(queue, Urgency.NORMAL, "first", gone)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.005):
                await enter(queue, Urgency.PROTECTIVE, "gave up", gone)
        assert queue.waiting == 0
        await asyncio.wait_for(enter(queue, Urgency.NORMAL, "second", gone), 60)
        return gone

    assert asyncio.run(run()) == ["first", "second"]


def test_after_too_many_requests_the_line_rests() -> None:
    async def run() -> float:
        queue, gone = lane(per_sec=1000, burst=10), list[str]()
        await enter(queue, Urgency.NORMAL, "first", gone)
        queue.hold(0.15)
        began = time.monotonic()
        await enter(queue, Urgency.PROTECTIVE, "second", gone)
        return time.monotonic() - began

    assert asyncio.run(run()) >= 0.14


def test_a_stop_overtakes_the_take_profits_that_were_asked_for_with_it() -> None:
    async def run() -> list[str]:
        queue, gone = lane(per_sec=2), list[str]()
        await queue.enter(Urgency.NORMAL)
        wanted = [(Urgency.REDUCING, "target"), (Urgency.CANCEL, "cancel")]
        tasks = [asyncio.create_task(enter(queue, each, name, gone)) for each, name in wanted]
        await asyncio.sleep(0)
        tasks.append(asyncio.create_task(enter(queue, Urgency.PROTECTIVE, "stop", gone)))
        await asyncio.gather(*tasks)
        return gone

    assert asyncio.run(run()) == ["stop", "cancel", "target"]
