"""No way through the command to a node with money without flag, setting, word and doctor."""

import itertools
import json
import os
import pty
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, Final

import pytest

from live import run_node, session
from live.arming import TOKEN, token_of, words_of
from live.errors import Exit, NodeError, Refused
from live.session import run_session
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.schema import Settings
from tests.integration.doctored import tree_for
from tests.venue.local import LocalVenue
from tests.venue.wire import Keys

ROOT: Final = Path(__file__).parents[2]
SECS: Final = 200.0


class ReachedError(NodeError):
    """The node would have been built."""

    code = Exit.FAILED


@pytest.fixture
def reached(monkeypatch: pytest.MonkeyPatch) -> list[int | None]:
    """Note what `build` was given, and go no further."""
    found: list[int | None] = []

    def build(settings: Settings, parts: Any) -> Any:
        found.append(parts.armed_ns)
        raise ReachedError("it was reached")

    monkeypatch.setattr(session, "build", build)
    return found


def config(tmp_path: Path, venue: LocalVenue, mode: str) -> Path:
    path = tmp_path / f"{mode}.json"  # which is YAML too
    tree = tree_for(venue, "bitget", tmp_path) | {"mode": mode}
    path.write_text(json.dumps(tree), encoding="utf-8")
    return path


@pytest.mark.parametrize("healthy", [True, False])
def test_a_node_with_money_is_built_only_with_flag_setting_word_and_doctor(
    healthy: bool,
    reached: list[int | None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with LocalVenue("bitget", keys=Keys(may_withdraw=not healthy)) as venue:
        for name, value in venue.environment.items():
            monkeypatch.setenv(name, value)
        ways = itertools.product((True, False), ("live", "demo"), ("right", "stale", ""))
        for number, (flag, mode, token) in enumerate(ways):
            path = config(tmp_path, venue, mode)
            # Every session has folders of its own: one of the same second would be the same one
            changes = [f"runs={tmp_path / f'{number}'}", f"node.state={tmp_path / f's{number}'}"]
            right = token_of(load_settings(path, overrides=changes), os.environ)
            monkeypatch.setenv(TOKEN, {"right": right, "stale": "0" * 12, "": ""}[token])
            reached.clear()
            started_ns = time.time_ns()
            words = [word for change in changes for word in ("--set", change)]
            words += ["--live"] if flag else []
            code = run_node.main(["--config", f"{path}", *words])
            told = capsys.readouterr().err
            if mode == "demo" and not flag:
                assert (code, reached) == (Exit.FAILED, [None]), told  # no money, no arming
            elif mode == "live" and flag and token == "right" and healthy:
                assert code == Exit.FAILED, told
                assert started_ns < (reached[0] or 0) < time.time_ns()
            else:
                assert (code, reached) == (Exit.REFUSED, []), (flag, mode, token, told)
                assert told.startswith("error: ")
            if flag and mode == "live" and token == "right" and not healthy:
                assert "keys BITGET: the key may withdraw" in told


def test_a_session_with_money_is_refused_unarmed_whoever_asks_for_it(
    reached: list[int | None], tmp_path: Path
) -> None:
    with LocalVenue("bitget") as venue:
        settings = load_settings(config(tmp_path, venue, "live"))
    with pytest.raises(Refused, match="mode live must be armed"):
        run_session(settings, say=lambda line: None)
    assert reached == []
    assert not (tmp_path / "runs").exists()


def typed_at_a_terminal(path: Path, words: str, environ: dict[str, str]) -> tuple[int, str]:
    """Run the command with a terminal for its input; give how it ended and what it complained."""
    ours, theirs = pty.openpty()
    try:
        process = subprocess.Popen(
            [sys.executable, "live/run_node.py", "--config", f"{path}", "--live"],
            cwd=ROOT,
            env=os.environ | environ,
            stdin=theirs,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        os.write(ours, f"{words}\n".encode())
        _, complaint = process.communicate(timeout=SECS)
    finally:
        os.close(ours)
        os.close(theirs)
    return process.returncode, complaint


def test_at_a_terminal_the_words_are_asked_for_and_the_doctor_comes_after_them(
    tmp_path: Path,
) -> None:
    with LocalVenue("bitget", keys=Keys(may_transfer=True)) as venue:
        path = config(tmp_path, venue, "live")
        words = words_of(load_settings(path))
        code, told = typed_at_a_terminal(path, "yes", venue.environment)
        assert code == Exit.REFUSED
        assert f"type: {words}" in told
        assert "was not typed" in told
        code, told = typed_at_a_terminal(path, words, venue.environment)
        assert code == Exit.REFUSED
        assert "keys BITGET: the key may transfer" in told
    assert not (tmp_path / "runs").exists()
