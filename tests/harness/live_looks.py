"""What tests look at while a live node trades: its status, and the venue's own ledger."""

import json
import sqlite3
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

from tests.harness.live_node import BASES, EAGER, LiveNode
from tests.venue.played_process import PlayedVenue

# `Any` in this module: a venue's truth and a node's status are JSON of every shape

type Row = Mapping[str, Any]

PROMISED_SECS: Final = 5.0  # the longest that anything may be without a stop
PATIENCE_SECS: Final = 60.0


@contextmanager
def trading(
    venue: PlayedVenue,
    catalog: Path,
    folder: Path,
    *settings: str,
    program: Sequence[str] = ("live/run_node.py",),
) -> Iterator[LiveNode]:
    """Run a node until it holds a protected position in every instrument."""
    told = (*EAGER, "node.settle_secs=1", *settings)
    with LiveNode(venue, "bitget", folder, catalog=catalog, settings=told, program=program) as node:
        node.start()
        node.until(lambda s: holds_all(node, s), "a protected position of everything")
        yield node


def holds_all(node: LiveNode, status: Row) -> bool:
    plans = node.plans(status).values()
    active = [plan for plan in plans if plan["state"] == "ACTIVE"]
    return len(active) == len(BASES) and not exposed(status)


def exposed(status: Row) -> dict[str, str]:
    return {name: left for each in status["accounts"] for name, left in each["exposed"].items()}


def hindrances(status: Row) -> dict[str, str]:
    return {name: why for each in status["accounts"] for name, why in each["hindrances"].items()}


def at_venue(name: str) -> str:
    return name.removesuffix(".BITGET")


def id_of(base: str) -> str:
    return f"{base}USDT-PERP.BITGET"


def held(truth: Row, name: str) -> float:
    return float(truth["positions"].get(at_venue(name), {"base": 0})["base"])


def stops(truth: Row, name: str) -> list[Row]:
    return [
        order
        for order in truth["open_orders"]
        if order["instrument"] == at_venue(name) and order["trigger_price"] is not None
    ]


def covered(truth: Row, name: str) -> bool:
    """Say whether stops at the venue cover what the venue says is held."""
    left = sum(float(order["quantity"]) - float(order["filled"]) for order in stops(truth, name))
    return left >= abs(held(truth, name)) - 1e-9


def within(
    venue: PlayedVenue, test: Callable[[Row], object], what: str, secs: float = PATIENCE_SECS
) -> Row:
    """Look at the venue's ledger until it is so."""
    deadline = time.monotonic() + secs
    while not test(truth := venue.truth()):
        assert time.monotonic() < deadline, f"{what}: not within {secs} s"
        time.sleep(0.05)
    return truth


def journal(node: LiveNode) -> list[dict[str, Any]]:
    """Read the records of the session that ended last."""
    newest = max((node.folder / "runs").iterdir())
    text = (newest / "journal.jsonl").read_text(encoding="utf-8")
    return [json.loads(line) for line in text.splitlines()]


def plan_of(node: LiveNode, base: str) -> str:
    status = node.status()
    assert status is not None
    return str(node.plans(status)[id_of(base)]["order_id"])


def is_whole(truth: Row, name: str) -> bool:
    """Say whether the stop and the target of a position rest at the venue, and nothing else."""
    resting = [o for o in truth["open_orders"] if o["instrument"] == at_venue(name)]
    return len(resting) == 2 and covered(truth, name) and bool(held(truth, name))


def of_entries(truth: Row, name: str) -> list[Row]:
    return [
        order
        for order in truth["orders"]
        if order["instrument"] == at_venue(name) and not order["reduce_only"]
    ]


@contextmanager
def locked(database: Path) -> Iterator[None]:
    """Hold the writer's lock of a database, as a backup that hangs does."""
    with closing(sqlite3.connect(database, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        try:
            yield
        finally:
            connection.execute("ROLLBACK")


def close_by_hand(venue: PlayedVenue, name: str) -> None:
    """Close a position at the venue as a person does."""
    quantity = held(venue.truth(), name)
    side = "sell" if quantity > 0 else "buy"
    venue.manual_trade(at_venue(name), side, abs(quantity), reduce_only=True)
