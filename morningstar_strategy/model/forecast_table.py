"""Forecasts of many bars, made ahead and looked up bar by bar."""

from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.model.reading import COLUMNS, prediction_of

__all__ = ["TOO_EARLY", "ForecastTable", "TableForecaster"]

type BoolArray = npt.NDArray[np.bool_]

TOO_EARLY: Final = -1  # the code of a bar that too few came before
_PRICE: Final = COLUMNS.index("price")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ForecastTable:
    """What one model says of N consecutive bars of one instrument, as read-only columns."""

    model: str
    reasons: tuple[str, ...]  # why the model may abstain
    ts_event: IntArray  # [N], strictly increasing
    values: FloatArray  # [N, len(COLUMNS)], zeros where too few bars came before
    codes: npt.NDArray[np.int8]  # [N], 0, or the place of the reason counted from 1, or TOO_EARLY

    def __post_init__(self) -> None:
        count = len(self.ts_event)
        for name, shape in (("values", (count, len(COLUMNS))), ("codes", (count,))):
            if (was := getattr(self, name).shape) != shape:
                raise ValueError(f"{name} must have shape {shape}, was {was}")
        _check_order(self.ts_event)
        _check_codes(self.codes, len(self.reasons))
        for column in (self.ts_event, self.values, self.codes):
            column.setflags(write=False)

    def __len__(self) -> int:
        return len(self.ts_event)

    def column(self, name: str) -> FloatArray:
        """Give one number of every bar; raises ValueError for a name that is not in `COLUMNS`."""
        if name not in COLUMNS:
            raise ValueError(f"column must be one of {', '.join(COLUMNS)}, was {name}")
        return self.values[:, COLUMNS.index(name)]

    def abstentions(self, rows: BoolArray) -> dict[str, int]:
        """Count, by reason, the bars among some rows (a mask) at which the model abstains."""
        counts = np.bincount(np.maximum(self.codes[rows], 0), minlength=len(self.reasons) + 1)
        return {
            reason: int(count)
            for reason, count in zip(self.reasons, counts[1:], strict=True)
            if count
        }

    def expected_move(self) -> FloatArray:
        """Give what each bar's favoured direction is expected to earn before costs.

        A fraction of price; minus infinity where nothing is forecast.
        """
        gap = np.abs(self.column("p_long") - self.column("p_short"))
        return np.where(self.codes == 0, gap * self.column("barrier"), -np.inf)


def _check_order(ts_event: IntArray) -> None:
    late = ts_event[1:] <= ts_event[:-1]
    if late.any():
        at = int(late.argmax()) + 1
        before, was = ts_event[at - 1], ts_event[at]
        raise ValueError(
            f"ts_event must be strictly increasing, was {was} after {before} at bar {at}"
        )


def _check_codes(codes: npt.NDArray[np.int8], most: int) -> None:
    unknown = (codes < TOO_EARLY) | (codes > most)
    if unknown.any():
        at = int(unknown.argmax())
        raise ValueError(f"codes must be in [{TOO_EARLY}, {most}], was {codes[at]} at bar {at}")


class TableForecaster:
    """The forecasts of one instrument, looked up in the order of its bars."""

    __slots__ = ("_codes", "_instrument_id", "_model", "_next", "_reasons", "_stamps", "_values")

    def __init__(self, instrument_id: str, table: ForecastTable) -> None:
        self._instrument_id = instrument_id
        self._model = table.model
        self._reasons = ("", *table.reasons)
        # Views give plain numbers at half the price of arrays
        self._stamps = memoryview(table.ts_event)
        self._codes = memoryview(table.codes)
        self._values = table.values
        self._next = 0

    def absorb(
        self, ts_event: int, open: float, high: float, low: float, close: float, volume: float
    ) -> Prediction | None:
        """Look up what was forecast at a bar's close, None where too few bars came before.

        Raises ValueError naming the value for a bar that is late, not in the table, or closed at
        another price than the one that was forecast from.
        """
        at = self._next
        if at >= len(self._stamps) or self._stamps[at] != ts_event:
            at = self._find(ts_event)
        self._next = at + 1
        code = self._codes[at]
        if code == TOO_EARLY:
            return None
        values = self._values[at].tolist()
        if values[_PRICE] != close:
            raise ValueError(
                f"close at {ts_event} must be {values[_PRICE]} as forecast from, was {close}"
            )
        reason = self._reasons[code]
        return prediction_of(self._instrument_id, ts_event, values, self._model, reason)

    def _find(self, ts_event: int) -> int:
        """Skip the bars that were forecast but do not come."""
        last = self._stamps[self._next - 1] if self._next else -1
        if ts_event <= last:
            raise ValueError(f"ts_event must be after {last}, was {ts_event}")
        at = int(np.searchsorted(self._stamps, ts_event))
        if at == len(self._stamps) or self._stamps[at] != ts_event:
            raise ValueError(f"ts_event must be of a bar in the table, was {ts_event}")
        return at
