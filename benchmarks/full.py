"""The whole of Morningstar over a span of one-minute bars: features to journal.

Drawdown, daily loss and loss ratio may reach 100 %, so that a halt does not end the trading, and
with it the work, early in the year; every rule of the gate still runs.
"""

import time
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from backtests.data import load_market_data
from backtests.engine import run_engine
from benchmarks.data import INSTRUMENT, MINUTE_NS
from benchmarks.peers import STAMP_BARS, Ran
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.journal import JOURNAL, Journal
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.schema import Settings

_CONFIG: Final = Path(__file__).parents[1] / "config" / "base.yaml"
_AT_MARKET: Final = ("entry", "close")  # filled at once, without being accepted first
_LOOSE: Final = (
    "risk.warn_drawdown_percent=100",
    "risk.max_drawdown_percent=100",
    "risk.max_daily_loss_percent=100",
    "risk.max_loss_ratio_percent=100",
)

# A rule of this impatience makes about as many plans in a year as the EMA cross has entries
BUSY: Final = (
    "predictor.baseline.threshold=0.3",
    "decision.min_confidence=0.3",
    "decision.max_turbulence=1",
    "decision.cooldown_secs=0",
    "decision.max_holding_secs=720",
)


class StampingJournal(Journal):
    """A journal that notes the CPU time at an hourly mark of the equity every so many bars."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.entries = self.orders = 0
        self.stamps: list[tuple[int, float]] = []
        self._next_ns = 0

    def append(self, record: Record) -> None:
        """Write the record; count what was sent."""
        super().append(record)
        match record.kind:
            case Kind.EQUITY if record.ts_event >= self._next_ns:
                self._next_ns = record.ts_event + STAMP_BARS * MINUTE_NS
                self.stamps.append((record.ts_event, time.process_time()))
            case Kind.ORDER if record.fields["event"] == "accepted":
                self.orders += 1
            case Kind.FILL if record.fields["role"] in _AT_MARKET:
                self.orders += 1
            case Kind.PLAN if record.fields["state"] == "PENDING":
                self.entries += 1


def settings_for(catalog: Path, start_ns: int, end_ns: int, more: Sequence[str] = ()) -> Settings:
    """Read the settings that a person would write, for one instrument and this span."""
    overrides = (
        "mode=backtest",
        f"data.catalog={catalog}",
        f"data.instruments=[{INSTRUMENT}]",
        "data.interval=1m",
        f"data.start={_said(start_ns)}",
        f"data.end={_said(end_ns)}",
        "predictor.kind=baseline",
        *_LOOSE,
        *more,
    )
    return load_settings(_CONFIG, overrides=overrides)


def _said(moment_ns: int) -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment_ns // 1_000_000_000))


def run_morningstar(catalog: Path, start_ns: int, end_ns: int, *, more: Sequence[str] = ()) -> Ran:
    """Run the full backtest and count what it did; `more` are settings as on the command line."""
    settings = settings_for(catalog, start_ns, end_ns, more)
    data = load_market_data(settings.data, funding=settings.venue.funding)
    with TemporaryDirectory(prefix="bench-run-") as place:
        start = time.process_time()
        with StampingJournal(Path(place) / JOURNAL) as journal:
            run_engine(settings, data, journal)
        secs = time.process_time() - start
    (first_ns, first_secs), *_ = journal.stamps
    return Ran(
        system="morningstar",
        bars=len(data[0].bars),
        entries=journal.entries,
        orders=journal.orders,
        run_secs=secs,
        stamps=tuple(
            ((ns - first_ns) // MINUTE_NS, secs - first_secs) for ns, secs in journal.stamps
        ),
    )
