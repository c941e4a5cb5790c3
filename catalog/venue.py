"""A venue's public REST interface through ccxt, asked with patience: listings, bars, funding."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Protocol

from catalog.errors import CatalogError, nearest
from catalog.instruments import Definition, Fees, standard_fees
from catalog.kinds import interval_ns

type Row = Sequence[Any]  # open time in ms, then five exact texts


@dataclass(frozen=True, slots=True, kw_only=True)
class VenueProfile:
    """What differs from venue to venue."""

    ccxt_id: str
    bars_per_request: int  # the least of the endpoints that serve a series
    rates_per_request: int


VENUES: Final[Mapping[str, VenueProfile]] = {
    "bitget": VenueProfile(ccxt_id="bitget", bars_per_request=200, rates_per_request=100),
}


_DAY_MS: Final = 86_400_000


class VenueError(RuntimeError):
    """The venue did not answer usefully; what is stored stays good and a new try may succeed."""


class Exchange(Protocol):
    """The part of a ccxt class that a download needs."""

    id: str
    timeframes: Mapping[str, object]
    enableLastJsonResponse: bool  # noqa: N815 - ccxt's name
    last_json_response: object
    last_response_headers: Mapping[str, str] | None

    def load_markets(self) -> Mapping[str, Mapping[str, Any]]:
        """Load what is listed."""

    def fetch_time(self) -> int:
        """Tell the venue's clock in ms."""

    def fetch_ohlcv(
        self, symbol: str, timeframe: str, since: int, limit: int, params: Mapping[str, object]
    ) -> list[Row]:
        """Fetch a page of bars, oldest first."""

    def fetch_funding_rate_history(
        self, symbol: str, since: int | None, limit: int, params: Mapping[str, object]
    ) -> list[Mapping[str, Any]]:
        """Fetch a page of funding rates, oldest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How often and how long to wait for a venue; chance and sleep are arguments."""

    tries: int = 8
    first_wait_secs: float = 0.5
    longest_wait_secs: float = 60.0
    dice: random.Random
    sleep: Callable[[float], None]

    def waits(self) -> Iterator[float]:
        """Yield the wait before each further try: doubling, with jitter of a half."""
        for turn in range(self.tries - 1):
            wait = min(self.first_wait_secs * 2**turn, self.longest_wait_secs)
            yield wait * self.dice.uniform(0.5, 1.0)


def open_exchange(name: str) -> Exchange:
    """Open a venue's unmodified ccxt class with exact numbers and its rate limit on.

    Raises CatalogError for an unknown venue, or where ccxt is not installed.
    """
    if name not in VENUES:
        raise CatalogError(f"venue {name!r} cannot be downloaded from: {nearest(name, VENUES)}")
    try:
        import ccxt  # an optional extra, and slow to import
    except ImportError as e:
        raise CatalogError("ccxt is not installed: pip install 'morningstar-strategy[ccxt]'") from e
    exchange: Exchange = getattr(ccxt, VENUES[name].ccxt_id)(
        {"enableRateLimit": True, "number": str}
    )
    return exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Rate:
    """One settled funding rate."""

    ts_ms: int
    rate: Decimal


class Market:
    """One listed market of a venue, asked with patience."""

    def __init__(self, line: "Line", symbol: str, content: Mapping[str, Any]) -> None:
        self._line = line
        self._content = content
        self.symbol = symbol
        self.definition = definition(line.venue, content)
        created = content.get("created")
        self.listed_ms = int(created) if created is not None else 0

    @property
    def perpetual(self) -> bool:
        """Say whether it pays funding."""
        return self.definition.perpetual

    @property
    def bars_per_request(self) -> int:
        """Tell how many bars one request may bring."""
        return self._line.profile.bars_per_request

    @property
    def funding_minutes(self) -> int | None:
        """Tell the present distance of settlements, where the venue does."""
        hours = (self._content.get("info") or {}).get("fundInterval")
        return int(hours) * 60 if hours else None

    def bars(self, interval: str, start_ms: int, end_ms: int) -> list[Row]:
        """Fetch the bars opened in [start, end), as many as one request gives, oldest first."""
        step = self._line.step_ms(interval)
        limit = self._line.profile.bars_per_request
        # One short of the limit: whether a venue counts the last moment in or not, the page
        # then reaches back to its start
        until = min(start_ms + (limit - 1) * step, end_ms)
        rows = self._line.ask(
            lambda exchange: exchange.fetch_ohlcv(
                self.symbol, interval, start_ms, limit, {"until": until}
            )
        )
        return [row for row in rows if start_ms <= row[0] < end_ms]

    def rates(self, since_ms: int) -> list[Rate]:
        """Fetch all settled funding rates from a moment on, oldest first."""
        found: dict[int, Rate] = {}
        for page in range(1, 1_000):
            rows = self._rates_page(page)
            found |= {row.ts_ms: row for row in rows}
            if not rows or min(row.ts_ms for row in rows) <= since_ms:
                break
        return [found[ts] for ts in sorted(found) if ts >= since_ms]

    def _rates_page(self, page: int) -> list[Rate]:
        limit = self._line.profile.rates_per_request
        rows = self._line.ask(
            lambda exchange: exchange.fetch_funding_rate_history(
                self.symbol, None, limit, {"pageNo": page}
            )
        )
        return [Rate(ts_ms=int(r["timestamp"]), rate=Decimal(r["fundingRate"])) for r in rows]


