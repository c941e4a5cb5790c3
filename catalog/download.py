"""Download bars, funding rates and instruments from a venue into the catalog."""

import argparse
import random
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from catalog.decimals import from_text
from catalog.kinds import BARS, FUNDING
from catalog.merging import IntArray
from catalog.store import (
    Merge,
    bar_type,
    event_times,
    write_bars,
    write_funding,
    write_instruments,
    writing,
)
from catalog.venue import (
    VENUES,
    Exchange,
    Line,
    Market,
    Patience,
    Row,
    VenueError,
    VenueProfile,
    open_exchange,
)
from catalog.writers import refuse_synthetic

_MS: Final = 1_000_000
_SETTLE_MS: Final = 5_000  # a bar is taken for closed this long after its end
_DAY_MS: Final = 86_400_000
_EXACT: Final = ("open", "high", "low", "close", "volume")


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What to download: bars that open in [since, until), as far as they are closed."""

    symbols: tuple[str, ...]
    interval: str
    since_ms: int
    until_ms: int | None = None

    def __post_init__(self) -> None:
        if self.since_ms < 0:
            raise ValueError(f"since_ms must be zero or more, was {self.since_ms}")
        if self.until_ms is not None and self.until_ms <= self.since_ms:
            raise ValueError(f"until_ms must be after since_ms, was {self.until_ms}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What one symbol brought."""

    symbol: str
    instrument_id: str
    bars: Merge
    rates: Merge


type Report = Callable[[str, int, int], None]  # symbol, bars done, bars wanted


