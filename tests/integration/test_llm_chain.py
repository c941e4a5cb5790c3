"""Live providers in a chain: fallbacks and breakers against servers."""

from random import Random

import pytest

from morningstar_strategy.supervisor.chain import Patience, open_chain
from morningstar_strategy.supervisor.exchange import Failure, ProviderError, Reply
from morningstar_strategy.supervisor.providers import ProviderSpec
from tests.llm.answers import Hang, error
from tests.llm.asking import KEY, question, spec_for
from tests.llm.server import LlmServer

TEXT = '{"verdict": "CONFIRMED", "scale": 1}'


def _chain_of(*servers: LlmServer) -> list[ProviderSpec]:
    return [spec_for(one, name=f"link{number}") for number, one in enumerate(servers)]


def test_a_fallback_answers_where_the_first_is_slow_and_the_latency_is_of_both() -> None:
    with (
        LlmServer(Hang()) as slow,
        LlmServer(TEXT) as spare,
        open_chain(_chain_of(slow, spare), environ={"LLM_KEY": KEY}, rng=Random(7)) as chain,
    ):
        reply = chain.ask(question(), deadline_secs=3.0)
    assert isinstance(reply, Reply)
    assert (reply.provider, len(slow.asked), len(spare.asked)) == ("link1", 1, 1)
    assert reply.latency_ms >= 1_800  # the first one's share


def test_after_three_failures_a_provider_is_not_called_and_after_a_while_it_is() -> None:
    now = [0.0]
    patience = Patience(attempts=1, breaker_failures=3, breaker_secs=60.0)
    with (
        LlmServer(error(500)) as server,
        open_chain(
            _chain_of(server),
            environ={"LLM_KEY": KEY},
            rng=Random(7),
            patience=patience,
            clock=lambda: now[0],
        ) as chain,
    ):
        failures = []
        for _ in range(6):
            with pytest.raises(ProviderError) as caught:
                chain.ask(question(), deadline_secs=20.0)
            failures.append(caught.value.failure)
        assert failures == [Failure.UNAVAILABLE] * 3 + [Failure.OPEN] * 3
        assert len(server.asked) == 3
        server.then(TEXT)
        now[0] = 60.0
        assert chain.ask(question(), deadline_secs=20.0).text == TEXT
        assert len(server.asked) == 4


def test_a_name_given_twice_and_a_missing_key_are_refused_before_anything_is_asked() -> None:
    with LlmServer(TEXT) as server:
        twice = [spec_for(server), spec_for(server)]
        with (
            pytest.raises(ValueError, match=r"distinct, were qwen, qwen"),
            open_chain(twice, environ={"LLM_KEY": KEY}, rng=Random(7)),
        ):
            pass
        with (
            pytest.raises(ValueError, match="LLM_KEY is not set"),
            open_chain(_chain_of(server), environ={}, rng=Random(7)),
        ):
            pass
        assert server.asked == []
