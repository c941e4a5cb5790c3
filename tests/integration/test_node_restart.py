"""A node that is killed at any moment goes on where it was, as the venue has it."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.catalogs import sample_folder
from tests.harness.live_looks import journal, trading
from tests.harness.live_node import LiveNode, played
from tests.venue.played_process import PlayedVenue

# `Any` in this module: a venue's truth is JSON of every shape


@pytest.fixture(scope="module")
def catalog() -> Path:
    return sample_folder()


@pytest.fixture
def venue(catalog: Path) -> Iterator[PlayedVenue]:
    with played("bitget", catalog) as opened:
        yield opened


@pytest.fixture
def node(venue: PlayedVenue, catalog: Path, tmp_path: Path) -> Iterator[LiveNode]:
    """Run a node that holds a protected position of everything: it begins nothing more."""
    with trading(venue, catalog, tmp_path / "node") as made:
        yield made


def held(truth: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: row["base"] for name, row in truth["positions"].items() if float(row["base"]) != 0
    }


def fired(truth: Mapping[str, Any]) -> set[str]:
    return {order["client_id"] for order in truth["orders"] if order["status"] == "fired"}


def test_it_takes_its_plans_up_after_a_kill_and_closes_them_when_told(
    node: LiveNode, venue: PlayedVenue
) -> None:
    node.kill()
    before = held(venue.truth())
    assert before
    node.start("--set", "node.at_stop=flatten")
    plans = node.until(lambda s: node.plans(s), "its plans")
    known = {f"{name}.BITGET" for name in before}
    assert known <= set(plans)
    assert node.stop() == 0, node.log.read_text()
    after = venue.truth()
    assert held(after) == {}
    assert after["open_orders"] == []
    ids = [order["client_id"] for order in after["orders"]]
    assert len(ids) == len(set(ids))


def test_a_stop_that_fired_while_it_was_down_is_understood(
    node: LiveNode, venue: PlayedVenue
) -> None:
    node.kill()
    truth = venue.truth()
    before = fired(truth)
    stop = next(order for order in truth["open_orders"] if order["trigger_price"] is not None)
    venue.spike(stop["instrument"], stop["trigger_price"])
    gone = fired(venue.truth()) - before
    assert gone
    node.start("--set", "node.at_stop=flatten", "--set", "decision.min_confidence=1")
    node.until(lambda s: s["state"] == "running", "a start")
    assert node.stop() == 0, node.log.read_text()
    records = [each for each in journal(node) if each["kind"] in ("fill", "health")]
    missed = {each["order_id"] for each in records if each["kind"] == "fill"}
    assert gone <= missed
    assert "position vanished" not in {each.get("state") for each in records}
    after = venue.truth()
    assert held(after) == {}
    assert after["open_orders"] == []
