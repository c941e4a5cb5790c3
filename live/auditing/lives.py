"""The plans of a session: when each was held, what it filled, where its exits stood and when."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import ROUND_DOWN, Decimal, InvalidOperation
from typing import Final

from morningstar_strategy.core.commands import Direction, equal_fractions
from morningstar_strategy.core.fields import money, text
from morningstar_strategy.core.ledger import Role
from morningstar_strategy.core.records import Kind, Record, RecordError, Value
from morningstar_strategy.core.state import Outcome

__all__ = ["Level", "Life", "LifeFill", "lives_of"]

_ZERO: Final = Decimal(0)
_FINEST_LOT: Final = Decimal("1e-6")  # a third is told to twelve digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Level:
    """A price at which a plan must act, from one moment to another.

    `quantity` is what a take profit closes there as far as lots tell, None for a stop and for the
    farthest take profit, which close all that is left.
    """

    role: Role
    price: Decimal
    from_ns: int
    to_ns: int | None = None
    number: int = 1
    quantity: Decimal | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LifeFill:
    """One fill of a plan."""

    role: Role
    ts_event: int
    quantity: Decimal
    price: Decimal


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One plan from its first fill to its end.

    `planned` is the quantity it was to have, None for a plan that was adopted: it began before
    this journal does. `target_orders` counts the take profit orders that were ever sent for it.
    """

    plan_id: str
    instrument_id: str
    direction: Direction | None = None
    planned: Decimal | None = None
    opened_ns: int | None = None
    ended_ns: int | None = None
    fills: tuple[LifeFill, ...] = ()
    levels: tuple[Level, ...] = ()
    target_orders: frozenset[str] = frozenset()

    @property
    def entered(self) -> Decimal:
        """Sum what entries filled."""
        return sum((fill.quantity for fill in self.fills if fill.role is Role.ENTRY), _ZERO)

    @property
    def exited(self) -> Decimal:
        """Sum what exits filled."""
        return sum((fill.quantity for fill in self.fills if fill.role is not Role.ENTRY), _ZERO)

    @property
    def flat_ns(self) -> int | None:
        """Give when nothing of it was held any more: the fill that closed it, else its end."""
        if self.fills and self.planned is not None and self.exited == self.entered > 0:
            return self.fills[-1].ts_event
        return self.ended_ns


@dataclass(slots=True, kw_only=True)
class _Reading:
    """What has been read so far."""

    lives: dict[str, Life] = field(default_factory=dict)
    asked: dict[str, Mapping[str, Value]] = field(default_factory=dict)  # last command
    lots: dict[str, Decimal] = field(default_factory=dict)


def lives_of(records: Iterable[Record]) -> tuple[Life, ...]:
    """Put plans together from plan, command, ruling, order and fill records."""
    reading = _Reading()
    for record in records:
        match record.kind:
            case Kind.COMMAND:
                _asked(reading, record)
            case Kind.RULING if text(record, "ruling") == "approved":
                _approved(reading, record)
            case Kind.PLAN:
                _stated(reading, record)
            case Kind.ORDER if text(record, "role") == Role.TARGET.value:
                _target_sent(reading, record)
            case Kind.FILL:
                _filled(reading, record)
            case _:
                continue
    return tuple(_with_shares(life, reading) for life in reading.lives.values())


def _asked(reading: _Reading, record: Record) -> None:
    command = record.fields.get("command")
    if not isinstance(command, dict):
        raise RecordError(f"command at {record.ts_event} must be an object, was {command!r:.80}")
    reading.asked[record.instrument_id] = command


def _approved(reading: _Reading, record: Record) -> None:
    """Let an approved change move the exits of its plan."""
    command = reading.asked.get(record.instrument_id, {})
    life = reading.lives.get(str(command.get("order_id", "")))
    if life is None or command.get("action") != text(record, "action"):
        return
    match command.get("action"):
        case "ADJUST_TRADE":
            reading.lives[life.plan_id] = _adjusted(life, command, record.ts_event)
        case "CANCEL_ORDER":
            reading.lives[life.plan_id] = _without(life, Role.TARGET, record.ts_event)
        case _:
            return


def _adjusted(life: Life, command: Mapping[str, Value], now_ns: int) -> Life:
    stop, targets = command.get("new_stop_loss_price"), command.get("new_take_profit_prices")
    if stop is not None:
        life = _without(life, Role.STOP, now_ns)
        moved = Level(role=Role.STOP, price=_number(stop, now_ns), from_ns=now_ns)
        life = replace(life, levels=(*life.levels, moved))
    if isinstance(targets, list) and targets:
        life = _without(life, Role.TARGET, now_ns)
        prices = [_number(price, now_ns) for price in targets]
        shares = equal_fractions(len(prices))
        open_quantity = life.entered - life.exited
        added = _targets(prices, [open_quantity * share for share in shares], now_ns)
        life = replace(life, levels=(*life.levels, *added))
    return life


def _without(life: Life, role: Role, now_ns: int) -> Life:
    """Let what stands of a role stand no longer."""
    levels = tuple(
        replace(level, to_ns=now_ns) if level.role is role and level.to_ns is None else level
        for level in life.levels
    )
    return replace(life, levels=levels)


