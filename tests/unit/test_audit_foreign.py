"""Trade logs of other programs: their column names, their times, and what they cannot tell."""

from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from live.auditing.columns import columns_of, number, time_ns
from live.auditing.findings import SECOND_NS, Criterion, Finding, Verdict
from live.auditing.foreign import ForeignError, Layout, read_trade_log
from live.auditing.foreign_audit import Market, audit_log
from live.auditing.session import Asked, PriceBar
from morningstar_strategy.core.plans import Standing, plan_rows
from reports.trade_log import write_trade_log
from tests.audits import story

T0 = 1_704_067_200


@dataclass(kw_only=True)
class Row:
    """A trade as some other bot writes it."""

    opened: int
    ended: int
    side: str
    entry: Decimal
    exit: Decimal
    size: Decimal
    fee: Decimal
    pnl: Decimal
    balance: Decimal

    def cells(self) -> str:
        prices = f"{self.side},{self.entry},{self.exit},{self.size},{self.fee}"
        return f"{self.opened},{self.ended},BTC/USDT,{prices},{self.pnl},{self.balance}"


HEADER = "Open Time,Close Time,Pair,Side,Entry Price,Exit Price,Amount,Commission,Profit,Balance"


def trades(seed: int, count: int = 12, *, net: bool = True) -> list[Row]:
    """Trade at random, with a balance that is kept beside."""
    rng, balance, rows, now = Random(seed), Decimal(10_000), [], T0
    for _ in range(count):
        entry = Decimal(rng.randrange(30_000, 50_000))
        exit_ = entry + rng.randrange(-900, 900)
        size, side = Decimal(rng.randrange(1, 50)) / 100, rng.choice(("LONG", "sell", "Short"))
        fee = (entry + exit_) * size * Decimal("0.0005")
        gross = (exit_ - entry) * size * (1 if side == "LONG" else -1)
        opened, now = now, now + rng.randrange(60, 14_000)
        balance += gross - fee
        rows.append(
            Row(
                opened=opened,
                ended=now,
                side=side,
                entry=entry,
                exit=exit_,
                size=size,
                fee=fee,
                pnl=gross - fee if net else gross,
                balance=balance,
            )
        )
    return rows


def write(folder: Path, rows: list[Row], header: str = HEADER) -> Path:
    path = folder / "trade_log.csv"
    path.write_text("\n".join([header, *(row.cells() for row in rows)]) + "\n", encoding="utf-8")
    return path


def audited(path: Path, market: Market | None = None) -> dict[Criterion, Finding]:
    findings = audit_log(read_trade_log(path), Asked(), market or Market())
    return {finding.criterion: finding for finding in findings}


@settings(max_examples=30)
@given(seed=st.integers(0, 2**32), net=st.booleans())
def test_a_consistent_log_passes_what_it_can_prove_and_no_more(
    tmp_path_factory: pytest.TempPathFactory, seed: int, *, net: bool
) -> None:
    found = audited(write(tmp_path_factory.mktemp("log"), trades(seed, net=net)))
    passed = {each for each, finding in found.items() if finding.verdict is Verdict.PASS}
    assert passed == {Criterion.CAPITAL_DRIFT, Criterion.HOLDING}
    others = [finding for each, finding in found.items() if each not in passed]
    assert {finding.verdict for finding in others} == {Verdict.UNKNOWN}
    assert all(finding.says for finding in others)


@settings(max_examples=20)
@given(seed=st.integers(0, 2**32), at=st.integers(1, 11), what=st.sampled_from(["fee", "balance"]))
def test_money_that_is_lost_in_a_log_is_found(
    tmp_path_factory: pytest.TempPathFactory, seed: int, at: int, what: str
) -> None:
    rows = trades(seed)
    if what == "fee":
        rows[at].fee = Decimal(0)
    else:
        for row in rows[at:]:
            row.balance -= Decimal("0.02")
    found = audited(write(tmp_path_factory.mktemp("log"), rows))
    assert found[Criterion.CAPITAL_DRIFT].verdict is Verdict.FAIL
    assert found[Criterion.HOLDING].verdict is Verdict.PASS


def test_a_result_that_its_prices_contradict_is_named_by_its_line(tmp_path: Path) -> None:
    rows = trades(1)
    rows[4].pnl += Decimal("0.5")
    finding = audited(write(tmp_path, rows))[Criterion.CAPITAL_DRIFT]
    assert finding.verdict is Verdict.FAIL
    assert len(finding.faults) == 1
    assert finding.faults[0].startswith("line 6 says pnl")


def test_a_trade_held_too_long_is_found(tmp_path: Path) -> None:
    rows = trades(2)
    rows[3].opened -= 20_000
    finding = audited(write(tmp_path, rows))[Criterion.HOLDING]
    assert finding.verdict is Verdict.FAIL
    assert len(finding.faults) == 1


def test_balances_may_be_said_where_the_log_has_none(tmp_path: Path) -> None:
    rows = trades(3)
    end = rows[-1].balance
    path = write(tmp_path, rows, HEADER.replace("Balance", "Note"))
    unknown = audited(path)[Criterion.CAPITAL_DRIFT]
    assert unknown.verdict is Verdict.UNKNOWN
    assert "--begin-balance" in unknown.says
    said = Market(begun=Decimal(10_000), ended=end)
    assert audited(path, said)[Criterion.CAPITAL_DRIFT].verdict is Verdict.PASS
    wrong = Market(begun=Decimal(10_000), ended=end + Decimal("0.01"))
    assert audited(path, wrong)[Criterion.CAPITAL_DRIFT].verdict is Verdict.FAIL


@pytest.mark.parametrize(
    ("gone", "criterion", "word"),
    [
        ("Commission", Criterion.CAPITAL_DRIFT, "fee"),
        ("Exit Price", Criterion.CAPITAL_DRIFT, "exit"),
        ("Amount", Criterion.CAPITAL_DRIFT, "quantity"),
        ("Close Time", Criterion.HOLDING, "ended"),
        ("Amount", Criterion.CROSSINGS, "stop"),
    ],
)
def test_a_missing_column_is_unknown_and_named(
    tmp_path: Path, gone: str, criterion: Criterion, word: str
) -> None:
    found = audited(write(tmp_path, trades(4), HEADER.replace(gone, "Unheard of")))
    assert found[criterion].verdict is Verdict.UNKNOWN
    assert word in found[criterion].says


def test_our_own_log_is_one_of_them(tmp_path: Path) -> None:
    path = tmp_path / "trade_log.csv"
    rows = [row for row in plan_rows(story(5).records) if row.standing is Standing.CLOSED]
    with path.open("w", encoding="utf-8", newline="") as file:
        write_trade_log(rows, file)
    end = Decimal(10_000) + sum((row.net for row in rows), Decimal(0))
    found = audited(path, Market(begun=Decimal(10_000), ended=end))
    drift = found[Criterion.CAPITAL_DRIFT]
    assert drift.verdict is Verdict.PASS, drift.faults
    assert drift.evidence["rows"] == len(rows) > 10
    assert found[Criterion.HOLDING].verdict is Verdict.PASS


