"""The settings of monitoring: where a node is looked at, and who hears of what is wrong."""

import re
from ipaddress import IPv6Address, ip_address
from typing import Annotated, Final, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from morningstar_strategy.settings.section import Section

__all__ = ["AlertPolicy", "Channel", "MonitoringPolicy", "is_loopback"]

type Channel = Literal["log", "webhook", "telegram"]
type Level = Literal["info", "warning", "critical"]

_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]*")
_CHAT: Final = re.compile(r"-?[0-9]{1,20}|@[A-Za-z][A-Za-z0-9_]{3,31}")


def _not_boolean(value: object) -> object:
    if isinstance(value, bool):
        # A TypeError would pass through pydantic as one of our own faults
        raise ValueError(f"a number must not be true or false, was {value}")  # noqa: TRY004
    return value


type Whole = Annotated[int, BeforeValidator(_not_boolean)]
type Secs = Annotated[float, BeforeValidator(_not_boolean)]


class AlertPolicy(Section):
    """Who is told, how often, and by which variables of the environment they are reached.

    Addresses and tokens are secrets, so the settings hold the names of the variables only. The log
    hears everything, the other channels what is at least `min_level`. A repeat within
    `dedupe_secs` is counted and told at its end. `heartbeat_hours` is how often a node says that it
    is alive, 0 for never; with `ping_url_env` an outside watchdog is called every
    `ping_every_secs` as long as the node is healthy.
    """

    channels: tuple[Channel, ...] = ("log",)
    min_level: Level = "warning"
    webhook_url_env: str = "MORNINGSTAR_WEBHOOK_URL"
    telegram_chat_id: str = ""
    telegram_token_env: str = "MORNINGSTAR_TELEGRAM_TOKEN"  # noqa: S105  # a name, not a token
    telegram_base_url: str = "https://api.telegram.org"
    dedupe_secs: Whole = Field(default=600, ge=1, le=86_400)
    timeout_secs: Secs = Field(default=10.0, gt=0, le=60, allow_inf_nan=False)
    attempts: Whole = Field(default=6, ge=1, le=20)
    queue_size: Whole = Field(default=200, ge=1, le=10_000)
    heartbeat_hours: Whole = Field(default=24, ge=0, le=168)
    ping_url_env: str = ""
    ping_every_secs: Whole = Field(default=60, ge=1, le=3_600)

    @field_validator("channels")
    @classmethod
    def _distinct(cls, value: tuple[Channel, ...]) -> tuple[Channel, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"channels must be distinct, were {', '.join(value)}")
        return value

    @field_validator("webhook_url_env", "telegram_token_env", "ping_url_env")
    @classmethod
    def _names_a_variable(cls, value: str) -> str:
        if value and not _VARIABLE.fullmatch(value):
            # Not shown: who writes the secret itself here must not find it in a log
            raise ValueError("must be the NAME of an environment variable, in capital letters")
        return value

    @field_validator("telegram_base_url")
    @classmethod
    def _is_an_origin(cls, value: str) -> str:
        if not re.fullmatch(r"https?://[^/@?#\s]+", value):
            raise ValueError(f"telegram_base_url must be an origin without a path, was {value!r}")
        return value

    @model_validator(mode="after")
    def _can_be_reached(self) -> "AlertPolicy":
        if "webhook" in self.channels and not self.webhook_url_env:
            raise ValueError("webhook_url_env must name a variable where channels hold webhook")
        if "telegram" not in self.channels:
            return self
        if not self.telegram_token_env:
            raise ValueError("telegram_token_env must name a variable where channels hold telegram")
        if not _CHAT.fullmatch(self.telegram_chat_id):
            raise ValueError(
                "telegram_chat_id must be a number or @name where channels hold telegram, was "
                f"{self.telegram_chat_id!r:.80}"
            )
        return self


class MonitoringPolicy(Section):
    """Where a node can be looked at, and when it counts as stuck.

    The server listens on this machine only, unless `expose` says that others may look: what it
    shows is not protected by a password. Port 0 is any free one. The engine's thread must beat
    within `heartbeat_secs` while it trades, and come through start or stop within `patience_secs`.
    What is held without a stop for longer than `unprotected_secs` is alerted.
    """

    enabled: bool = True
    host: str = Field(default="127.0.0.1", min_length=1)
    port: Whole = Field(default=9464, ge=0, le=65_535)
    expose: bool = False
    heartbeat_secs: Secs = Field(default=15.0, ge=2, le=3_600, allow_inf_nan=False)
    patience_secs: Secs = Field(default=300.0, ge=2, le=86_400, allow_inf_nan=False)
    unprotected_secs: Secs = Field(default=5.0, gt=0, le=3_600, allow_inf_nan=False)
    alerts: AlertPolicy = Field(default_factory=AlertPolicy)

    @model_validator(mode="after")
    def _is_meant_to_be_seen(self) -> "MonitoringPolicy":
        if not self.expose and not is_loopback(self.host):
            raise ValueError(
                f"host must be of this machine's loopback unless expose is true, was {self.host}"
            )
        return self


def is_loopback(host: str) -> bool:
    """Say whether a host is reached from this machine only."""
    name = host.lower().removeprefix("[").removesuffix("]")
    if name == "localhost":
        return True
    try:
        address = ip_address(name)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback
