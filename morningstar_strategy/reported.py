"""Compares runs of anybody's strategy by the reports that the engine gives of orders and fills."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.parquet as pq

from morningstar_strategy.core.divergence.ladder import Divergence, diverge
from morningstar_strategy.core.divergence.values import DivergenceError, Side
from morningstar_strategy.core.fields import NUMERIC, exact_or_none, money, text
from morningstar_strategy.core.records import Kind, Record, Value

__all__ = ["by_fills_alone", "compare_reports", "one_span", "read_reports", "side_of_reports"]

_FILLS: Final = (
    *("client_order_id", "instrument_id", "order_side", "last_qty", "last_px", "ts_event"),
)
_ORDERS: Final = ("client_order_id", "instrument_id", "side", "status", "ts_init")
_OF_FILLS: Final = (
    *(*_FILLS, "order_type", "commission", "liquidity_side", "currency", "trade_id"),
)
_OF_ORDERS: Final = (*_ORDERS, "type", "quantity", "price", "trigger_price", "ts_last")
_TOLD: Final = ("quantity", "price", "trigger_price")
_ENDS: Final = frozenset({"REJECTED", "DENIED", "CANCELED", "EXPIRED"})

# A pandas DataFrame, which we need not have, or a table of Arrow
type Report = Any
type Row = Mapping[str, object]


def compare_reports(
    fills_a: Report,
    fills_b: Report,
    *,
    orders_a: Report = None,
    orders_b: Report = None,
    names: tuple[str, str] = ("A", "B"),
    simulated: bool = True,
    slack_ns: int | None = None,
) -> Divergence:
    """Compare two runs by the engine's fills reports and, where both are given, orders reports.

    `simulated` says that both are backtests: then times must agree to the nanosecond. Raises
    DivergenceError for a report without the columns it must have, or without any row.
    """
    if (orders_a is None) != (orders_b is None):
        orders_a = orders_b = None
    a = side_of_reports(names[0], fills_a, orders=orders_a, simulated=simulated)
    b = side_of_reports(names[1], fills_b, orders=orders_b, simulated=simulated)
    return diverge(*one_span(a, b), slack_ns=slack_ns)


def side_of_reports(
    name: str, fills: Report, *, orders: Report = None, simulated: bool = True
) -> Side:
    """Turn reports of one run into a side of a comparison; it knows nothing below the orders."""
    records: list[Record] = []
    if orders is not None:
        records += _orders(name, _rows(name, orders, _ORDERS, _OF_ORDERS))
    filled = _rows(name, fills, _FILLS, _OF_FILLS)
    currency = _currency(name, filled)
    records += _fills(name, _once(name, filled), currency)
    if not records:
        raise DivergenceError(f"the reports of {name} hold no row, so there is nothing to compare")
    records.sort(key=lambda record: record.ts_event)
    return Side(
        name=name,
        records=tuple(records),
        start_ns=records[0].ts_event,
        end_ns=records[-1].ts_event,
        simulated=simulated,
        has_decisions=False,
        currency=currency,
    )


def read_reports(path: Path) -> Side:
    """Read a Parquet file, or a folder of them; which report each is, its columns tell."""
    files = sorted(path.glob("*.parquet")) if path.is_dir() else [path]
    fills: list[pa.Table] = []
    orders: list[pa.Table] = []
    for file in files:
        table = _parquet(file)
        if "last_px" in table.column_names:
            fills.append(table)
        elif "status" in table.column_names:
            orders.append(table)
        else:
            raise DivergenceError(f"{file} is neither a fills report nor an orders report")
    if not fills:
        raise DivergenceError(f"{path} holds no fills report, which has a column last_px")
    return side_of_reports(
        path.stem, _joined(path, fills), orders=_joined(path, orders) if orders else None
    )


def _joined(path: Path, tables: Sequence[pa.Table]) -> pa.Table:
    try:
        return pa.concat_tables(tables, promote_options="permissive")
    except pa.ArrowException as e:
        raise DivergenceError(f"the reports in {path} do not fit together: {_first(e)}") from e


def _first(error: Exception) -> str:
    return f"{error}".partition("\n")[0]


def one_span(a: Side, b: Side) -> tuple[Side, Side]:
    """Let reports, which tell no time but their rows', count for the time of both runs."""
    start, end = min(a.start_ns, b.start_ns), max(a.end_ns, b.end_ns)
    return _within(a, start, end), _within(b, start, end)


def _within(side: Side, start_ns: int, end_ns: int) -> Side:
    return side if side.has_decisions else replace(side, start_ns=start_ns, end_ns=end_ns)


def by_fills_alone(side: Side) -> Side:
    """Reduce a run to its fills, named by instrument and side: what reports of others tell too.

    What a simulation charges for slippage is part of the commission there.
    """
    fills = tuple(_plain_fill(record) for record in side.records if record.kind is Kind.FILL)
    if not fills:
        raise DivergenceError(f"{side.name} has no fill, so there is nothing to compare")
    return replace(side, records=fills, has_decisions=False, bars=None, bars_sha256="")


def _plain_fill(record: Record) -> Record:
    charged = money(record, "fee") + money(record, "slippage")
    told: dict[str, Value] = {
        "plan_id": "",
        "role": text(record, "side").lower(),
        "fee": f"{charged:f}",
        "slippage": "0",
    }
    return replace(record, fields={**record.fields, **told})


def _parquet(file: Path) -> pa.Table:
    try:
        return pq.read_table(file)
    except (OSError, pa.ArrowException) as e:
        raise DivergenceError(f"{file} cannot be read as Parquet: {_first(e)}") from e


