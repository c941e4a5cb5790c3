"""A journal that keeps every bar and assessment is the same in every run, to the byte."""

from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Final

from backtests.session import run_backtest
from morningstar_strategy.core.records import Kind
from morningstar_strategy.journal import journal_digest, read_records
from morningstar_strategy.settings.load import load_settings
from tests.catalogs import sample_folder

_PROJECT: Final = Path(__file__).parents[2]
_ALL: Final = (
    "predictor.kind=baseline",
    "data.start=2024-01-12",
    "data.end=2024-01-16",
    "journal.bars=true",
    "journal.assessments=all",
    "journal.equity_every_secs=3600",
)


def run(folder: Path) -> Path:
    told = [*_ALL, f"data.catalog={sample_folder()}", f"runs={folder}"]
    settings = load_settings(_PROJECT / "config/sample.yaml", overrides=told)
    return run_backtest(settings, quiet=True).folder


def test_bars_assessments_and_what_is_made_of_them_have_one_order(tmp_path: Path) -> None:
    folders = [run(tmp_path / f"{number}") for number in range(3)]
    assert len({journal_digest(folder) for folder in folders}) == 1
    records = list(read_records(folders[0]))
    told = Counter(
        (record.ts_event, record.instrument_id, record.kind)
        for record in records
        if record.kind in (Kind.BAR, Kind.ASSESSMENT)
    )
    assert sum(told.values()) > 10_000
    assert set(told.values()) == {1}
    for before, after in pairwise(records):
        if after.kind is Kind.ASSESSMENT:
            assert (before.kind, before.instrument_id) == (Kind.BAR, after.instrument_id)
