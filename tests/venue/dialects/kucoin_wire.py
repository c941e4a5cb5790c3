"""What all of KuCoin's interfaces share: envelope, signature, routes, numbers, errors."""

import base64
import hashlib
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Final
from urllib.parse import unquote

from tests.venue.model import Refusal, Refused
from tests.venue.wire import Json, Keys, Purpose, Reply, Request

SPOT_HOST: Final = "api.kucoin.com"
FUTURES_HOST: Final = "api-futures.kucoin.com"
USER_ID: Final = "633559791e1cbc0001f319bc"
_PATIENCE_MS = 5_000


class KuCoinError(Exception):
    """The venue's own error, as it goes out."""

    def __init__(self, code: str, message: str, *, status: int = 200) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status

    def reply(self) -> Reply:
        """Put it in the venue's envelope."""
        return Reply(content={"code": self.code, "msg": self.message}, status=self.status)


SPOT_REFUSALS: Final[Mapping[Refusal, tuple[str, str]]] = {
    Refusal.INSUFFICIENT_BALANCE: ("200004", "Balance insufficient!"),
    Refusal.DUPLICATE_CLIENT_ID: ("400100", "validation.createOrder.clientOidDuplicated"),
    Refusal.UNKNOWN_ORDER: ("400100", "order not exist."),
    Refusal.ORDER_CLOSED: ("400100", "order_not_exist_or_not_allow_to_cancel"),
    Refusal.UNKNOWN_SYMBOL: ("400600", "validation.createOrder.symbolNotAvailable"),
    Refusal.BELOW_MINIMUM: ("400100", "Order size below the minimum requirement."),
    Refusal.BAD_PRECISION: ("600100", "Order size increment invalid."),
    Refusal.BAD_PRICE: ("400100", "Price increment invalid."),
    Refusal.WOULD_TAKE: ("300000", "Post-only order would take liquidity."),
    Refusal.NOT_FILLABLE: ("300000", "Fill-or-kill order cannot be filled."),
    Refusal.REDUCE_ONLY: ("400100", "reduceOnly is not supported."),
    Refusal.BAD_TRIGGER: ("300000", "The trigger price has been passed."),
    Refusal.BAD_REQUEST: ("400100", "Bad request."),
}
FUTURES_REFUSALS: Final[Mapping[Refusal, tuple[str, str]]] = {
    Refusal.INSUFFICIENT_BALANCE: ("300003", "Balance not enough, please first deposit."),
    Refusal.DUPLICATE_CLIENT_ID: ("300018", "clientOid parameter repeated"),
    Refusal.UNKNOWN_ORDER: ("100001", "error.getOrder.orderNotExist"),
    Refusal.ORDER_CLOSED: ("100004", "Order is in not cancelable state"),
    Refusal.UNKNOWN_SYMBOL: ("200003", "The symbol parameter is invalid."),
    Refusal.BELOW_MINIMUM: ("300000", "Order quantity is below the minimum."),
    Refusal.BAD_PRECISION: ("300000", "Order quantity is not a multiple of the lot."),
    Refusal.BAD_PRICE: ("300000", "Order price is not a multiple of the tick."),
    Refusal.WOULD_TAKE: ("300000", "Post-only order would take liquidity."),
    Refusal.NOT_FILLABLE: ("300008", "Unavailable to place the order, no contra order."),
    Refusal.REDUCE_ONLY: ("300009", "No open positions to close."),
    Refusal.BAD_TRIGGER: ("300000", "The trigger price has been passed."),
    Refusal.BAD_REQUEST: ("300000", "Request parameter illegal"),
}


def spot_error(e: Refused) -> KuCoinError:
    """Say a refusal as the spot interface does."""
    code, message = SPOT_REFUSALS[e.refusal]
    return KuCoinError(code, message)


def futures_error(e: Refused) -> KuCoinError:
    """Say a refusal as the futures interface does."""
    code, message = FUTURES_REFUSALS[e.refusal]
    return KuCoinError(code, message)


