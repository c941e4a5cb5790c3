"""A local HTTP server that speaks Bitget's public v2 endpoints, with faults on demand."""

import json
import re
import socket
import struct
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

_STEPS = {"min": 60_000, "m": 60_000, "h": 3_600_000, "H": 3_600_000, "Dutc": 86_400_000}
EIGHT_HOURS_MS = 28_800_000

# The shape of every payload below is Bitget's own, as documented for its v2 interface
SPOT = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "minTradeAmount": "0",
    "maxTradeAmount": "10000000000",
    "takerFeeRate": "0.002",
    "makerFeeRate": "0.002",
    "pricePrecision": "2",
    "quantityPrecision": "6",
    "quotePrecision": "8",
    "status": "online",
    "minTradeUSDT": "1",
    "buyLimitPriceRatio": "0.05",
    "sellLimitPriceRatio": "0.05",
}
PERP = {
    "symbol": "BTCUSDT",
    "baseCoin": "BTC",
    "quoteCoin": "USDT",
    "buyLimitPriceRatio": "0.05",
    "sellLimitPriceRatio": "0.05",
    "feeRateUpRatio": "0.005",
    "makerFeeRate": "0.0002",
    "takerFeeRate": "0.0006",
    "openCostUpRatio": "0.01",
    "supportMarginCoins": ["USDT"],
    "minTradeNum": "0.0001",
    "priceEndStep": "1",
    "volumePlace": "4",
    "pricePlace": "1",
    "sizeMultiplier": "0.0001",
    "symbolType": "perpetual",
    "minTradeUSDT": "5",
    "maxSymbolOrderNum": "200",
    "maxProductOrderNum": "400",
    "maxPositionNum": "150",
    "symbolStatus": "normal",
    "offTime": "-1",
    "limitOpenTime": "-1",
    "deliveryTime": "",
    "deliveryStartTime": "",
    "deliveryPeriod": "",
    "launchTime": "",
    "fundInterval": "8",
    "minLever": "1",
    "maxLever": "150",
    "posLimit": "0.05",
    "maintainTime": "",
}
CHAIN = {
    "needTag": "false",
    "withdrawable": "true",
    "rechargeable": "true",
    "withdrawFee": "0",
    "extraWithdrawFee": "0",
    "depositConfirm": "1",
    "withdrawConfirm": "1",
    "minDepositAmount": "0",
    "minWithdrawAmount": "0",
    "withdrawMinScale": "8",
}

_CANDLES = {  # most bars an answer, and whether startTime counts
    "spot/market/candles": (1000, True),
    "mix/market/candles": (1000, True),
    "spot/market/history-candles": (200, False),
    "mix/market/history-candles": (200, True),
}


class Fault(Enum):
    """What may go wrong with one answer."""

    TOO_MANY = "429"
    BROKEN = "500"
    DROPPED = "connection dropped in the middle of the page"
    WEB_PAGE = "200 with a web page instead of JSON"
    REFUSED = "400 with the venue's own error"


PASSING = (Fault.TOO_MANY, Fault.BROKEN, Fault.DROPPED, Fault.WEB_PAGE)


