"""Names of venues lead to the right clients, also those that are not ours."""

import json
import os
import subprocess
import sys

import pytest

from ccxt_nt.names import clients_for
from ccxt_nt.natives import NATIVES

# Keys of nobody, under the names that the engine's own clients read
DUMMY_KEYS = {
    "BINANCE_API_KEY": "key",
    "BINANCE_API_SECRET": "secret",
    "OKX_API_KEY": "key",
    "OKX_API_SECRET": "secret",
    "OKX_API_PASSPHRASE": "pass",
    "BYBIT_API_KEY": "key",
    "BYBIT_API_SECRET": "secret",
    "DYDX_PRIVATE_KEY": "0x" + "1" * 64,
    "DYDX_WALLET_ADDRESS": "dydx1qqqq",
    "HYPERLIQUID_PK": "0x" + "1" * 64,
}
# Every request of the started node ends at a closed local port
NOWHERE = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), "http://127.0.0.1:9")
START = """
import json
import sys
from ccxt_nt.names import clients_for
from nautilus_trader.common import Environment, LoggerConfig
from nautilus_trader.live import LiveNode
from nautilus_trader.model import TraderId

builder = LiveNode.builder("N", TraderId("T-001"), Environment.LIVE).with_timeout_connection(1)
builder = builder.with_logging(LoggerConfig(bypass_logging=True))
clients = clients_for(sys.argv[1], **json.loads(sys.argv[2]))
node = clients.add_to(builder).build()
print("built")
try:
    node.run()
except RuntimeError as e:
    print("ended:", e)
    print("why:")
    for reason in clients.failures:
        print(reason)
"""


def test_a_venue_of_the_engine_gets_the_engines_own_clients_which_start() -> None:
    nodes = {
        venue: subprocess.Popen(
            [sys.executable, "-c", START, venue, "{}"],
            env=os.environ | DUMMY_KEYS | NOWHERE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for venue in NATIVES
    }
    try:
        for venue, node in nodes.items():
            said, noise = node.communicate(timeout=200)
            assert said.startswith("built\nended: "), f"{venue}: {noise}"
            assert "timeout" in said, venue
    finally:
        for node in nodes.values():
            node.kill()
            node.communicate()


def test_why_a_node_did_not_start_can_be_read_although_the_engine_does_not_say_it() -> None:
    options = json.dumps({"endpoint": "http://127.0.0.1:9", "product": "spot"})
    keys = {f"BITGET_API_{name}": "canary" for name in ("KEY", "SECRET", "PASSPHRASE")}
    said = subprocess.run(
        [sys.executable, "-c", START, "bitget", options],
        env=os.environ | keys,
        capture_output=True,
        text=True,
        timeout=200,
        check=True,
    ).stdout
    ended, _, why = said.partition("why:\n")
    assert "ended: " in ended
    assert "127.0.0.1:9" not in ended
    assert "Cannot connect to host 127.0.0.1:9" in why
    assert "canary" not in said


def test_a_name_may_be_written_in_any_case() -> None:
    assert clients_for("Binance").name == "BINANCE"


def test_serum_is_refused_with_the_truth() -> None:
    with pytest.raises(ValueError, match=r"'Serum' cannot be traded: .*defunct in November 2022"):
        clients_for("Serum")


def test_an_unknown_product_is_named() -> None:
    with pytest.raises(ValueError, match="product must be one of spot, linear, was 'margin'"):
        clients_for("okx", product="margin")


def test_spot_on_a_venue_of_perpetuals_is_refused() -> None:
    with pytest.raises(ValueError, match="'spot' is not traded on dydx"):
        clients_for("dydx", product="spot")


def test_an_option_of_ours_is_not_silently_dropped_for_a_native_client() -> None:
    with pytest.raises(ValueError, match="option 'endpoint' is not one of NautilusTrader's own"):
        clients_for("binance", endpoint="http://127.0.0.1:1")
