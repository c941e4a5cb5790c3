"""Where messages go: the log, a webhook, a chat of Telegram."""

import json
import logging
from collections.abc import Callable, Mapping
from typing import Final, Protocol

from live.monitoring.alerts import Level
from live.monitoring.dedupe import Message
from live.monitoring.masking import Masker
from live.monitoring.posting import Address, Answer, DeliveryError, address_of, ask
from morningstar_strategy.settings.monitoring import AlertPolicy
from morningstar_strategy.settings.monitoring import Channel as ChannelName

__all__ = ["Channel", "LogChannel", "Telegram", "Webhook", "open_channels", "pinger"]

_log = logging.getLogger(__name__)

_JSON: Final = {"Content-Type": "application/json; charset=utf-8"}
_LONGEST: Final = 3_900  # characters; Telegram takes 4,096
_LEVELS: Final[Mapping[Level, int]] = {
    Level.INFO: logging.INFO,
    Level.WARNING: logging.WARNING,
    Level.CRITICAL: logging.CRITICAL,
}


class Channel(Protocol):
    """A way to a person; `send` may block until its timeout and is called on one thread."""

    @property
    def name(self) -> str:
        """Name the channel in metrics and logs."""
        ...

    @property
    def min_level(self) -> Level:
        """Say what is the least that it takes."""
        ...

    def send(self, message: Message) -> None:
        """Hand a message over; raises DeliveryError."""
        ...


class LogChannel:
    """Writes every message to the log."""

    name = "log"
    min_level = Level.INFO

    def send(self, message: Message) -> None:
        """Log a message at its level."""
        extra = {"alert": message.key, "tone": message.tone.value}
        _log.log(_LEVELS[message.level], "%s", message.words, extra=extra)


class Webhook:
    """Posts each message as a JSON object."""

    name = "webhook"

    def __init__(self, address: Address, *, min_level: Level, timeout_secs: float) -> None:
        self.min_level = min_level
        self._address, self._timeout_secs = address, timeout_secs

    def send(self, message: Message) -> None:
        """Post a message; any answer of 2xx is a success."""
        told = {
            "source": "morningstar",
            "text": message.words,
            "tone": message.tone.value,
            "level": message.level.value,
            "key": message.key,
            "ts_event": message.ts_event,
            "more": message.more,
            "lost": message.lost,
        }
        _post(self._address, told, self._timeout_secs).require_success()


class Telegram:
    """Sends each message to a chat by the Bot API."""

    name = "telegram"

    def __init__(
        self, *, base_url: str, token: str, chat_id: str, min_level: Level, timeout_secs: float
    ) -> None:
        named = "telegram_base_url with the token"
        self._address = address_of(f"{base_url}/bot{token}/sendMessage", named=named)
        self._masker = Masker((token,))
        self.min_level = min_level
        self._chat_id, self._timeout_secs = chat_id, timeout_secs

    def send(self, message: Message) -> None:
        """Send a message; the API says ok or why not, and when to come again."""
        told = {
            "chat_id": self._chat_id,
            "text": message.words[:_LONGEST],
            "link_preview_options": {"is_disabled": True},
        }
        answer = _post(self._address, told, self._timeout_secs)
        said = _object(answer.body)
        if answer.status == 429:
            raise DeliveryError("answered 429", retry_after_secs=_retry_after(said, answer))
        if answer.status < 500 and said.get("ok") is False:
            why = self._masker.mask(f"{said.get('description')}")[:200]
            raise DeliveryError(f"answered {answer.status}: {why}", is_final=True)
        answer.require_success()
        if said.get("ok") is not True:
            raise DeliveryError("answered without ok")


def _post(address: Address, told: Mapping[str, object], timeout_secs: float) -> Answer:
    body = json.dumps(told).encode()
    return ask(address, method="POST", body=body, headers=_JSON, timeout_secs=timeout_secs)


def _object(body: bytes) -> dict[str, object]:
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _retry_after(said: Mapping[str, object], answer: Answer) -> float | None:
    match said.get("parameters"):
        case {"retry_after": int() | float() as secs} if not isinstance(secs, bool):
            return float(secs)
        case _:
            return answer.retry_after_secs


def open_channels(policy: AlertPolicy, *, environ: Mapping[str, str]) -> tuple[Channel, ...]:
    """Make the channels of the settings; raises ValueError naming the variable that is wrong."""
    return tuple(_channel(name, policy, environ) for name in policy.channels)


def _channel(name: ChannelName, policy: AlertPolicy, environ: Mapping[str, str]) -> Channel:
    level, timeout_secs = Level(policy.min_level), policy.timeout_secs
    match name:
        case "log":
            return LogChannel()
        case "webhook":
            url = _variable(policy.webhook_url_env, environ, needed_by="webhook")
            address = address_of(url, named=policy.webhook_url_env)
            return Webhook(address, min_level=level, timeout_secs=timeout_secs)
        case "telegram":
            token = _variable(policy.telegram_token_env, environ, needed_by="telegram")
            return Telegram(
                base_url=policy.telegram_base_url,
                token=token,
                chat_id=policy.telegram_chat_id,
                min_level=level,
                timeout_secs=timeout_secs,
            )


def pinger(policy: AlertPolicy, *, environ: Mapping[str, str]) -> Callable[[], None] | None:
    """Make the call to the outside watchdog, None where the settings name none."""
    if not policy.ping_url_env:
        return None
    url = _variable(policy.ping_url_env, environ, needed_by="the ping")
    address = address_of(url, named=policy.ping_url_env)

    def ping() -> None:
        ask(address, method="GET", timeout_secs=policy.timeout_secs).require_success()

    return ping


def _variable(name: str, environ: Mapping[str, str], *, needed_by: str) -> str:
    value = environ.get(name, "").strip()
    if not value:
        raise ValueError(f"the environment variable {name} is empty, {needed_by} needs it")
    return value
