"""One node on two venues at once: plans of each, a kill, a halt of all, and nothing left open."""

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from backtests.replay import replay
from live.executor import Executor
from tests.catalogs import sample_folder
from tests.harness.live_looks import exposed, journal
from tests.harness.live_node import PROJECT, LiveNode, played
from tests.venue.played_process import PlayedVenue

# `Any` in this module: a venue's truth and a node's status are JSON of every shape

AMOUNTS = {
    "BTCUSDT-PERP.BITGET": Decimal("0.01"),
    "ETHUSDT-PERP.BITGET": Decimal("0.1"),
    "BTCUSDT-PERP.GATE": Decimal("0.01"),
    "SOLUSDT-PERP.GATE": Decimal(2),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Both:
    """Two venues, as a node reaches them."""

    bitget: PlayedVenue
    gate: PlayedVenue

    @property
    def url(self) -> str:
        """Give the address of the first; the settings name both."""
        return self.bitget.url

    @property
    def environment(self) -> dict[str, str]:
        """Give the keys of both."""
        return {**self.bitget.environment, **self.gate.environment}

    @property
    def settings(self) -> tuple[str, ...]:
        """Say where both are, and what is traded there, by programs outside alone."""
        rows = [{"name": "bitget", "endpoint": self.bitget.url}]
        rows += [{"name": "gate", "endpoint": self.gate.url}]
        return (
            "node.exchange=null",
            "node.warm_up=none",
            f"node.venues={json.dumps(rows)}",
            f"data.instruments={json.dumps(list(AMOUNTS))}",
            "decision.min_confidence=1",
        )


@pytest.fixture
def both() -> Iterator[Both]:
    """Open two exchanges that play the same bars."""
    catalog = sample_folder()
    with played("bitget", catalog) as bitget, played("gate", catalog) as gate:
        yield Both(bitget=bitget, gate=gate)


def held(venue: PlayedVenue) -> dict[str, str]:
    rows = venue.truth()["positions"]
    return {name: row["base"] for name, row in rows.items() if float(row["base"])}


@contextmanager
def trading(both: Both) -> Iterator[LiveNode]:
    """Run a node until it holds a protected position of everything."""
    with (
        tempfile.TemporaryDirectory(prefix="sv") as name,  # a socket's path must be short
        LiveNode(
            both, "bitget", Path(name), catalog=sample_folder(), settings=both.settings
        ) as node,
    ):
        node.start()
        node.until(lambda s: s["state"] == "running", "a start")
        with Executor(node.folder / "state", timeout_secs=60) as client:
            node.until(lambda _: all(x["mark_price"] for x in client.fetch_positions()), "prices")
            for symbol, amount in AMOUNTS.items():
                client.place_order("", symbol, "market", "buy", amount)
        node.until(lambda s: holds_all(node, s), "a protected position of everything")
        yield node


def holds_all(node: LiveNode, status: Mapping[str, Any]) -> bool:
    active = {name for name, plan in node.plans(status).items() if plan["state"] == "ACTIVE"}
    return active == set(AMOUNTS) and not exposed(status)


def test_a_node_trades_on_two_venues_and_takes_the_plans_of_both_up_after_a_kill(
    both: Both,
) -> None:
    with trading(both) as node:
        assert (len(held(both.bitget)), len(held(both.gate))) == (2, 2)
        node.kill()
        node.start("--set", "node.at_stop=flatten")
        status = node.until(lambda s: s if holds_all(node, s) else None, "its plans")
        assert [len(account["plans"]) for account in status["accounts"]] == [2, 2]
        assert node.stop() == 0, node.log.read_text()
        states = {each.get("state") for each in journal(node) if each["kind"] == "health"}
        assert "position vanished" not in states
        # With programs' orders, two strategies, a kill and a restart
        again = [replay(run) for run in sorted((node.folder / "runs").iterdir())]
        assert [(each.parted, each.held.first) for each in again if not each.is_same] == []
        assert again[0].held.counts["ruling"] == len(AMOUNTS)
    for venue in (both.bitget, both.gate):
        truth = venue.truth()
        ids = [order["client_id"] for order in truth["orders"]]
        assert (held(venue), truth["open_orders"], len(ids)) == ({}, [], len(set(ids)))


def test_a_halt_is_done_when_every_venue_is_flat(both: Both) -> None:
    with trading(both) as node:
        told = subprocess.run(
            [sys.executable, "live/halt.py", *node.words, "--flatten", "--json"],
            cwd=PROJECT,
            env=node.environment,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert told.returncode == 0, told.stdout + told.stderr
        assert set(json.loads(told.stdout)["venues"]) == {"BITGET", "GATE"}
        assert (held(both.bitget), held(both.gate)) == ({}, {})
        assert node.stop() == 0, node.log.read_text()
