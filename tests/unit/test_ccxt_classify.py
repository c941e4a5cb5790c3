"""What an exception of ccxt means for the order, venue by venue, in the venues' own words."""

import json

import ccxt
import pytest

from ccxt_nt.errors import (
    Closed,
    Exists,
    Missing,
    Rejected,
    Throttled,
    Unauthorised,
    Unknown,
    Unsupported,
    VenueError,
    WouldTake,
)
from ccxt_nt.line.classify import classify
from ccxt_nt.line.redact import redact
from ccxt_nt.profiles import Profile
from ccxt_nt.values import Product
from ccxt_nt.venues import PROFILES, profile

_SPOT, _LINEAR = Product.SPOT, Product.LINEAR

# venue, product, the venue's answer, what it means after a write
_ANSWERS = [
    ("BITGET", _SPOT, {"code": "40786", "msg": "Duplicate clientOid"}, Exists),
    ("BITGET", _SPOT, {"code": "43012", "msg": "Insufficient balance"}, Rejected),
    ("BITGET", _SPOT, {"code": "43001", "msg": "The order does not exist"}, Missing),
    ("BITGET", _SPOT, {"code": "43025", "msg": "Plan order does not exist"}, Missing),
    ("BITGET", _SPOT, {"code": "45110", "msg": "less than the minimum amount 5 USDT"}, Rejected),
    ("BITGET", _SPOT, {"code": "22001", "msg": "No order to cancel"}, Closed),
    ("BITGET", _SPOT, {"code": "429", "msg": "Too Many Requests"}, Throttled),
    ("BITGET", _SPOT, {"code": "40009", "msg": "sign signature error"}, Unauthorised),
    ("BITGET", _SPOT, {"code": "40200", "msg": "Server upgrade, please try again later"}, Unknown),
    ("BITGET", _SPOT, {"code": "40015", "msg": "System is abnormal"}, Unknown),
    ("BITGET", _SPOT, {"code": "98765", "msg": "a code that nobody knows"}, Unknown),
    ("BITGET", _LINEAR, {"code": "40762", "msg": "The order amount exceeds the balance"}, Rejected),
    ("BITGET", _LINEAR, {"code": "22002", "msg": "No position to close"}, Rejected),
    (
        "KUCOIN",
        _SPOT,
        {"code": "400100", "msg": "validation.createOrder.clientOidDuplicated"},
        Exists,
    ),
    ("KUCOIN", _SPOT, {"code": "200004", "msg": "Balance insufficient!"}, Rejected),
    ("KUCOIN", _SPOT, {"code": "400100", "msg": "Order size increment invalid."}, Rejected),
    ("KUCOIN", _SPOT, {"code": "400100", "msg": "order not exist"}, Missing),
    (
        "KUCOIN",
        _SPOT,
        {"code": "400100", "msg": "order_not_exist_or_not_allow_to_cancel"},
        Closed,
    ),
    ("KUCOIN", _SPOT, {"code": "400100", "msg": "who knows"}, Unknown),
    ("KUCOIN", _SPOT, {"code": "429000", "msg": "Too many requests"}, Throttled),
    ("KUCOIN", _SPOT, {"code": "500000", "msg": "Internal Server Error"}, Unknown),
    ("KUCOIN", _SPOT, {"code": "400005", "msg": "Invalid KC-API-SIGN"}, Unauthorised),
    ("KUCOIN", _LINEAR, {"code": "300018", "msg": "clientOid parameter repeated"}, Exists),
    ("KUCOIN", _LINEAR, {"code": "100001", "msg": "error.getOrder.orderNotExist"}, Missing),
    ("KUCOIN", _LINEAR, {"code": "100004", "msg": "Order is in not cancelable state"}, Closed),
    ("KUCOIN", _LINEAR, {"code": "300003", "msg": "Balance insufficient"}, Rejected),
    ("KUCOIN", _LINEAR, {"code": "300009", "msg": "No open positions to close."}, Rejected),
    ("GATE", _SPOT, {"label": "BALANCE_NOT_ENOUGH", "message": "Not enough balance"}, Rejected),
    ("GATE", _SPOT, {"label": "ORDER_CLOSED", "message": "Order closed"}, Closed),
    ("GATE", _SPOT, {"label": "ORDER_NOT_FOUND", "message": "Order not found"}, Missing),
    ("GATE", _SPOT, {"label": "POC_FILL_IMMEDIATELY", "message": "would take"}, WouldTake),
    ("GATE", _SPOT, {"label": "FOK_NOT_FILL", "message": "not filled"}, Rejected),
    ("GATE", _SPOT, {"label": "TOO_MANY_REQUESTS", "message": "slow down"}, Throttled),
    ("GATE", _SPOT, {"label": "SERVER_ERROR", "message": "Internal error"}, Unknown),
    ("GATE", _SPOT, {"label": "INVALID_SIGNATURE", "message": "Signature mismatch"}, Unauthorised),
    ("GATE", _LINEAR, {"label": "ORDER_FINISHED"}, Closed),
    ("GATE", _LINEAR, {"label": "ORDER_POC_IMMEDIATE", "detail": "order price 1700"}, WouldTake),
    ("GATE", _LINEAR, {"label": "ORDER_FOK"}, Rejected),
    ("GATE", _LINEAR, {"label": "A_LABEL_OF_TOMORROW"}, Unknown),
]


