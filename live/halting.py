"""Halts an account: asks the node, asks the venue itself, and acts where no node does."""

import asyncio
import time
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Final

from ccxt_nt.errors import VenueError
from live.errors import NodeError
from live.exchange import Played
from live.reaching import Node, Reached
from live.reducing import reduce
from live.venue_names import is_native
from live.venues import Link, links_of
from live.witness import Sight, Witness
from morningstar_strategy.settings.schema import Settings

__all__ = ["Halted", "Wish", "halt"]

_PAUSE_SECS: Final = 0.4  # between two looks at a venue
_POLL_SECS: Final = 0.1  # between two looks at the node
_LOOKS: Final = 2  # in a row that must show nothing
_HELP_AFTER: Final = 1 / 3  # of the timeout: a node that is not done by then is helped


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a person wants; `trust_node` takes the node's word where no venue can be asked."""

    flatten: bool
    operator: str
    reason: str = ""
    timeout_secs: float = 60.0
    trust_node: bool = False

    def __post_init__(self) -> None:
        if not self.operator.strip():
            raise ValueError("a halt needs the operator's name")
        if not 1 <= self.timeout_secs <= 3_600:
            raise ValueError(f"timeout_secs must be in [1, 3600], was {self.timeout_secs}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Halted:
    """What is known at the end; `done` is never said on hope."""

    done: bool
    sentence: str
    node: str
    latched: bool
    venues: dict[str, str]
    notes: tuple[str, ...] = ()


@dataclass(slots=True, kw_only=True)
class _Watched:
    """One venue: who asks it, what it said last, and how often in a row that was nothing.

    Only looks that began after the node had given its word count.
    """

    name: str
    witness: Witness | None
    blind: str = ""  # why it cannot be asked at all
    quiet: int = 0
    sight: Sight | None = None
    trouble: str = "was not asked yet"


@dataclass(slots=True, kw_only=True)
class _Notes:
    """What happened on the way, each thing said once."""

    say: Callable[[str], None]
    told: list[str] = field(default_factory=list)

    def add(self, text: str) -> None:
        if text not in self.told:
            self.told.append(text)
            self.say(text)


def halt(settings: Settings, wish: Wish, *, say: Callable[[str], None]) -> Halted:
    """Halt, and flatten where that is wished, until the venue itself says that it is done.

    Raises NodeError where the settings name no account that can be halted.
    """
    if settings.mode == "backtest":
        raise NodeError("mode must be paper, demo or live, was backtest")
    notes = _Notes(say=say)
    with Reached(settings, note=notes.add) as reached:
        reached.put(wish.operator, wish.reason, flatten=wish.flatten)
        return asyncio.run(_Halting(settings, wish, reached, notes).run())


class _Halting:
    """One halt from the request to the venue's word."""

    def __init__(self, settings: Settings, wish: Wish, reached: Reached, notes: _Notes) -> None:
        self._wish = wish
        self._reached = reached
        self._notes = notes
        self._venues = _venues(settings)
        self._inside = not self._venues  # fills or the exchange itself are the node's own
        self._began = time.monotonic()

    async def run(self) -> Halted:
        """Look again and again until it is done or the time is over."""
        async with AsyncExitStack() as stack:
            for each in self._venues:
                if each.witness is not None:
                    await stack.enter_async_context(each.witness)
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(self._keep_looking(each)) for each in self._venues]
                done = await self._wait()
                for task in tasks:
                    task.cancel()
        return self._outcome(done=done)

    async def _wait(self) -> bool:
        """Wait until it is done, nothing more can come, or the time is over."""
        while True:
            self._reached.look()
            if self._is_done():
                return True
            if self._is_hopeless() or self._passed() >= self._wish.timeout_secs:
                return False
            await asyncio.sleep(_POLL_SECS)

    def _passed(self) -> float:
        return time.monotonic() - self._began

    async def _keep_looking(self, venue: _Watched) -> None:
        while True:
            await self._see(venue)
            await asyncio.sleep(_PAUSE_SECS)

    async def _see(self, venue: _Watched) -> None:
        if venue.witness is None:
            return
        has_word = self._has_word()  # before that, something may still be on its way
        try:
            await venue.witness.prepare()
            venue.sight = sight = await venue.witness.look()
        except VenueError as e:
            venue.quiet, venue.trouble = 0, f"{type(e).__name__}: {e}"
            self._notes.add(f"{venue.name} cannot be asked: {venue.trouble}")
            return
        venue.trouble = ""
        left = not sight.is_flat if self._wish.flatten else bool(sight.entries)
        venue.quiet = 0 if left or not has_word else venue.quiet + 1
        if left and self._acts:
            for trouble in await reduce(venue.witness, sight, flatten=self._wish.flatten):
                self._notes.add(f"{venue.name}: {trouble}")

    @property
    def _acts(self) -> bool:
        """Say whether it is on us to act; both we and a node only ever reduce."""
        if self._reached.node in (Node.ABSENT, Node.SILENT, Node.UNASKED):
            return True
        if self._passed() < _HELP_AFTER * self._wish.timeout_secs:
            return False
        self._notes.add("the node is not done yet: helping it at the venue")
        return True

    # ------------------------------------------------------------ what it comes to

    def _is_done(self) -> bool:
        if not self._has_word():
            return False
        asked = [each for each in self._venues if each.witness is not None]
        if not all(each.quiet >= _LOOKS for each in asked):
            return False
        return self._can_confirm or self._is_trusted

    @property
    def _is_trusted(self) -> bool:
        return self._wish.trust_node and self._reached.node is Node.ANSWERED

    def _has_word(self) -> bool:
        """Say whether the halt is latched, and nothing of a node can still be on its way."""
        reached = self._reached
        match reached.node:
            case Node.ANSWERED:
                return reached.latched
            case Node.ABSENT:
                return reached.latched and (self._inside or reached.is_settled)
            case Node.WAITING | Node.SILENT | Node.UNASKED:
                return False

    @property
    def _can_confirm(self) -> bool:
        """Say whether every venue can be asked for all that the wish is about."""
        return all(
            each.witness is not None and (each.witness.can_hold or not self._wish.flatten)
            for each in self._venues
        )

    def _is_hopeless(self) -> bool:
        """Say whether waiting can bring nothing more: no venue can be asked, all else is done."""
        asked = [each for each in self._venues if each.witness is not None]
        quiet = all(each.quiet >= _LOOKS for each in asked)
        return not self._can_confirm and self._has_word() and quiet

    def _outcome(self, *, done: bool) -> Halted:
        reached = self._reached
        return Halted(
            done=done,
            sentence=self._sentence(done=done),
            node=reached.told,
            latched=reached.latched,
            venues={each.name: self._known(each) for each in self._venues},
            notes=tuple(self._notes.told),
        )

    def _sentence(self, *, done: bool) -> str:
        goal = "flat" if self._wish.flatten else "halted"
        if done and self._inside and self._reached.node is Node.ABSENT:
            return f"{goal}: no node runs, and all that it held was inside it"
        if done and self._inside:
            return f"{goal}: by the word of the node, which is the venue itself here"
        if done and self._can_confirm:
            what = "no position and no order" if self._wish.flatten else "no entry of ours"
            return f"{goal}: the venue shows {what}, looked at {_LOOKS} times in a row"
        if done:
            return f"{goal}: by the node, not confirmed by the venue itself, as --trust-node allows"
        known = [f"{each.name} {self._known(each)}" for each in self._venues]
        if not self._reached.latched:
            known.append("the halt is not latched")
        return f"not confirmed {goal}: {'; '.join([self._reached.told, *known])}"

    def _known(self, venue: _Watched) -> str:
        if venue.witness is None:
            return venue.blind
        if venue.trouble:
            return f"could not be asked: {venue.trouble}"
        if venue.sight is None:
            return "was not asked"
        left = venue.sight.told() if self._wish.flatten else _named(venue.sight)
        if not left and self._wish.flatten and not venue.witness.can_hold:
            return "shows no order; a spot account tells no positions"
        nothing = "no position and no order" if self._wish.flatten else "no entry of ours"
        return f"showed {', '.join(left) or nothing} at the last look"


def _named(sight: Sight) -> Sequence[str]:
    return [f"entry {each.venue_order_id} {each.symbol}" for each in sight.entries]


def _venues(settings: Settings) -> tuple[_Watched, ...]:
    """List the venues to be asked; none where fills are simulated or the exchange is a child's."""
    exchange = settings.node.exchange
    if settings.mode == "paper" or (exchange is not None and exchange.endpoint is None):
        return ()
    played = None
    if exchange is not None and exchange.endpoint is not None:
        played = Played(url=exchange.endpoint, environment={})
    return tuple(_watched(link) for link in links_of(settings, played))


def _watched(link: Link) -> _Watched:
    if is_native(link.venue):
        blind = "is served by the engine's own client, so it cannot be asked from here"
        return _Watched(name=link.venue, witness=None, blind=blind)
    try:
        witness = Witness.of(link, log=lambda _text: None)  # what fails is told by whoever asked
    except ValueError as e:  # a key that the environment lacks
        return _Watched(name=link.venue, witness=None, blind=f"cannot be asked: {e}")
    return _Watched(name=link.venue, witness=witness)
