"""Requests that a venue never had, and contracts that are not coins, leave no position bare."""

from decimal import Decimal
from pathlib import Path

import pytest

from tests.catalogs import sample_folder
from tests.chaos.record import gaps, longest_secs, read_rows
from tests.harness.live_looks import held, id_of, within
from tests.harness.live_node import EAGER, LiveNode, played

_BUSY = (*EAGER, "node.at_stop=flatten")


@pytest.fixture(scope="module")
def catalog() -> Path:
    return sample_folder()


@pytest.fixture(params=["gate", "kucoin"])
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_a_stop_that_the_venue_never_had_is_sent_again(
    tmp_path: Path, catalog: Path, dialect: str
) -> None:
    record, settings = tmp_path / "record.jsonl", (*_BUSY, "risk.max_open_plans=1")
    with played(dialect, catalog, record=record) as venue:
        lost = {"kind": "reset_before", "where": "order", "count": 2, "skip": 1}
        venue.add_faults(lost)
        with LiveNode(
            venue, dialect, tmp_path / "node", catalog=catalog, settings=settings
        ) as node:
            node.start()
            node.until(lambda s: node.plans(s), "a plan")
            status = node.until(
                lambda s: (
                    s["longest_unprotected_secs"] > 1 and not s["accounts"][0]["exposed"] and s
                ),
                "its second stop",
            )
            (plan,) = node.plans(status).values()
            assert plan["state"] == "ACTIVE"
            assert node.stop() == 0, node.log.read_text()
        truth = venue.truth()
    assert [each["kind"] for each in truth["faults"]] == ["reset_before"] * 2
    assert truth["open_orders"] == []
    bare = longest_secs(gap.span for gap in gaps(read_rows(record), end_ms=truth["ts_ms"]))
    assert 1 < bare < 5


def test_a_position_is_as_large_as_planned_where_a_contract_is_no_coin(
    tmp_path: Path, catalog: Path, dialect: str
) -> None:
    with played(dialect, catalog) as venue:
        sizes = {row["name"]: Decimal(row["contract_size"]) for row in venue.opening["markets"]}
        assert sizes["BTCUSDT-PERP"] < 1  # else this shows nothing
        with LiveNode(venue, dialect, tmp_path / "node", catalog=catalog, settings=_BUSY) as node:
            node.start()
            node.until(
                lambda s: any(p["state"] == "ACTIVE" for p in node.plans(s).values()), "a position"
            )
            truth = venue.truth()
            assert node.stop() == 0, node.log.read_text()
    held = [row for row in truth["positions"].values() if Decimal(row["base"])]
    assert held
    for row in held:
        notional = abs(Decimal(row["base"])) * Decimal(row["entry_price"])
        assert 100 < notional < 2_000  # of an equity of 10,000, of which 15 % are the most


@pytest.mark.parametrize("dialect", ["bitget", "kucoin"])
def test_what_a_person_opens_is_closed_also_where_no_price_was_ever_heard(
    dialect: str, catalog: Path, tmp_path: Path
) -> None:
    with (
        played(dialect, catalog) as venue,
        LiveNode(venue, dialect, tmp_path / "node", catalog=catalog) as node,
    ):
        venue.add_faults({"kind": "push_drop", "where": "trades", "count": None})
        node.start()
        node.until(lambda s: s["state"] == "running", "a start")
        venue.manual_trade("BTCUSDT-PERP", "buy", "0.02", reduce_only=False)
        within(venue, lambda truth: not held(truth, id_of("BTC")), "nothing held", secs=10)
        status = node.status()
        assert status is not None
        assert status["faults"] == []
        assert node.stop() == 0, node.log.read_text()
