"""Laws of the four commands and their strict JSON."""

import json
from dataclasses import fields, replace
from decimal import Decimal
from typing import Any, Final

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from morningstar_strategy.core.commands import (
    AdjustTrade,
    PlanTrade,
    TradeCommand,
    TradeSetup,
    is_money,
)
from morningstar_strategy.core.wire import CommandError, parse_command, to_json
from tests.property.strategies import NOT_MONEY, commands, plans

_WORDS: Final = (
    "action",
    "trade_setup",
    "symbol",
    "direction",
    "entry_price",
    "stop_loss_price",
    "take_profit_prices",
    "take_profit_fractions",
    "position_size_percent",
    "expires_in_secs",
    "order_id",
    "new_stop_loss_price",
    "new_take_profit_prices",
    "reasoning",
)
_VALUES: Final = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.sampled_from(("PLAN_TRADE", "CANCEL_ORDER", "ADJUST_TRADE", "DO_NOTHING", "LONG", "SHORT"))
)
_JSON: Final = st.recursive(
    _VALUES,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(_WORDS) | st.text(max_size=4), inner, max_size=8)
    ),
    max_leaves=12,
)
_HUGE: Final = st.one_of(
    st.sampled_from(("1e999999999", "-1e999999999", "1e-999999999", "1e99999999999999999999")),
    st.integers(1, 5_000).map(lambda digits: "9" * digits),
    st.integers(1, 5_000).map(lambda digits: "0." + "0" * digits + "1"),
)


def _command_or_error(text: str | bytes) -> TradeCommand | None:
    try:
        return parse_command(text)
    except CommandError:
        return None


@given(commands())
def test_every_command_survives_its_json(command: TradeCommand) -> None:
    assert parse_command(to_json(command)) == command
    assert parse_command(to_json(command).encode()) == command
    read = json.loads(to_json(command), parse_float=Decimal, parse_int=Decimal)
    assert read["action"] == command.action
    if isinstance(command, PlanTrade):
        assert read["trade_setup"]["stop_loss_price"] == command.trade_setup.stop_loss_price


@given(st.binary(max_size=200))
def test_arbitrary_bytes_raise_nothing_but_the_parsers_own_error(text: bytes) -> None:
    _command_or_error(text)


@given(st.text(st.characters(), max_size=200))
def test_arbitrary_text_raises_nothing_but_the_parsers_own_error(text: str) -> None:
    _command_or_error(text)


@given(_JSON)
def test_arbitrary_json_raises_nothing_but_the_parsers_own_error(value: object) -> None:
    _command_or_error(json.dumps(value))


@given(commands(), st.data())
def test_a_command_with_a_value_replaced_raises_nothing_but_the_parsers_own_error(
    command: TradeCommand, data: st.DataObject
) -> None:
    tree: dict[str, Any] = json.loads(to_json(command))
    place = tree.get("trade_setup", tree)
    place[data.draw(st.sampled_from(sorted(place)))] = data.draw(_JSON)
    _command_or_error(json.dumps(tree))


@given(commands(), st.integers(0, 400), st.integers(0, 400), st.text(max_size=3))
def test_a_damaged_command_raises_nothing_but_the_parsers_own_error(
    command: TradeCommand, start: int, length: int, junk: str
) -> None:
    text = to_json(command)
    _command_or_error(text[:start] + junk + text[start + length % 9 :])


