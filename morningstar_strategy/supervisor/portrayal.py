"""A scene in words and numbers: one JSON object a line for what is ours, fenced lines for news.

The lines are written by hand, field by field: a prompt is made on every decision, and what is
general about an encoder would be half of its cost. What is the same on many decisions is written
once and kept.
"""

import json
from decimal import Decimal
from functools import lru_cache
from typing import Any, Final

from morningstar_strategy.core.commands import DoNothing, PlanTrade, TradeCommand
from morningstar_strategy.core.limits import RiskLimits
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.scene import Lesson, Scene, Trust
from morningstar_strategy.core.state import Active, Flat, Holding, Pending, Plan, Snapshot
from morningstar_strategy.core.summary import SPANS, MarketSummary
from morningstar_strategy.core.wire import wire_fields
from morningstar_strategy.supervisor.outside import clean, clean_name
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.writing import (
    exact,
    flag,
    listed,
    minutes,
    percent,
    quoted,
    rounded,
    short,
    time,
)

__all__ = ["read_state", "state_lines", "word_lines"]

# `Any` in this module: the sections are JSON of every shape

_HUNDRED: Final = Decimal(100)
_LONGEST_OURS: Final = 200
_NOBODY: Final = "(none)"
_EMPTY: Final = '""'  # a text of which nothing is left, as it is written
_NOTHING_HELD: Final = '"exposure_percent": 0.0, "open_loss": 0.0, "holdings": []'
_UNSTATED: Final = '"not stated"'
_READER: Final = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal)


def state_lines(scene: Scene, *, policy: SupervisorPolicy, calibration: str) -> str:
    """Write the whole state down, a section a line."""
    now = scene.snapshot
    lessons = listed([_lesson(each, now) for each in scene.lessons[: policy.lessons]])
    return (
        f"instrument = {_instrument(now)}\n"
        f"market = {_market(scene.summary)}\n"
        f"prediction = {_prediction(scene.prediction, calibration)}\n"
        f"trade = {_trade(now)}\n"
        f"account = {_account(now)}\n"
        f"limits = {_limits(scene.limits)}\n"
        f"strategy_would = {_would(scene.would)}\n"
        f"halted = {_ours(scene.halted)}\n"
        f"lessons = {lessons}\n"
        f"outside_numbers = {_numbers(scene, most=policy.numbers)}"
    )


def read_state(user: str, *wanted: str) -> dict[str, Any]:
    """Read the wanted sections of a rendered prompt back, all where none is named.

    Numbers are Decimal.
    """
    lines = user.split("\n\n", 1)[0].splitlines()[1:]
    pairs = (line.partition(" = ") for line in lines)
    return {name: _READER.decode(value) for name, _, value in pairs if not wanted or name in wanted}


def word_lines(scene: Scene, *, policy: SupervisorPolicy) -> str:
    """Write the newest words from outside down, cleaned and tagged, one JSON object a line."""
    now_ns, most = scene.snapshot.ts_event, policy.word_chars
    lines = [
        f'{{"trust": "text", {_origin(each.source, each.symbol)}, '
        f'"age_minutes": {minutes(now_ns - each.ts_event)}, "text": {text}}}'
        for each in scene.externals
        if each.trust is Trust.TEXT and (text := _cleaned(each.text, most)) != _EMPTY
    ]
    return "\n".join(lines[: policy.words]) or _NOBODY


@lru_cache(maxsize=512)
def _cleaned(text: str, most: int) -> str:
    """Clean a text and write it: what is told of a day is shown on many decisions."""
    return quoted(clean(text, most=most))


def _ours(text: str) -> str:
    """Clean and write words of our own, which are mostly none."""
    return _cleaned(text, _LONGEST_OURS) if text else _EMPTY


@lru_cache(maxsize=512)
def _origin(source: str, symbol: str) -> str:
    """Write where something comes from: the names were cleaned to letters, nothing is quoted."""
    return f'"source": "{clean_name(source)}", "about": "{clean_name(symbol) or "market"}"'


