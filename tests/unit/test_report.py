"""The report: what a run's records amount to."""

import json
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.core.curves import DAY_NS, Marks, Prices, daily, hold, monthly
from morningstar_strategy.core.plans import Standing, plan_rows, summarize
from morningstar_strategy.core.records import Kind, Record, RecordError, Value, from_line, to_line
from morningstar_strategy.core.report import Report, build_report, to_dict
from tests.demo import CAPITAL, HOUR_NS, NAMES, START_NS, demo_report, demo_run

BTC, ETH = NAMES[0], NAMES[1]


def record(at: int, kind: Kind, name: str = "", **fields: Value) -> Record:
    return Record(ts_event=START_NS + at * HOUR_NS, kind=kind, instrument_id=name, fields=fields)


def equity(at: int, value: str, drawdown: str = "0", **exposure: str) -> Record:
    held: dict[str, Value] = {name.replace("_", "."): text for name, text in exposure.items()}
    return record(at, Kind.EQUITY, equity=value, balance=value, exposure=held, drawdown=drawdown)


def report_of(records: Sequence[Record], prices: Sequence[Prices] = ()) -> Report:
    return build_report(
        records,
        prices=prices,
        starting_equity=CAPITAL,
        currency="USDT",
        synthetic=False,
        trials=1,
        trial_sharpes=[],
    )


def fill(
    side: str, quantity: Decimal, price: Decimal, *, fee: str = "0", liquidity: str = "TAKER"
) -> Record:
    return record(
        1, Kind.FILL, "X", order_id="o", plan_id="p", role="entry", side=side, fee=fee,
        quantity=f"{quantity:f}", price=f"{price:f}", slippage="0.5", liquidity=liquidity,
    )  # fmt: skip


# ------------------------------------------------------------ laws

numbers = st.decimals("0.001", "5000", places=3)
trades = st.lists(
    st.tuples(
        st.sampled_from(["BUY", "SELL"]), numbers, numbers, st.sampled_from(["MAKER", "TAKER"])
    ),
    max_size=12,
)


@given(trades, numbers, st.decimals("-50", "50", places=4))
def test_any_fills_and_funding_explain_the_change_of_the_equity(
    made: list[tuple[str, Decimal, Decimal, str]], last: Decimal, funding: Decimal
) -> None:
    cash, held = CAPITAL + funding, Decimal(0)
    records = [equity(0, f"{CAPITAL}"), record(1, Kind.FUNDING, "X", amount=f"{funding}")]
    for side, quantity, price, liquidity in made:
        signed = quantity if side == "BUY" else -quantity
        cash, held = cash - signed * price - Decimal("1.75"), held + signed
        records.append(fill(side, quantity, price, fee="1.25", liquidity=liquidity))
    records.append(equity(2, f"{cash + held * last:f}", X=f"{held * last:f}"))
    costs = report_of(records).costs
    assert abs(costs.residual) < Decimal("1e-6")
    assert costs.reconciled
    assert costs.slippage == len(made) * Decimal("0.5")
    assert costs.maker_fees + costs.taker_fees == len(made) * Decimal("1.25")


@given(st.decimals("0.001", "1000", places=3), st.sampled_from([1, -1]))
def test_money_that_no_record_explains_is_the_residual(amount: Decimal, sign: int) -> None:
    signed = sign * amount
    costs = report_of([equity(0, f"{CAPITAL}"), equity(1, f"{CAPITAL + signed:f}")]).costs
    assert costs.residual == signed
    assert not costs.reconciled


steps = st.lists(
    st.tuples(st.integers(1, 60), st.floats(100, 1e6, allow_nan=False)), min_size=1, max_size=60
)


@given(steps)
def test_daily_and_monthly_returns_compound_to_the_whole(path: list[tuple[int, float]]) -> None:
    stamps = START_NS + HOUR_NS * np.cumsum([0, *(hours for hours, _ in path)])
    values = np.array([1_000.0, *(value for _, value in path)])
    marks = Marks(
        ts_event=stamps,
        equity=values,
        drawdown=np.zeros(len(values)),
        instruments=(),
        exposure=np.zeros((len(values), 0)),
    )
    days = daily(marks, 1_000.0)
    whole = values[-1] / 1_000.0
    assert np.prod(1 + days.simple_return) == pytest.approx(whole, rel=1e-9)
    months = [1 + month.simple_return for month in monthly(marks, 1_000.0)]
    assert np.prod(months) == pytest.approx(whole, rel=1e-9)
    assert np.all(np.diff(days.ts_event) == DAY_NS)
    assert days.ts_event[0] == START_NS + DAY_NS
    assert days.ts_event[-1] - DAY_NS < stamps[-1] <= days.ts_event[-1]


