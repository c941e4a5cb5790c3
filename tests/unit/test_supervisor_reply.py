"""Examples of replies: what is read, and the reason why everything else is refused."""

import json
from decimal import Decimal
from typing import Any, Final

import pytest

from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    DoNothing,
    PlanTrade,
    TradeSetup,
)
from morningstar_strategy.core.scene import Scene
from morningstar_strategy.supervisor.reply import (
    Opinion,
    Reason,
    Rejected,
    command_schema,
    parse_command_reply,
    parse_review,
    review_schema,
)
from tests.supervised import ACTIVE, BTC, CONFIRMING, DOUBTING, PENDING, idle

NOTHING: Final = '{"action": "DO_NOTHING"}'
ADJUSTING: Final = '{"action": "ADJUST_TRADE", "order_id": "P-7", "new_stop_loss_price": 64000}'
PLANNING: Final[dict[str, Any]] = {
    "symbol": BTC,
    "direction": "LONG",
    "entry_price": 64800,
    "stop_loss_price": 63500,
    "take_profit_prices": [67000, 69000],
    "position_size_percent": 10,
}
FLAT: Final = idle()
HELD: Final = idle(trade=ACTIVE)


def opinion(**changes: Any) -> str:
    fields = {**json.loads(CONFIRMING), **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not ...})


def plan(**changes: Any) -> str:
    return json.dumps({"action": "PLAN_TRADE", "trade_setup": {**PLANNING, **changes}})


def refused(found: object) -> Reason:
    assert isinstance(found, Rejected)
    assert found.detail
    assert found.detail.isprintable()
    return found.reason


# ---------------------------------------------------------------- opinions


def test_an_opinion_is_read() -> None:
    assert parse_review(DOUBTING, symbol=BTC) == Opinion(
        coherence=0.6,
        risk_score=0.5,
        veto=False,
        stop_scale=0.8,
        target_scale=0.5,
        reasoning="doubtful",
    )
    assert isinstance(parse_review(f" \r\n\t{CONFIRMING}\n", symbol=BTC), Opinion)


def test_the_reasoning_of_an_opinion_is_made_plain() -> None:
    found = parse_review(opinion(reasoning="a\n<b>\u202e\u200b" + "x" * 999), symbol=BTC)
    assert isinstance(found, Opinion)
    assert found.reasoning == "a b " + "x" * 396


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        (" \n\t ", Reason.EMPTY),
        ("confirm", Reason.NOT_JSON),
        ("{", Reason.NOT_JSON),
        (CONFIRMING[:-1], Reason.NOT_JSON),
        (CONFIRMING.replace('"', "'"), Reason.NOT_JSON),
        (CONFIRMING.replace("}", ",}"), Reason.NOT_JSON),
        ("{" * 100_000, Reason.TOO_LONG),
        ('{"a":' * 3_000, Reason.NOT_JSON),
        (f"Here it is: {CONFIRMING}", Reason.PROSE),
        (f"{CONFIRMING} That is my opinion.", Reason.PROSE),
        (f"```json\n{CONFIRMING}\n```", Reason.PROSE),
        (f"<think>buy</think>{CONFIRMING}", Reason.PROSE),
        (f"\ufeff{CONFIRMING}", Reason.PROSE),
        (f"{CONFIRMING}}}", Reason.PROSE),
        (f"{CONFIRMING}{CONFIRMING}", Reason.SEVERAL),
        (f"{CONFIRMING}\n\n{DOUBTING}", Reason.SEVERAL),
        (f"[{CONFIRMING}]", Reason.NOT_AN_OBJECT),
        ("[]", Reason.NOT_AN_OBJECT),
        ("null", Reason.NOT_AN_OBJECT),
        ("1", Reason.NOT_AN_OBJECT),
        (json.dumps(CONFIRMING), Reason.NOT_AN_OBJECT),
        (CONFIRMING.replace("{", '{"veto": false, '), Reason.DUPLICATE_FIELD),
        (opinion(extra=1), Reason.UNKNOWN_FIELD),
        (opinion(scale=5), Reason.UNKNOWN_FIELD),
        (opinion(Veto=False), Reason.UNKNOWN_FIELD),
        (opinion(veto=...), Reason.MISSING_FIELD),
        (opinion(reasoning=...), Reason.MISSING_FIELD),
        ("{}", Reason.MISSING_FIELD),
        (opinion(veto=0), Reason.WRONG_TYPE),
        (opinion(veto="false"), Reason.WRONG_TYPE),
        (opinion(veto=None), Reason.WRONG_TYPE),
        (opinion(coherence="0.5"), Reason.WRONG_TYPE),
        (opinion(coherence=True), Reason.WRONG_TYPE),
        (opinion(coherence=[0.5]), Reason.WRONG_TYPE),
        (opinion(reasoning={"a": 1}), Reason.WRONG_TYPE),
        (opinion(reasoning=""), Reason.WRONG_TYPE),
        (opinion(symbol=["BTC"]), Reason.WRONG_TYPE),
        (opinion(coherence=float("nan")), Reason.NOT_FINITE),
        (opinion(risk_score=float("inf")), Reason.NOT_FINITE),
        (opinion(risk_score=float("-inf")), Reason.NOT_FINITE),
        (opinion(reasoning="half \ud800"), Reason.NOT_UNICODE),
        (opinion(coherence=1.0000001), Reason.OUT_OF_RANGE),
        (opinion(risk_score=-0.0001), Reason.OUT_OF_RANGE),
        (opinion(stop_scale=0.2499), Reason.OUT_OF_RANGE),
        (opinion(stop_scale=0), Reason.OUT_OF_RANGE),
        (opinion(stop_scale=1.5), Reason.OUT_OF_RANGE),
        (opinion(target_scale=2), Reason.OUT_OF_RANGE),
        (CONFIRMING.replace('"coherence": 1', '"coherence": 1e999'), Reason.OUT_OF_RANGE),
        (CONFIRMING.replace('"coherence": 1', f'"coherence": 1{"0" * 5_000}'), Reason.OUT_OF_RANGE),
        (
            CONFIRMING.replace('"coherence": 1', f'"coherence": 1e{"9" * 30}'),
            Reason.OUT_OF_RANGE,
        ),
        (opinion(symbol="ETHUSDT-PERP.BINANCE"), Reason.WRONG_SYMBOL),
        (opinion(symbol="BTCUSDT"), Reason.WRONG_SYMBOL),
        (opinion(symbol="ВTCUSDT-PERP.BINANCE"), Reason.WRONG_SYMBOL),  # a Cyrillic letter
        (NOTHING, Reason.MISSING_FIELD),
    ],
)
def test_a_reply_that_is_no_opinion_is_refused_with_its_reason(text: str, reason: Reason) -> None:
    assert refused(parse_review(text, symbol=BTC)) is reason


