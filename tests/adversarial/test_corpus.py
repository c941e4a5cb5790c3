"""Every hostile reply is refused for its reason, and nothing unsafe comes of any of them."""

from pathlib import Path

import pytest

from morningstar_strategy.core.scene import Scene
from morningstar_strategy.supervisor.reply import Rejected, parse_command_reply, parse_review
from tests.adversarial.news import NEWS
from tests.adversarial.replies import ACTIVE, FLAT, READ, REVIEWS, Hostile
from tests.adversarial.run import corpus, fuzzed, main, try_all
from tests.supervised import ACTIVE as TRADE
from tests.supervised import BTC, idle


def reason_of(found: object) -> object:
    return found.reason if isinstance(found, Rejected) else READ


@pytest.mark.parametrize("hostile", REVIEWS, ids=lambda each: f"{each.text:.40}")
def test_a_hostile_opinion_is_taken_for_what_it_is(hostile: Hostile) -> None:
    assert reason_of(parse_review(hostile.text, symbol=BTC)) == hostile.reason


@pytest.mark.parametrize(
    ("hostile", "scene"),
    [*((each, idle()) for each in FLAT), *((each, idle(trade=TRADE)) for each in ACTIVE)],
    ids=lambda each: f"{each.text:.40}" if isinstance(each, Hostile) else "",
)
def test_a_hostile_command_is_taken_for_what_it_is(hostile: Hostile, scene: Scene) -> None:
    assert reason_of(parse_command_reply(hostile.text, scene)) == hostile.reason


def test_nothing_unsafe_comes_of_the_corpus(tmp_path: Path) -> None:
    tally = try_all(corpus(), tmp_path / "tape.jsonl")
    assert len({*REVIEWS, *FLAT, *ACTIVE}) >= 150
    assert len(set(NEWS)) >= 80
    assert tally.unsafe == []
    # Some of it is well-formed and reaches the gate, or the corpus would prove little
    assert min(tally.approved[name] for name in ("PLAN_TRADE", "ADJUST_TRADE", "CANCEL_ORDER")) > 0


def test_nothing_unsafe_comes_of_broken_replies(tmp_path: Path) -> None:
    tally = try_all(fuzzed(count=1_000, seed=7), tmp_path / "tape.jsonl")
    assert tally.tried == 1_000
    assert tally.unsafe == []


def test_the_same_seed_tries_the_same_replies() -> None:
    assert [text for *_, text in fuzzed(count=50, seed=3)] == [
        text for *_, text in fuzzed(count=50, seed=3)
    ]


def test_the_script_prints_its_counts(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--fuzzed", "20"]) == 0
    told = capsys.readouterr().out
    assert "fuzzed: 20 replies tried, 0 unsafe orders" in told
    assert "rejected: foreign order" in told
