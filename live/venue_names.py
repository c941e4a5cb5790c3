"""What names say of venues: which one an instrument is of, and whether the engine serves it."""

from ccxt_nt.natives import NATIVES

__all__ = ["is_native", "venue_of"]


def venue_of(instrument_id: str) -> str:
    """Name the venue of an instrument."""
    return instrument_id.rpartition(".")[2]


def is_native(venue: str) -> bool:
    """Say whether the engine has clients of its own for a venue, however its name is written."""
    return venue.strip().lower() in NATIVES
