"""The command that compares two run folders: what it prints, draws, and refuses."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtests.compare import compare, main
from backtests.comparing.run_folder import read_run, read_runs
from morningstar_strategy.core.divergence.ladder import diverge
from morningstar_strategy.core.divergence.values import Cause, Rung, Standing
from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.records import Kind, to_line
from morningstar_strategy.journal import JOURNAL, MANIFEST, read_records
from reports.compare_page import render
from tests.planted import editing
from tests.planted.bench import Bench, Runs, change_manifest
from tests.planted.markets import ETH


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("runs"), days=5)


@pytest.fixture(scope="module")
def slipped(bench: Bench) -> Runs:
    return bench.edited(editing.worse_price)


def said(*words: Path | str) -> list[str]:
    return [f"{word}" for word in words]


def test_the_same_run_is_the_same(bench: Bench, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(said(bench.run(), bench.run())) == 0
    assert "The runs are the same" in capsys.readouterr().out


def test_a_difference_is_told_with_rung_and_cause(
    slipped: Runs, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(said(*slipped)) == 1
    printed = " ".join(capsys.readouterr().out.split())
    assert "They part first at the fills" in printed
    assert "fill price/slippage" in printed


def test_json_holds_all_and_nothing_else(slipped: Runs, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*said(*slipped), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["first"] == "fills"
    assert [rung["rung"] for rung in told["ladder"]] == [rung.value for rung in Rung]
    parts = [float(part["amount"]) for part in told["bridge"]["contributions"]]
    assert float(told["bridge"]["start"]) + sum(parts) == pytest.approx(
        float(told["bridge"]["end"])
    )


def test_the_page_loads_nothing_and_shows_ladder_and_bridge(slipped: Runs, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    assert main([*said(*slipped), "--html", f"{page}"]) == 1
    text = page.read_text(encoding="utf-8")
    assert "default-src 'none'" in text
    assert 'class="differs"' in text
    assert '"type":"waterfall"' in text
    assert "http-equiv" in text
    assert "src=" not in text.partition("<main>")[2].partition("<script")[0]


def test_the_page_escapes_what_a_run_tells(slipped: Runs) -> None:
    hostile = "</script><img src=x onerror=alert(1)>"
    a, b = read_runs(*slipped)
    page = render(diverge(replace(a, name=hostile), replace(b, name=hostile)))
    assert "<img" not in page


@pytest.mark.parametrize(
    "folder", ["nowhere", "empty"], ids=["no folder", "a folder without journal"]
)
def test_what_is_no_run_is_refused_in_one_sentence(
    bench: Bench, tmp_path: Path, folder: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    page = tmp_path / "page.html"
    assert main([*said(bench.run(), tmp_path / folder), "--html", f"{page}"]) == 2
    told = capsys.readouterr()
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert not told.out
    assert not page.exists()


def test_runs_without_a_moment_in_common_are_refused(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    far = _copy(bench.run(), tmp_path / "far")
    change_manifest(far, lambda manifest: {**manifest, "start_ns": 2**62, "end_ns": 2**62 + 1})
    assert main(said(bench.run(), far)) == 2
    assert "no time in common" in capsys.readouterr().err


def test_an_empty_journal_is_nothing_to_compare(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    empty = _copy(bench.run(), tmp_path / "empty")
    (empty / JOURNAL).write_text("")
    assert main(said(empty, empty)) == 2
    assert "nothing to compare" in capsys.readouterr().err


def test_a_torn_last_line_is_left_out_and_a_torn_one_before_it_refused(
    bench: Bench, tmp_path: Path
) -> None:
    torn = _copy(bench.run(), tmp_path / "torn")
    (torn / MANIFEST).unlink()
    with (torn / JOURNAL).open("a", encoding="utf-8") as file:
        file.write('{"ts_event":17')
    assert compare(bench.run(), torn).same
    with (torn / JOURNAL).open("a", encoding="utf-8") as file:
        file.write("\n")
    assert main(said(bench.run(), torn)) == 2


def test_what_lies_outside_the_others_time_is_told_and_not_compared(bench: Bench) -> None:
    divergence = compare(bench.run(), bench.run("data.end=2024-01-05"))
    assert divergence.same
    assert any("goes on longer" in note for note in divergence.notes)
    outside = {rung.rung: rung.outside_a for rung in divergence.rungs}
    assert outside[Rung.FILLS] > 0
    assert outside[Rung.PREDICTIONS] > 0
    labels = {part.label for part in divergence.bridge.contributions if abs(part.amount) > 1e-6}
    assert labels == {"outside the other's time"}


def test_a_catalog_that_has_changed_since_tells_no_bars(bench: Bench, tmp_path: Path) -> None:
    ours = bench.run()
    theirs = _copy(ours, tmp_path / "other")
    change_manifest(theirs, lambda manifest: {**manifest, "catalog_sha256": "0" * 64})
    divergence = compare(ours, theirs)
    data = divergence.rungs[0]
    assert data.standing is Standing.UNRECORDED
    assert "not recorded" in data.says


def test_bars_come_from_the_record_of_a_run_where_it_has_one(bench: Bench, tmp_path: Path) -> None:
    ours = bench.run()
    theirs = _copy(ours, tmp_path / "recorded")
    change_manifest(theirs, lambda manifest: {**manifest, "catalog_sha256": ""})
    bars = [bar for bar in bench.market.bars[ETH] if bar.ts % 7]
    bench.market.with_bars(ETH, bars[:-1]).write(theirs / "data")
    assert read_run(theirs).bars_from == "its record"
    divergence = compare(ours, theirs)
    assert divergence.first is Rung.DATA
    assert {each.cause for each in divergence.differences} == {Cause.DATA}


def test_two_runs_of_one_name_are_told_apart(bench: Bench, tmp_path: Path) -> None:
    ours = bench.run()
    divergence = compare(ours, _copy(ours, tmp_path / ours.name))
    assert divergence.a.name != divergence.b.name


def test_a_run_is_compared_with_reports_by_its_fills(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "fills.parquet"
    _as_report(bench.run(), file)
    assert main(said(bench.run(), file)) == 0
    assert main(said(file, bench.run("venue.taker_fee_percent=0.07"))) == 1
    assert "fee" in capsys.readouterr().out


def _as_report(run: Path, file: Path) -> None:
    fills = [record for record in read_records(run) if record.kind is Kind.FILL]
    rows = [
        {
            "client_order_id": text(each, "order_id"),
            "instrument_id": each.instrument_id,
            "order_side": text(each, "side"),
            "last_qty": text(each, "quantity"),
            "last_px": text(each, "price"),
            "commission": f"{money(each, 'fee') + money(each, 'slippage')} USDT",
            "ts_event": each.ts_event,
        }
        for each in fills
    ]
    pq.write_table(pa.Table.from_pylist(rows), file)


def _copy(run: Path, folder: Path) -> Path:
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("report.*"))
    return folder


def test_a_line_of_a_journal_that_is_no_number_is_named(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = _copy(bench.run(), tmp_path / "broken")
    lines = [to_line(record) for record in read_records(bench.run())]
    place = next(place for place, line in enumerate(lines) if '"kind":"fill"' in line)
    lines[place] = lines[place].replace('"price":"', '"price":"x')
    (broken / JOURNAL).write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert main(said(bench.run(), broken)) == 2
    assert "price of the fill record" in capsys.readouterr().err
