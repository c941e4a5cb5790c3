"""What an evaluation finds: plain values that can be written to a manifest or a card."""

from typing import Final, Literal

from pydantic import BaseModel, ConfigDict, Field

__all__ = [
    "HEADS",
    "BuyAndHold",
    "CalibrationBin",
    "CalibrationTable",
    "CoinFlips",
    "Comparison",
    "Coverage",
    "DirectionEdge",
    "Economics",
    "EquityCurve",
    "Evaluation",
    "Head",
    "Metric",
    "Quarter",
    "TradeResult",
    "VolatilityCurve",
]

type Head = Literal["touch", "direction", "volatility", "regime", "mfe", "mae"]
type DirectionEdge = Literal["none", "weak", "significant"]

_HOUR_NS: Final = 3_600_000_000_000
HEADS: Final[tuple[Head, ...]] = ("touch", "direction", "volatility", "regime", "mfe", "mae")


class _Finding(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class Metric(_Finding):
    """One family's mean loss on one head beside that of a named baseline on the same rows.

    `t` is above zero where the family is better than the baseline; autocorrelation-consistent, on
    loss differences added up per moment, so that it has the sign of `skill_percent`, whose
    standard error is `error_percent`, 0 where it cannot be told.
    """

    family: str
    head: Head
    name: str  # of the loss
    value: float
    baseline: str
    baseline_value: float
    skill_percent: float  # of the baseline's loss
    error_percent: float = Field(ge=0.0)
    t: float
    count: int = Field(ge=0)


class Comparison(_Finding):
    """How much lower a family's loss is than the champion's (Diebold-Mariano)."""

    family: str
    champion: str
    head: Head
    gain: float  # the champion's mean loss less the family's
    t: float
    count: int = Field(ge=0)


class CalibrationBin(_Finding):
    """Forecasts of similar probability: what was said beside what happened."""

    count: int = Field(ge=1)
    forecast: float
    observed: float


class CalibrationTable(_Finding):
    """The reliability of one family's probabilities; `ece` is the expected calibration error."""

    family: str
    head: Literal["touch", "direction"]
    ece: float
    count: int = Field(ge=0)
    bins: tuple[CalibrationBin, ...]


class Coverage(_Finding):
    """How often the outcome stayed at or below a forecast quantile."""

    family: str
    head: Literal["mfe", "mae"]
    nominal: float
    actual: float
    count: int = Field(ge=0)


class Quarter(_Finding):
    """The champion's metrics in one quarter."""

    name: str
    metrics: tuple[Metric, ...]


class TradeResult(_Finding):
    """What one trade rule earned; rates are None where there was no trade to measure.

    Basis points are of the notional of a trade; the ratios are of daily simple returns, Sharpe
    ratios annualised with 365 days; `beta` and `correlation` are against the equal-weight market.
    """

    family: str
    rule: str
    candidates: int = Field(ge=0)  # rows at which the rule wanted to trade
    count: int = Field(ge=0)  # trades taken, one at a time per instrument
    cost_bp: float
    gross_bp: float | None
    net_bp: float | None
    win_rate: float | None  # share with a net gain
    share_short: float | None
    share_unclear: float | None  # both barriers in one bar, booked as no gain and no loss
    gross_sharpe: float | None
    gross_t: float | None
    net_sharpe: float | None
    net_t: float | None
    beta: float | None
    correlation: float | None
    probabilistic: float | None  # probability that the net Sharpe ratio is above zero
    deflated: float | None  # and above what luck shows among all trials


class CoinFlips(_Finding):
    """What sides drawn by a coin earned at the entries of a rule: 5, 50 and 95 % of the draws."""

    rule: str
    count: int = Field(ge=0)
    draws: int = Field(ge=1)
    net_sharpe: tuple[float, float, float]
    net_bp: tuple[float, float, float]
    beaten: float  # share of the draws with a lower net result than the rule's


class BuyAndHold(_Finding):
    """An equal-weight basket of all instruments over the same days, without costs."""

    total_return: float
    sharpe: float | None
    max_drawdown: float
    days: int = Field(ge=0)


class Economics(_Finding):
    """Trades of fixed rules, with their controls.

    `trials_stated` are the configurations that were tried, `trials` the number that the deflated
    Sharpe ratios use: at least as many as rules are looked at here.
    """

    cost_bp: float
    days: int
    instruments: int
    decisions: int
    trials_stated: int = Field(ge=1)
    trials: int = Field(ge=1)
    results: tuple[TradeResult, ...]
    zero_cost: tuple[TradeResult, ...]  # the champion's rules, were trading free
    coin_flips: tuple[CoinFlips, ...]  # at the champion's entries
    buy_and_hold: BuyAndHold


class EquityCurve(_Finding):
    """Worth of one unit at the end of each day: a rule before and after costs, and the market."""

    rule: str
    first_day: int  # days since 1970
    gross: tuple[float, ...]
    net: tuple[float, ...]
    market: tuple[float, ...]


class VolatilityCurve(_Finding):
    """Volatility over the horizon of one instrument, at decisions whose horizons do not overlap."""

    instrument: str
    ts_event: tuple[int, ...]  # ns, of the decision
    forecast: tuple[float, ...]  # fraction of price
    realised: tuple[float, ...]


class Evaluation(_Finding):
    """Everything that was measured out of sample, and what it amounts to in plain words."""

    champion: str
    families: tuple[str, ...]
    guesses: tuple[str, ...] = ()  # families that are another but for direction
    instruments: tuple[str, ...]
    horizon: int  # bars
    horizon_hours: float
    start_ns: int
    end_ns: int
    count: int
    metrics: tuple[Metric, ...]
    calibration: tuple[CalibrationTable, ...]
    coverage: tuple[Coverage, ...]
    comparisons: tuple[Comparison, ...]
    quarters: tuple[Quarter, ...]
    economics: Economics
    equity: EquityCurve
    volatility: VolatilityCurve
    direction_edge: DirectionEdge
    plain_words: tuple[str, ...]

    @property
    def trials(self) -> int:
        """Count the trials that the deflated Sharpe ratios allow for."""
        return self.economics.trials

    @property
    def whole(self) -> tuple[str, ...]:
        """List the families that are judged on every head."""
        return tuple(name for name in self.families if name not in self.guesses)

    @property
    def coverage_of_span(self) -> float:
        """Give the judged share of the rows that whole series over the same span would have."""
        step_ns = self.horizon_hours * _HOUR_NS / self.horizon
        rows = len(self.instruments) * ((self.end_ns - self.start_ns) / step_ns + 1.0)
        return min(self.count / rows, 1.0)

    def metric(self, family: str, head: Head, baseline: str | None = None) -> Metric:
        """Give a family's metric on a head, against its first or a named baseline."""
        for found in self.metrics:
            if (found.family, found.head) == (family, head) and baseline in (None, found.baseline):
                return found
        raise ValueError(f"family must have been evaluated, was {family} on {head}")
