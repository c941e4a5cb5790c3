"""Replies read strictly: an opinion, a command, or why the text is neither."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    DoNothing,
    PlanTrade,
    TradeCommand,
)
from morningstar_strategy.core.scene import Scene
from morningstar_strategy.core.state import Active, plan_of
from morningstar_strategy.core.strict import CommandError, Fields, Reason, load
from morningstar_strategy.core.wire import command_of
from morningstar_strategy.supervisor.outside import clean

__all__ = [
    "LEAST_FACTOR",
    "LONGEST_REPLY",
    "Opinion",
    "Reason",
    "Rejected",
    "command_schema",
    "parse_command_reply",
    "parse_review",
    "review_schema",
]

# `Any` in this module: a JSON schema has no better type

LEAST_FACTOR: Final = Decimal("0.25")  # of the distances of stop and take profits
LONGEST_REPLY: Final = 16_384  # characters
_LONGEST_REASON: Final = 400
_ZERO, _ONE = Decimal(0), Decimal(1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Opinion:
    """What a reviewer said of a plan; shares in [0, 1], factors in [LEAST_FACTOR, 1]."""

    coherence: float
    risk_score: float
    veto: bool
    stop_scale: float
    target_scale: float
    reasoning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Rejected:
    """A reply that cannot be used, and why in one sentence."""

    reason: Reason
    detail: str


def parse_review(text: str, *, symbol: str) -> Opinion | Rejected:
    """Read the opinion on one instrument, or say why the text is none."""
    return _guarded(text, lambda value: _opinion(value, symbol))


def parse_command_reply(text: str, scene: Scene) -> TradeCommand | Rejected:
    """Read the command for what the scene shows, or say why the text is none.

    The command may stand alone or in the field `command`, as a schema of one object wants it.
    """
    return _guarded(text, lambda value: _command_for(value, scene))


def _guarded[T](text: str, read: Callable[[object], T]) -> T | Rejected:
    if len(text) > LONGEST_REPLY:  # how much longer, not even the transport knows
        detail = f"a reply is at most {LONGEST_REPLY} characters long, this one was longer"
        return Rejected(reason=Reason.TOO_LONG, detail=detail)
    try:
        return read(load(text))
    except CommandError as e:
        return Rejected(reason=e.reason, detail=clean(f"{e}", most=_LONGEST_REASON))
    except RecursionError:  # to quote what was read is as deep as to read it
        return Rejected(reason=Reason.NOT_JSON, detail="objects are nested too deeply")


# ---------------------------------------------------------------- opinions


def _opinion(value: object, symbol: str) -> Opinion:
    fields = Fields(value, where="reply")
    _check_symbol(fields.text("symbol"), symbol)
    opinion = Opinion(
        coherence=_share(fields, "coherence", least=_ZERO),
        risk_score=_share(fields, "risk_score", least=_ZERO),
        veto=fields.flag("veto"),
        stop_scale=_share(fields, "stop_scale", least=LEAST_FACTOR),
        target_scale=_share(fields, "target_scale", least=LEAST_FACTOR),
        reasoning=clean(fields.text("reasoning"), most=_LONGEST_REASON),
    )
    fields.finish()
    return opinion


def _share(fields: Fields, name: str, *, least: Decimal) -> float:
    value = fields.required_number(name)
    if not least <= value <= _ONE:
        raise CommandError(f"{name} must be in [{least}, 1], was {value!s:.80}")
    return float(value)


def _check_symbol(said: str, asked: str) -> None:
    if said != asked:
        raise CommandError(f"symbol must be {asked}, was {said!r:.80}", Reason.WRONG_SYMBOL)


# ---------------------------------------------------------------- commands


def _command_for(value: object, scene: Scene) -> TradeCommand:
    if isinstance(value, dict) and set(value) == {"command"}:
        value = value["command"]
    try:
        command = command_of(value)
    except CommandError:
        raise
    except (ValueError, ArithmeticError) as e:
        raise CommandError(f"{e}") from e
    _check_belongs(command, scene)
    said = clean(command.reasoning, most=_LONGEST_REASON)
    return command if said == command.reasoning else replace(command, reasoning=said)


def _check_belongs(command: TradeCommand, scene: Scene) -> None:
    """Refuse a command about another instrument, another order, or larger than one may be."""
    match command:
        case PlanTrade(trade_setup=setup):
            _check_symbol(setup.symbol, scene.prediction.instrument_id)
            most = scene.limits.max_position_percent
            if setup.position_size_percent > most:
                message = (
                    f"position_size_percent must be at most {most}, "
                    f"was {setup.position_size_percent!s:.80}"
                )
                raise CommandError(message, Reason.OVERSIZE)
        case CancelOrder(order_id=order_id) | AdjustTrade(order_id=order_id):
            plan = plan_of(scene.snapshot.trade)
            if plan is None or plan.order_id != order_id:
                message = f"order_id must be one that the state shows, was {order_id!r:.80}"
                raise CommandError(message, Reason.FOREIGN_ORDER)
        case DoNothing():
            pass


# ---------------------------------------------------------------- schemas


@lru_cache(maxsize=64)
def review_schema(symbol: str) -> dict[str, Any]:
    """Give the JSON schema of an opinion on one instrument, to be left as it is."""
    return _object(
        symbol={"type": "string", "enum": [symbol]},
        coherence=_NUMBER,
        risk_score=_NUMBER,
        veto={"type": "boolean"},
        stop_scale=_NUMBER,
        target_scale=_NUMBER,
        reasoning=_TEXT,
    )


def command_schema(scene: Scene) -> dict[str, Any]:
    """Give the JSON schema of the commands that make sense in the scene, to be left as it is."""
    trade = scene.snapshot.trade
    plan = plan_of(trade)
    if plan is None:
        return _schema_of_flat(scene.prediction.instrument_id)
    return _schema_of_order(plan.order_id, is_active=isinstance(trade, Active))


@lru_cache(maxsize=64)
def _schema_of_flat(symbol: str) -> dict[str, Any]:
    return _commands(_plan_schema(symbol))


@lru_cache(maxsize=64)
def _schema_of_order(order_id: str, *, is_active: bool) -> dict[str, Any]:
    kinds = [_order_schema("CANCEL_ORDER", order_id)]
    if is_active:
        moved = {"new_stop_loss_price": _MAYBE, "new_take_profit_prices": _NUMBERS}
        kinds.append(_order_schema("ADJUST_TRADE", order_id, **moved))
    return _commands(*kinds)


def _commands(*kinds: dict[str, Any]) -> dict[str, Any]:
    nothing = _object(action=_only("DO_NOTHING"), reasoning=_TEXT)
    return _object(command={"anyOf": [nothing, *kinds]})


def _plan_schema(symbol: str) -> dict[str, Any]:
    setup = _object(
        symbol=_only(symbol),
        direction={"type": "string", "enum": ["LONG", "SHORT"]},
        entry_price=_MAYBE,
        stop_loss_price=_NUMBER,
        take_profit_prices=_NUMBERS,
        position_size_percent=_NUMBER,
    )
    return _object(action=_only("PLAN_TRADE"), trade_setup=setup, reasoning=_TEXT)


def _order_schema(action: str, order_id: str, **moved: dict[str, Any]) -> dict[str, Any]:
    return _object(action=_only(action), order_id=_only(order_id), **moved, reasoning=_TEXT)


def _object(**properties: dict[str, Any]) -> dict[str, Any]:
    """Give the schema of an object that has these fields, all of them, and no others."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def _only(text: str) -> dict[str, Any]:
    return {"type": "string", "enum": [text]}


_NUMBER: Final[dict[str, Any]] = {"type": "number"}
# A list of types would be shorter, but Anthropic's library knows none
_MAYBE: Final[dict[str, Any]] = {"anyOf": [{"type": "number"}, {"type": "null"}]}
_NUMBERS: Final[dict[str, Any]] = {"type": "array", "items": {"type": "number"}}
_TEXT: Final[dict[str, Any]] = {"type": "string"}