# ---------------------------------------------------------------- commands


def test_the_four_commands_are_read() -> None:
    assert parse_command_reply(NOTHING, FLAT) == DoNothing()
    assert parse_command_reply(plan(), FLAT) == PlanTrade(
        trade_setup=TradeSetup(
            symbol=BTC,
            direction=Direction.LONG,
            entry_price=Decimal(64800),
            stop_loss_price=Decimal(63500),
            take_profit_prices=(Decimal(67000), Decimal(69000)),
            position_size_percent=Decimal(10),
        )
    )
    cancelling = '{"action": "CANCEL_ORDER", "order_id": "P-7", "reasoning": "a\\nb"}'
    expected = CancelOrder(order_id="P-7", reasoning="a b")
    assert parse_command_reply(cancelling, idle(trade=PENDING)) == expected
    adjusted = AdjustTrade(order_id="P-7", new_stop_loss_price=Decimal(64000))
    assert parse_command_reply(ADJUSTING, HELD) == adjusted


def test_a_command_may_stand_in_a_field_of_its_own() -> None:
    assert parse_command_reply(f'{{"command": {NOTHING}}}', FLAT) == DoNothing()
    twice = f'{{"command": {{"command": {NOTHING}}}}}'
    assert refused(parse_command_reply(twice, FLAT)) is Reason.MISSING_FIELD


def test_what_a_strict_schema_makes_null_or_empty_is_left_alone() -> None:
    text = ADJUSTING.replace("}", ', "new_take_profit_prices": [], "reasoning": ""}')
    assert isinstance(parse_command_reply(text, HELD), AdjustTrade)
    assert isinstance(parse_command_reply(plan(entry_price=None), FLAT), PlanTrade)


