"""A person at the venue, who trades beside the node and cancels its orders."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any, Final

from tests.venue.played_process import PlayedVenue, PlayedVenueError

__all__ = ["Hands"]

# `Any` in this module: a venue's truth is JSON of every shape

_WORTH: Final = Decimal(200)  # USDT, of what is bought beside
_ALL, _HALF = 0.3, 0.6  # below these a position is closed, or half of it; else more is opened
_STOPS: Final = 0.7  # how often a stop is cancelled rather than any order


@dataclass(frozen=True, slots=True, kw_only=True)
class Hands:
    """Acts on what there is just then; each act says whether it was done."""

    venue: PlayedVenue
    decode: Callable[[str], str | None]

    def trade(self, pick: float, size: float) -> bool:
        """Close a position, or half of it, or open more of one."""
        truth = self.venue.truth()
        held = {name: Decimal(row["base"]) for name, row in truth["positions"].items()}
        held = {name: base for name, base in held.items() if base}
        if size < _HALF:
            if not held:
                return False
            name = _picked(sorted(held), pick)
            share = Decimal(1) if size < _ALL else Decimal("0.5")
            quantity = self._lots(name, abs(held[name]) * share)
            return self._send(name, buy=held[name] < 0, quantity=quantity, reduce_only=True)
        name = _picked(sorted(truth["prices"]), pick)
        quantity = self._lots(name, _WORTH / Decimal(truth["prices"][name]))
        return self._send(name, buy=size < (1 + _HALF) / 2, quantity=quantity, reduce_only=False)

    def cancel(self, pick: float, size: float) -> bool:
        """Cancel a stop of the node, or any order of it."""
        ours = [order for order in self.venue.truth()["open_orders"] if self._is_ours(order)]
        stops = [order for order in ours if order["trigger_price"] is not None]
        meant = stops if size < _STOPS and stops else ours
        if not meant:
            return False
        try:
            self.venue.cancel(_picked([order["order_id"] for order in meant], pick))
        except PlayedVenueError as e:
            return _was_refused(e)
        return True

    def _send(self, name: str, *, buy: bool, quantity: Decimal, reduce_only: bool) -> bool:
        if quantity <= 0:
            return False
        side = "buy" if buy else "sell"
        try:
            self.venue.manual_trade(name, side, quantity, reduce_only=reduce_only)
        except PlayedVenueError as e:
            return _was_refused(e)
        return True

    def _lots(self, name: str, base: Decimal) -> Decimal:
        market = next(row for row in self.venue.opening["markets"] if row["name"] == name)
        lot = Decimal(market["lot"]) * Decimal(market["contract_size"])
        return (base / lot).to_integral_value(ROUND_DOWN) * lot

    def _is_ours(self, order: Mapping[str, Any]) -> bool:
        return order["client_id"] is not None and self.decode(order["client_id"]) is not None


def _picked(items: list[str], pick: float) -> str:
    return items[int(pick * len(items))]


def _was_refused(e: PlayedVenueError) -> bool:
    """Say that nothing was done where the venue said no, which it may; raise anything else."""
    if "refused" not in f"{e}":
        raise e
    return False