# ---------------------------------------------------------------- the sections


def _instrument(now: Snapshot) -> str:
    market = now.market
    return (
        f'{{"symbol": {quoted(market.instrument_id)}, "time": {time(now.ts_event)}, '
        f'"price": {exact(market.price)}, '
        f"{_terms(market.tick, market.lot, market.min_notional, market.taker_fee)}, "
        f'"can_short": {flag(market.can_short)}}}'
    )


@lru_cache(maxsize=256)
def _terms(tick: Decimal, lot: Decimal, min_notional: Decimal, taker_fee: Decimal) -> str:
    return (
        f'"tick": {exact(tick)}, "lot": {exact(lot)}, "min_notional": {exact(min_notional)}, '
        f'"taker_fee_percent": {exact(taker_fee * _HUNDRED)}'
    )


def _market(found: MarketSummary) -> str:
    changes = zip(SPANS, found.changes, strict=False)
    moves = ", ".join([f'"{span}": {percent(change)}' for span, change in changes])
    return (
        f'{{"bars_seen": {found.bars}, "close": {short(found.close)}, '
        f'"change_percent_by_bars": {{{moves}}}, '
        f'"volatility_percent_of_a_bar": {percent(found.volatility)}, '
        f'"high_96": {short(found.high)}, "low_96": {short(found.low)}, '
        f'"place_in_range": {short(found.range_place)}, '
        f'"volume_by_mean": {short(found.volume_ratio)}}}'
    )


def _prediction(found: Prediction, calibration: str) -> str:
    kind = "odds of the barrier" if found.barrier > 0.0 else "votes of a rule"
    stated = _ours(calibration)
    return (
        f'{{"p_short": {short(found.p_short)}, "p_flat": {short(found.p_flat)}, '
        f'"p_long": {short(found.p_long)}, "kind": "{kind}", '
        f'"barrier_percent": {percent(found.barrier)}, "confidence": {short(found.confidence)}, '
        f'"calibration": {_UNSTATED if stated == _EMPTY else stated}, '
        f'"volatility_percent_of_a_bar": {percent(found.volatility)}, '
        f'"p_turbulent": {short(found.turbulence)}, "regime": "{found.regime.value}", '
        f'"straightness": {short(found.efficiency)}, '
        f'"stop_distance_percent": {percent(found.stop_distance)}, '
        f'"target_distance_percent": {percent(found.target_distance)}, '
        f'"model": {_ours(found.model)}, "abstained": {_ours(found.abstained)}}}'
    )


def _trade(now: Snapshot) -> str:
    match now.trade:
        case Flat():
            return '{"status": "FLAT"}'
        case Pending(plan=plan):
            return _pending(plan, now)
        case Active() as active:
            return _active(active, now)


def _pending(plan: Plan, now: Snapshot) -> str:
    setup, price = plan.setup, now.market.price
    entry = price if setup.entry_price is None else setup.entry_price
    left = "null" if plan.expires_ns is None else minutes(plan.expires_ns - now.ts_event)
    away = rounded((entry - price) / price * _HUNDRED)
    return (
        f'{{"status": "PENDING", "order_id": {quoted(plan.order_id)}, '
        f'"direction": "{plan.direction.value}", "entry_price": {exact(entry)}, '
        f'"stop_loss_price": {exact(setup.stop_loss_price)}, '
        f'"take_profit_prices": {listed(map(exact, setup.take_profit_prices))}, '
        f'"quantity": {exact(plan.quantity)}, '
        f'"age_minutes": {minutes(now.ts_event - plan.planned_ns)}, '
        f'"expires_in_minutes": {left}, "entry_from_market_percent": {away}}}'
    )