def missing(opens: IntArray, start: int, end: int, step: int) -> list[tuple[int, int]]:
    """List the gaps [from, to) of a series on the grid of `step` within [start, end)."""
    first = -(-start // step) * step
    inside = opens[(opens >= first) & (opens < end)]
    edges = np.concatenate([[first - step], inside, [max(-(-end // step) * step, first)]])
    wide = np.flatnonzero(np.diff(edges) > step)
    return [(int(edges[i]) + step, int(edges[i + 1])) for i in wide]


def pages(market: Market, interval: str, gap: tuple[int, int], step: int) -> Iterator[list[Row]]:
    """Fetch a gap page by page; a page may be empty where the venue has nothing."""
    cursor, end = gap
    span = (market.bars_per_request - 1) * step
    while cursor < end:
        rows = market.bars(interval, cursor, end)
        yield rows
        # What came is not asked again; where nothing came, the whole window has nothing
        cursor = int(rows[-1][0]) + step if rows else min(cursor + span, end)


def fetch_bars(
    root: Path, market: Market, wish: Wish, now_ms: int, step: int, report: Report
) -> Merge:
    """Fetch the bars that the catalog has not, each page stored before the next is asked."""
    name = bar_type(market.definition.instrument_id, wish.interval)
    opens = event_times(root, BARS, name) // _MS - step
    start = max(wish.since_ms, market.listed_ms)
    closed = (now_ms - _SETTLE_MS) // step * step  # opens before this have closed
    end = closed if wish.until_ms is None else min(wish.until_ms, closed)
    gaps = missing(opens, start, end, step)
    wanted = sum((to - since) // step for since, to in gaps)
    done, total = 0, Merge()
    report(market.symbol, 0, wanted)
    for gap in gaps:
        for rows in pages(market, wish.interval, gap, step):
            total += store_bars(root, name, rows, step)
            done += len(rows)
            report(market.symbol, done, wanted)
    report(market.symbol, wanted, wanted)
    return total


def store_bars(root: Path, name: str, rows: Sequence[Row], step: int) -> Merge:
    """Store one page under its close times."""
    closes = np.array([row[0] for row in rows], dtype=np.int64)
    columns = {field: from_text([str(row[i]) for row in rows]) for i, field in enumerate(_EXACT, 1)}
    return write_bars(root, name, (closes + step) * _MS, columns)


def fetch_rates(root: Path, market: Market, wish: Wish) -> Merge:
    """Fetch the funding rates that the catalog has not, stored in one piece."""
    if not market.perpetual:
        return Merge()
    stored = event_times(root, FUNDING, market.definition.instrument_id) // _MS
    start = max(wish.since_ms, market.listed_ms)
    if len(stored) and stored[0] <= start + _DAY_MS:
        start = int(stored[-1]) + 1
    rates = market.rates(start)
    if wish.until_ms is not None:
        rates = [rate for rate in rates if rate.ts_ms < wish.until_ms]
    return write_funding(
        root,
        market.definition.instrument_id,
        np.array([rate.ts_ms for rate in rates], dtype=np.int64) * _MS,
        [rate.rate for rate in rates],
        interval_minutes=market.funding_minutes,
    )


def download(
    root: Path,
    exchange: Exchange,
    profile: VenueProfile,
    wish: Wish,
    *,
    patience: Patience,
    clock_ms: Callable[[], int],
    report: Report,
) -> list[Fetched]:
    """Bring the catalog up to a wish; stopped at any moment, the same call goes on.

    Raises CatalogError for what the venue does not list or serve, VenueError where it fails.
    """
    refuse_synthetic(root)
    line = Line(exchange, profile, patience)
    step = line.step_ms(wish.interval)
    markets = line.markets(wish.symbols)
    with writing(root):
        write_instruments(root, [market.definition for market in markets])
        result = []
        for market in markets:
            now_ms = min(clock_ms(), line.clock_ms())  # neither clock may make a bar closed early
            bars = fetch_bars(root, market, wish, now_ms, step, report)
            rates = fetch_rates(root, market, wish)
            result.append(
                Fetched(
                    symbol=market.symbol,
                    instrument_id=market.definition.instrument_id,
                    bars=bars,
                    rates=rates,
                )
            )
    return result


def parse_args(argv: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="catalog/download.py", description=__doc__)
    parser.add_argument("--catalog", type=Path, default=Path("data/catalog"), metavar="FOLDER")
    parser.add_argument("--venue", required=True, help=", ".join(VENUES))
    parser.add_argument(
        "--symbols", nargs="+", required=True, metavar="SYMBOL", help="such as BTC/USDT:USDT"
    )
    parser.add_argument("--interval", default="5m", help="of the bars (5m)")
    parser.add_argument(
        "--since", type=_moment, required=True, metavar="TIME", help="UTC, such as 2024-01-01"
    )
    parser.add_argument("--until", type=_moment, metavar="TIME", help="UTC, left out itself")
    args = parser.parse_args(argv)
    if args.until is not None and args.until <= args.since:
        parser.error("--until must be after --since")
    return args


def _moment(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as e:
        raise argparse.ArgumentTypeError(f"must be like 2024-01-01, was {text!r}") from e
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return int(moment.timestamp() * 1000)


def _run(args: argparse.Namespace) -> list[Fetched]:
    exchange = open_exchange(args.venue)
    wish = Wish(
        symbols=tuple(dict.fromkeys(args.symbols)),
        interval=args.interval,
        since_ms=args.since,
        until_ms=args.until,
    )
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn())
    with Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True)) as progress:
        tasks = {symbol: progress.add_task(symbol, total=None) for symbol in wish.symbols}
        return download(
            args.catalog,
            exchange,
            VENUES[args.venue],
            wish,
            patience=Patience(dice=random.Random(), sleep=time.sleep),  # noqa: S311 - no secret
            clock_ms=lambda: time.time_ns() // _MS,
            report=lambda symbol, done, wanted: progress.update(
                tasks[symbol], completed=done, total=wanted
            ),
        )


def main(argv: Sequence[str] | None = None) -> int:
    """Download what the command line names and say what came."""
    args = parse_args(argv)
    try:
        result = _run(args)
    except (ValueError, OSError) as e:
        print(e, file=sys.stderr)
        return 2
    except VenueError as e:
        print(f"{e}; what came is stored: run the same command to go on", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("stopped; what came is stored: run the same command to go on", file=sys.stderr)
        return 130
    for item in result:
        print(
            f"{item.instrument_id}: {item.bars.added:,} new bars,"
            f" {item.rates.added:,} new funding rates"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main())
