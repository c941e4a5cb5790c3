"""Lifts the halts of an account: by the node where one runs, in its store where none does."""

import time
from decimal import Decimal
from typing import Final

from live.errors import Exit, NodeError, Refused
from live.state import account_of, shelves_of, state_file
from morningstar_strategy.core.limits import reset
from morningstar_strategy.settings.schema import Settings
from morningstar_strategy.store import Action, StateStore, StoreError, StoreHeldError

__all__ = ["UnansweredError", "resume"]

_POLL_SECS: Final = 0.1


class UnansweredError(NodeError):
    """The node did not answer in time."""

    code = Exit.FAILED


def resume(
    settings: Settings, *, operator: str, reason: str, equity: Decimal | None, timeout_secs: float
) -> str:
    """Lift every halt and say what was reset; without a node, of one venue only.

    Raises Refused with the reason, UnansweredError where a node is too slow, NodeError for a store
    that cannot be used.
    """
    path = state_file(settings)
    if not operator.strip():
        raise NodeError("resume needs the operator's name")
    try:
        if not path.is_file():
            raise NodeError(f"store {path} does not exist: no node has run with these settings")
        try:
            with StateStore(path, account=account_of(settings)) as store:
                return _without_node(store, operator, reason, _known(settings, equity))
        except StoreHeldError:
            with StateStore(path) as store:
                return _by_node(store, operator, reason, timeout_secs)
    except StoreError as e:
        raise NodeError(f"{e}") from e


def _known(settings: Settings, equity: Decimal | None) -> Decimal | None:
    """Refuse one figure for several accounts: each counts from its own."""
    shelves = shelves_of(settings)
    if equity is not None and len(shelves) > 1:
        raise Refused(
            f"--equity is of one account, and the settings trade on {len(shelves)} venues: start "
            f"the node and resume then"
        )
    return equity


def _without_node(store: StateStore, operator: str, reason: str, equity: Decimal | None) -> str:
    before = store.load()
    halted = before.halted or before.day_halted
    open_halts = [each for each in store.open_requests() if each.action is not Action.RESUME]
    if equity is None:
        raise Refused(
            f"no node runs, so the equity is unknown: start it and resume then, or give --equity "
            f"(halted: {halted or 'no'})"
        )
    try:
        memory = reset(before, operator=operator, equity=equity)
    except ValueError as e:
        raise Refused(f"{e}") from e
    asked_ns = time.time_ns()
    number = store.ask(Action.RESUME, operator=operator, reason=reason, asked_ns=asked_ns)
    store.save(memory)
    told = (
        f"lifted: {halted or 'nothing was halted'}; drawdown and daily loss count from {equity:f} "
        f"(peak was {before.peak_equity:f}, the day began with {before.day_equity:f})"
    )
    for each in open_halts:
        store.answer(each.number, f"never obeyed; lifted by {operator}")
    store.answer(number, told)
    return told


def _by_node(store: StateStore, operator: str, reason: str, timeout_secs: float) -> str:
    asked_ns = time.time_ns()
    number = store.ask(Action.RESUME, operator=operator, reason=reason, asked_ns=asked_ns)
    answer = None
    try:
        answer = _heard(store, number, timeout_secs)
    finally:
        if answer is None:  # nobody expects it to be lifted later
            store.answer(number, "withdrawn: nobody waits for it any more")
    if answer is None:
        raise UnansweredError(
            f"the node did not answer within {timeout_secs:g} s; it was not lifted"
        )
    if answer.startswith("refused"):
        raise Refused(answer.removeprefix("refused: "))
    return answer


def _heard(store: StateStore, number: int, timeout_secs: float) -> str | None:
    until = time.monotonic() + timeout_secs
    while True:
        is_late = time.monotonic() >= until
        answer = store.request(number).answer
        if answer is not None or is_late:
            return answer
        time.sleep(_POLL_SECS)
