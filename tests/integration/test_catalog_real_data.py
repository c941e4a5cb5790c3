"""Ingest and check of real recorded files: what their provenance counted is what is found."""

import json
from pathlib import Path

import pytest

from catalog import check, ingest
from catalog.store import bar_type, list_series, load_bars, load_funding, load_instruments
from tests.catalogs import content

PIECES = (
    "SOLUSDT-5m-binance-spot-202208-202310",
    "SOLUSDT-5m-binance-spot-202401-202411",
    "SOLUSDT-5m-binance-spot-202412-202504",
)
OTHERS = (
    "BTCUSDT-1h-binance-spot-201708-202504",
    "BTCUSDT-5m-binance-perp-202412-202504",
    "BTCUSDT-funding-binance-perp-201909-202504",
    "BTCUSDT-trades-binance-perp-20240808",
    "BTCUSDT-quotes-binance-perp-20240808",
)


def paths(folder: Path, names: tuple[str, ...]) -> list[str]:
    """Locate data files."""
    return [str(folder / f"{name}.parquet") for name in names]


@pytest.fixture(scope="module")
def catalog(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Ingest a few real files once."""
    root = tmp_path_factory.mktemp("real") / "catalog"
    assert ingest.main([*paths(shared_data, PIECES + OTHERS), "--catalog", str(root)]) == 0
    return root


def test_pieces_are_one_series_with_the_holes_between_them(
    catalog: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = {series.bar_type: series.rows for series in list_series(catalog)}
    assert rows[bar_type("SOLUSDT.BINANCE", "5m")] == 123_118 + 96_479 + 34_848
    assert check.main(["--catalog", str(catalog), "--json"]) == 1
    reports = {report["series"]: report for report in json.loads(capsys.readouterr().out)}
    found = {item["check"]: item for item in reports[bar_type("BTCUSDT.BINANCE", "1h")]["findings"]}
    assert found["gaps"]["count"] == 28
    assert found["gaps"]["text"] == "128 missing, longest 33 from 2018-02-08 02:00"
    assert found["zero volume"]["count"] == 4
    sol = {item["check"]: item for item in reports[bar_type("SOLUSDT.BINANCE", "5m")]["findings"]}
    assert sol["gaps"]["count"] == 3
    assert not reports[bar_type("BTCUSDT-PERP.BINANCE", "5m")]["faulty"]


def test_known_events_stand_where_they_belong(catalog: Path) -> None:
    hourly = {bar.ts_event: bar for bar in load_bars(catalog, bar_type("BTCUSDT.BINANCE", "1h"))}
    hour, second = 3_600_000_000_000, 1_000_000_000
    covid_low = hourly[1_584_064_800 * second + hour]  # the bar of 2020-03-13 02:00 closes at 03:00
    record = hourly[1_737_352_800 * second + hour]  # 2025-01-20 06:00
    assert str(covid_low.low) == "3782.13"
    assert str(record.high) == "109588.00"


def test_funding_is_the_recorded_text_and_instruments_have_the_datas_steps(catalog: Path) -> None:
    rates = load_funding(catalog, "BTCUSDT-PERP.BINANCE")
    assert len(rates) == 6_179
    assert all(rate.rate == round(rate.rate, 8) for rate in rates)
    perp, spot = load_instruments(catalog, ["BTCUSDT-PERP.BINANCE", "BTCUSDT.BINANCE"])
    assert (perp.price_precision, perp.size_precision) == (1, 3)
    assert (spot.price_precision, spot.size_precision) == (2, 6)


def test_ingesting_again_one_by_one_changes_no_byte(catalog: Path, shared_data: Path) -> None:
    before = content(catalog)
    for path in paths(shared_data, PIECES[::-1]):
        assert ingest.main([path, "--catalog", str(catalog), "--json"]) == 0
    assert content(catalog) == before
