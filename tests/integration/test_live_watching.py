"""A node on real sockets keeps what is open protected, whatever a person or the venue does."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

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
    journal,
    locked,
    of_entries,
    plan_of,
    stops,
    trading,
    within,
)
from tests.harness.live_node import BASES, LiveNode, played
from tests.venue.played_process import PlayedVenue


@pytest.fixture(scope="module")
def catalog() -> Path:
    return sample_folder()


@pytest.fixture
def venue(catalog: Path) -> Iterator[PlayedVenue]:
    with played("bitget", catalog) as opened:
        yield opened


# ---------------------------------------------------------------- a person at the venue


def test_what_a_person_does_at_the_venue_is_mended_and_a_stop_keeps_every_stop(
    venue: PlayedVenue, catalog: Path, tmp_path: Path
) -> None:
    with trading(venue, catalog, tmp_path / "node") as node:
        _a_cancelled_stop_is_back(venue, id_of("BTC"))
        _what_a_person_adds_is_closed(venue, id_of("ETH"))
        _what_a_person_closes_ends_its_plan(venue, node, "SOL")
        resting = _a_person_rests_an_order(venue, id_of("BNB"))
        node.until(lambda s: not exposed(s), "everything protected")
        assert node.stop() == 0, node.log.read_text()
        truth = venue.truth()
        assert all(covered(truth, id_of(base)) for base in BASES)
        assert any(held(truth, id_of(base)) for base in BASES)
        entries = [order for order in truth["open_orders"] if not order["reduce_only"]]
        assert [order["order_id"] for order in entries] == [resting]
        said = {r["state"] for r in journal(node) if r["kind"] == "health"}
        assert {"stray fill", "unplanned position"} <= said
        status = node.status()
        assert status is not None
        assert status["longest_unprotected_secs"] <= PROMISED_SECS
        assert status["faults"] == []


def _a_cancelled_stop_is_back(venue: PlayedVenue, name: str) -> None:
    (stop,) = stops(venue.truth(), name)
    venue.cancel(stop["order_id"])
    within(venue, lambda truth: covered(truth, name), "the stop", PROMISED_SECS)


def _what_a_person_adds_is_closed(venue: PlayedVenue, name: str) -> None:
    planned = held(venue.truth(), name)
    side = "buy" if planned > 0 else "sell"
    venue.manual_trade(at_venue(name), side, abs(planned))

    def is_even(truth: Row) -> bool:
        return held(truth, name) == planned and covered(truth, name)

    within(venue, is_even, "the planned position alone, with its stop")
    time.sleep(1.0)  # were it closed twice, the plan's own part would go now
    assert is_even(venue.truth())


def _what_a_person_closes_ends_its_plan(venue: PlayedVenue, node: LiveNode, base: str) -> None:
    name = id_of(base)
    before = plan_of(node, base)
    ours = {order["order_id"] for order in venue.truth()["open_orders"]}
    close_by_hand(venue, name)

    def is_over(status: Row) -> bool:
        plan = node.plans(status).get(name)
        return plan is None or plan["order_id"] != before

    node.until(is_over, "the plan's end")

    def is_clean(truth: Row) -> bool:
        rest = [o for o in truth["open_orders"] if o["instrument"] == at_venue(name)]
        return not ours & {order["order_id"] for order in rest}

    within(venue, is_clean, "no order of the plan that ended")


def _a_person_rests_an_order(venue: PlayedVenue, name: str) -> str:
    price = float(venue.truth()["prices"][at_venue(name)]) * 0.6
    order = venue.manual_trade(at_venue(name), "buy", 1, price=f"{price:.2f}")
    return str(order["order_id"])


# ---------------------------------------------------------------- what stands in the way


def test_nothing_is_begun_while_disk_data_or_venue_are_not_well_and_a_stop_can_flatten(
    venue: PlayedVenue, catalog: Path, tmp_path: Path
) -> None:
    with trading(venue, catalog, tmp_path / "node", "node.at_stop=flatten") as node:
        for database, source, base in (
            ("journal.sqlite", "journal", "BTC"),
            ("state.sqlite", "store", "ETH"),
        ):
            _a_locked_disk_hinders_and_is_forgiven(venue, node, database, source, base)
        _data_that_ends_hinders(venue, node)
        _a_venue_that_is_not_seen_hinders(venue, node)
        assert node.stop() == 0, node.log.read_text()
        truth = venue.truth()
        assert not any(held(truth, id_of(base)) for base in BASES)
        assert truth["open_orders"] == []
        records = journal(node)
        fills = [record["ts_event"] for record in records if record["kind"] == "fill"]
        marks = [record["ts_event"] for record in records if record["kind"] == "equity"]
        assert marks[-1] >= fills[-1]
        status = node.status()
        assert status is not None
        assert status["faults"] == []


def _a_locked_disk_hinders_and_is_forgiven(
    venue: PlayedVenue, node: LiveNode, database: str, source: str, base: str
) -> None:
    name = id_of(base)
    with locked(node.folder / "state" / database):
        if source == "journal":
            node.until(lambda s: source in hindrances(s), f"{source} hinders")
        close_by_hand(venue, name)
        node.until(lambda s: source in hindrances(s), f"{source} hinders")
        node.until(lambda s: name not in node.plans(s), "no plan any more")
        entries = len(of_entries(venue.truth(), name))
        time.sleep(2.5)  # two bars on which it would enter
        assert len(of_entries(venue.truth(), name)) == entries
    node.until(lambda s: not hindrances(s), f"{source} is well again")
    node.until(lambda s: holds_all(node, s), "a new plan")


def _data_that_ends_hinders(venue: PlayedVenue, node: LiveNode) -> None:
    venue.add_faults({"kind": "stream_silent", "where": "trades"})
    node.until(lambda s: "data" in hindrances(s), "old data hinders")
    venue.drop("public")
    node.until(lambda s: not hindrances(s), "the data is well again")


def _a_venue_that_is_not_seen_hinders(venue: PlayedVenue, node: LiveNode) -> None:
    venue.add_faults({"kind": "drop_request", "count": None})
    venue.drop()
    node.until(lambda s: "venue" in hindrances(s), "a blind venue hinders")
    venue.calm()
    node.until(lambda s: not hindrances(s), "the venue is seen again")
