"""What the doctor makes of what it was told: laws of sizes and rights, then a red case of each."""

import asyncio
import sqlite3
import subprocess
import sys
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccxt_nt.errors import Unauthorised, Unknown, VenueError
from ccxt_nt.natives import NATIVES, native_keys
from ccxt_nt.orders.looks import KeyRights, is_hedged, key_rights
from ccxt_nt.orders.terms import InForce
from ccxt_nt.profiles import Profile
from ccxt_nt.values import MarketRow, Product
from ccxt_nt.venues import PROFILES, profile
from live import doctor
from live.doctoring import machine, markets, memory
from live.doctoring.account import leverage, margin
from live.doctoring.examine import table
from live.doctoring.finding import Finding, Level, about, reds
from live.doctoring.language import language_models
from live.doctoring.model import models, verdict
from live.doctoring.natives import present
from live.doctoring.sizes import likely_sizes, size
from live.state import STATE
from morningstar_strategy.core.limits import RiskMemory
from morningstar_strategy.model.bundle import read_manifest
from morningstar_strategy.settings.node import VenueLink
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.store import StateStore
from tests.models import tiny_bundle

NAME = "BTCUSDT-PERP.BITGET"
DAY_NS = 86_400_000_000_000
BITGET = profile("BITGET", Product.LINEAR)
KUCOIN = profile("KUCOIN", Product.LINEAR)
GATE = profile("GATE", Product.LINEAR)

_amounts = st.decimals(min_value=1, max_value=10**7, places=2)
_percents = st.decimals(min_value=Decimal("0.1"), max_value=Decimal(90), places=1)
_words = st.lists(st.text(st.characters(categories=["Ll", "Lu"]), max_size=12), max_size=6)


class Venue:
    """Answers one call, and counts."""

    def __init__(self, answer: Any) -> None:
        self._answer = answer
        self.asked: list[tuple[object, ...]] = []

    async def ask(self, method: str, *args: object) -> Any:
        self.asked.append((method, *args))
        if isinstance(self._answer, VenueError):
            raise self._answer
        return self._answer


def settings(**changes: Any) -> Settings:
    return Settings.model_validate({"mode": "live", "predictor": "baseline", **changes})


def market(**changes: Any) -> MarketRow:
    row = MarketRow(
        symbol="BTC/USDT:USDT",
        native_id="BTCUSDT",
        base="BTC",
        quote="USDT",
        settle="USDT",
        product=Product.LINEAR,
        contract_size=Decimal(1),
        tick=Decimal("0.1"),
        lot=Decimal("0.0001"),
        min_quantity=Decimal("0.0001"),
        max_quantity=None,
        min_notional=Decimal(5),
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.0005"),
        active=True,
        max_leverage=Decimal(100),
    )
    return replace(row, **changes)


def sized(row: MarketRow, equity: int = 10_000, price: int = 60_000, **changes: Any) -> Finding:
    return size(
        settings(**changes),
        row,
        price=Decimal(price),
        equity=Decimal(equity),
        venue="BITGET",
        instrument=NAME,
    )


def asked(row: Profile, answer: Any, key: str = "key-of-ours") -> KeyRights | str:
    return asyncio.run(key_rights(Venue(answer), row, key=key))


def gate_row(key: str, **granted: bool) -> dict[str, Any]:
    perms = [{"name": name, "read_only": only} for name, only in granted.items()]
    return {"key": key, "perms": perms}


# ---------------------------------------------------------------- sizes


@given(_amounts, _percents, _percents, _percents)
def test_the_smallest_size_is_never_above_the_largest_nor_this_above_any_cap(
    equity: Decimal, stop: Decimal, cap: Decimal, risk: Decimal
) -> None:
    told = settings(
        decision={"stop_percent": stop},
        risk={"max_position_percent": cap, "max_risk_percent": risk},
    )
    sizes = likely_sizes(told, equity)
    assert 0 < sizes.smallest <= sizes.largest
    assert sizes.largest <= equity * cap / 100
    assert sizes.largest * stop <= equity * risk * (1 + Decimal("1e-20"))


