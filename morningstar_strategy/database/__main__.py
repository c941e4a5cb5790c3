"""Look after journals in databases: `python -m morningstar_strategy.database COMMAND URL ...`."""

import argparse
import json
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

try:
    from morningstar_strategy.database.address import DatabaseError
    from morningstar_strategy.database.exporting import export
    from morningstar_strategy.database.reading import Kept, sessions, verified
    from morningstar_strategy.database.upgrading import upgrade
except ModuleNotFoundError as e:
    if (e.name or "").partition(".")[0] not in {"sqlalchemy", "alembic", "psycopg"}:
        raise
    sys.stderr.write(f"{e.name} is missing: pip install 'morningstar-strategy[live]'\n")
    sys.exit(2)

_SECOND_NS: Final = 1_000_000_000
_WRONG, _UNUSABLE = 1, 2


def main(argv: Sequence[str] | None = None) -> int:
    """Do what is asked; 0 done, 1 a journal is not as it was written, 2 bad usage or database."""
    args = _parser().parse_args(argv)
    act: Callable[[argparse.Namespace], int] = args.act
    try:
        return act(args)
    except DatabaseError as e:
        sys.stderr.write(f"{e}\n")
        return _UNUSABLE


def _migrate(args: argparse.Namespace) -> int:
    revision = upgrade(args.url)
    _tell(args, {"revision": revision}, f"revision {revision}")
    return 0


def _list(args: argparse.Namespace) -> int:
    found = sessions(args.url)
    lines = [_line(kept) for kept in found]
    _tell(args, [_fields(kept) for kept in found], "\n".join(lines) or "no sessions")
    return 0


def _verify(args: argparse.Namespace) -> int:
    names = [args.name] if args.name else [kept.session.name for kept in sessions(args.url)]
    told, lines = [], []
    for name in names:
        try:
            kept = verified(args.url, name, head=args.head)
        except DatabaseError as e:
            told.append({"session": name, "fault": f"{e}"})
            lines.append(f"{name}: FAULT: {e}")
        else:
            told.append({**_fields(kept), "fault": ""})
            lines.append(f"{name}: sound, {kept.records:,} records, head {kept.head.hash}")
    _tell(args, told, "\n".join(lines) or "no sessions")
    return _WRONG if any(each["fault"] for each in told) else 0


def _export(args: argparse.Namespace) -> int:
    kept = export(args.url, args.name, args.folder)
    fields = {**_fields(kept), "folder": f"{args.folder}"}
    _tell(args, fields, f"{args.folder}: {kept.records:,} records of {kept.session.name}")
    return 0


def _fields(kept: "Kept") -> dict[str, object]:
    session = kept.session
    return {
        "session": session.name,
        "started_ns": session.started_ns,
        "mode": session.mode,
        "settings_sha256": session.settings_sha256,
        "versions": dict(session.versions),
        "records": kept.records,
        "last_ts_event": kept.last_ts_event,
        "head": kept.head.hash,
    }


def _line(kept: "Kept") -> str:
    last = "never" if kept.last_ts_event is None else _time(kept.last_ts_event)
    session = kept.session
    return (
        f"{session.name}: {session.mode}, from {_time(session.started_ns)}, "
        f"{kept.records:,} records, last {last}, head {kept.head.hash}"
    )


def _time(ns: int) -> str:
    return f"{datetime.fromtimestamp(ns // _SECOND_NS, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _tell(args: argparse.Namespace, fields: object, words: str) -> None:
    sys.stdout.write(f"{json.dumps(fields, indent=2) if args.json else words}\n")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m morningstar_strategy.database",
        description="Look after the journals of live nodes in a database.",
        epilog="Exit code 0: done. 1: a journal is not as it was written. 2: bad usage, or a "
        "database that cannot be used.",
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    for name, act, words in (
        ("migrate", _migrate, "make or renew the tables"),
        ("list", _list, "list the sessions"),
        ("verify", _verify, "check the chains of all sessions, or of one"),
        ("export", _export, "write a session as a run folder"),
    ):
        command = commands.add_parser(name, help=words, description=words)
        command.set_defaults(act=act)
        command.add_argument(
            "url", metavar="URL", help="sqlite:///PATH or postgresql://USER@HOST/DB"
        )
        command.add_argument("--json", action="store_true", help="tell it as JSON")
        if name == "verify":
            command.add_argument("name", metavar="SESSION", nargs="?")
            command.add_argument("--head", default="", help="a hash that the chain must hold")
        if name == "export":
            command.add_argument("name", metavar="SESSION")
            command.add_argument("folder", metavar="FOLDER", type=Path)
    return parser


if __name__ == "__main__":
    sys.exit(main())
