"""The executor's operations on the node's side: what a request means, and what came of it."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence, Set
from typing import Any, Final

from live.answers import Kind, kind_of
from live.meaning import Meaning, Refusal, bad
from live.venue_names import venue_of
from morningstar_strategy.core.commands import AdjustTrade, CancelOrder, PlanTrade, TradeCommand
from morningstar_strategy.core.risk import Approved, Denied, Ruling
from morningstar_strategy.core.state import Active, Pending, Snapshot
from morningstar_strategy.core.strict import Fields
from morningstar_strategy.core.wire import command_of, to_json
from morningstar_strategy.core.wishes import OrderWish, Side, WishType, command_for
from morningstar_strategy.store import Action, StateStore, StoreError
from morningstar_strategy.strategy import MorningstarStrategy

__all__ = ["Counter", "Result"]

# `Any` in this module: results are JSON values of every shape, money as Decimal

type Result = Mapping[str, Any] | tuple[Any, ...]
type Operation = Callable[[Fields], Awaitable[Result]]

_ANSWER_SECS: Final = 10.0  # the venue has so long to say what became of an order
_POLL_SECS: Final = 0.02
_ASKED: Final = frozenset({"initialized", "submitted", "released", "emulated", "pending_new"})
_FILLING: Final = frozenset({"accepted", "partially_filled"})  # of a market order, for a moment
_REFUSED: Final = frozenset({"rejected", "denied"})


class Counter:
    """Serves requests one after another; for the engine's thread only."""

    def __init__(
        self,
        strategies: Sequence[MorningstarStrategy],
        store: StateStore,
        *,
        now_ns: Callable[[], int],
        close_all: Callable[[str], None],
    ) -> None:
        self._strategies = tuple(strategies)
        self._meaning = Meaning(self._strategies)
        self._store = store
        self._now_ns = now_ns
        self._close_all = close_all  # halts in memory, where no request can be written
        self.operations: Mapping[str, Operation] = {
            "place_order": self._place_order,
            "cancel_order": self._cancel_order,
            "cancel_all_orders": self._cancel_all_orders,
            "fetch_open_orders": self._fetch_open_orders,
            "fetch_order": self._fetch_order,
            "fetch_balance": self._fetch_balance,
            "fetch_positions": self._fetch_positions,
            "adjust_position": self._adjust_position,
            "increase_position": self._increase_position,
            "decrease_position": self._decrease_position,
            "close_position": self._close_position,
            "check_order_risk": self._check_order_risk,
            "check_account_risk": self._check_account_risk,
            "send_liquidation_signal": self._send_liquidation_signal,
            "execute_signal": self._execute_signal,
            "execute_ai_command": self._execute_ai_command,
        }

    def operation(self, op: str) -> Operation:
        """Find an operation by its name."""
        if op not in self.operations:
            raise bad(f"op must be one of {', '.join(self.operations)}, was {op!r:.80}")
        return self.operations[op]

    # ------------------------------------------------------------ orders

    async def _place_order(self, fields: Fields) -> Result:
        wish = self._meaning.wish(fields)
        fields.finish()
        return await self._do(*self._expressed(wish))

    async def _check_order_risk(self, fields: Fields) -> Result:
        wish = self._meaning.wish(fields)
        fields.finish()
        strategy, _, command = self._expressed(wish)
        return _ruled(strategy.rule_on_command(to_json(command)))

    async def _cancel_order(self, fields: Fields) -> Result:
        order_id = fields.text("order_id")
        reasoning = fields.text("reasoning", required=False)
        fields.finish()
        strategy, name = self._meaning.owner(order_id)
        ledger = strategy.ledger(name)
        if ledger is None or order_id != ledger.plan.order_id:
            raise bad(f"order {order_id} is an exit that protects {name}: adjust_position moves it")
        if isinstance(ledger.trade, Active):
            raise bad(f"order {order_id} has filled: close_position closes {name}")
        return await self._do(strategy, name, CancelOrder(order_id=order_id, reasoning=reasoning))

    async def _cancel_all_orders(self, fields: Fields) -> Result:
        chosen = self._meaning.chosen(fields)
        fields.finish()
        cancelled = []
        for strategy, name in chosen:
            ledger = strategy.ledger(name)
            if ledger is not None and isinstance(ledger.trade, Pending):
                order_id = ledger.plan.order_id
                command = CancelOrder(order_id=order_id, reasoning="all orders cancelled")
                cancelled.append(await self._do(strategy, name, command))
        return {"cancelled": tuple(cancelled)}

    async def _fetch_open_orders(self, fields: Fields) -> Result:
        chosen = self._meaning.chosen(fields)
        fields.finish()
        return tuple(order for strategy, name in chosen for order in strategy.show_orders(name))

    async def _fetch_order(self, fields: Fields) -> Result:
        order_id = fields.text("order_id")
        fields.finish()
        for strategy in self._strategies:
            if (shown := strategy.show_order(order_id)) is not None:
                return shown
        raise bad(f"order {order_id!r:.80} is not known to the node")

    # ------------------------------------------------------------ account

    async def _fetch_balance(self, fields: Fields) -> Result:
        fields.finish()
        return {_venue(each): each.show_balance() for each in self._strategies}

    async def _fetch_positions(self, fields: Fields) -> Result:
        chosen = self._meaning.chosen(fields)
        fields.finish()
        return tuple(strategy.show_position(name) for strategy, name in chosen)

    async def _check_account_risk(self, fields: Fields) -> Result:
        fields.finish()
        return {_venue(each): each.show_account() for each in self._strategies}

    async def _send_liquidation_signal(self, fields: Fields) -> Result:
        operator, reason = fields.text("operator"), fields.text("reason", required=False)
        fields.finish()
        if not operator.strip():
            raise bad(f"operator must be a name, was {operator!r:.80}")
        done = "everything is being closed, and trading is halted"
        try:
            number = self._store.ask(
                Action.FLATTEN, operator=operator, reason=reason, asked_ns=self._now_ns()
            )
        except StoreError as e:  # risk can always be taken away
            self._close_all(f"halted by {operator}" + (f": {reason}" if reason else ""))
            return {"request": None, "status": f"{done}, but a restart may forget it: {e}"}
        return {"request": number, "status": done}

    # ------------------------------------------------------------ positions

    async def _adjust_position(self, fields: Fields) -> Result:
        strategy, name = self._meaning.one(fields)
        stop = fields.number("stop_loss_price", required=False)
        targets = fields.numbers("take_profit_prices", required=False)
        reasoning = fields.text("reasoning", required=False)
        fields.finish()
        order_id = self._active(strategy, name).plan.order_id
        try:
            command = AdjustTrade(
                order_id=order_id,
                new_stop_loss_price=stop,
                new_take_profit_prices=targets,
                reasoning=reasoning,
            )
        except ValueError as e:
            raise bad(f"{e}") from e
        return await self._do(strategy, name, command)

    async def _increase_position(self, fields: Fields) -> Result:
        strategy, name = self._meaning.one(fields)
        amount, price = fields.number("amount"), fields.number("price", required=False)
        fields.finish()
        direction = self._active(strategy, name).plan.direction
        wish = OrderWish(
            symbol=name,
            type=WishType.MARKET if price is None else WishType.LIMIT,
            side=Side.BUY if direction.sign > 0 else Side.SELL,
            amount=amount,
            price=price,
        )
        return await self._do(*self._expressed(wish))  # the gate allows one plan each, and says so

    async def _decrease_position(self, fields: Fields) -> Result:
        strategy, name = self._meaning.one(fields)
        amount = fields.number("amount")
        fields.finish()
        trade = self._active(strategy, name)
        side = Side.SELL if trade.plan.direction.sign > 0 else Side.BUY
        wish = OrderWish(
            symbol=name, type=WishType.MARKET, side=side, amount=amount, reduce_only=True
        )
        return await self._do(*self._expressed(wish))

    async def _close_position(self, fields: Fields) -> Result:
        strategy, name = self._meaning.one(fields)
        reasoning = fields.text("reasoning", required=False)
        fields.finish()
        order_id = self._active(strategy, name).plan.order_id
        return await self._do(strategy, name, CancelOrder(order_id=order_id, reasoning=reasoning))

    def _active(self, strategy: MorningstarStrategy, name: str) -> Active:
        ledger = strategy.ledger(name)
        if ledger is None or not isinstance(ledger.trade, Active):
            raise bad(f"no position of a plan is open on {name}")
        return ledger.trade

    # ------------------------------------------------------------ signals and commands

    async def _execute_signal(self, fields: Fields) -> Result:
        strategy, name = self._meaning.one(fields)
        action = fields.text("action")
        amount, price = (fields.number(each, required=False) for each in ("amount", "price"))
        reasoning = fields.text("reasoning", required=False)
        fields.finish()
        if action == "close":
            if amount is not None or price is not None:
                raise bad("a close takes no amount and no price: it closes all at market")
            order_id = self._active(strategy, name).plan.order_id
            command: TradeCommand = CancelOrder(order_id=order_id, reasoning=reasoning)
            return await self._do(strategy, name, command)
        if action not in Side:
            raise bad(f"action must be buy, sell or close, was {action!r:.80}")
        wish = OrderWish(
            symbol=name,
            type=WishType.MARKET if price is None else WishType.LIMIT,
            side=Side(action),
            amount=amount,
            price=price,
            reasoning=reasoning,
        )
        return await self._do(*self._expressed(wish))

    async def _execute_ai_command(self, fields: Fields) -> Result:
        command = command_of(fields.take("command"))
        fields.finish()
        match command:
            case PlanTrade(trade_setup=setup):
                strategy, name = self._meaning.find(setup.symbol)
            case CancelOrder(order_id=order_id) | AdjustTrade(order_id=order_id):
                strategy, name = self._meaning.owner(order_id)
            case _:
                strategy, name = self._strategies[0], self._strategies[0].names[0]
        return await self._do(strategy, name, command)

    # ------------------------------------------------------------ before the gate, and after

    def _expressed(self, wish: OrderWish) -> tuple[MorningstarStrategy, str, TradeCommand]:
        strategy, name = self._meaning.find(wish.symbol)
        return strategy, name, command_for(wish, _seen(strategy, name), strategy.policy)

    async def _do(
        self, strategy: MorningstarStrategy, name: str, command: TradeCommand
    ) -> dict[str, Any]:
        """Put a command before the gate, and wait for what becomes of what was approved."""
        before = strategy.entries(name)
        ruling = strategy.execute_command(to_json(command))
        if isinstance(ruling, Denied):
            raise Refusal(Kind.DENIED, f"denied by {ruling.rule}: {ruling.reason}")
        told = _ruled(ruling)
        match ruling.command:
            case PlanTrade():
                shown = await self._entered(strategy, _begun(strategy, name, before))
                return shown | {"risk_level": told["risk_level"], "note": told["reason"]}
            case CancelOrder(order_id=order_id):
                gone = await _within(lambda: strategy.owner_of(order_id) is None)
                return told | {
                    "order_id": order_id,
                    "symbol": name,
                    "status": "ended" if gone else "ending",
                }
            case AdjustTrade(order_id=order_id):
                return told | {"order_id": order_id, "symbol": name, "status": "adjusted"}
            case _:
                return told | {"status": "nothing was done"}

    async def _entered(self, strategy: MorningstarStrategy, order_id: str) -> dict[str, Any]:
        """Wait until the venue or the engine has said something about an entry."""

        def is_told() -> bool:
            shown = strategy.show_order(order_id)
            if shown is None:
                return True
            waits = _ASKED | _FILLING if shown["type"] == "market" else _ASKED
            return shown["status"] not in waits

        await _within(is_told)
        shown = strategy.show_order(order_id)
        if shown is None:
            raise Refusal(Kind.INTERNAL, f"order {order_id} is not known to the node any more")
        if shown["status"] in _REFUSED:
            reason = shown["reason"] or "without a reason"
            raise Refusal(kind_of(reason), f"the order was {shown['status']}: {reason}")
        return dict(shown)


