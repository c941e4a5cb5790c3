"""What a run was made from, and how many trials the same data has seen."""

import json
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from nautilus_trader.model import BarType

import catalog
from backtests.data import MarketData
from backtests.manifest import REPORT, Trials, code_digest, count_trials, make_manifest
from catalog import store
from catalog.writers import write_funding
from morningstar_strategy.journal import MANIFEST
from morningstar_strategy.settings.load import settings_digest
from morningstar_strategy.settings.schema import DataSettings, Settings
from tests.catalogs import BTC, FIVE_MINUTES, JANUARY_NS, STEP_NS, new, steady


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return new(tmp_path / "catalog", steady(30))


def loaded(root: Path) -> tuple[MarketData, ...]:
    bars = store.load_bars(root, FIVE_MINUTES)
    (instrument,) = store.load_instruments(root, [BTC])
    kind = BarType.from_str(FIVE_MINUTES)
    return (
        MarketData(
            instrument=instrument, bar_type=kind, bars=bars, history=store.window([]), funding=[]
        ),
    )


def manifest_of(root: Path, **changes: object) -> dict[str, object]:
    settings = Settings(mode="backtest", data=DataSettings(catalog=root, instruments=(BTC,)))
    settings = settings.model_copy(update=changes)
    told = make_manifest(
        settings, loaded(root), model="told", journal_sha256="j" * 64, started="2026-01-01"
    )
    return dict(told)


def test_a_manifest_names_everything_by_its_hash(root: Path) -> None:
    told = manifest_of(root)
    for name in ("code_sha256", "settings_sha256", "catalog_sha256", "journal_sha256"):
        assert len(str(told[name])) == 64
    assert told["bars"] == {FIVE_MINUTES: 30}
    assert told["start_ns"] == JANUARY_NS + STEP_NS
    assert told["end_ns"] == JANUARY_NS + 30 * STEP_NS
    assert told["model"] == "told"
    assert told["synthetic"] is False
    libraries = told["libraries"]
    assert isinstance(libraries, dict)
    assert libraries["nautilus_trader"].startswith("2.0.0")
    assert json.loads(json.dumps(told)) == told


def test_the_same_inputs_make_the_same_manifest(root: Path) -> None:
    assert manifest_of(root) == manifest_of(root)


def test_where_results_go_changes_nothing(root: Path) -> None:
    told = manifest_of(root, runs=Path("elsewhere"))
    assert told["settings_sha256"] == manifest_of(root)["settings_sha256"]


def test_other_bars_are_another_catalog(root: Path, tmp_path: Path) -> None:
    other = new(tmp_path / "other", steady(31))
    assert manifest_of(other)["catalog_sha256"] != manifest_of(root)["catalog_sha256"]


def test_other_funding_is_another_catalog(root: Path) -> None:
    before = manifest_of(root)["catalog_sha256"]
    rate = np.array([JANUARY_NS + 10 * STEP_NS], dtype=np.int64)
    write_funding(root, BTC, rate, [Decimal("0.01")], interval_minutes=480)
    assert manifest_of(root)["catalog_sha256"] != before


def test_the_code_is_known_by_every_source_file(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    before = code_digest()
    assert code_digest() == before
    folder = tmp_path / "catalog"
    folder.mkdir()
    for path in Path(catalog.__path__[0]).glob("*.py"):
        (folder / path.name).write_bytes(path.read_bytes())
    monkeypatch.setattr(catalog, "__path__", [str(folder)])
    assert code_digest() == before
    changed = folder / "check.py"
    changed.write_text(changed.read_text() + "# one more word\n")
    assert code_digest() != before


# ---------------------------------------------------------------- trials


def leave(runs: Path, name: str, *, settings: str, data: str = "c", sharpe: object = None) -> None:
    folder = runs / name
    folder.mkdir(parents=True)
    manifest = {"settings_sha256": settings, "catalog_sha256": data}
    (folder / MANIFEST).write_text(json.dumps(manifest))
    if sharpe is not None:
        (folder / REPORT).write_text(json.dumps({"sharpe": sharpe}))


def trials(runs: Path) -> Trials:
    return count_trials(runs, settings_sha256="mine", catalog_sha256="c")


def test_the_first_run_is_one_trial(tmp_path: Path) -> None:
    assert trials(tmp_path / "none") == Trials(count=1, sharpes=())


def test_other_settings_on_the_same_data_are_trials_and_equal_ones_count_once(
    tmp_path: Path,
) -> None:
    leave(tmp_path, "1", settings="a", sharpe={"sharpe": 0.5})
    leave(tmp_path, "2", settings="a", sharpe={"sharpe": 0.5})
    leave(tmp_path, "3", settings="b", sharpe={"sharpe": -1})
    leave(tmp_path, "4", settings="other data", data="d", sharpe={"sharpe": 9})
    assert trials(tmp_path) == Trials(count=3, sharpes=(0.5, -1.0))


def test_an_earlier_run_of_the_same_settings_is_not_another_trial(tmp_path: Path) -> None:
    leave(tmp_path, "1", settings="mine", sharpe={"sharpe": 0.25})
    assert trials(tmp_path) == Trials(count=1, sharpes=(0.25,))


@pytest.mark.parametrize("sharpe", [None, "x", {}, {"sharpe": None}, {"sharpe": "1"}, [1]])
def test_a_run_without_a_sharpe_ratio_is_still_a_trial(tmp_path: Path, sharpe: object) -> None:
    leave(tmp_path, "1", settings="a", sharpe=sharpe)
    assert trials(tmp_path) == Trials(count=2, sharpes=())


@pytest.mark.parametrize("raw", [b"", b"{", b"[]", b"7", b"\xff\xfe"])
def test_a_folder_changed_by_hand_is_no_trial(tmp_path: Path, raw: bytes) -> None:
    (tmp_path / "1").mkdir()
    (tmp_path / "1" / MANIFEST).write_bytes(raw)
    (tmp_path / "empty").mkdir()
    (tmp_path / "file").write_text("x")
    assert trials(tmp_path) == Trials(count=1, sharpes=())


def test_settings_have_the_digest_that_trials_are_counted_by(root: Path) -> None:
    settings = Settings(mode="backtest", data=DataSettings(catalog=root, instruments=(BTC,)))
    assert manifest_of(root)["settings_sha256"] == settings_digest(settings)
