"""Questions and providers for tests that talk to the server."""

from typing import Any

from morningstar_strategy.supervisor.client import HttpProvider
from morningstar_strategy.supervisor.exchange import Prompt, Purpose, Question, Turn
from morningstar_strategy.supervisor.providers import ProviderSpec, WireProtocol, preset
from tests.llm.server import LlmServer

KEY = "skCanaryOnlyLettersSoThatItLooksLikeACode"
SCHEMA: dict[str, Any] = {  # `Any`: a JSON schema
    "type": "object",
    "properties": {
        "verdict": {"type": "string", "enum": ["CONFIRMED", "VETOED"]},
        "scale": {"type": "number", "minimum": 0, "maximum": 1},
        "why": {"type": "string", "maxLength": 600},
    },
    "required": ["verdict", "scale"],
    "additionalProperties": False,
}


def question(*turns: Turn, user: str = "How is BTC?") -> Question:
    """Ask for a review."""
    prompt = Prompt(
        name="review",
        version=1,
        template_sha="0" * 64,
        system="You review trades. Answer in JSON.",
        user=user,
        schema=SCHEMA,
    )
    return Question(
        purpose=Purpose.REVIEW,
        instrument_id="BTCUSDT-PERP.BINANCE",
        ts_event=1_700_000_000_000_000_000,
        prompt=prompt,
        turns=turns,
    )


def spec_for(server: LlmServer, protocol: str = "openai", **changes: Any) -> ProviderSpec:
    """Point a preset at the server, with the key in LLM_KEY."""
    wire = WireProtocol(protocol)
    base_url = server.url if wire is WireProtocol.ANTHROPIC else f"{server.url}/v1"
    name = "anthropic" if wire is WireProtocol.ANTHROPIC else "qwen"
    return preset(name, **{"base_url": base_url, "key_env": "LLM_KEY", **changes})


def open_provider(server: LlmServer, protocol: str = "openai", **changes: Any) -> HttpProvider:
    """Open a provider at the server."""
    return HttpProvider(spec_for(server, protocol, **changes), environ={"LLM_KEY": KEY})
