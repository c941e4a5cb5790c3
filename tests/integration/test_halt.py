"""A halt is done when the venue itself says so: without a node, with a silent one, with a liar."""

import sqlite3
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from live.errors import NodeError, Refused
from live.halting import Halted, Wish, halt
from live.resuming import UnansweredError, resume
from live.state import account_of, state_file
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.store import StateStore
from tests.halting import FAULTS, ROOT, leftovers, options, played
from tests.venue.played_process import PlayedVenue


@pytest.fixture
def venue(monkeypatch: pytest.MonkeyPatch) -> Iterator[PlayedVenue]:
    """Open an exchange, with its keys where a user keeps them."""
    with played("bitget", seed=5) as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        yield opened


def settings_of(venue: PlayedVenue, folder: Path, *more: str) -> Settings:
    words = options(venue, folder, str(venue.opening["dialect"]))
    pairs = [word for flag, word in pairwise(words) if flag == "--set"]
    return load_settings(ROOT / "config/paper-local.yaml", overrides=[*pairs, *more])


def hold_something(venue: PlayedVenue) -> None:
    """Trade as a person would: a long, a short, and an order that rests."""
    venue.manual_trade("BTCUSDT-PERP", "buy", "0.02")
    venue.manual_trade("SOLUSDT-PERP", "sell", "3")
    venue.manual_trade("ETHUSDT-PERP", "buy", "0.1", price="1500")
    assert len(leftovers(venue.truth())) == 3


def halted(settings: Settings, *, flatten: bool = True, secs: float = 120, **more: Any) -> Halted:
    wish = Wish(flatten=flatten, operator="Ada", reason="test", timeout_secs=secs, **more)
    return halt(settings, wish, say=lambda _line: None)


def test_without_a_node_everything_is_closed_and_the_halt_is_latched(
    venue: PlayedVenue, tmp_path: Path
) -> None:
    settings = settings_of(venue, tmp_path)
    hold_something(venue)
    outcome = halted(settings)
    truth = venue.truth()
    assert (outcome.done, outcome.latched, leftovers(truth)) == (True, True, [])
    ours = [each for each in truth["orders"] if "halt" in str(each["client_id"])]
    assert len(ours) >= 2
    assert all(each["reduce_only"] for each in ours)
    assert any("no node runs" in note for note in outcome.notes)
    with StateStore(state_file(settings), account=account_of(settings)) as store:
        assert store.load().halted == "halted by Ada: test"
        assert store.open_requests() == ()


def test_a_halt_goes_on_when_nobody_reads_along_whatever_bytes_it_was_given(
    venue: PlayedVenue, tmp_path: Path
) -> None:
    settings = settings_of(venue, tmp_path)
    hold_something(venue)
    words = options(venue, tmp_path, str(venue.opening["dialect"]))
    asked: list[str | bytes] = [*words, "--flatten", "--operator", "Ada", "--reason", b"B\xf6rse"]
    command: list[str | bytes] = [sys.executable, "live/halt.py", *asked]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        assert process.wait(150) == 0
    assert leftovers(venue.truth()) == []
    with StateStore(state_file(settings), account=account_of(settings)) as store:
        assert store.load().halted == "halted by Ada: B\ufffdrse"


def test_a_halt_that_keeps_leaves_positions_and_orders_of_a_person(
    venue: PlayedVenue, tmp_path: Path
) -> None:
    hold_something(venue)
    outcome = halted(settings_of(venue, tmp_path), flatten=False)
    assert outcome.done
    assert len(leftovers(venue.truth())) == 3


@pytest.mark.parametrize("fault", ["502 after", "lost acks", "rate limit"])
def test_under_faults_it_ends_flat_and_says_so(
    venue: PlayedVenue, tmp_path: Path, fault: str
) -> None:
    hold_something(venue)
    venue.add_faults(*(dict(each) for each in FAULTS[fault]))
    outcome = halted(settings_of(venue, tmp_path), secs=150)
    truth = venue.truth()
    assert truth["faults"]
    assert (outcome.done, leftovers(truth)) == (True, [])


def test_a_venue_that_cannot_be_reached_is_never_called_flat(
    venue: PlayedVenue, tmp_path: Path
) -> None:
    hold_something(venue)
    venue.restart(60)
    outcome = halted(settings_of(venue, tmp_path), secs=10)
    assert not outcome.done
    assert outcome.sentence.startswith("not confirmed flat")
    assert "could not be asked" in outcome.venues["BITGET"]


def test_a_node_that_holds_the_store_and_is_silent_is_not_waited_for(
    venue: PlayedVenue, tmp_path: Path
) -> None:
    settings = settings_of(venue, tmp_path)
    hold_something(venue)
    with StateStore(state_file(settings), account=account_of(settings)) as store:
        outcome = halted(settings, secs=20)
        assert [each.action.value for each in store.open_requests()] == ["flatten"]
    assert leftovers(venue.truth()) == []
    assert not outcome.done  # the node may come back and trade
    assert "does not answer" in outcome.sentence


def test_a_request_that_cannot_be_written_keeps_nobody_from_closing(
    venue: PlayedVenue, tmp_path: Path
) -> None:
    settings = settings_of(venue, tmp_path)
    hold_something(venue)
    path = state_file(settings)
    with (
        StateStore(path, account=account_of(settings)),
        closing(sqlite3.connect(path, isolation_level=None)) as hog,
    ):
        hog.execute("BEGIN IMMEDIATE")
        outcome = halted(settings, secs=20)
    assert leftovers(venue.truth()) == []
    assert not outcome.done  # the node was not told, and may trade
    assert "could not be asked" in outcome.sentence