def _seen(strategy: MorningstarStrategy, name: str) -> Snapshot:
    now = strategy.snapshot(name)
    if now is None:
        raise Refusal(Kind.NOT_READY, f"no price of {name} was seen yet")
    return now


def _begun(strategy: MorningstarStrategy, name: str, before: Set[str]) -> str:
    """Name the entry of the plan that was just approved; refuse where it could not be begun."""
    ledger = strategy.ledger(name)  # the gate approves where there is none
    if ledger is not None:
        return ledger.plan.order_id
    made = strategy.entries(name) - before  # refused while it was sent, and over
    if not made:
        reason = strategy.hindrances.reason or "it could not be kept"
        raise Refusal(Kind.NOT_READY, f"the plan on {name} was not begun: {reason}")
    return min(made)


def _ruled(ruling: Ruling) -> dict[str, Any]:
    match ruling:
        case Approved(command=command, quantity=quantity, risk_level=level, shrunk=shrunk):
            return {
                "allowed": True,
                "reason": f"made smaller by {', '.join(shrunk)}" if shrunk else "",
                "risk_level": level.value,
                "action": command.action,
                "amount": quantity if isinstance(command, PlanTrade) else None,
            }
        case Denied(command=command, rule=rule, reason=reason):
            return {
                "allowed": False,
                "reason": f"{rule}: {reason}",
                "risk_level": None,
                "action": command.action,
                "amount": None,
            }


def _venue(strategy: MorningstarStrategy) -> str:
    return venue_of(strategy.names[0])


async def _within(so: Callable[[], bool]) -> bool:
    """Wait a while for something to be so; the engine goes on meanwhile."""
    loop = asyncio.get_running_loop()
    until = loop.time() + _ANSWER_SECS
    while not so():
        if loop.time() > until:
            return False
        await asyncio.sleep(_POLL_SECS)
    return True
