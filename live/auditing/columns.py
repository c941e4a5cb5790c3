"""What the columns of other programs' trade logs are called, and how their cells are read."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Final

from morningstar_strategy.core.commands import Direction

__all__ = ["ForeignError", "columns_of", "number", "side", "time_ns"]

_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "plan": ("order_id", "trade_id", "position_id", "id"),
    "symbol": ("symbol", "pair", "coin", "instrument", "instrument_id", "market", "ticker"),
    "side": ("direction", "side", "position_side", "action"),
    "time": ("timestamp", "time", "datetime", "date", "created_at", "ts"),
    "opened": ("opened", "open_time", "entry_time", "opened_at", "open_date", "entry_timestamp"),
    "ended": ("ended", "close_time", "exit_time", "closed_at", "close_date", "exit_timestamp"),
    "entry": ("entry_price", "open_price", "avg_entry_price", "open_rate", "entry"),
    "exit": ("exit_price", "close_price", "avg_exit_price", "close_rate", "exit"),
    "price": ("price", "fill_price", "avg_price", "executed_price"),
    "quantity": ("quantity", "qty", "amount", "size", "filled", "contracts"),
    "fee": ("fee", "fees", "commission", "commissions", "costs", "total_fees"),
    "funding": ("funding", "funding_fee", "funding_fees"),
    "gross": ("gross", "gross_pnl", "gross_profit"),
    "net": ("net", "net_pnl", "net_profit"),
    "pnl": ("pnl", "profit", "realized_pnl", "realised_pnl", "profit_loss", "profit_abs"),
    "status": ("status", "state"),
    "balance": ("balance", "balance_after", "account_balance", "wallet_balance", "capital", "cash"),
    "stop": ("stop_loss_price", "stop_loss", "stop_price", "sl"),
    "target": ("take_profit_price", "take_profit", "tp"),
}
_SIDES: Final[Mapping[str, Direction]] = {
    **dict.fromkeys(("LONG", "BUY"), Direction.LONG),
    **dict.fromkeys(("SHORT", "SELL"), Direction.SHORT),
}
_DAY: Final = re.compile(r"\d{4}-\d\d-\d\d(?!\d)")
_DIGITS: Final = re.compile(r"\d+(\.\d+)?")
# A whole number of this many digits, from 2001 to 2286, is of this unit
_UNITS: Final[Mapping[int, int]] = {10: 10**9, 13: 10**6, 16: 10**3, 19: 1}


class ForeignError(ValueError):
    """A trade log cannot be read, in one sentence."""


def columns_of(header: Sequence[str]) -> dict[str, str]:
    """Tell which column is what, by its usual names; raise ForeignError for a name told twice."""
    plain = [re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_") for name in header]
    for name in plain:
        if name and plain.count(name) > 1:
            raise ForeignError(f"column {name!r} is there {plain.count(name)} times")
    found: dict[str, str] = {}
    for field, names in _NAMES.items():
        for name in names:
            if name in plain:
                found[field] = header[plain.index(name)]
                break
    return found


def number(text: str, *, where: str) -> Decimal | None:
    """Read an exact number, None for an empty cell; raise ForeignError for anything else."""
    text = text.strip()
    if not text:
        return None
    try:
        value = Decimal(text)
    except InvalidOperation:
        value = Decimal("nan")
    if not value.is_finite() or "_" in text:
        raise ForeignError(f"{where} must be a number with a point, was {text!r:.60}")
    return value


def side(text: str, *, where: str) -> Direction:
    """Read LONG, SHORT, BUY or SELL."""
    found = _SIDES.get(text.strip().upper())
    if found is None:
        raise ForeignError(f"{where} must be LONG, SHORT, BUY or SELL, was {text!r:.60}")
    return found


def time_ns(text: str, *, where: str) -> int | None:
    """Read a time, None for an empty cell: ISO 8601, or UNIX s, ms, us or ns by its digits.

    ISO without a zone is taken as UTC. Raises ForeignError for what could be several times, such
    as 01/02/2024.
    """
    text = text.strip()
    if not text:
        return None
    if _DIGITS.fullmatch(text):
        return _unix(text, where)
    refusal = (
        f"{where} must be a time such as 2024-01-31T12:00:00Z or UNIX seconds or milliseconds, "
        f"was {text!r:.60}"
    )
    if not _DAY.match(text):
        raise ForeignError(refusal)
    try:
        # Digits beyond a microsecond are cut: an audit counts in seconds
        found = datetime.fromisoformat(re.sub(r"(\.\d{6})\d+", r"\1", text))
    except ValueError as e:
        raise ForeignError(refusal) from e
    found = found.replace(tzinfo=UTC) if found.tzinfo is None else found
    whole = int(found.replace(microsecond=0).timestamp())
    return whole * 10**9 + found.microsecond * 1_000


def _unix(text: str, where: str) -> int:
    whole, _, fraction = text.partition(".")
    unit = _UNITS.get(len(whole))
    if unit is None or whole.startswith("0") or (fraction and unit == 1):
        raise ForeignError(
            f"{where} must be UNIX seconds or milliseconds of this century, was {text!r:.60}"
        )
    return int(Decimal(text) * unit)
