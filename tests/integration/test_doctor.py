"""The doctor at a local exchange, in each dialect: what is well, and each case that is not."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

import pytest

from ccxt_nt.natives import native_keys
from ccxt_nt.values import Product
from live import doctor
from live.doctoring.finding import Level
from tests.integration.doctored import coins, examined, levels, tree_for
from tests.llm.answers import Hang, error
from tests.llm.asking import KEY, spec_for
from tests.llm.server import LlmServer
from tests.venue.clock import VenueClock
from tests.venue.dialects import spoken
from tests.venue.local import LocalVenue
from tests.venue.wire import Keys

DIALECTS = ("bitget", "kucoin", "gate")
KINDS = [(dialect, product) for dialect in DIALECTS for product in ("linear", "spot")]
ALL = {
    *("engine", "disk", "state", "model", "language model", "clock", "stops"),
    *("instrument", "fees", "balance", "keys", "position mode", "size"),
}


@pytest.fixture(params=DIALECTS)
def dialect(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def venue(dialect: str) -> Iterator[LocalVenue]:
    with LocalVenue(dialect) as opened:
        yield opened


@pytest.mark.parametrize(("name", "product"), KINDS)
def test_a_venue_that_is_well_has_every_check_and_nothing_red_but_its_own_limits(
    name: str, product: str, tmp_path: Path
) -> None:
    with LocalVenue(name) as opened:
        environ = opened.environment
        found = examined(tree_for(opened, name, tmp_path, product=product), environ)
        writes = [each for each in opened.requests if each.method != "GET"]
    assert set(found) >= ALL | (set() if product == "spot" else {"margin", "leverage"})
    red = {name for name in found if Level.RED in levels(found, name)}
    # Spot of Gate, where a trigger sends no market order
    limits = {"stops"} if (name, product) == ("gate", "spot") else set()
    assert red == limits, [each for name in red for each in found[name]]
    assert levels(found, "keys") == {Level.OK}
    assert levels(found, "clock") == {Level.OK}
    assert not writes, "the doctor only reads"
    told = json.dumps([each.fields for rows in found.values() for each in rows])
    assert [value for value in environ.values() if len(value) > 4 and value in told] == []


def test_keys_that_are_not_there_or_wrong_are_red(
    venue: LocalVenue, dialect: str, tmp_path: Path
) -> None:
    tree = tree_for(venue, dialect, tmp_path)
    missing = examined(tree, {})
    (finding,) = missing["keys"]
    assert (finding.level, "API_KEY" in finding.text) == (Level.RED, True)
    assert levels(missing, "clock") == {Level.OK}  # what needs no keys is asked all the same
    assert "balance" not in missing
    wrong = {name: f"{value}-wrong" for name, value in venue.environment.items()}
    refused = examined(tree, wrong)
    (finding,) = refused["keys"]
    assert (finding.level, "refuses the keys" in finding.text) == (Level.RED, True)
    assert not any(value in finding.text for value in wrong.values())


@pytest.mark.parametrize(
    ("rights", "words"),
    [
        ({"may_withdraw": True}, "the key may withdraw"),
        ({"may_transfer": True}, "the key may transfer"),
        ({"may_withdraw": True, "may_transfer": True}, "the key may withdraw"),
        ({"may_trade": False}, "the key may not trade"),
    ],
)
def test_a_key_that_may_do_too_much_or_too_little_is_red(
    dialect: str, rights: dict[str, Any], words: str, tmp_path: Path
) -> None:
    with LocalVenue(dialect, keys=Keys(**rights)) as opened:
        found = examined(tree_for(opened, dialect, tmp_path), opened.environment)
    (finding,) = found["keys"]
    assert (finding.level, words in finding.text) == (Level.RED, True), finding


@pytest.mark.parametrize(
    ("skew_ms", "level"), [(-1_200, Level.WARN), (3_000, Level.RED), (60_000, Level.RED)]
)
def test_a_skewed_clock_is_told_and_hides_nothing_else(
    dialect: str, skew_ms: int, level: Level, tmp_path: Path
) -> None:
    with LocalVenue(dialect, clock=VenueClock(skew_ms=skew_ms)) as opened:
        found = examined(tree_for(opened, dialect, tmp_path), opened.environment)
    (finding,) = found["clock"]
    assert finding.level is level
    assert abs(int(finding.evidence["ahead_ms"]) - skew_ms) < 1_100  # Gate tells whole ms too
    assert levels(found, "balance") == {Level.OK}


def test_hedge_mode_is_red(venue: LocalVenue, dialect: str, tmp_path: Path) -> None:
    tree = tree_for(venue, dialect, tmp_path)
    assert levels(examined(tree, venue.environment), "position mode") == {Level.OK}
    venue.call(lambda exchange: setattr(exchange, "hedged", True))
    assert levels(examined(tree, venue.environment), "position mode") == {Level.RED}


def test_a_balance_below_the_capital_is_red(dialect: str, tmp_path: Path) -> None:
    with LocalVenue(dialect, balances=coins(9_999)) as opened:
        found = examined(tree_for(opened, dialect, tmp_path), opened.environment)
    (finding,) = found["balance"]
    assert (finding.level, finding.evidence["total"].split(".")[0]) == (Level.RED, "9999")


def test_a_minimum_above_any_position_is_red(dialect: str, tmp_path: Path) -> None:
    field = "lot" if dialect == "kucoin" else "min_quantity"  # whose one lot is its minimum
    listings = []
    for each in spoken(dialect).listings:
        ten_coins: dict[str, Any] = {field: 10 / each.contract_size}
        listings.append(replace(each, **ten_coins))
    with LocalVenue(dialect, listings=listings) as opened:
        found = examined(tree_for(opened, dialect, tmp_path), opened.environment)
    (finding,) = found["size"]
    assert (finding.level, "never large enough" in finding.text) == (Level.RED, True), finding


def test_an_account_too_small_for_one_lot_is_red(dialect: str, tmp_path: Path) -> None:
    with LocalVenue(dialect, balances=coins(20)) as opened:
        tree = tree_for(opened, dialect, tmp_path) | {"capital": 1}
        found = examined(tree, opened.environment)
    assert levels(found, "balance") == {Level.OK}
    assert levels(found, "size") == {Level.RED}


def test_an_instrument_that_is_not_listed_is_red(
    venue: LocalVenue, dialect: str, tmp_path: Path
) -> None:
    tree = tree_for(venue, dialect, tmp_path)
    tree["data"] = {"instruments": [f"NONEUSDT-PERP.{dialect.upper()}"]}
    found = examined(tree, venue.environment)
    (finding,) = found["instrument"]
    assert (finding.level, "not listed" in finding.text) == (Level.RED, True)


def test_a_venue_that_is_down_is_red_and_ends_the_questions(dialect: str, tmp_path: Path) -> None:
    with LocalVenue(dialect) as opened:
        tree, environ = tree_for(opened, dialect, tmp_path), opened.environment
    found = examined(tree, environ)
    (finding,) = found["venue"]
    assert (finding.level, "does not answer" in finding.text) == (Level.RED, True)
    assert "balance" not in found


def test_named_leverage_and_margin_mode_are_told_before_they_are_set(tmp_path: Path) -> None:
    with LocalVenue("bitget") as opened:
        tree = tree_for(opened, "bitget", tmp_path)
        link = tree["node"]["venues"][0]
        link |= {"margin_mode": "isolated", "leverage": {"BTCUSDT-PERP": 5}}
        found = examined(tree, opened.environment)
        assert "will set 5 at its start" in found["leverage"][0].text
        assert "will switch it to isolated" in found["margin"][0].text
        link["leverage"] = {"BTCUSDT-PERP": 151}
        assert levels(examined(tree, opened.environment), "leverage") == {Level.RED}


def test_paper_needs_neither_keys_nor_an_account(
    venue: LocalVenue, dialect: str, tmp_path: Path
) -> None:
    tree = tree_for(venue, dialect, tmp_path) | {"mode": "paper"}
    found = examined(tree, {})
    assert levels(found, "keys") == {Level.OK}
    assert "balance" not in found
    assert "size" in found


@pytest.mark.parametrize("mode", ["paper", "demo"])
def test_of_a_native_venue_it_says_what_only_the_engine_can_ask(mode: str, tmp_path: Path) -> None:
    tree: dict[str, Any] = {
        "mode": mode,
        "runs": f"{tmp_path}",
        "predictor": "baseline",
        "data": {"instruments": ["BTCUSDT-PERP.BINANCE"]},
        "node": {"venues": [{"name": "binance"}], "state": f"{tmp_path}"},
    }
    found = examined(tree, {})
    assert levels(found, "keys") == {Level.OK if mode == "paper" else Level.RED}
    assert levels(found, "balance") == {Level.UNKNOWN}
    assert "asked by the engine's own client at the start" in found["balance"][0].text


_BUILT: Final = """
import sys
from nautilus_trader.common import Environment, LoggerConfig
from nautilus_trader.live import LiveNode
from nautilus_trader.model import TraderId
from ccxt_nt import clients_for
builder = LiveNode.builder("KEYS", TraderId("KEYS-001"), Environment.LIVE)
builder = builder.with_logging(LoggerConfig(bypass_logging=True))
clients_for(sys.argv[1], demo=sys.argv[2] == "True").add_execution_to(builder).build()
"""


@pytest.mark.parametrize(
    ("name", "demo"),
    [
        *(("binance", True), ("bybit", True), ("okx", False)),
        *(("dydx", False), ("hyperliquid", True)),
    ],
)
def test_the_keys_asked_for_are_those_that_the_engines_own_client_wants(
    name: str, demo: bool
) -> None:
    names = native_keys(name, Product.LINEAR, demo=demo)

    def build(wanted: tuple[str, ...]) -> int:
        bare = {key: value for key, value in os.environ.items() if name.upper() not in key}
        return subprocess.run(
            [sys.executable, "-c", _BUILT, name, f"{demo}"],
            env=bare | dict.fromkeys(wanted, f"0x{'1' * 64}"),
            capture_output=True,
            timeout=200,
            check=False,
        ).returncode

    assert build(names) == 0
    assert build(names[:-1]) != 0


# ---------------------------------------------------------------- language models


def supervised(server: LlmServer, **changes: Any) -> dict[str, Any]:
    names = ("name", "protocol", "model", "base_url", "key_env")
    specs = [spec_for(server, name="first"), spec_for(server, name="second", **changes)]
    return {
        "source": "live",
        "deadline_secs": 6,
        "providers": [{each: f"{getattr(spec, each)}" for each in names} for spec in specs],
        "budget": {"prices": {"qwen-max": {"tokens_in": 1, "tokens_out": 1}}},
    }


def reviewed(server: LlmServer, venue: LocalVenue, tmp_path: Path, key: str) -> Any:
    tree = tree_for(venue, "bitget", tmp_path) | {"supervisor": supervised(server)}
    return examined(tree, venue.environment | {"LLM_KEY": key})["language model"]


def test_language_models_are_asked_one_small_thing_each(tmp_path: Path) -> None:
    with LocalVenue("bitget") as venue, LlmServer('{"ok": true}', key=KEY) as server:
        found = reviewed(server, venue, tmp_path, KEY)
        assert [each.level for each in found] == [Level.OK, Level.OK]
        assert len(server.asked) == 2
        assert all(each.body["max_tokens"] <= 32 for each in server.asked)
        (missing, *_) = reviewed(server, venue, tmp_path, "")
        assert (missing.level, "LLM_KEY is not set" in missing.text) == (Level.RED, True)


def test_one_language_model_that_answers_is_enough_and_none_is_red(tmp_path: Path) -> None:
    with LocalVenue("bitget") as venue, LlmServer(error(500), '{"ok": true}') as server:
        found = reviewed(server, venue, tmp_path, KEY)
        assert [each.level for each in found] == [Level.WARN, Level.OK]
        server.then(Hang())
        found = reviewed(server, venue, tmp_path, KEY)
        assert [each.level for each in found] == [Level.WARN, Level.WARN, Level.RED]
        assert not any(KEY in each.text for each in found)


# ---------------------------------------------------------------- the command


def test_the_command_tells_a_table_or_json_and_ends_with_one_where_something_is_red(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with LocalVenue("bitget", balances=coins(5_000)) as opened:
        for name, value in opened.environment.items():
            monkeypatch.setenv(name, value)
        path = tmp_path / "node.json"  # which is YAML too
        path.write_text(json.dumps(tree_for(opened, "bitget", tmp_path)), encoding="utf-8")
        assert doctor.main(["--config", f"{path}"]) == 1
        told = capsys.readouterr().out
        assert "red    balance " in told
        assert told.rstrip().endswith("1 red: do not trade.")
        assert doctor.main(["--config", f"{path}", "--set", "capital=5000", "--json"]) == 0
        report = json.loads(capsys.readouterr().out)
    assert (report["red"], report["mode"]) == (0, "demo")
    (balance,) = [each for each in report["checks"] if each["name"] == "balance"]
    assert Decimal(balance["evidence"]["total"]) == 5_000
