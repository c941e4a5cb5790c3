"""`python backtests/run.py --from-run RUN`: a live session once more, and where it differs."""

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from backtests.compare import compare
from morningstar_strategy.core.divergence.values import Cause, Rung
from morningstar_strategy.journal import verify
from tests.catalogs import sample_folder
from tests.harness.live_node import EAGER, PROJECT, LiveNode, played

# `Any` in this module: JSON of every shape

EARLY = 2  # a bar of which something was surely made


@pytest.fixture(scope="module")
def session(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a session until it holds something, and stop it in order."""
    folder, catalog = tmp_path_factory.mktemp("session"), sample_folder()
    told = (*EAGER, "node.settle_secs=1", "node.at_stop=flatten")
    with (
        played("kucoin", catalog, seed=5) as venue,
        LiveNode(venue, "kucoin", folder, catalog=catalog, settings=told) as node,
    ):
        node.start()
        node.until(lambda s: any(p["state"] == "ACTIVE" for p in node.plans(s).values()), "a trade")
        assert node.stop() == 0, node.log.read_text()
    (run,) = (folder / "runs").iterdir()
    return run


@pytest.fixture
def run(session: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(session, tmp_path / session.name))


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Run a session on paper until its supervisor has answered, and stop it in order."""
    folder, catalog = tmp_path_factory.mktemp("supervised"), sample_folder()
    asked = ("source=scripted", "cycle_secs=1", "scripted_latency_ms=300")
    supervisor = (f"supervisor.{each}" for each in asked)
    told = (*EAGER, "node.settle_secs=1", "mode=paper", *supervisor)
    with (
        played("kucoin", catalog, seed=5) as venue,
        LiveNode(venue, "kucoin", folder, catalog=catalog, settings=told) as node,
    ):
        node.start()
        node.until(lambda s: any(p["state"] == "ACTIVE" for p in node.plans(s).values()), "a trade")
        assert node.stop() == 0, node.log.read_text()
    (run,) = (folder / "runs").iterdir()
    return run


def test_what_is_heard_after_the_last_bar_is_heard_before_the_end(
    supervised: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(supervised, tmp_path / supervised.name))
    told = lines(run)
    answered = max(n for n, line in enumerate(told) if '"heard","answered"' in line)
    (run / "crossings-001.jsonl").write_text("".join(told[: told.index('["end"]\n', answered) + 1]))
    code, said, complaints = replayed(run)
    assert (code, complaints, said["parted"]) == (0, "", "")
    ours, theirs = (
        [json.loads(line) for line in (each / "journal.jsonl").read_text().splitlines()]
        for each in (run, Path(said["replay"]))
    )
    when = json.loads(told[answered])[2]
    reviews = [
        [each for each in found if each["kind"] == "review" and each["ts_event"] <= when]
        for found in (ours, theirs)
    ]
    assert reviews[0] == reviews[1] != []


@pytest.mark.parametrize("kind", ["session", "supervised"])
def test_a_market_that_a_kill_kept_from_the_catalog_is_brought_there_whole(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    of: Path = request.getfixturevalue(kind)  # with an account at a venue, and on paper
    run = Path(shutil.copytree(of, tmp_path / of.name))
    whole = {path.relative_to(run) for path in (run / "data/data/bars").iterdir()}
    shutil.rmtree(run / "data/data")
    code, said, complaints = replayed(run)
    assert (code, complaints, said["parted"]) == (0, "", "")
    assert {path.relative_to(run) for path in (run / "data/data/bars").iterdir()} == whole
    assert not [*(run / "data").glob(".*")]


def test_a_market_that_cannot_be_read_leaves_no_half_of_a_catalog(
    session: Path, tmp_path: Path
) -> None:
    run = Path(shutil.copytree(session, tmp_path / session.name))
    shutil.rmtree(run / "data/data")
    (path,) = (run / "data/live").rglob("funding_rates_*.feather")
    path.write_bytes(b"no feather")
    code, said, complaints = replayed(run)
    assert (code, said) == (2, {})
    assert "cannot be read" in complaints
    assert not (run / "data/data").exists()
    assert not [*(run / "data").glob(".*")]


def replayed(run: Path, *words: str) -> tuple[int, dict[str, Any], str]:
    """Give exit code, what is printed as JSON, and complaints."""
    done = subprocess.run(
        [sys.executable, "backtests/run.py", "--from-run", run, "--json", *words],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    return done.returncode, json.loads(done.stdout) if done.stdout else {}, done.stderr


def test_a_session_replays_to_the_byte_and_so_does_its_replay_folder(run: Path) -> None:
    code, told, complaints = replayed(run)
    assert (code, complaints) == (0, "")
    assert told["same"] is True
    assert told["different"] == {}
    assert told["decisions"]["command"] == told["decisions"]["ruling"] > 0
    folder = Path(told["replay"])
    assert folder == run.with_name(f"{run.name}-replay")
    assert verify(folder) > 0
    assert compare(run, folder, slack_ns=0).same
    assert Path(replayed(run)[1]["replay"]).name == f"{run.name}-replay-2"


def test_it_is_told_to_a_person_too(run: Path) -> None:
    done = subprocess.run(
        [sys.executable, "backtests/run.py", "--from-run", run],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert "Every decision was made again, to the byte." in done.stdout
    assert f"python backtests/compare.py {run} {run}-replay" in done.stdout


def test_other_settings_are_found_to_decide_otherwise(run: Path) -> None:
    code, told, complaints = replayed(run, "--set", "decision.stop_percent=2.5")
    assert (code, complaints) == (1, "")
    assert told["different"]["command"] > 0
    assert "assessment" not in told["different"]
    assert '"kind":"command"' in told["first"]
    assert "the replay did" in told["parted"]
    found = compare(run, Path(told["replay"]), slack_ns=0)
    assert found.first is Rung.COMMANDS
    assert found.differences[0].cause is Cause.CONFIGURATION


def bars_file(run: Path) -> Path:
    return next((run / "data/data/bars").glob("BTC*/*.parquet"))


def rewritten(path: Path, change: Callable[[pa.Table], pa.Table]) -> None:
    table = pq.read_table(path)
    pq.write_table(change(table), path)


def test_another_price_in_the_record_shows_in_the_data_and_the_predictions(run: Path) -> None:
    def other(table: pa.Table) -> pa.Table:
        closes, highs, lows = (table[name].to_pylist() for name in ("close", "high", "low"))
        closes[EARLY] = highs[EARLY] if closes[EARLY] != highs[EARLY] else lows[EARLY]
        place = table.schema.get_field_index("close")
        return table.set_column(place, "close", pa.array(closes, table.schema.field(place).type))

    rewritten(bars_file(run), other)
    code, told, _ = replayed(run)
    assert code == 1
    assert told["different"].get("assessment")
    assert compare(run, Path(told["replay"]), slack_ns=0).first is Rung.DATA


def test_a_bar_that_is_missing_is_named(run: Path) -> None:
    rewritten(bars_file(run), lambda table: table.slice(2))
    code, told, complaints = replayed(run)
    assert (code, told) == (2, {})
    assert "the bar of BTCUSDT-PERP.KUCOIN that closed at" in complaints
    assert "is not in data" in complaints


def lines(run: Path) -> list[str]:
    return (run / "crossings-001.jsonl").read_text().splitlines(keepends=True)


def with_lines(run: Path, change: Callable[[list[Any]], None]) -> None:
    """Change the lines of a record in place."""
    told = [json.loads(line) for line in lines(run)]
    for each in told:
        change(each)
    content = "".join(f"{json.dumps(each)}\n" for each in told)
    (run / "crossings-001.jsonl").write_text(content)


def of_another_market(run: Path) -> None:
    """Tell of bars of another time, as the record of another session does."""

    def later(line: list[Any]) -> None:
        if line[0] == "bar":
            line[3] += 1

    with_lines(run, later)


def with_a_long_end(run: Path) -> None:
    """Lose the last bars, and go on for longer than a kill can have kept them back."""
    bars = [json.loads(line) for line in lines(run) if line.startswith('["bar"')]
    with (run / "crossings-001.jsonl").open("a") as file:
        for secs in (60, 80):
            more = secs * 1_000_000_000
            file.write(json.dumps(["bar", bars[-1][1] + more, bars[-1][2], bars[-1][3] + more]))
            file.write("\n")


def test_a_record_that_names_what_nobody_may_call_parts_there(run: Path) -> None:
    told = lines(run)
    time = json.loads(told[0])[2]
    place = told.index('["end"]\n') + 1
    told[place:place] = [f'["call",1,{time},"heard","stop",[],{{}}]\n', '["end"]\n']
    (run / "crossings-001.jsonl").write_text("".join(told))
    code, said, complaints = replayed(run)
    assert (code, complaints) == (1, "")
    assert said["parted"].startswith("nobody hears 'stop'")


def test_answers_of_another_shape_part_there_and_end_in_no_traceback(run: Path) -> None:
    def spoil(line: list[Any]) -> None:
        if line[0] == "seen" and line[2] == "unrealized":
            line[3] = {"type": "OrderFilled"}

    with_lines(run, spoil)
    code, said, complaints = replayed(run)
    assert (code, complaints) == (1, "")
    assert "the session's answer to unrealized cannot be read" in said["parted"]


def with_terms(run: Path, told: object) -> None:
    def spoil(line: list[Any]) -> None:
        if line[0] == "seen" and line[2] == "terms":
            line[3] = told

    with_lines(run, spoil)


def with_unreadable_history(run: Path) -> None:
    folder = run / "history/data/bars/BTCUSDT-PERP.KUCOIN-1-SECOND-LAST-EXTERNAL"
    for path in (run / "history").rglob("*.parquet"):
        folder = path.parent
    folder.mkdir(parents=True, exist_ok=True)
    for path in [*folder.iterdir()] or [folder / "bars.parquet"]:
        path.write_text("no parquet")


def with_a_supervisor(run: Path) -> None:
    path = run / "settings.yaml"
    path.write_text(path.read_text().replace("source: 'off'", "source: scripted"))
    assert "source: scripted" in path.read_text()


def with_a_folder_for_a_tape(run: Path) -> None:
    with_a_supervisor(run)
    (run / "tape.jsonl").mkdir()


def test_an_answer_that_was_edited_is_found(run: Path) -> None:
    told = lines(run)
    place, line = next((n, line) for n, line in enumerate(told) if '"balance USDT"' in line)
    told[place] = line.replace("10000.00000000", "20000.00000000")
    assert told[place] != line
    (run / "crossings-001.jsonl").write_text("".join(told))
    code, said, _ = replayed(run)
    assert code == 1
    assert said["parted"] or said["different"]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda run: (run / "settings.yaml").unlink(), "has no settings.yaml"),
        (lambda run: (run / "crossings-001.jsonl").unlink(), "has no crossings-001.jsonl"),
        (lambda run: (run / "journal.jsonl").unlink(), "database export writes it"),
        (lambda run: shutil.rmtree(run / "data"), "is not in data"),
        (
            lambda run: (run / "crossings-001.jsonl").write_text("what\n" + "".join(lines(run))),
            "crossings-001.jsonl: line 1 is no crossing: 'what",
        ),
        (
            lambda run: (run / "crossings-001.jsonl").write_text("".join(lines(run)[:2])),
            "crossings-001.jsonl tells of no call",
        ),
        (lambda run: (run / "manifest.json").write_text("{"), "manifest.json is not a manifest"),
        (of_another_market, "is not in data"),
        (with_a_long_end, "is not in data"),
        (
            lambda run: shutil.copy(run / "crossings-001.jsonl", run / "crossings-002.jsonl"),
            "strategy 002 trades on ['KUCOIN'], beside ['KUCOIN']",
        ),
        (lambda run: with_terms(run, 5), "the terms of its instruments cannot be read: 5"),
        (lambda run: with_terms(run, {"raised": []}), "the terms of its instruments cannot be"),
        (lambda run: with_terms(run, []), "the terms of its instruments name none"),
        (with_unreadable_history, "cannot be replayed"),
        (with_a_supervisor, "the tape of"),
        (with_a_folder_for_a_tape, "the tape of"),
    ],
)
def test_what_cannot_be_replayed_is_said_in_one_sentence(
    run: Path, spoil: Callable[[Path], object], words: str
) -> None:
    spoil(run)
    before = sorted(run.parent.iterdir())
    code, told, complaints = replayed(run)
    assert (code, told) == (2, {})
    assert complaints.startswith("error: ")
    assert complaints.count("\n") == 1
    assert words in complaints
    assert sorted(run.parent.iterdir()) == before
