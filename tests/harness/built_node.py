"""Builds live nodes without a network, one after the other: python -m tests.harness.built_node."""

import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Final

from live.errors import NodeError
from live.node import Parts, build
from live.venues import links_of
from morningstar_strategy.core.records import Record
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.store import StateStore

INSTRUMENTS: Final = {
    "binance": "BTCUSDT-PERP.BINANCE",
    "bitget": "BTCUSDT-PERP.BITGET",
    "bybit": "BTCUSDT-LINEAR.BYBIT",
    "dydx": "BTC-USD-PERP.DYDX",
    "gate": "BTCUSDT-PERP.GATE",
    "hyperliquid": "BTC-USD-PERP.HYPERLIQUID",
    "kucoin": "BTCUSDT-PERP.KUCOIN",
    "okx": "BTC-USDT-SWAP.OKX",
}


class _Nowhere:
    """Keeps nothing: the node never runs."""

    def append(self, record: Record) -> None:
        raise AssertionError(f"a node that does not run wrote {record}")


def settings_for(venues: list[str], mode: str) -> Settings:
    """Trade one instrument at each venue."""
    return Settings.model_validate(
        {
            "mode": mode,
            "predictor": "baseline",
            "journal": {"bars": True},
            "data": {"instruments": [INSTRUMENTS[venue] for venue in venues]},
            "node": {"venues": [{"name": venue} for venue in venues]},
        }
    )


def told(venues: list[str], mode: str, folder: Path) -> str:
    """Build a node, and tell how many strategies it has or why it cannot be built."""
    settings = settings_for(venues, mode)
    with StateStore(folder / f"{'-'.join(venues)}-{mode}.sqlite", account="test") as store:
        try:
            parts = Parts(
                links=links_of(settings, None),
                store=store,
                journal=_Nowhere(),
                journal_fault=str,
                logs=folder,
                now_ns=time.time_ns(),
                armed_ns=time.time_ns(),
            )
            return f"{len(build(settings, parts).components)} built"
        except NodeError as e:
            return f"{e}"


def main() -> None:
    """Build what the lines of standard input ask for: [[venue, ...], mode]."""
    with tempfile.TemporaryDirectory() as folder:
        for line in sys.stdin:
            venues, mode = json.loads(line)
            sys.stdout.write(json.dumps(told(venues, mode, Path(folder))) + "\n")
            sys.stdout.flush()
    os._exit(0)  # the engine's nodes never ran, and would wait for it


if __name__ == "__main__":
    main()
