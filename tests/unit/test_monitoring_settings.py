"""The settings of monitoring are right or refused in one sentence."""

from typing import Any

import pytest
from pydantic import ValidationError

from live.monitoring.channels import LogChannel, Telegram, Webhook, open_channels, pinger
from morningstar_strategy.settings.monitoring import AlertPolicy, MonitoringPolicy, is_loopback
from morningstar_strategy.tree import sentence

TOKEN = "123456:AAH-secret-token"
ENVIRON = {
    "MORNINGSTAR_WEBHOOK_URL": "https://hooks.example/services/T0/very-secret",
    "MORNINGSTAR_TELEGRAM_TOKEN": TOKEN,
}


def test_by_default_only_this_machine_looks_and_only_the_log_hears() -> None:
    policy = MonitoringPolicy()
    assert (policy.host, policy.expose, policy.alerts.channels) == ("127.0.0.1", False, ("log",))
    assert MonitoringPolicy.model_validate(policy.model_dump(mode="json")) == policy


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.0.1", "localhost", "::1", "[::1]"])
def test_hosts_of_the_loopback_are_taken(host: str) -> None:
    assert MonitoringPolicy(host=host).host == host


@pytest.mark.parametrize(
    "host",
    ["0.0.0.0", "::", "::ffff:0.0.0.0", "10.0.0.1", "example.com", "127.0.0.1.evil.com", "0"],
)
def test_hosts_that_others_reach_need_to_be_exposed(host: str) -> None:
    assert not is_loopback(host)
    with pytest.raises(ValidationError) as raised:
        MonitoringPolicy(host=host)
    assert f"unless expose is true, was {host}" in sentence(raised.value)
    assert MonitoringPolicy(host=host, expose=True).host == host


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"port": 70_000}, "port"),
        ({"port": True}, "true or false"),
        ({"heartbeat_secs": 0}, "heartbeat_secs"),
        ({"heartbeat_secs": float("nan")}, "heartbeat_secs"),
        ({"unprotected_secs": 0}, "unprotected_secs"),
        ({"surprise": 1}, "surprise"),
        ({"alerts": {"channels": ["pager"]}}, "channels"),
        ({"alerts": {"channels": ["log", "log"]}}, "channels must be distinct"),
        ({"alerts": {"channels": ["telegram"]}}, "telegram_chat_id must be a number"),
        ({"alerts": {"dedupe_secs": 0}}, "dedupe_secs"),
        ({"alerts": {"telegram_base_url": "https://x/path"}}, "must be an origin"),
        ({"alerts": {"channels": ["webhook"], "webhook_url_env": ""}}, "webhook_url_env"),
    ],
)
def test_what_cannot_be_is_refused_by_name(changes: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError) as raised:
        MonitoringPolicy.model_validate(changes)
    assert told in sentence(raised.value)


def test_a_secret_where_its_name_belongs_is_refused_without_being_shown() -> None:
    with pytest.raises(ValidationError) as raised:
        AlertPolicy.model_validate({"telegram_token_env": TOKEN})
    assert TOKEN not in sentence(raised.value)
    assert "NAME of an environment variable" in sentence(raised.value)


def test_channels_are_made_in_their_order_and_show_no_secret() -> None:
    policy = AlertPolicy(channels=("telegram", "log", "webhook"), telegram_chat_id="-100123")
    channels = open_channels(policy, environ=ENVIRON)
    assert [type(channel) for channel in channels] == [Telegram, LogChannel, Webhook]
    shown = f"{channels!r} {[vars(each) for each in channels]}"
    assert TOKEN not in shown
    assert "very-secret" not in shown


@pytest.mark.parametrize("name", ["webhook", "telegram"])
def test_a_missing_secret_is_asked_for_by_its_name(name: Any) -> None:
    policy = AlertPolicy(channels=(name,), telegram_chat_id="@channel")
    with pytest.raises(ValueError, match=rf"variable MORNINGSTAR_\w+ is empty, {name} needs it"):
        open_channels(policy, environ={"MORNINGSTAR_WEBHOOK_URL": " "})


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.example/secret",
        "https://user:secret@hooks.example/",
        "https:///secret",
        "ftp://hooks.example/secret",
        "https://hooks.example/a secret",
        "https://hooks.example:0/secret",
        "https://hooks.example:99999/secret",
        "https://[secret/",
        "secret",
        "https://hooks.example/secret\u00e9",
        "http://0.0.0.0/secret",
    ],
)
def test_an_address_that_may_not_be_asked_is_refused_without_being_shown(url: str) -> None:
    policy = AlertPolicy(channels=("webhook",), ping_url_env="PING_URL")
    with pytest.raises(ValueError) as raised:
        open_channels(policy, environ={"MORNINGSTAR_WEBHOOK_URL": url})
    assert f"{raised.value}" == (
        "MORNINGSTAR_WEBHOOK_URL must hold an https address without a user, or http on loopback"
    )
    assert raised.value.__cause__ is None
    with pytest.raises(ValueError, match="PING_URL must hold"):
        pinger(policy, environ={"PING_URL": url})


def test_without_a_variable_nobody_is_pinged() -> None:
    assert pinger(AlertPolicy(), environ={}) is None
