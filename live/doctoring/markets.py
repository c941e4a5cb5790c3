"""What a venue lists and charges: instruments, fees, stop orders, its clock."""

from dataclasses import replace
from decimal import Decimal
from typing import Final

from nautilus_trader.model import Venue

from ccxt_nt.line.client import Line
from ccxt_nt.profiles import Profile
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.values import MarketRow, OrderKind
from live.doctoring.finding import Finding, Level, about
from morningstar_strategy.settings.schema import Settings

__all__ = ["clock", "fees", "instrument", "stops"]

_HUNDRED: Final = Decimal(100)
_SECOND_MS: Final = 1_000


def clock(settings: Settings, row: Profile, *, ahead_ms: int, venue: str) -> Finding:
    """Judge how far the venue's clock is from ours."""
    limits = settings.node.doctor
    most = min(limits.max_skew_ms, int(row.signature_secs * _SECOND_MS))
    off = abs(ahead_ms)
    level = Level.OK if off <= limits.warn_skew_ms else Level.WARN if off <= most else Level.RED
    text = f"the venue's clock is {ahead_ms} ms ahead of ours, at most {most} ms are allowed"
    if level is not Level.OK:
        text += ": set this machine's clock by NTP"
    return about("clock", level, text, venue=venue, ahead_ms=ahead_ms, most_ms=most)


def instrument(
    public: Line, name: str, *, venue: str, now_ns: int
) -> tuple[Finding, MarketRow | None]:
    """Check that an instrument is listed, trades, and can be expressed exactly."""
    told = f"{name}.{venue}"
    one = replace(public.settings, instruments=(name,), leverage={})
    provider = CcxtInstrumentProvider(public, Venue(venue), settings=one, now_ns=lambda: now_ns)
    try:
        provider.fill(())
    except ValueError as e:
        return about("instrument", Level.RED, f"{told}: {e}", venue=venue, instrument=told), None
    market = public.symbols.named(name)
    level, text = Level.OK, f"tick {market.tick}, lot {market.lot}"
    if not market.active:
        level, text = Level.RED, "is not traded now"
    elif market.contract_size != 1:
        text += f", a contract is {market.contract_size} {market.base}"
    finding = about(
        "instrument",
        level,
        f"{told}: {text}",
        venue=venue,
        instrument=told,
        tick=market.tick,
        lot=market.lot,
        contract_size=market.contract_size,
    )
    return finding, market


def fees(settings: Settings, market: MarketRow, *, venue: str, instrument: str) -> Finding:
    """Compare what the venue charges with what the settings reckon with."""
    ours = settings.venue
    pairs = {
        "maker": (ours.maker_fee_percent, market.maker_fee * _HUNDRED),
        "taker": (ours.taker_fee_percent, market.taker_fee * _HUNDRED),
    }
    low = {name: pair for name, pair in pairs.items() if pair[0] is not None and pair[0] < pair[1]}
    charged = {f"{name}_percent": f"{told.normalize():f}" for name, (_, told) in pairs.items()}
    if not low:
        text = " and ".join(f"{name} {told.normalize():f} %" for name, (_, told) in pairs.items())
        taken_over = {mine for mine, _ in pairs.values()} == {None}
        rest = "which the settings take over" if taken_over else "the settings reckon with no less"
        text = f"{instrument}: the venue charges {text}, {rest}"
        return about("fees", Level.OK, text, venue=venue, instrument=instrument, **charged)
    worst = any(2 * mine < told for mine, told in low.values() if mine is not None)
    text = ", ".join(
        f"{name} {told.normalize():f} % but the settings reckon with {mine}"
        for name, (mine, told) in low.items()
    )
    return about(
        "fees",
        Level.RED if worst else Level.WARN,
        f"{instrument}: the venue charges {text}",
        venue=venue,
        instrument=instrument,
        **charged,
    )


def stops(settings: Settings, row: Profile, *, venue: str) -> Finding:
    """Check that a position can be protected by a stop that waits at the venue."""
    if settings.mode == "paper":
        text = "fills are simulated, and so are stop orders"
        return about("stops", Level.OK, text, venue=venue)
    if row.stops is None or OrderKind.STOP_MARKET not in row.kinds & row.stops.kinds:
        text = f"{row.key} takes no stop-market orders, so that no position can be protected"
        return about("stops", Level.RED, text, venue=venue)
    return about("stops", Level.OK, f"{row.key} takes stop-market orders", venue=venue)
