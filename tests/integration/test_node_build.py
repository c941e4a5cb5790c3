"""A node is built without a network for every venue, the engine's own clients included."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]
KEYS = {
    "BINANCE_FUTURES_TESTNET_API_KEY": "key",
    "BINANCE_FUTURES_TESTNET_API_SECRET": "c2VjcmV0",
    "BYBIT_DEMO_API_KEY": "key",
    "BYBIT_DEMO_API_SECRET": "secret",
    "DYDX_TESTNET_PRIVATE_KEY": "1" * 64,
    "HYPERLIQUID_TESTNET_PK": "0x" + "1" * 64,
    **{f"{venue}_API_{part}": "x" for venue in ("OKX", "BITGET") for part in ("KEY", "SECRET")},
    **{f"{venue}_API_PASSPHRASE": "x" for venue in ("OKX", "BITGET")},
}
CASES = [
    *(
        (venue, mode)
        for venue in ("binance", "okx", "bybit", "dydx", "hyperliquid", "bitget")
        for mode in ("paper", "demo")
    ),
    ("binance,bitget", "paper"),
    ("okx,bitget", "demo"),
]


@pytest.fixture(scope="module")
def answers() -> dict[tuple[str, str], str]:
    lines = [json.dumps([venues.split(","), mode]) for venues, mode in [*CASES, ("gate", "demo")]]
    done = subprocess.run(
        [sys.executable, "-m", "tests.harness.built_node"],
        input="\n".join(lines),
        cwd=PROJECT,
        env={**os.environ, **KEYS},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    told = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip([*CASES, ("gate", "demo")], told, strict=True))


@pytest.mark.parametrize(("venues", "mode"), CASES, ids=lambda word: word)
def test_a_node_is_built_offline(
    answers: dict[tuple[str, str], str], venues: str, mode: str
) -> None:
    assert answers[venues, mode] == f"{venues.count(',') + 1} built"


def test_a_key_that_is_missing_is_said_in_one_sentence(answers: dict[tuple[str, str], str]) -> None:
    assert "GATE_API_KEY" in answers["gate", "demo"]
