"""What the command that compares runs is given by somebody who means it no good."""

import json
import shutil
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtests.compare import compare, main
from backtests.comparing.run_folder import read_runs
from morningstar_strategy.core.divergence.ladder import diverge
from morningstar_strategy.core.divergence.values import Cause, DivergenceError, Rung, Standing
from morningstar_strategy.core.records import Kind, Record, to_line
from morningstar_strategy.journal import JOURNAL, MANIFEST, SETTINGS, read_records
from morningstar_strategy.reported import compare_reports
from tests.planted.bench import Bench, with_fields
from tests.planted.markets import ETH

type Edit = Callable[[Path], object]


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    return Bench(tmp_path_factory.mktemp("runs"), days=5)


def copied(run: Path, folder: Path) -> Path:
    shutil.copytree(run, folder, ignore=shutil.ignore_patterns("report.*"))
    return folder


def refused(a: Path, b: Path, page: Path, capsys: pytest.CaptureFixture[str]) -> str:
    """Compare what cannot be compared, and give the one sentence that says why."""
    assert main([f"{a}", f"{b}", "--html", f"{page}"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith("error: ")
    assert told.err.count("\n") == 1
    assert not page.exists()
    return told.err


def settings(text: str) -> Edit:
    return lambda run: (run / SETTINGS).write_text(text, encoding="utf-8")


def manifest(text: str) -> Edit:
    return lambda run: (run / MANIFEST).write_text(text, encoding="utf-8")


def last_line(text: str) -> Edit:
    def append(run: Path) -> None:
        with (run / JOURNAL).open("a", encoding="utf-8") as file:
            file.write(f"{text}\n")

    return append


def first_of(kind: Kind, **fields: str) -> Edit:
    """Change fields of the first record of a kind."""

    def change(run: Path) -> None:
        records = [*read_records(run)]
        place = next(place for place, each in enumerate(records) if each.kind is kind)
        records[place] = with_fields(records[place], **fields)
        write(run, records)

    return change


def write(run: Path, records: list[Record]) -> None:
    lines = "".join(f"{to_line(record)}\n" for record in records)
    (run / JOURNAL).write_text(lines, encoding="utf-8")


def reversed_records(run: Path) -> None:
    write(run, [*read_records(run)][::-1])


def without_stops(run: Path) -> None:
    def priced(record: Record) -> Record:
        pending = record.fields.get("state") == "PENDING"
        return with_fields(record, stop_loss_price="0") if pending else record

    write(run, [priced(record) for record in read_records(run)])


HEALTH = '"kind":"health","state":"x","reason":""}'


@pytest.mark.parametrize(
    ("edit", "said"),
    [
        (manifest("[" * 100_000), "manifest.json is not a manifest"),
        (manifest('{"end_ns":' + "9" * 40 + "}"), "manifest.json must be whole nanoseconds"),
        (manifest('{"start_ns":"x"}'), "manifest.json must be whole nanoseconds"),
        (settings("mode: &a\n  b: *a\n"), "holds a value that is inside itself"),
        (settings("mode: 7\n"), "mode in "),
        (settings(""), "mode in "),
        (lambda run: (run / SETTINGS).unlink(), "settings.yaml cannot be read"),
        (last_line('{"ts_event":' + "9" * 30 + "," + HEALTH), "must fit 64 bits"),
        (last_line('{"ts_event":"1",' + HEALTH), "must be whole nanoseconds"),
        (first_of(Kind.EQUITY, equity="1e400"), "equity of the equity record"),
        (first_of(Kind.EQUITY, equity="1E+9999999"), "equity of the equity record"),
        (first_of(Kind.FILL, price="9" * 22), "price of the fill record"),
        (first_of(Kind.FILL, fee="0." + "0" * 50 + "1"), "fee of the fill record"),
        (first_of(Kind.FILL, quantity="-5"), "quantity of the fill record"),
        (first_of(Kind.FILL, side="\n"), "side of the fill record"),
        (first_of(Kind.PLAN, stop_loss_price="x"), "stop_loss_price of the plan record"),
        (without_stops, "stop_loss_price of a plan must be a price above zero"),
        (reversed_records, "equity records must be in the order of time"),
    ],
)
def test_a_run_folder_that_was_tampered_with_is_refused_in_one_sentence(
    bench: Bench, tmp_path: Path, edit: Edit, said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = copied(bench.run(), tmp_path / "broken")
    edit(broken)
    page = tmp_path / "page.html"
    assert said in refused(bench.run(), broken, page, capsys)
    assert "broken" in refused(broken, bench.run(), page, capsys)


def test_money_of_two_currencies_is_not_compared(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    other = copied(bench.run(), tmp_path / "other")
    text = (other / SETTINGS).read_text(encoding="utf-8")
    settings(text.replace("currency: USDT", "currency: EUR"))(other)
    assert "currency of" in refused(bench.run(), other, tmp_path / "page.html", capsys)


@pytest.mark.parametrize("text", ["nan", "-1", "x", "1e9", "1e999999"])
def test_a_slack_that_is_no_time_is_refused(
    bench: Bench, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([f"{bench.run()}", f"{bench.run()}", f"--slack={text}"])
    assert stopped.value.code == 2
    assert "no number of seconds" in capsys.readouterr().err


def test_a_journal_that_was_edited_or_cut_is_told_to_be(bench: Bench, tmp_path: Path) -> None:
    edited = copied(bench.run(), tmp_path / "edited")
    write(edited, [*read_records(edited)][:-1])
    assert any("not as it was written" in note for note in compare(bench.run(), edited).notes)
    torn = copied(bench.run(), tmp_path / "torn")
    with (torn / JOURNAL).open("a", encoding="utf-8") as file:
        file.write('{"ts_event":17')
    assert any("last line was cut" in note for note in compare(bench.run(), torn).notes)
    assert not compare(bench.run(), bench.run()).notes


def test_words_with_half_a_character_are_shown(
    bench: Bench, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    odd = copied(bench.run(), tmp_path / "odd")
    first_of(Kind.ASSESSMENT, review="cut \ud83d\x1b[31m<img src=x>")(odd)
    page = tmp_path / "page.html"
    assert main([f"{bench.run()}", f"{odd}", "--html", f"{page}"]) == 1
    assert "\x1b[31m<" not in capsys.readouterr().out
    written = page.read_text(encoding="utf-8")
    assert "<img" not in written
    assert "&lt;img src=x&gt;" in written


# ------------------------------------------------------------ differences that are easily missed


def test_a_fill_of_another_instrument_is_no_fill_of_the_order(bench: Bench, tmp_path: Path) -> None:
    other = copied(bench.run(), tmp_path / "other")
    records = [*read_records(other)]
    place = next(place for place, each in enumerate(records) if each.kind is Kind.FILL)
    name = next(r.instrument_id for r in records if r.instrument_id not in ("", ETH))
    moved = name if records[place].instrument_id == ETH else ETH
    records[place] = replace(records[place], instrument_id=moved)
    write(other, records)
    divergence = compare(bench.run(), other)
    assert (divergence.first, divergence.differences[0].cause) == (Rung.FILLS, Cause.MISSING_FILL)


def test_a_refused_order_is_told_by_its_refusal_from_both_sides(
    bench: Bench, tmp_path: Path
) -> None:
    other = copied(bench.run(), tmp_path / "other")
    first_of(Kind.ORDER, event="rejected", reason="no margin")(other)
    for divergence in (compare(bench.run(), other), compare(other, bench.run())):
        assert divergence.first is Rung.ORDERS
        assert divergence.differences[0].cause is Cause.VENUE_REJECTION


def test_a_rate_that_changed_no_payment_is_worth_nothing(bench: Bench, tmp_path: Path) -> None:
    other = copied(bench.run(), tmp_path / "other")
    first_of(Kind.FUNDING, rate="0.01")(other)
    divergence = compare(bench.run(), other)
    assert divergence.same
    assert not divergence.bridge.contributions


def test_an_equity_that_was_never_marked_is_not_called_the_same(
    bench: Bench, tmp_path: Path
) -> None:
    other = copied(bench.run(), tmp_path / "other")
    write(other, [record for record in read_records(other) if record.kind is not Kind.EQUITY])
    top = compare(bench.run(), other).rungs[-1]
    assert (top.rung, top.standing) == (Rung.EQUITY, Standing.UNRECORDED)
    assert "other marked no equity" in top.says


def test_marks_that_never_meet_prove_nothing(bench: Bench, tmp_path: Path) -> None:
    other = copied(bench.run(), tmp_path / "other")
    write(
        other,
        [
            replace(record, ts_event=record.ts_event + 1) if record.kind is Kind.EQUITY else record
            for record in read_records(other)
        ],
    )
    top = compare(bench.run(), other).rungs[-1]
    assert (top.rung, top.standing) == (Rung.EQUITY, Standing.UNRECORDED)
    assert "one and the same moment" in top.says


def test_what_one_run_alone_trades_is_said_to_be_compared(bench: Bench) -> None:
    notes = compare(bench.run(), bench.run(f"data.instruments=[{ETH}]")).notes
    assert any("alone trades" in note and "compared from the commands up" in note for note in notes)
    assert not any("alone trades" in note and "not compared" in note for note in notes)


def test_sides_that_were_edited_by_hand_still_sum(bench: Bench, tmp_path: Path) -> None:
    odd = copied(bench.run(), tmp_path / "odd")
    first_of(Kind.EQUITY, equity="9" * 21 + "." + "7" * 40)(odd)
    first_of(Kind.FILL, price="9" * 21)(odd)
    a, b = read_runs(bench.run(), odd)
    bridge = diverge(a, b).bridge
    assert bridge.end < -(Decimal(10) ** 20)  # that it was built proves that it sums
    assert main([f"{bench.run()}", f"{odd}", "--html", f"{tmp_path / 'page.html'}"]) == 1


# ------------------------------------------------------------ reports of others


def fills(**columns: list[object]) -> pa.Table:
    plain: dict[str, list[object]] = {
        "client_order_id": ["O-1", "O-2"],
        "instrument_id": ["X.Y", "X.Y"],
        "order_side": ["BUY", "SELL"],
        "last_qty": ["1", "1"],
        "last_px": ["100", "101"],
        "currency": ["USDT", "USDT"],
        "commission": ["0.1 USDT", "0.1 USDT"],
        "trade_id": ["T-1", "T-2"],
        "ts_event": [1_000_000_000, 2_000_000_000],
    }
    return pa.table({**plain, **columns})


def test_a_fee_in_another_currency_is_not_counted() -> None:
    paid = fills(commission=["0.1 USDT", "7 BNB"])
    none = fills(commission=["0.1 USDT", "0 USDT"])
    assert compare_reports(paid, none).same
    assert compare_reports(none, fills()).differences[0].cause is Cause.FEE


def test_times_of_another_zone_are_the_same_times() -> None:
    stamps = pa.array([1_000_000_000, 2_000_000_000], pa.timestamp("ns", tz="UTC"))
    far = stamps.cast(pa.timestamp("ns", tz="Asia/Tokyo"))
    assert compare_reports(
        fills().set_column(8, "ts_event", stamps), fills().set_column(8, "ts_event", far)
    ).same


@pytest.mark.parametrize(
    ("report", "said"),
    [
        (fills(currency=["USDT", "BTC"]), "currency in a report of A must be one"),
        (fills(trade_id=["T-1", "T-1"], client_order_id=["O-1", "O-1"]), "trade_id T-1 of order"),
        (fills(last_qty=["1", "-1"]), "quantity of the fill record"),
        (fills(last_qty=["1", "Infinity"]), "last_qty in a report of A"),
        (fills(last_px=["1", "1e30"]), "last_px in a report of A"),
        (fills(order_side=["BUY", "buy"]), "side of the fill record"),
        (fills(ts_event=["2024-01-01", "2024-01-02"]), "ts_event in a report of A"),
        (fills(ts_event=[True, False]), "ts_event in a report of A"),
        (fills(ts_event=[-1, 1]), "ts_event in a report of A"),
        (fills(instrument_id=[None, "X.Y"]), "instrument_id in a report of A"),
        (
            fills().set_column(8, "ts_event", pa.array([1, 1 << 60], pa.timestamp("s"))),
            "ts_event in a report of A",
        ),
        (fills().append_column("last_qty", [["1", "1"]]), "has the column last_qty twice"),
        ([1, 2], "must be a DataFrame or a table of Arrow, was list"),
        (None, "must be a DataFrame or a table of Arrow, was NoneType"),
    ],
)
def test_a_report_that_means_no_good_is_named(report: object, said: str) -> None:
    with pytest.raises(ValueError, match=said) as refusal:
        compare_reports(report, report)
    assert "\n" not in f"{refusal.value}"


def test_reports_whose_columns_do_not_fit_together_are_refused(tmp_path: Path) -> None:
    pq.write_table(fills(), tmp_path / "one.parquet")
    pq.write_table(fills(ts_event=["a", "b"]), tmp_path / "two.parquet")
    with pytest.raises(DivergenceError, match="do not fit together"):
        compare(tmp_path, tmp_path)


def test_currencies_of_reports_are_told_in_json(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pq.write_table(fills(), tmp_path / "fills.parquet")
    assert main([f"{tmp_path}", f"{tmp_path / 'fills.parquet'}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["bridge"]["currency"] == "USDT"
