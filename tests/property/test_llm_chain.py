"""Laws of the chain: never late, never too often, always a reply or a typed failure."""

from random import Random

from hypothesis import given
from hypothesis import strategies as st

from morningstar_strategy.supervisor.chain import Chain, Patience
from morningstar_strategy.supervisor.exchange import Failure, ProviderError
from tests.llm.asking import question
from tests.unit.test_llm_chain import Act, Scripted, Time

SECS = st.floats(0.0, 20.0)
ACTS = st.builds(
    Act,
    secs=SECS,
    failure=st.sampled_from([None, *Failure]),
    retry_after_secs=st.none() | SECS,
)
SCRIPTS = st.lists(st.lists(ACTS, min_size=1, max_size=6), min_size=1, max_size=3)
PATIENCE = st.builds(
    Patience,
    attempts=st.integers(1, 4),
    first_wait_secs=st.floats(0.01, 2.0),
    first_share=st.floats(0.1, 1.0),
    breaker_failures=st.integers(1, 4),
    breaker_secs=st.floats(0.1, 100.0),
)


@given(SCRIPTS, PATIENCE, st.floats(0.1, 20.0), st.integers(0, 2**32))
def test_every_question_ends_in_time(
    scripts: list[list[Act]], patience: Patience, deadline_secs: float, seed: int
) -> None:
    time = Time()
    providers = [Scripted(time, *acts) for acts in scripts]
    chain = Chain(
        {str(number): one for number, one in enumerate(providers)},
        rng=Random(seed),
        patience=patience,
        clock=time.clock,
        pause=time.pause,
    )
    for _ in range(5):
        started, before = time.now, [len(one.deadlines) for one in providers]
        try:
            latency_ms = chain.ask(question(), deadline_secs=deadline_secs).latency_ms
        except ProviderError as e:
            latency_ms = e.latency_ms
        took = time.now - started
        assert took <= deadline_secs + 1e-6
        assert abs(latency_ms - took * 1_000) <= 1
        for one, count in zip(providers, before, strict=True):
            assert len(one.deadlines) - count <= patience.attempts
            assert all(0 < secs <= deadline_secs + 1e-6 for secs in one.deadlines)