@dataclass(frozen=True, slots=True)
class Fields:
    """The parameters of a request, from its query or its body."""

    content: Mapping[str, Json]

    def text(self, name: str, default: str = "") -> str:
        """Read a text; absent, null and empty are the same."""
        value = self.content.get(name)
        return default if value in (None, "") else str(value)

    def need(self, name: str) -> str:
        """Read a text that must be there."""
        text = self.text(name)
        if not text:
            raise KuCoinError("400100", f"{name} is required")
        return text

    def decimal(self, name: str) -> Decimal | None:
        """Read a number exactly as it was written."""
        text = self.text(name)
        if not text:
            return None
        try:
            number = Decimal(text)
        except InvalidOperation as e:
            raise KuCoinError("400100", f"{name} is invalid") from e
        if not number.is_finite():
            raise KuCoinError("400100", f"{name} is invalid")
        return number

    def whole(self, name: str, default: int) -> int:
        """Read an integer."""
        number = self.decimal(name)
        return default if number is None else int(number)

    def flag(self, name: str) -> bool:
        """Read a truth value."""
        return self.text(name).lower() == "true"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """One request that found its handler."""

    request: Request
    args: tuple[str, ...]  # the parts of the path that vary
    query: Fields
    body: Fields
    rows: tuple[Fields, ...] = ()  # where the body is a list

    @classmethod
    def of(cls, request: Request, args: tuple[str, ...]) -> "Call":
        """Read the query and the body."""
        try:
            content = request.json()
        except ValueError as e:
            raise KuCoinError("400100", "Request body is not JSON", status=400) from e
        rows = tuple(Fields(row) for row in content) if isinstance(content, list) else ()
        body = Fields(content if isinstance(content, dict) else {})
        return cls(request=request, args=args, query=Fields(request.query), body=body, rows=rows)


type Handler = Callable[[Call], Json]


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """One endpoint; `{}` in the path stands for one varying part."""

    method: str
    host: str
    path: str
    handler: Handler
    purpose: Purpose = "read"
    pattern: re.Pattern[str] = field(init=False)

    def __post_init__(self) -> None:
        escaped = re.escape(self.path).replace(r"\{\}", "([^/]+)")
        object.__setattr__(self, "pattern", re.compile(escaped))

    def matches(self, request: Request) -> re.Match[str] | None:
        """Say whether a request is for this endpoint."""
        if (self.method, self.host) != (request.method, request.host):
            return None
        return self.pattern.fullmatch(request.path)


def sign(secret: str, payload: str) -> str:
    """Sign as the venue's clients do."""
    digest = hmac.new(secret.encode(), payload.encode(), hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def check_signature(request: Request, keys: Keys, wall_ms: int) -> None:
    """Raise the venue's own error unless the request is signed by the account, and fresh."""
    headers = request.headers
    named = [headers.get(f"kc-api-{name}", "") for name in ("key", "sign", "timestamp")]
    passphrase = headers.get("kc-api-passphrase", "")
    if not all(named) or not passphrase:
        raise KuCoinError("400001", "Please check the header of your request", status=401)
    key, signature, timestamp = named
    if not timestamp.isdigit() or abs(int(timestamp) - wall_ms) > _PATIENCE_MS:
        raise KuCoinError("400002", "KC-API-TIMESTAMP Invalid", status=401)
    if key != keys.key:
        raise KuCoinError("400003", "KC-API-KEY not exists", status=401)
    if not hmac.compare_digest(passphrase, sign(keys.secret, keys.passphrase)):
        raise KuCoinError("400004", "Invalid KC-API-PASSPHRASE", status=401)
    question = f"?{request.raw_query}" if request.raw_query else ""
    # The query may be signed before it is percent-encoded for the wire
    targets = {f"{request.raw_path}{question}", f"{request.path}{unquote(question)}"}
    heads = (f"{timestamp}{request.method}{target}{request.body}" for target in targets)
    if not any(hmac.compare_digest(signature, sign(keys.secret, head)) for head in heads):
        raise KuCoinError("400005", "Invalid KC-API-SIGN", status=401)


def text(number: Decimal) -> str:
    """Write a number without an exponent and without idle zeros."""
    written = f"{number:f}"
    return (written.rstrip("0").rstrip(".") if "." in written else written) or "0"


def padded(number: Decimal) -> str:
    """Write a number with twenty decimals, as stop orders have them."""
    return f"{number:.20f}"


def number(value: Decimal) -> int | float:
    """Make the JSON number that the venue sends."""
    return int(value) if value == value.to_integral_value() else float(value)


def page(rows: list[Json], query: Fields) -> dict[str, Json]:
    """Cut one page out of rows, newest first."""
    size = min(max(query.whole("pageSize", 50), 1), 1000)
    current = max(query.whole("currentPage", 1), 1)
    return {
        "currentPage": current,
        "pageSize": size,
        "totalNum": len(rows),
        "totalPage": -(-len(rows) // size),
        "items": rows[(current - 1) * size : current * size],
    }


_WEEK_MS = 7 * 86_400_000


def week(query: Fields, now_ms: int) -> tuple[int, int]:
    """Read a window of at most seven days: startAt and endAt, both in it."""
    start, end = query.whole("startAt", 0), query.whole("endAt", 0)
    if start and not end:
        end = start + _WEEK_MS
    end = end or now_ms + 1
    start = start or end - _WEEK_MS
    if end - start > _WEEK_MS:
        raise KuCoinError("400100", "The query time range cannot exceed 7 days")
    return start, end
