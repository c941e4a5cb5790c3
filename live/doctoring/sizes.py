"""Whether the positions that the settings lead to are positions the venue takes."""

from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Final

from ccxt_nt.values import MarketRow
from live.doctoring.finding import Finding, Level, about
from morningstar_strategy.core.policy import Distances
from morningstar_strategy.settings.schema import Settings

__all__ = ["Sizes", "likely_sizes", "size"]

_HUNDRED: Final = Decimal(100)
_CENT: Final = Decimal("0.01")


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """The notional of the smallest and the largest position that is likely; account currency."""

    smallest: Decimal
    largest: Decimal
    stop_percent: Decimal


def likely_sizes(settings: Settings, equity: Decimal) -> Sizes:
    """Reckon with the caps of sizing and risk, and a market that moves as far as its stop.

    The largest is what the caps leave. The smallest has no confidence behind it, in a market
    whose standard deviation over the horizon of the sizing is the distance of the stop.
    """
    sizing, risk, decision = settings.decision.sizing, settings.risk, settings.decision
    stop = decision.stop_percent
    if decision.distances is Distances.PREDICTED:
        stop = risk.max_stop_distance_percent
    caps = (
        sizing.max_size_percent,
        risk.max_position_percent,
        risk.max_exposure_percent,
        risk.max_risk_percent * _HUNDRED / stop,
    )
    largest = min(equity * min(caps) / _HUNDRED, risk.max_order_notional)
    share = sizing.target_volatility_percent / stop * Decimal(str(sizing.least_share))
    return Sizes(smallest=min(equity * share, largest), largest=largest, stop_percent=stop)


def size(
    settings: Settings,
    market: MarketRow,
    *,
    price: Decimal,
    equity: Decimal,
    venue: str,
    instrument: str,
) -> Finding:
    """Compare the likely sizes with the venue's lot and minimums."""
    sizes = likely_sizes(settings, equity)
    lot = market.lot * market.contract_size * price  # what one lot is worth
    most = settings.node.doctor.lot_percent
    level, text = Level.OK, "fits lot and minimums"
    if fault := _too_small(sizes.largest, market, price, sizes.stop_percent):
        level, text = Level.RED, f"is never large enough: at most {_told(sizes.largest)}, {fault}"
    elif lot * _HUNDRED > sizes.largest * most:
        level = Level.RED
        text = f"cannot be in proportion: a lot is worth {_told(lot)} of {_told(sizes.largest)}"
    elif fault := _too_small(sizes.smallest, market, price, sizes.stop_percent):
        level, text = Level.WARN, f"is often too small: from {_told(sizes.smallest)} on, {fault}"
    elif lot * _HUNDRED > sizes.smallest * most:
        percent = (lot * _HUNDRED / sizes.smallest).quantize(_CENT)
        level, text = Level.WARN, f"is rounded by up to {percent} % where it is small"
    return about(
        "size",
        level,
        f"a position of {instrument} {text}",
        venue=venue,
        instrument=instrument,
        price=price,
        smallest=_told(sizes.smallest),
        largest=_told(sizes.largest),
        lot_worth=_told(lot),
        min_quantity=market.min_quantity,
        min_notional=market.min_notional,
        contract_size=market.contract_size,
    )


def _too_small(notional: Decimal, market: MarketRow, price: Decimal, stop: Decimal) -> str:
    """Say which minimum a position in whole lots misses, "" where none; its stop is cheaper."""
    worth = price * market.contract_size
    quantity = (notional / worth / market.lot).to_integral_value(ROUND_DOWN) * market.lot
    least = max(market.min_quantity or market.lot, market.lot)
    if quantity < least:
        return f"while the venue takes {least:f}, which is worth {_told(worth * least)}"
    at_stop = quantity * worth * (1 - stop / _HUNDRED)
    if market.min_notional is not None and at_stop < market.min_notional:
        return f"while the venue takes orders worth {market.min_notional:f}"
    return ""


def _told(amount: Decimal) -> str:
    return f"{amount.quantize(_CENT)}"
