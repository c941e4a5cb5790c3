"""Bitget's words: its error codes, its intervals, how it writes numbers and names things."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from functools import lru_cache
from typing import Final

from tests.venue.exchange import Exchange
from tests.venue.model import Kind, Listing, Order, Product, Refusal, Refused, Status

USDT_FUTURES: Final = "USDT-FUTURES"
INST_TYPES: Final[Mapping[str, Product]] = {"SPOT": Product.SPOT, USDT_FUTURES: Product.PERP}
_AUTO: Final = "1"  # in front of the order id, where the client gave no id of its own

_MS: Final[Mapping[str, int]] = {
    "m": 60_000,
    "min": 60_000,
    "h": 3_600_000,
    "H": 3_600_000,
    "Hutc": 3_600_000,
    "D": 86_400_000,
    "day": 86_400_000,
    "Dutc": 86_400_000,
    "W": 604_800_000,
    "week": 604_800_000,
    "Wutc": 604_800_000,
}

# Why the exchange said no: code and message, for spot and for futures
_SPOT_CODES: Final[Mapping[Refusal, tuple[str, str]]] = {
    Refusal.INSUFFICIENT_BALANCE: ("43012", "Insufficient balance"),
    Refusal.DUPLICATE_CLIENT_ID: ("43118", "clientOrderId duplicate"),
    Refusal.UNKNOWN_ORDER: ("43001", "The order does not exist"),
    Refusal.ORDER_CLOSED: ("43004", "There is no order to cancel"),
    Refusal.UNKNOWN_SYMBOL: ("40034", "Parameter does not exist"),
    Refusal.BELOW_MINIMUM: ("45110", "less than the minimum amount"),
    Refusal.BAD_PRECISION: ("40808", "Parameter verification exception size checkBDScale error"),
    Refusal.BAD_PRICE: ("40706", "Wrong order price"),
    Refusal.WOULD_TAKE: ("43002", "Pending order failed"),
    Refusal.NOT_FILLABLE: ("43002", "Pending order failed"),
    Refusal.REDUCE_ONLY: ("40017", "Parameter verification failed reduceOnly"),
    Refusal.BAD_TRIGGER: ("43011", "The parameter does not meet the specification triggerPrice"),
    Refusal.BAD_REQUEST: ("40017", "Parameter verification failed"),
}
_MIX_CODES: Final[Mapping[Refusal, tuple[str, str]]] = {
    **_SPOT_CODES,
    Refusal.INSUFFICIENT_BALANCE: ("40762", "The order amount exceeds the balance"),
    Refusal.DUPLICATE_CLIENT_ID: ("40786", "Duplicate clientOid"),
    Refusal.UNKNOWN_ORDER: ("40768", "Order does not exist"),
    Refusal.ORDER_CLOSED: ("22001", "No order to cancel"),
    Refusal.REDUCE_ONLY: ("22002", "No position to close"),
}
_PLAN_CODES: Final[Mapping[Refusal, tuple[str, str]]] = {
    Refusal.UNKNOWN_ORDER: ("43025", "Plan order does not exist"),
    Refusal.ORDER_CLOSED: ("43026", "The planned order has been closed"),
}


class ProblemError(Exception):
    """An answer that is an error, in the venue's own words."""

    def __init__(self, code: str, message: str, *, status: int = 400) -> None:
        super().__init__(f"{code} {message}")
        self.code = code
        self.message = message
        self.status = status


def problem(refused: Refused, product: Product, *, plan: bool = False) -> ProblemError:
    """Say why the exchange said no."""
    codes = dict(_SPOT_CODES if product is Product.SPOT else _MIX_CODES)
    if plan:
        codes.update(_PLAN_CODES)
    code, message = codes[refused.refusal]
    detail = f" {refused.detail}" if refused.detail else ""
    return ProblemError(code, message + detail)


def bad(what: str) -> ProblemError:
    """Refuse a parameter."""
    return ProblemError("40017", f"Parameter verification failed {what}")


