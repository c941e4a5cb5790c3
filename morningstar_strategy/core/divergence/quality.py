"""How well and how late a run's orders were filled, as samples to draw."""

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from morningstar_strategy.core.divergence.reading import STRAY, OrderTold, Told
from morningstar_strategy.core.divergence.values import PlanKey, Step
from morningstar_strategy.core.fields import exact_or_none
from morningstar_strategy.core.records import RecordError, Value

__all__ = ["Quality", "quality_of"]

_BASIS_POINTS: Final = Decimal(10_000)


@dataclass(frozen=True, slots=True, kw_only=True)
class Quality:
    """Samples of a run: what fills lost against what was expected, and times, in seconds.

    `slippage` is in basis points of the expected price, what was charged included: an entry's
    expected price is the one it was decided on, an exit's the stop or take profit of the plan.
    `decision_secs` is from a bar's close to the command, `fill_secs` from it to the entry's fill.
    """

    slippage: tuple[float, ...]
    decision_secs: tuple[float, ...]
    fill_secs: tuple[float, ...]


def quality_of(told: Told) -> Quality:
    """Measure the fills of a run; raise RecordError for a price of a plan that is none."""
    prices = {(step.instrument_id, step.ts_event): step for step in told.predictions}
    try:
        slippage = tuple(_slippages(told, prices))
    except RecordError as e:
        raise RecordError(f"{told.side.name}: {e}") from e
    entries = [order for order in told.orders.values() if _is_entry(order)]
    return Quality(
        slippage=slippage,
        decision_secs=tuple(
            (step.ts_event - int(step.key[1])) / 1e9
            for step in told.commands
            if step.fields.get("action") == "PLAN_TRADE"
        ),
        fill_secs=tuple((order.ts_event - order.plan[1]) / 1e9 for order in entries),
    )


def _is_entry(order: OrderTold) -> bool:
    return order.role == "entry" and order.plan[1] != STRAY


def _slippages(told: Told, prices: dict[tuple[str, int], Step]) -> Iterator[float]:
    moves = _moves(told)
    for order in told.orders.values():
        expected = _expected(order, told.setups.get(order.plan), prices, _moved(moves, order))
        if expected is None or not order.filled:
            continue
        sign = 1 if order.filled > 0 else -1
        lost = sign * (order.price - expected) + order.slippage / abs(order.filled)
        yield float(lost / expected * _BASIS_POINTS)


def _expected(
    order: OrderTold,
    setup: Step | None,
    prices: dict[tuple[str, int], Step],
    moved: Value,
) -> Decimal | None:
    if setup is None:
        return None
    match order.role:
        case "entry":
            limit = setup.fields.get("entry_price")
            return _decided(order.plan, prices) if limit is None else _price("entry_price", limit)
        case "stop":
            return _price("stop_loss_price", moved or setup.fields.get("stop_loss_price"))
        case "target":
            return _nearest(order, setup)
        case _:
            return None


def _moves(told: Told) -> dict[str, list[Step]]:
    """Give the commands that moved a stop, by plan."""
    moves: dict[str, list[Step]] = {}
    for step in told.commands:
        if step.fields.get("new_stop_loss_price") is not None:
            moves.setdefault(f"{step.fields.get('order_id')}", []).append(step)
    return moves


def _moved(moves: dict[str, list[Step]], order: OrderTold) -> Value:
    """Give where a stop was last moved to before it was filled."""
    before = [step for step in moves.get(f"{order.plan}", ()) if step.ts_event <= order.ts_event]
    return before[-1].fields["new_stop_loss_price"] if before else None


def _decided(plan: PlanKey, prices: dict[tuple[str, int], Step]) -> Decimal | None:
    step = prices.get((plan[0], plan[1]))
    price = None if step is None else step.fields.get("price")
    decided = exact_or_none(str(price)) if isinstance(price, float) else None
    return decided if decided is not None and decided > 0 else None


def _nearest(order: OrderTold, setup: Step) -> Decimal | None:
    """Give the take profit that an order was filled nearest to."""
    name = "take_profit_prices"
    told = setup.fields.get(name)
    prices = [_price(name, price) for price in told] if isinstance(told, list) else []
    known = [price for price in prices if price is not None]
    return min(known, key=lambda price: abs(price - order.price), default=None)


def _price(name: str, value: Value) -> Decimal | None:
    """Give a price that a plan tells, None where it tells none; raise RecordError for no price."""
    if value is None:
        return None
    price = exact_or_none(value)
    if price is None or price <= 0:
        raise RecordError(f"{name} of a plan must be a price above zero, was {value!r:.80}")
    return price