@given(_amounts, _amounts)
def test_more_equity_never_makes_a_size_redder(one: Decimal, other: Decimal) -> None:
    order = [Level.RED, Level.WARN, Level.OK]
    poor, rich = (
        size(settings(), market(), price=Decimal(60_000), equity=equity, venue="X", instrument="Y")
        for equity in sorted((one, other))
    )
    assert order.index(poor.level) <= order.index(rich.level)


def test_a_size_that_fits_is_said_to_fit() -> None:
    assert sized(market(lot=Decimal("0.00001"))).level is Level.OK


def test_a_minimum_above_the_largest_position_is_red() -> None:
    found = sized(market(min_notional=Decimal(5_000)))
    assert found.level is Level.RED
    assert "at most 1500.00" in found.text
    assert sized(market(min_quantity=Decimal(1))).level is Level.RED


def test_a_minimum_above_the_smallest_position_is_a_warning() -> None:
    found = sized(market(min_notional=Decimal(500)))
    assert (found.level, found.evidence["smallest"]) == (Level.WARN, "71.43")


def test_a_lot_that_distorts_is_a_warning_and_one_that_rules_is_red() -> None:
    assert sized(market(lot=Decimal("0.0005"))).level is Level.WARN  # 30 of 71
    assert sized(market(lot=Decimal("0.005"), min_quantity=None)).level is Level.RED  # 300 of 1500
    assert sized(market(lot=Decimal("0.0005")), node={"doctor": {"lot_percent": 50}}).level is (
        Level.OK
    )


def test_a_position_just_at_the_minimum_counts_at_its_stop() -> None:
    whole = market(min_notional=Decimal(1_460), lot=Decimal("0.00001"))
    assert sized(whole).level is Level.RED  # 1500 are worth 1447.5 at the stop


# ---------------------------------------------------------------- rights of keys


@given(_words, st.sampled_from([*PROFILES.values()]), st.data())
def test_a_right_to_take_money_out_is_found_among_any_words(
    words: list[str], row: Profile, data: st.DataObject
) -> None:
    assert row.rights is not None
    word = data.draw(st.sampled_from(sorted(row.rights.withdraws | row.rights.transfers)))
    told = [*words, data.draw(st.sampled_from([word, word.upper()]))]
    answers = {
        "BITGET": {"data": {"authorities": told}},
        "KUCOIN": {"data": {"permission": " ,".join(told)}},
        "KUCOIN_HF": {"data": {"permission": ",".join(told)}},
        "GATE": [gate_row("key-o*****", **dict.fromkeys(told, False))],
    }
    found = asked(row, answers[row.venue])
    assert isinstance(found, KeyRights)
    assert word.lower() in [each.lower() for each in (*found.withdraws, *found.transfers)]


@given(st.lists(st.sampled_from(["spot", "futures", "wallet", "withdraw"]), unique=True))
def test_a_right_that_only_reads_grants_nothing(names: list[str]) -> None:
    found = asked(GATE, [gate_row("key-o*****", **dict.fromkeys(names, True))])
    assert found == KeyRights(told=(), trades=False, withdraws=(), transfers=())


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        (BITGET, {"data": {"authorities": ["coow", "cpow", "wtor"]}}),
        (BITGET, {"data": {"authorities": ["trade", "readonly"]}}),
        (KUCOIN, {"data": {"permission": "General, Futures"}}),
        (GATE, [gate_row("other*****"), gate_row("key-o*****", futures=False, wallet=True)]),
        (GATE, gate_row("", futures=False)),
    ],
)
def test_a_key_that_only_trades_is_known_as_that(row: Profile, answer: Any) -> None:
    found = asked(row, answer)
    assert isinstance(found, KeyRights)
    assert (found.trades, found.withdraws, found.transfers) == (True, (), ())


