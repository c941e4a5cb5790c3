"""A refusal's words tell its kind, and a kind on the wire becomes its exception."""

import pytest

from live.answers import (
    AuthenticationError,
    BadParametersError,
    DeniedError,
    ExecutorError,
    FundsError,
    Kind,
    MaintenanceError,
    NotReadyError,
    RateLimitError,
    RejectedError,
    error_of,
    kind_of,
)


@pytest.mark.parametrize(
    ("reason", "kind"),
    [
        ("RateLimitExceeded: 429 Too Many Requests", Kind.RATE_LIMIT),
        ("Exceeded MAX_ORDER_SUBMIT_RATE: RATE_LIMIT_EXCEEDED", Kind.RATE_LIMIT),
        ("AuthenticationError: 40037 Apikey does not exist", Kind.AUTHENTICATION),
        ("PermissionDenied: 40014 Incorrect permissions", Kind.AUTHENTICATION),
        ("InsufficientFunds: 40762 The order amount exceeds the balance", Kind.INSUFFICIENT_FUNDS),
        ("OnMaintenance: 40200 Server upgrade", Kind.MAINTENANCE),
        ("InvalidOrder: 45110 less than the minimum amount", Kind.BAD_PARAMETERS),
        ("the venue never had it: 3 looks in 15.2 s", Kind.REJECTED),
    ],
)
def test_the_words_of_a_refusal_tell_its_kind(reason: str, kind: Kind) -> None:
    assert kind_of(reason) is kind


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("bad_parameters", BadParametersError),
        ("denied", DeniedError),
        ("rejected", RejectedError),
        ("rate_limit", RateLimitError),
        ("authentication", AuthenticationError),
        ("insufficient_funds", FundsError),
        ("maintenance", MaintenanceError),
        ("not_ready", NotReadyError),
    ],
)
def test_a_kind_on_the_wire_becomes_its_exception(kind: str, error: type[ExecutorError]) -> None:
    made = error_of(kind, "so it is")
    assert (type(made), str(made)) == (error, "so it is")


def test_a_kind_of_a_newer_node_is_told_as_it_came() -> None:
    assert str(error_of("moon_phase", "full")) == "moon_phase: full"