def test_what_an_open_trade_has_closed_in_part_is_unknown(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    header = "side,opened,ended,entry_price,exit_price,qty,fee,balance"
    closed = f"LONG,{T0},{T0 + 60},100,110,1,0.1,1009.9"
    open_ = f"LONG,{T0 + 60},,100,,1,0.1,"
    path.write_text(f"{header}\n{closed}\n{open_}\n", encoding="utf-8")
    for end, verdict in (("1009.8", Verdict.PASS), ("1015", Verdict.UNKNOWN)):
        market = Market(begun=Decimal(1_000), ended=Decimal(end))
        assert audited(path, market)[Criterion.CAPITAL_DRIFT].verdict is verdict


FILLS = """timestamp;coin;side;price;size;fee;account_balance
1704067200;BTC;BUY;100;2;0.1;999.9
1704067260;BTC;BUY;110;2;0.1;999.8
1704070800;BTC;SELL;120;3;0.2;1044.6
1704074400;BTC;SELL;90;1;0.1;1029.5
"""


def test_a_log_of_fills_is_booked_by_average_cost(tmp_path: Path) -> None:
    path = tmp_path / "fills.csv"
    path.write_text(FILLS, encoding="utf-8")
    log = read_trade_log(path)
    assert log.layout is Layout.FILLS
    found = audited(path)
    assert found[Criterion.CAPITAL_DRIFT].verdict is Verdict.PASS, found[Criterion.CAPITAL_DRIFT]
    assert found[Criterion.HOLDING].evidence["longest_secs"] == 7_200
    path.write_text(FILLS.replace("1029.5", "1029.4"), encoding="utf-8")
    assert audited(path)[Criterion.CAPITAL_DRIFT].verdict is Verdict.FAIL


def test_a_stop_that_bars_crossed_is_missed_in_a_log_too(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    header = "symbol,side,opened,ended,entry_price,exit_price,stop_loss,quantity"
    path.write_text(
        f"{header}\nBTC,LONG,{T0},{T0 + 3600},100,101,90,1\nBTC,LONG,{T0 + 3600},,100,,90,1\n"
        f"BTC,LONG,{T0 + 3600},{T0 + 6900},100,89,90,1\nBTC,LONG,{T0},{T0 + 7000},100,101,90,1\n",
        encoding="utf-8",
    )

    def bar(minute: int, low: str) -> PriceBar:
        ts = (T0 + minute * 60) * SECOND_NS
        return PriceBar(ts_event=ts, high=Decimal(105), low=Decimal(low), close=Decimal(100))

    calm = tuple(bar(minute, "99") for minute in range(5, 125, 5))
    market = Market(bars={"BTC": calm}, interval_ns=300 * SECOND_NS)
    assert audited(path, market)[Criterion.CROSSINGS].verdict is Verdict.PASS
    fallen = (*calm[:-2], bar(115, "89"), calm[-1])
    found = audited(path, Market(bars={"BTC": fallen}, interval_ns=300 * SECOND_NS))
    finding = found[Criterion.CROSSINGS]
    assert finding.verdict is Verdict.PASS  # the last ones had until the end of the log
    assert (finding.evidence["stops"], finding.evidence["awaited"]) == (3, 1)
    early = (*calm[:3], bar(20, "80"), *calm[4:])
    found = audited(path, Market(bars={"BTC": early}, interval_ns=300 * SECOND_NS))
    assert found[Criterion.CROSSINGS].evidence["missed"] == 2
    assert "plan of line 2" in found[Criterion.CROSSINGS].faults[0]


@pytest.mark.parametrize(
    ("text", "secs"),
    [
        ("1704067200", T0),
        ("1704067200000", T0),
        ("1704067200000000", T0),
        ("1704067200000000000", T0),
        ("1704067200.5", T0),
        ("2024-01-01T00:00:00Z", T0),
        ("2024-01-01 00:00:00", T0),
        ("2024-01-01T01:00:00.123456789+01:00", T0),
    ],
)
def test_times_are_read_by_their_form(text: str, secs: int) -> None:
    found = time_ns(text, where="time")
    assert found is not None
    assert found // SECOND_NS == secs


@pytest.mark.parametrize(
    "text", ["01/02/2024", "45292.5", "20240101", "170406720", "2024-13-01", "noon", "-1704067200"]
)
def test_a_time_that_could_be_several_is_refused(text: str) -> None:
    with pytest.raises(ForeignError, match="opened must be"):
        time_ns(text, where="opened")


@pytest.mark.parametrize("text", ["1,5", "1_000", "NaN", "inf", "$5", "0x10"])
def test_a_number_in_another_form_is_refused(text: str) -> None:
    with pytest.raises(ForeignError, match="fee must be a number"):
        number(text, where="fee")


def test_an_exact_name_comes_before_a_loose_one() -> None:
    found = columns_of(("AMOUNT", "Quantity", "Order-ID"))
    assert found == {"quantity": "Quantity", "plan": "Order-ID"}
    with pytest.raises(ForeignError, match="'fee' is there 2 times"):
        columns_of(("Fee", "fee"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("", "understood to have nothing"),
        ("a,b\n1,2\n", "understood to have nothing"),
        (f"{HEADER}\n", "nothing that was filled"),
        (f"{HEADER}\n1,2\n", "line 2 has not as many cells"),
        ("time,symbol,side,price,qty\n1704067200,BTC,HOLD,1,1\n", "must be LONG, SHORT"),
        ("time,symbol,side,price,qty\n1/2/24,BTC,BUY,1,1\n", "line 2: time must be"),
        ("time,symbol,side,price,qty\n1704067200,BTC,BUY,1e,1\n", "line 2: price must be"),
    ],
)
def test_what_cannot_be_read_is_one_sentence(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ForeignError, match=words) as caught:
        read_trade_log(path)
    assert "\n" not in str(caught.value)


def test_plans_that_were_never_filled_are_left_aside(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    header = "symbol,side,state,opened,ended,entry_price"
    path.write_text(
        f"{header}\nBTC,LONG,CANCELLED,,,100\nBTC,LONG,CLOSED,{T0},{T0 + 60},100\n",
        encoding="utf-8",
    )
    log = read_trade_log(path)
    assert (len(log.rows), log.unfilled) == (1, 1)
