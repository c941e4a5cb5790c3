"""Laws of closed bars: each once, in order, after its close, whatever is lost on the way."""

import random
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.market.bars import BarKeeper
from ccxt_nt.values import BarRow

MINUTE = 60_000_000_000
SECOND = 1_000_000_000
START = 1_700_000_040_000_000_000 // MINUTE * MINUTE


def bar(number: int, volume: int = 1) -> BarRow:
    price = Decimal(100 + number)
    return BarRow(
        symbol="BTC/USDT",
        open_ns=START + number * MINUTE,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(volume),
    )


def keeper(
    *, trusts_stream: bool = True, compares_volume: bool = True, now_ns: int = START
) -> BarKeeper:
    return BarKeeper(
        interval_ns=MINUTE,
        confirm_ns=2 * SECOND,
        now_ns=now_ns,
        trusts_stream=trusts_stream,
        compares_volume=compares_volume,
    )


class Feed:
    """A venue's pushes and its history, played second by second, with losses."""

    def __init__(self, seed: int, *, bars: int, loss: float, trusts_stream: bool) -> None:
        self.dice = random.Random(seed)
        self.loss = loss
        self.traded = {n for n in range(bars) if self.dice.random() < 0.8}
        self.keeper = keeper(trusts_stream=trusts_stream)
        self.told: list[tuple[int, BarRow]] = []
        self.bars = bars

    def final(self, number: int) -> BarRow:
        return bar(number, volume=60)

    def play(self) -> None:
        deaf_until = 0
        for second in range(self.bars * 60 + 10):
            now = START + second * SECOND
            number = second // 60
            if self.dice.random() < self.loss:
                self.keeper.gap(now_ns=now)
                deaf_until = second + self.dice.randrange(1, 90)
            if second == deaf_until and deaf_until:
                self.keeper.gap(now_ns=now)
                self.keeper.ask_now(now_ns=now)
            if second >= deaf_until and number in self.traded:
                self.tell(now, self.keeper.hear(bar(number, volume=second % 60 + 1)))
            self.ask_if_due(now)

    def ask_if_due(self, now: int) -> None:
        if now < self.keeper.ask_ns:
            return
        if self.dice.random() < 0.2:
            self.keeper.failed(now_ns=now, retry_ns=2 * SECOND)
            return
        history = [
            self.final(n) if START + (n + 1) * MINUTE <= now else bar(n, volume=7)
            for n in sorted(self.traded)
            if START + n * MINUTE <= now
        ]
        self.tell(now, self.keeper.asked(history, now_ns=now))

    def tell(self, now: int, rows: tuple[BarRow, ...]) -> None:
        self.told += [(now, row) for row in rows]


@given(st.integers(0, 10**6), st.floats(0, 0.02), st.booleans())
def test_every_bar_is_told_once_in_order_after_its_close_and_with_its_last_figures(
    seed: int, loss: float, trusts_stream: bool
) -> None:
    feed = Feed(seed, bars=8, loss=loss, trusts_stream=trusts_stream)
    feed.play()
    opens = [row.open_ns for _, row in feed.told]
    assert opens == sorted(set(opens))
    assert all(now >= row.open_ns + MINUTE for now, row in feed.told)
    assert all(row.volume == 60 for _, row in feed.told)
    due = {START + n * MINUTE for n in feed.traded if n < feed.bars - 2}
    assert due <= set(opens)


def test_history_in_the_first_push_is_not_told() -> None:
    kept = keeper(now_ns=START + 30 * SECOND)
    assert [kept.hear(bar(n)) for n in (-3, -2, -1, 0)] == [()] * 4
    assert kept.hear(bar(1)) == (bar(0),)


def test_a_later_update_of_a_told_bar_changes_nothing() -> None:
    kept = keeper()
    kept.hear(bar(0))
    assert kept.hear(bar(1)) == (bar(0),)
    assert kept.hear(bar(0, volume=99)) == ()
    assert kept.hear(bar(2)) == (bar(1),)


def test_a_quiet_bar_is_asked_for_two_seconds_after_its_close() -> None:
    kept = keeper()
    kept.hear(bar(0))
    assert kept.ask_ns == START + MINUTE + 2 * SECOND
    assert kept.asked([bar(0), bar(1)], now_ns=kept.ask_ns) == (bar(0),)
    assert kept.ask_ns == START + 2 * MINUTE + 2 * SECOND


def test_a_bar_that_was_seen_running_is_asked_for_until_the_history_has_it() -> None:
    kept = keeper()
    kept.hear(bar(0))
    now = kept.ask_ns
    assert kept.asked([], now_ns=now) == ()
    assert kept.ask_ns == now + 2 * SECOND
    assert kept.asked([bar(0)], now_ns=kept.ask_ns) == (bar(0),)


