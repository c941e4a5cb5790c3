"""Arguments of calls as JSON values, and back."""

from collections.abc import Callable, Mapping
from typing import Any, Final

from nautilus_trader.model import (
    FundingRateUpdate,
    OrderAccepted,
    OrderCanceled,
    OrderCancelRejected,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderModifyRejected,
    OrderRejected,
    OrderUpdated,
)

from morningstar_strategy.border.crossing import Asked, Plain
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.review import Assessment

__all__ = ["read", "written"]

# `Any` in this module: arguments of calls are of every type

_TOLD: Final = (
    FundingRateUpdate,
    OrderAccepted,
    OrderCancelRejected,
    OrderCanceled,
    OrderDenied,
    OrderExpired,
    OrderFilled,
    OrderModifyRejected,
    OrderRejected,
    OrderUpdated,
)
_READERS: Final[Mapping[str, Callable[[dict[str, Any]], Any]]] = {
    each.__name__: each.from_dict for each in _TOLD
}


def written(asked: Asked) -> tuple[Plain, Plain]:
    """Write the arguments of a call; what a replay computes again is only named."""
    named = {name: _written(each) for name, each in asked.named.items()}
    return [_written(each) for each in asked.args], named


def read(what: str, args: list[Plain], named: Mapping[str, Plain]) -> Asked:
    """Read a call that was heard; raise ValueError for what is none."""
    found = {name: _read(each) for name, each in named.items()}
    return Asked(what, tuple(_read(each) for each in args), found)


def _written(value: Any) -> Plain:
    match value:
        case bool() | int() | str() | None:
            return value
        case bytes():
            return value.decode(errors="surrogateescape")
        case Prediction():
            return [value.instrument_id, value.ts_event]
        case Assessment():
            return [value.prediction.instrument_id, value.prediction.ts_event]
        case _ if isinstance(value, _TOLD):
            return {**value.to_dict(), "type": type(value).__name__}
        case _:
            raise TypeError(f"{type(value).__name__} cannot cross the border")


def _read(value: Plain) -> Any:
    if not isinstance(value, dict):
        return value
    reader = _READERS.get(str(value.get("type")))
    if reader is None:
        raise ValueError(f"type must be one of {[*_READERS]}, was {value.get('type')!r}")
    return reader(value)
