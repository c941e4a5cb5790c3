"""The one schema of settings: YAML becomes these frozen values or one clear sentence."""

from datetime import datetime
from decimal import Decimal
from enum import StrEnum
from pathlib import Path
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from morningstar_strategy.core.baseline import BaselineRule
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.settings.monitoring import MonitoringPolicy
from morningstar_strategy.settings.node import NodeSettings
from morningstar_strategy.settings.section import Section, as_utc
from morningstar_strategy.settings.supervision import GRACE_SECS, SupervisorSettings
from morningstar_strategy.supervisor.feeds import FeedSpec

__all__ = [
    "DataSettings",
    "JournalSettings",
    "PredictorSettings",
    "Settings",
    "SupervisorSettings",
    "VenueSettings",
]


class Interval(StrEnum):
    """Length of a bar."""

    M1 = "1m"
    M5 = "5m"
    M15 = "15m"
    M30 = "30m"
    H1 = "1h"
    H4 = "4h"
    D1 = "1d"

    @property
    def nanoseconds(self) -> int:
        """Give the length in nanoseconds."""
        seconds = {"m": 60, "h": 3_600, "d": 86_400}[self.value[-1]]
        return int(self.value[:-1]) * seconds * 1_000_000_000


class DataSettings(Section):
    """Which bars are traded: catalog folder, instruments, interval, and the span in UTC.

    `externals` names what the catalog knows from outside, which a supervisor is shown, and a model
    is fed that was trained with it: a series such as `btc-dvol`, one of its measures as
    `btc-onchain/AdrActCnt`, or the funding of an instrument as `funding/BTCUSDT-PERP.BINANCE`.
    `feeds` are sources outside that live trading polls.
    """

    catalog: Path = Path("data/catalog")
    instruments: tuple[str, ...] = Field(
        default=tuple(f"{base}USDT-PERP.BINANCE" for base in ("BTC", "ETH", "SOL", "BNB", "XRP")),
        min_length=1,
    )
    interval: Interval = Interval.M5
    start: datetime | None = None
    end: datetime | None = None
    externals: tuple[str, ...] = ()
    feeds: tuple[FeedSpec, ...] = ()

    @field_validator("start", "end")
    @classmethod
    def _utc(cls, value: datetime | None) -> datetime | None:
        return None if value is None else as_utc(value)

    @field_validator("instruments", "externals")
    @classmethod
    def _distinct(cls, value: tuple[str, ...], info: ValidationInfo) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"{info.field_name} must be distinct, were {', '.join(value)}")
        return value

    @field_validator("feeds")
    @classmethod
    def _named_apart(cls, value: tuple[FeedSpec, ...]) -> tuple[FeedSpec, ...]:
        names = [feed.name for feed in value]
        if len(set(names)) != len(names):
            raise ValueError(f"feeds must have distinct names, were {', '.join(names)}")
        return value

    @model_validator(mode="after")
    def _in_order(self) -> "DataSettings":
        if self.start is not None and self.end is not None and self.start >= self.end:
            raise ValueError(f"start must be before end, was {self.start} with end {self.end}")
        return self


class VenueSettings(Section):
    """What trading costs at the venue, and how a simulated one behaves.

    A fee of None is what the catalog says of the instrument. `latency_ms` delays every order and
    change; on bars an order that is late by any time at all meets the market at the next bar's
    close.
    """

    maker_fee_percent: Decimal | None = Field(default=Decimal("0.02"), ge=0, lt=5)
    taker_fee_percent: Decimal | None = Field(default=Decimal("0.05"), ge=0, lt=5)
    slippage_percent: Decimal = Field(default=Decimal("0.02"), ge=0, lt=5)
    latency_ms: int = Field(default=0, ge=0, le=60_000)
    leverage: Decimal = Field(default=Decimal(3), ge=1, le=125)
    funding: bool = True


class PredictorSettings(Section):
    """Who forecasts: the transparent rule, or a trained model bundle.

    `bundle` is `default` (the one that ships for the interval), `champion` (of the registry), the
    name of a bundle in the registry, or a folder. `shadows` names bundles whose forecasts are
    logged beside, without any effect. `cache` keeps the forecasts of backtests, null for none.
    `allow_no_edge` lets a model trade live that has shown no skill in direction.
    """

    kind: Literal["baseline", "bundle"] = "baseline"
    baseline: BaselineRule = Field(default_factory=BaselineRule)
    bundle: str = Field(default="default", min_length=1)
    registry: Path = Path("models/registry")
    shadows: tuple[str, ...] = ()
    cache: Path | None = Path("data/forecasts")
    threads: int = Field(default=1, ge=1, le=64)
    allow_no_edge: bool = False

    @field_validator("shadows")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"shadows must be distinct, were {', '.join(value)}")
        return value

    @model_validator(mode="before")
    @classmethod
    def _named(cls, value: object) -> object:
        return {"kind": value} if isinstance(value, str) else value


class JournalSettings(Section):
    """What the journal keeps: assessments acted on or every one, bars, marks of the equity."""

    assessments: Literal["acted", "all"] = "acted"
    bars: bool = False
    equity_every_secs: int = Field(default=3_600, gt=0)


class ReportSettings(Section):
    """Number of trials to deflate the Sharpe ratio by; None counts the runs on the same data."""

    trials: int | None = Field(default=None, ge=1)


class Settings(Section):
    """Everything that a person sets."""

    mode: Literal["paper", "backtest", "demo", "live"] = "paper"
    capital: Decimal = Field(default=Decimal(10_000), ge=1, lt=Decimal("1e12"), decimal_places=8)
    currency: str = Field(default="USDT", pattern="^[A-Z0-9]{2,10}$")
    runs: Path = Path("runs")
    data: DataSettings = Field(default_factory=DataSettings)
    venue: VenueSettings = Field(default_factory=VenueSettings)
    predictor: PredictorSettings = Field(default_factory=PredictorSettings)
    decision: DecisionPolicy = Field(default_factory=DecisionPolicy)
    risk: RiskLimits = Field(default_factory=RiskLimits)
    supervisor: SupervisorSettings = Field(default_factory=SupervisorSettings)
    journal: JournalSettings = Field(default_factory=JournalSettings)
    report: ReportSettings = Field(default_factory=ReportSettings)
    node: NodeSettings = Field(default_factory=NodeSettings)
    monitoring: MonitoringPolicy = Field(default_factory=MonitoringPolicy)

    @model_validator(mode="after")
    def _answers_in_time(self) -> "Settings":
        deadline, age = self.supervisor.policy.deadline_secs, self.decision.max_age_secs
        if self.supervisor.source != "off" and deadline + GRACE_SECS >= age:
            raise ValueError(
                f"supervisor.deadline_secs must be {GRACE_SECS} s under decision.max_age_secs, or "
                f"slow answers come too late to act on: was {deadline:g} with {age}"
            )
        return self
