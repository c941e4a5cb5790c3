"""Shows programs outside what is held, what works and what the account is worth."""

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from nautilus_trader.model import OrderSide

from morningstar_strategy.core.ledger import Ledger
from morningstar_strategy.core.risk import AccountRisk
from morningstar_strategy.core.state import Active, Snapshot
from morningstar_strategy.strategy.stewarding import Steward
from morningstar_strategy.tickets import Order

__all__ = ["Clerk"]

# `Any` in this module: the engine's orders, accounts and positions have no common types

type Shown = Mapping[str, Any]  # JSON values, money as Decimal


class Clerk(Steward):
    """Answers questions; every method is for the engine's thread, after the start."""

    def snapshot(self, name: str) -> Snapshot | None:
        """Freeze what a decision on an instrument would see; None before its first price."""
        now_ns = self._clock.timestamp_ns()
        return self._reader.snapshot(name, now_ns=now_ns, terms=self._terms, ledgers=self._book)

    def ledger(self, name: str) -> Ledger | None:
        """Give the open plan of an instrument."""
        return self._book.get(name)

    def owner_of(self, order_id: str) -> tuple[str, Ledger] | None:
        """Find the open plan that an order belongs to, with its instrument."""
        for name, ledger in self._book.items():
            if ledger.ref(order_id) is not None:
                return name, ledger
        return None

    # ------------------------------------------------------------ orders

    def show_orders(self, name: str) -> tuple[Shown, ...]:
        """List the orders of an instrument that are not closed."""
        return tuple(self._shown(order) for order in self._orders.alive(self._terms[name]))

    def show_order(self, order_id: str) -> Shown | None:
        """Show one order, open or closed a short while ago; None for one that is not known."""
        for terms in self._terms.values():
            for order in self._orders.all_of(terms):
                if order.client_order_id.value == order_id:
                    return self._shown(order)
        return None

    def entries(self, name: str) -> frozenset[str]:
        """Name the entries of an instrument, open or closed a short while ago."""
        orders = self._orders.all_of(self._terms[name])
        return frozenset(each.client_order_id.value for each in orders if not each.is_reduce_only)

    def _shown(self, order: Order) -> Shown:
        order_id = order.client_order_id.value
        owner = self.owner_of(order_id)
        ref = None if owner is None else owner[1].ref(order_id)
        average, terms = order.avg_px, self._terms[order.instrument_id.value]
        return {
            "order_id": order_id,
            "plan_id": None if owner is None else owner[1].plan.order_id,
            "role": None if ref is None else ref.role.value,
            "symbol": order.instrument_id.value,
            "type": order.order_type.name.lower(),
            "side": "buy" if order.side == OrderSide.BUY else "sell",
            "amount": terms.base_of(order.quantity),
            "filled": terms.base_of(order.filled_qty),
            "average": None if average is None else Decimal(str(average)),
            "price": _decimal(getattr(order, "price", None)),
            "stop_price": _decimal(getattr(order, "trigger_price", None)),
            "reduce_only": bool(order.is_reduce_only),
            "status": order.status.name.lower(),
            "reason": _reason(order),
        }

    # ------------------------------------------------------------ account

    def show_position(self, name: str) -> Shown:
        """Show what is held of an instrument; a flat one has side none."""
        terms, now, ledger = self._terms[name], self.snapshot(name), self._book.get(name)
        held = self._orders.held(terms)
        priced = self._reader.price(terms)
        holding = next((h for h in now.holdings if h.instrument_id == name), None) if now else None
        trade = None if ledger is None else ledger.trade
        return {
            "symbol": name,
            "side": "long" if held > 0 else "short" if held < 0 else "none",
            "size": abs(held),
            "entry_price": trade.entry_price if isinstance(trade, Active) and held else None,
            "mark_price": None if priced is None else priced[0],
            "unrealized_pnl": holding.unrealized if holding is not None and held else Decimal(0),
            "leverage": self._leverage(name),
            "plan_id": None if ledger is None else ledger.plan.order_id,
            "stop_loss_price": None if ledger is None else ledger.stop_price,
            "take_profit_prices": () if ledger is None else ledger.target_prices,
        }

    def _leverage(self, name: str) -> Decimal:
        account = self._account()
        if account is None or not account.is_margin_account:
            return Decimal(1)
        return Decimal(account.leverage(self._terms[name].instrument_id))

    def show_balance(self) -> Shown:
        """Show every currency of the account, and what it is worth."""
        account = self._account()
        balances = {} if account is None else account.balances()
        return {
            "currency": self._mandate.currency.code,
            "equity": self._reader.equity() if self._reader.is_priced() else None,
            "balances": {
                currency.code: {
                    "total": each.total.as_decimal(),
                    "used": each.locked.as_decimal(),
                    "free": each.free.as_decimal(),
                }
                for currency, each in balances.items()
            },
        }

    def show_account(self) -> Shown:
        """Show how the account stands against its limits."""
        risk = self._account_risk(self._clock.timestamp_ns())
        priced = self._reader.is_priced()
        equity = self._reader.equity() if priced else None
        account = self._account()
        locked = None if account is None else account.balance_locked(self._mandate.currency)
        used = Decimal(0) if locked is None else locked.as_decimal()
        danger = self.danger() if priced else ""
        return {
            "status": AccountRisk.DANGER.value if danger else risk.value,
            "should_liquidate": bool(danger),
            "reason": danger or self.halted or self.hindrances.reason,
            "metrics": {
                "total_equity": equity,
                "used_margin": used,
                "unrealized_pnl": self._reader.unrealized() if priced else None,
                "margin_ratio": used / equity if equity else None,
            },
        }

    def _account(self) -> Any:
        return self._cache.account_for_venue(self._mandate.venue)


def _decimal(value: Any) -> Decimal | None:
    return None if value is None else value.as_decimal()


def _reason(order: Order) -> str:
    """Give why an order was refused last, "" where it was not."""
    told = (getattr(event, "reason", None) for event in reversed(order.events()))
    return next((str(reason) for reason in told if reason), "")
