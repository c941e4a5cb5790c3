"""Where the runs are made that planted differences are put into."""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from itertools import count
from pathlib import Path
from typing import Final

from backtests.session import run_backtest
from morningstar_strategy.core.divergence.values import Cause, Rung
from morningstar_strategy.core.records import Kind, Record, Value, to_line
from morningstar_strategy.journal import JOURNAL, MANIFEST, SETTINGS, read_records
from morningstar_strategy.settings.load import load_settings
from tests.planted.markets import NAMES, Market

__all__ = ["Bench", "Case", "Runs", "with_fields"]

ROOT: Final = Path(__file__).parents[2]
_SEED: Final = 7
_DAYS: Final = 7
_SETTINGS: Final = (
    "predictor.kind=baseline",
    f"data.instruments=[{','.join(NAMES)}]",
    "journal.assessments=all",
    "decision.stop_percent=0.8",
    "decision.take_profit_percents=[0.8, 1.6]",
    "decision.break_even_after_percent=0.6",
    "decision.max_holding_secs=14400",
    "decision.cooldown_secs=1800",
)

type Runs = tuple[Path, Path]
type Edit = Callable[[list[Record]], list[Record]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One kind of difference: how the two runs are made, and what must be found.

    `rung` and `cause` are None where nothing may be found. `real` says that the engine ran with the
    difference; else the journal of a real run was edited, since only a venue makes it.
    """

    name: str
    make: "Callable[[Bench], Runs]"
    rung: Rung | None
    cause: Cause | None
    real: bool = True
    says: str = ""  # words that the first difference, or a key of it, must hold
    bridge: str = ""  # under what its worth is booked, where that is not the cause


@dataclass(slots=True)
class Bench:
    """Makes runs in a folder of its own; what several cases start from is made once."""

    folder: Path
    seed: int = _SEED
    days: int = _DAYS
    _numbers: "count[int]" = field(default_factory=count)
    _known: dict[tuple[str, ...], Path] = field(default_factory=dict)
    _market: Market | None = None

    @property
    def market(self) -> Market:
        """Give the market that all runs start from."""
        if self._market is None:
            self._market = Market.synthetic(self.folder / "sample", seed=self.seed, days=self.days)
        return self._market

    def place(self, name: str) -> Path:
        """Give a folder that nobody else has."""
        place = self.folder / f"{next(self._numbers):03d}-{name}"
        place.mkdir(parents=True)
        return place

    def run(self, *overrides: str, market: Market | None = None, again: bool = False) -> Path:
        """Run a backtest; on the common market with the same overrides only once."""
        if market is None and not again and overrides in self._known:
            return self._known[overrides]
        place = self.place("run")
        catalog = (market or self.market).write(place / "catalog")
        told = (*_SETTINGS, f"data.catalog={catalog}", f"runs={place / 'runs'}", *overrides)
        settings = load_settings(ROOT / "config/sample.yaml", overrides=told)
        folder = run_backtest(settings, quiet=True).folder
        if market is None and not again:
            self._known[overrides] = folder
        return folder

    def pair(self, *overrides: str, market: Market | None = None) -> Runs:
        """Run the plain settings and others, or the same on another market."""
        return self.run(), self.run(*overrides, market=market)

    def recorded(self) -> Path:
        """Give a run whose journal tells its bars too, as a live node's does."""
        return self.run("journal.bars=true")

    def edited(self, edit: Edit, *, live: bool = True) -> Runs:
        """Give a recorded run and a copy of it whose journal was edited.

        `live` lets the copy count as the session of a node: its mode and manifest are a node's.
        """
        ours = self.recorded()
        theirs = self.place("edited") / "session"
        shutil.copytree(ours, theirs, ignore=shutil.ignore_patterns("report.*"))
        records = edit([*read_records(ours)])
        lines = "".join(f"{to_line(record)}\n" for record in records)
        (theirs / JOURNAL).write_text(lines, encoding="utf-8")
        if live:
            _as_session(theirs)
        return ours, theirs


def _as_session(folder: Path) -> None:
    settings = folder / SETTINGS
    text = settings.read_text(encoding="utf-8")
    settings.write_text(text.replace("mode: backtest", "mode: demo"), encoding="utf-8")
    manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    kept = {name: manifest[name] for name in ("start_ns", "end_ns", "settings_sha256")}
    change_manifest(folder, lambda _: {**kept, "mode": "demo", "versions": manifest["libraries"]})


def change_manifest(
    folder: Path, change: Callable[[Mapping[str, Value]], Mapping[str, Value]]
) -> None:
    """Rewrite the manifest of a run folder."""
    path = folder / MANIFEST
    manifest = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps(change(manifest)), encoding="utf-8")


def with_fields(record: Record, **fields: Value) -> Record:
    """Give a record with some of its fields changed."""
    return replace(record, fields={**record.fields, **fields})


def with_equity(records: Sequence[Record], after_ns: int, change: Decimal) -> list[Record]:
    """Let the equity be higher by so much after a moment."""
    return [
        with_fields(
            record,
            equity=f"{Decimal(str(record.fields['equity'])) + change:f}",
            balance=f"{Decimal(str(record.fields['balance'])) + change:f}",
        )
        if record.kind is Kind.EQUITY and record.ts_event > after_ns
        else record
        for record in records
    ]