def _targets(prices: list[Decimal], shares: list[Decimal], from_ns: int) -> tuple[Level, ...]:
    last = len(prices)
    return tuple(
        Level(
            role=Role.TARGET,
            price=price,
            from_ns=from_ns,
            number=number,
            quantity=None if number == last else share,
        )
        for number, (price, share) in enumerate(zip(prices, shares, strict=True), start=1)
    )


def _stated(reading: _Reading, record: Record) -> None:
    plan_id, state = text(record, "order_id"), text(record, "state")
    life = reading.lives.get(plan_id) or Life(plan_id=plan_id, instrument_id=record.instrument_id)
    if state == "PENDING":
        life = _planned(life, record, reading.asked.get(record.instrument_id, {}))
    elif state == "ACTIVE" and life.opened_ns is None:
        life = _opened(life, record.ts_event)
    elif state in Outcome:
        life = replace(life, ended_ns=record.ts_event, direction=_direction(record))
    if state == "ACTIVE" and not life.levels:
        stop = Level(
            role=Role.STOP, price=money(record, "stop_loss_price"), from_ns=record.ts_event
        )
        life = replace(life, levels=(stop,))
    reading.lives[plan_id] = life


def _planned(life: Life, record: Record, command: Mapping[str, Value]) -> Life:
    """Note where the exits will stand; they stand from the first fill on."""
    prices, now_ns = record.fields.get("take_profit_prices"), record.ts_event
    if not isinstance(prices, list) or not prices:
        raise RecordError(f"take_profit_prices at {now_ns} must be a list, was {prices!r:.80}")
    quantity = money(record, "quantity")
    shares = _fractions(command, len(prices), now_ns)
    targets = _targets(
        [_number(price, now_ns) for price in prices], [quantity * each for each in shares], now_ns
    )
    stop = Level(role=Role.STOP, price=money(record, "stop_loss_price"), from_ns=now_ns)
    return replace(life, direction=_direction(record), planned=quantity, levels=(stop, *targets))


def _fractions(command: Mapping[str, Value], count: int, now_ns: int) -> tuple[Decimal, ...]:
    setup = command.get("trade_setup")
    told = setup.get("take_profit_fractions") if isinstance(setup, dict) else None
    if isinstance(told, list) and len(told) == count:
        return tuple(_number(share, now_ns) for share in told)
    return equal_fractions(count)


def _opened(life: Life, now_ns: int) -> Life:
    levels = tuple(
        replace(level, from_ns=now_ns) if level.to_ns is None else level for level in life.levels
    )
    return replace(life, opened_ns=now_ns, levels=levels)


def _target_sent(reading: _Reading, record: Record) -> None:
    life = reading.lives.get(text(record, "plan_id"))
    if life is not None:
        orders = life.target_orders | {text(record, "order_id")}
        reading.lives[life.plan_id] = replace(life, target_orders=orders)


def _filled(reading: _Reading, record: Record) -> None:
    plan_id = text(record, "plan_id")
    if not plan_id:  # it closes what nobody planned
        return
    life = reading.lives.get(plan_id) or Life(plan_id=plan_id, instrument_id=record.instrument_id)
    try:
        role = Role(text(record, "role"))
    except ValueError as e:
        raise RecordError(
            f"role of the fill record at {record.ts_event} is unknown: {record.fields['role']!r}"
        ) from e
    fill = LifeFill(
        role=role,
        ts_event=record.ts_event,
        quantity=money(record, "quantity"),
        price=money(record, "price"),
    )
    if role is Role.ENTRY and life.opened_ns is None:
        life = _opened(life, record.ts_event)
    if role is Role.TARGET:
        orders = life.target_orders | {text(record, "order_id")}
        life = replace(life, target_orders=orders)
    reading.lives[plan_id] = replace(life, fills=(*life.fills, fill))
    _learn_lot(reading, record.instrument_id, fill.quantity)


def _learn_lot(reading: _Reading, name: str, quantity: Decimal) -> None:
    """Take the decimals of quantities for the lot, as the engine writes all of them."""
    exponent = quantity.as_tuple().exponent
    lot = Decimal((0, (1,), min(exponent, 0))) if isinstance(exponent, int) else Decimal(1)
    reading.lots[name] = min(lot, reading.lots.get(name, lot))


def _with_shares(life: Life, reading: _Reading) -> Life:
    """Cut the shares of take profits to lots: a share of none has no order."""
    lot = reading.lots.get(life.instrument_id, Decimal(1))
    levels = tuple(
        level
        if level.quantity is None
        else replace(level, quantity=_whole_lots(level.quantity, lot))
        for level in life.levels
    )
    return replace(life, levels=levels)


def _whole_lots(quantity: Decimal, lot: Decimal) -> Decimal:
    return (quantity / lot).quantize(_FINEST_LOT).to_integral_value(ROUND_DOWN) * lot


def _direction(record: Record) -> Direction:
    try:
        return Direction(text(record, "direction"))
    except ValueError as e:
        raise RecordError(
            f"direction of the plan record at {record.ts_event} must be LONG or SHORT, "
            f"was {record.fields.get('direction')!r}"
        ) from e


def _number(value: Value, now_ns: int) -> Decimal:
    try:
        number = Decimal(value) if isinstance(value, str) else Decimal("nan")
    except InvalidOperation:
        number = Decimal("nan")
    if not number.is_finite():
        raise RecordError(f"a number is missing in the command at {now_ns}, was {value!r}")
    return number
