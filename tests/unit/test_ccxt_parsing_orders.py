"""Orders as venues really wrote them, through ccxt's own parsers, read or refused."""

from collections.abc import Iterator
from functools import cache
from typing import Any

import pytest

from ccxt_nt.parsing import Unreadable, order_row
from ccxt_nt.profiles import Profile
from ccxt_nt.values import OrderRow, Product
from ccxt_nt.venues import profile
from tests.contract.frames import (
    FOLDER,
    Sample,
    dictionaries,
    exchange,
    is_of,
    native_ids,
    samples,
)

pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="recorded frames are not here")

_ROWS = [profile(venue, product) for venue in ("BITGET", "KUCOIN", "GATE") for product in Product]

# line in ccxt's source: what the order there is, by our reading
_READ = {
    "BITGET/spot": {
        "5200": "buy stop_limit GTC open 0/0.0002 @25000 ^26000 1111503385910648832",
        "6715": "buy limit GTC open 0/0.0002 @25000 63f95110-93b5-4309-8f77-46339f1bcf3c",
        "6960": "buy limit GTC open 0/0.0002 @25000 d0d4dad5-18d0-4869-a074-ec40bb47cba6",
        "6988": "buy stop_limit GTC open 0/0.0002 @25000 ^26000 1111503385910648832",
        "7393": "buy limit GTC canceled 0/0.0002 @25000 d0d4dad5-18d0-4869-a074-ec40bb47cba6",
        "7422": "buy stop_limit GTC canceled 0/0.0002 @25000 ^26000 1111503385910648832",
    },
    "BITGET/linear": {
        "6744": "buy limit GTC open 0/0.001 @27000 1111465253431574529",
        "7051": "buy limit GTC open 0/0.002 @25000 1111488897805352960",
        "7485": "buy limit GTC canceled 0/0.002 @25000 1111498800850698240",
        "7527": "buy stop_limit GTC canceled 0/0.001 @27000 ^24000 1111491399869075456",
    },
    "KUCOIN/spot": {
        "5281": "buy limit GTC filled 2/2 @10",
        "6071": "sell limit GTC open 0/1 @1.05 d602d73f-5424-4751-bef0-8debce8f0a82",
        "6106": "sell stop_market GTC open 0/1 ^0.97 5d3fd727-6456-438d-9550-40d9d85eee0b",
        "6141": "buy limit GTC open 0/0.1 @50 d4d2016b-8e3a-445c-aa5d-dc6df5d1678d",
        "1878": "buy limit GTC canceled 0/100.452 @2.9635 buy-XCAD-USDT-1648957043010159",
        "1896": "sell take_profit_limit GTC triggered 0/1 @0.00062 ^0.00062",
        "2063": "sell stop_limit GTC rejected 0/5 @0.26 ^0.26",
    },
    "KUCOIN/linear": {
        "5381": "buy market GTC filled 1/1",
        "5767": "buy market GTC filled 1/1",
        "5930": "buy market GTC filled 1/1",
        "1913": "buy market GTC open 1/1 9f7a2be0-effe-45bd-bdc8-1614715a583a",
    },
    "GATE/spot": {
        "4297": "buy limit GTC open 0/0.01 @3500",
        "4735": "sell limit GTC open 0/10 @0.6",
        "4788": "buy limit GTC open 0/0.0001 @30000",
        "4825": "buy stop_limit GTC open 0/1 @1.08 ^1.08",
        "4948": "buy limit GTC open 0/0.1 @200",
        "5323": "buy limit GTC open 0/3 @0.35",
        "5363": "sell limit GTC filled 0.0002/0.0002 @58904.01",
        "5394": "sell stop_limit GTC open 0/2 @0.65 ^0.65",
        "5528": "buy limit GTC canceled 0/0.01 @3500",
        "1517": "buy limit GTC open 0/0.1 @200",
        "5558": "buy take_profit_limit GTC canceled 0/0.01 @3500 ^3500",
    },
    "GATE/linear": {
        "4331": "buy limit GTC open 0/1 @3000",
        "4849": "buy market IOC filled 1/1",
        "4882": "sell stop_limit GTC open 0/1 @1.02 ^1.03",
        "5419": "sell market IOC filled 1/1 reduce-only",
        "5442": "buy limit GTC open 0/1 @200",
        "5582": "buy limit GTC canceled 0/4 @61000",
        "5741": "buy limit GTC canceled 0/1 @0.8",
    },
}


@pytest.mark.parametrize("row", _ROWS, ids=lambda row: row.key)
def test_every_recorded_order_is_read_right_or_refused(row: Profile) -> None:
    read = {}
    for sample, raw in _raw_orders(row):
        told = _told(row, sample, raw)
        if told is not None:
            read[str(sample.line)] = _spelled(told)
    assert read == _READ[row.key]


def test_an_answer_to_placing_is_not_an_order_yet() -> None:
    answers = [
        (row, sample, raw)
        for row in _ROWS
        for sample, raw in _raw_orders(row)
        if sample.method.startswith(("create", "edit")) and "status" not in raw
    ]
    assert len(answers) >= 8
    for row, sample, raw in answers:
        with pytest.raises(Unreadable):
            order_row(_parsed(row, sample, raw), row)


def _raw_orders(row: Profile) -> Iterator[tuple[Sample, dict[str, object]]]:
    """Give what looks like an order of a classic account in the samples."""
    for sample in samples(row):
        if "order" not in sample.method or "uta" in f"{sample.method} {sample.label}":
            continue
        for raw in dictionaries(sample.payload):
            margin = any(key in raw for key in ("loanType", "baseSize", "underlying"))
            if ("orderId" in raw or "id" in raw) and not margin and is_of(raw, row):
                yield sample, raw


def _told(row: Profile, sample: Sample, raw: dict[str, object]) -> OrderRow | None:
    try:
        return order_row(_parsed(row, sample, raw), row)
    except Unreadable:
        return None


@cache
def _exchange(key: str) -> Any:
    venue, product = key.split("/")
    row = profile(venue, Product(product))
    return exchange(row, {i for sample in samples(row) for i in native_ids(sample.payload)})


def _parsed(row: Profile, sample: Sample, raw: dict[str, object]) -> object:
    ex = _exchange(row.key)
    pushed = sample.kind == "ws" and hasattr(ex, "parse_ws_order") and row.ccxt_id != "gate"
    return ex.parse_ws_order(raw) if pushed else ex.parse_order(raw)


def _spelled(row: OrderRow) -> str:
    words = [row.side.value, row.kind.value, row.force.value, row.status.value]
    words.append(f"{_short(row.filled)}/{_short(row.quantity)}")
    if row.price is not None:
        words.append(f"@{_short(row.price)}")
    if row.trigger_price is not None:
        words.append(f"^{_short(row.trigger_price)}")
    if row.reduce_only:
        words.append("reduce-only")
    if row.client_order_id is not None:
        words.append(row.client_order_id)
    return " ".join(words)


def _short(number: object) -> str:
    told = f"{number:f}"
    return told.rstrip("0").rstrip(".") if "." in told else told
