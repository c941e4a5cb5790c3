"""How Gate writes numbers, times, names and errors."""

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, Final

from tests.venue.model import Listing, Order, Product, Refusal, Refused, Status
from tests.venue.wire import Reply

type Row = dict[str, Any]  # a JSON object in the venue's own shape

USER_ID: Final = 10406147  # the one account
ZERO: Final = Decimal(0)
CUSTOM_TEXT: Final = re.compile(r"t-[0-9A-Za-z_.\-]{0,28}")

_SPOT_LABELS: Final[Mapping[Refusal, tuple[int, str]]] = {
    Refusal.INSUFFICIENT_BALANCE: (400, "BALANCE_NOT_ENOUGH"),
    Refusal.DUPLICATE_CLIENT_ID: (400, "REPEATED_CREATION"),
    Refusal.UNKNOWN_ORDER: (404, "ORDER_NOT_FOUND"),
    Refusal.ORDER_CLOSED: (400, "ORDER_CLOSED"),
    Refusal.UNKNOWN_SYMBOL: (400, "INVALID_CURRENCY_PAIR"),
    Refusal.BELOW_MINIMUM: (400, "INVALID_PARAM_VALUE"),
    Refusal.BAD_PRECISION: (400, "INVALID_PRECISION"),
    Refusal.BAD_PRICE: (400, "INVALID_PARAM_VALUE"),
    Refusal.WOULD_TAKE: (400, "POC_FILL_IMMEDIATELY"),
    Refusal.NOT_FILLABLE: (400, "FOK_NOT_FILL"),
    Refusal.REDUCE_ONLY: (400, "INVALID_PARAM_VALUE"),
    Refusal.BAD_TRIGGER: (400, "AUTO_TRIGGER_PRICE_GREATE_LAST"),
    Refusal.BAD_REQUEST: (400, "INVALID_PARAM_VALUE"),
}
_FUTURES_LABELS: Final[Mapping[Refusal, tuple[int, str]]] = {
    **_SPOT_LABELS,
    Refusal.INSUFFICIENT_BALANCE: (400, "INSUFFICIENT_AVAILABLE"),
    Refusal.ORDER_CLOSED: (400, "ORDER_FINISHED"),
    Refusal.UNKNOWN_SYMBOL: (400, "CONTRACT_NOT_FOUND"),
    Refusal.BELOW_MINIMUM: (400, "SIZE_TOO_SMALL"),
    Refusal.BAD_PRECISION: (400, "INVALID_PARAM_VALUE"),
    Refusal.BAD_PRICE: (400, "PRICE_TOO_DEVIATED"),
    Refusal.WOULD_TAKE: (400, "ORDER_POC_IMMEDIATE"),
    Refusal.NOT_FILLABLE: (400, "ORDER_FOK"),
    Refusal.REDUCE_ONLY: (400, "POSITION_EMPTY"),
}


class GateError(Exception):
    """The venue says no, in its own envelope."""

    def __init__(self, status: int, label: str, message: str) -> None:
        super().__init__(f"{label}: {message}")
        self.status = status
        self.label = label
        self.message = message

    @property
    def reply(self) -> Reply:
        """Say it over HTTP."""
        return Reply(content={"label": self.label, "message": self.message}, status=self.status)


def invalid(what: str) -> GateError:
    """Name an argument that the venue does not take."""
    return GateError(400, "INVALID_PARAM_VALUE", f"invalid argument: {what}")


def refused(e: Refused, product: Product) -> GateError:
    """Say a refusal of the exchange in the venue's labels."""
    labels = _SPOT_LABELS if product is Product.SPOT else _FUTURES_LABELS
    status, label = labels[e.refusal]
    return GateError(status, label, e.detail or e.refusal.value)


def trigger_passed(*, rising: bool) -> GateError:
    """Say that a trigger price is on the wrong side of the last price."""
    if rising:
        message = "invalid argument: Trigger.Price must > last_price"
        return GateError(400, "AUTO_TRIGGER_PRICE_GREATE_LAST", message)
    message = "invalid argument: Trigger.Price must < last_price"
    return GateError(400, "AUTO_TRIGGER_PRICE_LESS_LAST", message)


def text(value: Decimal) -> str:
    """Write a number as text, without exponent or idle zeros."""
    return f"{value.normalize():f}" if value else "0"


def number(value: Decimal) -> int | float:
    """Write a number as JSON does; the venue's futures pushes are full of floats."""
    return int(value) if value == value.to_integral_value() else float(value)


def size(value: Decimal, *, decimals: bool) -> str | int:
    """Write contracts: text where the client asked for decimals, else an integer cut short."""
    return text(value) if decimals else int(value)


def seconds(ms: int) -> float:
    """Write a moment as seconds with milliseconds."""
    return ms / 1000


def market_id(listing: Listing) -> str:
    """Spell a market as the venue does; spot and perpetual share the name."""
    return f"{listing.base}_{listing.quote}"


def decimal(value: object, name: str) -> Decimal:
    """Read a number that came as text or JSON number."""
    try:
        found = Decimal(str(value))
    except ArithmeticError:
        raise invalid(name) from None
    if not found.is_finite():
        raise invalid(name)
    return found


def average(order: Order, contract_size: Decimal = Decimal(1)) -> Decimal:
    """Divide cost by base coins filled; zero before the first fill."""
    if not order.filled:
        return ZERO
    price = order.cost / (order.filled * contract_size)
    return price.quantize(Decimal("1e-12")).normalize()


_FINISHED: Final[Mapping[str, str]] = {
    "client": "cancelled",
    "ioc": "ioc",
    "fok": "fok",
    "post_only": "poc",
    "reduce_only": "reduce_only",
    "balance": "cancelled",
}


def finished_as(order: Order) -> str:
    """Say how a closed order ended."""
    if order.status is Status.FILLED:
        return "filled"
    return _FINISHED.get(order.cancel_reason, "cancelled")
