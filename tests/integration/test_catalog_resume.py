"""A download killed at any moment goes on and ends with the same bytes."""

import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("ccxt", reason="the extra [ccxt] is not installed")


from tests.catalogs import content
from tests.venue.downloads import DAY_MS, FIVE_MINUTES, NOW_MS, PERP, SPOT, Open, Session, sessions

DEADLINE_SECS = 120.0
SINCE = NOW_MS - 32 * DAY_MS  # fifty pages a symbol, across the end of a month


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Give what a download leaves that nothing disturbed."""
    with sessions(tmp_path_factory.mktemp("undisturbed")) as start:
        calm = start()
        calm.run(PERP, SPOT, since=SINCE)
        return content(calm.root)


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Open]:
    """Open sessions, and close their servers after the test."""
    with sessions(tmp_path) as start:
        yield start


CHILD = """
import random, sys, time
from pathlib import Path
from catalog.download import Wish, download
from catalog.venue import VENUES, Patience, open_exchange
from tests.venue.bitget_rest import redirect
root, port, now, since = Path(sys.argv[1]), *map(int, sys.argv[2:])
exchange = open_exchange("bitget")
redirect(exchange, port)
download(
    root, exchange, VENUES["bitget"],
    Wish(symbols=("BTC/USDT:USDT", "BTC/USDT"), interval="5m", since_ms=since),
    patience=Patience(dice=random.Random(1), sleep=time.sleep),
    clock_ms=lambda: now, report=lambda *_: None,
)
"""


def start_child(here: Session, since: int) -> subprocess.Popen[bytes]:
    project = Path(__file__).parents[2]
    numbers = [str(number) for number in (here.venue.port, NOW_MS, since)]
    return subprocess.Popen(
        [sys.executable, "-c", CHILD, str(here.root), *numbers],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project)},
    )


def kill_after(child: subprocess.Popen[bytes], here: Session, answers: int, wait: float) -> None:
    """Kill the child without warning, a moment after the server saw so many more questions."""
    already, deadline = len(here.venue.paths("candles")), time.monotonic() + DEADLINE_SECS
    while len(here.venue.paths("candles")) - already < answers:
        assert child.poll() is None, "the child ended before it could be killed"
        assert time.monotonic() < deadline, "the child asked too few questions"
        threading.Event().wait(0.002)
    threading.Event().wait(wait)
    child.send_signal(signal.SIGKILL)
    assert child.wait(DEADLINE_SECS) == -signal.SIGKILL


@pytest.mark.parametrize("seed", [1, 2])
def test_a_download_killed_twice_ends_with_the_bytes_of_an_undisturbed_one(
    session: Open, undisturbed: dict[str, bytes], seed: int
) -> None:
    killed = session()
    dice = random.Random(seed)
    for _ in range(2):
        child = start_child(killed, SINCE)
        kill_after(child, killed, dice.randrange(2, 40), dice.uniform(0.0, 0.06))
        assert content(killed.root) != undisturbed
    child = start_child(killed, SINCE)
    assert child.wait(DEADLINE_SECS) == 0
    assert content(killed.root) == undisturbed


def test_a_catalog_left_at_any_step_of_a_write_heals(session: Open, tmp_path: Path) -> None:
    since = NOW_MS - 3 * DAY_MS
    calm, hurt = session(), session()
    calm.run(since=since)
    hurt.run(since=since, until_ms=since + DAY_MS)
    (held,) = (hurt.root / "data" / "bars" / FIVE_MINUTES).iterdir()
    (held.parent / "2024-02-27T00-05-00-000000000Z_x.tmp").write_bytes(b"PAR1")
    (hurt.root / ".staging" / "data").mkdir(parents=True)
    promised = next((calm.root / "data" / "bars" / FIVE_MINUTES).iterdir()).name
    shutil.move(held, held.parent / promised)
    hurt.run(since=since)
    assert content(hurt.root) == content(calm.root)
