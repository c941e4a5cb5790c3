"""What may go wrong with a request to the executor, as kinds on the wire and as exceptions."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Final

__all__ = [
    "AuthenticationError",
    "BadParametersError",
    "DeniedError",
    "ExecutorError",
    "FundsError",
    "Kind",
    "MaintenanceError",
    "NotReadyError",
    "RateLimitError",
    "RejectedError",
    "UnknownOutcomeError",
    "UnreachableError",
    "error_of",
    "kind_of",
]


class Kind(StrEnum):
    """Kinds of errors as they stand on the wire."""

    BAD_PARAMETERS = "bad_parameters"
    DENIED = "denied"
    REJECTED = "rejected"
    RATE_LIMIT = "rate_limit"
    AUTHENTICATION = "authentication"
    INSUFFICIENT_FUNDS = "insufficient_funds"
    MAINTENANCE = "maintenance"
    NOT_READY = "not_ready"
    INTERNAL = "internal"


class ExecutorError(Exception):
    """The executor did not do what was asked; the message is one sentence."""


class BadParametersError(ExecutorError):
    """The request cannot be understood or expressed; nothing was done."""


class DeniedError(ExecutorError):
    """The gate said no; nothing was done."""


class RejectedError(ExecutorError):
    """The venue or the engine refused the order; it did not happen."""


class RateLimitError(ExecutorError):
    """Too many requests; ask again later."""


class AuthenticationError(ExecutorError):
    """The venue does not take the keys, or they have not the right."""


class FundsError(ExecutorError):
    """The account has not enough."""


class MaintenanceError(ExecutorError):
    """The venue is being maintained."""


class NotReadyError(ExecutorError):
    """The node cannot answer yet or any more."""


class UnreachableError(ExecutorError):
    """No node answers at the socket; nothing was done."""


class UnknownOutcomeError(ExecutorError):
    """The answer did not come: it may have happened, look with `fetch_open_orders`."""


_CLASSES: Final[Mapping[Kind, type[ExecutorError]]] = {
    Kind.BAD_PARAMETERS: BadParametersError,
    Kind.DENIED: DeniedError,
    Kind.REJECTED: RejectedError,
    Kind.RATE_LIMIT: RateLimitError,
    Kind.AUTHENTICATION: AuthenticationError,
    Kind.INSUFFICIENT_FUNDS: FundsError,
    Kind.MAINTENANCE: MaintenanceError,
    Kind.NOT_READY: NotReadyError,
    Kind.INTERNAL: ExecutorError,
}
# Words of refusals, in small letters, as the engine and ccxt name them
_WORDS: Final[tuple[tuple[Kind, tuple[str, ...]], ...]] = (
    (Kind.RATE_LIMIT, ("ratelimit", "rate_limit", "rate limit", "ddosprotection", "throttled")),
    (
        Kind.AUTHENTICATION,
        ("authentication", "permissiondenied", "unauthorised", "accountsuspended", "invalidnonce"),
    ),
    (Kind.INSUFFICIENT_FUNDS, ("insufficient", "exceeds_free_balance", "free_balance")),
    (Kind.MAINTENANCE, ("maintenance", "exchangenotavailable")),
    (Kind.BAD_PARAMETERS, ("badrequest", "badsymbol", "argumentsrequired", "invalidorder")),
)


def kind_of(reason: str) -> Kind:
    """Tell from a refusal's words what kind it is."""
    told = reason.lower()
    return next(
        (kind for kind, words in _WORDS if any(word in told for word in words)), Kind.REJECTED
    )


def error_of(kind: str, message: str) -> ExecutorError:
    """Make the exception of a kind that came over the wire."""
    try:
        return _CLASSES[Kind(kind)](message)
    except ValueError:  # a node newer than this client
        return ExecutorError(f"{kind}: {message}")
