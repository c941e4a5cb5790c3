"""Law of the live provider: whatever body comes back, a reply or a typed failure comes out."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from morningstar_strategy.supervisor.client import HttpProvider
from morningstar_strategy.supervisor.exchange import Failure, ProviderError, Reply
from tests.llm.answers import Http, Say, anthropic_body, openai_body
from tests.llm.asking import KEY, open_provider, question
from tests.llm.server import LlmServer

# `Any` in this module: bodies are JSON

BODIES = {
    "openai": openai_body(Say(text="{}"), "m"),
    "anthropic": anthropic_body(Say(text="{}"), "m"),
}
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(2**70), 2**70)
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["refusal", "tool_use", "max_tokens", "pause_turn", "length", KEY])
)
JSON = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)


def paths(value: Any) -> Iterator[tuple[str | int, ...]]:
    """Give the way to every place of a JSON value."""
    yield ()
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from ((key, *rest) for rest in paths(inner))


def replaced(value: Any, path: tuple[str | int, ...], other: Any) -> Any:
    """Give the JSON value with another one at a place."""
    if not path:
        return other
    copy = value.copy()
    copy[path[0]] = replaced(value[path[0]], path[1:], other)
    return copy


@pytest.fixture(scope="module", params=sorted(BODIES))
def line(request: pytest.FixtureRequest) -> Iterator[tuple[str, LlmServer, HttpProvider]]:
    with LlmServer("") as server, open_provider(server, request.param) as provider:
        yield request.param, server, provider


def outcome(provider: HttpProvider) -> Reply | ProviderError:
    try:
        return provider.ask(question(), deadline_secs=30.0)
    except ProviderError as e:
        return e


@settings(max_examples=200)
@given(st.data())
def test_any_body_becomes_a_reply_or_a_failure(
    line: tuple[str, LlmServer, HttpProvider], data: st.DataObject
) -> None:
    protocol, server, provider = line
    path = data.draw(st.sampled_from(sorted(paths(BODIES[protocol]), key=repr)))
    body = replaced(BODIES[protocol], path, data.draw(JSON))
    server.then(Http(body=json.dumps(body).encode()))
    match outcome(provider):
        case Reply() as reply:
            for tokens in (reply.tokens_in, reply.tokens_out):
                assert isinstance(tokens, int)
                assert tokens > 0
            reply.text.encode()  # can be written and hashed
            assert KEY not in reply.text
        case ProviderError() as e:
            assert KEY not in str(e)
            assert str(e).startswith(f"{provider.name}: ")


def escaped(text: str, places: set[int]) -> str:
    """Write some letters of a text as JSON may write any."""
    return "".join(
        f"\\u{ord(letter):04x}" if place in places else letter for place, letter in enumerate(text)
    )


@settings(max_examples=100)
@given(st.text(), st.sets(st.integers(0, len(KEY) - 1)), st.text())
def test_whatever_stands_around_the_key_no_reply_holds_it(
    line: tuple[str, LlmServer, HttpProvider], before: str, places: set[int], after: str
) -> None:
    _, server, provider = line
    server.then(Say(text=f"{before}|{escaped(KEY, places)}|{after}"))
    came = outcome(provider)
    assert isinstance(came, ProviderError)
    assert came.failure is Failure.LEAKED
    assert KEY not in repr(came)


@settings(max_examples=100)
@given(st.binary(max_size=200), st.sampled_from(["application/json", "text/html", "", "\xe9"]))
def test_any_bytes_become_a_failure(
    line: tuple[str, LlmServer, HttpProvider], body: bytes, content_type: str
) -> None:
    _, server, provider = line
    server.then(Http(body=body, content_type=content_type))
    assert isinstance(outcome(provider), ProviderError)