def _rows(name: str, report: Report, needed: Sequence[str], wanted: Sequence[str]) -> list[Row]:
    table = report if isinstance(report, pa.Table) else _table(name, report, wanted)
    missing = [column for column in needed if column not in table.column_names]
    if missing:
        raise DivergenceError(f"a report of {name} lacks the column {missing[0]}")
    twice = [column for column in wanted if table.column_names.count(column) > 1]
    if twice:
        raise DivergenceError(f"a report of {name} has the column {twice[0]} twice")
    columns = {
        column: _plain(name, column, table.column(column))
        for column in wanted
        if column in table.column_names
    }
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _table(name: str, frame: Report, wanted: Sequence[str]) -> pa.Table:
    """Take the columns we need of a DataFrame, whose index holds the order ids."""
    if not hasattr(frame, "reset_index"):
        raise DivergenceError(
            f"a report of {name} must be a DataFrame or a table of Arrow, was "
            f"{type(frame).__name__}"
        )
    flat = frame.reset_index(drop=frame.index.name is None or frame.index.name in frame.columns)
    try:
        return pa.Table.from_pandas(
            flat[[column for column in wanted if column in flat.columns]], preserve_index=False
        )
    except (pa.ArrowException, ValueError) as e:  # such as a column of texts and numbers
        raise DivergenceError(f"a report of {name} cannot be read: {_first(e)}") from e


def _plain(name: str, column: str, told: pa.ChunkedArray) -> list[object]:
    """Give the values of a column, times as UNIX nanoseconds."""
    try:
        if pa.types.is_timestamp(told.type):
            told = told.cast(pa.timestamp("ns", tz=told.type.tz)).cast(pa.int64())
        values: list[object] = told.to_pylist()
    except (pa.ArrowException, ValueError) as e:  # such as a time after 2262
        raise DivergenceError(f"{column} in a report of {name} cannot be read: {_first(e)}") from e
    return values


def _once(name: str, rows: Sequence[Row]) -> Sequence[Row]:
    """Refuse a fill that is told twice, as where reports overlap."""
    seen: set[tuple[object, object]] = set()
    for row in rows:
        trade = row.get("trade_id")
        key = (row["client_order_id"], trade)
        if trade is not None and key in seen:
            raise DivergenceError(
                f"a report of {name} tells trade_id {trade} of order {key[0]} twice"
            )
        seen.add(key)
    return rows


def _fills(name: str, rows: Sequence[Row], currency: str) -> Iterator[Record]:
    for row in rows:
        fee, _, paid_in = f"{row.get('commission') or 0}".partition(" ")
        counted = paid_in in ("", currency)  # a fee in another currency is not, as in a journal
        fields: dict[str, Value] = {
            "order_id": f"{row['client_order_id']}",
            "plan_id": "",
            "role": _role(row["order_side"], row.get("order_type")),
            "side": f"{row['order_side']}",
            "quantity": _exact(name, row, "last_qty"),
            "price": _exact(name, row, "last_px"),
            "fee": _exact(name, {"commission": fee}, "commission") if counted else "0",
            "slippage": "0",
            "liquidity": f"{row.get('liquidity_side') or ''}",
        }
        yield _record(name, Kind.FILL, row, _time(name, row, "ts_event"), fields)


def _orders(name: str, rows: Sequence[Row]) -> Iterator[Record]:
    for row in rows:
        known: dict[str, Value] = {
            "order_id": f"{row['client_order_id']}",
            "plan_id": "",
            "role": _role(row["side"], row.get("type")),
        }
        told = {field: f"{row[field]}" for field in _TOLD if isinstance(row.get(field), str)}
        begun = _time(name, row, "ts_init")
        yield _record(name, Kind.ORDER, row, begun, {**known, "event": "placed", **told})
        if f"{row['status']}" in _ENDS:
            ended = _time(name, row, "ts_last") if row.get("ts_last") else begun
            event = f"{row['status']}".lower()
            yield _record(name, Kind.ORDER, row, ended, {**known, "event": event})


def _record(name: str, kind: Kind, row: Row, ts_event: int, fields: Mapping[str, Value]) -> Record:
    instrument = row["instrument_id"]
    if not isinstance(instrument, str):
        raise DivergenceError(f"instrument_id in a report of {name} must be text, was {instrument}")
    return Record(ts_event=ts_event, kind=kind, instrument_id=instrument, fields=dict(fields))


def _role(side: object, kind: object) -> str:
    return f"{side} {kind or ''}".strip().lower()


def _exact(name: str, row: Row, column: str) -> str:
    number = exact_or_none(f"{row[column]}")
    if number is None:
        raise DivergenceError(
            f"{column} in a report of {name} must be {NUMERIC}, was {row[column]!r:.80}"
        )
    return f"{number:f}"


def _time(name: str, row: Row, column: str) -> int:
    value = row[column]
    if type(value) is not int or not 0 <= value < 1 << 63:
        raise DivergenceError(f"{column} in a report of {name} must be a time, was {value!r:.60}")
    return value


def _currency(name: str, fills: Sequence[Row]) -> str:
    """Give the currency of the fills, by default that of the first fee; there may be but one."""
    told = sorted({f"{row['currency']}" for row in fills if row.get("currency")})
    if len(told) > 1:
        raise DivergenceError(
            f"currency in a report of {name} must be one, since money is added up, was "
            f"{' and '.join(told)}"
        )
    fees = (f"{row.get('commission') or ''}".partition(" ")[2] for row in fills)
    return told[0] if told else next((fee for fee in fees if fee), "")
