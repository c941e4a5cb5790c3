"""Each gap of the engine itself, closed by our node: what the engine would let pass in silence."""

import ast
import json
import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import ccxt
import pytest

from morningstar_strategy.store import Action, StateStore
from tests.catalogs import sample_folder
from tests.harness.live_looks import (
    PROMISED_SECS,
    Row,
    at_venue,
    close_by_hand,
    covered,
    exposed,
    held,
    hindrances,
    holds_all,
    id_of,
    is_whole,
    of_entries,
    stops,
    trading,
    within,
)
from tests.harness.live_node import BASES, PROJECT, LiveNode, played
from tests.venue.played_process import PlayedVenue
from tests.venue.redirect import redirect

# `Any` in this module: a venue's truth and a node's status are JSON of every shape

GAPS: Final = ("-m", "tests.integration.gap_node")


@pytest.fixture(scope="module")
def catalog() -> Path:
    return sample_folder()


@pytest.fixture
def venue(catalog: Path) -> Iterator[PlayedVenue]:
    with played("bitget", catalog) as opened:
        yield opened


# ------------------------------------------------ late orders, hung submits, threads, a second stop


def test_late_orders_hung_submits_and_dead_feeds_are_noticed_on_the_engines_thread_alone(
    venue: PlayedVenue, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    told = tmp_path / "threads.json"
    gaps = {"threads": f"{told}", "impatient": True}
    monkeypatch.setenv("GAPS", json.dumps(gaps))
    venue.add_faults({"kind": "drop_request", "where": "order"})
    settings = ("node.at_stop=flatten", "node.guard.stop_within_secs=60")
    with trading(venue, catalog, tmp_path / "node", *settings, program=GAPS) as node:
        _an_order_that_appears_after_a_local_rejection_is_closed(venue, node)
        _a_cancel_behind_a_hung_submit_goes_out(venue)
        _a_dead_feed_hinders_until_it_lives(venue, node)
        _a_second_signal_ends_at_once(venue, node)
    seen = json.loads(told.read_text())
    assert set(seen["callbacks"]) == set(seen["calls"]) == {seen["engine"]}
    assert seen["calls"][seen["engine"]] > 100
    assert seen["touched"] == []
    assert "morningstar_strategy.database.writing" in seen["foreign"]  # threads were watched
    assert [name for name in seen["foreign"] if imports_engine(name)] == []


def _an_order_that_appears_after_a_local_rejection_is_closed(
    venue: PlayedVenue, node: LiveNode
) -> None:
    """The very first entry was lost on its way; now the venue has it after all."""
    refused = next(
        record
        for record in kept(node)
        if record["kind"] == "order" and record["event"] == "rejected"
    )
    assert "never had it" in refused["reason"]
    name = refused["instrument_id"]
    planned = held(venue.truth(), name)
    side = "buy" if planned > 0 else "sell"
    exchange = ccxt.bitget({**keys(venue), "options": {"defaultType": "swap", "uta": False}})
    redirect(exchange, venue.url)
    symbol = f"{name[:3]}/USDT:USDT"
    late = {"clientOid": refused["order_id"]}
    exchange.create_order(symbol, "market", side, abs(planned), None, late)
    assert held(venue.truth(), name) == 2 * planned

    def is_as_planned(truth: Row) -> bool:
        return held(truth, name) == planned and covered(truth, name)

    within(venue, is_as_planned, "the plan's position alone", PROMISED_SECS)


def keys(venue: PlayedVenue) -> dict[str, str]:
    """Give the account's keys by the names that ccxt has for them."""
    told = {name.rpartition("_")[2]: value for name, value in venue.environment.items()}
    return {"apiKey": told["KEY"], "secret": told["SECRET"], "password": told["PASSPHRASE"]}


def kept(node: LiveNode) -> list[dict[str, Any]]:
    """Read what the database holds of the session that runs."""
    database = node.folder / "state" / "journal.sqlite"
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT line FROM records ORDER BY seq").fetchall()
    return [json.loads(line) for (line,) in rows]


def _a_cancel_behind_a_hung_submit_goes_out(venue: PlayedVenue) -> None:
    whole = [id_of(base) for base in BASES]  # so that no other submit is under way
    before = within(venue, lambda t: all(is_whole(t, name) for name in whole), "stops, targets")
    strikes = len(before["faults"])
    target = next(each for each in _resting(before, "ETH") if each["trigger_price"] is None)
    venue.add_faults({"kind": "delay", "where": "order", "delay_secs": 6})
    venue.cancel(target["order_id"])  # so that another one is sent, which hangs
    within(venue, lambda truth: len(truth["faults"]) > strikes, "a submit that hangs")
    (stop,) = stops(venue.truth(), id_of("SOL"))
    close_by_hand(venue, id_of("SOL"))  # so that its stop is taken back

    def is_cancelled(truth: Row) -> bool:
        return stop["order_id"] not in {each["order_id"] for each in _resting(truth, "SOL")}

    truth = within(venue, is_cancelled, "the cancel", PROMISED_SECS)
    newer = [each for each in _resting(truth, "ETH") if each["trigger_price"] is None]
    assert newer == []  # it still hangs


def _resting(truth: Row, base: str) -> list[Row]:
    name = at_venue(id_of(base))
    return [each for each in truth["open_orders"] if each["instrument"] == name]


def _a_dead_feed_hinders_until_it_lives(venue: PlayedVenue, node: LiveNode) -> None:
    venue.add_faults({"kind": "stream_silent", "where": "trades"})
    node.until(lambda s: "data" in hindrances(s), "old data hinders")
    venue.drop("public")
    node.until(lambda s: "data" not in hindrances(s), "the data is well again")


def _a_second_signal_ends_at_once(venue: PlayedVenue, node: LiveNode) -> None:
    node.until(lambda s: holds_all(node, s), "positions to be closed")
    venue.add_faults({"kind": "delay", "where": "order", "delay_secs": 8, "count": None})
    node.signal(signal.SIGTERM)
    node.until(lambda s: "node" in hindrances(s), "its being stopped")
    began = time.monotonic()
    assert node.stop() == 0, node.log.read_text()
    assert time.monotonic() - began < 40  # and not the minute that orders would be given


def imports_engine(module: str) -> bool:
    """Say whether a module of ours imports the engine."""
    path = PROJECT.joinpath(*module.split("."))
    file = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    if not file.is_file():
        file = PROJECT / "adapters" / file.relative_to(PROJECT)
    nodes = list(ast.walk(ast.parse(file.read_text(encoding="utf-8"))))
    names = [alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names]
    names += [node.module or "" for node in nodes if isinstance(node, ast.ImportFrom)]
    return any(name.split(".")[0] == "nautilus_trader" for name in names)


# ---------------------------------------------------------------- a callback that raises


def test_a_callback_that_raises_latches_a_halt_that_outlives_a_restart_and_guards_on(
    venue: PlayedVenue, catalog: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign = tmp_path / "broken"
    monkeypatch.setenv("GAPS", json.dumps({"raise_at": f"{sign}"}))
    with trading(venue, catalog, tmp_path / "node", program=GAPS) as node:
        sign.touch()
        node.until(lambda s: s["faults"], "the fault")
        status = node.until(lambda s: s["accounts"][0]["halted"] and s, "the halt")
        reason = "fault: ArithmeticError: the model is broken"
        assert status["accounts"][0]["halted"] == reason
        (stop,) = stops(venue.truth(), id_of("BTC"))
        venue.cancel(stop["order_id"])
        within(venue, lambda truth: covered(truth, id_of("BTC")), "the stop", PROMISED_SECS)
        assert node.stop() == 1
        last = node.log.read_text().splitlines()[-1]
        assert last == "The node stopped after a fault: ArithmeticError: the model is broken."
        assert all(covered(venue.truth(), id_of(base)) for base in BASES)
        monkeypatch.setenv("GAPS", "{}")
        _it_is_still_halted_after_a_restart(venue, node, reason)


def _it_is_still_halted_after_a_restart(venue: PlayedVenue, node: LiveNode, reason: str) -> None:
    node.start("--set", "node.at_stop=flatten")
    status = node.until(lambda s: len(node.plans(s)) == len(BASES) and s, "its plans")
    assert status["accounts"][0]["halted"] == reason
    assert status["faults"] == []
    entries = len(of_entries(venue.truth(), id_of("ETH")))
    close_by_hand(venue, id_of("ETH"))
    node.until(lambda s: id_of("ETH") not in node.plans(s), "the end of a plan")
    time.sleep(2.5)  # two bars on which it would enter
    assert len(of_entries(venue.truth(), id_of("ETH"))) == entries
    with StateStore(node.store) as store:
        number = store.ask(Action.RESUME, operator="ann", reason="looked", asked_ns=time.time_ns())
    node.until(lambda s: not s["accounts"][0]["halted"], "the halt's end")
    with StateStore(node.store) as store:
        assert (store.request(number).answer or "").startswith(f"lifted: {reason}")
    assert node.stop() == 0, node.log.read_text()
    truth = venue.truth()
    assert not any(held(truth, id_of(base)) for base in BASES)
    assert not exposed(node.status() or {"accounts": ()})
