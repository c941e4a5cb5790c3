"""Paper trading: a venue's live data through real sockets, fills of the node's own."""

from decimal import Decimal
from pathlib import Path

from tests.catalogs import sample_folder
from tests.harness.live_looks import journal
from tests.harness.live_node import EAGER, LiveNode, played


def test_paper_trades_on_a_venues_data_and_sends_it_nothing(tmp_path: Path) -> None:
    catalog = sample_folder()
    costs = ("venue.taker_fee_percent=0.06", "venue.slippage_percent=0.02")
    settings = (*EAGER, *costs, "mode=paper")
    with (
        played("gate", catalog) as venue,
        LiveNode(venue, "gate", tmp_path / "node", catalog=catalog, settings=settings) as node,
    ):
        node.start()
        node.until(lambda s: "ACTIVE" in {p["state"] for p in node.plans(s).values()}, "a plan")
        node.until(lambda s: not any(a["exposed"] for a in s["accounts"]), "its stop")
        assert node.stop() == 0, node.log.read_text()
        assert venue.truth()["orders"] == []
    fills = [record for record in journal(node) if record["kind"] == "fill"]
    taken = [fill for fill in fills if fill["liquidity"] == "TAKER"]
    assert taken
    for fill in taken:  # the engine's money has eight decimals
        assert abs(Decimal(fill["fee"]) - 3 * Decimal(fill["slippage"])) < Decimal("1e-7")
        assert Decimal(fill["slippage"]) > 0