class Line:
    """The line to one venue: every question is repeated while the fault may pass."""

    def __init__(self, exchange: Exchange, profile: VenueProfile, patience: Patience) -> None:
        import ccxt  # the exchange is one of its classes, so it is there

        exchange.enableLastJsonResponse = True  # tells an empty answer from a web page
        self._exchange = exchange
        self._passing: type[Exception] = ccxt.OperationFailed
        self._final: type[Exception] = ccxt.BaseError
        self._patience = patience
        self.profile = profile
        self.venue = exchange.id.upper()

    def ask[T](self, question: Callable[[Exchange], T]) -> T:
        """Ask until there is an answer.

        Raises VenueError where the venue refuses, or no try was answered.
        """
        waits = self._patience.waits()
        while True:
            try:
                return self._answered(question)
            except self._passing as e:
                wait = next(waits, None)
                if wait is None:
                    raise VenueError(
                        f"{self.venue} failed {self._patience.tries} times: {_short(e)}"
                    ) from e
                self._patience.sleep(max(wait, self._asked_wait()))
            except self._final as e:
                raise VenueError(f"{self.venue} refused: {_short(e)}") from e

    def _answered[T](self, question: Callable[[Exchange], T]) -> T:
        self._exchange.last_json_response = None
        answer = question(self._exchange)
        if not answer and self._exchange.last_json_response is None:
            # A web page instead of data parses as an empty answer and would become a hole
            raise self._passing(f"{self.venue} answered something else than JSON")
        return answer

    def _asked_wait(self) -> float:
        headers = self._exchange.last_response_headers or {}
        text = {name.casefold(): value for name, value in headers.items()}.get("retry-after", "")
        return min(float(text), self._patience.longest_wait_secs) if text.isdecimal() else 0.0

    def clock_ms(self) -> int:
        """Ask the venue's clock."""
        return int(self.ask(lambda exchange: exchange.fetch_time()))

    def step_ms(self, interval: str) -> int:
        """Measure an interval that the venue serves.

        Raises CatalogError naming the intervals that it does.
        """
        if interval not in self._exchange.timeframes:
            raise CatalogError(
                f"interval {interval!r} is not served by {self.venue}:"
                f" {', '.join(self._exchange.timeframes)}"
            )
        step = interval_ns(interval) // 1_000_000
        if step > _DAY_MS:
            raise CatalogError(f"interval must be a day at most, was {interval!r}")
        return step

    def markets(self, symbols: Sequence[str]) -> list[Market]:
        """Look up what is listed.

        Raises CatalogError naming the first unknown symbol and those nearest to it.
        """
        listed = self.ask(lambda exchange: exchange.load_markets())
        for symbol in symbols:
            if symbol not in listed:
                raise CatalogError(
                    f"symbol {symbol!r} is not listed by {self.venue}: {nearest(symbol, listed)}"
                )
        return [Market(self, symbol, listed[symbol]) for symbol in symbols]


def _short(e: Exception) -> str:
    return " ".join(str(e).split())[:200]


def definition(venue: str, market: Mapping[str, Any]) -> Definition:
    """Define the instrument of a listed market.

    Raises CatalogError for a market that is neither spot nor a linear perpetual in base units.
    """
    symbol = market["symbol"]
    spot, swap = bool(market["spot"]), bool(market["swap"] and market["linear"])
    if not (spot or (swap and market["settle"] == market["quote"])):
        raise CatalogError(f"symbol {symbol!r} is neither spot nor a linear perpetual")
    if swap and Decimal(str(market["contractSize"])) != 1:
        raise CatalogError(f"symbol {symbol!r} counts in contracts of {market['contractSize']}")
    usual = standard_fees(venue, perpetual=swap)
    limits = market["limits"]
    return Definition(
        instrument_id=f"{market['base']}{market['quote']}{'-PERP' if swap else ''}.{venue}",
        base=market["base"],
        quote=market["quote"],
        tick=Decimal(str(market["precision"]["price"])),
        lot=Decimal(str(market["precision"]["amount"])),
        fees=Fees(
            maker=_fee(market["maker"], usual.maker),
            taker=_fee(market["taker"], usual.taker),
        ),
        min_notional=_number(limits["cost"]["min"]),
        min_quantity=_number(limits["amount"]["min"]),
    )


def _fee(told: object, usual: Decimal) -> Decimal:
    """Take the venue's own rate, zero included, the usual one only where it tells none."""
    return usual if told is None else Decimal(str(told))


def _number(value: object) -> Decimal | None:
    return None if value is None else (Decimal(str(value)) or None)
