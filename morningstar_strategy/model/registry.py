"""Say which model serves: `python -m ...model.registry list|promote|rollback|verify`."""

import argparse
import hashlib
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from morningstar_strategy.model.bundle import BundleError, Manifest
from morningstar_strategy.model.channels import Change, Channels, RegistryError
from morningstar_strategy.model.promotion import Verdict, compare, retraining_due
from morningstar_strategy.model.registry_folder import Check, RefusedError, Registry, Role, role_of
from morningstar_strategy.model.shadow_log import read_shadow_logs

__all__ = ["RefusedError", "Registry", "RegistryError", "Role", "main"]

_DEFAULT: Final = Path("models/registry")
_WIDTH: Final = 140  # of tables where there is no terminal
_RULE: Final = "promotion rule"
_EXIT_CODES: Final = (
    "Exit code 0: done, or all is well. 1: refused by the promotion rule or by the registry, or a "
    "fault was found. 2: wrong usage, or input that cannot be read."
)

type Row = dict[str, str | None]


def main(argv: Sequence[str] | None = None, *, now: datetime | None = None) -> int:
    """Run one command; 1 for whatever is refused or faulty, 2 for what cannot be understood."""
    parser = _parser()
    args = parser.parse_args(argv)
    moment = datetime.now(UTC) if now is None else now
    registry = Registry(args.registry)
    try:
        match args.command:
            case "list":
                return _list(registry, args, moment)
            case "promote":
                _check_usage(parser, args)
                _check_folder(registry)
                return _promote(registry, args, moment)
            case "rollback":
                _check_folder(registry)
                change = registry.rollback(args.interval, at=moment, who=args.who, why=args.why)
                return _tell_change(change, args)
            case _:
                return _verify(registry, args)
    except (RefusedError, BundleError) as e:
        return _fail(e, 1)
    except (ValueError, OSError) as e:
        return _fail(e, 2)


def _list(registry: Registry, args: argparse.Namespace, now: datetime) -> int:
    channels = registry.channels()
    rows = [_row(registry, name, channels, now) for name in registry.models()]
    if args.json:
        return _tell_json(rows)
    table = Table(title=f"Models in {escape(str(registry.root))}")
    table.add_column("model", overflow="fold")
    for name in ("interval", "family", "direction edge", "trained to", "expires", "channel"):
        table.add_column(name)
    table.add_column("remark", overflow="fold")
    for row in rows:
        table.add_row(*(escape(value or "-") for value in row.values()))
    console = _console()
    console.print(table)
    if not rows:
        console.print("There is no model yet.")
    return 0


def _row(registry: Registry, name: str, channels: Channels, now: datetime) -> Row:
    """Describe one model; the remark says what is wrong with it, or why to train it again."""
    try:
        return _told(registry.manifest(name), channels, now)
    except Exception as e:  # whatever one bundle breaks, the others must still be listed
        empty = ("interval", "family", "direction_edge", "trained_to", "expires", "channel")
        return {"model": name, **dict.fromkeys(empty), "remark": str(e) or repr(e)}


def _told(manifest: Manifest, channels: Channels, now: datetime) -> Row:
    due = retraining_due(manifest, int(now.timestamp()) * 10**9)
    return {
        "model": manifest.model_id,
        "interval": manifest.interval,
        "family": manifest.family,
        "direction_edge": manifest.direction_edge,
        "trained_to": f"{manifest.train_end:%Y-%m-%d}",
        "expires": f"{manifest.expires:%Y-%m-%d}",
        "channel": role_of(channels, manifest),
        "remark": None if due is None else f"retraining is due: {due}",
    }


def _promote(registry: Registry, args: argparse.Namespace, now: datetime) -> int:
    evidence = tuple(_fingerprint(path) for path in args.evidence)
    if args.by_hand:
        if args.dry_run:
            return _dry_run_by_hand(registry, args)
        change = registry.promote(args.model, at=now, who=args.who, why=args.why, evidence=evidence)
        return _tell_change(change, args)
    challenger = registry.manifest(args.model)
    champion = registry.channels().of(challenger.interval).champion
    if champion is None:
        raise RefusedError(f"interval {challenger.interval} has no champion to compare with")
    if champion == args.model:
        raise RefusedError(f"{args.model} is the champion of {challenger.interval} already")
    verdict = compare(read_shadow_logs(args.evidence), registry.manifest(champion), challenger)
    why = "; ".join(verdict.reasons)
    if verdict.promote and not args.dry_run:
        registry.promote(args.model, at=now, who=_RULE, why=why, evidence=evidence, over=champion)
    _tell_verdict(verdict, args, champion)
    if not verdict.promote:
        raise RefusedError(f"{args.model} is not promoted over {champion}: {why}")
    return 0


def _dry_run_by_hand(registry: Registry, args: argparse.Namespace) -> int:
    interval = registry.manifest(args.model).interval
    champion = registry.channels().of(interval).champion
    if champion == args.model:
        raise RefusedError(f"{args.model} is the champion of {interval} already")
    if args.json:
        return _tell_json({"promoted": False, "model": args.model, "champion": champion})
    told = f"{args.model} would be promoted over {champion} by hand; nothing was changed."
    _console().print(told, markup=False, soft_wrap=True)
    return 0


