"""`python live/audit.py` on run folders and files: verdicts, JSON, exit codes, one sentence."""

import json
from pathlib import Path
from typing import Any

import pytest

from live.audit import main
from morningstar_strategy.journal import JOURNAL, MANIFEST, SETTINGS
from tests.audits import story, write_folder


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return write_folder(tmp_path / "session", story(11).records)


def verdicts(told: str) -> list[dict[str, str]]:
    runs: list[dict[str, Any]] = json.loads(told)["runs"]
    return [{c["criterion"]: c["verdict"] for c in each["criteria"]} for each in runs]


def test_a_good_session_exits_0_with_seven_passes(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run), "--quick-test", "30", "--json"]) == 0
    (found,) = verdicts(capsys.readouterr().out)
    assert len(found) == 7
    assert set(found.values()) == {"PASS"}


def test_a_short_session_exits_1_and_the_table_says_how_long_it_was(
    run: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(run)]) == 1
    told = " ".join(capsys.readouterr().out.split())
    assert "it ran 9 h 59 min, asked were 24 h 0 min" in told
    assert told.count("PASS") == 6


def test_every_run_is_judged_for_itself(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    killed = write_folder(tmp_path / "killed", story(12).records[:-1])
    with (killed / JOURNAL).open("a", encoding="utf-8") as file:
        file.write('{"ts_event":17040')
    (killed / MANIFEST).write_text("{}", encoding="utf-8")
    assert main([str(run), str(killed), "--quick-test", "30", "--json"]) == 1
    good, bad = verdicts(capsys.readouterr().out)
    assert set(good.values()) == {"PASS"}
    assert {name for name, verdict in bad.items() if verdict == "FAIL"} == {"no_crash", "journal"}


def test_what_is_unknown_exits_1_unless_it_is_allowed(tmp_path: Path) -> None:
    path = tmp_path / "trade_log.csv"
    header = "symbol,side,opened,ended,entry_price,exit_price,qty,fee,balance"
    rows = (
        "BTC,LONG,1704067200,1704070800,100,110,1,0.1,1009.9",
        "BTC,SHORT,1704070800,1704074400,110,100,1,0.1,1019.8",
    )
    path.write_text("\n".join((header, *rows)) + "\n", encoding="utf-8")
    assert main([str(path)]) == 1
    assert main([str(path), "--allow-unknown"]) == 0
    assert main([str(path), "--allow-unknown", "--max-holding-hours", "0.5"]) == 1
    assert main([str(path), "--allow-unknown", "--begin-balance", "1000"]) == 0
    assert main([str(path), "--allow-unknown", "--begin-balance", "1001"]) == 1


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (JOURNAL, "{}\n", "line 1: not a record"),
        (JOURNAL, '{"ts_event":1,"kind":"guard"}\n', "secs of the guard record at 1"),
        (SETTINGS, "mode: papyrus\n", "mode"),
        (MANIFEST, "[]", "must hold an object"),
    ],
)
def test_what_cannot_be_read_exits_2_with_one_sentence(
    run: Path, capsys: pytest.CaptureFixture[str], name: str, content: str, words: str
) -> None:
    (run / name).write_text(content, encoding="utf-8")
    assert main([str(run)]) == 2
    error = capsys.readouterr().err
    assert error.startswith(f"error: {run}: ")
    assert words in error
    assert len(error.splitlines()) == 1


def test_a_run_that_is_not_there_exits_2_and_the_others_are_judged(
    run: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([str(tmp_path / "nowhere"), str(run), "--quick-test", "30", "--json"]) == 2
    told = capsys.readouterr()
    assert "neither a run folder nor a file" in told.err
    assert len(verdicts(told.out)) == 1


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--hours", "0"), "least_secs must be positive, was 0"),
        (("--hours", "a day"), "'a day' is not a number"),
        (("--hours", "24", "--quick-test", "30"), "not allowed with"),
        (("--drift", "inf"), "'inf' is not a finite number"),
        (("--crossing-bars", "-1"), "crossing_bars must not be negative, was -1"),
    ],
)
def test_what_makes_no_sense_is_bad_usage(
    run: Path, capsys: pytest.CaptureFixture[str], words: tuple[str, ...], said: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([str(run), *words])
    assert stopped.value.code == 2
    assert said in capsys.readouterr().err