def test_the_word_of_a_node_is_not_believed_where_the_venue_says_otherwise(
    venue: PlayedVenue, tmp_path: Path
) -> None:
    settings = settings_of(venue, tmp_path)
    hold_something(venue)
    with LyingNode(settings):
        outcome = halted(settings, secs=25)
    assert any("helping" in note for note in outcome.notes)
    assert (outcome.done, leftovers(venue.truth())) == (True, [])


class LyingNode:
    """Holds the store, latches the halt, and says at once that all is flat."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._end = threading.Event()
        self._holds = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> None:
        self._thread.start()
        assert self._holds.wait(60)

    def __exit__(self, *_: object) -> None:
        self._end.set()
        self._thread.join()

    def _run(self) -> None:
        path, account = state_file(self._settings), account_of(self._settings)
        with StateStore(path, account=account) as store:
            self._holds.set()
            while not self._end.wait(0.05):
                for each in store.open_requests():
                    store.save(replace(store.load(), halted="by a liar"))
                    store.answer(each.number, "flat: no position and no order is left")


def test_a_missing_key_is_named_and_nothing_is_confirmed(
    venue: PlayedVenue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BITGET_API_SECRET")
    outcome = halted(settings_of(venue, tmp_path), secs=2)
    assert not outcome.done
    assert "BITGET_API_SECRET" in outcome.venues["BITGET"]


# ---------------------------------------------------------------- where the node is the venue


def local(tmp_path: Path, *more: str) -> Settings:
    state = f"node.state={tmp_path / 'state'}"
    return load_settings(ROOT / "config/paper-local.yaml", overrides=[state, *more])


@pytest.mark.parametrize("more", [(), ("mode=paper",)])
def test_where_fills_are_the_nodes_own_nothing_outlives_it(
    tmp_path: Path, more: tuple[str, ...]
) -> None:
    outcome = halted(local(tmp_path, *more), secs=5)
    assert outcome.done
    assert "no node runs" in outcome.sentence


def native(tmp_path: Path) -> Settings:
    return local(
        tmp_path,
        *("node.exchange=null", "node.speed=1", "node.venues=[{name: okx}]"),
        *('data.instruments=["BTC-USDT-SWAP.OKX"]', "node.warm_up=none"),
    )


def test_a_venue_of_the_engines_own_client_is_not_confirmed(tmp_path: Path) -> None:
    settings = native(tmp_path)
    with LyingNode(settings):
        told, trusted = halted(settings, secs=5), halted(settings, secs=5, trust_node=True)
    assert not told.done
    assert (trusted.done, "not confirmed by the venue" in trusted.sentence) == (True, True)
    assert not halted(settings, secs=3, trust_node=True).done  # there is no node to be trusted


def test_settings_that_name_no_account_are_refused(tmp_path: Path) -> None:
    with pytest.raises(NodeError, match="was backtest"):
        halted(local(tmp_path, "mode=backtest"))
    halted(local(tmp_path), secs=5)
    with pytest.raises(NodeError, match=r"is of account demo:BITGET, not of paper:BITGET"):
        halted(local(tmp_path, "mode=paper"))


@pytest.mark.parametrize(
    ("fields", "words"),
    [({"operator": " "}, "operator's name"), ({"timeout_secs": 0}, "was 0")],
)
def test_a_wish_that_makes_no_sense_is_refused(fields: dict[str, Any], words: str) -> None:
    given: dict[str, Any] = {"flatten": True, "operator": "Ada"} | fields
    with pytest.raises(ValueError, match=words):
        Wish(**given)


# ---------------------------------------------------------------- resume


def resumed(settings: Settings, **changes: Any) -> str:
    given: dict[str, Any] = {"operator": "Ada", "reason": "", "equity": None, "timeout_secs": 1}
    return resume(settings, **(given | changes))


def test_without_a_node_a_resume_needs_the_equity_and_says_what_it_resets(tmp_path: Path) -> None:
    settings = local(tmp_path)
    with pytest.raises(NodeError, match="does not exist"):
        resumed(settings)
    halted(settings, secs=5)
    with pytest.raises(Refused, match=r"equity is unknown.*halted by Ada: test"):
        resumed(settings)
    with pytest.raises(Refused, match="was 0"):
        resumed(settings, equity=Decimal(0))
    told = resumed(settings, equity=Decimal(9_000))
    assert told.startswith("lifted: halted by Ada: test; drawdown and daily loss count from 9000")
    with StateStore(state_file(settings), account=account_of(settings)) as store:
        memory = store.load()
    assert memory.halted == ""
    assert memory.peak_equity == memory.day_equity == 9_000


def test_a_node_that_does_not_answer_lifts_nothing_later(tmp_path: Path) -> None:
    settings = local(tmp_path)
    with StateStore(state_file(settings), account=account_of(settings)) as store:
        with pytest.raises(UnansweredError, match="was not lifted"):
            resumed(settings)
        assert store.open_requests() == ()


def test_one_figure_of_equity_lifts_no_halt_of_several_accounts(tmp_path: Path) -> None:
    names = '["BTCUSDT-PERP.BITGET", "BTCUSDT-PERP.KUCOIN"]'
    settings = local(tmp_path, "mode=paper", "node.exchange=null", f"data.instruments={names}")
    assert halted(settings).latched
    with pytest.raises(Refused, match="2 venues"):
        resumed(settings, equity=Decimal(10_000))
    with StateStore(state_file(settings), account=account_of(settings)) as store:
        assert store.load().halted
        assert store.load("KUCOIN").halted
