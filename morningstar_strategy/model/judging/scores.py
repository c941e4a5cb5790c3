"""Losses of every family on every head, beside those of the baselines on the same rows."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model import statistics
from morningstar_strategy.model.heads import QUANTILES, Forecast
from morningstar_strategy.model.judging.findings import (
    HEADS,
    CalibrationBin,
    CalibrationTable,
    Comparison,
    Coverage,
    Head,
    Metric,
    Quarter,
)
from morningstar_strategy.model.learning.baselines import ln_variance
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.out_of_sample import OutOfSample

__all__ = ["Scorer"]

EWMA: Final = "ewma"
_LOSS: Final[Mapping[Head, str]] = {
    "touch": "log_loss",
    "direction": "log_loss",
    "volatility": "qlike",
    "regime": "log_loss",
    "mfe": "pinball",
    "mae": "pinball",
}
_BASELINE: Final[Mapping[Head, str]] = {
    "touch": "prior",
    "direction": "prior",
    "volatility": "har",
    "regime": "persistence",
    "mfe": "train quantiles",
    "mae": "train quantiles",
}
# Probabilities of direction all lie near one half: wider bins would hold them all
_BINS: Final[Mapping[Literal["touch", "direction"], int]] = {"touch": 10, "direction": 50}
_LAG: Final = 4  # times as far as a label looks ahead


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Losses:
    """Row losses on one head; rows that the head does not judge are left out."""

    rows: IntArray  # positions in the out-of-sample rows
    values: FloatArray


@dataclass(frozen=True, slots=True, kw_only=True)
class _Gain:
    """How much lower some row losses are than others, and how sure that is."""

    mean: float  # over the rows
    error: float  # standard error of the mean, 0 where it cannot be told
    t: float


class Scorer:
    """Score the families of an out-of-sample set; every row loss is calculated once."""

    def __init__(self, panel: Panel, oos: OutOfSample) -> None:
        labels = panel.labels
        if not labels.valid[oos.rows].all():
            row = int(oos.rows[np.argmin(labels.valid[oos.rows])])
            raise ValueError(f"rows must have labels, row {row} has none")
        self._oos = oos
        self._ts = panel.ts_event[oos.rows]
        self._touch, self._up = labels.touch[oos.rows], labels.up[oos.rows]
        self._ln_rv = ln_variance(labels.rv[oos.rows], panel.horizon)
        self._reach = {"mfe": labels.mfe[oos.rows], "mae": labels.mae[oos.rows]}
        self._touched = np.flatnonzero(self._touch == 1)
        self._lag_ns = _LAG * panel.horizon * panel.interval_ns
        ahead_ns = int((labels.t_end[oos.rows] - self._ts).max())
        self._regime_lag_ns = max(self._lag_ns, _LAG * ahead_ns)
        self._baseline = {head: self._losses(oos.reference, head) for head in HEADS}
        scaled = replace(oos.reference, ln_rv=oos.ewma)
        self._ewma = self._losses(scaled, "volatility")
        self._families = {
            name: {head: self._losses(forecast, head) for head in self._heads(name)}
            for name, forecast in oos.families.items()
        }

    def metrics(self) -> Iterator[Metric]:
        """Yield every family on every head, then HAR itself against the exponential average."""
        everything = np.ones(len(self._oos), dtype=np.bool_)
        for family in self._oos.families:
            yield from self._metrics_of(family, everything)
        har = self._baseline["volatility"]
        yield self._metric("har", "volatility", har, EWMA, self._ewma, everything)

    def comparisons(self, champion: str) -> Iterator[Comparison]:
        """Yield how every other family's losses compare with the champion's."""
        for family, losses in self._families.items():
            for head in losses if family != champion else ():
                mine, best = losses[head], self._families[champion][head]
                gain = self._gain(best.values - mine.values, self._ts[mine.rows], head)
                yield Comparison(
                    family=family,
                    champion=champion,
                    head=head,
                    gain=gain.mean,
                    t=gain.t,
                    count=len(mine.values),
                )

    def quarters(self, champion: str) -> Iterator[Quarter]:
        """Yield the champion's metrics quarter by quarter."""
        for index, name in enumerate(self._oos.folds):
            inside = self._oos.fold == index
            if inside.any():
                yield Quarter(name=name, metrics=tuple(self._metrics_of(champion, inside)))

    def calibration(self) -> Iterator[CalibrationTable]:
        """Yield the reliability of each family's probabilities of touch, and of up given touch."""
        for family, forecast in self._oos.families.items():
            if family not in self._oos.guesses:
                yield _calibration(family, "touch", forecast.touch, self._touch)
            direction, up = forecast.direction[self._touched], self._up[self._touched]
            yield _calibration(family, "direction", direction, up)

    def coverage(self) -> Iterator[Coverage]:
        """Yield how often each family's quantiles were not exceeded."""
        whole = {n: f for n, f in self._oos.families.items() if n not in self._oos.guesses}
        for family, forecast in whole.items():
            for head in ("mfe", "mae"):
                quantiles = forecast.mfe_q if head == "mfe" else forecast.mae_q
                for place, nominal in enumerate(QUANTILES):
                    inside = self._reach[head] <= quantiles[:, place]
                    yield Coverage(
                        family=family,
                        head=head,
                        nominal=nominal,
                        actual=float(inside.mean()),
                        count=len(inside),
                    )

    def _heads(self, family: str) -> tuple[Head, ...]:
        return ("direction",) if family in self._oos.guesses else HEADS

    def _losses(self, forecast: Forecast, head: Head) -> _Losses:
        rows = self._touched if head == "direction" else np.arange(len(self._oos))
        values: FloatArray
        match head:
            case "touch":
                values = statistics.log_loss(forecast.touch, self._touch)
            case "direction":
                values = statistics.log_loss(forecast.direction[rows], self._up[rows])
            case "volatility":
                values = statistics.qlike(self._ln_rv, forecast.ln_rv)
            case "regime":
                values = statistics.log_loss(forecast.turbulent, self._oos.turbulent)
            case "mfe":
                values = statistics.pinball(forecast.mfe_q, self._reach["mfe"])
            case "mae":
                values = statistics.pinball(forecast.mae_q, self._reach["mae"])
        if not np.isfinite(values).all():
            raise ValueError(f"{head} must have finite losses, held NaN or infinity")
        return _Losses(rows=rows, values=values)

    def _metrics_of(self, family: str, inside: npt.NDArray[np.bool_]) -> Iterator[Metric]:
        for head, losses in self._families[family].items():
            base = self._baseline[head]
            yield self._metric(family, head, losses, _BASELINE[head], base, inside)
            if head == "volatility":
                yield self._metric(family, head, losses, EWMA, self._ewma, inside)

    def _metric(
        self,
        family: str,
        head: Head,
        losses: _Losses,
        baseline: str,
        base: _Losses,
        inside: npt.NDArray[np.bool_],
    ) -> Metric:
        chosen = inside[losses.rows]
        mine, other = losses.values[chosen], base.values[chosen]
        reference = _mean(other)
        gain = self._gain(other - mine, self._ts[losses.rows][chosen], head)
        scale = 100.0 / reference if reference > 0.0 else 0.0
        return Metric(
            family=family,
            head=head,
            name=_LOSS[head],
            value=_mean(mine),
            baseline=baseline,
            baseline_value=reference,
            skill_percent=scale * gain.mean,
            error_percent=scale * gain.error,
            t=gain.t,
            count=len(mine),
        )

    def _gain(self, difference: FloatArray, ts: IntArray, head: Head) -> _Gain:
        """Estimate a mean difference, its error and its t alike from the sums per moment."""
        if not len(difference):
            return _Gain(mean=0.0, error=0.0, t=0.0)
        sums = statistics.sums_by_time(difference, ts)
        reach_ns = self._regime_lag_ns if head == "regime" else self._lag_ns
        t = statistics.hac_t(sums, _lag(ts, reach_ns, len(sums)))
        mean = float(sums.sum()) / len(difference)
        return _Gain(mean=mean, error=abs(mean / t) if t else 0.0, t=t)


def _lag(ts: IntArray, reach_ns: int, count: int) -> int:
    """Count the moments within reach, at most a quarter of them: more would leave no evidence."""
    steps = np.diff(np.unique(ts))
    step = float(np.median(steps)) if len(steps) else float(reach_ns)
    return min(max(1, round(reach_ns / step)), max(1, count // 4))


def _calibration(
    family: str, head: Literal["touch", "direction"], p: FloatArray, y: npt.NDArray[np.int8]
) -> CalibrationTable:
    bins = _BINS[head]
    table = statistics.reliability(p, y, bins)
    return CalibrationTable(
        family=family,
        head=head,
        ece=statistics.ece(p, y, bins),
        count=len(p),
        bins=tuple(
            CalibrationBin(count=row.count, forecast=row.forecast, observed=row.observed)
            for row in table
        ),
    )


def _mean(values: FloatArray) -> float:
    return float(values.mean()) if len(values) else 0.0
