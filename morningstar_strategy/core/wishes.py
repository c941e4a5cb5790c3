"""What a program outside may wish for, as one of the four commands, or one sentence why not."""

from dataclasses import dataclass
from decimal import ROUND_UP, Decimal
from enum import StrEnum
from typing import Final

from morningstar_strategy.core.bracket import sooner, tighter
from morningstar_strategy.core.commands import (
    AdjustTrade,
    CancelOrder,
    Direction,
    PlanTrade,
    TradeCommand,
    TradeSetup,
    is_money,
)
from morningstar_strategy.core.policy import DecisionPolicy
from morningstar_strategy.core.rules import worst_price
from morningstar_strategy.core.state import Active, Market, Snapshot
from morningstar_strategy.core.strict import CommandError

__all__ = ["OrderWish", "Side", "WishType", "command_for"]

_ONE: Final = Decimal(1)
_HUNDRED: Final = Decimal(100)
_GRAIN: Final = Decimal("1e-12")  # percent


class WishType(StrEnum):
    """The types of orders that the executor takes."""

    MARKET = "market"
    LIMIT = "limit"
    STOP_LOSS = "stop_loss"
    TAKE_PROFIT = "take_profit"
    STOP_LOSS_LIMIT = "stop_loss_limit"
    TAKE_PROFIT_LIMIT = "take_profit_limit"


class Side(StrEnum):
    """Which way an order trades."""

    BUY = "buy"
    SELL = "sell"

    @property
    def direction(self) -> Direction:
        """Give the direction of a trade that such an order opens."""
        return Direction.LONG if self is Side.BUY else Direction.SHORT


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderWish:
    """An order as a program asks for it; `amount` in base units, None for all that is open.

    `stop_price` is the trigger of an exit. An entry takes its stop and targets from
    `stop_loss_price` and `take_profit_prices`, else from the policy.
    """

    symbol: str
    type: WishType
    side: Side
    amount: Decimal | None = None
    price: Decimal | None = None
    stop_price: Decimal | None = None
    stop_loss_price: Decimal | None = None
    take_profit_prices: tuple[Decimal, ...] = ()
    expires_in_secs: int | None = None
    reduce_only: bool = False
    reasoning: str = ""

    def __post_init__(self) -> None:
        for name in ("amount", "price", "stop_price", "stop_loss_price"):
            value: Decimal | None = getattr(self, name)
            if value is not None and not is_money(value):
                raise CommandError(
                    f"{name} must be a positive number below 1e13, was {value!s:.80}"
                )


def command_for(wish: OrderWish, now: Snapshot, policy: DecisionPolicy) -> TradeCommand:
    """Express a wish as a command; raise CommandError for what a plan cannot express."""
    match wish.type:
        case WishType.MARKET | WishType.LIMIT if wish.reduce_only:
            return _closing(wish, now)
        case WishType.MARKET | WishType.LIMIT:
            return _entry(wish, now, policy)
        case WishType.STOP_LOSS:
            trade = _exited(wish, now)
            stop = _needed("stop_price", wish.stop_price, wish)
            return AdjustTrade(
                order_id=trade.plan.order_id, new_stop_loss_price=stop, reasoning=wish.reasoning
            )
        case WishType.TAKE_PROFIT | WishType.TAKE_PROFIT_LIMIT:
            return _target(wish, now)
        case WishType.STOP_LOSS_LIMIT:
            raise CommandError(
                f"type stop_loss_limit on {wish.symbol} is not carried out: a stop here closes at "
                f"market, since a limit may not fill; ask for stop_loss"
            )


def _entry(wish: OrderWish, now: Snapshot, policy: DecisionPolicy) -> PlanTrade:
    if wish.stop_price is not None:
        raise CommandError(
            f"stop_price {wish.stop_price} of an entry cannot be expressed: a plan enters at "
            f"market or at a limit; its stop is stop_loss_price"
        )
    if wish.amount is None:
        raise CommandError(f"amount of an entry on {wish.symbol} must be a number, was null")
    if wish.type is WishType.MARKET and wish.price is not None:
        raise CommandError(f"price of a market order must be null, was {wish.price}")
    limit = None if wish.type is WishType.MARKET else _needed("price", wish.price, wish)
    return PlanTrade(
        trade_setup=_sized(_setup(wish, limit, now.market, policy), wish.amount, now),
        reasoning=wish.reasoning,
    )


