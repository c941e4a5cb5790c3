"""Which of our few errors an exception of ccxt is: what to do next, not what it is called."""

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import aiohttp
import ccxt

from ccxt_nt.errors import (
    Closed,
    Exists,
    Missing,
    Rejected,
    Throttled,
    Unauthorised,
    Unknown,
    Unsupported,
    Untimely,
    VenueError,
    WouldTake,
)
from ccxt_nt.line.redact import redact
from ccxt_nt.profiles import Profile

_CODE_KEYS: Final = ("code", "err_code", "label", "retCode", "sCode", "ret_code")
_MESSAGE_KEYS: Final = ("msg", "message", "err_msg", "detail", "retMsg", "sMsg")
_LONGEST: Final = 300  # of a message; a page of HTML is no message
_BODY: Final = re.compile(r"\{.*\}", re.DOTALL)

# ccxt refuses these itself before it sends, or the venue's gateway before it looks at the order
_UNAUTHORISED: Final = (
    ccxt.AuthenticationError,
    ccxt.PermissionDenied,
    ccxt.AccountSuspended,
    ccxt.AccountNotEnabled,
    ccxt.RestrictedLocation,
)
_THROTTLED: Final = (ccxt.RateLimitExceeded, ccxt.DDoSProtection, ccxt.InvalidNonce)
_REFUSED: Final = (
    ccxt.InsufficientFunds,
    ccxt.OrderNotFillable,
    ccxt.InvalidOrder,
    ccxt.BadSymbol,
    ccxt.BadRequest,
    ccxt.ArgumentsRequired,
    ccxt.MarketClosed,
    ccxt.ContractUnavailable,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """The venue's own words inside an exception's message."""

    code: str | None
    text: str

    def matches(self, entries: Iterable[str]) -> bool:
        """Say whether a profile's entry, CODE or "CODE part of the message", is meant."""
        told = self.text.lower()
        for entry in entries:
            code, _, part = entry.partition(" ")
            if code == self.code and (not part or part.lower() in told):
                return True
        return False


def classify(
    e: BaseException, profile: Profile, *, wrote: bool, secrets: Iterable[str] = ()
) -> VenueError:
    """Turn any exception of a call into one of ours; on writes what is not definite is Unknown."""
    if isinstance(e, VenueError):
        return e
    answer = _answer(e)
    shown = redact(_shown(e, answer), secrets)
    kind = _by_code(answer, profile) or _by_class(e, answer, wrote=wrote)
    return kind(shown, code=answer.code)


def _by_code(answer: Answer, profile: Profile) -> type[VenueError] | None:
    codes = profile.codes
    table = (
        (codes.duplicate, Exists),
        (codes.post_only, WouldTake),
        (codes.closed, Closed),
        (codes.missing, Missing),
        (codes.untimely, Untimely),
        (codes.rejected, Rejected),
    )
    return next((kind for entries, kind in table if answer.matches(entries)), None)


def _by_class(e: BaseException, answer: Answer, *, wrote: bool) -> type[VenueError]:
    known: tuple[tuple[tuple[type[BaseException], ...], type[VenueError]], ...] = (
        (_UNAUTHORISED, Unauthorised),
        (_THROTTLED, Throttled),
        ((ccxt.NotSupported,), Unsupported),
        ((ccxt.DuplicateOrderId,), Exists),
        ((ccxt.OrderImmediatelyFillable,), WouldTake),
        ((ccxt.OrderNotFound, ccxt.OrderNotCached), Missing),
    )
    for classes, kind in known:
        if isinstance(e, classes):
            return kind
    if not isinstance(e, _REFUSED):
        return Unknown
    # Raised by ccxt itself before anything was sent, or a venue's code that ccxt knows; a code
    # that only ccxt knows is definite enough for what changes nothing
    local = answer.code is None and not isinstance(e.__cause__, aiohttp.ClientError)
    return Rejected if local or not wrote or _definite(e) else Unknown


def _definite(e: BaseException) -> bool:
    return isinstance(e, ccxt.InsufficientFunds | ccxt.OrderNotFillable | ccxt.BadSymbol)


def _answer(e: BaseException) -> Answer:
    found = _BODY.search(str(e))
    try:
        body = json.loads(found[0]) if found else None
    except ValueError:
        body = None
    if not isinstance(body, dict):
        return Answer(code=None, text="")
    code = next((body[key] for key in _CODE_KEYS if body.get(key) not in (None, "")), None)
    words = [body[key] for key in _MESSAGE_KEYS if isinstance(body.get(key), str)]
    return Answer(code=None if code is None else str(code), text=" ".join(words))


def _shown(e: BaseException, answer: Answer) -> str:
    """Say it in one line: the venue's words where it answered, the kind of failure where not."""
    name = type(e).__name__
    if answer.code is not None:
        return f"{name}: {answer.code} {answer.text}".strip()[:_LONGEST]
    told = " ".join(re.sub(r"<[^>]*>", " ", str(e)).split())
    if isinstance(e.__cause__, aiohttp.ClientError | OSError):  # ccxt only says what it asked for
        told = f"{told}: {e.__cause__}"
    return f"{name}: {told}"[:_LONGEST] if told else name
