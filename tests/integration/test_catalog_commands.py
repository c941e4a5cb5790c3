"""The four commands as a user types them, and the engine that runs on what they made."""

import subprocess
import sys
from pathlib import Path

import pytest
from nautilus_trader.backtest import BacktestEngine, BacktestEngineConfig
from nautilus_trader.common import LoggerConfig, LogLevel
from nautilus_trader.execution import MakerTakerFeeModel
from nautilus_trader.model import AccountType, Money, OmsType, Venue

from catalog import sample
from catalog.store import fees, list_series, load_bars, load_funding, load_instruments

PROJECT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["download", "ingest", "check", "sample"])
def test_each_command_runs_as_a_script_from_the_checkout(name: str) -> None:
    done = subprocess.run(
        [sys.executable, f"catalog/{name}.py", "--help"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "--catalog" in done.stdout


def test_the_engine_runs_on_the_sample(tmp_path: Path) -> None:
    root = tmp_path / "sample"
    assert sample.main(["--catalog", str(root), "--days", "2"]) == 0
    series = list_series(root)
    instruments = load_instruments(root, [item.instrument_id for item in series])
    rates = fees(instruments[0])
    engine = BacktestEngine(
        BacktestEngineConfig(bypass_logging=True, logging=LoggerConfig(stdout_level=LogLevel.ERROR))
    )
    engine.add_venue(
        venue=Venue("BINANCE"),
        oms_type=OmsType.NETTING,
        account_type=AccountType.MARGIN,
        starting_balances=[Money.from_str("10000 USDT")],
        fee_model=MakerTakerFeeModel(rates.maker, rates.taker),
    )
    for instrument in instruments:
        engine.add_instrument(instrument)
    rows = 0
    for item in series:
        bars, funding = load_bars(root, item.bar_type), load_funding(root, item.instrument_id)
        engine.add_data(bars)
        engine.add_data(funding)
        rows += len(bars) + len(funding)
    engine.run()
    assert engine.get_result().iterations == rows == 5 * (2 * 288 + 6)
    engine.dispose()
