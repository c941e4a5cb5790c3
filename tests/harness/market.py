"""Seeded bars with gaps, an instrument, and predictions that come as a script says."""

from collections.abc import Callable
from decimal import Decimal
from typing import Final

import numpy as np
from nautilus_trader.model import (
    Bar,
    BarType,
    CryptoPerpetual,
    Currency,
    InstrumentId,
    Money,
    Price,
    Quantity,
    Symbol,
)

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.prediction import Prediction

MINUTE_NS: Final = 60_000_000_000
START_NS: Final = 1_700_000_100_000_000_000
USDT: Final = Currency.from_str("USDT")


def perpetual(base: str = "BTC", *, max_notional: Money | None = None) -> CryptoPerpetual:
    """Make a linear perpetual with a tick of 0.1 and a lot of 0.001."""
    return CryptoPerpetual(
        instrument_id=InstrumentId.from_str(f"{base}USDT-PERP.BINANCE"),
        raw_symbol=Symbol(f"{base}USDT"),
        base_currency=Currency.from_str(base),
        quote_currency=USDT,
        settlement_currency=USDT,
        is_inverse=False,
        price_precision=1,
        size_precision=3,
        price_increment=Price.from_str("0.1"),
        size_increment=Quantity.from_str("0.001"),
        ts_event=0,
        ts_init=0,
        min_quantity=Quantity.from_str("0.001"),
        max_notional=max_notional,
        margin_init=Decimal(1),
        margin_maint=Decimal("0.5"),
    )


def bar_type(base: str = "BTC", minutes: int = 5) -> BarType:
    """Name the bars of an instrument."""
    return BarType.from_str(f"{base}USDT-PERP.BINANCE-{minutes}-MINUTE-LAST-EXTERNAL")


def make_bar(kind: BarType, index: int, ohlc: tuple[float, float, float, float]) -> Bar:
    """Make the index-th five-minute bar from floats."""
    ts = START_NS + (index + 1) * 5 * MINUTE_NS
    open_, high, low, close = (Price(value, 1) for value in ohlc)
    return Bar(kind, open_, high, low, close, Quantity(1000.0, 3), ts, ts)


def wild_bars(
    kind: BarType, count: int, rng: np.random.Generator, *, volatility: float = 0.01
) -> list[Bar]:
    """Make a random walk whose bars often jump from close to open and have long wicks."""
    bars: list[Bar] = []
    last = 1_000.0
    for index in range(count):
        gap = rng.normal(0.0, 3 * volatility) if rng.random() < 0.2 else 0.0
        open_ = max(round(last * float(np.exp(gap)), 1), 1.0)
        close = max(round(open_ * float(np.exp(rng.normal(0.0, volatility))), 1), 1.0)
        wick = np.exp(np.abs(rng.normal(0.0, volatility, 2)))
        high = round(max(open_, close) * float(wick[0]), 1)
        low = max(round(min(open_, close) / float(wick[1]), 1), 0.1)
        bars.append(make_bar(kind, index, (open_, max(high, open_, close), low, close)))
        last = close
    return bars


def prediction(
    instrument_id: str, ts_event: int, price: float, *, long: float, short: float
) -> Prediction:
    """Make a prediction from two probabilities."""
    return Prediction(
        instrument_id=instrument_id,
        ts_event=ts_event,
        price=price,
        p_short=short,
        p_flat=1.0 - long - short,
        p_long=long,
        confidence=max(long, short),
        volatility=0.001,
        turbulence=0.1,
        stop_distance=0.02,
        target_distance=0.04,
        model="script",
    )


class ScriptedPredictor:
    """Predicts what a function of the bar's time says: +1 long, -1 short, 0 nothing."""

    def __init__(self, script: Callable[[str, int], int]) -> None:
        self._script = script

    @property
    def model(self) -> str:
        """Name the model."""
        return "script"

    @property
    def window(self) -> int:
        """Look at the newest vector."""
        return 1

    def predict(
        self, instrument_id: str, ts_event: int, price: float, window: FloatArray
    ) -> Prediction:
        """Say what the script says."""
        del window
        side = self._script(instrument_id, ts_event)
        long, short = (0.9 if side > 0 else 0.0), (0.9 if side < 0 else 0.0)
        return prediction(instrument_id, ts_event, price, long=long, short=short)
