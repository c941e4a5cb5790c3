"""What a node that was killed finds again, and what it refuses to begin with."""

import json
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from live.run_node import main
from morningstar_strategy.core.commands import Direction, TradeSetup
from morningstar_strategy.core.ledger import Ledger, OrderRef, Role
from morningstar_strategy.core.state import Plan
from morningstar_strategy.store import StateStore
from tests.catalogs import sample_folder
from tests.harness.live_looks import (
    at_venue,
    close_by_hand,
    covered,
    held,
    id_of,
    journal,
    stops,
    trading,
    within,
)
from tests.harness.live_node import BASES, LiveNode, played
from tests.harness.nodes import Reachable
from tests.harness.obeying import Address
from tests.venue.played_process import PlayedVenue

# `Any` in this module: a journal's rows are JSON of every shape


@pytest.fixture(scope="module")
def catalog() -> Path:
    return sample_folder()


@pytest.fixture
def venue(catalog: Path) -> Iterator[PlayedVenue]:
    with played("bitget", catalog) as opened:
        yield opened


def pending(name: str, order_id: str) -> Ledger:
    """Make the plan of an entry that was written down and never sent."""
    setup = TradeSetup(
        symbol=name,
        direction=Direction.LONG,
        entry_price=None,
        stop_loss_price=Decimal(1),
        take_profit_prices=(Decimal(1_000_000),),
        position_size_percent=Decimal(1),
    )
    plan = Plan(
        order_id=order_id,
        setup=setup,
        quantity=Decimal("0.1"),
        planned_ns=time.time_ns(),
        reason="",
    )
    entry = OrderRef(order_id=order_id, role=Role.ENTRY, quantity=plan.quantity)
    return Ledger.open(plan, (entry,))


# ---------------------------------------------------------------- after a kill


def test_all_that_happened_while_it_was_down_is_understood_before_anything_is_decided(
    venue: PlayedVenue, catalog: Path, tmp_path: Path
) -> None:
    with trading(venue, catalog, tmp_path / "node") as node:
        node.kill()
        person = _while_it_is_down(venue, node)
        node.start("--set", "node.at_stop=flatten", "--set", "decision.min_confidence=1")
        node.until(lambda s: not any(a["exposed"] for a in s["accounts"]), "all protected")
        truth = within(venue, lambda t: covered(t, id_of("ETH")), "the stop of ETH")
        open_ids = {order["order_id"] for order in truth["open_orders"]}
        assert person in open_ids
        assert node.stop() == 0, node.log.read_text()
        _is_flat_but_for(venue, person)
        _is_told(journal(node))


def _while_it_is_down(venue: PlayedVenue, node: LiveNode) -> str:
    """Let much happen: BTC closed, ETH bare, SOL forgotten, BNB never sent, an order of a person.

    Gives the person's order.
    """
    close_by_hand(venue, id_of("BTC"))
    (stop,) = stops(venue.truth(), id_of("ETH"))
    venue.cancel(stop["order_id"])
    close_by_hand(venue, id_of("BNB"))
    with StateStore(node.store) as store:
        store.drop_plan(id_of("SOL"))  # its orders and position are orphans now
        store.save_plan(id_of("BNB"), pending(id_of("BNB"), "O-20260101-000000-001-001-99"))
        xrp = store.load_plans()[id_of("XRP")]
        unbooked = Ledger.open(xrp.plan, (replace(xrp.entry_ref, filled=Decimal(0)),))
        store.save_plan(id_of("XRP"), unbooked)
    price = float(venue.truth()["prices"][at_venue(id_of("XRP"))]) * 0.6
    order = venue.manual_trade(at_venue(id_of("XRP")), "buy", 100, price=f"{price:.4f}")
    return str(order["order_id"])


def _is_flat_but_for(venue: PlayedVenue, person: str) -> None:
    truth = venue.truth()
    assert not any(held(truth, id_of(base)) for base in BASES)
    assert [order["order_id"] for order in truth["open_orders"]] == [person]
    ours = [order["client_id"] for order in truth["orders"] if order["client_id"]]
    assert len(ours) == len(set(ours))


