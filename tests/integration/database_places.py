"""Databases to keep journals in: a file of SQLite, or a real server of PostgreSQL."""

import contextlib
import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Self

import psycopg
import pytest

from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.database.journal import DatabaseJournal, JournalManners
from morningstar_strategy.database.upgrading import upgrade

# `Any` in this module: whatever a journal is opened with

PATIENCE_SECS: Final = 60.0
QUICK: Final = JournalManners(retry_secs=0.02, most_retry_secs=0.1, stall_secs=0.5)
PASSWORD: Final = "pa55-w0rd"  # of the server that we start ourselves
_GIVEN: Final = "MORNINGSTAR_TEST_POSTGRES"


def record(number: int) -> Record:
    """Make a small record that tells its number."""
    return Record(
        ts_event=number, kind=Kind.FILL, instrument_id="X-PERP.Y", fields={"price": f"{number}.5"}
    )


def journal_in(url: str, folder: Path, *, name: str = "first", **more: Any) -> DatabaseJournal:
    """Make a journal whose spill file stands in a folder."""
    return DatabaseJournal(
        url,
        **{
            "name": name,
            "started_ns": 1_700_000_000_000_000_000,
            "mode": "paper",
            "settings": "mode: paper\nπ: ∞\n",
            "settings_sha256": "ab" * 32,
            "versions": {"morningstar-strategy": "0.1.0"},
            "spill": folder / f"{name}.spill",
            "manners": QUICK,
            **more,
        },
    )


def until(holds: Callable[[], bool], *, secs: float = PATIENCE_SECS) -> None:
    """Wait until something is so."""
    deadline = time.monotonic() + secs
    while not holds():
        assert time.monotonic() < deadline, f"it did not become so within {secs} s"
        time.sleep(0.01)


class PostgresServer:
    """A server of PostgreSQL on loopback with a database of its own in a temporary folder."""

    def __init__(self, programs: Path) -> None:
        self._programs = programs
        self._user = "postgres" if _is_user("postgres") else "nobody"
        self._folder = Path(tempfile.mkdtemp(prefix="journal-pg-"))
        self._process: subprocess.Popen[bytes] | None = None
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = int(free.getsockname()[1])

    @property
    def url(self) -> str:
        """Give the URL with the password in it."""
        return f"postgresql://owner:{PASSWORD}@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Self:
        secret = self._folder / "password"
        secret.write_text(PASSWORD)
        if os.geteuid() == 0:
            shutil.chown(self._folder, self._user)
            shutil.chown(secret, self._user)
        made = subprocess.run(
            [
                *(f"{self._programs / 'initdb'}", "-D", f"{self._folder / 'data'}", "-U", "owner"),
                *("-A", "scram-sha-256", f"--pwfile={secret}", "--no-sync", "-E", "UTF8"),
            ],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            **self._as_user(),
        )
        assert made.returncode == 0, made.stderr
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it, again too, and wait until it answers."""
        options = {
            "listen_addresses": "127.0.0.1",
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
        }
        self._process = subprocess.Popen(
            [
                *(f"{self._programs / 'postgres'}", "-D", f"{self._folder / 'data'}"),
                *(f"--{name}={value}" for name, value in options.items()),
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            **self._as_user(),
        )
        until(self._answers, secs=60.0)

    def stop(self) -> None:
        """Stop it and cut whoever is connected."""
        if self._process is not None:
            self._process.send_signal(signal.SIGINT)
            self._process.wait(60)
            self._process = None

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, "the server ended"
        with contextlib.suppress(psycopg.OperationalError), psycopg.connect(self.url):
            return True
        return False

    def _as_user(self) -> dict[str, Any]:
        """Give up being root, as which a server does not run."""
        if os.geteuid() != 0:
            return {"cwd": self._folder}
        group = pwd.getpwnam(self._user).pw_gid
        return {"user": self._user, "group": group, "extra_groups": [], "cwd": self._folder}


def _is_user(name: str) -> bool:
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


def _programs() -> Path | None:
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    return found[-1].parent if found else None


@contextlib.contextmanager
def own_server() -> Iterator[PostgresServer]:
    """Start a server, which may be stopped and started, or skip where none is installed."""
    programs = _programs()
    if programs is None:
        pytest.skip("no server of PostgreSQL in /usr/lib/postgresql (apt-get install postgresql)")
    with PostgresServer(programs) as server:
        upgrade(server.url)
        yield server


@contextlib.contextmanager
def postgres_url() -> Iterator[str]:
    """Give the server that the environment names, or one that is started here, or skip."""
    if given := os.environ.get(_GIVEN):
        upgrade(given)
        yield given
        return
    with own_server() as server:
        yield server.url
