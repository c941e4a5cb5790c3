"""The executor facade for programs outside the strategy: a blocking client of a running node.

Amounts are in base coins, prices in the quote currency, money in the account's currency; all are
Decimal. A symbol is an instrument's id (`BTCUSDT-PERP.BITGET`), its name without the venue
where that is not ambiguous, or ccxt's symbol (`BTC/USDT:USDT`). Every order goes through the gate.
"""

import json
import os
import socket
import time
from collections.abc import Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

from live.answers import ExecutorError, UnknownOutcomeError, UnreachableError, error_of
from morningstar_strategy.core.wire import dump

__all__ = ["Executor", "ExecutorError"]

# `Any` in this module: results are JSON objects, described in docs/executor.md

type Result = dict[str, Any]

_CONNECT_SECS: Final = 5.0
_FIRST_PAUSE_SECS: Final = 0.1  # doubles
_CHUNK: Final = 65_536
_READS: Final = ("fetch_", "check_")  # may be asked again: they change nothing


class Executor:
    """Talks to the node whose state folder is named; open it with `with`.

    One thread uses it at a time. `timeout_secs` is the longest wait for one answer. Raises kinds of
    ExecutorError only. What trades is never sent twice: where no answer comes it raises
    UnknownOutcomeError.
    """

    def __init__(self, state: Path | str, *, timeout_secs: float = 30.0) -> None:
        if not timeout_secs > 0:
            raise ValueError(f"timeout_secs must be positive, was {timeout_secs}")
        self._path = Path(state) / "desk.sock"
        self._timeout_secs = timeout_secs
        self._socket: socket.socket | None = None
        self._held = b""
        self._count = 0

    def __enter__(self) -> Self:
        self._connect()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the connection; a later request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        self._held = b""

    # ------------------------------------------------------------ orders

    def place_order(
        self,
        exchange: str,
        symbol: str,
        type: str,
        side: str,
        amount: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
        params: Mapping[str, Any] | None = None,
        *,
        reasoning: str = "",
    ) -> Result:
        """Place an order and give it as the venue has it.

        `type` is market or limit (an entry with its stop and targets), or stop_loss, take_profit,
        take_profit_limit (new exits of the open position, `stop_price` their trigger).
        `params` of an entry: stop_loss_price, take_profit_prices, expires_in_secs; reduce_only
        closes the position. Without a stop the policy's distance is taken. The gate may make the
        amount smaller. Raises DeniedError, BadParametersError for what a plan cannot express.
        """
        return self._order(
            "place_order",
            exchange,
            symbol,
            type,
            side,
            amount,
            price,
            stop_price,
            params,
            reasoning,
        )

    def check_order_risk(
        self,
        exchange: str,
        symbol: str,
        type: str,
        side: str,
        amount: Decimal | None = None,
        price: Decimal | None = None,
        stop_price: Decimal | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> Result:
        """Ask the gate what it would make of `place_order`: allowed, reason, risk_level, amount.

        Nothing is sent or recorded.
        """
        terms = (exchange, symbol, type, side, amount, price, stop_price, params)
        return self._order("check_order_risk", *terms, "")

    def cancel_order(self, order_id: str, *, reasoning: str = "") -> Result:
        """Take back an entry that has not filled, by the order_id that `place_order` gave."""
        return self._row("cancel_order", order_id=order_id, reasoning=reasoning or None)

    def cancel_all_orders(self, exchange: str = "", symbol: str | None = None) -> Result:
        """Take back every entry that has not filled; stops stay, as they protect positions."""
        return self._row("cancel_all_orders", exchange=exchange or None, symbol=symbol)

    def fetch_open_orders(self, exchange: str = "", symbol: str | None = None) -> list[Result]:
        """List working orders, stops and targets included; amounts in base coins."""
        return self._rows("fetch_open_orders", exchange=exchange or None, symbol=symbol)

    def fetch_order(self, order_id: str) -> Result:
        """Give one order with its status; closed ones are known for about an hour."""
        return self._row("fetch_order", order_id=order_id)

    # ------------------------------------------------------------ account

    def fetch_balance(self) -> Result:
        """Give by venue the equity and every currency's total, used and free."""
        return self._row("fetch_balance")

    def fetch_positions(self, exchange: str = "", symbol: str | None = None) -> list[Result]:
        """List positions: symbol, side (long, short, none), size in base coins, entry_price,
        mark_price, unrealized_pnl in account currency, leverage.
        """
        return self._rows("fetch_positions", exchange=exchange or None, symbol=symbol)

    def check_account_risk(self) -> Result:
        """Give by venue: status (safe, warning, danger), should_liquidate, reason, metrics.

        metrics: total_equity, used_margin, unrealized_pnl in account currency; margin_ratio is
        used margin as a fraction of equity.
        """
        return self._row("check_account_risk")

    def send_liquidation_signal(self, operator: str, reason: str = "") -> Result:
        """Close everything and latch a halt in the name of an operator.

        Gives the request's number, None where it could not be written and is carried out all the
        same. It is begun when this returns, not done: `live/halt.py --flatten` waits for the venue.
        """
        return self._row("send_liquidation_signal", operator=operator, reason=reason or None)

    # ------------------------------------------------------------ positions

    def adjust_position(
        self,
        symbol: str,
        *,
        stop_loss_price: Decimal | None = None,
        take_profit_prices: Sequence[Decimal] = (),
        reasoning: str = "",
    ) -> Result:
        """Move the stop, which may only come nearer, and/or replace the take profits."""
        return self._row(
            "adjust_position",
            symbol=symbol,
            stop_loss_price=stop_loss_price,
            take_profit_prices=tuple(take_profit_prices) or None,
            reasoning=reasoning or None,
        )

    def increase_position(
        self, symbol: str, amount: Decimal, price: Decimal | None = None
    ) -> Result:
        """Ask the gate for more of a position, in base coins; it allows one plan an instrument."""
        return self._row("increase_position", symbol=symbol, amount=amount, price=price)

    def decrease_position(self, symbol: str, amount: Decimal) -> Result:
        """Reduce a position by an amount in base coins; less than all of it is refused."""
        return self._row("decrease_position", symbol=symbol, amount=amount)

    def close_position(self, symbol: str, *, reasoning: str = "") -> Result:
        """Close a position at market."""
        return self._row("close_position", symbol=symbol, reasoning=reasoning or None)

    # ------------------------------------------------------------ signals and commands

    def execute_signal(self, signal: Mapping[str, Any]) -> Result:
        """Carry out {"symbol", "action": "buy" | "sell" | "close", "amount", "price"}.

        A price makes it a limit order. Raises DeniedError where the gate says no.
        """
        return self._row("execute_signal", **signal)

    def execute_ai_command(self, command: str | Mapping[str, Any]) -> Result:
        """Carry out one of the four commands in strict JSON; see `core/commands.py`."""
        told = _parsed(command) if isinstance(command, str) else dict(command)
        return self._row("execute_ai_command", command=told)

    # ------------------------------------------------------------ the line

    def _order(
        self,
        op: str,
        exchange: str,
        symbol: str,
        kind: str,
        side: str,
        amount: Decimal | None,
        price: Decimal | None,
        stop_price: Decimal | None,
        params: Mapping[str, Any] | None,
        reasoning: str,
    ) -> Result:
        return self._row(
            op,
            exchange=exchange or None,
            symbol=symbol,
            type=kind,
            side=side,
            amount=amount,
            price=price,
            stop_price=stop_price,
            params=dict(params or {}),
            reasoning=reasoning or None,
        )

    def _row(self, op: str, **args: object) -> Result:
        told = self._ask(op, **args)
        if not isinstance(told, dict):
            raise ExecutorError(f"{op} was answered with {told!r:.200}")
        return told

    def _rows(self, op: str, **args: object) -> list[Result]:
        told = self._ask(op, **args)
        if not isinstance(told, list) or not all(isinstance(each, dict) for each in told):
            raise ExecutorError(f"{op} was answered with {told!r:.200}")
        return told

    def _ask(self, op: str, **args: object) -> Any:
        """Send a request and give its result; what only reads is asked again on a new line."""
        self._count += 1
        number = f"{os.getpid()}-{self._count}"
        told = {name: value for name, value in args.items() if value is not None}
        line = dump(_tupled({"id": number, "op": op, "args": told})).encode() + b"\n"
        try:
            answer = self._exchange(line, number)
        except UnknownOutcomeError:
            if not op.startswith(_READS):
                raise
            answer = self._exchange(line, number)
        if answer.get("ok") is True:
            return answer["result"]
        error = answer.get("error")
        if not isinstance(error, dict):
            raise ExecutorError(f"{op} was answered with {answer!r:.200}")
        raise error_of(str(error.get("kind")), str(error.get("message")))

    def _exchange(self, line: bytes, number: str) -> Result:
        self._connect()
        until = time.monotonic() + self._timeout_secs
        try:
            return self._answer(line, number, until)
        except OSError as e:  # a timeout is one too
            self.close()  # what still comes on it must not be taken for another's answer
            raise UnknownOutcomeError(f"the node did not answer: {e or 'it hung up'}") from e

    def _answer(self, line: bytes, number: str, until: float) -> Result:
        connection = self._socket
        assert connection is not None
        connection.settimeout(self._timeout_secs)
        connection.sendall(line)
        while b"\n" not in self._held:
            left = until - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"no answer within {self._timeout_secs:g} s")
            connection.settimeout(left)
            chunk = connection.recv(_CHUNK)
            if not chunk:
                raise ConnectionResetError("it hung up")
            self._held += chunk
        text, _, self._held = self._held.partition(b"\n")
        answer = _parsed(text)
        if answer.get("id") not in (number, None):
            raise ConnectionResetError(f"it answered request {answer.get('id')!r:.80}")
        return answer

    def _connect(self) -> None:
        """Connect, again and again for a few seconds: nothing has been sent yet."""
        if self._socket is not None:
            return
        until, pause = time.monotonic() + min(_CONNECT_SECS, self._timeout_secs), _FIRST_PAUSE_SECS
        while True:
            made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            made.settimeout(self._timeout_secs)
            try:
                made.connect(str(self._path))
            except OSError as e:
                made.close()
                if time.monotonic() + pause > until:
                    raise UnreachableError(f"no node answers at {self._path}: {e}") from e
            else:
                self._socket = made
                return
            time.sleep(pause)
            pause *= 2


def _parsed(text: str | bytes) -> Result:
    try:
        told = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    except ValueError as e:
        raise ExecutorError(f"not JSON: {text!r:.80}") from e
    if not isinstance(told, dict):
        raise ExecutorError(f"must be a JSON object, was {text!r:.80}")
    return told


def _tupled(value: Any) -> Any:
    """Turn lists and plain numbers into what `dump` writes exactly."""
    match value:
        case bool() | None | str() | Decimal():
            return value
        case int() | float():
            return Decimal(str(value))
        case Mapping():
            return {str(name): _tupled(each) for name, each in value.items()}
        case list() | tuple():
            return tuple(_tupled(each) for each in value)
        case _:
            raise ExecutorError(f"a request holds texts, numbers and lists, not {value!r:.80}")
