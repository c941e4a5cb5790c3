"""Trading with money takes four things, and a changed setting takes the last two anew."""

import itertools
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from live.arming import TOKEN, arm, token_of, words_of
from live.doctoring.finding import Finding, Level, about
from live.errors import Refused
from morningstar_strategy.settings.schema import Settings

WORDS = "trade 10000 USDT on BITGET"
NOW_NS = 1_795_000_000_000_000_000
RED = about("balance", Level.RED, "3 USDT, capital is 10000", venue="BITGET")
WELL = (about("engine", Level.WARN, "a release candidate"),)
KEYS = {"BITGET_API_KEY": "our-public-key", "BITGET_API_SECRET": "our-very-secret"}


def settings(mode: str = "live", **changes: Any) -> Settings:
    tree: dict[str, Any] = {
        "mode": mode,
        "data": {"instruments": ["BTCUSDT-PERP.BITGET"]},
        "node": {"venues": [{"name": "bitget"}]},
    }
    return Settings.model_validate(tree | changes)


def armed(
    told: Settings,
    *,
    live: bool = True,
    typed: str | None = None,
    token: str = "",
    found: tuple[Finding, ...] = WELL,
) -> int | None:
    environ = KEYS | {TOKEN: token} if token else KEYS
    ask: Callable[[str], str] | None = None if typed is None else lambda _: f"{typed}\n"
    return arm(
        told,
        live=live,
        ask=ask,
        environ=environ,
        now_ns=lambda: NOW_NS,
        doctor=lambda _: found,
    )


@given(
    st.booleans(),
    st.sampled_from(["paper", "demo", "live"]),
    st.sampled_from([None, "", "yes", WORDS, f" {WORDS} "]),
    st.sampled_from(["", "000000000000", "right"]),
    st.sampled_from([WELL, (RED,), (*WELL, RED)]),
)
def test_live_is_armed_by_flag_setting_words_or_token_and_no_red_check_and_by_nothing_less(
    live: bool, mode: str, typed: str | None, token: str, found: tuple[Finding, ...]
) -> None:
    told = settings(mode)
    given_token = token_of(told, KEYS) if token == "right" else token
    confirmed = token == "right" or (typed is not None and typed.strip() == WORDS)
    try:
        outcome: int | str | None = armed(
            told, live=live, typed=typed, token=given_token, found=found
        )
    except Refused as e:
        outcome = e.code.name
    if mode != "live":
        assert outcome == ("REFUSED" if live else None)
    elif live and confirmed and RED not in found:
        assert outcome == NOW_NS
    else:
        assert outcome == "REFUSED"


def test_the_words_name_the_capital_and_every_venue() -> None:
    assert words_of(settings()) == WORDS
    two = settings(
        capital="250.5",
        data={"instruments": ["BTCUSDT.BITGET", "ETHUSDT.BITGET", "BTCUSDT.KUCOIN"]},
        node={"venues": [{"name": "bitget"}, {"name": "kucoin"}]},
    )
    assert words_of(two) == "trade 250.5 USDT on BITGET and KUCOIN"


@pytest.mark.parametrize(
    "changes",
    [
        {"capital": Decimal(10_001)},
        {"risk": {"max_risk_percent": 2}},
        {"predictor": "bundle"},
        {"supervisor": "scripted"},
        {"node": {"venues": [{"name": "bitget", "leverage": {"BTCUSDT-PERP": 20}}]}},
        {"node": {"venues": [{"name": "bitget", "account_id": "BITGET-002"}]}},
        {"node": {"venues": [{"name": "bitget", "endpoint": "http://127.0.0.1:1"}]}},
        {"node": {"venues": [{"name": "bitget"}], "at_stop": "flatten"}},
        {"node": {"venues": [{"name": "kucoin"}]}},
    ],
)
def test_a_changed_setting_must_be_armed_anew(changes: dict[str, Any]) -> None:
    old = token_of(settings(), KEYS)
    with pytest.raises(Refused, match="was set for other settings, venues or accounts"):
        armed(settings(**changes), token=old)
    assert armed(settings(), token=old) == NOW_NS


def test_another_key_is_another_account_and_must_be_armed_anew() -> None:
    token = token_of(settings(), KEYS)
    assert token_of(settings(), KEYS | {"BITGET_API_KEY": "another"}) != token
    assert token_of(settings(), KEYS | {"BITGET_API_SECRET": "renewed"}) == token


def test_where_runs_are_written_changes_no_token() -> None:
    assert token_of(settings(runs="elsewhere"), KEYS) == token_of(settings(), KEYS)


@pytest.mark.parametrize("name", ["binance", "okx", "bybit", "dydx", "hyperliquid"])
def test_an_account_of_a_native_venue_has_a_token_too(name: str) -> None:
    told = settings(
        data={"instruments": [f"BTCUSDT-PERP.{name.upper()}"]}, node={"venues": [{"name": name}]}
    )
    with pytest.raises(Refused, match=f"{TOKEN}={token_of(told, KEYS)}"):
        armed(told)


def test_a_refusal_without_a_terminal_says_what_to_do_and_no_key() -> None:
    with pytest.raises(Refused) as refused:
        armed(settings())
    text = f"{refused.value}"
    assert f"{TOKEN}={token_of(settings(), KEYS)}" in text
    assert WORDS in text
    assert not any(value in text for value in KEYS.values())
    assert len(token_of(settings(), KEYS)) == 12


def test_a_refusal_of_the_doctor_holds_every_red_line() -> None:
    other = about("keys", Level.RED, "the key may withdraw", venue="BITGET")
    with pytest.raises(Refused) as refused:
        armed(settings(), typed=WORDS, found=(*WELL, RED, other))
    lines = f"{refused.value}".splitlines()[1:]
    assert lines == [
        "  balance BITGET: 3 USDT, capital is 10000",
        "  keys BITGET: the key may withdraw",
    ]


def test_nobody_is_asked_and_nothing_examined_before_the_flag() -> None:
    def never(_: object) -> Any:
        raise AssertionError("it was asked")

    for mode, live in itertools.product(("live", "demo"), (True, False)):
        if (mode, live) == ("live", True):
            continue
        try:
            arm(
                settings(mode),
                live=live,
                ask=never,
                environ=KEYS,
                now_ns=lambda: NOW_NS,
                doctor=never,
            )
        except Refused:
            continue
        assert (mode, live) == ("demo", False)


def test_a_venue_that_nobody_knows_is_refused_in_a_sentence() -> None:
    told = settings(node={"venues": [{"name": "nowhere"}]})
    with pytest.raises(Refused, match=r"node\.venues 'nowhere'"):
        armed(told)
