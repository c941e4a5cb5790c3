"""When the account's money is in danger, the guard does what the settings say, once."""

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from morningstar_strategy.actors.guard import GuardActor, GuardPolicy, OnDanger
from morningstar_strategy.core.records import Kind
from morningstar_strategy.hindrances import Hindrances
from morningstar_strategy.store import Request
from tests.harness.runs import Rig, of_kind
from tests.integration.told import LOOSE, Ohlc, fills, flat, policy, rig

WIDE = policy(stop_percent=Decimal(50), take_profit_percents=(Decimal(50),))
FALL: list[Ohlc] = [flat(1000), flat(1000), flat(900), flat(800), *[flat(750)] * 6]
LOSES = replace(LOOSE, max_loss_ratio_percent=Decimal(1))  # of equity: 100 of 10 000


class SilentDesk:
    """Nobody asks; what the guard tells is kept."""

    def __init__(self) -> None:
        self.told: list[Any] = []

    def open_requests(self) -> tuple[Request, ...]:
        return ()

    def answer(self, number: int, text: str) -> None:
        raise AssertionError(f"{number} was answered with {text}, and nobody asked")

    def tell(self, status: Any) -> None:
        self.told.append(status)


def guarded(on_danger: OnDanger, risk: Any = LOSES) -> tuple[Rig, SilentDesk]:
    used, desk = rig(FALL, {1: 1}, decision=WIDE, risk=risk), SilentDesk()
    guard = GuardActor(
        wards=[used.strategy],
        desk=desk,
        policy=GuardPolicy(poll_ms=10_000, mend_after_secs=1_000, close_after_secs=1_001),
        faults=used.faults,
        hindrances=Hindrances(),
        checks={},
        on_danger=on_danger,
    )
    used.more = [guard]
    return used, desk


def dangers(records: Any) -> list[object]:
    told = [each.fields for each in of_kind(records, Kind.HEALTH)]
    return [each["reason"] for each in told if each["state"] == "danger"]


@pytest.mark.parametrize(
    ("on_danger", "halted", "roles"),
    [
        (OnDanger.KEEP, "", ["entry"]),
        (OnDanger.HALT, "account in danger: open positions lose", ["entry"]),
        (OnDanger.FLATTEN, "account in danger: open positions lose", ["entry", "close"]),
    ],
)
def test_open_losses_bring_what_the_settings_say(
    on_danger: OnDanger, halted: str, roles: list[str]
) -> None:
    used, desk = guarded(on_danger)
    records = used.run()
    assert [each[1] for each in fills(records)] == roles
    assert used.strategy.halted.startswith(halted)
    assert bool(used.strategy.halted) is bool(halted)
    (danger,) = dangers(records)
    assert "reached the limit 1 %" in str(danger)
    last = desk.told[-1]["accounts"][0]
    assert last["risk"] == (
        "safe" if on_danger is OnDanger.KEEP and not last["plans"] else "danger"
    )


def test_a_limit_that_halts_by_itself_is_not_made_to_last() -> None:
    risk = replace(LOOSE, max_daily_loss_percent=Decimal(1))
    used, _ = guarded(OnDanger.HALT, risk)
    records = used.run()
    assert used.strategy.halted.startswith("daily loss")  # ends with the day
    assert [each[1] for each in fills(records)] == ["entry"]


def test_a_halt_by_a_person_or_a_fault_is_no_danger_to_the_money() -> None:
    used, _ = guarded(OnDanger.FLATTEN, LOOSE)
    records = used.run()
    assert dangers(records) == []
    used.strategy._watch.halt("halted by Ada")
    assert used.strategy.danger() == ""
