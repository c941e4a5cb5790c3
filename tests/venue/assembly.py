"""Puts the parts of an exchange together."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from zlib import crc32

from tests.venue.accounts import Accounts
from tests.venue.announcing import Announcer
from tests.venue.candles import INTERVALS_MS
from tests.venue.clock import VenueClock
from tests.venue.desk import Desk
from tests.venue.floor import Floor
from tests.venue.ladder import Ladder
from tests.venue.margin import MarginAccount
from tests.venue.marks import Marks
from tests.venue.matching import Matcher
from tests.venue.model import Listing, Product
from tests.venue.pit import Pit
from tests.venue.register import Register
from tests.venue.rules import Rules
from tests.venue.spot import SpotAccount
from tests.venue.truth import Truth


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """How the market looks and how much of it is remembered."""

    book_levels: int = 20
    book_step: int = 10  # ticks between levels
    level_notional: int = 50_000  # quote coins a level holds on average
    candle_push_ms: int = 0  # least time between two announcements of running candles
    told_intervals_ms: Collection[int] = INTERVALS_MS  # of which candles are announced
    keep_trades: int = 10_000
    keep_candles: int = 20_000
    seed: int = 0
    first_order_id: int = 5_000_000_001  # no two venues number alike, or an engine mixes them up

    def __post_init__(self) -> None:
        counts = ("book_levels", "book_step", "level_notional", "keep_trades", "keep_candles")
        for name in (*counts, "first_order_id"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be 1 or more, was {getattr(self, name)}")
        unknown = set(self.told_intervals_ms) - set(INTERVALS_MS)
        if unknown:
            raise ValueError(f"told_intervals_ms must be among {INTERVALS_MS}, was {unknown}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What an exchange is made of."""

    listings: Mapping[str, Listing]
    announcer: Announcer
    floor: Floor
    accounts: Accounts
    register: Register
    desk: Desk


def assembled(
    listings: Sequence[Listing],
    clock: VenueClock,
    balances: Mapping[Product, Mapping[str, Decimal]],
    rules: Rules,
    shape: Shape,
) -> Parts:
    """Build the parts and join them."""
    by_symbol = {listing.symbol: listing for listing in listings}
    if len(by_symbol) != len(listings):
        raise ValueError(f"listings must have distinct symbols, were {list(by_symbol)}")
    perps = {s: listing for s, listing in by_symbol.items() if listing.product is Product.PERP}
    announcer = Announcer()
    floor = Floor(
        {symbol: _pit(listing, shape) for symbol, listing in by_symbol.items()},
        {symbol: _marks(listing, clock.now_ms(), shape.seed) for symbol, listing in perps.items()},
        clock=clock,
        announcer=announcer,
        candle_push_ms=shape.candle_push_ms,
        told_intervals_ms=shape.told_intervals_ms,
    )
    accounts = Accounts(
        spot=SpotAccount(balances.get(Product.SPOT, {}), fee_in_received=rules.fee_in_received),
        margin=MarginAccount(balances.get(Product.PERP, {}), perps),
        announcer=announcer,
    )
    register = Register(Truth(), announcer, floor.now, first_id=shape.first_order_id)
    matcher = Matcher(floor, accounts, register, rules)
    return Parts(
        listings=by_symbol,
        announcer=announcer,
        floor=floor,
        accounts=accounts,
        register=register,
        desk=Desk(floor, matcher, register, rules),
    )


def _pit(listing: Listing, shape: Shape) -> Pit:
    ladder = Ladder(
        listing,
        levels=shape.book_levels,
        step=shape.book_step,
        level_notional=shape.level_notional,
        seed=_seed_of(shape.seed, listing),
    )
    return Pit(listing, ladder, keep_trades=shape.keep_trades, keep_candles=shape.keep_candles)


def _marks(listing: Listing, now_ms: int, seed: int) -> Marks:
    return Marks(listing, now_ms=now_ms, seed=_seed_of(seed, listing))


def _seed_of(seed: int, listing: Listing) -> int:
    """Give every listing chances of its own, the same in every process."""
    return seed << 32 | crc32(listing.symbol.encode())
