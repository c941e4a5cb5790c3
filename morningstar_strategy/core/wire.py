"""The strict JSON of the commands: exact numbers out, nothing unexpected in."""

import json
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeCommand,
    TradeSetup,
)
from morningstar_strategy.core.strict import CommandError, Fields, Reason, load

__all__ = [
    "CommandError",
    "Reason",
    "command_of",
    "dump",
    "parse_command",
    "to_json",
    "wire_fields",
]

_MAX_REASONING: Final = 2_000


def to_json(command: TradeCommand) -> str:
    """Write a command as strict JSON with exact numbers."""
    return dump(wire_fields(command))


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


def dump(value: object) -> str:
    """Write texts, numbers, tuples and dictionaries as JSON, every Decimal exactly."""
    match value:
        case Decimal():
            return f"{value:f}"
        case dict():
            return "{" + ", ".join(f"{json.dumps(k)}: {dump(v)}" for k, v in value.items()) + "}"
        case tuple():
            return "[" + ", ".join(map(dump, value)) + "]"
        case _:
            return json.dumps(value)


def parse_command(text: str | bytes) -> TradeCommand:
    """Read one command from strict JSON; raise CommandError for anything else."""
    try:
        return command_of(load(text))
    except RecursionError as e:  # to quote what was read is as deep as to read it
        raise CommandError("objects are nested too deeply", Reason.NOT_JSON) from e


def command_of(value: object) -> TradeCommand:
    """Read one command from what `load` gave; raise CommandError for anything else."""
    fields = Fields(value, where="command")
    try:
        command = _command(fields)
    except CommandError:
        raise
    except (ValueError, RecursionError) as e:
        raise CommandError(f"{e}") from e
    fields.finish()
    return command


def _command(fields: "Fields") -> TradeCommand:
    reasoning = fields.text("reasoning", required=False)[:_MAX_REASONING]
    match fields.text("action"):
        case "PLAN_TRADE":
            inner = Fields(fields.take("trade_setup"), where="trade_setup")
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
            raise CommandError(
                f"action must be one of the four commands, was {action!r:.80}",
                Reason.UNKNOWN_ACTION,
            )


def _setup(fields: "Fields") -> TradeSetup:
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
