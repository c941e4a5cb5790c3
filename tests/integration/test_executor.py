"""Every operation of the executor against a node that runs, and what a bad client may not do."""

import json
import re
import resource
import socket
import stat
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from live.answers import (
    BadParametersError,
    DeniedError,
    ExecutorError,
    NotReadyError,
    UnknownOutcomeError,
    UnreachableError,
)
from live.executor import Executor
from morningstar_strategy.core.wire import dump
from morningstar_strategy.store import StateStore
from tests.halting import ROOT, NodeRun, leftovers, played
from tests.harness.live_looks import locked
from tests.venue.played_process import PlayedVenue

BTC, ETH, SOL = (f"{base}USDT-PERP.BITGET" for base in ("BTC", "ETH", "SOL"))
LOT = Decimal("0.01")
CALM = (  # what is held is held by us alone, and long enough to be looked at
    "decision.min_confidence=1",
    "decision.stop_percent=3.5",
    "decision.take_profit_percents=[7]",
    "decision.take_profit_fractions=[]",
    "node.guard.status_every_secs=0.02",  # each look of the guard leaves its time
)
_SECS = 60.0


@pytest.fixture(scope="module")
def venue() -> Iterator[PlayedVenue]:
    with played("bitget", seed=4) as opened:
        yield opened


@pytest.fixture(scope="module")
def node(venue: PlayedVenue) -> Iterator[NodeRun]:
    with (
        tempfile.TemporaryDirectory(prefix="ex") as name,  # a socket's path must be short
        NodeRun(
            venue,
            Path(name),
            dialect="bitget",
            more=[word for each in CALM for word in ("--set", each)],
        ) as opened,
    ):
        opened.until((opened.folder / "state/desk.sock").exists)
        with Executor(Path(name) / "state", timeout_secs=60) as client:
            opened.until(lambda: all(each["mark_price"] for each in client.fetch_positions()))
        yield opened


@pytest.fixture
def client(node: NodeRun) -> Iterator[Executor]:
    """Talk to the node, and leave nothing open behind."""
    with Executor(node.folder / "state", timeout_secs=60) as opened:
        yield opened
        opened.cancel_all_orders()
        for each in opened.fetch_positions():
            if each["size"]:
                opened.close_position(each["symbol"])


def position(client: Executor, symbol: str) -> dict[str, Any]:
    (found,) = client.fetch_positions(symbol=symbol)
    return found


def near(client: Executor, symbol: str, percent: str) -> Decimal:
    """Give a price so many percent from the market, in whole numbers."""
    price: Decimal = position(client, symbol)["mark_price"]
    return (price * (1 + Decimal(percent) / 100)).quantize(Decimal(1))


def untold(node: NodeRun) -> tuple[str, ...]:
    """Give what the node has still to tell its journal."""
    with store_of(node) as store:
        return store.untold()


def store_of(node: NodeRun) -> StateStore:
    return StateStore(node.folder / "state/state.sqlite")


def long(client: Executor, symbol: str = BTC) -> dict[str, Any]:
    return client.place_order("bitget", symbol, "market", "buy", LOT)


# ---------------------------------------------------------------- orders


def test_a_limit_order_rests_is_found_and_is_taken_back(
    client: Executor, venue: PlayedVenue
) -> None:
    price = near(client, BTC, "-3")
    placed = client.place_order("bitget", "BTC/USDT:USDT", "limit", "buy", LOT, price)
    assert (placed["status"], placed["amount"], placed["price"]) == ("accepted", LOT, price)
    assert client.fetch_order(placed["order_id"])["status"] == "accepted"
    assert [each["order_id"] for each in client.fetch_open_orders(symbol=BTC)] == [
        placed["order_id"]
    ]
    assert len(venue.truth()["open_orders"]) == 1
    assert client.cancel_order(placed["order_id"], reasoning="test")["status"] == "ended"
    assert client.fetch_order(placed["order_id"])["status"] == "canceled"
    assert leftovers(venue.truth()) == []