@pytest.mark.parametrize(
    ("row", "answer"),
    [
        (BITGET, {"data": {}}),
        (BITGET, {"data": {"authorities": [1]}}),
        (BITGET, Unauthorised("40014 Incorrect permissions")),
        (KUCOIN, {"data": None}),
        (GATE, []),
        (GATE, None),
        (GATE, [gate_row("*****", futures=False)]),
        (GATE, [gate_row("key-o*****"), gate_row("key*****")]),
        (replace(BITGET, rights=None), {}),
    ],
)
def test_what_the_venue_does_not_tell_is_unknown_with_the_reason(row: Profile, answer: Any) -> None:
    found = asked(row, answer)
    assert isinstance(found, str)
    assert found


def test_rights_that_could_not_be_asked_are_no_rights_that_are_not_told() -> None:
    with pytest.raises(Unknown):
        asked(BITGET, Unknown("no answer"))


@pytest.mark.parametrize(
    ("row", "answer", "hedged"),
    [
        (BITGET, {"info": {"posMode": "hedge_mode"}}, True),
        (BITGET, {"info": {"posMode": "one_way_mode"}}, False),
        (KUCOIN, {"hedged": True}, True),
        (GATE, {"info": [{"in_dual_mode": True}]}, True),
        (GATE, {"info": [{"in_dual_mode": False}]}, False),
        (replace(GATE, mode_told=None), {}, None),
    ],
)
def test_the_position_mode_is_read_where_it_is_told(
    row: Profile, answer: Any, hedged: bool | None
) -> None:
    assert asyncio.run(is_hedged(Venue(answer), row, "BTC/USDT:USDT")) is hedged


def test_a_position_mode_that_cannot_be_read_is_not_taken_for_one_way() -> None:
    answers: tuple[Any, ...] = ({}, {"info": []}, None)
    for answer in answers:
        with pytest.raises(Unknown):
            asyncio.run(is_hedged(Venue(answer), GATE, "BTC/USDT:USDT"))


@pytest.mark.parametrize("name", sorted(NATIVES))
@pytest.mark.parametrize("demo", [False, True])
def test_a_native_venue_without_its_keys_is_red(name: str, demo: bool) -> None:
    link = VenueLink(name=name, demo=demo)
    wanted = native_keys(name, Product.LINEAR, demo=demo)
    missing = present(settings(), link, {})
    assert missing.level is Level.RED
    assert all(variable in missing.text for variable in wanted)
    there = present(settings(), link, dict.fromkeys(wanted, "secret-value"))
    assert there.level is Level.OK
    assert "secret-value" not in f"{there}"


# ---------------------------------------------------------------- the venue and its account


@pytest.mark.parametrize(
    ("ahead_ms", "level"),
    [
        *((0, Level.OK), (500, Level.OK), (-501, Level.WARN), (2_000, Level.WARN)),
        *((2_001, Level.RED), (-60_000, Level.RED)),
    ],
)
def test_a_clock_is_judged_by_its_distance_in_either_direction(ahead_ms: int, level: Level) -> None:
    assert markets.clock(settings(), BITGET, ahead_ms=ahead_ms, venue="BITGET").level is level


def test_a_clock_beyond_what_signatures_may_be_old_is_red_whatever_the_settings_allow() -> None:
    patient = settings(node={"doctor": {"max_skew_ms": 60_000}})
    found = markets.clock(patient, KUCOIN, ahead_ms=5_001, venue="KUCOIN")
    assert found.level is Level.RED


@pytest.mark.parametrize(
    ("maker", "taker", "level"),
    [
        *((None, None, Level.OK), ("0.02", "0.05", Level.OK), ("1", "1", Level.OK)),
        *(("0.02", "0.04", Level.WARN), ("0.02", "0.024", Level.RED), ("0", "0.05", Level.RED)),
    ],
)
def test_fees_that_the_settings_understate_are_told(
    maker: str | None, taker: str | None, level: Level
) -> None:
    told = settings(venue={"maker_fee_percent": maker, "taker_fee_percent": taker})
    assert markets.fees(told, market(), venue="BITGET", instrument=NAME).level is level


def test_a_venue_without_stop_market_orders_is_red_but_for_paper() -> None:
    for row in (
        profile("GATE", Product.SPOT),
        profile("KRAKEN", Product.SPOT, allow_untested=True),
    ):
        assert markets.stops(settings(), row, venue=row.venue).level is Level.RED
        assert markets.stops(settings(mode="paper"), row, venue=row.venue).level is Level.OK
    assert markets.stops(settings(), BITGET, venue="BITGET").level is Level.OK