# ------------------------------------------------------------ curves


def test_a_mark_at_midnight_closes_the_day_before_and_silent_days_earn_nothing() -> None:
    days = report_of(
        [equity(0, "10000"), equity(24, "10100"), equity(30, "10200"), equity(96, "10098")]
    ).days
    assert days.equity.tolist() == [10_100, 10_200, 10_200, 10_098]
    assert days.simple_return.tolist() == pytest.approx([0.01, 100 / 10_100, 0, -0.01])


def test_days_before_the_first_trade_are_days_of_the_run() -> None:
    days = report_of([equity(5, "10000"), equity(53, "10100")]).days
    assert days.equity.tolist() == [10_000, 10_000, 10_100]
    assert days.simple_return.tolist() == pytest.approx([0.0, 0.0, 0.01])


def test_months_are_calendar_months() -> None:
    january, february = 31 * 24, (31 + 29) * 24
    months = report_of(
        [equity(0, "10000"), equity(january, "11000"), equity(february, "9900")]
    ).months
    assert [(month.year, month.month) for month in months] == [(2024, 1), (2024, 2)]
    assert [month.simple_return for month in months] == pytest.approx([0.1, -0.1])


def test_exposure_has_gross_net_and_each_instrument() -> None:
    last = equity(1, "10000", X="300", Y="-200")
    marks = report_of([equity(0, "10000"), last]).marks
    assert marks.instruments == ("X", "Y")
    assert marks.gross.tolist() == [0, 500]
    assert marks.net.tolist() == [0, 100]


def test_the_basket_is_held_in_equal_parts_and_waits_in_cash() -> None:
    early = Prices(
        instrument_id="X",
        ts_event=np.array([0, 10, 20], dtype=np.int64),
        close=np.array([100.0, 110.0, 120.0]),
    )
    late = Prices(
        instrument_id="Y",
        ts_event=np.array([10, 20], dtype=np.int64),
        close=np.array([50.0, 25.0]),
    )
    basket = hold([early, late])
    assert basket is not None
    assert basket.ts_event.tolist() == [0, 10, 20]
    assert basket.value.tolist() == pytest.approx([1.0, 1.05, 0.85])
    assert basket.simple_return == pytest.approx(-0.15)
    assert dict(basket.instruments) == pytest.approx({"X": 0.2, "Y": -0.5})
    assert hold([]) is None


