"""An exit that nobody answers for is waited for a second, and the next ones less."""

import pytest
from nautilus_trader.core import UUID4
from nautilus_trader.model import (
    ClientOrderId,
    InstrumentId,
    MarketOrder,
    OrderSide,
    Quantity,
    StrategyId,
    TimeInForce,
    TraderId,
)

from morningstar_strategy.tickets import is_unheard

SENT_NS = 1_000_000_000_000
MS = 1_000_000


def sent(after_ms: int = 0) -> MarketOrder:
    """Make an exit that was sent so long after the first."""
    return MarketOrder(
        TraderId("TESTER-001"),
        StrategyId("S-001"),
        InstrumentId.from_str("BTCUSDT-PERP.BITGET"),
        ClientOrderId(f"O-{after_ms}"),
        OrderSide.SELL,
        Quantity(1.0, 1),
        UUID4(),
        SENT_NS + after_ms * MS,
        TimeInForce.GTC,
        reduce_only=True,
        quote_quantity=False,
    )


@pytest.mark.parametrize(("age_ms", "unheard"), [(0, False), (1_000, False), (1_001, True)])
def test_the_first_exit_is_waited_for_a_second(age_ms: int, unheard: bool) -> None:
    first = sent()
    assert is_unheard(first, [first], now_ns=SENT_NS + age_ms * MS) is unheard


@pytest.mark.parametrize(("age_ms", "unheard"), [(300, False), (400, False), (401, True)])
def test_beside_one_that_was_waited_for_in_vain_the_next_is_waited_for_less(
    age_ms: int, unheard: bool
) -> None:
    first, next_ = sent(), sent(1_200)
    now_ns = SENT_NS + (1_200 + age_ms) * MS
    assert is_unheard(next_, [first, next_], now_ns=now_ns) is unheard


def test_beside_one_that_is_still_waited_for_the_next_is_too() -> None:
    first, next_ = sent(), sent(200)
    assert not is_unheard(next_, [first, next_], now_ns=SENT_NS + 900 * MS)
