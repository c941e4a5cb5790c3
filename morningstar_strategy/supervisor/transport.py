"""The two protocols on the wire, through pydantic-ai; nothing else in the project imports it."""

import logging
import re
from collections.abc import Iterable
from typing import Any, Final, cast

import httpx2
from pydantic_ai.direct import model_request
from pydantic_ai.exceptions import (
    ModelAPIError,
    ModelConnectionError,
    ModelHTTPError,
    ModelTimeoutError,
    UnexpectedModelBehavior,
)
from pydantic_ai.messages import ModelMessage, ModelRequest, ModelResponse, TextPart, UserPromptPart
from pydantic_ai.models import Model, ModelRequestParameters
from pydantic_ai.output import OutputObjectDefinition
from pydantic_ai.settings import ModelSettings

from morningstar_strategy.supervisor.client import Heard, Line
from morningstar_strategy.supervisor.exchange import Failure, Prompt, ProviderError, Question
from morningstar_strategy.supervisor.providers import Mode, ProviderSpec, WireProtocol
from morningstar_strategy.supervisor.reply import LONGEST_REPLY

__all__ = ["open_line"]

_MAX_ANSWER_BYTES: Final = 262_144
_SHORTEST_SECRET: Final = 8  # a shorter key is a stand-in such as `none`, which replies may say
_ESCAPED: Final = re.compile(r"""\\(?:u([0-9a-fA-F]{4})|(["\\/]))""")
_NO_KEY: Final = "none"  # the libraries insist on one; it is not sent
_CODE: Final = re.compile(r"[A-Za-z_]{2,48}")
_BYTES_A_TOKEN: Final = 3  # few enough to guess high
_TALKATIVE: Final = ("openai", "anthropic", "httpx2", "httpcore2")
# Whatever else the libraries would say, about this machine or from its environment, stays here
_SENT: Final = frozenset(
    {
        *("host", "connection", "accept", "content-type", "content-length", "transfer-encoding"),
        *("user-agent", "authorization", "x-api-key", "anthropic-version", "anthropic-beta"),
    }
)
_NOT_SENT: Final = ("ConnectError", "ConnectTimeout", "PoolTimeout")  # nobody pays for these
_BY_STATUS: Final = {
    401: Failure.UNAUTHORISED,
    402: Failure.UNAUTHORISED,
    403: Failure.UNAUTHORISED,
    408: Failure.UNAVAILABLE,
    409: Failure.UNAVAILABLE,
    429: Failure.THROTTLED,
}


def open_line(spec: ProviderSpec, key: str | None) -> Line:
    """Open the line to a provider, without a first connection."""
    http = httpx2.AsyncClient(
        follow_redirects=False,  # a key goes where it was meant to go,
        trust_env=False,  # and through no proxy, which would read it on its way to this machine
        event_hooks={"request": [_strip(key)], "response": [_limit]},
    )
    model = _OPENERS[spec.protocol](spec, key or _NO_KEY, http)
    for name in _TALKATIVE:
        # Their debug logs hold headers and bodies of both sides
        logging.getLogger(name).setLevel(logging.WARNING)
    return _PydanticLine(spec, key, http, model)