@given(st.integers(1, 32_000), st.sampled_from(("[", '{"a":', '{"action":', '{"trade_setup":[')))
def test_deep_nesting_raises_nothing_but_the_parsers_own_error(depth: int, bracket: str) -> None:
    closing = {"[": "]", "{": "}"}
    end = "".join(closing[c] for c in reversed(bracket) if c in closing)
    depth = min(depth, 60_000 // len(bracket + end))
    for text in (bracket * depth, bracket * depth + "1" + end * depth):
        assert _command_or_error(text) is None
        assert _command_or_error('{"action": ' + text[:60_000] + "}") is None


@given(plans(), _HUGE, st.sampled_from(("stop_loss_price", "position_size_percent", "action")))
def test_huge_and_tiny_numbers_are_refused(plan: PlanTrade, number: str, name: str) -> None:
    text = to_json(plan).replace(f'"{name}": ', f'"{name}": {number}, "reasoning": ', 1)
    assert _command_or_error(text) is None
    seconds = to_json(replace(plan, trade_setup=replace(plan.trade_setup, expires_in_secs=None)))
    grown = seconds.replace('"symbol"', f'"expires_in_secs": {number}, "symbol"', 1)
    read = _command_or_error(grown)
    assert read is None or (
        isinstance(read, PlanTrade) and f"{read.trade_setup.expires_in_secs}" == number
    )


@given(commands(), st.sampled_from(("NaN", "Infinity", "-Infinity")))
def test_constants_that_are_no_json_numbers_are_refused(
    command: TradeCommand, constant: str
) -> None:
    assert _command_or_error(to_json(command)[:-1] + f', "x": {constant}' + "}") is None


@given(commands())
def test_a_field_named_twice_is_refused(command: TradeCommand) -> None:
    text = to_json(command)
    with pytest.raises(CommandError, match="names a field twice"):
        parse_command(text[:-1] + f', "action": "{command.action}"' + "}")


@given(commands(), st.text(min_size=1, max_size=8))
def test_an_unknown_field_is_refused(command: TradeCommand, name: str) -> None:
    assume(name not in _WORDS)
    extra = f", {json.dumps(name)}: 1"
    with pytest.raises(CommandError, match="unknown fields"):
        parse_command(to_json(command)[:-1] + extra + "}")
    if isinstance(command, PlanTrade):
        with pytest.raises(CommandError, match="trade_setup has unknown fields"):
            parse_command(to_json(command).replace('{"symbol"', '{"x": 1, "symbol"', 1))


@given(commands(), st.data())
def test_a_command_that_lacks_a_required_field_is_refused(
    command: TradeCommand, data: st.DataObject
) -> None:
    tree: dict[str, Any] = json.loads(to_json(command))
    needed = {"action", "trade_setup", "order_id", "symbol", "direction", "stop_loss_price"}
    needed |= {"take_profit_prices", "position_size_percent"}
    place = data.draw(st.sampled_from([tree, tree.get("trade_setup", tree)]))
    name = data.draw(st.sampled_from(sorted(needed & set(place))))
    del place[name]
    with pytest.raises(CommandError, match=f"lacks {name}"):
        parse_command(json.dumps(tree))


@given(st.text(max_size=5), st.integers(0xD800, 0xDFFF))
def test_half_a_surrogate_pair_is_refused(before: str, half: int) -> None:
    name = json.dumps(before)[:-1] + f"\\u{half:04x}"
    text = f'{{"action": "CANCEL_ORDER", "order_id": {name}"}}'
    for given_text in (text, text.encode()):
        with pytest.raises(CommandError, match="valid Unicode"):
            parse_command(given_text)


@given(plans(), NOT_MONEY, st.integers(0, 3))
def test_a_setup_never_holds_what_is_no_money(plan: PlanTrade, value: Decimal, place: int) -> None:
    changed: dict[str, Any] = (
        {"stop_loss_price": value},
        {"entry_price": value},
        {"take_profit_prices": (value,), "take_profit_fractions": ()},
        {"position_size_percent": value},
    )[place]
    with pytest.raises(ValueError, match=f"{next(iter(changed))} must be a positive number"):
        replace(plan.trade_setup, **changed)


@given(plans())
def test_the_stop_loses_and_every_target_wins_and_their_shares_sum_to_one(plan: PlanTrade) -> None:
    setup, sign = plan.trade_setup, plan.trade_setup.direction.sign
    anchor = setup.entry_price or setup.stop_loss_price
    assert all(sign * target > sign * anchor for target in setup.take_profit_prices)
    assert setup.entry_price is None or sign * setup.stop_loss_price < sign * setup.entry_price
    with pytest.raises(ValueError, match="side of"):
        replace(setup, direction=setup.direction.opposite)
    assert len(setup.fractions) == len(setup.take_profit_prices)
    assert sum(setup.fractions) == 1
    assert all(share > 0 for share in setup.fractions)


@given(st.decimals() | NOT_MONEY)
def test_money_is_positive_finite_and_exact_in_sums(value: Decimal) -> None:
    if is_money(value):
        assert value.is_finite()
        assert 0 < value < Decimal("1e13")
        assert (value + Decimal("999.000000000001")) - value == Decimal("999.000000000001")


@given(NOT_MONEY)
def test_an_adjustment_never_holds_what_is_no_money(value: Decimal) -> None:
    changed: dict[str, Any]
    for changed in ({"new_stop_loss_price": value}, {"new_take_profit_prices": (value,)}):
        with pytest.raises(ValueError, match="a new price must be a positive number"):
            AdjustTrade(order_id="P-1", **changed)


def test_the_fields_of_a_setup_are_all_on_the_wire() -> None:
    assert {field.name for field in fields(TradeSetup)} <= set(_WORDS)