def check_product(asked: Mapping[str, object]) -> None:
    """Refuse futures that are not margined in USDT: the local exchange has no others."""
    if str(asked.get("productType", "")).upper() != USDT_FUTURES:
        raise bad(f"productType {asked.get('productType')}")


@lru_cache(maxsize=65_536)  # the same prices are written again and again
def text(number: Decimal | None) -> str:
    """Write a number as the venue does: plain and short."""
    if number is None:
        return ""
    if not number:
        return "0"
    plain = format(number, "f")
    return plain.rstrip("0").rstrip(".") if "." in plain else plain


def negative(fee: Decimal) -> str:
    """Write a fee paid as the venue does, with a minus."""
    return text(-fee)


def interval_ms(name: str) -> int:
    """Read 1min, 5m, 1H or 1Dutc; raise ProblemError for anything else."""
    count = name.rstrip("abcdefghijklmnopqrstuvwxyzDHW")
    unit = name[len(count) :]
    if not count.isdigit() or unit not in _MS:
        raise ProblemError("400171", f"Parameter verification failed granularity {name}")
    return int(count) * _MS[unit]


def native(listing: Listing) -> str:
    """Name a market: BTCUSDT, spot and perpetual alike."""
    return listing.base + listing.quote


class Names:
    """Which listing is meant, and which order."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._listings = {
            (listing.product, native(listing)): listing for listing in exchange.listings.values()
        }

    def of(self, product: Product) -> list[Listing]:
        """List the markets of a product."""
        return [listing for listing in self._listings.values() if listing.product is product]

    def has(self, product: Product, symbol: str) -> bool:
        """Say whether a market is listed."""
        return (product, symbol.upper()) in self._listings

    def listing(self, product: Product, symbol: str) -> Listing:
        """Find a market; raise ProblemError where there is none."""
        try:
            return self._listings[(product, symbol.upper())]
        except KeyError:
            raise ProblemError("40034", f"Parameter {symbol} does not exist") from None

    def listing_of(self, order: Order) -> Listing:
        """Find the market of an order."""
        return self._exchange.listings[order.ask.symbol]

    def order(self, product: Product, asked: Mapping[str, object], *, plan: bool) -> Order | None:
        """Find the order meant by orderId or clientOid among the plain ones or the plans."""
        order_id, client_oid = asked.get("orderId"), asked.get("clientOid")
        found: Sequence[Order | None]
        if order_id:
            found = [self._exchange.order(order_id=str(order_id))]
        elif client_oid:
            found = self._by_client_oid(str(client_oid))
        else:
            raise ProblemError("40924", "orderId and clientOid must have one")
        for order in found:
            if order is None or is_plan(order) != plan:
                continue
            if self.listing_of(order).product is product:
                return order
        return None

    def _by_client_oid(self, client_oid: str) -> list[Order | None]:
        orders = self._exchange.orders()
        return [order for order in reversed(orders) if client_oid_of(order) == client_oid]


def is_plan(order: Order) -> bool:
    """Say whether it is a plan (trigger) order, not one that was fired by a plan."""
    return order.trigger is not None and order.fired_from is None


def client_oid_of(order: Order) -> str:
    """Name an order as its client does; the order a plan becomes is named by the plan's id."""
    if order.fired_from is not None:
        return order.fired_from
    return order.ask.client_id or _AUTO + order.order_id


def status_of(order: Order, *, canceled: str) -> str:
    """Tell the status of a plain order; the products spell a cancelled one differently."""
    match order.status:
        case Status.FILLED:
            return "filled"
        case Status.CANCELED | Status.FAILED:
            return canceled
        case _:
            return "partially_filled" if order.filled else "live"


def plan_status_of(order: Order) -> str:
    """Tell the status of a plan order."""
    match order.status:
        case Status.WAITING | Status.OPEN:
            return "live"
        case Status.FIRED | Status.FILLED:
            return "executed"
        case Status.FAILED:
            return "fail_execute"
        case Status.CANCELED:
            return "cancelled"


def is_buy_by_cost(order: Order) -> bool:
    """Say whether its size counts in the quote coin."""
    return order.ask.kind is Kind.MARKET and order.ask.cost is not None