def test_a_market_order_has_the_policys_stop_and_targets(
    client: Executor, venue: PlayedVenue, node: NodeRun
) -> None:
    assert long(client)["status"] == "filled"
    held = position(client, BTC)
    assert (held["side"], held["size"]) == ("long", LOT)
    assert held["entry_price"] > held["stop_loss_price"] > held["entry_price"] * Decimal("0.96")
    assert held["leverage"] >= 1
    node.until(lambda: len(venue.truth()["open_orders"]) == 2, secs=_SECS)  # stop and target
    assert all(each["reduce_only"] for each in venue.truth()["open_orders"])
    assert client.close_position("BTCUSDT-PERP")["status"] == "ended"
    assert position(client, BTC)["side"] == "none"


def test_exits_move_the_stop_and_the_targets_of_the_position(
    client: Executor, venue: PlayedVenue, node: NodeRun
) -> None:
    long(client)
    stop, target = near(client, BTC, "-2"), near(client, BTC, "4")
    client.place_order("bitget", BTC, "stop_loss", "sell", LOT, None, stop)
    client.place_order("bitget", BTC, "take_profit_limit", "sell", None, target, target)

    def prices() -> set[str | None]:
        orders = venue.truth()["open_orders"]
        return {each["trigger_price"] or each["price"] for each in orders}

    node.until(lambda: prices() == {f"{stop}", f"{target}"}, secs=_SECS)
    nearer = near(client, BTC, "-1")
    assert client.adjust_position(BTC, stop_loss_price=nearer)["status"] == "adjusted"
    node.until(lambda: f"{nearer}" in prices(), secs=_SECS)
    with pytest.raises(DeniedError, match=r"adjustment_reduces_risk.*would lose more"):
        client.adjust_position(BTC, stop_loss_price=near(client, BTC, "-3"))


def test_all_orders_can_be_taken_back_at_once(client: Executor) -> None:
    for symbol in (BTC, ETH):
        price = near(client, symbol, "-3")
        client.place_order("bitget", symbol, "limit", "buy", LOT * 2, price)
    assert len(client.cancel_all_orders("bitget")["cancelled"]) == 2
    assert client.fetch_open_orders() == []


def test_what_a_plan_cannot_express_is_refused_with_one_sentence(client: Executor) -> None:
    refused: dict[str, Callable[[], object]] = {
        "needs an open position": lambda: client.place_order(
            "", ETH, "stop_loss", "buy", LOT, None, near(client, ETH, "2")
        ),
        "cannot be expressed": lambda: client.place_order(
            "", ETH, "market", "buy", LOT, None, Decimal(1)
        ),
        "type must be one of": lambda: client.place_order("", ETH, "iceberg", "buy", LOT),
        "side must be buy or sell": lambda: client.place_order("", ETH, "market", "up", LOT),
        "amount must be a positive number": lambda: client.place_order(
            "", ETH, "market", "buy", Decimal(-1)
        ),
        "of equity, at most 100 %": lambda: client.place_order(
            "", ETH, "market", "buy", Decimal(1_000)
        ),
        "params has unknown fields": lambda: client.place_order(
            "", ETH, "market", "buy", LOT, params={"leverage": 50}
        ),
        "symbol must be one of": lambda: client.place_order("", "DOGE", "market", "buy", LOT),
        "belongs to no open plan": lambda: client.cancel_order("nobody's"),
        "is not known": lambda: client.fetch_order("nobody's"),
        "no position of a plan": lambda: client.close_position(ETH),
    }
    for words, ask in refused.items():
        with pytest.raises(BadParametersError, match=re.escape(words)):
            ask()


def test_an_order_that_was_not_begun_is_not_told_as_another(
    client: Executor, node: NodeRun
) -> None:
    long(client)
    client.close_position(BTC)
    node.until(lambda: not untold(node), secs=_SECS)  # nothing else is to be written
    with (
        locked(node.folder / "state/state.sqlite"),
        pytest.raises(NotReadyError, match=f"the plan on {BTC} was not begun: .*locked"),
    ):
        long(client)
    assert position(client, BTC)["size"] == 0
    node.until(lambda: not client.check_account_risk()["BITGET"]["reason"], secs=_SECS)


def test_a_position_is_neither_enlarged_nor_halved_nor_hedged(client: Executor) -> None:
    filled = long(client)
    with pytest.raises(DeniedError, match="one_plan_per_instrument"):
        client.increase_position(BTC, LOT)
    with pytest.raises(BadParametersError, match="exits as a whole"):
        client.decrease_position(BTC, LOT / 2)
    with pytest.raises(BadParametersError, match="does not close LONG"):
        client.place_order("", BTC, "market", "buy", LOT, params={"reduce_only": True})
    with pytest.raises(BadParametersError, match="has filled: close_position"):
        client.cancel_order(filled["order_id"])
    assert client.decrease_position(BTC, LOT)["status"] == "ended"
    assert position(client, BTC)["size"] == 0


