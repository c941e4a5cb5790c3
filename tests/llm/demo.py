"""A backtest whose supervisor asks the local server of language models: `python -m tests.llm.demo`.

The server plays a model that gives each of the four commands; the run is then replayed from its
tape with the server gone.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from backtests.errors import BacktestError
from backtests.session import Finished, run_backtest
from catalog.errors import CatalogError
from catalog.sample import replace_catalog
from catalog.store import is_synthetic
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.core.wire import dump
from morningstar_strategy.journal import journal_digest, read_records
from morningstar_strategy.settings.load import SettingsError, load_settings
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.supervisor.portrayal import read_state
from morningstar_strategy.supervisor.providers import PRESETS, WireProtocol
from tests.llm.answers import Answer, Say
from tests.llm.server import Asked, LlmServer

# `Any` in this module: the state that a prompt shows is JSON of every shape

ROOT: Final = Path(__file__).parents[2]
ACTIONS: Final = ("PLAN_TRADE", "ADJUST_TRADE", "CANCEL_ORDER", "DO_NOTHING")
_HOSTED: Final = tuple(name for name, fields in PRESETS.items() if fields["key_env"] is not None)
_DAYS: Final = 10
_PATIENCE_MINUTES: Final = 30  # before an entry that waits is thought better of
_EARNED: Final = Decimal("1.005")  # of the entry, before the stop is moved there
_PRICE: Final = {"tokens_in": 1, "tokens_out": 4}  # made up, for a million tokens


class PlayedModel:
    """Buys now and then at market or far below it, saves what is won, calls off what waits."""

    def __init__(self) -> None:
        self._seen: set[str] = set()

    def __call__(self, asked: Asked) -> Answer:
        """Answer a question of either kind, with tokens as a provider would count them."""
        _, user = asked.turns[0]
        state = read_state(user)
        reviewed = "BEGIN OUTSIDE" in user  # the executor is shown no words from outside
        said = self._opinion(state) if reviewed else {"command": self._command(state)}
        text = dump(said)
        return Say(text=text, usage=((len(asked.system) + len(user)) // 4, len(text) // 4))

    def _opinion(self, state: dict[str, Any]) -> dict[str, Any]:
        return {
            "symbol": state["instrument"]["symbol"],
            "coherence": Decimal("0.8"),
            "risk_score": Decimal("0.5"),
            "veto": False,
            "stop_scale": Decimal("0.9"),
            "target_scale": 1,
            "reasoning": "half the size is enough",
        }

    def _command(self, state: dict[str, Any]) -> dict[str, Any]:
        trade, instrument = state["trade"], state["instrument"]
        self._seen |= {trade["order_id"]} if "order_id" in trade else set()
        match trade["status"]:
            case "FLAT":
                return self._plan(instrument)
            case "PENDING" if trade["age_minutes"] >= _PATIENCE_MINUTES:
                return _on(trade, "CANCEL_ORDER", "it waited long enough")
            case "ACTIVE" if _has_earned(trade, instrument["price"]):
                stop = _on_tick(trade["entry_price"], instrument["tick"])
                moved = {"new_stop_loss_price": stop, "new_take_profit_prices": ()}
                return _on(trade, "ADJUST_TRADE", "stop to break-even", **moved)
            case _:
                return {"action": "DO_NOTHING", "reasoning": "the trade stands"}

    def _plan(self, instrument: dict[str, Any]) -> dict[str, Any]:
        """Plan at market first, then far below, and so on by turns."""
        price, tick = instrument["price"], instrument["tick"]
        waits = len(self._seen) % 2 == 1
        entry = _on_tick(price * Decimal("0.96"), tick) if waits else None
        anchor = price if entry is None else entry
        setup = {
            "symbol": instrument["symbol"],
            "direction": "LONG",
            "entry_price": entry,
            "stop_loss_price": _on_tick(anchor * Decimal("0.98"), tick),
            "take_profit_prices": (_on_tick(anchor * Decimal("1.05"), tick),),
            "position_size_percent": 5,
        }
        reason = "wait for a dip" if waits else "buy now"
        return {"action": "PLAN_TRADE", "trade_setup": setup, "reasoning": reason}


def _has_earned(trade: dict[str, Any], price: Decimal) -> bool:
    """Say whether a long trade has earned enough for its stop to stand at the entry."""
    entry: Decimal = trade["entry_price"]
    return price > entry * _EARNED and bool(entry > trade["stop_loss_price"])


def _on(trade: dict[str, Any], action: str, reason: str, **fields: Any) -> dict[str, Any]:
    return {"action": action, "order_id": trade["order_id"], **fields, "reasoning": reason}


def _on_tick(price: Decimal, tick: Decimal) -> Decimal:
    return (price / tick).to_integral_value(ROUND_HALF_EVEN) * tick


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What a demonstration came to; `approved` counts the executor's commands by action."""

    finished: Finished
    requests: int
    approved: Counter[str]
    replayed: bool

    @property
    def missing(self) -> tuple[str, ...]:
        """Name the commands that did not come through."""
        return tuple(action for action in ACTIONS if not self.approved[action])


