"""Whether a request or a subscription was signed by the account's secret, and lately."""

import hashlib
import hmac
from collections.abc import Mapping
from typing import Final
from urllib.parse import unquote

from tests.venue.dialects.gate_words import GateError
from tests.venue.wire import Keys, Request

# The venue itself allows a minute; kept tight so that a skewed clock shows
WINDOW_SECS: Final = 5
_HEADERS: Final = ("KEY", "Timestamp", "SIGN")


def check_request(request: Request, keys: Keys, *, wall_ms: int) -> None:
    """Raise GateError unless the request is signed, lately, and by the right key."""
    for name in _HEADERS:
        if name.lower() not in request.headers:
            message = f"Missing required header: {name}"
            raise GateError(400, "MISSING_REQUIRED_HEADER", message)
    stamp = request.headers["timestamp"]
    if not is_recent(stamp, wall_ms=wall_ms):
        message = f"gap between request Timestamp and server time exceeds {WINDOW_SECS}"
        raise GateError(403, "REQUEST_EXPIRED", f"{message} current_time:{wall_ms // 1000}")
    if request.headers["key"] != keys.key:
        raise GateError(401, "INVALID_KEY", "Invalid key provided")
    signed = "\n".join(
        (
            request.method,
            request.raw_path,
            unquote(request.raw_query),  # signed as meant, sent encoded
            hashlib.sha512(request.body.encode()).hexdigest(),
            stamp,
        )
    )
    if not _is_signature(request.headers["sign"], signed, keys):
        raise GateError(401, "INVALID_SIGNATURE", "Signature mismatch")


def is_signed(frame: Mapping[str, object], keys: Keys) -> bool:
    """Say whether a subscription to a private channel carries the account's signature."""
    auth = frame.get("auth")
    if not isinstance(auth, dict) or auth.get("KEY") != keys.key:
        return False
    signed = "&".join(f"{name}={frame.get(name)}" for name in ("channel", "event", "time"))
    return _is_signature(str(auth.get("SIGN")), signed, keys)


def is_recent(stamp: object, *, wall_ms: int) -> bool:
    """Say whether a stamp in whole seconds is close to the venue's clock."""
    try:
        gap = abs(int(str(stamp)) - wall_ms / 1000)
    except ValueError:
        return False
    return gap <= WINDOW_SECS + 1  # the stamp was cut to the second


def _is_signature(found: str, signed: str, keys: Keys) -> bool:
    wanted = hmac.new(keys.secret.encode(), signed.encode(), hashlib.sha512).hexdigest()
    return hmac.compare_digest(found, wanted)
