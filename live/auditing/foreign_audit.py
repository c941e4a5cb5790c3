"""The criteria on a trade log of another program: what it cannot tell is UNKNOWN, never PASS."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from live.auditing.crossings import crossings_of, judge_crossings, unseen_of
from live.auditing.findings import SECOND_NS, Criterion, Finding, Verdict, moment
from live.auditing.foreign import Layout, Row, TradeLog, in_time
from live.auditing.foreign_drift import foreign_drift
from live.auditing.holding import Held, judge_holding
from live.auditing.lives import Level, Life, LifeFill
from live.auditing.session import Asked, PriceBar
from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.ledger import Role

__all__ = ["Market", "audit_log"]

_LIMIT_SECS: Final = 4 * 3_600  # of a log without settings
_SILENT: Final[Mapping[Criterion, str]] = {
    Criterion.NO_CRASH: "a trade log tells neither of crashes nor of the time it ran",
    Criterion.CYCLES: "a trade log tells of no cycles in which nothing was traded",
    Criterion.PROTECTION: "a trade log does not tell when a stop was working",
    Criterion.JOURNAL: "a trade log has no digest that could show a change",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What is known beside a log: bars by its symbols, and balances that somebody said."""

    bars: Mapping[str, tuple[PriceBar, ...]] = field(default_factory=dict)
    interval_ns: int = 60 * SECOND_NS
    begun: Decimal | None = None
    ended: Decimal | None = None


def audit_log(log: TradeLog, asked: Asked, market: Market) -> tuple[Finding, ...]:
    """Judge what a trade log tells."""
    known = {
        Criterion.CROSSINGS: _crossings(log, asked, market),
        Criterion.CAPITAL_DRIFT: foreign_drift(log, asked, begun=market.begun, ended=market.ended),
        Criterion.HOLDING: _holding(log, asked),
    }
    return tuple(known.get(each) or _unknown(each, _SILENT[each]) for each in Criterion)


def _unknown(criterion: Criterion, says: str) -> Finding:
    return Finding(criterion=criterion, verdict=Verdict.UNKNOWN, says=says)


# ------------------------------------------------------------ crossings


def _crossings(log: TradeLog, asked: Asked, market: Market) -> Finding:
    if log.layout is Layout.FILLS:
        says = "a log of fills does not tell where a stop was"
        return _unknown(Criterion.CROSSINGS, says)
    if missing := log.lacks("symbol", "side", "quantity", "opened", "ended", "stop"):
        says = f"the log has no column for {missing}"
        return _unknown(Criterion.CROSSINGS, says)
    if not market.bars:
        says = "there are no bars to look at: name a catalog that has them with --catalog"
        return _unknown(Criterion.CROSSINGS, says)
    lives = [life for row in log.rows if (life := _life(row)) is not None]
    found = crossings_of(
        lives,
        market.bars,
        interval_ns=market.interval_ns,
        end_ns=log.last_ns,
        tolerance_bars=asked.crossing_bars,
    )
    unseen = [
        *unseen_of(lives, market.bars),
        *(f"line {row.line} lacks its opening, stop or quantity" for row in _shapeless(log)),
    ]
    return judge_crossings(found, unseen=unseen, bars_from="catalog")


def _shapeless(log: TradeLog) -> Iterator[Row]:
    return (row for row in log.rows if _life(row) is None)


def _life(row: Row) -> Life | None:
    """Read a trade as a plan; an exit's price tells nothing of its role, so its end counts."""
    stop, quantity, opened = row["stop"], row["quantity"], row.opened
    if stop is None or quantity is None or opened is None:
        return None
    levels = [Level(role=Role.STOP, price=stop, from_ns=opened)]
    if (target := row["target"]) is not None:
        levels.append(Level(role=Role.TARGET, price=target, from_ns=opened))
    exit_ = row["exit"]
    role = _role(row, exit_)
    entry = row["entry"]
    price = stop if entry is None else entry  # no criterion asks what an entry cost
    fills = [LifeFill(role=Role.ENTRY, ts_event=opened, quantity=quantity, price=price)]
    if exit_ is not None and row.ended is not None:
        fills.append(LifeFill(role=role, ts_event=row.ended, quantity=quantity, price=exit_))
    return Life(
        plan_id=row.plan,
        instrument_id=row.symbol,
        direction=row.side,
        planned=quantity,
        opened_ns=opened,
        ended_ns=row.ended,
        fills=tuple(fills),
        levels=tuple(levels),
    )


def _role(row: Row, exit_: Decimal | None) -> Role:
    """Guess what an exit was from where its price stands."""
    sign = 1 if row.side is Direction.LONG else -1
    stop, target = row["stop"], row["target"]
    if exit_ is not None and stop is not None and sign * (exit_ - stop) <= 0:
        return Role.STOP
    if exit_ is not None and target is not None and sign * (exit_ - target) >= 0:
        return Role.TARGET
    return Role.CLOSE


# ------------------------------------------------------------ holding


def _holding(log: TradeLog, asked: Asked) -> Finding:
    if log.layout is Layout.FILLS:
        missing, held = log.lacks("time", "symbol", "quantity"), _held_by_fills
    else:
        missing, held = log.lacks("opened", "ended"), _held_by_trades
    if missing:
        return _unknown(Criterion.HOLDING, f"the log has no column for {missing}")
    found = held(log)
    if isinstance(found, str):
        return _unknown(Criterion.HOLDING, found)
    limit = asked.max_holding_secs or _LIMIT_SECS
    return judge_holding(found, limit_secs=limit, grace_secs=0)


def _held_by_trades(log: TradeLog) -> list[Held] | str:
    found: list[Held] = []
    for row in log.rows:
        if row.opened is None:
            return f"the trade of line {row.line} does not say when it was opened"
        if row.ended is not None and row.ended < row.opened:
            return f"the trade of line {row.line} ended at {moment(row.ended)}, before it began"
        end = log.last_ns if row.ended is None else row.ended
        found.append((f"{row.symbol} {row.plan}", row.opened, end, row.ended is not None))
    return found


def _held_by_fills(log: TradeLog) -> list[Held] | str:
    """Follow each symbol from its first fill to the one after which nothing is left."""
    found: list[Held] = []
    since: dict[str, int] = {}
    left: dict[str, Decimal] = {}
    for row in in_time(log.rows):
        if row.time is None or row.side is None or row["quantity"] is None:
            return f"the fill of line {row.line} lacks a time, a side or a quantity"
        before = left.get(row.symbol, Decimal(0))
        after = before + row.side.sign * (row["quantity"] or Decimal(0))
        if before and before * after <= 0:
            found.append((row.symbol, since.pop(row.symbol), row.time, True))
        if after and before * after <= 0:
            since[row.symbol] = row.time
        left[row.symbol] = after
    return [*found, *_still_open(since, log.last_ns)]


def _still_open(since: Mapping[str, int], now_ns: int) -> Sequence[Held]:
    return [(symbol, opened, now_ns, False) for symbol, opened in since.items()]