def _verify(registry: Registry, args: argparse.Namespace) -> int:
    _check_folder(registry)
    checks = registry.verify()
    if args.json:
        _tell_json([asdict(check) for check in checks])
    else:
        _console().print(_check_table(checks))
    return 1 if any(check.fault is not None for check in checks) else 0


def _check_table(checks: Sequence[Check]) -> Table:
    table = Table(title="Registry")
    table.add_column("what", overflow="fold")
    table.add_column("finding", overflow="fold")
    for check in checks:
        good = check.fault is None
        table.add_row(
            escape(check.name), "[green]good[/]" if good else f"[red]{escape(check.fault or '')}[/]"
        )
    return table


def _tell_verdict(verdict: Verdict, args: argparse.Namespace, champion: str) -> None:
    if args.json:
        promoted = verdict.promote and not args.dry_run
        told = {"promoted": promoted, "model": args.model, "champion": champion}
        _tell_json({**told, "verdict": asdict(verdict)})
        return
    table = Table(title=escape(f"{args.model} against {champion}"))
    for name in ("head", "gain", "t", "bars"):
        table.add_column(name, justify="left" if name == "head" else "right")
    for head in verdict.heads:
        table.add_row(head.head, f"{head.gain:+.4f}", f"{head.t:+.2f}", f"{head.count:,}")
    console = _console()
    console.print(table)
    console.print(f"Calibration error of its direction: {verdict.ece:.3f}")
    if verdict.promote:
        done = "would be promoted; nothing was changed" if args.dry_run else "promoted"
        console.print(f"{done}: {'; '.join(verdict.reasons)}", markup=False, soft_wrap=True)


def _tell_change(change: Change, args: argparse.Namespace) -> int:
    if args.json:
        return _tell_json(change.model_dump(mode="json", by_alias=True))
    told = f"{change.interval}: {change.after} serves now, {change.before or 'nobody'} did before."
    _console().print(told, markup=False, soft_wrap=True)
    return 0


def _tell_json(value: object) -> int:
    sys.stdout.write(json.dumps(value, indent=1) + "\n")
    return 0


def _fail(error: Exception, code: int) -> int:
    sys.stderr.write(f"error: {error}\n")
    return code


def _console() -> Console:
    console = Console()
    if not console.is_terminal:
        console.width = max(console.width, _WIDTH)
    return console


def _fingerprint(path: Path) -> str:
    """Name a file by its content too, so that the history says what was looked at."""
    with path.open("rb") as file:
        return f"{path.name} sha256:{hashlib.file_digest(file, 'sha256').hexdigest()}"


def _check_folder(registry: Registry) -> None:
    if not registry.root.is_dir():
        raise RegistryError(f"registry {registry.root} must be a folder, is none")


def _words(value: str) -> str:
    if not value.strip():
        raise argparse.ArgumentTypeError(f"must not be blank, was {value!r}")
    return value


def _check_usage(parser: argparse.ArgumentParser, args: argparse.Namespace) -> None:
    """Refuse, as any wrong usage, half an order by hand and a rule without evidence."""
    if args.by_hand and not (args.who and args.why):
        parser.error("promote --by-hand needs --who NAME and --why TEXT")
    if not args.by_hand and (args.who or args.why):
        parser.error("--who and --why belong to promote --by-hand")
    if not args.by_hand and not args.evidence:
        parser.error("promote needs --evidence SHADOW.jsonl, or --by-hand --who NAME --why TEXT")


def _parser() -> argparse.ArgumentParser:
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument("--registry", type=Path, default=_DEFAULT, help=f"folder ({_DEFAULT})")
    common.add_argument("--json", action="store_true", help="print JSON only")
    parser = argparse.ArgumentParser(
        prog="python -m morningstar_strategy.model.registry",
        description="Say which model serves, which ones watch, and change that with a reason.",
        epilog=_EXIT_CODES,
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(
            name, parents=[common], help=text, description=text, epilog=_EXIT_CODES
        )

    command("list", "show the models, their channels and whether one must be trained again")
    _promote_arguments(command("promote", "let a challenger serve, by the rule or by hand"))
    back = command("rollback", "let the champion before serve again")
    back.add_argument("--interval", required=True, help="of the bars, like 1h")
    back.add_argument("--who", type=_words, required=True, metavar="NAME", help="who decides it")
    back.add_argument(
        "--why", type=_words, required=True, metavar="TEXT", help="written to the history"
    )
    command("verify", "load every bundle and check the channels")
    return parser


def _promote_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", metavar="ID", help="model to promote")
    parser.add_argument(
        "--evidence",
        nargs="+",
        type=Path,
        default=[],
        metavar="SHADOW.jsonl",
        help="shadow logs of both models: 1,500 bars or more, one head better with t > 2.4, none "
        "worse than t = -1, calibration error of direction below 0.05",
    )
    parser.add_argument("--dry-run", action="store_true", help="judge, but change nothing")
    parser.add_argument("--by-hand", action="store_true", help="whatever the rule says")
    parser.add_argument("--who", type=_words, metavar="NAME", help="who decides it by hand")
    parser.add_argument(
        "--why", type=_words, metavar="TEXT", help="the reason, written to the history"
    )


if __name__ == "__main__":
    sys.exit(main())
