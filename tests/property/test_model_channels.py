"""Laws of the channels and of the promotion rule."""

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.model.channels import (
    Action,
    Channels,
    RegistryError,
    change_of,
    read_channels,
    write_channels,
)
from morningstar_strategy.model.promotion import PromotionRule, judge
from morningstar_strategy.model.shadow_evidence import HEADS, Evidence, HeadLosses

type Step = tuple[str, Action, str]

AT = datetime(2024, 9, 1, tzinfo=UTC)
MODELS = ("a", "b", "c", "d")
INTERVALS = ("1h", "15m")
QUICK = PromotionRule(min_bars=50)
ACTIONS: tuple[Action, ...] = ("add", "promote", "rollback")

steps: st.SearchStrategy[list[Step]] = st.lists(
    st.tuples(st.sampled_from(INTERVALS), st.sampled_from(ACTIONS), st.sampled_from(MODELS)),
    max_size=15,
)


def after(channels: Channels, step: Step) -> Channels:
    """Take a step, or none where it is not allowed."""
    interval, action, model = step
    before = None if action == "add" else channels.of(interval).champion
    change = change_of(
        at=AT, interval=interval, action=action, before=before, after=model, who="ann", why="x"
    )
    try:
        return channels.after(change)
    except RegistryError:
        return channels


def walked(steps: Sequence[Step]) -> Channels:
    channels = Channels()
    for step in steps:
        channels = after(channels, step)
    return channels


@given(steps)
def test_every_model_that_came_is_in_one_place_and_history_only_grows(steps: list[Step]) -> None:
    channels = Channels()
    for step in steps:
        now = after(channels, step)
        assert now.history[: len(channels.history)] == channels.history
        channels = now
    for interval in INTERVALS:
        channel = channels.of(interval)
        came = {c.after for c in channels.history if (c.interval, c.action) == (interval, "add")}
        there = [name for name in (channel.champion, *channel.challengers) if name is not None]
        assert sorted(there) == sorted(came)
        assert (channel.champion is None) == (not came)


@given(steps, st.sampled_from(INTERVALS), st.sampled_from(MODELS))
def test_a_rollback_undoes_a_promotion(steps: list[Step], interval: str, model: str) -> None:
    before = walked(steps)
    promoted = after(before, (interval, "promote", model))
    if promoted is before:
        return
    assert promoted.of(interval).champion == model
    old = promoted.before(interval)
    assert old is not None
    assert old == before.of(interval).champion
    assert after(promoted, (interval, "rollback", old)).channels == before.channels


@settings(max_examples=25)  # each writes a file through to the disk
@given(steps)
def test_channels_come_back_from_their_file_as_they_were(steps: list[Step]) -> None:
    channels = walked(steps)
    with tempfile.TemporaryDirectory() as folder:
        write_channels(Path(folder), channels)
        assert read_channels(Path(folder)) == channels


@given(steps, st.sampled_from(INTERVALS))
def test_one_interval_knows_nothing_of_another(steps: list[Step], interval: str) -> None:
    alone = walked([step for step in steps if step[0] == interval])
    assert walked(steps).of(interval) == alone.of(interval)


@st.composite
def evidences(draw: st.DrawFn) -> Evidence:
    """Draw losses of two models, of several instruments, some of them clearly better."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count = draw(st.integers(40, 200))
    losses = []
    for head in HEADS:
        gain = draw(st.sampled_from((-0.3, -0.05, 0.0, 0.05, 0.3)))
        stamps = np.sort(rng.integers(0, count, 2 * count))
        champion = rng.random(len(stamps))
        losses.append(
            HeadLosses(
                head=head,
                ts_event=stamps,
                champion=champion,
                challenger=champion - gain + 0.2 * rng.standard_normal(len(stamps)),
            )
        )
    return Evidence(losses=tuple(losses), ece=draw(st.sampled_from((0.0, 0.049, 0.05, 0.9))))


@given(evidences())
def test_of_two_models_at_most_one_is_promoted_over_the_other(evidence: Evidence) -> None:
    turned = Evidence(
        losses=tuple(
            HeadLosses(
                head=each.head,
                ts_event=each.ts_event,
                champion=each.challenger,
                challenger=each.champion,
            )
            for each in evidence.losses
        ),
        ece=evidence.ece,
    )
    forth, back = (judge(each, horizon=1, rule=QUICK) for each in (evidence, turned))
    assert not (forth.promote and back.promote)
    for mine, theirs in zip(forth.heads, back.heads, strict=True):
        assert abs(mine.t + theirs.t) < 1e-9 * max(1.0, abs(mine.t))


@given(evidences())
def test_a_promotion_keeps_every_clause_of_the_rule(evidence: Evidence) -> None:
    verdict = judge(evidence, horizon=1, rule=QUICK)
    ts = [head.t for head in verdict.heads]
    holds = (
        verdict.bars >= QUICK.min_bars
        and max(ts) > QUICK.better
        and min(ts) > QUICK.worse
        and verdict.ece < QUICK.max_ece
    )
    assert verdict.promote == holds
    assert verdict.reasons


@given(evidences(), st.integers(0, 2**32 - 1))
def test_the_order_of_rows_decides_nothing(evidence: Evidence, seed: int) -> None:
    rng = np.random.default_rng(seed)
    shuffled = []
    for each in evidence.losses:
        rows = rng.permutation(len(each.ts_event))
        shuffled.append(
            HeadLosses(
                head=each.head,
                ts_event=each.ts_event[rows],
                champion=each.champion[rows],
                challenger=each.challenger[rows],
            )
        )
    other = judge(Evidence(losses=tuple(shuffled), ece=evidence.ece), horizon=1, rule=QUICK)
    verdict = judge(evidence, horizon=1, rule=QUICK)
    assert np.allclose([h.t for h in verdict.heads], [h.t for h in other.heads])
    assert [h.count for h in verdict.heads] == [h.count for h in other.heads]


@given(evidences())
def test_a_model_is_never_promoted_over_itself(evidence: Evidence) -> None:
    same = Evidence(
        losses=tuple(
            HeadLosses(
                head=each.head,
                ts_event=each.ts_event,
                champion=each.champion,
                challenger=each.champion,
            )
            for each in evidence.losses
        ),
        ece=0.0,
    )
    assert not judge(same, horizon=1, rule=QUICK).promote