class _PydanticLine:
    """Asks through a model of pydantic-ai."""

    def __init__(
        self, spec: ProviderSpec, key: str | None, http: httpx2.AsyncClient, model: Model[Any]
    ) -> None:
        self._spec = spec
        self._key = key
        self._http = http
        self._model = model

    async def ask(self, question: Question, *, deadline_secs: float) -> Heard:
        """Send one request; raises ProviderError, whatever happens."""
        try:
            response = await model_request(
                self._model,
                _messages(question),
                model_settings=_settings(self._spec, deadline_secs),
                model_request_parameters=_parameters(self._spec, question.prompt),
            )
            return self._heard(question, response)
        except ProviderError:
            raise
        except Exception as e:  # An odd answer may break the libraries anywhere
            raise self._failure(e) from None

    async def close(self) -> None:
        """Close the connections."""
        await self._http.aclose()

    def _heard(self, question: Question, response: ModelResponse) -> Heard:
        if response.finish_reason == "content_filter":
            detail = f"{self._spec.name}: would not answer this question"
            raise ProviderError(Failure.REFUSED, detail, charged=1)
        text = _sound(part.content for part in response.parts if isinstance(part, TextPart))
        if self._key is not None and _tells(text, self._key):
            detail = f"{self._spec.name}: the reply held the key, and is kept nowhere"
            raise ProviderError(Failure.LEAKED, detail, charged=1)
        prompt, usage = question.prompt, response.usage
        asked = f"{prompt.system}{prompt.user}{prompt.schema}{question.turns}"
        return Heard(
            text=text[: LONGEST_REPLY + 1],  # enough to be refused as too long
            tokens_in=int(usage.input_tokens) or _guessed(asked),
            tokens_out=int(usage.output_tokens) or _guessed(text),
        )

    def _failure(self, e: Exception) -> ProviderError:
        # Words of the other side stay out: they may echo the key, or be written for the reader
        name = self._spec.name
        match e:
            case ModelHTTPError(status_code=status):
                return ProviderError(
                    _BY_STATUS.get(
                        status, Failure.REFUSED if 400 <= status < 500 else Failure.UNAVAILABLE
                    ),
                    f"{name}: HTTP {status}{self._code(e)}",
                    retry_after_secs=e.retry_after,
                )
            case ModelTimeoutError():
                return ProviderError(Failure.DEADLINE, f"{name}: no reply in time", charged=1)
            case ModelConnectionError():
                cause = type(e.__cause__.__cause__ if e.__cause__ else None).__name__
                detail = f"{name}: the connection failed ({cause})"
                charged = int(cause not in _NOT_SENT)
                return ProviderError(Failure.UNAVAILABLE, detail, charged=charged)
            case ModelAPIError() | UnexpectedModelBehavior():
                detail = f"{name}: the answer is not one of the {self._spec.protocol} protocol"
                return ProviderError(Failure.UNAVAILABLE, detail, charged=1)
            case _:
                detail = f"{name}: the answer cannot be read ({type(e).__name__})"
                return ProviderError(Failure.UNAVAILABLE, detail, charged=1)

    def _code(self, e: ModelHTTPError) -> str:
        key = self._key or ""
        for code in (e.provider_error_code, e.provider_error_type):
            if isinstance(code, str) and _CODE.fullmatch(code) and code not in key:
                return f" {code}" if not key or key not in code else ""
        return ""


def _messages(question: Question) -> list[ModelMessage]:
    prompt = question.prompt
    messages: list[ModelMessage] = [_said(prompt, prompt.user)]
    for turn in question.turns:
        # An assistant's turn must not be empty, for some
        messages.append(ModelResponse(parts=[TextPart(turn.reply.strip() or "(nothing)")]))
        messages.append(_said(prompt, turn.complaint))
    return messages


def _said(prompt: Prompt, text: str) -> ModelRequest:
    return ModelRequest(parts=[UserPromptPart(text)], instructions=prompt.system)


def _settings(spec: ProviderSpec, deadline_secs: float) -> ModelSettings:
    settings = ModelSettings(max_tokens=spec.max_tokens, timeout=deadline_secs)
    if spec.temperature is not None:
        settings["temperature"] = spec.temperature
    if spec.extra_body:
        settings["extra_body"] = dict(spec.extra_body)
    return settings


def _parameters(spec: ProviderSpec, prompt: Prompt) -> ModelRequestParameters:
    # JSON by a provider's own switch is `prompted` to the library, with a flag in the profile
    return ModelRequestParameters(
        output_mode="native" if spec.mode is Mode.NATIVE else "prompted",
        output_object=OutputObjectDefinition(
            json_schema=prompt.schema, name=prompt.name, strict=spec.strict
        ),
        allow_text_output=False,
    )