@pytest.mark.parametrize(
    ("now", "named", "level"),
    [
        *((3, None, Level.OK), (3, 3, Level.OK), (10, None, Level.WARN), (10, 3, Level.WARN)),
        *((None, None, Level.UNKNOWN), (None, 3, Level.WARN), (3, 101, Level.RED)),
    ],
)
def test_a_leverage_is_judged_as_it_will_be(
    now: int | None, named: int | None, level: Level
) -> None:
    found = InForce(mode="cross", leverage=None if now is None else Decimal(now))
    told = leverage(settings(), found, market(), named=named, venue="BITGET", instrument=NAME)
    assert told.level is level


def test_a_leverage_that_cannot_hold_the_exposure_is_red() -> None:
    found = InForce(mode="cross", leverage=Decimal("0.5"))
    told = leverage(settings(), found, market(), named=None, venue="BITGET", instrument=NAME)
    assert told.level is Level.RED


def test_a_margin_mode_is_judged_against_the_named_one() -> None:
    cross, none = InForce(mode="cross", leverage=None), InForce(mode=None, leverage=None)
    levels = [
        margin(found, wanted, venue="BITGET", instrument=NAME).level
        for found, wanted in ((cross, None), (cross, "cross"), (cross, "isolated"), (none, None))
    ]
    assert levels == [Level.OK, Level.OK, Level.WARN, Level.UNKNOWN]


# ---------------------------------------------------------------- this machine


def test_an_engine_that_is_not_released_is_a_warning() -> None:
    assert machine.engine("2.0.0rc6").level is Level.WARN
    assert machine.engine("2.0.0").level is Level.OK


def test_a_disk_without_room_and_a_folder_that_is_a_file_are_red(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    where = {"runs": tmp_path / "runs", "node": {"state": tmp_path / "file" / "state"}}
    assert [each.level for each in machine.disk(settings(**where))] == [Level.OK, Level.RED]
    full = settings(runs=tmp_path, node={"state": tmp_path, "doctor": {"least_free_gib": 10**9}})
    assert [each.level for each in machine.disk(full)] == [Level.RED, Level.RED]
    assert not (tmp_path / "runs").exists()


def state_of(tmp_path: Path, mode: str = "live") -> Finding:
    return memory.store(settings(mode=mode, node={"state": tmp_path}))


def test_a_state_that_is_not_there_yet_is_well_and_is_not_made(tmp_path: Path) -> None:
    assert state_of(tmp_path).level is Level.OK
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("mode", "level"), [("live", Level.RED), ("demo", Level.WARN)])
@pytest.mark.parametrize("halt", ["halted", "day_halted"])
def test_a_latched_halt_is_red_where_money_is_traded(
    tmp_path: Path, mode: str, level: Level, halt: str
) -> None:
    latched: dict[str, Any] = {halt: "drawdown 12 % reached the limit"}
    with StateStore(tmp_path / STATE, account=f"{mode}:BINANCE") as store:
        store.save(RiskMemory(**latched))
    found = state_of(tmp_path, mode)
    assert found.level is level
    assert "drawdown 12 %" in found.text
    assert "live/resume.py" in found.text


def test_a_state_that_a_node_holds_or_that_is_anothers_or_damaged_is_red(tmp_path: Path) -> None:
    path = tmp_path / STATE
    with StateStore(path, account="live:BINANCE"):
        assert "held by a node" in state_of(tmp_path).text
    assert state_of(tmp_path).level is Level.OK
    assert state_of(tmp_path, "demo").level is Level.RED  # the store is of mode live
    with sqlite3.connect(path) as connection:
        connection.execute("INSERT OR REPLACE INTO facts VALUES ('risk', 'no memory')")
    connection.close()
    found = state_of(tmp_path)
    assert (found.level, "damaged" in found.text) == (Level.RED, True)


# ---------------------------------------------------------------- the model


