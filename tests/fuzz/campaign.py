"""Wrong frames by the thousand on one stream, and the proof after them that it still lives."""

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from random import Random
from typing import Final

from ccxt_nt.errors import VenueError
from ccxt_nt.values import Product
from tests.fuzz.corpus import STREAMS, Corpus
from tests.fuzz.mutations import Mutator
from tests.fuzz.oracle import BrokenError
from tests.fuzz.proofs import prove
from tests.fuzz.rig import Rig
from tests.fuzz.session import Pipe
from tests.fuzz.warp import run
from tests.venue.wire import Request

# `Any` in this module: frames are any JSON

ANSWERS: Final = ("positions", "asked fills", "asked orders", "asked balances")
_LIVE_SHARE: Final = 0.25  # of public mutants: made of a frame that the venue just sent
_OWN_SHARE: Final = 0.04  # of private mutants: the venue's pushes about an order of our own
_LOST_SHARE: Final = 0.5  # of live mutants: the true frame never comes
_RIG_MUTANTS: Final = 1_000  # then everything begins anew, so that state stays small
_SCAN_EVERY: Final = 50

type Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One stream of one venue and product."""

    dialect: str
    product: Product
    stream: str

    @property
    def name(self) -> str:
        """Name it for people."""
        return f"{self.dialect} {self.product.value} {self.stream}"


@dataclass(slots=True, kw_only=True)
class Outcome:
    """What happened to one stream."""

    mutants: int = 0
    proofs: int = 0
    left_out: int = 0  # frames and items that the adapter noted and left out
    taken: Counter[str] = field(default_factory=Counter)  # what reached the engine, by type
    fills: int = 0

    def __add__(self, other: "Outcome") -> "Outcome":
        """Add up."""
        return Outcome(
            mutants=self.mutants + other.mutants,
            proofs=self.proofs + other.proofs,
            left_out=self.left_out + other.left_out,
            taken=self.taken + other.taken,
            fills=self.fills + other.fills,
        )


def targets(dialects: tuple[str, ...]) -> tuple[Target, ...]:
    """List every stream of every venue and product."""
    return tuple(
        Target(dialect=dialect, product=product, stream=stream)
        for dialect in dialects
        for product in Product
        for stream in (*STREAMS, *ANSWERS)
        if stream != "positions" or product is Product.LINEAR
    )


def attack(
    targets: Sequence[Target],
    frames: Corpus,
    *,
    mutants: int,
    seed: int,
    progress: Progress = lambda count: None,
) -> Outcome:
    """Throw so many mutants at streams of one venue and product, by chance at which.

    Raises BrokenError with seed and frame on the first fault. Deterministic: the same targets,
    frames, number and seed do the same again.
    """
    outcome = Outcome()
    for part in range(-(-mutants // _RIG_MUTANTS)):
        count = min(_RIG_MUTANTS, mutants - part * _RIG_MUTANTS)
        part_seed = seed + part

        async def one(count: int = count, part_seed: int = part_seed) -> Outcome:
            return await _Attack(targets, frames, seed=part_seed).run(count)

        outcome += run(one)
        progress(outcome.mutants)
    return outcome


class _Attack:
    """One rig and the mutants it gets."""

    def __init__(self, targets: Sequence[Target], frames: Corpus, *, seed: int) -> None:
        target = targets[0]
        self._targets = targets
        self._target = target  # of the mutant at hand
        self._frames = frames
        self._seed = seed
        self._rng = Random(f"{', '.join(each.name for each in targets)} {seed}")
        self._mutator = Mutator(self._rng)
        self._rig = Rig(target.dialect, target.product, seed=seed)
        self._routes: dict[str, tuple[str, str, str]] = {}
        self._last: str | bytes = ""

    async def run(self, count: int) -> Outcome:
        rig = self._rig
        await self._warm_up()
        for number in range(count):
            self._target = self._rng.choice(self._targets)
            try:
                await (self._answer() if self._target.stream in ANSWERS else self._frame())
                await rig.settle()
                self._check(thoroughly=number % _SCAN_EVERY == 0 or number == count - 1)
            except (BrokenError, TimeoutError) as e:
                raise self._told(e, number) from e
        try:
            await prove(rig)
            self._check(thoroughly=True)
        except (BrokenError, TimeoutError) as e:
            raise self._told(e, count) from e
        outcome = Outcome(
            mutants=count,
            proofs=1,
            left_out=rig.data.bad_frames + rig.private.bad_frames + len(rig.notes),
            taken=Counter({kind.__name__: n for kind, n in rig.engine.taken.items()}),
            fills=len(rig.account.fills),
        )
        await rig.close()
        return outcome

    async def _warm_up(self) -> None:
        """See every stream speak once, and learn on which connection it does."""
        rig = self._rig
        rig.network.recording = True
        await rig.open()
        rig.tick()
        await self._trade()
        await rig.settle(1.0)
        for route, stream, _ in rig.network.heard:
            self._routes[stream] = route
        self._routes.setdefault("fills", self._routes["orders"])
        rig.network.recording = False
        rig.network.heard.clear()

    # ---- mutants of pushes ----

    async def _frame(self) -> None:
        stream = self._target.stream
        is_private = self._routes[stream][0] != "data"
        if self._rng.random() < (_OWN_SHARE if is_private else _LIVE_SHARE):
            await self._live(self._trade if is_private else self._tick)
            return
        pipe = await self._connection(stream)
        self._last = self._mutator.mutate(self._rng.choice(self._frames[stream]), self._all)
        self._rig.network.deliver(pipe, self._last)

    @property
    def _all(self) -> tuple[str, ...]:
        return tuple(frame for frames in self._frames.values() for frame in frames)

    async def _live(self, act: Callable[[], Awaitable[None]]) -> None:
        """Let something happen, and spoil what the venue says of it on this stream."""
        network = self._rig.network
        true_deliver = network.deliver

        def spoil(pipe: Pipe, stream: str, text: str) -> None:
            if stream != self._target.stream or stream in ("ack", "pong"):
                true_deliver(pipe, text)
                return
            self._last = self._mutator.mutate(text)
            true_deliver(pipe, self._last)
            if self._rng.random() >= _LOST_SHARE:
                true_deliver(pipe, text)

        network.between = spoil
        try:
            await act()
        finally:
            network.between = None

    async def _tick(self) -> None:
        self._rig.tick()

    async def _trade(self) -> None:
        """Place an order of ours and have somebody trade with it, sometimes in two parts."""
        rig = self._rig
        listing = rig.exchange.listings[rig.symbol]
        last = rig.exchange.last(rig.symbol)
        assert last is not None  # it ticked
        side = self._rng.choice((1, -1))
        price = last - side * listing.tick * 60
        await rig.trade(price, buys=side > 0)

    async def _connection(self, stream: str) -> Pipe:
        """Wait until the connection of a stream is up."""
        route = self._routes[stream]
        found = self._rig.pipe(route)
        if found is None:
            await self._rig.until(lambda: self._rig.pipe(route), f"{stream} dials again")
            found = self._rig.pipe(route)
        assert found is not None  # it was waited for
        return found

    # ---- mutants of answers ----

    async def _answer(self) -> None:
        """Ask the account something and spoil the answer."""
        rig = self._rig

        def spoil(request: Request, text: str) -> str:
            made = self._mutator.mutate(text)
            self._last = made.decode(errors="replace") if isinstance(made, bytes) else made
            return self._last

        if self._rng.random() < _OWN_SHARE:
            await self._trade()
        rig.network.spoil = spoil
        try:
            await self._ask()
        except VenueError:
            return  # one of the kinds that are promised
        finally:
            rig.network.spoil = lambda request, text: text

    async def _ask(self) -> None:
        """Ask as the adapter does; whatever the question raises must be a kind of VenueError."""
        rig, inquiry, cases = self._rig, self._rig.parts.inquiry, self._rig.parts.cases
        match self._target.stream:
            case "positions":
                positions = await inquiry.positions()
                self._take(lambda: rig.take_positions(positions))
            case "asked balances":
                rig.account.take_balances(await inquiry.balances())
            case "asked fills":
                for fill in await inquiry.recent_fills(rig.symbol):
                    self._take(partial(cases.take_fill, fill))
            case _:
                for row in (await inquiry.open_orders(rig.symbol)).rows:
                    if cases.knows(row.symbol):
                        self._take(partial(cases.take_order, row))

    def _take(self, act: Callable[[], object]) -> None:
        """Do as the adapter does with what was asked for: what cannot be told is left out."""
        try:
            act()
        except ValueError as e:
            self._rig.notes.append(str(e))

    # ---- checks ----

    def _check(self, *, thoroughly: bool) -> None:
        rig = self._rig
        if thoroughly:
            for ledger in {id(x): x for x in rig.ledgers}.values():
                for fill in ledger.fills:
                    rig.account.check_fill(fill)
            for name, stream in rig.streams.items():
                if any(task.done() for task in stream._tasks):
                    raise BrokenError(f"the stream {name} has ended")
        if rig.engine.faults:
            raise rig.engine.faults[0]

    def _told(self, e: Exception, number: int) -> BrokenError:
        self._rig.abandon()
        notes = "\n".join(self._rig.notes[-5:])
        states = {name: stream.state.value for name, stream in self._rig.streams.items()}
        return BrokenError(
            f"{self._target.name}, seed {self._seed}, mutant {number}: {e}\n"
            f"frame: {self._last[:1500]!r}\nnotes: {notes}\n"
            f"{self._rig.board.report}\nstreams: {states}"
        )
