"""The synthetic sample: the same seed gives the same bytes, and the market looks like one."""

import json
from pathlib import Path

import numpy as np
import pytest

from catalog import check, sample
from catalog.store import is_synthetic, list_series, load_bars, load_funding, load_instruments
from tests.catalogs import content, new, steady


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("sample") / "catalog"
    assert sample.main(["--catalog", str(root)]) == 0
    return root


def returns(root: Path) -> dict[str, np.ndarray]:
    found = {}
    for series in list_series(root):
        closes = np.array([float(bar.close) for bar in load_bars(root, series.bar_type)])
        found[series.instrument_id] = np.diff(np.log(closes))
    return found


def test_it_has_five_marked_instruments_of_three_months(market: Path) -> None:
    series = list_series(market)
    assert [item.instrument_id.split("USDT")[0] for item in series] == [
        "BNB",
        "BTC",
        "ETH",
        "SOL",
        "XRP",
    ]
    assert {item.rows for item in series} == {92 * 288}
    assert is_synthetic(market)
    assert json.loads((market / "SYNTHETIC.json").read_text())["seed"] == 7


def test_it_has_no_fault_and_every_price_is_on_the_tick(market: Path) -> None:
    assert check.main(["--catalog", str(market), "--json"]) == 0
    for series in list_series(market):
        (instrument,) = load_instruments(market, [series.instrument_id])
        tick = instrument.price_increment.as_decimal()
        assert all(bar.high.as_decimal() % tick == 0 for bar in load_bars(market, series.bar_type))


def test_volatility_clusters_and_coins_move_together(market: Path) -> None:
    moves = returns(market)
    for series in moves.values():
        size = np.abs(series)
        assert np.corrcoef(size[1:], size[:-1])[0, 1] > 0.1
        assert 0.01 < series.std() * 288**0.5 < 0.08  # a day
        assert np.mean((series / series.std()) ** 4) > 5  # jumps
    together = np.corrcoef(list(moves.values()))
    assert together.min() > 0.3


def test_funding_settles_every_eight_hours(market: Path) -> None:
    updates = load_funding(market, "BTCUSDT-PERP.BINANCE")
    assert len(updates) == 92 * 3
    assert {update.ts_event % 28_800_000_000_000 for update in updates} == {0}
    assert all(abs(update.rate) <= 0.0075 for update in updates)


def test_the_same_seed_gives_the_same_bytes_and_another_seed_others(tmp_path: Path) -> None:
    roots = [tmp_path / name for name in ("a", "b", "c")]
    for root, seed in zip(roots, ("3", "3", "4"), strict=True):
        sample.main(["--catalog", str(root), "--seed", seed, "--days", "2"])
    assert content(roots[0]) == content(roots[1])
    assert content(roots[0]) != content(roots[2])


def test_if_missing_keeps_what_is_there(tmp_path: Path) -> None:
    root = tmp_path / "sample"
    sample.main(["--catalog", str(root), "--days", "1"])
    before = content(root)
    assert sample.main(["--catalog", str(root), "--days", "2", "--if-missing"]) == 0
    assert content(root) == before
    assert sample.main(["--catalog", str(root), "--days", "2"]) == 0
    assert content(root) != before


def test_a_real_catalog_is_never_replaced(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root = new(tmp_path, steady(5))
    before = content(root)
    assert sample.main(["--catalog", str(root), "--if-missing"]) == 2
    assert "left as it is" in capsys.readouterr().err
    assert content(root) == before


def test_a_folder_without_a_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert sample.main(["--catalog", "."]) == 2
    assert "folder with a name" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [["--days", "0"], ["--seed", "-1"], ["--days", "x"]])
def test_bad_usage_exits_with_two(tmp_path: Path, wrong: list[str]) -> None:
    with pytest.raises(SystemExit) as e:
        sample.main(["--catalog", str(tmp_path / "new"), *wrong])
    assert e.value.code == 2
    assert not (tmp_path / "new").exists()
