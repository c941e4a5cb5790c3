"""Criterion three for a trade log: rows agree with their prices, and their sum with the balance."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

from live.auditing.drift import BalanceSums
from live.auditing.findings import Criterion, Finding, Verdict
from live.auditing.foreign import Layout, Row, TradeLog, in_time
from live.auditing.session import Asked
from morningstar_strategy.core.records import Value

__all__ = ["foreign_drift"]

_ZERO: Final = Decimal(0)


def foreign_drift(
    log: TradeLog, asked: Asked, *, begun: Decimal | None, ended: Decimal | None
) -> Finding:
    """Compare what the rows earned with the change of the balance.

    `begun` and `ended` are balances that somebody said; without them the column is taken, from
    after the first row on. A row whose result contradicts its own prices is a fault by itself.
    """
    missing = _missing(log)
    if missing:
        return _finding(Verdict.UNKNOWN, f"the log has no column for {missing}")
    rows = in_time(log.rows)
    steps = _steps(log.layout, rows)
    if isinstance(steps, str):
        return _finding(Verdict.UNKNOWN, steps)
    faults = _contradictions(rows, asked) if log.layout is Layout.TRADES else ()
    change = _change(rows, begun, ended)
    if change is None:
        says = "the log has no column for the balance; say --begin-balance and --end-balance"
        verdict = Verdict.FAIL if faults else Verdict.UNKNOWN
        return _finding(verdict, says, {"earned": f"{sum(steps, _ZERO):f}"}, faults)
    changed, is_whole = change
    earned = sum(steps if is_whole else steps[1:], _ZERO)
    drift = changed - earned
    left = _still_open(log)
    if abs(drift) >= asked.drift and not left:
        faults = (*faults, f"the balance differs by {drift:f} from what the rows amount to")
    evidence: dict[str, Value] = {
        "change": f"{changed:f}",
        "earned": f"{earned:f}",
        "fees": f"{sum((row['fee'] or _ZERO for row in rows), _ZERO):f}",
        "funding": f"{sum((row['funding'] or _ZERO for row in rows), _ZERO):f}",
        "drift": f"{drift:f}",
        "rows": len(rows),
    }
    says = f"the balance changed by {changed:f}, of which {drift:f} is not explained"
    verdict = Verdict.PASS
    if abs(drift) >= asked.drift and left:
        verdict = Verdict.UNKNOWN
        says += f": the log does not tell what the {left} still open have closed in part"
    return _finding(Verdict.FAIL if faults else verdict, says, evidence, faults)


def _still_open(log: TradeLog) -> int:
    if log.layout is Layout.FILLS:
        return 0
    return sum(row.ended is None and row["exit"] is None for row in log.rows)


def _finding(
    verdict: Verdict,
    says: str,
    evidence: dict[str, Value] | None = None,
    faults: tuple[str, ...] = (),
) -> Finding:
    return Finding(
        criterion=Criterion.CAPITAL_DRIFT,
        verdict=verdict,
        says=says,
        evidence=evidence or {},
        faults=faults,
    )


def _missing(log: TradeLog) -> str:
    prices = ("entry", "exit") if log.layout is Layout.TRADES else ("price", "symbol", "time")
    return log.lacks(*prices, "side", "quantity", "fee")


def _steps(layout: Layout, rows: Sequence[Row]) -> list[Decimal] | str:
    """Give what each row moves the balance by, or say which row cannot be booked."""
    if layout is Layout.FILLS:
        return _booked(rows)
    found = []
    for row in rows:
        gross = _gross(row)
        if gross is None and row.ended is None and row["exit"] is None:
            # Still open: only its fees and funding have moved the balance
            found.append((row["funding"] or _ZERO) - (row["fee"] or _ZERO))
        elif gross is None:
            return f"the trade of line {row.line} lacks a price, a quantity or a direction"
        else:
            found.append(gross - (row["fee"] or _ZERO) + (row["funding"] or _ZERO))
    return found


def _booked(rows: Sequence[Row]) -> list[Decimal] | str:
    sums, found = BalanceSums(), []
    for row in rows:
        quantity, price = row["quantity"], row["price"]
        if row.side is None or quantity is None or price is None:
            return f"the fill of line {row.line} lacks a price, a quantity or a side"
        before = sums.change
        sums.fill(row.symbol, row.side.sign * quantity, price)
        sums.fees += row["fee"] or _ZERO
        sums.funding += row["funding"] or _ZERO
        found.append(sums.change - before)
    return found


def _gross(row: Row) -> Decimal | None:
    entry, exit_, quantity = row["entry"], row["exit"], row["quantity"]
    if entry is None or exit_ is None or quantity is None or row.side is None:
        return None
    return row.side.sign * (exit_ - entry) * quantity


def _contradictions(rows: Sequence[Row], asked: Asked) -> tuple[str, ...]:
    """Find results that their own prices contradict.

    A column called only pnl or profit may be before or after fees; it must be one for all rows.
    """
    found = [
        fault
        for row in rows
        for name in ("gross", "net")
        for fault in _contradiction(row, name, name, asked)
    ]
    ways = [
        [fault for row in rows for fault in _contradiction(row, "pnl", way, asked)]
        for way in ("gross", "net")
    ]
    return (*found, *min(ways, key=len))


def _contradiction(row: Row, name: str, way: str, asked: Asked) -> tuple[str, ...]:
    said, gross = row[name], _gross(row)
    if said is None or gross is None:
        return ()
    net = gross - (row["fee"] or _ZERO) + (row["funding"] or _ZERO)
    expected = gross if way == "gross" else net
    if abs(said - expected) < asked.drift:
        return ()
    return (f"line {row.line} says {name} {said:f}, its prices amount to {expected:.4f}",)


def _change(
    rows: Sequence[Row], begun: Decimal | None, ended: Decimal | None
) -> tuple[Decimal, bool] | None:
    """Give the change of the balance, and whether it holds the first row too."""
    told = [row["balance"] for row in rows]
    last = ended if ended is not None else told[-1]
    first = begun if begun is not None else told[0]
    if first is None or last is None:
        return None
    return last - first, begun is not None
