"""Reads what several models said of the same bars from the logs of a node or a backtest."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import Kind, Record, RecordError, Value, from_line

__all__ = ["Said", "ShadowLogError", "Watched", "read_shadow_logs"]


type Ohlcv = tuple[float, float, float, float, float]


class ShadowLogError(ValueError):
    """A file is no shadow log, or tells two stories of one bar."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Said:
    """What one model said of N bars, NaN where it said nothing or abstained."""

    p_short: FloatArray
    p_long: FloatArray
    volatility: FloatArray  # standard deviation of one bar's log return
    barrier: FloatArray  # fraction of price that the probabilities are of

    @property
    def spoke(self) -> npt.NDArray[np.bool_]:
        """Say of which bars the model gave odds."""
        return np.isfinite(self.p_long) & (self.barrier > 0.0)

    def take(self, rows: npt.NDArray[np.int64]) -> "Said":
        """Give what was said of some bars."""
        return Said(**{item.name: getattr(self, item.name)[rows] for item in fields(self)})


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Watched:
    """The logged bars of one instrument, with what each model said of them."""

    bars: BarWindow
    said: Mapping[str, Said]  # by `Prediction.model`


@dataclass(slots=True)
class _Bar:
    ohlcv: Ohlcv
    said: dict[str, Prediction]


def read_shadow_logs(paths: Iterable[Path]) -> dict[str, Watched]:
    """Read shadow logs, by instrument.

    A bar may be in several files; a model's first word on it counts. A last line without its end is
    still being written and left out. Raises ShadowLogError naming the file and the line.
    """
    series: dict[str, dict[int, _Bar]] = {}
    for path in paths:
        for number, line in enumerate(_lines(path), start=1):
            try:
                record = from_line(line.decode())
                _take(series.setdefault(record.instrument_id, {}), record)
            except (RecordError, ShadowLogError, UnicodeDecodeError, TypeError, ValueError) as e:
                raise ShadowLogError(f"{path.name} line {number}: {e}") from e
    return {name: _watched(name, series[name]) for name in sorted(series)}


def _lines(path: Path) -> Sequence[bytes]:
    try:
        return path.read_bytes().split(b"\n")[:-1]
    except OSError as e:
        raise ShadowLogError(f"shadow log {path} cannot be read: {e.strerror}") from e


def _take(bars: dict[int, _Bar], record: Record) -> None:
    if record.kind is not Kind.FORECAST or not record.instrument_id:
        raise ShadowLogError(f"a shadow log must hold forecasts only, held {record.kind.value}")
    ohlcv = _ohlcv(record.fields.get("ohlcv"))
    bar = bars.setdefault(record.ts_event, _Bar(ohlcv, {}))
    if bar.ohlcv != ohlcv:
        raise ShadowLogError(f"bar {record.ts_event} must be {bar.ohlcv} everywhere, was {ohlcv}")
    told = record.fields.get("forecasts")
    if not isinstance(told, list):
        raise ShadowLogError(f"forecasts must be a list, was {told!r:.80}")
    for each in told:
        prediction = _prediction(each, record, price=ohlcv[3])
        bar.said.setdefault(prediction.model, prediction)


def _ohlcv(told: Value) -> Ohlcv:
    if not isinstance(told, list) or len(told) != 5:
        raise ShadowLogError(f"ohlcv must be five numbers, was {told!r:.80}")
    open, high, low, close, volume = (_number(value, "ohlcv") for value in told)
    return open, high, low, close, volume


def _prediction(told: Value, record: Record, *, price: float) -> Prediction:
    """Read one forecast as strictly as it was made."""
    if not isinstance(told, dict):
        raise ShadowLogError(f"a forecast must have fields, was {told!r:.80}")
    known = {item.name for item in fields(Prediction)} - {"instrument_id", "ts_event", "price"}
    if told.keys() != known:
        odd = ", ".join(sorted(told.keys() ^ known))
        raise ShadowLogError(f"a forecast must have the fields of one, differs in {odd}")
    return Prediction(
        instrument_id=record.instrument_id,
        ts_event=record.ts_event,
        price=price,
        p_short=_number(told["p_short"], "p_short"),
        p_flat=_number(told["p_flat"], "p_flat"),
        p_long=_number(told["p_long"], "p_long"),
        confidence=_number(told["confidence"], "confidence"),
        volatility=_number(told["volatility"], "volatility"),
        turbulence=_number(told["turbulence"], "turbulence"),
        stop_distance=_number(told["stop_distance"], "stop_distance"),
        target_distance=_number(told["target_distance"], "target_distance"),
        barrier=_number(told["barrier"], "barrier"),
        efficiency=_number(told["efficiency"], "efficiency"),
        abstained=_text(told["abstained"], "abstained"),
        model=_text(told["model"], "model"),
    )


def _number(value: Value, name: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ShadowLogError(f"{name} must be a number, was {value!r:.80}")
    try:
        return float(value)
    except OverflowError as e:
        raise ShadowLogError(f"{name} must be a number of 64 bits, was {_shown(value)}") from e


def _shown(number: float) -> str:
    return f"{number!r:.80}"


def _text(value: Value, name: str) -> str:
    if not isinstance(value, str):
        raise ShadowLogError(f"{name} must be a text, was {value!r:.80}")
    return value


def _watched(instrument_id: str, told: Mapping[int, _Bar]) -> Watched:
    stamps = sorted(told)
    bars = [told[ts] for ts in stamps]
    columns = np.array([bar.ohlcv for bar in bars], np.float64).T
    open, high, low, close, volume = columns
    try:
        window = BarWindow(
            ts_event=np.array(stamps, np.int64),
            open=open,
            high=high,
            low=low,
            close=close,
            volume=volume,
        )
    except ValueError as e:
        raise ShadowLogError(f"bars of {instrument_id}: {e}") from e
    names = sorted({name for bar in bars for name in bar.said})
    return Watched(bars=window, said={name: _said(bars, name) for name in names})


def _said(bars: Sequence[_Bar], name: str) -> Said:
    columns = np.full((4, len(bars)), np.nan)
    for at, bar in enumerate(bars):
        prediction = bar.said.get(name)
        if prediction is not None and not prediction.abstained:
            columns[:, at] = (
                prediction.p_short,
                prediction.p_long,
                prediction.volatility,
                prediction.barrier,
            )
    p_short, p_long, volatility, barrier = columns
    return Said(p_short=p_short, p_long=p_long, volatility=volatility, barrier=barrier)