@dataclass(slots=True, kw_only=True)
class Listing:
    """One market: its prices are a function of time, its holes and start are set."""

    content: Mapping[str, Any]
    base_price: Decimal
    tick: Decimal
    lot: Decimal
    first_ms: int = 0
    last_ms: int = 2**62  # nothing opens at or after
    holes: set[int] = field(default_factory=set)

    @property
    def perpetual(self) -> bool:
        """Say whether it is listed among the contracts."""
        return "symbolType" in self.content

    def price(self, ms: int) -> Decimal:
        """Tell the price at a moment: a fixed scramble of the time around the base price."""
        scrambled = (ms // 1000 * 2_654_435_761) % 2**32
        steps = int(self.base_price / self.tick) // 50
        return self.base_price + self.tick * (scrambled % steps)

    def bar(self, open_ms: int, step_ms: int) -> list[str]:
        """Make the bar opened at a moment, as the venue writes it."""
        first, last = self.price(open_ms), self.price(open_ms + step_ms)
        high, low = max(first, last) + 3 * self.tick, min(first, last) - 2 * self.tick
        volume = self.lot * (1 + (open_ms // 1000 * 40_503) % 99_991)
        turnover = volume * last
        row = [str(open_ms), *(str(price) for price in (first, high, low, last)), str(volume)]
        return [*row, str(turnover), *([] if self.perpetual else [str(turnover)])]


def perp(**changes: Any) -> Listing:
    """List the BTC perpetual."""
    content = {**PERP, **changes}
    return Listing(
        content=content, base_price=Decimal("42000.0"), tick=Decimal("0.1"), lot=Decimal("0.0001")
    )


def spot(**changes: Any) -> Listing:
    """List BTC spot."""
    content = {**SPOT, **changes}
    return Listing(
        content=content,
        base_price=Decimal("42000.00"),
        tick=Decimal("0.01"),
        lot=Decimal("0.000001"),
    )


class BitgetRest:
    """The server; open it with `with`, then point a ccxt class at `port`."""

    def __init__(
        self, *listings: Listing, now_ms: Callable[[], int] = lambda: time.time_ns() // 1_000_000
    ) -> None:
        self.listings = listings
        self.now_ms = now_ms
        self.requests: list[tuple[float, str, dict[str, str]]] = []
        self.faults: deque[Fault | None] = deque()  # one for each next request of `faulty`
        self.faulty = re.compile("candles|fund-rate")
        self.faults_given: list[Fault] = []
        chains = [{"chain": "BTC", **CHAIN}]
        self._fixed: dict[str, Callable[[Mapping[str, str]], object]] = {
            "public/time": lambda _: {"serverTime": str(self.now_ms())},
            "spot/public/coins": lambda _: [
                {"coin": coin, "transfer": "true", "chains": chains} for coin in ("BTC", "USDT")
            ],
            "spot/public/symbols": lambda _: [
                item.content for item in self.listings if not item.perpetual
            ],
            "margin/currencies": lambda _: [],
            "mix/market/contracts": self._contracts,
        }
        self._lock = threading.Lock()
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))

    @property
    def port(self) -> int:
        """Tell the port it listens on."""
        return int(self._server.server_address[1])

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def paths(self, part: str) -> list[dict[str, str]]:
        """List the queries of the requests whose path contains a part."""
        return [query for _, path, query in list(self.requests) if part in path]

    def note(self, path: str, query: dict[str, str]) -> Fault | None:
        """Write a request down and say what shall go wrong with it."""
        with self._lock:
            self.requests.append((time.monotonic(), path, query))
            if self.faults and self.faulty.search(path):
                fault = self.faults.popleft()
                self.faults_given += [fault] if fault else []
                return fault
        return None

    def answer(self, path: str, query: Mapping[str, str]) -> tuple[int, object]:
        """Answer one request: HTTP status and the data of the envelope."""
        endpoint = path.removeprefix("/api/v2/")
        if endpoint in self._fixed:
            return 200, self._fixed[endpoint](query)
        if endpoint == "mix/market/history-fund-rate":
            return self._rates(query)
        if endpoint in _CANDLES:
            limit, from_start = _CANDLES[endpoint]
            return self._candles(path, query, limit=limit, from_start=from_start)
        return 404, f"Request URL NOT FOUND {path}"

    def _contracts(self, query: Mapping[str, str]) -> list[Mapping[str, Any]]:
        mine = query["productType"] == "USDT-FUTURES"
        return [item.content for item in self.listings if item.perpetual and mine]

    def _listing(self, path: str, query: Mapping[str, str]) -> Listing | None:
        perpetual = "/mix/" in path
        if perpetual and query.get("productType") != "USDT-FUTURES":
            return None
        for item in self.listings:
            if item.content["symbol"] == query["symbol"] and item.perpetual == perpetual:
                return item
        return None

    def _candles(
        self, path: str, query: Mapping[str, str], *, limit: int, from_start: bool
    ) -> tuple[int, object]:
        """Answer the newest bars before endTime, oldest first; endTime itself is left out."""
        listing = self._listing(path, query)
        granularity = re.fullmatch(r"(\d+)(min|m|h|H|Dutc)", query["granularity"])
        wanted = int(query.get("limit", "100"))
        if listing is None or granularity is None or wanted > limit:
            return 400, "Parameter verification failed"
        step = int(granularity[1]) * _STEPS[granularity[2]]
        now, end = self.now_ms(), int(query["endTime"])
        start = int(query["startTime"]) if from_start else 0
        newest = -(-min(end, now + 1, listing.last_ms) // step) * step - step
        rows: list[list[str]] = []
        while len(rows) < wanted and newest >= max(start, listing.first_ms):
            if newest not in listing.holes:
                rows.append(listing.bar(newest, step))
            newest -= step
        return 200, rows[::-1]

    def _rates(self, query: Mapping[str, str]) -> tuple[int, object]:
        """Answer one page of settled rates, newest first."""
        listing = self._listing("/mix/", query)
        size, page = int(query.get("pageSize", "20")), int(query.get("pageNo", "1"))
        if listing is None or size > 100:
            return 400, "Parameter verification failed"
        newest = min(self.now_ms(), listing.last_ms) // EIGHT_HOURS_MS
        oldest = max(-(-listing.first_ms // EIGHT_HOURS_MS), newest - 400)
        wanted = range(newest - (page - 1) * size, newest - page * size, -1)
        rows = [
            {
                "symbol": listing.content["symbol"],
                "fundingRate": str(Decimal(settlement * 7919 % 2001 - 1000).scaleb(-6)),
                "fundingTime": str(settlement * EIGHT_HOURS_MS),
            }
            for settlement in wanted
            if settlement >= oldest
        ]
        return 200, rows


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, venue: BitgetRest) -> None:
        self.venue = venue
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    server: _Server
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else the end of a page waits 40 ms for an acknowledgement

    def do_GET(self) -> None:
        venue, url = self.server.venue, urlsplit(self.path)
        query = dict(parse_qsl(url.query))
        fault = venue.note(url.path, query)
        status, data = venue.answer(url.path, query)
        if fault is not None:
            self._fail(fault, data)
        elif status == 200:
            self._send(200, self._envelope("00000", "success", data))
        else:
            self._send(status, self._envelope("40017", str(data), None))

    def _fail(self, fault: Fault, data: object) -> None:
        match fault:
            case Fault.TOO_MANY:
                body = self._envelope("429", "Too Many Requests", None)
                self._send(429, body, {"Retry-After": "3"})
            case Fault.BROKEN:
                self._send(500, b"<html>Internal Server Error</html>", kind="text/html")
            case Fault.WEB_PAGE:
                self._send(200, b"<html>maintenance</html>", kind="text/html")
            case Fault.REFUSED:
                self._send(400, self._envelope("40017", "Parameter verification failed", None))
            case Fault.DROPPED:
                self._drop(self._envelope("00000", "success", data))

    def _send(
        self,
        status: int,
        body: bytes,
        headers: Mapping[str, str] | None = None,
        kind: str = "application/json",
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except ConnectionError:  # the asking process was killed
            self.close_connection = True

    def _drop(self, body: bytes) -> None:
        """Promise the whole page, send half of it and reset the connection."""
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: len(body) // 2])
        linger = struct.pack("ii", 1, 0)  # reset instead of an orderly end
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
        self.close_connection = True

    def _envelope(self, code: str, message: str, data: object) -> bytes:
        now = self.server.venue.now_ms()
        content = {"code": code, "msg": message, "requestTime": now, "data": data}
        return json.dumps(content).encode()

    def log_message(self, format: str, *args: object) -> None:
        """Stay silent."""


def redirect(exchange: Any, port: int) -> None:
    """Point every REST address of an unmodified ccxt class at the local server."""

    def local(address: object) -> object:
        if isinstance(address, dict):
            return {name: local(value) for name, value in address.items()}
        return re.sub(r"^https?://[^/]+", f"http://127.0.0.1:{port}", str(address))

    exchange.urls["api"] = local(exchange.urls["api"])