def _active(active: Active, now: Snapshot) -> str:
    plan = active.plan
    gain = plan.direction.sign * (now.market.price - active.entry_price)
    return (
        f'{{"status": "ACTIVE", "order_id": {quoted(plan.order_id)}, '
        f'"direction": "{plan.direction.value}", "entry_price": {exact(active.entry_price)}, '
        f'"stop_loss_price": {exact(active.stop_loss_price)}, '
        f'"take_profit_prices": {listed(map(exact, active.take_profit_prices))}, '
        f'"quantity": {exact(active.open_quantity)}, '
        f'"age_minutes": {minutes(now.ts_event - active.opened_ns)}, '
        f'"gain_percent": {rounded(gain / active.entry_price * _HUNDRED)}, '
        f'"unrealised": {rounded(gain * active.open_quantity)}, '
        f'"closing": {flag(active.closing)}}}'
    )


def _account(now: Snapshot) -> str:
    equity = now.equity
    if not now.holdings and _is_worth(equity):
        return f'{{"equity": {rounded(equity)}, {_NOTHING_HELD}}}'
    exposure = rounded(now.exposure / equity * _HUNDRED) if _is_worth(equity) else "null"
    return (
        f'{{"equity": {rounded(equity) if equity.is_finite() else "null"}, '
        f'"exposure_percent": {exposure}, "open_loss": {rounded(now.open_loss)}, '
        f'"holdings": {listed([_holding(each) for each in now.holdings])}}}'
    )


def _is_worth(equity: Decimal) -> bool:
    return equity.is_finite() and equity > 0


def _holding(held: Holding) -> str:
    return (
        f'{{"symbol": {quoted(held.instrument_id)}, "direction": "{held.direction.value}", '
        f'"notional": {rounded(held.notional)}, "unrealised": {rounded(held.unrealized)}}}'
    )


def _limits(limits: RiskLimits) -> str:
    return (
        f'{{"max_position_percent": {exact(limits.max_position_percent)}, '
        f'"max_exposure_percent": {exact(limits.max_exposure_percent)}, '
        f'"max_risk_percent": {exact(limits.max_risk_percent)}, '
        f'"max_stop_distance_percent": {exact(limits.max_stop_distance_percent)}, '
        f'"max_entry_distance_percent": {exact(limits.max_entry_distance_percent)}, '
        f'"max_open_plans": {limits.max_open_plans}}}'
    )


def _would(would: TradeCommand) -> str:
    """Write the command without anybody's words; its numbers are the policy's own."""
    if isinstance(would, DoNothing):  # as on most decisions
        return '{"action": "DO_NOTHING"}'
    fields = wire_fields(would)
    fields.pop("reasoning", None)
    if isinstance(would, PlanTrade) and would.trade_setup.entry_price is None:
        fields["entry"] = "at market"
    return _plain(fields)


def _plain(value: object) -> str:
    """Write a wire value with numbers that any JSON reader takes."""
    match value:
        case str():
            return quoted(value)
        case Decimal():
            return exact(value)
        case dict():
            return f"{{{', '.join([f'"{name}": {_plain(each)}' for name, each in value.items()])}}}"
        case tuple():
            return listed(map(_plain, value))
        case None:
            return "null"
        case _:
            return f"{value}"


def _lesson(lesson: Lesson, now: Snapshot) -> str:
    return (
        f"{{{_advised(lesson.advice.verdict, lesson.direction)}, "
        f'"result": {short(lesson.result)}, '
        f'"ended_minutes_ago": {minutes(now.ts_event - lesson.ended_ns)}}}'
    )


@lru_cache(maxsize=64)
def _advised(verdict: str, direction: str) -> str:
    return f'"verdict": "{clean_name(verdict)}", "direction": "{clean_name(direction)}"'


def _numbers(scene: Scene, *, most: int) -> str:
    now_ns = scene.snapshot.ts_event
    told = [
        f"{{{_point(each.source, each.symbol, each.value or 0.0)}, "
        f'"age_minutes": {minutes(now_ns - each.ts_event)}}}'
        for each in scene.externals
        if each.value is not None
    ]
    return listed(told[:most])


@lru_cache(maxsize=512)
def _point(source: str, symbol: str, value: float) -> str:
    """Write a number, which stands until its series tells the next."""
    return f'"trust": "number", {_origin(source, symbol)}, "value": {short(value)}'
