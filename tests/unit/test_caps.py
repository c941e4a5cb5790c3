"""Every cap of the gate at its boundary, with the numbers written out."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.risk import Approved
from morningstar_strategy.core.rules import (
    Case,
    correlated_notional,
)
from tests.unit.gate_cases import (
    LONG,
    MEMORY,
    NOW_FLAT,
    SHORT,
    approved,
    denied,
    held,
    market,
    ruled,
)

WIDE: dict[str, Any] = {
    "max_position_percent": Decimal(100),
    "max_exposure_percent": Decimal(100),
    "max_correlated_percent": Decimal(100),
    "max_risk_percent": Decimal(100),
}


@pytest.mark.parametrize(
    ("limits", "rule", "quantity"),
    [
        ({"max_order_notional": Decimal("501")}, "within_order_size", Decimal("5")),
        ({"max_order_notional": Decimal("500.9")}, "within_order_size", Decimal("4.99")),
        ({"max_position_percent": Decimal("5.01")}, "within_position_size", Decimal("5")),
        ({"max_risk_percent": Decimal("0.2792505")}, "within_risk_budget", Decimal("5")),
        ({"max_risk_percent": Decimal("0.2792504")}, "within_risk_budget", Decimal("4.99")),
        ({"max_exposure_percent": Decimal("5.01")}, "within_exposure", Decimal("5")),
        ({"max_correlated_percent": Decimal("5.01")}, "within_correlation", Decimal("5")),
    ],
)
def test_each_cap_shrinks_to_the_lots_that_fit(
    limits: dict[str, Decimal], rule: str, quantity: Decimal
) -> None:
    ruling = ruled(limits=limits)
    assert isinstance(ruling, Approved)
    assert ruling.shrunk == (rule,)
    percent, found = approved(ruling)
    assert found == quantity
    assert percent == quantity * Decimal("100.2") / 100


def test_a_percent_that_does_not_come_out_even_is_rounded_up_and_gives_the_same_lots() -> None:
    now = replace(NOW_FLAT, equity=Decimal(3_000))
    memory = replace(MEMORY, peak_equity=Decimal(3_000), day_equity=Decimal(3_000))
    limits = WIDE | {"max_order_notional": Decimal("100.2")}
    percent, quantity = approved(ruled(limits=limits, now=now, memory=memory))
    assert (percent, quantity) == (Decimal("3.34"), 1)
    limits = WIDE | {"max_order_notional": Decimal("100")}
    found = approved(ruled(entry_price=Decimal(100), limits=limits, now=now, memory=memory))
    assert found == (Decimal("3.333333333334"), 1)


def test_a_plan_at_its_caps_is_left_as_it_is() -> None:
    exact: dict[str, Any] = {
        "max_order_notional": Decimal(1_000),
        "max_position_percent": Decimal(10),
        "max_exposure_percent": Decimal(10),
        "max_correlated_percent": Decimal(10),
    }
    ruling = ruled(limits=exact)
    assert isinstance(ruling, Approved)
    assert ruling.shrunk == ()
    assert approved(ruling) == (10, Decimal("9.98"))


def test_several_caps_shrink_one_after_the_other() -> None:
    limits = {
        "max_order_notional": Decimal(900),
        "max_position_percent": Decimal(8),
        "max_risk_percent": Decimal("0.1"),
    }
    ruling = ruled(limits=limits)
    assert isinstance(ruling, Approved)
    assert ruling.shrunk == ("within_order_size", "within_position_size", "within_risk_budget")
    assert ruling.quantity == Decimal("1.79")  # 10 / 5.58501


@pytest.mark.parametrize(
    ("limits", "rule", "reason"),
    [
        ({"max_order_notional": Decimal(1)}, "within_order_size", "no order size is left"),
        (
            {"max_position_percent": Decimal("0.01")},
            "within_position_size",
            "no position size is left",
        ),
        ({"max_risk_percent": Decimal("0.0001")}, "within_risk_budget", "no risk budget is left"),
        ({"max_exposure_percent": Decimal("0.01")}, "within_exposure", "no exposure is left"),
        (
            {"max_correlated_percent": Decimal("0.01")},
            "within_correlation",
            "no correlated exposure is left",
        ),
    ],
)
def test_where_not_one_lot_fits_the_plan_is_denied(
    limits: dict[str, Decimal], rule: str, reason: str
) -> None:
    assert denied(ruled(limits=limits)) == (rule, reason)


def test_a_cap_that_fits_one_lot_only_gives_one_lot() -> None:
    tiny = replace(NOW_FLAT, market=market(min_notional=Decimal(0)))
    assert approved(ruled(limits={"max_order_notional": Decimal("1.002")}, now=tiny))[1] == Decimal(
        "0.01"
    )
    assert denied(ruled(limits={"max_order_notional": Decimal("1.001")}, now=tiny))[0] == (
        "within_order_size"
    )


def test_what_the_instrument_holds_already_counts_against_its_position() -> None:
    own = replace(NOW_FLAT, holdings=(held("800", "BTC"), held("700", "ETH")))
    assert approved(ruled(now=own))[1] == Decimal("6.98")  # 1500 - 800
    full = replace(NOW_FLAT, holdings=(held("1500", "BTC"),))
    assert denied(ruled(now=full)) == ("within_position_size", "no position size is left")
    over = replace(NOW_FLAT, holdings=(held("1E+30", "BTC"),))
    assert denied(ruled(now=over)) == ("within_position_size", "no position size is left")


def test_a_stop_that_cannot_lose_is_denied() -> None:
    rebate = replace(NOW_FLAT, market=market(taker_fee=Decimal("-0.5"), slippage=Decimal(0)))
    assert denied(ruled(now=rebate)) == ("within_risk_budget", "the stop 95 would not lose")
    even = replace(
        NOW_FLAT, market=market(taker_fee=Decimal("-0.2"), slippage=Decimal(0), price=Decimal(120))
    )
    assert denied(
        ruled(
            now=even,
            stop_loss_price=Decimal(80),
            limits={"max_stop_distance_percent": Decimal(50)},
            take_profit_prices=(Decimal(130),),
        )
    ) == (
        "within_risk_budget",
        "the stop 80 would not lose",
    )


def test_all_positions_together_keep_within_the_exposure() -> None:
    held_8000 = replace(NOW_FLAT, holdings=(held(8_000, direction=Direction.SHORT),))
    assert approved(ruled(now=held_8000))[1] == Decimal("4.99")  # 500 / 100.2
    held_8500 = replace(NOW_FLAT, holdings=(held(8_500, direction=Direction.SHORT),))
    assert denied(ruled(now=held_8500)) == ("within_exposure", "exposure 8500.00 leaves no room")
    held_8499 = replace(NOW_FLAT, holdings=(held("8499.5", direction=Direction.SHORT),))
    assert denied(ruled(now=held_8499)) == ("within_exposure", "no exposure is left")


def test_one_direction_keeps_within_the_correlated_exposure() -> None:
    longs = replace(NOW_FLAT, holdings=(held(5_500), held(500, direction=Direction.SHORT)))
    assert approved(ruled(now=longs))[1] == Decimal("4.99")
    full = replace(NOW_FLAT, holdings=(held(6_000),))
    assert denied(ruled(now=full)) == (
        "within_correlation",
        "correlated LONG exposure 6000.00 leaves no room",
    )
    assert approved(ruled(SHORT, now=full))[1] == Decimal("9.98")


@pytest.mark.parametrize(
    ("groups", "held_in_group"),
    [
        ((), 1_111),
        ((("BTC", "ETH"),), 11),
        ((("ETH", "SOL"),), 1),
        ((("BTC", "ETH"), ("SOL", "BTC")), 101),
        ((("SOL", "BTC"), ("BTC", "ETH")), 101),
        ((("BTC", "ETH", "SOL", "XRP"),), 1_111),
    ],
)
def test_of_the_groups_of_an_instrument_the_fullest_counts(
    groups: tuple[tuple[str, ...], ...], held_in_group: int
) -> None:
    found = (held(1, "BTC"), held(10, "ETH"), held(100, "SOL"), held(1_000, "XRP"))
    shorts = (held(5, "ETH", direction=Direction.SHORT),)
    case = Case(
        now=replace(NOW_FLAT, holdings=found + shorts),
        limits=RiskLimits(correlated=groups),
        memory=MEMORY,
    )
    assert correlated_notional(LONG, case) == held_in_group


def test_a_quantity_below_the_venues_minimum_is_denied() -> None:
    at_least = replace(NOW_FLAT, market=market(min_quantity=Decimal("9.98")))
    assert approved(ruled(now=at_least))[1] == Decimal("9.98")
    more = replace(NOW_FLAT, market=market(min_quantity=Decimal("9.99")))
    assert denied(ruled(now=more)) == (
        "large_enough",
        "quantity 9.98 is below the venue's minimum 9.99",
    )
    nothing = replace(NOW_FLAT, market=market(min_quantity=Decimal(0), min_notional=Decimal(0)))
    assert denied(ruled(now=nothing, position_size_percent=Decimal("0.01"))) == (
        "large_enough",
        "quantity 0.00 is below the venue's minimum 0",
    )


@pytest.mark.parametrize(
    ("setup", "least"),
    [
        (LONG, Decimal("948.10")),  # 9.98 lots at the stop 95
        (SHORT, Decimal("998.00")),  # at the market 100
        (replace(SHORT, entry_price=Decimal("99")), Decimal("990.00")),  # 10 at the entry
    ],
)
def test_a_notional_below_the_venues_minimum_is_denied(setup: Any, least: Decimal) -> None:
    enough = replace(NOW_FLAT, market=market(min_notional=least))
    assert approved(ruled(setup, now=enough))
    more = replace(NOW_FLAT, market=market(min_notional=least + Decimal("0.01")))
    assert denied(ruled(setup, now=more)) == (
        "large_enough",
        f"notional {least} is below the venue's minimum {least + Decimal('0.01')}",
    )
