"""One session: a node that is killed on an exchange that fails, then the books compared."""

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from ccxt_nt.ids import codec
from ccxt_nt.values import Product
from ccxt_nt.venues import profile
from morningstar_strategy.core.records import Kind, Record
from morningstar_strategy.database.reading import read_records, sessions, verify
from morningstar_strategy.store import StateStore
from tests.chaos.comparing import Books, Venue, differences
from tests.chaos.hands import Hands
from tests.chaos.outcome import Outcome
from tests.chaos.plans import Deed, Event, Plan
from tests.chaos.record import Span, clipped, gaps, longest_secs, read_rows
from tests.harness.live_node import PROJECT, LiveNode, played
from tests.venue.played_process import PlayedVenue

__all__ = ["run"]

# `Any` in this module: a status and a venue's truth are JSON of every shape

_POLL_SECS: Final = 0.05
_SETTLE_SECS: Final = 3.0  # after the last fault
_START_SECS: Final = 90.0  # real ones, on a machine that others use as well
_STOP_SECS: Final = 90.0
_ANEW_SECS: Final = 0.5  # after a start that was given up, as a service manager would wait
_MOST_BARE_SECS: Final = 5.0
_AWAY_SECS: Final = 4.0  # a venue that restarts is away for up to so long
_BALANCE: Final = Decimal(10_000)


@dataclass(slots=True, kw_only=True)
class _Life:
    """One process of the node, in real milliseconds."""

    begin_ms: int
    end_ms: int = 0


@dataclass(slots=True)
class _Stage:
    """The node, its venue, and what was done to them."""

    plan: Plan
    venue: PlayedVenue
    node: LiveNode
    outcome: Outcome
    hands: Hands
    lives: list[_Life] = field(default_factory=list)
    outages: list[Span] = field(default_factory=list)
    began: float = field(default_factory=time.monotonic)
    code: int | None = None
    has_traded: bool = False

    def play(self) -> None:
        """Let everything happen, then end in order."""
        self.start()
        for event in self.plan.events:
            self._wait_until(self.began + event.at_secs)
            self._do(event)
        self._wait_until(self.began + self.plan.secs)
        self.venue.calm()
        self._wait_until(time.monotonic() + _SETTLE_SECS)
        self._wait_for(self._runs, "the node runs", _START_SECS)
        self._wait_until(time.monotonic() + _SETTLE_SECS)
        with suppress(TimeoutError):  # a slow start leaves little time, and some markets are quiet
            self._wait_for(lambda: self.has_traded, "a plan", _START_SECS)
        self._stop()

    def start(self) -> None:
        """Start the node's next process."""
        self.lives.append(_Life(begin_ms=_now_ms()))
        self.outcome.starts += 1
        self.node.start()

    def _stop(self) -> None:
        try:
            self.code = self.node.stop(_STOP_SECS)
        except subprocess.TimeoutExpired:
            self.outcome.differences.append(f"the node did not end within {_STOP_SECS:.0f} s")
            self.node.kill()
        self.lives[-1].end_ms = _now_ms()
        if self.code:
            said = f"the node ended with {self.code}: {_last_words(self.node.log)}"
            self.outcome.differences.append(said)

    def _do(self, event: Event) -> None:
        match event.deed:
            case Deed.KILL:
                self.node.kill()
                self.lives[-1].end_ms = _now_ms()
                self.outcome.kills += 1
                self.start()
            case Deed.FAULT if event.fault is not None:
                self.venue.add_faults(event.fault)
            case Deed.FAULT:
                raise ValueError(f"a fault needs its rule, had none at {event.at_secs}")
            case Deed.DROP:
                self.venue.drop()
            case Deed.RESTART:
                away = event.size * _AWAY_SECS
                now_ms = _now_ms()
                self.venue.restart(away)
                self.outages.append(Span(now_ms, now_ms + round(away * 1_000)))
            case Deed.HAND_TRADE:
                self.outcome.by_hand += self.hands.trade(event.pick, event.size)
            case Deed.HAND_CANCEL:
                self.outcome.by_hand += self.hands.cancel(event.pick, event.size)

    # ------------------------------------------------------------ waiting

    def _wait_until(self, when: float) -> None:
        while (left := when - time.monotonic()) > 0:
            self._look()
            time.sleep(min(left, _POLL_SECS))

    def _wait_for(self, test: Callable[[], bool], what: str, secs: float) -> None:
        deadline = time.monotonic() + secs
        while not test():
            if time.monotonic() > deadline:
                raise TimeoutError(f"not within {secs:.0f} s: {what}")
            self._look()
            time.sleep(_POLL_SECS)

    def _look(self) -> None:
        """Start the node again where it has ended by itself, as a service manager does."""
        if self.node.is_running:
            self.has_traded = self.has_traded or bool(self.node.plans(self._status()))
            return
        self.lives[-1].end_ms = _now_ms()
        said = _last_words(self.node.log)
        if self._has_started():
            self.outcome.differences.append(f"the node ended by itself: {said}")
        else:
            self.outcome.gave_up.append(said)
        time.sleep(_ANEW_SECS)
        self.start()

    def _status(self) -> Mapping[str, Any]:
        """Read what the newest process told last; its store is not touched for that."""
        told = self.node.store.with_name(f"{self.node.store.stem}.status.json")
        if not told.is_file():
            return {}
        status: dict[str, Any] = json.loads(told.read_text(encoding="utf-8"))
        return status if status["ts"] >= self.lives[-1].begin_ms * 1_000_000 else {}

    def _has_started(self) -> bool:
        return bool(self._status())

    def _runs(self) -> bool:
        return self.node.is_running and self._status().get("state") == "running"


