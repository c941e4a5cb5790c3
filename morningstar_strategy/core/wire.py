"""The strict JSON of the commands: exact numbers out, nothing unexpected in."""

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final, NoReturn

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
    TradeSetup,
)

MAX_TEXT_BYTES: Final = 65_536
_MAX_REASONING: Final = 2_000


class CommandError(ValueError):
    """The text is not one of the four commands."""


def to_json(command: TradeCommand) -> str:
    """Write a command as strict JSON with exact numbers."""
    return _dump(wire_fields(command))


def wire_fields(command: TradeCommand) -> dict[str, object]:
    """Give the fields of a command as they stand on the wire, numbers as Decimal."""
    fields: dict[str, object] = {"action": command.action}
    match command:
        case PlanTrade(trade_setup=setup):
            fields["trade_setup"] = _setup_fields(setup)
        case CancelOrder(order_id=order_id):
            fields["order_id"] = order_id
        case AdjustTrade(order_id=order_id, new_stop_loss_price=stop):
            fields["order_id"] = order_id
            if stop is not None:
                fields["new_stop_loss_price"] = stop
            if command.new_take_profit_prices:
                fields["new_take_profit_prices"] = command.new_take_profit_prices
        case DoNothing():
            pass
    if command.reasoning:
        fields["reasoning"] = command.reasoning
    return fields


def _setup_fields(setup: TradeSetup) -> dict[str, object]:
    fields: dict[str, object] = {
        "symbol": setup.symbol,
        "direction": setup.direction.value,
        "entry_price": setup.entry_price,
        "stop_loss_price": setup.stop_loss_price,
        "take_profit_prices": setup.take_profit_prices,
        "position_size_percent": setup.position_size_percent,
    }
    if setup.take_profit_fractions:
        fields["take_profit_fractions"] = setup.take_profit_fractions
    if setup.expires_in_secs is not None:
        fields["expires_in_secs"] = setup.expires_in_secs
    return fields


def _dump(value: object) -> str:
    match value:
        case Decimal():
            return f"{value:f}"
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)}: {_dump(v)}" for k, v in value.items()) + "}"
        case tuple():
            return "[" + ", ".join(map(_dump, value)) + "]"
        case _:
            return json.dumps(value)


def parse_command(text: str | bytes) -> TradeCommand:
    """Read one command from strict JSON; raise CommandError for anything else."""
    fields = _Fields(_load(text), where="command")
    try:
        command = _command(fields)
    except CommandError:
        raise
    except (ValueError, RecursionError) as e:
        raise CommandError(f"{e}") from e
    fields.finish()
    return command


def _command(fields: "_Fields") -> TradeCommand:
    reasoning = fields.text("reasoning", required=False)[:_MAX_REASONING]
    match fields.text("action"):
        case "PLAN_TRADE":
            inner = _Fields(fields.take("trade_setup"), where="trade_setup")
            setup = _setup(inner)
            inner.finish()
            return PlanTrade(trade_setup=setup, reasoning=reasoning)
        case "CANCEL_ORDER":
            return CancelOrder(order_id=fields.text("order_id"), reasoning=reasoning)
        case "ADJUST_TRADE":
            return AdjustTrade(
                order_id=fields.text("order_id"),
                new_stop_loss_price=fields.number("new_stop_loss_price", required=False),
                new_take_profit_prices=fields.numbers("new_take_profit_prices", required=False),
                reasoning=reasoning,
            )
        case "DO_NOTHING":
            return DoNothing(reasoning=reasoning)
        case action:
            raise CommandError(f"action must be one of the four commands, was {action!r:.80}")


def _setup(fields: "_Fields") -> TradeSetup:
    direction = fields.text("direction")
    if direction not in Direction.__members__:
        raise CommandError(f"direction must be LONG or SHORT, was {direction!r:.80}")
    return TradeSetup(
        symbol=fields.text("symbol"),
        direction=Direction(direction),
        entry_price=fields.number("entry_price", required=False),
        stop_loss_price=fields.required_number("stop_loss_price"),
        take_profit_prices=fields.numbers("take_profit_prices"),
        take_profit_fractions=fields.numbers("take_profit_fractions", required=False),
        position_size_percent=fields.required_number("position_size_percent"),
        expires_in_secs=fields.whole("expires_in_secs"),
    )


class _Fields:
    """The fields of one JSON object, each taken once and by its type."""

    def __init__(self, value: object, *, where: str) -> None:
        if not isinstance(value, Mapping):
            raise CommandError(f"{where} must be an object, was {value!r:.80}")
        self._left = dict(value)
        self._where = where

    def take(self, name: str) -> object:
        if name not in self._left:
            raise CommandError(f"{self._where} lacks {name}")
        return self._left.pop(name)

    def text(self, name: str, *, required: bool = True) -> str:
        if not required and name not in self._left:
            return ""
        value = self.take(name)
        if not isinstance(value, str) or (required and not value):
            raise CommandError(f"{name} must be a text, was {value!r:.80}")
        if not _is_unicode(value):
            raise CommandError(f"{name} must be valid Unicode, was {value!r:.80}")
        return value

    def number(self, name: str, *, required: bool = True) -> Decimal | None:
        if not required and self._left.get(name) is None:
            self._left.pop(name, None)
            return None
        return _number(name, self.take(name))

    def required_number(self, name: str) -> Decimal:
        return _number(name, self.take(name))

    def numbers(self, name: str, *, required: bool = True) -> tuple[Decimal, ...]:
        if not required and name not in self._left:
            return ()
        value = self.take(name)
        if not isinstance(value, list):
            raise CommandError(f"{name} must be a list of numbers, was {value!r:.80}")
        return tuple(_number(name, item) for item in value)

    def whole(self, name: str) -> int | None:
        value = self.number(name, required=False)
        if value is None:
            return None
        if not -(10**9) < value < 10**9 or value != value.to_integral_value():
            raise CommandError(f"{name} must be a whole number of seconds, was {value!s:.80}")
        return int(value)

    def finish(self) -> None:
        if self._left:
            raise CommandError(f"{self._where} has unknown fields {sorted(self._left)!r:.120}")


def _is_unicode(text: str) -> bool:
    """Say whether the text can be written down: JSON may escape halves of surrogate pairs."""
    return not any("\ud800" <= character <= "\udfff" for character in text)


def _number(name: str, value: object) -> Decimal:
    if not isinstance(value, Decimal):
        raise CommandError(f"{name} must be a number, was {value!r:.80}")
    return value


def _load(text: str | bytes) -> object:
    if len(text) > MAX_TEXT_BYTES:
        raise CommandError(f"a command is at most {MAX_TEXT_BYTES} long, was {len(text)}")
    try:
        return json.loads(
            text,
            parse_float=Decimal,
            parse_int=Decimal,
            parse_constant=_refuse_constant,
            object_pairs_hook=_unique,
        )
    except CommandError:
        raise
    except (ValueError, ArithmeticError, RecursionError) as e:
        raise CommandError(f"not JSON: {type(e).__name__}") from e


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise CommandError("an object names a field twice")
    return fields


def _refuse_constant(name: str) -> NoReturn:
    raise CommandError(f"{name} is not a number")
