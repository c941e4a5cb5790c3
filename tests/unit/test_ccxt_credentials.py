"""Keys from the environment, and out of every text."""

import traceback

import pytest

from ccxt_nt.config import CcxtDataClientConfig, CcxtExecutionClientConfig
from ccxt_nt.line.credentials import Credentials, CredentialsError, variable
from ccxt_nt.values import Product
from ccxt_nt.venues import profile

CANARY = {
    "BITGET_API_KEY": "canary-key-1234",
    "BITGET_API_SECRET": "canary-secret-5678",
    "BITGET_API_PASSPHRASE": "canary-phrase-9012",
}


def test_the_environment_is_read_under_the_names_of_the_venue() -> None:
    read = Credentials.from_environment(profile("BITGET", Product.SPOT), CANARY)
    assert read.parts == {
        "apiKey": "canary-key-1234",
        "secret": "canary-secret-5678",
        "password": "canary-phrase-9012",
    }


def test_spaces_round_a_key_are_not_part_of_it() -> None:
    environ = {name: f" {value}\n" for name, value in CANARY.items()}
    read = Credentials.from_environment(profile("BITGET", Product.SPOT), environ)
    assert read.secrets == tuple(CANARY.values())


@pytest.mark.parametrize("missing", sorted(CANARY))
def test_a_missing_variable_is_named_and_no_value_is(missing: str) -> None:
    environ = {name: value for name, value in CANARY.items() if name != missing}
    with pytest.raises(CredentialsError) as told:
        Credentials.from_environment(profile("BITGET", Product.SPOT), environ)
    assert str(told.value) == f"BITGET/spot needs {missing} in the environment"


def test_an_empty_variable_counts_as_missing() -> None:
    with pytest.raises(CredentialsError, match="BITGET_API_KEY and BITGET_API_SECRET"):
        Credentials.from_environment(profile("BITGET", Product.SPOT), {"BITGET_API_KEY": "  "})


def test_gate_has_no_passphrase() -> None:
    environ = {"GATE_API_KEY": "k123", "GATE_API_SECRET": "s123"}
    read = Credentials.from_environment(profile("GATE", Product.SPOT), environ)
    assert set(read.parts) == {"apiKey", "secret"}


def test_no_secret_is_in_a_repr_or_a_traceback() -> None:
    read = Credentials.from_environment(profile("BITGET", Product.SPOT), CANARY)
    texts = [repr(read), str(read), f"{read}", repr([read])]
    with pytest.raises(ZeroDivisionError) as told:
        len(read.secrets) / 0
    texts += traceback.format_exception(told.value)
    assert not any("canary" in text for text in texts)


def test_a_part_that_no_venue_wants_is_refused() -> None:
    with pytest.raises(ValueError, match="not walletAddress"):
        Credentials(parts={"walletAddress": "x"})
    with pytest.raises(ValueError, match="not walletAddress"):
        variable(profile("BITGET", Product.SPOT), "walletAddress")
    with pytest.raises(ValueError, match="secret must not be empty"):
        Credentials(parts={"secret": ""})


def test_a_config_reads_back_what_it_was_told() -> None:
    config = CcxtExecutionClientConfig(
        venue="bitget", product="LINEAR", leverage={"BTCUSDT-PERP": 3}, demo=True
    )
    assert config.settings.venue == "BITGET"
    assert config.settings.product is Product.LINEAR
    assert config.settings.leverage == {"BTCUSDT-PERP": 3}
    assert "BITGET" in repr(config)
    assert str(config) == repr(config)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"product": "option"}, "product must be spot or linear, was 'option'"),
        ({"book_depth": 0}, "book_depth must be 1 or more, was 0"),
        ({"deadline_secs": 0}, "deadline_secs must be positive and finite, was 0"),
        ({"reconcile_secs": float("nan")}, "reconcile_secs must be positive and finite, was nan"),
        ({"margin_mode": "both"}, "margin_mode must be cross or isolated, was 'both'"),
        ({"endpoint": "localhost:80"}, "endpoint must be http"),
        (
            {"leverage": {"BTCUSDT-PERP": 0}},
            "leverage of BTCUSDT-PERP must be a whole number from 1, was 0",
        ),
    ],
)
def test_a_config_of_nonsense_is_refused_in_one_sentence(
    fields: dict[str, object], says: str
) -> None:
    with pytest.raises(ValueError) as told:
        CcxtDataClientConfig(venue="bitget", **fields)  # type: ignore[arg-type]  # on purpose
    assert says in str(told.value)