def _setup(
    wish: OrderWish, limit: Decimal | None, market: Market, policy: DecisionPolicy
) -> TradeSetup:
    direction = wish.side.direction
    anchor = market.price if limit is None else limit

    def away(percent: Decimal, sign: int) -> Decimal:
        return anchor * (1 + sign * direction.sign * percent / _HUNDRED)

    stop = wish.stop_loss_price
    if stop is None:
        stop = tighter(direction, away(policy.stop_percent, -1), market.tick)
    targets = wish.take_profit_prices or tuple(
        sooner(direction, away(percent, 1), market.tick) for percent in policy.take_profit_percents
    )
    try:
        return TradeSetup(
            symbol=wish.symbol,
            direction=direction,
            entry_price=limit,
            stop_loss_price=stop,
            take_profit_prices=targets,
            take_profit_fractions=() if wish.take_profit_prices else policy.take_profit_fractions,
            position_size_percent=_ONE,
            expires_in_secs=wish.expires_in_secs
            or (None if limit is None else policy.entry_expiry_secs),
        )
    except ValueError as e:
        raise CommandError(f"{e}") from e


def _sized(setup: TradeSetup, amount: Decimal, now: Snapshot) -> TradeSetup:
    """Size a setup so that the gate finds the amount again; it rounds down to lots."""
    if not (now.equity.is_finite() and now.equity > 0):
        raise CommandError(f"equity must be positive to trade, was {now.equity}")
    percent = amount * worst_price(setup, now.market) * _HUNDRED / now.equity
    if percent <= _HUNDRED:  # no more has so few digits before the point that grains fit behind
        # A grain more, since the gate rounds down what equity and price leave of it
        percent = percent.quantize(_GRAIN, ROUND_UP) + _GRAIN
    if percent > _HUNDRED:
        raise CommandError(f"amount {amount} is {percent:.1f} % of equity, at most 100 % can be")
    return setup.sized(percent)


def _closing(wish: OrderWish, now: Snapshot) -> CancelOrder:
    trade = _exited(wish, now)
    if wish.type is WishType.LIMIT:
        raise CommandError(f"a limit order that closes {wish.symbol} is a take_profit: ask for one")
    return CancelOrder(order_id=trade.plan.order_id, reasoning=wish.reasoning)


def _target(wish: OrderWish, now: Snapshot) -> AdjustTrade:
    trade = _exited(wish, now)
    stop, price = wish.stop_price, wish.price
    if stop is not None and price is not None and stop != price:
        raise CommandError(
            f"price {price} of a take profit must be its stop_price {stop}: it rests at one price"
        )
    target = _needed("price or stop_price", price if stop is None else stop, wish)
    return AdjustTrade(
        order_id=trade.plan.order_id,
        new_take_profit_prices=(target,),
        reasoning=wish.reasoning,
    )


def _exited(wish: OrderWish, now: Snapshot) -> Active:
    """Give the trade that a wish would exit; a plan exits as a whole."""
    trade = now.trade
    if not isinstance(trade, Active):
        raise CommandError(
            f"type {wish.type.value} needs an open position on {wish.symbol}: an order that only "
            f"triggers or reduces cannot open a plan"
        )
    direction = trade.plan.direction
    if wish.side.direction is not direction.opposite:
        raise CommandError(
            f"side {wish.side.value} does not close {direction.value} {wish.symbol}: a second "
            f"position beside it cannot be expressed"
        )
    if wish.amount not in (None, trade.open_quantity):
        raise CommandError(
            f"amount {wish.amount} of an exit on {wish.symbol} must be all that is open, "
            f"{trade.open_quantity}, or null: a plan exits as a whole"
        )
    return trade


def _needed(name: str, value: Decimal | None, wish: OrderWish) -> Decimal:
    if value is None:
        raise CommandError(f"{name} of a {wish.type.value} order must be a number, was null")
    return value
