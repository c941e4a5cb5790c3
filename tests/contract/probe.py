"""Record, without any network, the requests and subscriptions that ccxt builds for our calls."""

import asyncio
import json
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import ccxt.pro

from ccxt_nt.errors import Unknown
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.profiles import Profile
from ccxt_nt.values import Product

# `Any` in this module: ccxt's objects have no types

_PATIENCE_SECS = 60.0  # a call that waits for something else than the network is a fault
NOW_MS = 1_790_000_000_000
_SPOT = {"BITGET": "BTCUSDT", "KUCOIN": "BTC-USDT", "GATE": "BTC_USDT"}
_LINEAR = {"BITGET": "BTCUSDT", "KUCOIN": "XBTUSDTM", "GATE": "BTC_USDT"}

_COMMON: Mapping[str, object] = {
    "base": "BTC",
    "quote": "USDT",
    "baseId": "BTC",
    "quoteId": "USDT",
    "active": True,
    "taker": "0.0006",
    "maker": "0.0002",
    "info": {"quoteIncrement": "0.000001"},
}

type Request = dict[str, object]


class Sent(Exception):  # noqa: N818  # it ends a call that has said what it had to say
    """The request was built and recorded; nothing is sent."""


class Probe:
    """One ccxt instance as the adapter sets it up, whose requests end in a list."""

    def __init__(self, profile: Profile) -> None:
        self.requests: list[Request] = []
        self.exchange: Any = getattr(ccxt.pro, profile.ccxt_id)(
            {
                "apiKey": "key",
                "secret": "secret",
                "password": "pass",
                "uid": "123",
                "number": str,
                "enableRateLimit": False,
                "timeout_on_exit": 0,  # it waits for connections to end, here are none
                "options": dict(profile.options),
            }
        )
        ex = self.exchange
        market = _market(ex, profile)
        ex.set_markets([market], {code: _currency(code) for code in ("BTC", "USDT")})
        self.symbol = market["symbol"]
        ex.milliseconds = lambda: NOW_MS
        ex.uuid = lambda: "made-by-ccxt"
        ex.nonce = lambda: NOW_MS
        ex.fetch, ex.watch, ex.watch_multiple = self._fetch, self._watch, self._watch_multiple
        for name in ("authenticate", "negotiate"):
            if hasattr(ex, name):
                setattr(ex, name, self._no_handshake)

    async def ask(
        self,
        method: str,
        *args: object,
        urgency: Urgency = Urgency.NORMAL,
        wrote: bool = False,
        deadline_secs: float | None = None,
    ) -> Any:
        """Make one ccxt call, as a line does; a look at the price is not answered."""
        del urgency, wrote, deadline_secs
        try:
            return await getattr(self.exchange, method)(*args)
        except Sent:
            if method == "fetch_ticker":  # comes before what is to be recorded
                raise Unknown("no price") from None
            raise

    async def record(self, call: Callable[[], Coroutine[Any, Any, object]]) -> list[Request] | str:
        """Run a call until it sends; what it refuses by itself is recorded as text."""
        self.requests.clear()
        try:
            with suppress(Sent):
                await asyncio.wait_for(call(), _PATIENCE_SECS)
        except Exception as e:  # whatever ccxt raises is what we record
            if not self.requests:
                return f"{type(e).__name__}: {e}"
        return [dict(request) for request in self.requests]

    async def _fetch(
        self, url: str, method: str = "GET", headers: object = None, body: object = None
    ) -> object:
        del headers  # signatures and times
        parts = urlsplit(url)
        request: Request = {"method": method, "url": parts.netloc + unquote(parts.path)}
        if parts.query:
            request["query"] = dict(sorted(parse_qsl(parts.query, keep_blank_values=True)))
        if body is not None:
            request["body"] = _body(body)
        self.requests.append(request)
        raise Sent

    async def _watch(
        self, url: str, message_hash: object, message: object = None, *_: object, **__: object
    ) -> object:
        return self._subscribed(url, [message_hash], message)

    async def _watch_multiple(
        self,
        url: str,
        message_hashes: list[object],
        message: object = None,
        *_: object,
        **__: object,
    ) -> object:
        return self._subscribed(url, message_hashes, message)

    def _subscribed(self, url: str, hashes: list[object], message: object) -> object:
        parts = urlsplit(url)
        self.requests.append(
            {
                "socket": parts.netloc + parts.path,
                "waits_for": sorted(map(str, hashes)),
                "sent": _body(message),
            }
        )
        raise Sent

    async def _no_handshake(self, *args: object, **_: object) -> str:
        which = "-".join("private" if arg is True else "public" for arg in args[:1])
        return f"wss://handshake/{which}"


def _body(body: object) -> object:
    if isinstance(body, str | bytes):
        try:
            return _steady(json.loads(body))
        except ValueError:
            return dict(sorted(parse_qsl(str(body))))
    return _steady(body)


def _steady(value: object) -> object:
    """Sort keys, and drop what differs from run to run: signatures, times and counters."""
    if isinstance(value, dict):
        dropped = {"SIGN", "KEY", "time", "connectId"}
        return {k: _steady(value[k]) for k in sorted(value) if k not in dropped}
    if isinstance(value, list | tuple):
        return [_steady(item) for item in value]
    return value


def _currency(code: str) -> dict[str, object]:
    return {"id": code, "code": code, "precision": "0.00000001", "info": {}}


def _market(ex: Any, profile: Profile) -> Any:
    spot = profile.product is Product.SPOT
    known = profile.venue.split("_")[0]
    if spot:
        return ex.safe_market_structure(
            {
                **_COMMON,
                "id": _SPOT[known],
                "symbol": "BTC/USDT",
                "type": "spot",
                "spot": True,
                "precision": {"amount": "0.0001", "price": "0.01"},
                "limits": {"amount": {"min": "0.0001"}, "cost": {"min": "1"}},
            }
        )
    lots = "0.001" if known == "BITGET" else "1"
    return ex.safe_market_structure(
        {
            **_COMMON,
            "id": _LINEAR[known],
            "symbol": "BTC/USDT:USDT",
            "settle": "USDT",
            "settleId": "usdt" if known == "GATE" else "USDT",
            "type": "swap",
            "swap": True,
            "contract": True,
            "linear": True,
            "inverse": False,
            "contractSize": "1" if known == "BITGET" else "0.001",
            "precision": {"amount": lots, "price": "0.1"},
            "limits": {"amount": {"min": lots}},
        }
    )