def test_a_bundle_is_judged_by_its_age_and_edge(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle")
    manifest = read_manifest(tmp_path / "bundle")
    before, after = manifest.expires_ns - DAY_NS, manifest.expires_ns + DAY_NS
    proven = manifest.model_copy(update={"direction_edge": "significant", "synthetic": False})

    def level(mode: str, now_ns: int) -> Level:
        return verdict(settings(mode=mode), proven, sha256="", now_ns=now_ns).level

    assert (level("live", before), level("demo", before)) == (Level.OK, Level.OK)
    assert (level("live", after), level("demo", after)) == (Level.RED, Level.WARN)
    unproven = proven.model_copy(update={"direction_edge": "none"})
    assert verdict(settings(), unproven, sha256="", now_ns=before).level is Level.RED
    found = verdict(settings(), proven, sha256="abc", now_ns=after)
    assert found.evidence["sha256"] == "abc"
    assert int(found.evidence["age_days"]) > 0


def test_a_bundle_that_was_changed_is_red(tmp_path: Path) -> None:
    tiny_bundle(tmp_path / "bundle")
    told = settings(
        mode="demo",
        predictor={"kind": "bundle", "bundle": f"{tmp_path / 'bundle'}"},
        data={"interval": read_manifest(tmp_path / "bundle").interval},
    )
    (whole,) = models(told, now_ns=0)
    assert whole.level is not Level.RED, whole
    assert len(whole.evidence["sha256"]) == 64
    with (tmp_path / "bundle" / "model.onnx").open("ab") as file:
        file.write(b"!")
    (broken,) = models(told, now_ns=0)
    assert broken.level is Level.RED
    assert "checksum differs" in broken.text


def test_a_rule_without_an_edge_trades_money_only_where_that_is_allowed() -> None:
    (refused,) = models(settings(), now_ns=0)
    (allowed,) = models(settings(predictor={"kind": "baseline", "allow_no_edge": True}), now_ns=0)
    assert (refused.level, allowed.level) == (Level.RED, Level.OK)


def test_a_shadow_that_is_not_there_is_red(tmp_path: Path) -> None:
    told = settings(
        mode="demo",
        predictor={"kind": "baseline", "shadows": ["gone"], "registry": f"{tmp_path}"},
    )
    assert [each.level for each in models(told, now_ns=0)] == [Level.OK, Level.RED]


def test_nobody_is_asked_where_no_language_model_reviews() -> None:
    (found,) = language_models(settings(), environ={}, now_ns=0)
    assert found.level is Level.OK


# ---------------------------------------------------------------- what is told


@given(st.text(), st.text())
def test_a_finding_is_one_line_whatever_others_say(text: str, value: str) -> None:
    found = about("keys", Level.RED, f"refused: {text}", why=value)
    assert len(table((found,)).split("\n")) == 2
    assert found.fields["evidence"] == {"why": value}


def test_a_finding_without_words_cannot_be() -> None:
    with pytest.raises(ValueError, match="text of a finding must be one line"):
        Finding(name="keys", level=Level.OK, text=" ")


def test_only_red_is_red() -> None:
    found = tuple(about("x", level, "y") for level in Level)
    assert [each.level for each in reds(found)] == [Level.RED]


def test_the_command_refuses_settings_that_no_node_has(capsys: pytest.CaptureFixture[str]) -> None:
    assert doctor.main(["--config", "config/sample.yaml"]) == 2
    assert "mode must be paper, demo or live" in capsys.readouterr().err
    assert doctor.main(["--set", "node.doctor.lot_percent=0"]) == 2
    assert "lot_percent" in capsys.readouterr().err


def test_limits_of_the_doctor_must_be_in_order() -> None:
    with pytest.raises(ValueError, match="warn_skew_ms must not exceed max_skew_ms 100"):
        settings(node={"doctor": {"max_skew_ms": 100}})


def test_ccxt_is_not_needed_for_what_the_engine_serves_itself() -> None:
    code = (
        "import sys, live.arming, live.doctor, live.doctoring.examine, live.doctoring.natives;"
        "assert 'ccxt' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=200)