def run(plan: Plan, dialect: str, folder: Path, catalog: Path) -> Outcome:
    """Play a session and compare; its folder is kept where anything differs."""
    outcome = Outcome(dialect=dialect, seed=plan.seed, folder=str(folder))
    began = time.monotonic()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "plan.json").write_text(json.dumps(asdict(plan), default=str, indent=1))
    try:
        _play(plan, dialect, folder, catalog, outcome)
    except Exception as e:  # whatever it was, the session has failed, and others go on
        outcome.differences.append(f"{type(e).__name__}: {e}")
    outcome.secs = time.monotonic() - began
    told = json.dumps(asdict(outcome), indent=1)
    (folder / "outcome.json").write_text(told)
    if not outcome.differences:
        shutil.rmtree(folder)
    return outcome


def _play(plan: Plan, dialect: str, folder: Path, catalog: Path, outcome: Outcome) -> None:
    record = folder / "record.jsonl"
    start = plan.start.isoformat()
    decode = codec(profile(dialect.upper(), Product.LINEAR, allow_untested=False).codec).decode
    settings = (f"node.exchange.start={start}", *plan.settings)
    options = {"start": start, "seed": plan.seed, "record": record, "balance": _BALANCE}
    with (
        played(dialect, catalog, **options) as venue,
        LiveNode(venue, dialect, folder / "node", catalog=catalog, settings=settings) as node,
    ):
        hands = Hands(venue=venue, decode=decode)
        stage = _Stage(plan=plan, venue=venue, node=node, outcome=outcome, hands=hands)
        try:
            stage.play()
        finally:
            truth = venue.truth()
            (folder / "truth.json").write_text(json.dumps(truth, indent=1))
    sizes = {row["name"]: Decimal(row["contract_size"]) for row in venue.opening["markets"]}
    books = _books(node, outcome)
    outcome.differences += [f"the venue went wrong: {each}" for each in truth["errors"]]
    ledger = Venue(truth=truth, sizes=sizes, decode=decode, began=_BALANCE)
    outcome.differences += differences(books, ledger)
    _count(outcome, books, ledger)
    _judge_gaps(stage, books, record, outcome)
    _replay(node.folder / "runs", outcome)


def _replay(runs: Path, outcome: Outcome) -> None:
    """Run every life of the node again from its record, each in a process of its own."""
    for run in sorted(path for path in runs.glob("*") if path.is_dir()):
        done = subprocess.run(
            [sys.executable, "backtests/run.py", "--from-run", run, "--json"],
            cwd=PROJECT,
            capture_output=True,
            text=True,
            check=False,
        )
        if not done.stdout:
            outcome.differences.append(f"{run.name} cannot be replayed: {done.stderr.strip()}")
            continue
        told = json.loads(done.stdout)
        outcome.replayed += 1
        outcome.decisions += sum(told["decisions"].values())
        if not told["same"]:
            first = told["parted"] or told["first"]
            outcome.differences.append(f"{run.name} replays otherwise: {first[:400]}")


def _books(node: LiveNode, outcome: Outcome) -> Books:
    """Read what all processes of the node left, and see that no journal was changed."""
    url = f"sqlite:///{node.store.with_name('journal.sqlite')}"
    names = [each.session.name for each in sessions(url)]
    for name in names:
        verify(url, name)
    with StateStore(node.store) as store:
        plans, memory = store.load_plans(), store.load()
    if len(names) > outcome.starts:
        outcome.differences.append(f"{len(names)} sessions are in the database")
    journals = [list(read_records(url, name)) for name in names]
    return Books(journals=journals, plans=plans, memory=memory)


def _count(outcome: Outcome, books: Books, ledger: Venue) -> None:
    ours = [order for orders in ledger.ours.values() for order in orders]
    outcome.orders = len(ours)
    outcome.fills = sum(len(order["fills"]) for order in ours)
    outcome.plans = sum(each.fields["state"] == "PENDING" for each in books.of(Kind.PLAN))
    outcome.faults = len(ledger.truth["faults"])


def _judge_gaps(stage: _Stage, books: Books, record: Path, outcome: Outcome) -> None:
    """Measure at the venue how long anything was without a stop."""
    windows = [span for journal in books.journals for span in _alive(journal, stage.lives)]
    end_ms = stage.lives[-1].end_ms
    found = gaps(read_rows(record), end_ms=end_ms)
    outcome.whole_secs = longest_secs(gap.span for gap in found)
    for gap in found:
        inside = longest_secs(clipped(gap.span, windows, ()))
        reached = longest_secs(clipped(gap.span, windows, stage.outages))
        outcome.outage_secs = max(outcome.outage_secs, inside)
        outcome.alive_secs = max(outcome.alive_secs, reached)
        if reached > _MOST_BARE_SECS:
            outcome.differences.append(
                f"{gap.quantity} {gap.instrument} had no stop for {reached:.2f} s from "
                f"{gap.span.begin_ms} to {gap.span.end_ms} while the node ran"
            )


def _alive(journal: Sequence[Record], lives: list[_Life]) -> list[Span]:
    """Give from when to when the process of a session had begun to guard."""
    started = [
        record.ts_event // 1_000_000
        for record in journal
        if record.kind is Kind.HEALTH and record.fields["state"] == "started"
    ]
    return [
        Span(at_ms, life.end_ms)
        for at_ms in started
        for life in lives
        if life.begin_ms <= at_ms < life.end_ms
    ]


def _last_words(log: Path) -> str:
    said = log.read_text(encoding="utf-8", errors="replace")
    lines = [line for line in said.splitlines() if line]
    telling = [line for line in lines if line.startswith(("error:", "The node"))]
    return (telling or lines or ["it said nothing"])[-1][:400]


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