# ---------------------------------------------------------------- risk, account, signals


def test_the_gate_is_asked_without_anything_being_done(
    client: Executor, venue: PlayedVenue
) -> None:
    before = len(venue.truth()["orders"])
    asked = client.check_order_risk("bitget", BTC, "market", "buy", LOT)
    assert (asked["allowed"], asked["amount"], asked["risk_level"]) == (True, LOT, "low")
    shrunk = client.check_order_risk("bitget", BTC, "market", "buy", Decimal("0.2"))
    assert shrunk["amount"] < Decimal("0.2")
    assert "within_position_size" in shrunk["reason"]
    far = client.check_order_risk("bitget", BTC, "limit", "buy", LOT, Decimal(100))
    assert (far["allowed"], far["reason"].split(":")[0]) == (False, "entry_is_near")
    assert len(venue.truth()["orders"]) == before


def test_the_account_is_shown_with_its_figures(client: Executor) -> None:
    balance = client.fetch_balance()["BITGET"]
    assert balance["equity"] == pytest.approx(Decimal(10_000), abs=200)
    assert set(balance["balances"]["USDT"]) == {"total", "used", "free"}
    risk = client.check_account_risk()["BITGET"]
    assert (risk["status"], risk["should_liquidate"]) == ("safe", False)
    names = {"total_equity", "used_margin", "unrealized_pnl", "margin_ratio"}
    assert set(risk["metrics"]) == names


def test_a_signal_is_carried_out_and_closed(client: Executor) -> None:
    signal = {"symbol": SOL, "action": "sell", "amount": Decimal(2)}
    assert client.execute_signal(signal)["side"] == "sell"
    assert position(client, SOL)["side"] == "short"
    assert client.execute_signal({"symbol": SOL, "action": "close"})["status"] == "ended"
    with pytest.raises(BadParametersError, match="action must be buy, sell or close"):
        client.execute_signal({"symbol": SOL, "action": "hold"})


def test_the_four_commands_are_carried_out(client: Executor) -> None:
    entry = near(client, ETH, "-2")
    plan = {
        "action": "PLAN_TRADE",
        "trade_setup": {
            "symbol": ETH,
            "direction": "LONG",
            "entry_price": entry,
            "stop_loss_price": near(client, ETH, "-4"),
            "take_profit_prices": [near(client, ETH, "2")],
            "position_size_percent": 5,
        },
    }
    order_id = client.execute_ai_command(plan)["order_id"]
    adjust = {"action": "ADJUST_TRADE", "order_id": order_id, "new_stop_loss_price": entry - 1}
    with pytest.raises(DeniedError, match="not an active trade"):
        client.execute_ai_command(json.dumps(adjust, default=float))
    cancel = json.dumps({"action": "CANCEL_ORDER", "order_id": order_id, "reasoning": "news"})
    assert client.execute_ai_command(cancel)["status"] == "ended"
    told = client.execute_ai_command('{"action": "DO_NOTHING"}')
    assert told["status"] == "nothing was done"
    with pytest.raises(BadParametersError, match="one of the four commands"):
        client.execute_ai_command('{"action": "SELL_ALL"}')


# ---------------------------------------------------------------- bad clients


def raw(node: NodeRun) -> socket.socket:
    made = socket.socket(socket.AF_UNIX)
    made.settimeout(_SECS)
    made.connect(str(node.folder / "state/desk.sock"))
    return made


def heard(connection: socket.socket) -> dict[str, Any]:
    with connection.makefile("rb") as lines:
        return dict(json.loads(lines.readline()))


