"""Scenes to consider, and providers that say what they are told to."""

from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from morningstar_strategy.core.commands import Direction, DoNothing, PlanTrade, TradeSetup
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.scene import External, Scene, Trust
from morningstar_strategy.core.state import Active, Flat, Holding, Market, Pending, Plan, Snapshot
from morningstar_strategy.core.summary import MarketSummary
from morningstar_strategy.supervisor.exchange import ProviderError, Question, Reply

SECOND: Final = 1_000_000_000
HOUR: Final = 3_600 * SECOND
NOW: Final = 1_750_003_200 * SECOND  # 2025-06-15T16:00Z
BTC: Final = "BTCUSDT-PERP.BINANCE"
MARKET: Final = Market(
    instrument_id=BTC,
    price=Decimal("65000.0"),
    ts_price=NOW,
    tick=Decimal("0.1"),
    lot=Decimal("0.001"),
    min_quantity=Decimal("0.001"),
    min_notional=Decimal(5),
    maker_fee=Decimal("0.0002"),
    taker_fee=Decimal("0.0005"),
    slippage=Decimal("0.0002"),
)
SETUP: Final = TradeSetup(
    symbol=BTC,
    direction=Direction.LONG,
    entry_price=None,
    stop_loss_price=Decimal(63500),
    take_profit_prices=(Decimal(67000), Decimal(69000)),
    position_size_percent=Decimal(10),
)
PLAN: Final = PlanTrade(trade_setup=SETUP, reasoning="confidence 0.8")
LIMIT: Final = replace(SETUP, entry_price=Decimal(64800), expires_in_secs=7_200)
PENDING: Final = Pending(
    plan=Plan(
        order_id="P-7", setup=LIMIT, quantity=Decimal("0.015"), planned_ns=NOW - HOUR, reason="r"
    )
)
ACTIVE: Final = Active(
    plan=PENDING.plan,
    opened_ns=NOW - HOUR,
    entry_price=Decimal(64800),
    open_quantity=Decimal("0.015"),
    stop_loss_price=Decimal(63500),
    take_profit_prices=SETUP.take_profit_prices,
)
PREDICTION: Final = Prediction(
    instrument_id=BTC,
    ts_event=NOW,
    price=65000.0,
    p_short=0.1,
    p_flat=0.2,
    p_long=0.7,
    confidence=0.8,
    volatility=0.004,
    turbulence=0.2,
    stop_distance=0.02,
    target_distance=0.05,
    model="told@0123",
)
QUIET: Final = replace(PREDICTION, p_short=0.1, p_flat=0.8, p_long=0.1, confidence=0.3)
SUMMARY: Final = MarketSummary(
    bars=500,
    close=65000.0,
    changes=(0.001, 0.004, 0.02, 0.05),
    volatility=0.004,
    high=66000.0,
    low=61000.0,
    range_place=0.8,
    volume_ratio=1.25,
)
SNAPSHOT: Final = Snapshot(ts_event=NOW, equity=Decimal(10_000), market=MARKET, trade=Flat())
HOLDING: Final = Holding(
    instrument_id="ETHUSDT-PERP.BINANCE",
    direction=Direction.SHORT,
    notional=Decimal(900),
    unrealized=Decimal("-12.5"),
)
SCENE: Final = Scene(
    prediction=PREDICTION, snapshot=SNAPSHOT, summary=SUMMARY, limits=RiskLimits(), would=PLAN
)
CONFIRMING: Final = (
    f'{{"symbol": "{BTC}", "coherence": 1, "risk_score": 0, "veto": false, '
    f'"stop_scale": 1, "target_scale": 1, "reasoning": "all agrees"}}'
)
DOUBTING: Final = (
    f'{{"symbol": "{BTC}", "coherence": 0.6, "risk_score": 0.5, "veto": false, '
    f'"stop_scale": 0.8, "target_scale": 0.5, "reasoning": "doubtful"}}'
)
VETOING: Final = (
    f'{{"symbol": "{BTC}", "coherence": 0.1, "risk_score": 0.9, "veto": true, '
    f'"stop_scale": 1, "target_scale": 1, "reasoning": "exchange hacked"}}'
)


def scene(*, at: int = NOW, bars: int = 500, **changes: Any) -> Scene:
    """Give the scene at another time or with other fields; those of its parts go by their names."""
    snapshot = replace(
        changes.pop("snapshot", SNAPSHOT), ts_event=at, market=replace(MARKET, ts_price=at)
    )
    if "trade" in changes:
        snapshot = replace(snapshot, trade=changes.pop("trade"))
    if "equity" in changes:
        snapshot = replace(snapshot, equity=changes.pop("equity"))
    if "holdings" in changes:
        snapshot = replace(snapshot, holdings=changes.pop("holdings"))
    prediction = replace(changes.pop("prediction", PREDICTION), ts_event=at)
    summary = replace(changes.pop("summary", SUMMARY), bars=bars)
    return replace(SCENE, prediction=prediction, snapshot=snapshot, summary=summary, **changes)


def idle(**changes: Any) -> Scene:
    """Give a scene in which the strategy by itself does nothing."""
    changes = {"prediction": QUIET, **changes}
    return scene(would=DoNothing(reasoning="no signal"), **changes)


def news(text: str, *, at: int = NOW, source: str = "wire", symbol: str = "") -> External:
    """Give words from outside that were known at once."""
    return External(
        source=source, symbol=symbol, ts_event=at, ts_known=at, trust=Trust.TEXT, text=text
    )


class Answering:
    """Gives these replies and failures one after the other, and keeps what it was asked."""

    def __init__(
        self, *answers: str | ProviderError, latency_ms: int = 0, tokens_in: int = 1_000
    ) -> None:
        self._answers: Iterable[str | ProviderError] = iter(answers)
        self._latency_ms = latency_ms
        self._tokens_in = tokens_in
        self.asked: list[Question] = []
        self.deadlines: list[float] = []

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        """Give the next answer."""
        self.asked.append(question)
        self.deadlines.append(deadline_secs)
        answer = next(iter(self._answers))
        if isinstance(answer, ProviderError):
            raise answer
        return Reply(
            text=answer,
            provider="told",
            model="told-1",
            tokens_in=self._tokens_in,
            tokens_out=100,
            latency_ms=self._latency_ms,
        )
