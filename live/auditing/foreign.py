"""Reads a trade log of another program: a row for each trade, or a row for each fill."""

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Final

from live.auditing.columns import ForeignError, columns_of, number, side, time_ns
from morningstar_strategy.core.commands import Direction

__all__ = ["ForeignError", "Layout", "Row", "TradeLog", "in_time", "read_trade_log"]

_UNFILLED: Final = frozenset(
    {"pending", "cancelled", "canceled", "expired", "rejected", "denied", "failed", "new"}
)
_LARGEST: Final = 1 << 28  # bytes


class Layout(StrEnum):
    """What a row tells of."""

    TRADES = "trades"
    FILLS = "fills"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One row; what its log has no column for, or leaves empty, is None."""

    line: int
    plan: str
    symbol: str
    side: Direction | None
    time: int | None
    opened: int | None
    ended: int | None
    numbers: Mapping[str, Decimal | None]

    def __getitem__(self, name: str) -> Decimal | None:
        """Give a number of the row."""
        return self.numbers.get(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class TradeLog:
    """A log as it was understood: `columns` says what was read from which of its columns."""

    layout: Layout
    columns: Mapping[str, str]
    rows: tuple[Row, ...]  # of what was filled
    unfilled: int = 0

    def lacks(self, *fields: str) -> str:
        """Name the columns that are missing for something, "" for none."""
        missing = [field for field in fields if field not in self.columns]
        return ", ".join(missing)

    @property
    def last_ns(self) -> int:
        """Give the latest time in the log, 0 where it has none."""
        times = (ns for row in self.rows for ns in (row.time, row.opened, row.ended))
        return max((ns for ns in times if ns is not None), default=0)


_NUMBERS: Final = (
    *("entry", "exit", "price", "quantity", "fee", "funding", "gross", "net", "pnl"),
    *("balance", "stop", "target"),
)


def read_trade_log(path: Path) -> TradeLog:
    """Read a trade log; raise ForeignError in one sentence for what cannot be understood."""
    try:
        if path.stat().st_size > _LARGEST:
            raise ForeignError(f"{path} is larger than {_LARGEST >> 20} MiB")
        with path.open(encoding="utf-8-sig", newline="") as file:
            first = file.readline()
            file.seek(0)
            delimiter = max(",;\t", key=first.count)
            return _log(csv.DictReader(file, delimiter=delimiter, strict=True), path)
    except (OSError, UnicodeDecodeError, csv.Error) as e:
        raise ForeignError(f"{path} cannot be read as CSV: {e}") from e


def _log(reader: csv.DictReader[str], path: Path) -> TradeLog:
    columns = columns_of(reader.fieldnames or ())
    layout = _layout(columns, path)
    rows: list[Row] = []
    unfilled = 0
    for cells in reader:
        where = f"{path.name} line {reader.line_num}"
        if None in cells or None in cells.values():
            raise ForeignError(f"{where} has not as many cells as the header")
        told = {field: cells[name] for field, name in columns.items()}
        if told.get("status", "").strip().lower() in _UNFILLED:
            unfilled += 1
        else:
            rows.append(_row(told, where, reader.line_num))
    if not rows:
        raise ForeignError(f"{path.name} tells of nothing that was filled")
    return TradeLog(layout=layout, columns=columns, rows=tuple(rows), unfilled=unfilled)


def _layout(columns: Mapping[str, str], path: Path) -> Layout:
    if "entry" in columns or ("opened" in columns and "ended" in columns):
        return Layout.TRADES
    if {"price", "side"} <= columns.keys():
        return Layout.FILLS
    raise ForeignError(
        f"{path.name} has neither entry_price (a row for each trade) nor price and side (a row "
        f"for each fill); it was understood to have {', '.join(sorted(columns)) or 'nothing'}"
    )


def _row(told: Mapping[str, str], where: str, line: int) -> Row:
    said = told.get("side", "")
    return Row(
        line=line,
        plan=told.get("plan", "") or f"of line {line}",
        symbol=told.get("symbol", "").strip(),
        side=side(said, where=f"{where}: side") if said.strip() else None,
        time=_time(told, "time", where),
        opened=_time(told, "opened", where),
        ended=_time(told, "ended", where),
        numbers={name: number(told.get(name, ""), where=f"{where}: {name}") for name in _NUMBERS},
    )


def _time(told: Mapping[str, str], name: str, where: str) -> int | None:
    return time_ns(told.get(name, ""), where=f"{where}: {name}")


def in_time(rows: Iterable[Row]) -> list[Row]:
    """Order rows by when their money moved; those of one moment stay in their order."""
    return sorted(rows, key=lambda row: row.ended or row.time or row.opened or 0)