@pytest.mark.parametrize(
    ("line", "words"),
    [
        (b"garbage\n", "not JSON"),
        (b"\xff\xfe\x00\n", "not JSON"),
        (b"[]\n", "must be an object"),
        (b'{"id": "1", "op": "sell_all", "args": {}}\n', "op must be one of"),
        (b'{"id": "1", "op": "fetch_balance"}\n', "lacks args"),
        (b'{"id": "1", "op": "fetch_balance", "args": {"also": 1}}\n', "unknown fields"),
        (b'{"id": "1", "op": "fetch_balance", "args": {}, "id": "2"}\n', "names a field twice"),
        (b'{"id": "1", "op": "place_order", "args": {"symbol": 5}}\n', "must be a text"),
        (b'{"id": "1", "args": {"x": 1e999999999}, "op": "f"}\n', "op must be one of"),
        (b"[" * 50_000 + b"\n", "not JSON"),
        (b"x" * 200_000 + b"\n", "bytes long"),
    ],
)
def test_what_is_no_request_is_refused_and_harms_nobody(
    node: NodeRun, client: Executor, line: bytes, words: str
) -> None:
    with raw(node) as connection:
        connection.sendall(line)
        answer = heard(connection)
    assert (answer["ok"], answer["error"]["kind"]) == (False, "bad_parameters")
    assert words in answer["error"]["message"]
    assert client.fetch_positions()
    assert node.status["faults"] == []


def test_half_a_line_and_a_client_that_leaves_harm_nobody(node: NodeRun, client: Executor) -> None:
    with raw(node) as connection:
        connection.sendall(b'{"id": "1", "op": "fetch_')
    with raw(node) as connection:  # it does not wait for its answer
        connection.sendall(b'{"id": "1", "op": "fetch_balance", "args": {}}\n')
    assert client.fetch_balance()


def test_several_clients_are_served_and_too_many_are_turned_away(
    node: NodeRun, client: Executor
) -> None:
    with Executor(node.folder / "state") as other:
        assert other.fetch_balance().keys() == client.fetch_balance().keys()
    many = [raw(node) for _ in range(20)]
    try:
        answer = heard(many[-1])
    finally:
        for each in many:
            each.close()
    assert answer["error"]["kind"] == "rate_limit"
    node.until(lambda: bool(client.fetch_balance()), secs=_SECS)


def test_clients_that_never_pause_do_not_keep_the_guard_from_looking(
    node: NodeRun, client: Executor
) -> None:
    # Usually late by 0.03 s, by seconds each time without the rest; once a busy machine may be late
    tries = (flooded(node, client) for _ in range(5))
    assert any(late < 0.5 and asked < 2 for late, asked in tries)


def flooded(node: NodeRun, client: Executor) -> tuple[float, float]:
    """Give by how much the guard came late among 14 clients, and how long another waited."""
    terms = {"type": "limit", "side": "buy", "amount": LOT, "price": near(client, BTC, "-3")}
    args = {"symbol": BTC, **terms, "params": {}}
    line = dump({"id": "1", "op": "check_order_risk", "args": args}) + "\n"
    many = crowd(node)
    try:
        for each in many:
            each.setblocking(False)
            each.send(line.encode() * 2_000)  # as much of it as fits, and nobody reads
        late = lateness(node, 4.0)
        began = time.monotonic()
        assert client.fetch_balance()
        return late, time.monotonic() - began  # everybody has a turn
    finally:
        for each in many:
            each.close()


def crowd(node: NodeRun) -> list[socket.socket]:
    """Connect 14 clients, each of which is served, once those of before are forgotten."""
    question = dump({"id": "1", "op": "fetch_balance", "args": {}}).encode() + b"\n"
    many: list[socket.socket] = []

    def is_served() -> bool:
        for each in many:
            each.close()
        many[:] = [raw(node) for _ in range(14)]
        for each in many:
            each.sendall(question)
        return all(heard(each)["ok"] for each in many)

    node.until(is_served, secs=_SECS)
    return many


def lateness(node: NodeRun, secs: float) -> float:
    """Give by how much the guard's look, due every 100 ms, came late at most."""
    until = time.monotonic() + secs
    seen: list[int] = [node.status["ts"]]
    while time.monotonic() < until:
        seen.append(node.status.get("ts", seen[-1]))
        time.sleep(0.01)
    seen.append(time.time_ns())
    return max(after - before for before, after in pairwise(seen)) / 1e9 - 0.1


def test_only_the_same_user_may_open_the_socket(node: NodeRun) -> None:
    mode = (node.folder / "state/desk.sock").stat().st_mode
    assert stat.S_ISSOCK(mode)
    assert stat.S_IMODE(mode) == 0o600


