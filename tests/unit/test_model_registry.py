"""The registry of models, where bundles are found, and the command line."""

import fcntl
import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from morningstar_strategy.model.bundle import BundleError, MorningstarModel, read_manifest
from morningstar_strategy.model.channels import (
    CHANNELS,
    Channel,
    RegistryError,
    locked,
    read_channels,
)
from morningstar_strategy.model.registry import RefusedError, Registry, main
from morningstar_strategy.model.shelf import bundle_folder, shipped_intervals
from tests.models import START
from tests.shadows import NOW, bundle, lines, markets, seer_and_blind, spoken_name, write

NAMES = ("a-1h", "b-1h", "c-1h")
SLOW = "d-4h"
SHIPPED_INTERVALS = ("15m", "1h", "5m")
MEGABYTE = 1_000_000


@pytest.fixture(scope="module")
def published(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Publish some bundles once; every test works on a copy."""
    folder = tmp_path_factory.mktemp("published")
    for seed, name in enumerate(NAMES, start=3):
        bundle(folder, name, seed)
    bundle(folder, SLOW, 7, interval="4h", direction_edge="weak")
    return folder


@pytest.fixture
def fresh(tmp_path: Path, published: Path) -> Registry:
    """Give a registry whose bundles are in no channel yet."""
    registry = Registry(tmp_path / "registry")
    shutil.copytree(published, registry.bundles)
    return registry


@pytest.fixture
def registry(fresh: Registry) -> Registry:
    for name in (*NAMES, SLOW):
        fresh.adopt(name, at=NOW)
    return fresh


def promote(registry: Registry, name: str) -> None:
    registry.promote(name, at=NOW, who="ann", why="because", evidence=("x",))


def rollback(registry: Registry, interval: str = "1h") -> None:
    registry.rollback(interval, at=NOW, who="ann", why="it lost")


def spoil(registry: Registry, name: str) -> None:
    path = registry.bundles / name / "model.onnx"
    path.write_bytes(path.read_bytes()[:-1] + b"x")


def test_the_first_model_of_an_interval_serves_and_later_ones_watch(fresh: Registry) -> None:
    assert fresh.adopt("b-1h", at=NOW) == "champion"
    assert fresh.adopt("c-1h", at=NOW) == "challenger"
    assert fresh.adopt("a-1h", at=NOW) == "challenger"
    assert fresh.adopt(SLOW, at=NOW, who="ann", why="asked") == "champion"
    channels = fresh.channels()
    assert channels.of("1h") == Channel(champion="b-1h", challengers=("a-1h", "c-1h"))
    assert channels.of("4h") == Channel(champion=SLOW)
    assert channels.of("5m") == Channel()
    assert [change.who for change in channels.history] == ["training"] * 3 + ["ann"]


def test_a_rollback_restores_what_was_before_the_promotion(registry: Registry) -> None:
    before = registry.channels()
    promote(registry, "b-1h")
    assert registry.channels().of("1h") == Channel(champion="b-1h", challengers=("a-1h", "c-1h"))
    rollback(registry)
    after = registry.channels()
    assert after.channels == before.channels
    assert after.history[: len(before.history)] == before.history
    assert [change.action for change in after.history[len(before.history) :]] == [
        "promote",
        "rollback",
    ]


def test_rollbacks_go_back_one_champion_at_a_time(registry: Registry) -> None:
    promote(registry, "b-1h")
    promote(registry, "c-1h")
    rollback(registry)
    assert registry.channels().of("1h").champion == "b-1h"
    rollback(registry)
    assert registry.channels().of("1h").champion == "a-1h"
    with pytest.raises(RefusedError, match="interval 1h has no champion before the present one"):
        rollback(registry)


def test_a_decision_is_written_down_with_its_reason(registry: Registry) -> None:
    promote(registry, "b-1h")
    told = json.loads((registry.root / CHANNELS).read_text())
    assert told["channels"]["1h"] == {"champion": "b-1h", "challengers": ["a-1h", "c-1h"]}
    assert told["history"][-1] == {
        "at": "2024-09-01T00:00:00Z",
        "interval": "1h",
        "action": "promote",
        "from": "a-1h",
        "to": "b-1h",
        "who": "ann",
        "why": "because",
        "evidence": ["x"],
    }


def test_whatever_is_done_channels_name_bundles_that_exist_and_history_only_grows(
    registry: Registry,
) -> None:
    rng = np.random.default_rng(5)
    history = registry.channels().history
    for _ in range(60):
        try:
            if rng.random() < 0.4:
                rollback(registry)
            else:
                promote(registry, NAMES[rng.integers(3)])
        except RefusedError:
            assert registry.channels().history == history
        now = registry.channels()
        assert now.history[: len(history)] == history
        history = now.history
        channel = now.of("1h")
        assert channel.champion is not None
        assert sorted((channel.champion, *channel.challengers)) == sorted(NAMES)
        assert set(NAMES) <= set(registry.models())
    assert {change.action for change in history} == {"add", "promote", "rollback"}
    assert [check.fault for check in registry.verify()] == [None] * 5


def test_a_model_is_adopted_once(registry: Registry) -> None:
    with pytest.raises(RefusedError, match="b-1h must be new to its channel, was not"):
        registry.adopt("b-1h", at=NOW)


def test_the_champion_cannot_be_promoted(registry: Registry) -> None:
    with pytest.raises(RefusedError, match="a-1h is the champion of 1h already"):
        promote(registry, "a-1h")


def test_a_model_that_is_not_there_is_refused_by_name(registry: Registry) -> None:
    for name in ("nobody", "../bundles/a-1h", ".", ""):
        with pytest.raises(RegistryError, match=f"model {name} must be in .*bundles, is not"):
            promote(registry, name)


def test_a_bundle_that_cannot_be_loaded_never_serves(fresh: Registry) -> None:
    spoil(fresh, "a-1h")
    with pytest.raises(BundleError, match=r"model\.onnx was changed"):
        fresh.adopt("a-1h", at=NOW)
    fresh.adopt("b-1h", at=NOW)
    with pytest.raises(BundleError, match=r"model\.onnx was changed"):
        promote(fresh, "a-1h")
    promote(fresh, "c-1h")
    spoil(fresh, "b-1h")
    with pytest.raises(BundleError, match=r"model\.onnx was changed"):
        rollback(fresh)
    assert fresh.channels().of("1h") == Channel(champion="c-1h", challengers=("b-1h",))


def test_a_bundle_under_another_name_is_refused(fresh: Registry) -> None:
    (fresh.bundles / "a-1h").rename(fresh.bundles / "z-1h")
    with pytest.raises(BundleError, match="model_id must be z-1h as its folder, was a-1h"):
        fresh.adopt("z-1h", at=NOW)


def test_a_bundle_whose_adoption_was_interrupted_can_still_be_promoted(fresh: Registry) -> None:
    fresh.adopt("a-1h", at=NOW)
    promote(fresh, "b-1h")
    channels = fresh.channels()
    assert channels.of("1h") == Channel(champion="b-1h", challengers=("a-1h",))
    assert [change.action for change in channels.history] == ["add", "add", "promote"]
    promote(fresh, SLOW)
    assert fresh.channels().of("4h") == Channel(champion=SLOW)


def test_a_comparison_with_a_champion_that_serves_no_more_counts_for_nothing(
    registry: Registry,
) -> None:
    promote(registry, "b-1h")
    with pytest.raises(RefusedError, match="champion of 1h must still be a-1h, is b-1h"):
        registry.promote("c-1h", at=NOW, who="rule", why="better", over="a-1h")


@pytest.mark.parametrize(
    ("who", "why", "at", "words"),
    [
        ("", "x", NOW, "who: String should have at least 1 character, was ''"),
        ("ann", "", NOW, "why: String should have at least 1 character, was ''"),
        ("ann", "x", NOW.replace(tzinfo=None), "at: Input should have timezone info, was"),
    ],
)
def test_a_decision_without_somebody_a_reason_or_a_moment_is_refused(
    registry: Registry, who: str, why: str, at: datetime, words: str
) -> None:
    with pytest.raises(RegistryError, match=words):
        registry.promote("b-1h", at=at, who=who, why=why)
    assert registry.channels().of("1h").champion == "a-1h"


def test_writers_wait_for_each_other(fresh: Registry) -> None:
    with ThreadPoolExecutor(4) as pool:
        roles = list(pool.map(lambda name: fresh.adopt(name, at=NOW), (*NAMES, SLOW)))
    assert sorted(roles) == ["challenger", "challenger", "champion", "champion"]
    assert len(fresh.channels().history) == 4


def test_a_lock_that_is_held_keeps_others_out(tmp_path: Path) -> None:
    with (tmp_path / ".lock").open("ab") as other:
        with locked(tmp_path), pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


_KILLED = """
import os, signal, sys
from datetime import UTC, datetime
from pathlib import Path
from morningstar_strategy.model.registry import Registry

def die(event, args):
    if event == "os.rename" and str(args[1]).endswith("channels.json"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(die)
at = datetime(2024, 9, 1, tzinfo=UTC)
Registry(Path(sys.argv[1])).promote("b-1h", at=at, who="ann", why="because")
"""


def test_whoever_is_killed_between_write_and_rename_leaves_the_old_channels(
    registry: Registry,
) -> None:
    before = registry.channels()
    done = subprocess.run(
        [sys.executable, "-c", _KILLED, str(registry.root)], check=False, timeout=200
    )
    assert done.returncode == -signal.SIGKILL
    assert b"promote" in (registry.root / f".{CHANNELS}.partial").read_bytes()
    assert registry.channels() == before
    promote(registry, "c-1h")  # neither lock nor leftover stands in the way
    assert registry.channels().of("1h").champion == "c-1h"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda text: text[:-20], "Invalid JSON"),
        (lambda text: text.replace('"champion": "a-1h"', '"champion": "b-1h"'), "channel 1h must"),
        (lambda text: text.replace('"to": "b-1h"', '"to": "a-1h"'), "a-1h must be new"),
        (lambda text: text.replace('"add"', '"promote"', 1), "must be a challenger of 1h"),
        (lambda text: text.replace('"add"', '"rollback"', 1), "must have been champion of 1h"),
        (lambda text: text.replace('"who"', '"whom"', 1), r"history\.0\.who: Field required"),
        (lambda text: text.replace('"schema_version": 1', '"schema_version": 2'), "schema_version"),
    ],
)
def test_channels_that_do_not_follow_from_their_history_are_refused(
    registry: Registry, change: Callable[[str], str], words: str
) -> None:
    path = registry.root / CHANNELS
    path.write_text(change(path.read_text()))
    with pytest.raises(RegistryError, match=rf"channels\.json of .* is not valid: .*{words}"):
        registry.channels()
    with pytest.raises(ValueError, match="is not valid"):
        bundle_folder("champion", interval="1h", registry=registry.root)


# Where bundles are found


def test_a_bundle_is_found_by_what_a_setting_calls_it(registry: Registry, tmp_path: Path) -> None:
    shipped = tmp_path / "shipped"
    shutil.copytree(registry.bundles / "a-1h", shipped / "1h")

    def found(name: str) -> Path:
        return bundle_folder(name, interval="1h", registry=registry.root, shipped=shipped)

    assert found("default") == shipped / "1h"
    assert found("champion") == registry.bundles / "a-1h"
    assert found("b-1h") == registry.bundles / "b-1h"
    assert found(str(registry.bundles / "c-1h")) == registry.bundles / "c-1h"
    promote(registry, "b-1h")
    assert found("champion") == registry.bundles / "b-1h"


@pytest.mark.parametrize(
    ("name", "interval", "words"),
    [
        (
            "default",
            "5m",
            "no default bundle ships for interval 5m, only for 1h, 4h: train one, or set",
        ),
        ("champion", "5m", "registry .* has no champion for interval 5m"),
        ("nobody", "1h", "bundle must be default, champion, a name in .*, was 'nobody'"),
        ("", "1h", "was ''"),
        (".", "1h", r"was '\.'"),
        ("../registry", "1h", "was '../registry'"),
        ("../bundles/a-1h", "1h", "was '../bundles/a-1h'"),
    ],
)
def test_a_bundle_that_is_not_there_is_said_in_one_sentence(
    registry: Registry, tmp_path: Path, name: str, interval: str, words: str
) -> None:
    for each in ("1h", "4h"):
        shutil.copytree(registry.bundles / "a-1h", tmp_path / "shipped" / each)
    with pytest.raises(ValueError, match=words):
        bundle_folder(name, interval=interval, registry=registry.root, shipped=tmp_path / "shipped")


def test_where_nothing_ships_that_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="ships for interval 1h, for no interval at all"):
        bundle_folder("default", interval="1h", registry=tmp_path, shipped=tmp_path)
    with pytest.raises(ValueError, match="has no champion for interval 1h"):
        bundle_folder("champion", interval="1h", registry=tmp_path)


def test_a_champion_that_was_deleted_is_missed(registry: Registry) -> None:
    shutil.rmtree(registry.bundles / "a-1h")
    with pytest.raises(ValueError, match="champion a-1h for interval 1h is missing in"):
        bundle_folder("champion", interval="1h", registry=registry.root)


def test_bundles_ship_for_exactly_these_intervals() -> None:
    assert shipped_intervals() == SHIPPED_INTERVALS


@pytest.mark.parametrize("interval", SHIPPED_INTERVALS)
def test_a_bundle_that_ships_is_small_sound_and_of_its_interval(interval: str) -> None:
    folder = bundle_folder("default", interval=interval, registry=Path("nowhere"))
    assert folder.name == interval
    assert MorningstarModel(folder).manifest.interval == interval
    assert sum(path.stat().st_size for path in folder.iterdir()) < MEGABYTE


# The command line


type Command = Callable[..., tuple[int, str, str]]


@pytest.fixture
def command(registry: Registry, capsys: pytest.CaptureFixture[str]) -> Command:
    """Run a command on the registry; give its exit code and what it printed."""

    def give(*args: str, now: datetime = NOW) -> tuple[int, str, str]:
        code = main([*args, "--registry", str(registry.root)], now=now)
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return give


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory, published: Path) -> Path:
    """Write a log in which b knows the volatility that the champion a does not."""
    seer, blind = (spoken_name(read_manifest(published / name)) for name in ("b-1h", "a-1h"))
    told = lines(markets(), seer_and_blind(seer, blind))
    return write(tmp_path_factory.mktemp("log") / "shadow.jsonl", told)


def test_list_shows_every_model_with_its_channel(command: Command, registry: Registry) -> None:
    code, out, err = command("list")
    assert (code, err) == (0, "")
    for words in ("a-1h", "champion", "challenger", "tiny", "2024-01-01", "weak", "retraining"):
        assert words in out
    code, out, _ = command("list", "--json", now=START + timedelta(days=92))
    rows = json.loads(out)
    assert rows[0] == {
        "model": "a-1h",
        "interval": "1h",
        "family": "tiny",
        "direction_edge": "none",
        "trained_to": "2024-01-01",
        "expires": "2033-12-29",
        "channel": "champion",
        "remark": None,
    }
    assert [row["channel"] for row in rows] == ["champion", "challenger", "challenger", "champion"]
    _, out, _ = command("list", "--json", now=START + timedelta(days=93))
    assert json.loads(out)[0]["remark"].startswith("retraining is due: a quarter has passed")
    (registry.bundles / "b-1h" / "manifest.json").write_text("{")
    _, out, _ = command("list", "--json")
    assert json.loads(out)[1]["remark"].startswith("manifest.json cannot be read")


def test_an_empty_registry_lists_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["list", "--registry", str(tmp_path)]) == 0
    assert "There is no model yet" in capsys.readouterr().out


def test_the_rule_promotes_what_the_logs_prove(
    command: Command, registry: Registry, evidence: Path
) -> None:
    before = registry.channels()
    code, out, err = command("promote", "b-1h", "--evidence", str(evidence), "--dry-run")
    assert (code, err) == (0, "")
    assert "would be promoted; nothing was changed: volatility is better: t = " in out
    assert registry.channels() == before
    code, out, err = command("promote", "b-1h", "--evidence", str(evidence))
    assert (code, err) == (0, "")
    change = registry.channels().history[-1]
    assert (change.who, change.before, change.after) == ("promotion rule", "a-1h", "b-1h")
    assert change.why.startswith("volatility is better")
    assert change.at == NOW
    (proof,) = change.evidence
    assert proof.startswith("shadow.jsonl sha256:")


def test_the_rule_refuses_what_the_logs_do_not_prove(
    command: Command, registry: Registry, evidence: Path, tmp_path: Path
) -> None:
    before = registry.channels()
    short = write(tmp_path / "short.jsonl", evidence.read_text().splitlines()[:2_000])
    code, out, err = command("promote", "b-1h", "--evidence", str(short), "--json")
    assert code == 1
    assert err.startswith("error: b-1h is not promoted over a-1h: both models must have given odds")
    assert err.count("\n") == 1
    told = json.loads(out)
    assert (told["promoted"], told["verdict"]["promote"]) == (False, False)
    assert registry.channels() == before


def test_a_person_may_overrule_the_rule_and_is_written_down(
    command: Command, registry: Registry
) -> None:
    order = ("promote", "c-1h", "--by-hand", "--who", "ann", "--why", "I know better")
    before = registry.channels()
    code, out, _ = command(*order, "--dry-run")
    assert (code, registry.channels()) == (0, before)
    assert "c-1h would be promoted over a-1h by hand; nothing was changed." in out
    code, out, err = command(*order)
    assert (code, err) == (0, "")
    assert "1h: c-1h serves now, a-1h did before." in out
    change = registry.channels().history[-1]
    assert (change.who, change.why) == ("ann", "I know better")
    assert command(*order)[0] == 1


def test_rollback_goes_back_and_says_so(command: Command, registry: Registry) -> None:
    order = ("rollback", "--interval", "1h", "--who", "ann", "--why", "it lost")
    code, _, err = command(*order)
    assert code == 1
    assert err == "error: interval 1h has no champion before the present one\n"
    promote(registry, "b-1h")
    code, out, _ = command(*order, "--json")
    assert code == 0
    told = json.loads(out)
    assert (told["from"], told["to"], told["why"]) == ("b-1h", "a-1h", "it lost")
    assert registry.channels().of("1h").champion == "a-1h"


def test_verify_names_the_first_fault_of_each_bundle(command: Command, registry: Registry) -> None:
    code, out, _ = command("verify")
    assert code == 0
    assert out.count("good") == 5
    spoil(registry, "b-1h")
    (registry.bundles / "c-1h" / "card.md").unlink()
    shutil.rmtree(registry.bundles / SLOW)
    code, out, _ = command("verify", "--json")
    assert code == 1
    faults = {check["name"]: check["fault"] for check in json.loads(out)}
    assert faults == {
        "a-1h": None,
        "b-1h": "model.onnx was changed after it was published: its checksum differs",
        "c-1h": "card.md of bundle c-1h cannot be read: No such file or directory",
        "channels.json": "d-4h of 4h must be a bundle of the registry, is missing",
    }
    (registry.root / CHANNELS).write_text("[")
    code, out, _ = command("verify")
    assert code == 1
    assert "is not valid" in out
    assert command("list")[0] == 2


@pytest.mark.parametrize(
    ("args", "words"),
    [
        (("promote", "nobody", "--evidence", "{log}"), "model nobody must be in"),
        (("promote", "b-1h", "--evidence", "nowhere"), "nowhere"),
        (("promote", "c-1h", "--evidence", "{log}"), "shadow logs must tell of c-1h-"),
        (("promote", "b-1h", "--evidence", "{registry}"), "line 1: not a record"),
    ],
)
def test_input_that_cannot_be_read_is_another_exit_code(
    command: Command, registry: Registry, evidence: Path, args: Sequence[str], words: str
) -> None:
    told = [arg.format(log=evidence, registry=registry.root / CHANNELS) for arg in args]
    code, _, err = command(*told)
    assert code == 2
    assert err.startswith("error: ")
    assert words in err
    assert err.count("\n") == 1


def test_a_registry_that_is_not_there_cannot_be_verified(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["verify", "--registry", str(tmp_path / "typo")]) == 2
    assert "typo must be a folder, is none" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "words"),
    [
        ((), "required: COMMAND"),
        (("promote", "b-1h"), "promote needs --evidence"),
        (("promote", "b-1h", "--by-hand", "--who", "ann"), "--by-hand needs --who NAME and --why"),
        (("promote", "b-1h", "--by-hand", "--why", "x"), "--by-hand needs --who NAME and --why"),
        (("promote", "b-1h", "--evidence", "x", "--who", "ann"), "belong to promote --by-hand"),
        (("rollback", "--interval", "1h"), "required: --who, --why"),
        (("sell",), "invalid choice"),
    ],
)
def test_wrong_usage_is_explained(
    capsys: pytest.CaptureFixture[str], args: Sequence[str], words: str
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(args)
    assert stopped.value.code == 2
    assert words in capsys.readouterr().err


@pytest.mark.parametrize("args", [(), ("list",), ("promote",), ("rollback",), ("verify",)])
def test_help_says_the_exit_codes(
    capsys: pytest.CaptureFixture[str], args: tuple[str, ...]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([*args, "--help"])
    assert stopped.value.code == 0
    assert "Exit code 0: done" in capsys.readouterr().out


def test_the_module_is_a_command(registry: Registry) -> None:
    order = ["rollback", "--registry", str(registry.root), "--interval", "9h"]
    order += ["--who", "ann", "--why", "because"]
    done = subprocess.run(
        [sys.executable, "-m", "morningstar_strategy.model.registry", *order],
        capture_output=True,
        text=True,
        check=False,
        timeout=200,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "error: interval 9h has no champion before the present one\n"
    assert read_channels(registry.root).of("9h") == Channel()
