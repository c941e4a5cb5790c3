"""Answers by simple rules over the state that is shown: offline, and the same each time."""

from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any, Final

from morningstar_strategy.core.wire import dump
from morningstar_strategy.supervisor.exchange import (
    Failure,
    ProviderError,
    Purpose,
    Question,
    Reply,
)
from morningstar_strategy.supervisor.portrayal import read_state

__all__ = ["ScriptedProvider"]

# `Any` in this module: the state is JSON of every shape

type State = dict[str, Any]

_ALARMS: Final = ("hack", "exploit", "insolven", "delist", "halt", "lawsuit", "depeg")
_REVIEWED: Final = ("market", "prediction", "strategy_would")  # what a review looks at
_BYTES_PER_TOKEN: Final = 4
_HUNDRED: Final = Decimal(100)
_ROOT_OF_24: Final = Decimal(24).sqrt()
_ONE: Final = Decimal(1)
_GRAIN: Final = Decimal("0.01")
_FAR_PERCENT: Final = Decimal(2)  # of the market from a waiting entry
_STOP_PERCENT: Final = Decimal(2)
_TARGET_PERCENT: Final = Decimal(4)
_OFFSET_PERCENT: Final = Decimal("0.1")
_SIZE_PERCENT: Final = Decimal(5)
_STRONG: Final = Decimal("1.5")  # standard deviations of the move of 24 bars


class ScriptedProvider:
    """Answers in JSON like any other provider, `latency_ms` after the question.

    As the executor it plans with a strong move, moves the stop of a trade to its entry once it has
    earned what it risked, cancels an entry that the market has left, and else does nothing.
    """

    def __init__(self, *, latency_ms: int = 0) -> None:
        if not latency_ms >= 0:
            raise ValueError(f"latency_ms must not be negative, was {latency_ms}")
        self._latency_ms = latency_ms

    def ask(self, question: Question, *, deadline_secs: float) -> Reply:
        """Answer by the rules; raises ProviderError where the latency exceeds the deadline."""
        if self._latency_ms > deadline_secs * 1_000:
            limit_ms = round(deadline_secs * 1_000)
            detail = f"the script answers after {self._latency_ms} ms"
            raise ProviderError(Failure.DEADLINE, detail, latency_ms=limit_ms)
        prompt = question.prompt
        match question.purpose:
            case Purpose.REVIEW:
                said = _opinion(read_state(prompt.user, *_REVIEWED), _words(prompt.user))
            case Purpose.EXECUTE:
                said = {"command": _command(read_state(prompt.user))}
        text = dump(said)
        return Reply(
            text=text,
            provider="scripted",
            model="rules.v1",
            tokens_in=(len(prompt.system) + len(prompt.user)) // _BYTES_PER_TOKEN,
            tokens_out=len(text) // _BYTES_PER_TOKEN,
            latency_ms=self._latency_ms,
        )


# ---------------------------------------------------------------- reviews


def _words(user: str) -> str:
    return user.partition("BEGIN OUTSIDE")[2].lower()


def _opinion(state: State, words: str) -> dict[str, object]:
    """Doubt a plan against the move of 24 bars, fear turbulence and alarming words."""
    setup = state["strategy_would"]["trade_setup"]
    sign = 1 if setup["direction"] == "LONG" else -1
    drift = sign * _strength(state)
    alarmed = sorted(word for word in _ALARMS if word in words)
    coherence = min(max((2 + drift) / 2, Decimal("0.4")), _ONE)
    turbulent = state["prediction"]["p_turbulent"]
    risk = min(turbulent / 2 + Decimal("0.3") * len(alarmed), _ONE)
    veto = drift <= -2 or len(alarmed) >= 2 or turbulent >= Decimal("0.85")
    why = f"24 bars' move with the trade {drift:.2f} sigma, p_turbulent {turbulent:.2f}"
    return {
        "symbol": setup["symbol"],
        "coherence": coherence.quantize(_GRAIN),
        "risk_score": risk.quantize(_GRAIN),
        "veto": veto,
        "stop_scale": Decimal("0.8") if risk > Decimal("0.3") else _ONE,
        "target_scale": Decimal("0.9") if coherence < Decimal("0.6") else _ONE,
        "reasoning": f"{why}, alarms: {', '.join(alarmed) or 'none'}",
    }


def _strength(state: State) -> Decimal:
    """Give the move of the last 24 bars in standard deviations, zero where too little is known."""
    market = state["market"]
    change = market["change_percent_by_bars"].get("24", Decimal(0))
    deviation = market["volatility_percent_of_a_bar"] * _ROOT_OF_24
    return change / deviation if deviation > 0 else Decimal(0)


# ---------------------------------------------------------------- commands


def _command(state: State) -> dict[str, object]:
    trade = state["trade"]
    match trade["status"]:
        case "PENDING":
            return _on_pending(trade)
        case "ACTIVE":
            return _on_active(trade, state["instrument"])
        case _:
            return _on_flat(state)


def _on_pending(trade: State) -> dict[str, object]:
    away = abs(trade["entry_from_market_percent"])
    if away >= _FAR_PERCENT:
        reason = f"the market is {away:f} % from the entry"
        return {"action": "CANCEL_ORDER", "order_id": trade["order_id"], "reasoning": reason}
    return _nothing("the entry works")


def _on_active(trade: State, instrument: State) -> dict[str, object]:
    sign = 1 if trade["direction"] == "LONG" else -1
    entry, stop, price = trade["entry_price"], trade["stop_loss_price"], instrument["price"]
    risked, earned = sign * (entry - stop), sign * (price - entry)
    if trade["closing"] or risked <= 0 or earned < risked:
        return _nothing("the trade stands")
    return {
        "action": "ADJUST_TRADE",
        "order_id": trade["order_id"],
        "new_stop_loss_price": _on_tick(entry, instrument["tick"]),
        "new_take_profit_prices": (),
        "reasoning": "it has earned what it risked: stop to break-even",
    }


def _on_flat(state: State) -> dict[str, object]:
    instrument, strength = state["instrument"], _strength(state)
    sign = 1 if strength > 0 else -1
    if state["halted"] or abs(strength) < _STRONG or (sign < 0 and not instrument["can_short"]):
        return _nothing("no strong move")
    tick = instrument["tick"]
    entry = _on_tick(_away(instrument["price"], -sign * _OFFSET_PERCENT), tick)
    setup = {
        "symbol": instrument["symbol"],
        "direction": "LONG" if sign > 0 else "SHORT",
        "entry_price": entry,
        "stop_loss_price": _on_tick(_away(entry, -sign * _STOP_PERCENT), tick),
        "take_profit_prices": (_on_tick(_away(entry, sign * _TARGET_PERCENT), tick),),
        "position_size_percent": min(_SIZE_PERCENT, state["limits"]["max_position_percent"]),
    }
    reason = f"the move of 24 bars is {strength:.2f} sigma"
    return {"action": "PLAN_TRADE", "trade_setup": setup, "reasoning": reason}


def _nothing(reason: str) -> dict[str, object]:
    return {"action": "DO_NOTHING", "reasoning": reason}


def _away(price: Decimal, percent: Decimal) -> Decimal:
    return price * (_HUNDRED + percent) / _HUNDRED


def _on_tick(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value(ROUND_HALF_EVEN) * tick
