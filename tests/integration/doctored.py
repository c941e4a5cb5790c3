"""Settings of a node at a local venue, and what the doctor finds there."""

import time
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from live.doctoring.examine import examine
from live.doctoring.finding import Finding, Level
from morningstar_strategy.settings.schema import Settings
from tests.venue.local import LocalVenue
from tests.venue.model import Product

# Base, quote and contract of what each dialect lists by itself; where that is not one coin the
# doctor says so, which is a finding of its own
NAMES: Final[Mapping[str, str]] = {"linear": "BTCUSDT-PERP", "spot": "BTCUSDT"}


def tree_for(
    venue: LocalVenue, dialect: str, tmp_path: Path, *, product: str = "linear", **node: Any
) -> dict[str, Any]:
    """Give settings of mode demo that trade one instrument at a local venue."""
    link = {"name": dialect, "endpoint": venue.url, "product": product}
    return {
        "mode": "demo",
        "capital": 10_000,
        "runs": f"{tmp_path / 'runs'}",
        "data": {"instruments": [f"{NAMES[product]}.{dialect.upper()}"]},
        "venue": {"maker_fee_percent": None, "taker_fee_percent": None},
        "predictor": {"kind": "baseline", "allow_no_edge": True},
        "node": {"venues": [link], "state": f"{tmp_path / 'state'}", **node},
    }


def examined(tree: Mapping[str, Any], environ: Mapping[str, str]) -> dict[str, tuple[Finding, ...]]:
    """Run the doctor; give its findings by name."""
    settings = Settings.model_validate(tree)
    found = examine(settings, environ=environ, now_ns=time.time_ns())
    names = dict.fromkeys(each.name for each in found)
    return {name: tuple(each for each in found if each.name == name) for name in names}


def levels(found: Mapping[str, tuple[Finding, ...]], name: str) -> set[Level]:
    """Give the levels of the findings of a name."""
    return {each.level for each in found.get(name, ())}


def coins(amount: int) -> dict[Product, dict[str, Decimal]]:
    """Give both wallets so much money."""
    return {product: {"USDT": Decimal(amount)} for product in Product}