def test_without_a_node_the_client_says_so(tmp_path: Path) -> None:
    with (
        pytest.raises(UnreachableError, match="no node answers"),
        Executor(tmp_path, timeout_secs=0.3),
    ):
        pass


def test_a_trading_request_without_an_answer_is_not_sent_twice(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="ex") as name:
        server = socket.socket(socket.AF_UNIX)
        server.bind(f"{name}/desk.sock")
        server.listen()
        with server, Executor(name, timeout_secs=0.3) as client:
            peer, _ = server.accept()
            with peer, pytest.raises(UnknownOutcomeError):
                client.close_position(BTC)
            server.settimeout(0.2)
            with pytest.raises(TimeoutError):
                server.accept()


# ---------------------------------------------------------------- the page, and a halt


def test_the_page_shows_what_works(node: NodeRun, client: Executor) -> None:
    text = (ROOT / "docs/executor.md").read_text(encoding="utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    code = code.replace("data/state/paper-local", f"{node.folder}/state")
    exec(compile(code, "docs/executor.md", "exec"), {})


def test_after_a_halt_the_gate_denies_and_a_resume_lifts_it(
    node: NodeRun, venue: PlayedVenue, client: Executor
) -> None:
    long(client)
    client.place_order("bitget", ETH, "limit", "buy", LOT * 2, near(client, ETH, "-3"))
    kept = node.command("halt", "--operator", "Ada", "--reason", "test", "--json")
    assert kept.returncode == 0, kept.stdout + kept.stderr
    assert json.loads(kept.stdout)["node"].startswith("the node answered: halted")
    assert position(client, BTC)["size"] == LOT  # with its stop
    assert client.fetch_open_orders(symbol=ETH) == []
    with pytest.raises(DeniedError, match=r"not_halted.*halted by Ada: test"):
        long(client, SOL)
    assert client.check_account_risk()["BITGET"]["status"] == "danger"
    flat = node.command("halt", "--flatten")
    assert flat.stdout.endswith("looked at 2 times in a row\n"), flat.stdout + flat.stderr
    assert (flat.returncode, leftovers(venue.truth())) == (0, [])
    lifted = node.command("resume", "--operator", "Ada")
    assert lifted.stdout.startswith("lifted: halted by Ada: test; drawdown and daily loss count")
    assert long(client)["status"] == "filled"


def test_a_liquidation_signal_closes_everything_and_halts(
    node: NodeRun, venue: PlayedVenue, client: Executor
) -> None:
    if not position(client, BTC)["size"]:
        long(client)
    assert client.send_liquidation_signal("Ada", "enough")["request"]
    node.until(lambda: leftovers(venue.truth()) == [], secs=_SECS)
    with pytest.raises(ExecutorError, match="not_halted"):
        long(client)
    assert node.status["faults"] == []
    assert node.command("resume", "--operator", "Ada").returncode == 0


def test_a_liquidation_signal_closes_everything_where_nothing_can_be_written(
    node: NodeRun, venue: PlayedVenue, client: Executor
) -> None:
    long(client)
    client.place_order("bitget", ETH, "limit", "buy", LOT * 2, near(client, ETH, "-3"))
    with pytest.raises(BadParametersError, match="operator must be a name"):
        client.send_liquidation_signal(" ")
    assert position(client, BTC)["size"] == LOT
    with full_disk(node):
        told = client.send_liquidation_signal("Ada", "the disk is full")
        assert told["request"] is None
        assert "is halted, but a restart may forget it" in told["status"]
        node.until(lambda: leftovers(venue.truth()) == [], secs=_SECS)
        assert "halted by Ada: the disk is full" in client.check_account_risk()["BITGET"]["reason"]
    with pytest.raises(DeniedError, match="not_halted"):
        long(client)
    assert node.status["faults"] == []
    with store_of(node) as store:  # it is kept once there is room again
        node.until(lambda: store.load().halted == "halted by Ada: the disk is full", secs=_SECS)


@contextmanager
def full_disk(node: NodeRun) -> Iterator[None]:
    """Let no file of a node grow."""
    usual = resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, (0, usual[1]))
    try:
        yield
    finally:
        resource.prlimit(node.process.pid, resource.RLIMIT_FSIZE, usual)
