"""What the server can be told to answer: replies as providers give them, and misbehaviours."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

# `Any` in this module: bodies are JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class Say:
    """A reply of the model, in the protocol of whoever asks; text of None is a null content.

    `usage` of None leaves the tokens out. `padding` blanks follow the body, which is sent gzipped
    if `compressed`.
    """

    text: str | None
    after_secs: float = 0.0
    usage: tuple[int, int] | None = (120, 30)
    finish: str = "stop"  # or "length", "content_filter"
    refusal: str | None = None
    padding: int = 0
    compressed: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Http:
    """An HTTP response as it is given.

    `cut` bytes of the body are promised and never sent; `drip_secs` pass before every byte.
    """

    status: int = 200
    body: bytes = b""
    content_type: str = "application/json"
    headers: Mapping[str, str] = field(default_factory=dict)
    after_secs: float = 0.0
    cut: int = 0
    drip_secs: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Hang:
    """No answer until the server closes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reset:
    """The connection reset instead of an answer."""


type Answer = Say | Http | Hang | Reset


def error(status: int, code: str = "server_error", **headers: str) -> Http:
    """Give an error as providers word it; `retry_after="2"` becomes the header Retry-After."""
    body = {"error": {"message": f"status {status}", "type": code, "code": code}}
    return Http(
        status=status,
        body=json.dumps(body).encode(),
        headers={name.replace("_", "-"): value for name, value in headers.items()},
    )


def page(status: int = 200) -> Http:
    """Give the page of a proxy."""
    return Http(status=status, body=b"<html><h1>hello</h1></html>", content_type="text/html")


def truncated() -> Http:
    """Give a body that ends before its length is reached."""
    return Http(body=b'{"id": "x", "choices": [{"mess', cut=500)


def openai_body(say: Say, model: str) -> dict[str, Any]:
    """Word a reply as a chat completion."""
    message = {"role": "assistant", "content": say.text}
    if say.refusal is not None:
        message["refusal"] = say.refusal
    choice = {"index": 0, "message": message, "finish_reason": say.finish, "logprobs": None}
    body: dict[str, Any] = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_700_000_000,
        "model": model,
        "choices": [choice],
    }
    if say.usage is not None:
        read, written = say.usage
        body["usage"] = {
            "prompt_tokens": read,
            "completion_tokens": written,
            "total_tokens": read + written,
        }
    return body


_STOPS = {"stop": "end_turn", "length": "max_tokens", "content_filter": "refusal"}


def anthropic_body(say: Say, model: str) -> dict[str, Any]:
    """Word a reply as a message."""
    read, written = say.usage or (0, 0)
    return {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": model,
        "content": [] if say.text is None else [{"type": "text", "text": say.text}],
        "stop_reason": _STOPS[say.finish],
        "stop_sequence": None,
        "usage": {"input_tokens": read, "output_tokens": written},
    }
