"""The venue's clock is followed however it runs, and never made up from a slow answer."""

import asyncio
from collections.abc import Callable

from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.errors import Unknown
from ccxt_nt.line.clock import ClockKeeper, Sample, Signer, VenueClock

START_MS = 1_700_000_000_000


class World:
    """Two clocks and a way between them; each way takes its own time."""

    def __init__(self, pace: float, ahead_ms: int, delays: Callable[[], int]) -> None:
        self.ms = START_MS
        self._pace = pace
        self._ahead_ms = ahead_ms
        self._delays = delays
        self.clock = VenueClock(lambda: self.ms)

    @property
    def venue_ms(self) -> int:
        return START_MS + self._ahead_ms + int((self.ms - START_MS) * self._pace)

    def look(self) -> None:
        samples = []
        for _ in range(3):
            sent = self.ms
            self.ms += self._delays()
            told = self.venue_ms
            self.ms += self._delays()
            samples.append(Sample(sent_ms=sent, told_ms=told, heard_ms=self.ms))
        self.clock.take(samples)

    def wait(self) -> None:
        self.ms += int(self.clock.wait_secs * 1000)


@given(
    pace=st.floats(0, 12) | st.just(1.0) | st.floats(0.9998, 1.0002),
    ahead_ms=st.integers(-(10**9), 10**9),
    data=st.data(),
)
def test_whatever_the_venues_clock_does_it_is_foreseen_as_well_as_the_way_to_it_allows(
    pace: float, ahead_ms: int, data: st.DataObject
) -> None:
    world = World(pace, ahead_ms, lambda: data.draw(st.integers(0, 40)))
    for _ in range(6):
        world.look()
        world.wait()
    slowest = 40 * (1 + pace) + 10  # of one look; twice that for the two that tell a pace
    assert abs(world.clock.now_ms - world.venue_ms) <= 4 * slowest


@given(ahead_ms=st.integers(-5_000, 5_000), data=st.data())
def test_clocks_that_run_alike_are_never_told_to_run_apart(
    ahead_ms: int, data: st.DataObject
) -> None:
    world = World(1.0, ahead_ms, lambda: data.draw(st.integers(0, 2_000)))
    waits = []
    for _ in range(7):
        world.look()
        before = world.clock.ahead_ms
        waits.append(world.clock.wait_secs)
        world.wait()
        assert world.clock.ahead_ms == before
    assert waits == [1, 2, 4, 8, 16, 30, 30]


def test_a_clock_that_is_set_is_looked_at_again_soon_and_believed() -> None:
    world = World(1.0, 0, lambda: 5)
    for _ in range(6):
        world.look()
        world.wait()
    world._ahead_ms = 3_600_000
    world.look()
    assert world.clock.wait_secs == 1
    world.wait()
    world.look()
    world.wait()
    world.look()
    assert abs(world.clock.ahead_ms - 3_600_000) <= 20


def test_the_quickest_answer_is_believed() -> None:
    clock = VenueClock(lambda: START_MS)
    slow = Sample(sent_ms=START_MS, told_ms=START_MS + 1_900, heard_ms=START_MS + 2_000)
    quick = Sample(sent_ms=START_MS, told_ms=START_MS + 105, heard_ms=START_MS + 10)
    clock.take([slow, quick])
    assert clock.ahead_ms == 100


def test_samples_taken_while_our_own_clock_was_set_back_are_thrown_away() -> None:
    clock = VenueClock(lambda: START_MS)
    clock.take([Sample(sent_ms=START_MS, told_ms=START_MS, heard_ms=START_MS - 1)])
    assert clock.ahead_ms == 0


def test_a_refused_time_is_answered_with_the_other_signer_or_with_a_clock_that_moved() -> None:
    clock = VenueClock(lambda: START_MS)
    off_ms = clock.take([Sample(sent_ms=START_MS, told_ms=START_MS + 5_000, heard_ms=START_MS)])
    assert (clock.signer, clock.signing_ms) == (Signer.OURS, 0)
    clock.refused(off_ms=off_ms)
    assert (clock.signer, clock.signing_ms) == (Signer.VENUES, 5_000)
    off_ms = clock.take([Sample(sent_ms=START_MS, told_ms=START_MS + 95_000, heard_ms=START_MS)])
    clock.refused(off_ms=off_ms)
    assert (clock.signer, clock.signing_ms) == (Signer.VENUES, 95_000)
    clock.refused(off_ms=0.0)
    assert (clock.signer, clock.signing_ms) == (Signer.OURS, 0)


def test_the_keeper_outlives_an_outage_says_so_once_and_hurries_when_asked() -> None:
    looks, notes = [0], list[str]()

    async def look() -> None:
        looks[0] += 1
        raise Unknown("no answer")

    async def run() -> None:
        keeper = ClockKeeper(VenueClock(), look, note=notes.append)
        keeper.start()
        deadline = asyncio.get_running_loop().time() + 10
        while looks[0] < 2:
            assert asyncio.get_running_loop().time() < deadline
            await asyncio.sleep(0.02)
        await keeper.stop()

    asyncio.run(run())
    assert notes == ["the venue's clock could not be read: no answer"]
