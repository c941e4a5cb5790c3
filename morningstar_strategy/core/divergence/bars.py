"""The lowest rung: whether two runs saw the same bars."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from morningstar_strategy.core.divergence.values import (
    Cause,
    Found,
    Ohlcv,
    Rung,
    RungResult,
    Side,
    Standing,
    utc,
)
from morningstar_strategy.core.fields import money
from morningstar_strategy.core.records import Kind, Record

__all__ = ["compare_bars", "journal_bars"]

_NAMES: Final = ("open", "high", "low", "close", "volume")
_SHIFTED: Final = 0.8  # of unmatched bars, found again at one and the same distance
_FEWEST: Final = 5  # bars that make a shift
_MEETING: Final = 0.5  # of the bars of one run that must meet the other's, or all are told as one

type Series = Mapping[int, Ohlcv]


def journal_bars(
    records: Iterable[Record],
) -> tuple[dict[str, dict[int, Ohlcv]], frozenset[tuple[str, int]]]:
    """Collect the bars that a journal tells by instrument and close, and those that came late."""
    bars: dict[str, dict[int, Ohlcv]] = {}
    late: set[tuple[str, int]] = set()
    newest: dict[str, int] = {}
    for record in records:
        if record.kind is not Kind.BAR:
            continue
        name, ts_event = record.instrument_id, record.ts_event
        if ts_event < newest.get(name, ts_event):
            late.add((name, ts_event))
        newest[name] = max(newest.get(name, ts_event), ts_event)
        opened, high, low, close, volume = (money(record, field) for field in _NAMES)
        bars.setdefault(name, {})[ts_event] = (opened, high, low, close, volume)
    return bars, frozenset(late)


def compare_bars(a: Side, b: Side) -> tuple[RungResult, tuple[Found, ...]]:
    """Compare the bars of the common time and instruments."""
    if a.bars is None or b.bars is None:
        return _unrecorded(a, b)
    found: list[Found] = []
    compared = outside_a = outside_b = 0
    for name in sorted({*a.bars} & {*b.bars}):
        ours, theirs = _within(a.bars[name], b), _within(b.bars[name], a)
        outside_a += len(a.bars[name]) - len(ours)
        outside_b += len(b.bars[name]) - len(theirs)
        compared += len(ours.keys() | theirs.keys())
        found.extend(_differing(name, ours, theirs, a, b))
    result = RungResult(
        rung=Rung.DATA,
        standing=Standing.DIFFERS if found else Standing.SAME,
        compared=compared,
        differing=len(found),
        outside_a=outside_a,
        outside_b=outside_b,
        says=f"bars from {' and '.join(dict.fromkeys((a.bars_from, b.bars_from)))}"
        f"{_apart(a.bars, b.bars)}",
    )
    return result, tuple(found)


def _unrecorded(a: Side, b: Side) -> tuple[RungResult, tuple[Found, ...]]:
    if a.bars_sha256 and a.bars_sha256 == b.bars_sha256:
        said = "both read the same bytes of a catalog"
        return RungResult(rung=Rung.DATA, standing=Standing.SAME, says=said), ()
    missing = " and ".join(side.name for side in (a, b) if side.bars is None)
    said = f"the bars of {missing} are not recorded"
    if a.bars_sha256 and b.bars_sha256:
        said += ", and the digests of both catalogs differ"
    return RungResult(rung=Rung.DATA, standing=Standing.UNRECORDED, says=said), ()


def _apart(a: Mapping[str, Series], b: Mapping[str, Series]) -> str:
    alone = sorted({*a} ^ {*b})
    return f"; only one run has {', '.join(alone)}" if alone else ""


def _within(bars: Series, other: Side) -> dict[int, Ohlcv]:
    return {ts_event: bar for ts_event, bar in bars.items() if other.covers(ts_event)}


def _differing(name: str, ours: Series, theirs: Series, a: Side, b: Side) -> list[Found]:
    alone_a = sorted(ours.keys() - theirs.keys())
    alone_b = sorted(theirs.keys() - ours.keys())
    if alone_a and alone_b:
        shift = _shift(alone_a, alone_b, ours, theirs)
        if shift is not None:
            return [_shifted(name, alone_a, shift, b)]
        if len(ours.keys() & theirs.keys()) < _MEETING * min(len(ours), len(theirs)):
            return [_strangers(name, alone_a, alone_b)]
    missing = [_missing(name, ts, b, a) for ts in alone_a]
    extra = [_missing(name, ts, a, b) for ts in alone_b]
    changed = [
        _found(name, ts, _changed(ours[ts], theirs[ts]))
        for ts in sorted(ours.keys() & theirs.keys())
        if ours[ts] != theirs[ts]
    ]
    return [*missing, *extra, *changed, *_late(name, ours, theirs, a, b)]


def _shift(
    alone_a: Sequence[int], alone_b: Sequence[int], ours: Series, theirs: Series
) -> int | None:
    """Give by how much nearly all unmatched bars of one run lie later in the other."""
    places: dict[Ohlcv, int] = {theirs[ts]: ts for ts in alone_b}
    apart = Counter(places[ours[ts]] - ts for ts in alone_a if ours[ts] in places)
    if not apart:
        return None
    distance, count = apart.most_common(1)[0]
    return distance if count >= max(_FEWEST, _SHIFTED * min(len(alone_a), len(alone_b))) else None


def _shifted(name: str, alone: Sequence[int], shift: int, b: Side) -> Found:
    way = "later" if shift > 0 else "earlier"
    said = f"bars of {b.name} close {abs(shift) / 1e9:g} s {way}, with the same prices"
    return _found(name, alone[0], said, cause=Cause.CLOCK)


def _strangers(name: str, alone_a: Sequence[int], alone_b: Sequence[int]) -> Found:
    said = f"{len(alone_a):,} and {len(alone_b):,} bars close at times that the other has not"
    return _found(name, min(alone_a[0], alone_b[0]), said)


def _missing(name: str, ts_event: int, lacking: Side, having: Side) -> Found:
    said = f"the bar of {utc(ts_event)} is in {having.name} alone"
    restart = _restart_before(lacking.records, ts_event)
    if restart is not None:
        said += f"; {lacking.name} was started again at {utc(restart)}"
    return _found(name, ts_event, said)


def _restart_before(records: Sequence[Record], ts_event: int) -> int | None:
    """Find the start of a node that ended an outage in which this bar closed."""
    starts = [
        record.ts_event
        for record in records
        if record.kind is Kind.HEALTH and record.fields.get("state") == "started"
    ]
    return next((start for start in starts[1:] if start >= ts_event), None)


def _changed(ours: Ohlcv, theirs: Ohlcv) -> str:
    return ", ".join(
        f"{field} {mine:f} → {other:f}"
        for field, mine, other in zip(_NAMES, ours, theirs, strict=True)
        if mine != other
    )


def _late(name: str, ours: Series, theirs: Series, a: Side, b: Side) -> list[Found]:
    """Tell bars that came in time in one run and after a newer one in the other."""
    both = ours.keys() & theirs.keys()
    alone = a.late_bars ^ b.late_bars
    return [
        _found(
            name,
            ts,
            f"the bar of {utc(ts)} came to {(a if (name, ts) in a.late_bars else b).name} "
            "after a newer one",
            cause=Cause.LATENCY,
        )
        for ts in sorted(both)
        if (name, ts) in alone
    ]


def _found(name: str, ts_event: int, said: str, *, cause: Cause = Cause.DATA) -> Found:
    return Found(
        rung=Rung.DATA, natural=cause, instrument_id=name, ts_event=ts_event, seq=0, says=said
    )