def _openai(spec: ProviderSpec, key: str, http: httpx2.AsyncClient) -> Model[Any]:
    from openai import AsyncOpenAI
    from pydantic_ai.models.openai import OpenAIChatModel
    from pydantic_ai.profiles.openai import OpenAIJsonSchemaTransformer, OpenAIModelProfile
    from pydantic_ai.providers.openai_compatible import OpenAICompatibleProvider

    client = AsyncOpenAI(
        api_key=key,
        base_url=spec.base_url or "https://api.openai.com/v1",
        max_retries=0,  # the chain's business
        http_client=http,
    )
    profile = OpenAIModelProfile(
        supports_json_schema_output=spec.mode is Mode.NATIVE,
        supports_json_object_output=spec.mode is Mode.JSON_OBJECT,
        json_schema_transformer=OpenAIJsonSchemaTransformer if spec.strict is not False else None,
        openai_supports_strict_tool_definition=spec.strict is not False,
        openai_chat_supports_max_completion_tokens=spec.max_completion_tokens,
        openai_chat_supports_multiple_system_messages=False,  # some templates know only one
        openai_supports_reasoning=False,  # what a model refuses is settled in its spec
        # Servers of open models may read `<|im_start|>` in a news item as the real thing
        may_tokenize_special_tokens_in_content=True,
    )
    provider = OpenAICompatibleProvider(spec.name, openai_client=client)
    return OpenAIChatModel(spec.model, provider=provider, profile=profile)


def _anthropic(spec: ProviderSpec, key: str, http: httpx2.AsyncClient) -> Model[Any]:
    from anthropic import AsyncAnthropic
    from pydantic_ai.models.anthropic import AnthropicModel
    from pydantic_ai.profiles.anthropic import AnthropicModelProfile
    from pydantic_ai.providers.anthropic import AnthropicProvider

    client = AsyncAnthropic(
        api_key=key,
        base_url=spec.base_url or "https://api.anthropic.com",
        max_retries=0,  # the chain's business
        http_client=http,
    )
    profile = AnthropicModelProfile(supports_json_schema_output=spec.mode is Mode.NATIVE)
    provider = AnthropicProvider(anthropic_client=client)
    return AnthropicModel(spec.model, provider=provider, profile=profile)


_OPENERS: Final = {WireProtocol.OPENAI: _openai, WireProtocol.ANTHROPIC: _anthropic}


def _strip(key: str | None) -> Any:  # a hook, as httpx2 types them
    async def hook(request: httpx2.Request) -> None:
        kept = _SENT if key is not None else _SENT - {"authorization", "x-api-key"}
        for header in set(request.headers) - kept:
            del request.headers[header]
        request.headers["accept-encoding"] = "identity"

    return hook


class CompressedError(httpx2.ReadError):
    """An answer was compressed, against our word; its length could be anything."""


class TooLongError(httpx2.ReadError):
    """An answer is longer than any honest one."""


async def _limit(response: httpx2.Response) -> None:
    encoding = response.headers.get("content-encoding", "identity")
    if encoding != "identity":
        raise CompressedError(f"the answer came as {encoding}, which was not asked for")
    response.stream = _Limited(cast(httpx2.AsyncByteStream, response.stream))  # of an async client


class _Limited(httpx2.AsyncByteStream):
    """Ends in an error where a body grows too long."""

    def __init__(self, stream: httpx2.AsyncByteStream) -> None:
        self._stream = stream

    async def __aiter__(self) -> Any:  # an async generator; the base class gives no usable type
        length = 0
        async for chunk in self._stream:
            length += len(chunk)
            if length > _MAX_ANSWER_BYTES:
                raise TooLongError(f"the answer is longer than {_MAX_ANSWER_BYTES} bytes")
            yield chunk

    async def aclose(self) -> None:
        await self._stream.aclose()


def _sound(parts: Iterable[str]) -> str:
    # Half a surrogate pair passes as JSON, but cannot be hashed, written or sent again
    return "".join(parts).encode("utf-8", "surrogatepass").decode("utf-8", "replace")


def _tells(text: str, key: str) -> bool:
    """Say whether a text holds a key, as it is or as JSON may write it."""
    if len(key) < _SHORTEST_SECRET:
        return False
    plain = _ESCAPED.sub(lambda found: found[2] or chr(int(found[1], 16)), text)
    return key in text or key in plain


def _guessed(text: str) -> int:
    return len(text.encode("utf-8", "replace")) // _BYTES_A_TOKEN + 1
