"""Ask a venue what became of an order until the answer is definite."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from random import Random
from typing import Final, Protocol

from ccxt_nt.errors import Closed, Missing, Unknown, VenueError
from ccxt_nt.orders.inquiry import Listing, OrderKey
from ccxt_nt.values import FillRow, OrderRow

_DEAF: Final = 3  # so many failed questions in a row bring another way of asking


class Counter(Protocol):
    """What a resolver asks of a desk."""

    async def find(self, key: OrderKey) -> OrderRow:
        """Ask for one order."""

    async def open_orders(self, symbol: str) -> Listing:
        """List one symbol's open orders, waiting ones included."""

    async def recent_fills(
        self, symbol: str, *, since_ms: int | None = None
    ) -> tuple[FillRow, ...]:
        """List one symbol's latest fills, and all since an earlier time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long a venue is asked before "no such order" is believed."""

    settle_secs: float = 15.0  # after which a request still under way would be refused as stale
    looks: int = 3  # how often the order must be asked for in vain before the last, whole look
    first_secs: float = 0.25  # between two looks; doubles
    most_secs: float = 5.0

    def __post_init__(self) -> None:
        for name in ("settle_secs", "first_secs", "most_secs"):
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be positive, was {getattr(self, name)}")
        if self.looks < 1:
            raise ValueError(f"looks must be 1 or more, was {self.looks}")

    def pause_secs(self, attempt: int, rng: Random) -> float:
        """Tell how long to wait before the next attempt: ever longer, with jitter."""
        longest = min(self.most_secs, self.first_secs * 2.0 ** min(attempt, 20))
        return longest * rng.uniform(0.5, 1.0)

    def brief(self) -> "Patience":
        """Believe sooner: the venue did answer, and not with a yes."""
        return replace(self, settle_secs=min(self.settle_secs, 2.0))


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The venue has it."""

    row: OrderRow


@dataclass(frozen=True, slots=True, kw_only=True)
class Traded:
    """The venue cannot name the order any more, but it filled."""

    fills: tuple[FillRow, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Absent:
    """The venue never had it: asked in every way, often enough, late enough."""

    looks: int
    waited_secs: float


type Outcome = Found | Traded | Absent


class Resolver:
    """One who asks; time, sleep and dice are handed in."""

    def __init__(
        self,
        counter: Counter,
        *,
        secs: Callable[[], float],
        sleep: Callable[[float], Awaitable[object]],
        rng: Random,
        note: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._counter = counter
        self._secs = secs
        self._sleep = sleep
        self._rng = rng
        self._note = note

    async def outcome(
        self,
        key_of: Callable[[], OrderKey],
        *,
        sent: float,
        patience: Patience,
        known: Callable[[], bool] = lambda: False,
        mine: Callable[[OrderRow | FillRow], bool] = lambda row: True,
    ) -> Outcome | None:
        """Find out what became of an order sent at `sent` (seconds of the given clock).

        It takes as long as it takes: a venue that cannot be asked proves nothing. None if
        `known` tells that somebody else found out, and `mine` knows others of the same client id.
        The key is made anew for each look: what other orders are known by then are not this one.
        """
        looks, attempt = 0, 0
        while not known():
            key = key_of()
            is_late = looks >= patience.looks and self._secs() - sent >= patience.settle_secs
            try:
                seen = await self._look(key, mine, whole=is_late or looks == 1)
            except VenueError as e:
                self._note_some(attempt, f"{key.client_id}: still unknown, cannot be asked: {e}")
            else:
                if seen is not None:
                    return seen
                if is_late and not known():
                    return Absent(looks=looks, waited_secs=self._secs() - sent)
                looks += 1
            await self._pause(attempt, patience)
            attempt += 1
        return None

    async def row(self, key: OrderKey, *, patience: Patience) -> OrderRow:
        """Ask for an order that the venue had, until it answers.

        Raises Missing when it knows it no more, said as often and as long as patience wants. An
        answer that cannot be had or read again and again is replaced by the list of open orders.
        """
        looks, attempt, began = 0, 0, self._secs()
        while True:
            try:
                return await self._counter.find(key)
            except (Missing, Closed):
                looks += 1
            except VenueError as e:
                name = key.venue_order_id or key.client_id
                self._note_some(attempt, f"{name}: cannot be asked for: {e}")
                if attempt % _DEAF == _DEAF - 1:
                    listed = await self._listed(key)
                    if isinstance(listed, OrderRow):
                        return listed
                    looks += listed
            waited = self._secs() - began
            if looks >= patience.looks and waited >= patience.brief().settle_secs:
                raise Missing(f"order {key.venue_order_id or key.client_id} is not there any more")
            await self._pause(attempt, patience)
            attempt += 1

    async def _listed(self, key: OrderKey) -> OrderRow | int:
        """Look for an order among the open ones; 1 if it is certainly not there, 0 if unknown."""
        try:
            listing = await self._counter.open_orders(key.symbol)
        except VenueError as e:
            self._note_some(0, f"{key.symbol}: open orders cannot be listed: {e}")
            return 0
        for row in listing.rows:
            if row.venue_order_id == key.venue_order_id:
                return row
        return 0 if listing.may_hide(key.client_id) else 1

    async def _look(
        self, key: OrderKey, mine: Callable[[OrderRow | FillRow], bool], *, whole: bool
    ) -> Outcome | None:
        """Ask for the order; None if there is none. A whole look asks in all three ways."""
        try:
            row = await self._counter.find(key)
        except (Missing, Closed):
            row = None
        if row is not None and mine(row):
            return Found(row=row)
        return await self._search(key, mine) if whole else None

    async def _search(
        self, key: OrderKey, mine: Callable[[OrderRow | FillRow], bool]
    ) -> Outcome | None:
        """Look among the open orders and the fills."""
        listing = await self._counter.open_orders(key.symbol)
        for row in listing.rows:
            if key.client_id is not None and row.client_order_id == key.client_id and mine(row):
                return Found(row=row)
        if listing.may_hide(key.client_id):
            raise Unknown("the list of open orders is not complete")
        fills = await self._counter.recent_fills(key.symbol, since_ms=key.since_ms or None)
        named = (fill for fill in fills if fill.client_order_id == key.client_id)
        traded = tuple(fill for fill in named if mine(fill))
        return Traded(fills=traded) if traded and key.client_id is not None else None

    def _note_some(self, attempt: int, text: str) -> None:
        """Note the first failures, then ever fewer: an outage must not drown the log."""
        if attempt & (attempt + 1) == 0:
            self._note(f"{text} (attempt {attempt + 1})")

    async def _pause(self, attempt: int, patience: Patience) -> None:
        await self._sleep(patience.pause_secs(attempt, self._rng))
