"""What a fill cost, as the engine's events tell it."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from nautilus_trader.core import UUID4
from nautilus_trader.model import (
    AccountId,
    ClientOrderId,
    Currency,
    InstrumentId,
    LiquiditySide,
    Money,
    OrderFilled,
    OrderSide,
    OrderType,
    Price,
    Quantity,
    StrategyId,
    TradeId,
    TraderId,
    VenueOrderId,
)

from morningstar_strategy.fills import foreign_fee, read_fill
from morningstar_strategy.settings.wiring import terms_of
from tests.harness.market import USDT, bar_type, perpetual
from tests.integration.told import FREE


def filled(commission: Money | None, side: LiquiditySide = LiquiditySide.TAKER) -> OrderFilled:
    values: dict[str, Any] = {
        "trader_id": TraderId("T-001"),
        "strategy_id": StrategyId("S-001"),
        "instrument_id": InstrumentId.from_str("BTCUSDT-PERP.BINANCE"),
        "client_order_id": ClientOrderId("O-1"),
        "venue_order_id": VenueOrderId("V-1"),
        "account_id": AccountId("BINANCE-001"),
        "trade_id": TradeId("1"),
        "order_side": OrderSide.BUY,
        "order_type": OrderType.MARKET,
        "last_qty": Quantity.from_str("2.000"),
        "last_px": Price.from_str("100.0"),
        "currency": USDT,
        "liquidity_side": side,
        "event_id": UUID4(),
        "ts_event": 7,
        "ts_init": 7,
        "reconciliation": False,
        "commission": commission,
    }
    return OrderFilled(**values)


TERMS = terms_of(perpetual(), bar_type(), FREE)


def usdt(text: str) -> Money:
    return Money.from_decimal(Decimal(text), USDT)


@pytest.mark.parametrize(
    ("side", "fee", "slippage"),
    [(LiquiditySide.TAKER, "0.30", "0.20"), (LiquiditySide.MAKER, "0.50", "0")],
)
def test_only_a_takers_commission_holds_slippage(
    side: LiquiditySide, fee: str, slippage: str
) -> None:
    fill = read_fill(
        filled(usdt("0.5"), side), USDT, terms=TERMS, slippage_charged=Decimal("0.001")
    )
    assert (fill.fee, fill.slippage) == (Decimal(fee), Decimal(slippage))
    assert (fill.quantity, fill.price, fill.ts_event) == (Decimal(2), Decimal(100), 7)


def test_slippage_is_never_more_than_what_was_paid() -> None:
    fill = read_fill(filled(usdt("0.1")), USDT, terms=TERMS, slippage_charged=Decimal("0.001"))
    assert (fill.fee, fill.slippage) == (Decimal(0), Decimal("0.1"))


def test_a_fee_in_another_currency_is_named_and_not_booked_as_ours() -> None:
    event = filled(Money(0.001, Currency.from_str("BNB")))
    assert read_fill(event, USDT, terms=TERMS, slippage_charged=Decimal(0)).fee == 0
    assert "BNB" in foreign_fee(event, USDT)


def test_contracts_are_counted_in_base_coins() -> None:
    terms = replace(TERMS, contract=Decimal("0.1"))
    fill = read_fill(filled(usdt("0.5")), USDT, terms=terms, slippage_charged=Decimal("0.001"))
    assert (fill.quantity, fill.price) == (Decimal("0.2"), Decimal(100))
    assert (fill.fee, fill.slippage) == (Decimal("0.48"), Decimal("0.02"))


@pytest.mark.parametrize("commission", [None, usdt("0.5")])
def test_no_fee_and_a_fee_of_ours_are_not_foreign(commission: Money | None) -> None:
    assert foreign_fee(filled(commission), USDT) == ""
