"""Bitget's order entry: place, change and cancel, plain orders and plans, one or many."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from decimal import Decimal
from typing import Final

from tests.venue.dialects.bitget_asks import (
    ask_of,
    check_one_way,
    listing_of,
    read_client_oid,
    read_number,
)
from tests.venue.dialects.bitget_memory import ZERO, Memory, Row
from tests.venue.dialects.bitget_words import (
    Names,
    ProblemError,
    client_oid_of,
    is_plan,
    problem,
)
from tests.venue.exchange import Exchange
from tests.venue.model import (
    Order,
    Product,
    Refusal,
    Refused,
    Trigger,
)
from tests.venue.wire import Json

type Asked = Mapping[str, Json]

_MOST: Final = 50  # orders in one request


class Trade:
    """Turns requests into asks; what the exchange refuses flies as Refused."""

    def __init__(self, exchange: Exchange, names: Names, memory: Memory) -> None:
        self._exchange = exchange
        self._names = names
        self._memory = memory

    def routes(self) -> Mapping[tuple[str, str], Callable[[Asked], Json]]:
        """Name the endpoints."""
        spot, mix = Product.SPOT, Product.PERP
        handlers: Mapping[str, Callable[[Asked], Json]] = {
            "spot/trade/place-order": lambda asked: self._place(spot, asked),
            "spot/trade/batch-orders": lambda asked: self._place_many(spot, asked),
            "spot/trade/cancel-order": lambda asked: self._cancel(spot, asked),
            "spot/trade/batch-cancel-order": lambda asked: self._cancel_many(spot, asked),
            "spot/trade/cancel-symbol-order": self._cancel_symbol,
            "spot/trade/cancel-replace-order": self._replace,
            "spot/trade/place-plan-order": lambda asked: self._place_plan(spot, asked),
            "spot/trade/modify-plan-order": lambda asked: self._modify_plan(spot, asked),
            "spot/trade/cancel-plan-order": self._cancel_spot_plan,
            "spot/trade/batch-cancel-plan-order": self._cancel_spot_plans,
            "mix/order/place-order": lambda asked: self._place(mix, asked),
            "mix/order/batch-place-order": lambda asked: self._place_many(mix, asked),
            "mix/order/cancel-order": lambda asked: self._cancel(mix, asked),
            "mix/order/batch-cancel-orders": lambda asked: self._cancel_many(mix, asked),
            "mix/order/modify-order": self._modify,
            "mix/order/place-plan-order": lambda asked: self._place_plan(mix, asked),
            "mix/order/modify-plan-order": lambda asked: self._modify_plan(mix, asked),
            "mix/order/cancel-plan-order": self._cancel_mix_plans,
        }
        return {("POST", path): handler for path, handler in handlers.items()}

    # ---- placing ----

    def _place(self, product: Product, asked: Asked) -> Row:
        return _ids(self._exchange.place(ask_of(self._names, product, asked)))

    def _place_many(self, product: Product, asked: Asked) -> Row:
        shared = {key: value for key, value in asked.items() if key != "orderList"}

        def place(row: Asked) -> Row:
            return self._place(product, {**shared, **row})

        return self._many(product, asked["orderList"], place)

    def _place_plan(self, product: Product, asked: Asked) -> Row:
        plan_type = str(asked.get("planType", "normal_plan"))
        if product is Product.PERP and plan_type != "normal_plan":
            raise ProblemError("40812", f"The condition planType {plan_type} is not met")
        if product is Product.SPOT and plan_type not in ("amount", "total"):
            raise ProblemError("40812", f"The condition planType {plan_type} is not met")
        execute = asked.get("executePrice") or asked.get("price")
        ask = ask_of(self._names, product, {**asked, "price": execute})
        price = read_number(asked, "triggerPrice")
        # The venue is not told the direction: it looks on which side of the last price it lies
        last = self._exchange.last(ask.symbol) or ZERO
        order = self._exchange.place(
            replace(ask, trigger=Trigger(price=price, rising=price >= last))
        )
        self._memory.trigger_types[order.order_id] = str(asked.get("triggerType", "mark_price"))
        return _ids(order)

    # ---- changing ----

    def _replace(self, asked: Asked) -> Row:
        """Cancel a spot order and place another; the answer is about the new one."""
        old = self._needed(Product.SPOT, asked, plan=False)
        new = self._successor(old, asked, size="size", price="price")
        return _ids(new) | {"success": "success", "msg": None}

    def _modify(self, asked: Asked) -> Row:
        """Cancel a futures order and place another, which is made known by its client id only."""
        check_one_way(asked)
        if not asked.get("newClientOid"):
            raise ProblemError("40811", "The parameter newClientOid should not be null")
        old = self._needed(Product.PERP, asked, plan=False)
        new = self._successor(old, asked, size="newSize", price="newPrice")
        return {"clientOid": client_oid_of(new), "orderId": None}

    def _successor(self, old: Order, asked: Asked, *, size: str, price: str) -> Order:
        new = replace(
            old.ask,
            quantity=read_number(asked, size) if asked.get(size) else old.quantity,
            price=read_number(asked, price) if asked.get(price) else old.price,
            client_id=read_client_oid(asked, "newClientOid"),
        )
        if (new.quantity, new.price) == (old.quantity, old.price):
            raise ProblemError("40923", "Order size and price have not changed")
        self._exchange.cancel(old.order_id)
        return self._exchange.place(new)

    def _modify_plan(self, product: Product, asked: Asked) -> Row:
        old = self._needed(product, asked, plan=True)
        prefix = "new" if product is Product.PERP else ""

        def changed(word: str) -> Decimal | None:
            name = prefix + word if prefix else word[0].lower() + word[1:]
            return read_number(asked, name) if asked.get(name) else None

        price = changed("Price" if prefix else "ExecutePrice")
        new = self._exchange.amend(
            old.order_id,
            quantity=None if old.quantity is None else changed("Size"),
            price=None if old.price is None else price,
            trigger_price=changed("TriggerPrice"),
        )
        return _ids(new)

    # ---- cancelling ----

    def _cancel(self, product: Product, asked: Asked) -> Row:
        order = self._needed(product, asked, plan=False)
        return _ids(self._exchange.cancel(order.order_id))

    def _cancel_many(self, product: Product, asked: Asked) -> Row:
        if product is Product.PERP:
            check_one_way(asked)
        wanted = asked.get("orderList") or asked.get("orderIdList")
        if wanted is None:
            wanted = self._open(product, asked, plan=False)

        def cancel(row: Asked) -> Row:
            return self._cancel(product, {**asked, **row})

        return self._many(product, wanted, cancel)

    def _cancel_symbol(self, asked: Asked) -> Row:
        for row in self._open(Product.SPOT, asked, plan=False):
            self._exchange.cancel(row["orderId"])
        return {"symbol": asked["symbol"]}

    def _cancel_spot_plan(self, asked: Asked) -> Row:
        order = self._needed(Product.SPOT, asked, plan=True)
        self._exchange.cancel(order.order_id)
        return {"result": "success"}

    def _cancel_spot_plans(self, asked: Asked) -> Row:
        symbols = asked.get("symbolList") or [None]
        wanted = [
            row
            for symbol in symbols
            for row in self._open(Product.SPOT, {"symbol": symbol}, plan=True)
        ]
        return self._many(Product.SPOT, wanted, lambda row: self._cancel_plan(Product.SPOT, row))

    def _cancel_mix_plans(self, asked: Asked) -> Row:
        check_one_way(asked)
        wanted = asked.get("orderIdList") or self._open(Product.PERP, asked, plan=True)
        return self._many(Product.PERP, wanted, lambda row: self._cancel_plan(Product.PERP, row))

    def _cancel_plan(self, product: Product, asked: Asked) -> Row:
        order = self._needed(product, asked, plan=True)
        try:
            ids = _ids(self._exchange.cancel(order.order_id))
            return {"clientOid": ids["clientOid"], "orderId": ids["orderId"]}
        except Refused as e:
            raise problem(e, product, plan=True) from e

    # ---- what is asked for ----

    def _many(self, product: Product, rows: Iterable[Asked], act: Callable[[Asked], Row]) -> Row:
        """Do one after the other; what fails is told beside what succeeds."""
        rows = list(rows)
        if len(rows) > _MOST:
            raise ProblemError("40306", f"Batch processing orders can only process up to {_MOST}")
        done: list[Row] = []
        failed: list[Row] = []
        for row in rows:
            try:
                done.append(act(row))
            except (Refused, ProblemError) as e:
                told = problem(e, product) if isinstance(e, Refused) else e
                ids = {key: row.get(key) or "" for key in ("orderId", "clientOid")}
                failed.append({**ids, "errorMsg": told.message, "errorCode": told.code})
        return {"successList": done, "failureList": failed}

    def _open(self, product: Product, asked: Asked, *, plan: bool) -> list[Row]:
        symbol = listing_of(self._names, product, asked).symbol if asked.get("symbol") else None
        return [
            _ids(order)
            for order in self._exchange.orders(symbol=symbol, open_only=True)
            if is_plan(order) == plan and self._names.listing_of(order).product is product
        ]

    def _needed(self, product: Product, asked: Asked, *, plan: bool) -> Order:
        order = self._names.order(product, asked, plan=plan)
        if order is None:
            raise problem(Refused(Refusal.UNKNOWN_ORDER), product, plan=plan)
        return order


def _ids(order: Order) -> Row:
    return {"orderId": order.order_id, "clientOid": client_oid_of(order)}
