"""Bitget's signed reads: orders, fills, balances, positions, and the account's settings."""

from collections.abc import Callable, Iterable, Mapping
from typing import Final

from tests.venue.dialects.bitget_fills import mix_fill, spot_fill
from tests.venue.dialects.bitget_memory import Memory, Row
from tests.venue.dialects.bitget_rows import (
    mix_closed_plan,
    mix_listed_order,
    mix_order,
    mix_plan,
    spot_open_order,
    spot_order,
    spot_plan,
)
from tests.venue.dialects.bitget_words import (
    Names,
    ProblemError,
    bad,
    check_product,
    is_plan,
    text,
)
from tests.venue.exchange import Exchange
from tests.venue.model import Fill, Order, Product, Status
from tests.venue.wire import Json

type Asked = Mapping[str, Json]

_DAY_MS: Final = 86_400_000
_WINDOW_DAYS: Final[Mapping[Product, int]] = {Product.SPOT: 90, Product.PERP: 7}  # of fills
_PAGE: Final = 100


class Reads:
    """All lists are newest first, by page of at most 100, older ones by idLessThan."""

    def __init__(self, exchange: Exchange, names: Names, memory: Memory) -> None:
        self._exchange = exchange
        self._names = names
        self._memory = memory

    def routes(self) -> Mapping[tuple[str, str], Callable[[Asked], Json]]:
        """Name the endpoints."""
        reads: Mapping[str, Callable[[Asked], Json]] = {
            "spot/trade/unfilled-orders": self._spot_open,
            "spot/trade/orderInfo": self._spot_order,
            "spot/trade/history-orders": self._spot_closed,
            "spot/trade/fills": self._spot_fills,
            "spot/trade/current-plan-order": self._spot_open_plans,
            "spot/trade/history-plan-order": self._spot_closed_plans,
            "spot/trade/plan-sub-order": lambda asked: self._sub_order(Product.SPOT, asked),
            "mix/order/orders-pending": self._mix_open,
            "mix/order/detail": self._mix_order,
            "mix/order/orders-history": self._mix_closed,
            "mix/order/fills": self._mix_fills,
            "mix/order/fill-history": self._mix_fills,
            "mix/order/orders-plan-pending": self._mix_open_plans,
            "mix/order/orders-plan-history": self._mix_closed_plans,
            "mix/order/plan-sub-order": lambda asked: self._sub_order(Product.PERP, asked),
        }
        return {("GET", path): handler for path, handler in reads.items()}

    # ---- spot ----

    def _spot_open(self, asked: Asked) -> list[Row]:
        orders = self._orders(Product.SPOT, asked, closed=False, plan=False)
        return [spot_open_order(self._memory, order) for order in orders]

    def _spot_order(self, asked: Asked) -> list[Row]:
        order = self._names.order(Product.SPOT, asked, plan=False)
        return [] if order is None else [spot_order(self._memory, order)]

    def _spot_closed(self, asked: Asked) -> list[Row]:
        orders = self._orders(Product.SPOT, asked, closed=True, plan=False)
        return [spot_order(self._memory, order) for order in orders]

    def _spot_fills(self, asked: Asked) -> list[Row]:
        fills = self._fills(Product.SPOT, asked)
        return [spot_fill(self._memory, fill) for fill in fills]

    def _spot_open_plans(self, asked: Asked) -> Row:
        return self._spot_plans(asked, closed=False)

    def _spot_closed_plans(self, asked: Asked) -> Row:
        for key in ("startTime", "endTime"):
            if not asked.get(key):
                raise ProblemError("40019", f"Parameter {key} cannot be empty")
        return self._spot_plans(asked, closed=True)

    def _spot_plans(self, asked: Asked, *, closed: bool) -> Row:
        orders = self._orders(Product.SPOT, asked, closed=closed, plan=True)
        rows = [spot_plan(self._memory, order) for order in orders]
        last = rows[-1]["orderId"] if rows else None
        return {"nextFlag": False, "idLessThan": last, "orderList": rows}

    # ---- futures ----

    def _mix_open(self, asked: Asked) -> Row:
        orders = self._orders(Product.PERP, asked, closed=False, plan=False)
        return _entrusted(mix_listed_order(self._memory, order) for order in orders)

    def _mix_order(self, asked: Asked) -> Row:
        check_product(asked)
        order = self._names.order(Product.PERP, asked, plan=False)
        if order is None:
            raise ProblemError(
                "40109", "The data of the order cannot be found, please confirm the order number"
            )
        return mix_order(self._memory, order)

    def _mix_closed(self, asked: Asked) -> Row:
        orders = self._orders(Product.PERP, asked, closed=True, plan=False)
        return _entrusted(mix_listed_order(self._memory, order) for order in orders)

    def _mix_fills(self, asked: Asked) -> Row:
        rows = [mix_fill(self._memory, fill) for fill in self._fills(Product.PERP, asked)]
        return {"fillList": rows or None, "endId": rows[-1]["tradeId"] if rows else None}

    def _mix_open_plans(self, asked: Asked) -> Row:
        _check_plan_type(asked)
        orders = self._orders(Product.PERP, asked, closed=False, plan=True)
        return _entrusted(mix_plan(self._memory, order) for order in orders)

    def _mix_closed_plans(self, asked: Asked) -> Row:
        _check_plan_type(asked)
        orders = self._orders(Product.PERP, asked, closed=True, plan=True)
        return _entrusted(mix_closed_plan(self._memory, order) for order in orders)

    # ---- both ----

    def _sub_order(self, product: Product, asked: Asked) -> list[Row]:
        plan = self._names.order(product, {"orderId": asked.get("planOrderId")}, plan=True)
        if plan is None or plan.status is Status.WAITING:
            raise ProblemError("40307", "The current plan order does not exist or not triggered")
        if plan.fired_as is None:
            return []
        fired = self._exchange.order(order_id=plan.fired_as)
        assert fired is not None
        status = {"orderId": fired.order_id, "price": text(fired.price)}
        return [status | {"type": fired.ask.kind.value, "status": "success"}]

    def _orders(self, product: Product, asked: Asked, *, closed: bool, plan: bool) -> list[Order]:
        if product is Product.PERP:
            check_product(asked)
        symbol = self._symbol(product, asked)
        if asked.get("orderId") or asked.get("clientOid"):
            order = self._names.order(product, asked, plan=plan)
            found = [] if order is None else [order]
        else:
            found = self._exchange.orders(symbol=symbol, open_only=not closed)[::-1]
        start, end, below, limit = _page(asked)
        wanted = [
            order
            for order in found
            if is_plan(order) == plan
            and order.status.is_closed == closed
            and self._names.listing_of(order).product is product
            and start <= order.created_ms <= end
            and int(order.order_id) < below
        ]
        return wanted[:limit]

    def _fills(self, product: Product, asked: Asked) -> list[Fill]:
        if product is Product.PERP:
            check_product(asked)
        start, end, below, limit = _page(asked)
        days = _WINDOW_DAYS[product]
        end = min(end, self._exchange.clock.now_ms())
        start = start or end - days * _DAY_MS
        if end - start > days * _DAY_MS:
            raise ProblemError(
                "00001", f"startTime and endTime interval cannot be greater than {days} days"
            )
        symbol, order_id = self._symbol(product, asked), asked.get("orderId") or None
        fills = [
            fill
            for fill in self._exchange.fills(symbol=symbol, order_id=order_id)[::-1]
            if self._exchange.listings[fill.symbol].product is product
            and start <= fill.ts_ms <= end
            and int(fill.trade_id) < below
        ]
        return fills[:limit]

    # ---- what is asked for ----

    def _symbol(self, product: Product, asked: Asked) -> str | None:
        if not asked.get("symbol"):
            return None
        return self._names.listing(product, str(asked["symbol"])).symbol


def _entrusted(rows: Iterable[Row]) -> Row:
    """List futures orders; the venue says null where there are none."""
    found = list(rows)
    return {"entrustedList": found or None, "endId": found[-1]["orderId"] if found else None}


def _check_plan_type(asked: Asked) -> None:
    if asked.get("planType") not in ("normal_plan", "track_plan", "profit_loss"):
        raise ProblemError("40812", f"The condition planType {asked.get('planType')} is not met")


def _page(asked: Asked) -> tuple[int, int, int, int]:
    """Read startTime, endTime, idLessThan and limit."""
    limit = int(asked.get("limit") or _PAGE)
    if not 1 <= limit <= _PAGE:
        raise bad(f"limit {limit}")
    start, end = int(asked.get("startTime") or 0), int(asked.get("endTime") or 2**62)
    if start > end:
        raise ProblemError("40707", "Start time is greater than end time")
    return start, end, int(asked.get("idLessThan") or 2**62), limit