@pytest.mark.parametrize(
    ("stamps", "closes", "said"),
    [
        ([0, 1], [1.0], "equally long"),
        ([0, 0], [1.0, 1.0], "strictly increasing"),
        ([0, 1], [1.0, float("nan")], "positive and finite"),
        ([0, 1], [1.0, 0.0], "positive and finite"),
    ],
)
def test_prices_cannot_exist_wrong(stamps: list[int], closes: list[float], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Prices(instrument_id="X", ts_event=np.array(stamps), close=np.array(closes))


# ------------------------------------------------------------ plans


def planned(at: int, order_id: str, name: str = BTC) -> Record:
    return record(
        at, Kind.PLAN, name, order_id=order_id, state="PENDING", direction="LONG", quantity="2",
        entry_price=None, stop_loss_price="95", take_profit_prices=["110"],
        position_size_percent="10", reason="signal",
    )  # fmt: skip


def opened(at: int, order_id: str, name: str = BTC) -> Record:
    return record(
        at, Kind.PLAN, name, order_id=order_id, state="ACTIVE", entry_price="100",
        open_quantity="2", stop_loss_price="95",
    )  # fmt: skip


def ended(at: int, order_id: str, gross: str, name: str = BTC, state: str = "CLOSED") -> Record:
    filled = state == "CLOSED"
    return record(
        at, Kind.PLAN, name, order_id=order_id, state=state, direction="LONG",
        planned_ns=START_NS, reason="take profit", quantity="2" if filled else "0",
        entry_price="100" if filled else None, exit_price="110" if filled else None,
        gross_pnl=gross, fees="1" if filled else "0",
    )  # fmt: skip


def test_a_plan_is_told_from_its_planning_to_its_end() -> None:
    pay = record(3, Kind.FUNDING, BTC, amount="-0.25")
    other = record(3, Kind.FUNDING, ETH, amount="-7")
    late = record(9, Kind.FUNDING, BTC, amount="-7")
    story = [planned(1, "a"), opened(2, "a"), pay, other, ended(4, "a", "20"), late]
    (row,) = plan_rows(story)
    assert row.standing is Standing.CLOSED
    assert (row.opened_ns, row.ended_ns) == (START_NS + 2 * HOUR_NS, START_NS + 4 * HOUR_NS)
    assert (row.gross, row.costs, row.funding) == (Decimal(20), Decimal(1), Decimal("-0.25"))
    assert row.net == Decimal("18.75")
    assert (row.planned_reason, row.end_reason) == ("signal", "take profit")
    assert (row.entry_price, row.exit_price) == (Decimal(100), Decimal(110))


def test_a_plan_without_an_end_is_still_open_and_one_that_never_filled_is_no_trade() -> None:
    story = [planned(1, "a"), opened(2, "a"), planned(1, "b", ETH)]
    rows = plan_rows([*story, ended(3, "b", "0", ETH, "EXPIRED"), planned(5, "c", ETH)])
    standings = {row.order_id: row.standing for row in rows}
    assert standings == {
        "a": Standing.ACTIVE,
        "b": Standing.EXPIRED,
        "c": Standing.PENDING,
    }
    summary = summarize(rows, start_ns=START_NS, end_ns=START_NS + 10 * HOUR_NS)
    assert (summary.planned, summary.closed, summary.win_rate) == (3, 0, None)
    assert summary.time_in_market == pytest.approx(0.8)
    assert {group.name: group.count for group in summary.by_outcome} == {
        "ACTIVE": 1,
        "EXPIRED": 1,
        "PENDING": 1,
    }


def test_time_in_market_counts_overlapping_plans_once() -> None:
    story = [
        *(planned(1, "a"), opened(1, "a"), ended(5, "a", "20")),
        *(planned(2, "b", ETH), opened(2, "b", ETH), ended(4, "b", "-30", ETH)),
        *(planned(7, "c"), opened(7, "c"), ended(8, "c", "1")),
    ]
    rows = plan_rows(sorted(story, key=lambda told: told.ts_event))
    summary = summarize(rows, start_ns=START_NS, end_ns=START_NS + 10 * HOUR_NS)
    assert summary.time_in_market == pytest.approx(0.5)
    assert (summary.wins, summary.losses, summary.closed) == (1, 1, 3)
    assert summary.win_rate == pytest.approx(1 / 3)
    assert (summary.average_win, summary.average_loss) == (Decimal(19), Decimal(-31))
    assert summary.average_net == Decimal(-4)
    assert (summary.best, summary.worst) == (Decimal(19), Decimal(-31))
    assert summary.average_holding_secs == pytest.approx(7 * 3_600 / 3)


def test_plans_of_a_run_add_up_to_its_costs() -> None:
    report = demo_report(days=60, seed=3)
    costs = report.costs
    assert len(report.plans) > 30
    assert {row.standing for row in report.plans} >= {Standing.CLOSED, Standing.CANCELLED}
    paid = costs.maker_fees + costs.taker_fees + costs.slippage
    assert sum(row.costs for row in report.plans) == pytest.approx(paid)
    assert sum(row.slippage for row in report.plans) == pytest.approx(costs.slippage)
    assert sum(row.funding for row in report.plans) == pytest.approx(costs.funding)


# ------------------------------------------------------------ the whole


def test_a_run_reconciles_and_its_head_says_what_was_run() -> None:
    records, prices = demo_run(days=40, seed=11)
    report = report_of(records, prices)
    assert abs(report.costs.residual) < Decimal("1e-6")
    assert report.costs.fills > 50
    assert report.head.days == 40
    assert report.head.instruments == NAMES
    assert report.head.ending_equity == Decimal(str(records[-1].fields["equity"]))
    assert float(np.prod(1 + report.days.simple_return)) == pytest.approx(
        float(report.head.ending_equity / CAPITAL)
    )
    assert report.head.max_drawdown == pytest.approx(
        max(float(str(told.fields["drawdown"])) for told in records if told.kind is Kind.EQUITY)
    )


def test_rulings_are_counted_by_rule_with_the_first_reason() -> None:
    rulings = [
        record(1, Kind.RULING, BTC, action="PLAN_TRADE", ruling="denied", rule="r", reason="one"),
        record(2, Kind.RULING, ETH, action="PLAN_TRADE", ruling="denied", rule="r", reason="two"),
        record(3, Kind.RULING, ETH, action="PLAN_TRADE", ruling="denied", rule="q", reason="q"),
        record(4, Kind.RULING, ETH, action="PLAN_TRADE", ruling="approved", shrunk=["s", "t"]),
        record(5, Kind.RULING, ETH, action="ADJUST_TRADE", ruling="approved", shrunk=["s"]),
    ]
    report = report_of([equity(0, "10000"), *rulings, equity(6, "10000")])
    told = [(found.rule, found.count, found.example) for found in report.denials]
    assert told == [("r", 2, "one"), ("q", 1, "q")]
    assert report.denials[0].instrument_id == BTC
    assert [(rule.name, rule.count) for rule in report.shrinks] == [("s", 2), ("t", 1)]
    assert [(rule.name, rule.count) for rule in report.actions] == [
        ("PLAN_TRADE", 4),
        ("ADJUST_TRADE", 1),
    ]
    assert report.approved == 2


def test_the_document_is_exact_plain_json_and_the_same_every_time() -> None:
    records, prices = demo_run(days=45, seed=5)
    again = [from_line(to_line(told)) for told in records]
    text = json.dumps(to_dict(report_of(records, prices)), allow_nan=False, sort_keys=True)
    assert text == json.dumps(to_dict(report_of(again, prices)), allow_nan=False, sort_keys=True)
    document = json.loads(text)
    assert set(document) == {
        "head", "daily", "monthly", "buy_and_hold", "plans", "summary", "costs", "sharpe",
        "gate", "health",
    }  # fmt: skip
    assert Decimal(document["head"]["ending_equity"]) == Decimal(str(records[-1].fields["equity"]))
    assert len(document["daily"]["equity"]) == 45
    assert document["costs"]["reconciled"] is True
    assert isinstance(document["plans"][0]["net"], str)
    assert document["sharpe"]["trials"] == 1


def test_a_run_of_one_mark_and_no_trade_has_a_report() -> None:
    report = report_of([equity(0, "10000")])
    assert report.days.simple_return.tolist() == [0.0]
    assert report.summary.win_rate is None
    assert report.basket is None
    assert report.sharpe is None
    assert to_dict(report)["buy_and_hold"] is None


def test_a_lost_account_does_not_divide_by_zero() -> None:
    report = report_of([equity(0, "10000"), equity(24, "0", "1"), equity(48, "0", "1")])
    assert report.days.simple_return.tolist() == [-1.0, 0.0]


@pytest.mark.parametrize(
    ("records", "said"),
    [
        ([], "holds no equity record"),
        ([equity(5, "1"), equity(4, "1")], "order of time"),
        ([equity(0, "nan")], "equity of the equity record at .* was 'nan'"),
        ([equity(0, "1", X="much")], "X of the equity record at .* was 'much'"),
        ([record(0, Kind.EQUITY, equity=1.5, drawdown="0")], "equity of the .* was 1.5"),
        ([record(0, Kind.EQUITY, equity="1", drawdown="0", exposure=[])], "must be an object"),
        ([equity(0, "1"), record(1, Kind.FUNDING, BTC)], "amount of the funding .* was None"),
        ([equity(0, "1"), fill("UP", Decimal(1), Decimal(1))], "must be BUY or SELL, was 'UP'"),
        ([equity(0, "1"), record(1, Kind.HEALTH, state=3)], "state of the health .* was 3"),
    ],
)
def test_records_that_cannot_be_read_are_named(records: list[Record], said: str) -> None:
    with pytest.raises(RecordError, match=said):
        report_of(records)


@pytest.mark.parametrize("capital", ["0", "-1", "NaN", "Infinity"])
def test_a_run_must_start_with_money(capital: str) -> None:
    with pytest.raises(ValueError, match=f"starting_equity must be positive, was {capital}"):
        build_report(
            [equity(0, "1")],
            prices=[],
            starting_equity=Decimal(capital),
            currency="USDT",
            synthetic=False,
            trials=1,
            trial_sharpes=[],
        )


def test_an_unknown_state_of_a_plan_is_named() -> None:
    strange = record(1, Kind.PLAN, BTC, order_id="a", state="FLYING")
    with pytest.raises(RecordError, match="FLYING"):
        plan_rows([strange])