def show(args: argparse.Namespace) -> Shown:
    """Run against the server, then from the tape into a folder that is thrown away."""
    if not is_synthetic(args.catalog):
        replace_catalog(args.catalog, seed=7, days=_DAYS)
    with LlmServer(brain=PlayedModel()) as server:
        finished = run_backtest(_settings(args, server.url), quiet=args.json)
        requests = len(server.asked)
    with TemporaryDirectory() as folder:
        replay = (f"supervisor.tape={finished.folder}", f"runs={folder}")
        settings = _settings(args, server.url, "supervisor.source=tape", *replay)
        again = run_backtest(settings, quiet=args.json)
        same = journal_digest(again.folder) == journal_digest(finished.folder)
    return Shown(
        finished=finished,
        requests=requests,
        approved=approved(read_records(finished.folder)),
        replayed=same,
    )


def _settings(args: argparse.Namespace, url: str, *more: str) -> Settings:
    known = PRESETS[args.provider]
    bare = known.get("protocol") is WireProtocol.ANTHROPIC
    provider = {
        "preset": args.provider,
        "base_url": url if bare else f"{url}/v1",
        "key_env": None,  # the server wants no key, so none is read and none is sent
    }
    told = (
        f"data.catalog={args.catalog}",
        "data.instruments=[BTCUSDT-PERP.BINANCE]",
        "data.end=2024-01-06",
        f"runs={args.runs}",
        "supervisor.source=live",
        "supervisor.cycle_secs=1800",
        f"supervisor.providers={json.dumps([provider])}",
        f"supervisor.budget.prices={json.dumps({known['model']: _PRICE})}",
    )
    return load_settings(ROOT / "config/supervised.yaml", overrides=(*told, *more))


def approved(records: Iterable[Record]) -> Counter[str]:
    """Count what the executor proposed and the gate approved; to do nothing needs no ruling."""
    found: Counter[str] = Counter()
    proposed: object = None
    for record in records:
        match record.kind:
            case Kind.REVIEW:
                told = record.fields["proposal"]
                proposed = told["action"] if isinstance(told, dict) else None
                found["DO_NOTHING"] += proposed == "DO_NOTHING"
            case Kind.RULING if record.fields["action"] == proposed != "DO_NOTHING":
                found[str(proposed)] += record.fields["ruling"] == "approved"
            case _:
                pass
    return found


def tell(records: Iterable[Record]) -> Iterable[str]:
    """Tell in a line each what became of the plans and which stops were moved."""
    for record in records:
        when = f"{datetime.fromtimestamp(record.ts_event / 1e9, UTC):%Y-%m-%d %H:%M}"
        match record.kind:
            case Kind.PLAN:
                yield f"{when}  plan {record.fields['state']:<9} {record.fields.get('reason', '')}"
            case Kind.COMMAND:
                command = record.fields["command"]
                if isinstance(command, dict) and command["action"] == "ADJUST_TRADE":
                    yield f"{when}  stop to {command['new_stop_loss_price']}"


def main(argv: Sequence[str] | None = None) -> int:
    """Show the four commands end to end; 1 where one did not come through, 2 for bad usage."""
    args = _parse(argv)
    try:
        shown = show(args)
    except (SettingsError, BacktestError, CatalogError, OSError) as e:
        print(f"error: {e}", file=sys.stderr)
        return 2
    _print(shown, as_json=args.json)
    return 0 if shown.replayed and not shown.missing else 1


def _print(shown: Shown, *, as_json: bool) -> None:
    folder, counsel = shown.finished.folder, shown.finished.document["supervisor"]
    if as_json:
        told = {
            "run": str(folder),
            "requests": shown.requests,
            "approved": shown.approved,
            "replayed": shown.replayed,
            "supervisor": counsel,
        }
        print(json.dumps(told, sort_keys=True))
        return
    for line in tell(read_records(folder)):
        print(line)
    print(f"{shown.requests:,} requests reached the server over HTTP")
    for action in ACTIONS:
        print(f"{action:<13} {shown.approved[action]:>4} {'approved' if action[0] != 'D' else ''}")
    print(f"Replayed from its tape: {'the same journal' if shown.replayed else 'ANOTHER journal'}")
    print(f"Report: {folder}/report.html")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m tests.llm.demo",
        description="Run a short backtest whose supervisor asks a local server over HTTP.",
        epilog="Exit code 0: all four commands came through. 1: one did not. 2: it cannot be run.",
    )
    parser.add_argument("--provider", choices=_HOSTED, default="qwen", help="whose way to speak")
    parser.add_argument(
        "--catalog", type=Path, default=Path("data/sample"), help="synthetic bars, made if missing"
    )
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="where the run goes")
    parser.add_argument("--json", action="store_true", help="print JSON only")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