def thrown(row: Profile, answer: object, status: int = 400) -> Exception:
    """Let ccxt itself turn the venue's answer into its exception."""
    exchange = getattr(ccxt, row.ccxt_id)()
    body = json.dumps(answer)
    try:
        exchange.handle_errors(status, "", "https://venue/x", "POST", {}, body, answer, {}, "")
    except Exception as e:  # whatever it is, it is what we classify
        return e
    raise AssertionError("ccxt took an error for a success")


@pytest.mark.parametrize(("venue", "product", "answer", "kind"), _ANSWERS)
def test_the_venues_own_answer_decides(
    venue: str, product: Product, answer: object, kind: type[VenueError]
) -> None:
    row = profile(venue, product)
    found = classify(thrown(row, answer), row, wrote=True)
    assert type(found) is kind
    code = next(iter(answer.values()))  # type: ignore[attr-defined]  # a dictionary in every case
    assert found.code == code


_UNCERTAIN = [
    ccxt.RequestTimeout("bitget POST https://api.bitget.com/api/v2 request timed out"),
    ccxt.ExchangeNotAvailable("bitget POST https://api.bitget.com 502 Bad Gateway <html></html>"),
    ccxt.OnMaintenance("bitget is under maintenance"),
    ccxt.NetworkError("connection reset by peer"),
    ccxt.BadResponse("bitget POST https://api.bitget.com <html>hello</html>"),
    ccxt.NullResponse("bitget returned nothing"),
    ccxt.OperationFailed("something"),
    ccxt.CancelPending("bitget pending"),
    ccxt.ExchangeError('bitget {"code":"1","msg":"?"}'),
    TypeError("unsupported operand"),
    KeyError("orderId"),
    TimeoutError(),
]


@pytest.mark.parametrize("e", _UNCERTAIN, ids=lambda e: type(e).__name__)
@pytest.mark.parametrize("wrote", [True, False])
def test_what_is_not_definite_is_unknown(e: Exception, wrote: bool) -> None:
    assert type(classify(e, profile("BITGET", _SPOT), wrote=wrote)) is Unknown


_BEFORE_SENDING = [
    (ccxt.InvalidOrder("bitget amount of BTC/USDT must be greater than 0.0001"), Rejected),
    (ccxt.ArgumentsRequired("bitget requires a price"), Rejected),
    (ccxt.BadSymbol("bitget does not have market symbol DOGE"), Rejected),
    (ccxt.NotSupported("bitget editOrder() is not supported yet"), Unsupported),
    (ccxt.AuthenticationError('bitget requires "apiKey" credential'), Unauthorised),
]


@pytest.mark.parametrize(("e", "kind"), _BEFORE_SENDING, ids=lambda x: getattr(x, "__name__", ""))
def test_what_ccxt_refuses_by_itself_never_left(e: Exception, kind: type[VenueError]) -> None:
    assert type(classify(e, profile("BITGET", _SPOT), wrote=True)) is kind


def test_an_error_of_ours_passes_as_it_is() -> None:
    told = Missing("no such order")
    assert classify(told, profile("GATE", _SPOT), wrote=True) is told


def test_a_page_of_html_is_told_in_one_short_line() -> None:
    page = "<html>\n<body>" + "x" * 5000 + "</body></html>"
    e = ccxt.ExchangeNotAvailable(f"gate POST https://api.gateio.ws 502 Bad Gateway {page}")
    told = str(classify(e, profile("GATE", _SPOT), wrote=True))
    assert len(told) <= 300
    assert "\n" not in told
    assert "<" not in told


@pytest.mark.parametrize("row", PROFILES.values(), ids=lambda row: row.key)
def test_no_secret_is_told(row: Profile) -> None:
    secret = "canary-7f3a9c"
    e = ccxt.ExchangeError(f'{row.ccxt_id} {{"code":"9","msg":"bad sign for {secret}"}}')
    told = classify(e, row, wrote=True, secrets=[secret])
    assert secret not in str(told)
    assert secret not in repr(told)
    assert told.__cause__ is None


def test_longer_secrets_go_first_and_short_ones_stay() -> None:
    assert redact("key=abcdef, abcd, ab", ["abcd", "abcdef", "ab", ""]) == "key=***, ***, ab"
