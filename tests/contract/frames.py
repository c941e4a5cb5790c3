"""Recorded frames through ccxt's own parsers, without any connection."""

import asyncio
import copy
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ccxt.pro

from ccxt_nt.profiles import Profile
from ccxt_nt.values import Product
from tests.conftest import SHARED

# `Any` in this module: ccxt's objects and recorded JSON have no types

FOLDER = SHARED / "fixtures" / "wire"
_NATIVE = re.compile(r"^([A-Z0-9]{2,12}?)[-_]?(USDT|USDC|BTC|USD)(M?)$")
_CONTRACT_KEYS = ("contract", "posSide", "marginCoin", "positionSide", "settleCurrency")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One payload as ccxt's sources or recordings show it."""

    venue: str
    kind: str
    method: str
    line: int
    label: str
    payload: Any

    def __str__(self) -> str:
        return f"{self.venue}:{self.method}:{self.line}"


def folder_of(profile: Profile) -> Path:
    """Name the folder of a profile's recordings."""
    return FOLDER / profile.ccxt_id


def samples(profile: Profile) -> tuple[Sample, ...]:
    """Read all sample payloads of a venue; none where the recordings are absent."""
    path = folder_of(profile) / "comments.json"
    if not path.is_file():
        return ()
    told = json.loads(path.read_text(encoding="utf-8"))["samples"]
    return tuple(Sample(venue=profile.ccxt_id, **sample) for sample in told)


def recordings(profile: Profile, method: str) -> tuple[Mapping[str, Any], ...]:
    """Read the recorded sessions of one watch method that are of the profile's product."""
    path = folder_of(profile) / "ws.json"
    if not path.is_file():
        return ()
    told = json.loads(path.read_text(encoding="utf-8"))["methods"].get(method, [])
    spot = profile.product is Product.SPOT
    return tuple(case for case in told if (":" not in case["input"][0]) is spot)


def dictionaries(payload: Any) -> Iterator[dict[str, Any]]:
    """Walk through every dictionary of a payload, outer ones first."""
    if isinstance(payload, dict):
        yield payload
        for value in payload.values():
            yield from dictionaries(value)
    elif isinstance(payload, list):
        for value in payload:
            yield from dictionaries(value)


def is_of(row: Mapping[str, Any], profile: Profile) -> bool:
    """Guess the product of a raw row as a reader of it would."""
    native = str(row.get("symbol") or row.get("instId") or "")
    linear = any(key in row for key in _CONTRACT_KEYS) or bool(
        re.fullmatch(r"[A-Z0-9]+USDTM", native)
    )
    inside = row.get("initial")
    linear = linear or (isinstance(inside, dict) and "contract" in inside)
    return linear is (profile.product is Product.LINEAR)


def exchange(profile: Profile, native_ids: Iterable[str] = ()) -> Any:
    """Make the venue's ccxt object, with the markets that a payload names."""
    ex: Any = getattr(ccxt.pro, profile.ccxt_id)(
        {
            "number": str,
            "apiKey": "k",
            "secret": "s",
            "password": "p",
            "options": profile.options,
            "timeout_on_exit": 0,  # it waits for connections to end, here are none
        }
    )
    found: dict[str, Any] = {}
    for native in ("BTCUSDT", "BTC-USDT", "BTC_USDT", "XBTUSDTM", *native_ids):
        market = _market(ex, native, profile) if _fits(native, profile) else None
        if market is not None:
            found.setdefault(market["symbol"], market)
    known = list(found.values())
    codes = {c for m in known for c in (m["base"], m["quote"])} | {"USDT", "BTC", "USD", "GT"}
    currencies: dict[str, Any] = {
        c: {"id": c, "code": c, "precision": "0.00000001", "info": {}} for c in codes
    }
    ex.set_markets(known, currencies)
    return ex


def native_ids(payload: Any) -> set[str]:
    """Collect every text in a payload that is spelled like a market."""
    found = set()
    for row in dictionaries(payload):
        for key in ("symbol", "instId", "contract", "currency_pair", "market", "s"):
            value = row.get(key)
            if isinstance(value, str) and _NATIVE.fullmatch(value):
                found.add(value)
    return found


async def fed(
    ex: Any, url: str, messages: Iterable[Any], *, forgiving: bool
) -> list[tuple[str, Any]]:
    """Feed frames to ccxt's handlers and collect a copy of all that they resolve."""
    resolved: list[tuple[str, Any]] = []
    client = ex.client(url)
    client.future("authenticated")  # ccxt trips over a login that it did not ask for

    def resolve(result: Any, message_hash: str) -> Any:
        # ccxt's caches do not survive being copied whole: their items appear twice
        copied = [copy.deepcopy(item) for item in result] if isinstance(result, list) else result
        resolved.append((message_hash, copy.deepcopy(copied)))
        return result

    client.resolve = resolve
    for message in messages:
        with suppress(Exception) if forgiving else nullcontext():
            ex.handle_message(client, copy.deepcopy(message))
        await asyncio.sleep(0)
    return resolved


def run_fed(
    profile: Profile, url: str, messages: Iterable[Any], *, forgiving: bool = False
) -> list[tuple[str, Any]]:
    """Feed frames in a loop of their own; forgiving of those that ccxt's handlers fail on."""

    async def main() -> list[tuple[str, Any]]:
        frames = list(messages)
        ex = exchange(profile, native_ids(frames))
        try:
            return await fed(ex, url, frames, forgiving=forgiving)
        finally:
            await ex.close()

    return asyncio.run(main())


def _fits(native: str, profile: Profile) -> bool:
    kucoin = r".*-.*" if profile.product is Product.SPOT else r"[A-Z0-9]+M"
    style = {"kucoin": kucoin, "gate": r".*_.*", "bitget": r"[A-Z0-9]+(?<!M)"}
    return re.fullmatch(style[profile.ccxt_id], native) is not None


def _market(ex: Any, native: str, profile: Profile) -> Any:
    found = _NATIVE.fullmatch(native)
    if found is None:
        return None
    base, quote = {"XBT": "BTC"}.get(found[1], found[1]), found[2]
    spot = profile.product is Product.SPOT
    contract: dict[str, Any] = (
        {}
        if spot
        else {
            "settle": quote,
            "settleId": quote.lower() if profile.ccxt_id == "gate" else quote,
            "contract": True,
            "swap": True,
            "linear": True,
            "inverse": False,
            "contractSize": "1" if profile.ccxt_id == "bitget" else "0.001",
        }
    )
    return ex.safe_market_structure(
        {
            "id": native,
            "symbol": f"{base}/{quote}" + ("" if spot else f":{quote}"),
            "base": base,
            "quote": quote,
            "baseId": base,
            "quoteId": quote,
            "type": "spot" if spot else "swap",
            "spot": spot,
            "active": True,
            "precision": {"amount": "0.00000001", "price": "0.00000001"},
            "limits": {"amount": {"min": "0.00000001"}},
            "taker": "0.001",
            "maker": "0.001",
            "info": {},
            **contract,
        }
    )


async def answered(profile: Profile, payload: Any, method: str, *args: object) -> Any:
    """Make a REST call of ccxt whose HTTP answer is a recorded payload."""
    ex = exchange(profile, native_ids(payload))

    async def fetch(*_: object, **__: object) -> Any:
        return copy.deepcopy(payload)

    ex.fetch = fetch
    try:
        return await getattr(ex, method)(*args)
    finally:
        await ex.close()
