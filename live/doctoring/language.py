"""Whether the language models that review answer: one tiny request each."""

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from typing import Final

from live.doctoring.finding import Finding, Level, about
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.supervisor.client import HttpProvider
from morningstar_strategy.supervisor.exchange import Prompt, ProviderError, Purpose, Question
from morningstar_strategy.supervisor.providers import ProviderSpec

__all__ = ["language_models"]

_MOST_TOKENS: Final = 32  # the reply is not read
_SYSTEM: Final = "Answer with one JSON object and nothing else."
_USER: Final = 'A test of the connection. Answer with this JSON: {"ok": true}'
_SCHEMA: Final = {
    "type": "object",
    "properties": {"ok": {"type": "boolean"}},
    "required": ["ok"],
    "additionalProperties": False,
}


def language_models(
    settings: Settings, *, environ: Mapping[str, str], now_ns: int
) -> tuple[Finding, ...]:
    """Ask every provider once; red where none of them answers."""
    if settings.supervisor.source != "live":
        text = f"supervisor.source is {settings.supervisor.source}: none is asked"
        return (about("language model", Level.OK, text),)
    deadline_secs = settings.supervisor.policy.deadline_secs
    found = tuple(
        _asked(spec, environ=environ, now_ns=now_ns, deadline_secs=deadline_secs)
        for spec in settings.supervisor.providers
    )
    if any(each.level is Level.OK for each in found):
        return found
    text = "no provider answers, so nobody can review an entry"
    return (*found, about("language model", Level.RED, text))


def _asked(
    spec: ProviderSpec, *, environ: Mapping[str, str], now_ns: int, deadline_secs: float
) -> Finding:
    brief = replace(spec, max_tokens=min(spec.max_tokens, _MOST_TOKENS))
    try:
        with HttpProvider(brief, environ=environ) as provider:
            reply = provider.ask(_question(now_ns), deadline_secs=deadline_secs)
    except (ValueError, RuntimeError) as e:  # no key, or no extra `llm`: no node would start
        return about("language model", Level.RED, f"{e}", provider=spec.name)
    except ProviderError as e:
        text = f"{spec.name} {spec.model} does not answer: {e}"
        return about("language model", Level.WARN, text, provider=spec.name, why=e.failure.value)
    text = f"{spec.name} {spec.model} answered in {reply.latency_ms} ms"
    return about("language model", Level.OK, text, provider=spec.name, latency_ms=reply.latency_ms)


def _question(now_ns: int) -> Question:
    words = f"{_SYSTEM}\n{_USER}".encode()
    prompt = Prompt(
        name="doctor",
        version=1,
        template_sha=sha256(words).hexdigest(),
        system=_SYSTEM,
        user=_USER,
        schema=_SCHEMA,
    )
    return Question(
        purpose=Purpose.REVIEW, instrument_id="connection", ts_event=now_ns, prompt=prompt
    )
