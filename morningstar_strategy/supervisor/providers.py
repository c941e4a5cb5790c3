"""Who can be asked: providers of language models as data, and the ones known by name."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from enum import StrEnum
from ipaddress import ip_address
from types import MappingProxyType
from typing import Any, Final
from urllib.parse import SplitResult, urlsplit

from morningstar_strategy.supervisor.addresses import is_this_machine
from morningstar_strategy.tree import unseen

__all__ = ["PRESETS", "Mode", "ProviderSpec", "WireProtocol", "preset", "with_preset"]

# `Any` in this module: extra fields of a request and unread settings are JSON

_NAME: Final = re.compile(r"[a-z0-9][a-z0-9_.-]{0,31}")
_LABEL: Final = r"[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?"
_HOST: Final = re.compile(rf"(?:{_LABEL}\.)*(?![0-9]+\.?$){_LABEL}\.?")
_LONGEST_HOST: Final = 253
_SECRETS: Final = ("api_key", "apikey", "authorization", "access_token", "secret", "password")
_VARIABLE: Final = re.compile(r"[A-Z][A-Z0-9_]{0,63}")


class WireProtocol(StrEnum):
    """Which language the endpoint speaks."""

    OPENAI = "openai"  # chat completions, and whatever is compatible with them
    ANTHROPIC = "anthropic"  # messages


class Mode(StrEnum):
    """How a reply is made to be JSON."""

    NATIVE = "native"  # the provider holds the reply to our JSON schema
    JSON_OBJECT = "json_object"  # the provider holds it to JSON, instructions to the schema
    PROMPTED = "prompted"  # instructions only


@dataclass(frozen=True, slots=True, kw_only=True)
class ProviderSpec:
    """One endpoint, one model, and how to ask it.

    `base_url` of None is the protocol's own address. `key_env` names the environment variable with
    the key, None sends no key. `temperature` of None is not sent, for models that refuse it.
    `strict` asks native mode for the provider's dialect of JSON schema: None where the schema
    allows, False sends the schema as it is. `extra_body` holds more fields of the request.
    """

    name: str  # in records, messages and breakers
    protocol: WireProtocol = WireProtocol.OPENAI
    model: str
    base_url: str | None = None
    key_env: str | None = None
    mode: Mode = Mode.PROMPTED
    max_tokens: int = 700  # of the reply
    temperature: float | None = 0.0
    strict: bool | None = False
    max_completion_tokens: bool = False  # what OpenAI's own models call `max_tokens`
    extra_body: Mapping[str, Any] = field(default_factory=dict, hash=False)

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"name must be 1-32 of a-z, 0-9, _ . -, was {unseen(self.name)}")
        if not (self.model.strip() == self.model and 0 < len(self.model) <= 200):
            raise ValueError(f"model must name a model, was {unseen(self.model)}")
        if self.key_env is not None and not _VARIABLE.fullmatch(self.key_env):
            # The value is not shown: here is where a key itself is put by mistake
            raise ValueError(f"key_env of {self.name} must be the name of a variable in capitals")
        if not 1 <= self.max_tokens <= 16_384:
            raise ValueError(f"max_tokens must be in [1, 16384], was {self.max_tokens}")
        if self.temperature is not None and not 0 <= self.temperature <= 2:
            raise ValueError(f"temperature must be in [0, 2], was {self.temperature}")
        if self.mode is Mode.JSON_OBJECT and self.protocol is WireProtocol.ANTHROPIC:
            raise ValueError("mode of the anthropic protocol must be native or prompted")
        if self.base_url is not None:
            self._check_address(self.base_url)
        self._check_body()
        object.__setattr__(self, "extra_body", dict(self.extra_body))

    def _check_body(self) -> None:
        for name in self.extra_body:
            if name.lower().replace("-", "_") in _SECRETS:
                raise ValueError(
                    f"extra_body of {self.name} must hold no {name}: settings are written down; "
                    "name the environment variable that holds it in key_env"
                )

    def _check_address(self, base_url: str) -> None:
        # Nothing of an address with a user or a query is shown: both hold secrets
        if any(mark in base_url for mark in "@?#"):
            raise ValueError(f"base_url of {self.name} must hold no user, query or fragment")
        url = _address(base_url)
        if url is None:
            raise ValueError(
                "base_url must be an http(s) address, a plain host and at most a port in "
                f"[1, 65535], was {_shown(base_url)}"
            )
        if url.scheme == "http" and self.key_env is not None and not is_this_machine(url.hostname):
            raise ValueError(f"base_url must be https where a key is sent, was {_shown(base_url)}")

    def key(self, environ: Mapping[str, str]) -> str | None:
        """Read the key, None where none is sent; raises ValueError where it is missing or odd."""
        if self.key_env is None:
            return None
        key = environ.get(self.key_env, "").strip()
        if not key:
            raise ValueError(f"{self.key_env} is not set, and provider {self.name} needs a key")
        if not (key.isascii() and key.isprintable() and " " not in key):
            raise ValueError(f"{self.key_env} holds characters that no key has")
        return key


def _address(base_url: str) -> SplitResult | None:
    """Take an address apart, None where a library would stumble over it later."""
    if not (base_url.isascii() and base_url.isprintable() and " " not in base_url):
        return None
    try:
        url = urlsplit(base_url)
        host, port = url.hostname or "", url.port
    except ValueError:  # of brackets or a port
        return None
    named = f"[{host}]" if ":" in host else host
    is_whole = url.netloc.lower() in (named, f"{named}:{port}") and port != 0
    return url if url.scheme in ("http", "https") and is_whole and _is_host(host) else None


def _is_host(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return len(name) <= _LONGEST_HOST and _HOST.fullmatch(name) is not None
    return True


_LOCAL: Final = MappingProxyType({"mode": Mode.NATIVE, "key_env": None})

# `model` of the local ones is what was loaded there, so a person names it
PRESETS: Final[Mapping[str, Mapping[str, Any]]] = MappingProxyType(
    {
        "qwen": {
            "model": "qwen-max",
            "base_url": "https://dashscope-intl.aliyuncs.com/compatible-mode/v1",
            "key_env": "DASHSCOPE_API_KEY",
            "mode": Mode.JSON_OBJECT,
            "extra_body": {"enable_thinking": False},
        },
        "deepseek": {
            "model": "deepseek-flash",
            "base_url": "https://api.deepseek.com",
            "key_env": "DEEPSEEK_API_KEY",
            "mode": Mode.JSON_OBJECT,
            "extra_body": {"thinking": {"type": "disabled"}},
        },
        "openai": {
            "model": "gpt-5.6-luna",
            "base_url": "https://api.openai.com/v1",
            "key_env": "OPENAI_API_KEY",
            "mode": Mode.NATIVE,
            "strict": None,
            "max_completion_tokens": True,
            "extra_body": {"reasoning_effort": "none"},
        },
        "mistral": {
            "model": "mistral-medium-latest",
            "base_url": "https://api.mistral.ai/v1",
            "key_env": "MISTRAL_API_KEY",
            "mode": Mode.JSON_OBJECT,
        },
        "anthropic": {
            "protocol": WireProtocol.ANTHROPIC,
            "model": "claude-haiku-4-5",
            "base_url": "https://api.anthropic.com",
            "key_env": "ANTHROPIC_API_KEY",
            "mode": Mode.NATIVE,
            "strict": True,
        },
        "vllm": {**_LOCAL, "base_url": "http://127.0.0.1:8000/v1"},
        "llamacpp": {**_LOCAL, "base_url": "http://127.0.0.1:8080/v1", "model": "default"},
        "ollama": {**_LOCAL, "base_url": "http://127.0.0.1:11434/v1"},
    }
)


def preset(name: str, /, **changes: Any) -> ProviderSpec:
    """Give a provider known by name, with what is to differ; raises ValueError for what is not."""
    merged = with_preset({"preset": name, **changes})
    unknown = sorted(set(merged) - {one.name for one in fields(ProviderSpec)})
    if unknown:
        raise ValueError(f"unknown fields of provider {name}: {', '.join(unknown)}")
    if "model" not in merged:
        raise ValueError(f"model must be given for provider {name}")
    return ProviderSpec(**merged)


def with_preset(value: Mapping[str, Any] | str) -> dict[str, Any]:
    """Fill what settings say of a provider from its preset: a name alone, or fields with `preset`.

    Fields without `preset` are left as they are. Meant to run before validation.
    """
    given = {"preset": value} if isinstance(value, str) else dict(value)
    if (name := given.pop("preset", None)) is None:
        return given
    if not isinstance(name, str) or name not in PRESETS:
        # The value is not shown: here too a key is put by mistake
        raise ValueError(f"preset must be one of {', '.join(PRESETS)}, was {unseen(name)}")
    return {"name": name, **PRESETS[name], **given}


def _shown(base_url: str) -> str:
    """Show what is an address; what is none may be a key that was put there by mistake."""
    return f"{base_url!r:.200}" if "://" in base_url else unseen(base_url)