def test_a_bar_during_which_the_stream_was_lost_comes_from_the_history() -> None:
    kept = keeper()
    kept.hear(bar(0, volume=3))
    kept.gap(now_ns=START + 20 * SECOND)
    kept.hear(bar(0, volume=5))
    assert kept.hear(bar(1)) == ()
    assert kept.asked([bar(0, volume=60)], now_ns=kept.ask_ns) == (bar(0, volume=60),)


def test_a_minute_without_trades_is_not_invented_and_does_not_stop_the_next() -> None:
    kept = keeper()
    kept.hear(bar(0))
    assert kept.hear(bar(2)) == ()  # what was between must be asked for
    assert kept.asked([bar(0), bar(2)], now_ns=START + 2 * MINUTE + 5 * SECOND) == (bar(0),)
    assert kept.hear(bar(3)) == ()
    assert kept.asked([bar(2), bar(3)], now_ns=START + 3 * MINUTE + 2 * SECOND) == (bar(2),)
    assert kept.hear(bar(4)) == (bar(3),)


def test_pushes_whose_volume_counts_something_else_only_tell_that_a_bar_is_running() -> None:
    kept = keeper(trusts_stream=False, compares_volume=False)
    kept.hear(bar(0, volume=50_000))
    assert kept.hear(bar(1, volume=50_000)) == ()
    assert kept.asked([bar(0), bar(1)], now_ns=kept.ask_ns) == (bar(0),)


def test_a_history_that_has_less_than_was_pushed_is_asked_again_but_not_for_ever() -> None:
    kept = keeper(trusts_stream=False)
    kept.hear(bar(0, volume=60))
    kept.hear(bar(1))
    for _ in range(5):
        now = kept.ask_ns
        assert kept.asked([bar(0, volume=59)], now_ns=now) == ()
    assert kept.ask_ns == START + 2 * MINUTE + 2 * SECOND
    assert kept.asked([bar(0, volume=59), bar(1)], now_ns=kept.ask_ns) == (
        bar(0, volume=59),
        bar(1),
    )


def test_a_finished_bar_waits_for_the_one_before_it() -> None:
    kept = keeper(trusts_stream=False)
    kept.hear(bar(0, volume=60))
    kept.hear(bar(1, volume=60))
    late = START + 2 * MINUTE + SECOND
    assert kept.asked([bar(0, volume=59), bar(1, volume=60)], now_ns=late) == ()
    both = (bar(0, volume=60), bar(1, volume=60))
    assert kept.asked(both, now_ns=kept.ask_ns) == both


def test_rows_of_another_moment_are_sorted_before_they_are_told() -> None:
    kept = keeper()
    late = START + 3 * MINUTE + SECOND
    assert kept.asked([bar(2), bar(0), bar(1), bar(1)], now_ns=late) == (bar(0), bar(1), bar(2))


@pytest.mark.parametrize(("interval_ns", "confirm_ns"), [(0, 1), (-1, 1), (1, -1)])
def test_an_interval_of_nonsense_is_refused(interval_ns: int, confirm_ns: int) -> None:
    with pytest.raises(ValueError, match=r"was (0|-1)"):
        BarKeeper(interval_ns=interval_ns, confirm_ns=confirm_ns, now_ns=0)


@pytest.mark.parametrize("began_on", range(7))
@pytest.mark.parametrize("opens_on", [0, 3])
def test_a_week_is_told_at_its_end_wherever_it_begins(began_on: int, opens_on: int) -> None:
    # Some venues open weeks on Mondays, some on the weekday of the epoch
    day = 1440 * MINUTE
    week, monday = 7 * day, 4 * day + 2_800 * 7 * day
    opening = monday + opens_on * day
    now = monday + 7 * day + began_on * day + day // 2
    weeks = [
        BarRow(
            symbol="BTC/USDT",
            open_ns=opening + number * week,
            open=Decimal(1),
            high=Decimal(1),
            low=Decimal(1),
            close=Decimal(1),
            volume=Decimal(1),
        )
        for number in range(5)
    ]
    kept = BarKeeper(interval_ns=week, confirm_ns=SECOND, now_ns=now, trusts_stream=False)
    told: list[tuple[int, int]] = []
    end = now + 2 * week
    while kept.ask_ns < end:
        now = kept.ask_ns
        listed = [row for row in weeks if row.open_ns <= now]
        told += [(row.open_ns, now) for row in kept.asked(listed, now_ns=now)]
    closing = [row for row in weeks if end - 2 * week < row.open_ns + week < end]
    assert [open_ns for open_ns, _ in told] == [row.open_ns for row in closing]
    assert all(at == open_ns + week + SECOND for open_ns, at in told)
