"""Examples of tapes: what is written is read, a change is found, a replay says the same."""

import json
from dataclasses import replace
from decimal import Decimal
from hashlib import sha256
from pathlib import Path

import pytest

from morningstar_strategy.supervisor.budget import Budget, Price
from morningstar_strategy.supervisor.exchange import (
    Exchange,
    Failure,
    Provider,
    ProviderError,
    Purpose,
)
from morningstar_strategy.supervisor.policy import SupervisorPolicy
from morningstar_strategy.supervisor.supervisor import Considered, Supervisor
from morningstar_strategy.supervisor.tape import (
    TapeError,
    TapeMiss,
    TapeProvider,
    TapeWriter,
    read_tape,
    verify_tape,
)
from tests.supervised import CONFIRMING, NOW, SECOND, VETOING, Answering, idle, news, scene

POLICY = SupervisorPolicy(may_propose=True)
BUDGET = Budget(
    prices={"told-1": Price(tokens_in=Decimal("0.4"), tokens_out=Decimal("1.2"))},
    money_per_decision=Decimal(1),
)
ASKED = (
    (scene(), Purpose.REVIEW),
    (idle(at=NOW + SECOND), Purpose.EXECUTE),
    (scene(at=NOW + 2 * SECOND, externals=(news("比特币 naïve \U0001f600"),)), Purpose.REVIEW),
    (scene(at=NOW + 3 * SECOND), Purpose.REVIEW),
)
ANSWERS = (
    VETOING,
    "surely \ud800!",
    '{"action": "DO_NOTHING", "reasoning": "naïve \U0001f600"}',
    ProviderError(Failure.THROTTLED, "429, retry after 3 s", latency_ms=120, charged=1),
    CONFIRMING,
)


def considered(provider: Provider) -> list[Considered]:
    supervisor = Supervisor(provider=provider, policy=POLICY, budget=BUDGET)
    return [supervisor.consider(shown, purpose) for shown, purpose in ASKED]


def recorded(path: Path) -> list[Exchange]:
    found = considered(Answering(*ANSWERS, latency_ms=350))
    exchanges = [exchange for each in found for exchange in each.exchanges]
    with TapeWriter(path) as tape:
        for exchange in exchanges:
            tape.append(exchange)
    return exchanges


def test_what_is_written_is_read(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "tape.jsonl"
    exchanges = recorded(path)
    assert len(exchanges) == 5
    assert list(read_tape(path)) == exchanges
    assert verify_tape(path) == 5


def test_a_replay_says_the_same_with_the_same_latency(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    recorded(path)
    first = considered(Answering(*ANSWERS, latency_ms=350))
    assert considered(TapeProvider(path)) == first
    assert [each.latency_ns for each in first] == [
        350_000_000,
        700_000_000,  # with its repair
        120_000_000,
        350_000_000,
    ]


def test_a_replayed_run_writes_the_same_tape(tmp_path: Path) -> None:
    recorded(tmp_path / "first.jsonl")
    with TapeWriter(tmp_path / "second.jsonl") as tape:
        for each in considered(TapeProvider(tmp_path / "first.jsonl")):
            for exchange in each.exchanges:
                tape.append(exchange)
    first, second = tmp_path / "first.jsonl", tmp_path / "second.jsonl"
    assert first.read_bytes() == second.read_bytes()


def test_what_nobody_asks_of_a_tape_is_counted(tmp_path: Path) -> None:
    recorded(tmp_path / "tape.jsonl")
    provider = TapeProvider(tmp_path / "tape.jsonl")
    assert provider.unasked() == 5
    supervisor = Supervisor(provider=provider, policy=POLICY, budget=BUDGET)
    for _ in range(2):
        supervisor.consider(*ASKED[0])
        assert provider.unasked() == 4
    considered(provider)
    assert provider.unasked() == 0


def test_a_question_that_was_not_asked_stops_the_replay(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    recorded(path)
    supervisor = Supervisor(provider=TapeProvider(path), policy=POLICY, budget=BUDGET)
    with pytest.raises(TapeMiss, match=r"has no answer to review of BTCUSDT-PERP\.BINANCE"):
        supervisor.consider(scene(equity=Decimal(10_001)), Purpose.REVIEW)


def test_a_tape_is_continued(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    exchanges = recorded(path)
    with TapeWriter(path) as tape:
        tape.append(exchanges[0])
    assert verify_tape(path) == 6


def test_an_empty_tape_is_sound(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    TapeWriter(path).close()
    assert verify_tape(path) == 0


def test_every_changed_byte_is_found(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    recorded(path)
    sound = path.read_bytes()
    second = sound.index(b"\n") + 1
    for place in range(second, sound.index(b"\n", second) + 1, 7):
        path.write_bytes(sound[:place] + bytes([sound[place] ^ 1]) + sound[place + 1 :])
        with pytest.raises(TapeError, match=r"^line [23] of tape\.jsonl "):
            verify_tape(path)
    path.write_bytes(sound)
    assert verify_tape(path) == 5


def test_lines_cannot_be_taken_out_or_exchanged_or_cut(tmp_path: Path) -> None:
    path = tmp_path / "tape.jsonl"
    recorded(path)
    lines = path.read_bytes().splitlines(keepends=True)
    for wrong, line in (
        (lines[1:], 1),
        (lines[:1] + lines[2:], 2),
        ([lines[0], lines[2], lines[1], *lines[3:]], 2),
        ([*lines[:2], lines[1], *lines[2:]], 3),
        ([*lines[:4], lines[4][:-1]], 5),
        ([*lines[:4], b"\n", lines[4]], 5),
        ([*lines[:4], b"null\n"], 5),
        ([*lines[:4], b"\xff\xfe\n"], 5),
    ):
        path.write_bytes(b"".join(wrong))
        with pytest.raises(TapeError, match=f"^line {line} of tape.jsonl"):
            verify_tape(path)
        if wrong[-1].endswith(b"\n"):
            with pytest.raises(TapeError):
                TapeWriter(path)


def test_a_line_with_a_sound_hash_but_no_exchange_is_found(tmp_path: Path) -> None:
    body = json.dumps(
        {"exchange": {"key": "x"}, "format": 1, "index": 0}, sort_keys=True, separators=(",", ":")
    )
    mark = sha256(f"{'0' * 64}\n{body}".encode()).hexdigest()
    path = tmp_path / "tape.jsonl"
    path.write_text(f'{{"prev": "{"0" * 64}", "hash": "{mark}", "body": {body}}}\n')
    with pytest.raises(TapeError, match=r"line 1 of tape\.jsonl is no exchange"):
        verify_tape(path)


def test_the_key_of_a_question_holds_all_that_was_asked(tmp_path: Path) -> None:
    keys = {each.question.key for each in recorded(tmp_path / "tape.jsonl")}
    assert len(keys) == 5


def test_what_prompts_have_in_common_is_never_taken_for_another_template(tmp_path: Path) -> None:
    first, *_ = recorded(tmp_path / "first.jsonl")
    prompt = first.question.prompt
    others = (
        replace(prompt, system=f"{prompt.system} Be brief."),
        replace(prompt, template_sha="0" * 64),
        replace(prompt, name="other"),
        replace(prompt, version=prompt.version + 1),
        replace(prompt, schema={**prompt.schema, "title": "an opinion"}),
    )
    asked = [
        replace(first, question=replace(first.question, prompt=each)) for each in (prompt, *others)
    ]
    with TapeWriter(tmp_path / "tape.jsonl") as tape:
        for exchange in asked:
            tape.append(exchange)
    assert list(read_tape(tmp_path / "tape.jsonl")) == asked
