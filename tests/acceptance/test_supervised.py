"""`config/supervised.yaml` as a user meets it: scripted, replayed from its tape, verified."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from morningstar_strategy.journal import JOURNAL, MANIFEST, TAPE
from tests.acceptance.conftest import RunCommand


@pytest.fixture
def supervised(options: Sequence[str], tmp_path: Path) -> Sequence[str]:
    """Point the supervised configuration at the sample of the tests, over few days."""
    del tmp_path
    given = list(options)
    given[given.index("config/sample.yaml")] = "config/supervised.yaml"
    return (*given, "--set", "data.end=2024-01-08", "--json")


def run(command: RunCommand, *args: str) -> tuple[Path, dict[str, Any]]:
    result = command(*args)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    return Path(told["run"]), told


def said(folder: Path, kind: str) -> list[dict[str, Any]]:
    lines = (folder / JOURNAL).read_text(encoding="utf-8").splitlines()
    return [record for record in map(json.loads, lines) if record["kind"] == kind]


def test_a_run_replays_from_its_tape_byte_for_byte_and_one_changed_byte_is_found(
    command: RunCommand, supervised: Sequence[str], tmp_path: Path
) -> None:
    first, told = run(command, *supervised)
    replay = ("--set", "supervisor.source=tape", "--set", f"supervisor.tape={first}")
    second, _ = run(command, *supervised, *replay, "--set", f"runs={tmp_path / 'again'}")
    assert (second / JOURNAL).read_bytes() == (first / JOURNAL).read_bytes()
    assert (second / TAPE).read_bytes() == (first / TAPE).read_bytes()

    # What the journal holds of it, and what the report makes of that
    reviews, exchanges = said(first, "review"), said(first, "exchange")
    assert {review["purpose"] for review in reviews} == {"review", "execute"}
    assert told["supervisor"]["considered"] == len(reviews)
    assert told["supervisor"]["exchanges"] == len(exchanges) > 100
    assert "What it said" in (first / "report.html").read_text(encoding="utf-8")

    module = ("-m", "morningstar_strategy.journal", "verify")
    sound = command(*module, str(first), str(second))
    assert sound.returncode == 0, sound.stdout
    assert sound.stdout.count("sound") == 2
    assert f"{len(exchanges):,} exchanges" in sound.stdout
    tape = bytearray((second / TAPE).read_bytes())
    tape[len(tape) // 2] ^= 1
    (second / TAPE).write_bytes(tape)
    faulty = command(*module, str(first), str(second))
    assert faulty.returncode == 1
    assert f"{second}: FAULT: line " in faulty.stdout
    refused = command(*supervised, *replay[:3], f"supervisor.tape={second}")
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: supervisor: line ")
    assert len(refused.stderr.splitlines()) == 1


def test_a_question_that_is_not_on_the_tape_ends_the_run_and_leaves_nothing(
    command: RunCommand, supervised: Sequence[str], tmp_path: Path
) -> None:
    first, _ = run(command, *supervised)
    result = command(
        *supervised,
        *("--set", "supervisor.source=tape", "--set", f"supervisor.tape={first}"),
        *("--set", "capital=5000", "--set", f"runs={tmp_path / 'other'}"),
    )
    assert result.returncode == 2
    lines = result.stderr.splitlines()  # the engine says in between that a callback raised
    assert any(line.startswith("error: tape.jsonl has no answer to ") for line in lines)
    assert "Traceback" not in result.stderr
    assert list((tmp_path / "other").iterdir()) == []


def test_a_replay_of_a_part_of_a_tape_says_how_much_nobody_asked_for(
    command: RunCommand, supervised: Sequence[str], tmp_path: Path
) -> None:
    first, whole = run(command, *supervised)
    replay = ("--set", "supervisor.source=tape", "--set", f"supervisor.tape={first}")
    other = ("--set", "data.end=2024-01-05", "--set", f"runs={tmp_path / 'part'}")
    second, part = run(command, *supervised, *replay, *other)
    left = len(said(first, "exchange")) - len(said(second, "exchange"))
    assert left > 0
    assert json.loads((second / MANIFEST).read_text())["tape_unasked"] == left
    words = "exchanges of the tape were never asked for"
    assert any(line.startswith(f"{left:,} {words}") for line in part["assumptions"])
    assert not [line for line in whole["assumptions"] if words in line]
    assert "tape_unasked" not in json.loads((first / MANIFEST).read_text())


def test_with_the_supervisor_off_it_is_the_models_run_byte_for_byte(
    command: RunCommand, supervised: Sequence[str], options: Sequence[str], tmp_path: Path
) -> None:
    off, _ = run(command, *supervised, "--set", "supervisor.source=off")
    plain, told = run(
        command,
        *options,
        *("--set", "predictor=baseline", "--set", "data.end=2024-01-08", "--json"),
        *("--set", f"runs={tmp_path / 'plain'}"),
    )
    assert (off / JOURNAL).read_bytes() == (plain / JOURNAL).read_bytes()
    assert not (off / TAPE).exists()
    assert "supervisor" not in told
    assert "tape_sha256" not in json.loads((off / MANIFEST).read_text())


def test_a_reviewer_that_may_not_propose_only_takes_risk_off(
    command: RunCommand, supervised: Sequence[str]
) -> None:
    folder, _ = run(command, *supervised, "--set", "supervisor.may_propose=false")
    reviews = said(folder, "review")
    assert {review["purpose"] for review in reviews} == {"review"}
    assert all(review["proposal"] is None for review in reviews)
    assert all(review["scale"] <= 1 for review in reviews)