def _is_told(records: list[dict[str, Any]]) -> None:
    health = [record for record in records if record["kind"] == "health"]
    of: Mapping[str, set[str]] = {
        id_of(base): {r["state"] for r in health if r.get("instrument_id") == id_of(base)}
        for base in BASES
    }
    assert "position vanished" in of[id_of("BTC")]
    assert {"orphan cancelled", "unplanned position"} <= of[id_of("SOL")]
    assert "foreign order" in of[id_of("XRP")]
    missed = [
        record["reason"]
        for record in health
        if record["state"] == "plan taken up" and record.get("instrument_id") == id_of("XRP")
    ]
    assert missed == ["1 of 1 orders known, 1 fills missed"]
    ended = [
        record
        for record in records
        if record["kind"] == "plan" and record["instrument_id"] == id_of("BNB")
    ]
    assert ended[0]["reason"] == "the entry never reached the venue"
    first = next(index for index, r in enumerate(records) if r["kind"] == "bar")
    taken = [index for index, r in enumerate(records) if r.get("state") == "plan taken up"]
    assert max(taken) < first  # before anything could be decided


# ---------------------------------------------------------------- what is refused


def words(folder: Path, url: str, *settings: str) -> list[str]:
    """Give the arguments of a node on an exchange that runs somewhere."""
    names = json.dumps([id_of(base) for base in BASES])
    told = (
        f"node.exchange.endpoint={url}",
        f"data.instruments={names}",
        f"node.state={folder / 'state'}",
        f"runs={folder / 'runs'}",
        "node.warm_up=none",
        "node.settle_secs=1",
        "node.connect_secs=3",
        "monitoring.port=0",
        *settings,
    )
    return [word for each in told for word in ("--set", each)]


def refusal(capsys: pytest.CaptureFixture[str], folder: Path) -> tuple[int, list[str]]:
    """Start a node in this process that must not get as far as its engine."""
    code = main(["--config", "config/paper-local.yaml", *words(folder, "http://127.0.0.1:9")])
    return code, capsys.readouterr().err.splitlines()


def test_the_store_of_another_account_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StateStore(tmp_path / "state" / "state.sqlite", account="live:GATE"):
        pass
    code, said = refusal(capsys, tmp_path)
    assert code == 2
    (line,) = said
    assert line.endswith("is of account live:GATE, not of demo:BITGET")


def test_an_open_plan_that_nobody_would_tend_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StateStore(tmp_path / "state" / "state.sqlite", account="demo:BITGET") as store:
        store.save_plan("DOGEUSDT-PERP.BITGET", pending("DOGEUSDT-PERP.BITGET", "O-1"))
    code, said = refusal(capsys, tmp_path)
    assert code == 2
    (line,) = said
    assert line.startswith("error: the store holds an open plan on DOGEUSDT-PERP.BITGET, which")


def test_a_second_node_on_the_same_store_is_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with StateStore(tmp_path / "state" / "state.sqlite", account="demo:BITGET"):
        code, said = refusal(capsys, tmp_path)
    assert code == 2
    (line,) = said
    assert line.endswith("is held by a node that runs")


# ---------------------------------------------------------------- never idle for ever


def test_a_node_that_cannot_connect_ends_and_says_why(venue: PlayedVenue, tmp_path: Path) -> None:
    wrong = Address(url=venue.url, environment={**venue.environment, "BITGET_API_KEY": "nobody"})
    with socket.create_server(("127.0.0.1", 0)) as silent, ExitStack() as stack:
        mute = f"node.exchange.endpoint=http://127.0.0.1:{silent.getsockname()[1]}"
        down = "node.exchange.endpoint=http://127.0.0.1:9"
        cases: Mapping[str, tuple[Reachable, str, str]] = {
            "silent": (venue, mute, "connect timeout"),
            "down": (venue, down, "Cannot connect to host 127.0.0.1:9"),
            "unlisted": (venue, 'data.instruments=["DOGEUSDT-PERP.BITGET"]', "DOGEUSDT-PERP"),
            "keys": (wrong, "node.speed=300", "Invalid ACCESS_KEY"),
        }
        nodes = {}
        for name, (place, case, _) in cases.items():
            secs = 3 if name == "silent" else 15  # what answers has time to say what is wrong
            told = (f"node.connect_secs={secs}", "node.warm_up=none", "node.settle_secs=1", case)
            made = LiveNode(place, "bitget", tmp_path / name, catalog=Path("x"), settings=told)
            nodes[name] = stack.enter_context(made)
            made.start()
        for name, node in nodes.items():
            assert node.wait() == 1, name
            last = node.log.read_text().splitlines()[-1]
            assert last.startswith("The node failed: "), last
            assert cases[name][2] in last