@pytest.mark.parametrize(
    ("text", "scene", "reason"),
    [
        ("", FLAT, Reason.EMPTY),
        ("DO_NOTHING", FLAT, Reason.NOT_JSON),
        (f"I will wait. {NOTHING}", FLAT, Reason.PROSE),
        (f"{NOTHING}{NOTHING}", FLAT, Reason.SEVERAL),
        (f"[{NOTHING}]", FLAT, Reason.NOT_AN_OBJECT),
        ('{"command": "DO_NOTHING"}', FLAT, Reason.NOT_AN_OBJECT),
        ("{}", FLAT, Reason.MISSING_FIELD),
        ('{"action": "BUY"}', FLAT, Reason.UNKNOWN_ACTION),
        ('{"action": "do_nothing"}', FLAT, Reason.UNKNOWN_ACTION),
        ('{"action": "DO_NOTHING", "action": "PLAN_TRADE"}', FLAT, Reason.DUPLICATE_FIELD),
        ('{"action": "DO_NOTHING", "order_id": "P-7"}', FLAT, Reason.UNKNOWN_FIELD),
        (f'{{"command": {NOTHING}, "why": 1}}', FLAT, Reason.MISSING_FIELD),
        (plan(leverage=10), FLAT, Reason.UNKNOWN_FIELD),
        (plan(stop_scale=0.5), FLAT, Reason.UNKNOWN_FIELD),
        (plan(symbol="ETHUSDT-PERP.BINANCE"), FLAT, Reason.WRONG_SYMBOL),
        (plan(direction="UP"), FLAT, Reason.OUT_OF_RANGE),
        (plan(stop_loss_price="63500"), FLAT, Reason.WRONG_TYPE),
        (plan(take_profit_prices=67000), FLAT, Reason.WRONG_TYPE),
        (plan(take_profit_prices=[]), FLAT, Reason.OUT_OF_RANGE),
        (plan(take_profit_prices=[67000] * 6), FLAT, Reason.OUT_OF_RANGE),
        (plan(stop_loss_price=float("nan")), FLAT, Reason.NOT_FINITE),
        (plan(stop_loss_price=66000), FLAT, Reason.OUT_OF_RANGE),
        (plan(stop_loss_price=-1), FLAT, Reason.OUT_OF_RANGE),
        (plan(stop_loss_price=1e300), FLAT, Reason.OUT_OF_RANGE),
        (plan(position_size_percent=0), FLAT, Reason.OUT_OF_RANGE),
        (plan(position_size_percent=15.01), FLAT, Reason.OVERSIZE),
        (plan(position_size_percent=100), FLAT, Reason.OVERSIZE),
        (plan(position_size_percent=5_000), FLAT, Reason.OUT_OF_RANGE),
        (ADJUSTING, FLAT, Reason.FOREIGN_ORDER),
        (ADJUSTING.replace("P-7", "P-8"), HELD, Reason.FOREIGN_ORDER),
        (ADJUSTING.replace("P-7", "P-7 "), HELD, Reason.FOREIGN_ORDER),
        (ADJUSTING.replace('"P-7"', "7"), HELD, Reason.WRONG_TYPE),
        ('{"action": "CANCEL_ORDER", "order_id": "*"}', HELD, Reason.FOREIGN_ORDER),
        ('{"action": "CANCEL_ORDER"}', HELD, Reason.MISSING_FIELD),
        ('{"action": "ADJUST_TRADE", "order_id": "P-7"}', HELD, Reason.OUT_OF_RANGE),
    ],
)
def test_a_reply_that_is_no_command_is_refused_with_its_reason(
    text: str, scene: Scene, reason: Reason
) -> None:
    assert refused(parse_command_reply(text, scene)) is reason


# ---------------------------------------------------------------- schemas


def _objects(schema: Any) -> list[dict[str, Any]]:
    if isinstance(schema, list):
        return [found for each in schema for found in _objects(each)]
    if not isinstance(schema, dict):
        return []
    inner = [found for each in schema.values() for found in _objects(each)]
    return [schema, *inner] if schema.get("type") == "object" else inner


def test_every_object_of_a_schema_is_closed_and_wants_every_field() -> None:
    schemas = [review_schema(BTC), command_schema(FLAT), command_schema(HELD)]
    objects = [found for schema in schemas for found in _objects(schema)]
    assert len(objects) == 1 + 4 + 4
    for found in objects:
        assert found["required"] == list(found["properties"])
        assert found["additionalProperties"] is False


@pytest.mark.parametrize(
    ("scene", "actions"),
    [
        (FLAT, ["DO_NOTHING", "PLAN_TRADE"]),
        (idle(trade=PENDING), ["DO_NOTHING", "CANCEL_ORDER"]),
        (HELD, ["DO_NOTHING", "CANCEL_ORDER", "ADJUST_TRADE"]),
    ],
)
def test_a_schema_offers_what_makes_sense_in_the_state(scene: Scene, actions: list[str]) -> None:
    kinds = command_schema(scene)["properties"]["command"]["anyOf"]
    assert [kind["properties"]["action"]["enum"][0] for kind in kinds] == actions
    named = [kind["properties"].get("order_id") for kind in kinds]
    assert all(each["enum"] == ["P-7"] for each in named if each)
