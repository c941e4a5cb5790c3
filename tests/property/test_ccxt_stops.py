"""Stops that fire, or end, in the moment in which they are replaced: one is left, and only one."""

import asyncio
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest

from ccxt_nt.errors import Unknown
from ccxt_nt.ids import codec
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.desk import Change
from ccxt_nt.orders.story import ChangeRefused, Told
from ccxt_nt.profiles import Amend
from ccxt_nt.values import OrderKind, Side, Ticket
from tests.property.test_ccxt_acts import Desks
from tests.property.toy_venue import START_MS, SYMBOL

# `Any` in this module: ccxt's answers have no types

_NAME = "O-20261121-000000-001-000-1"
_QUANTITY = Decimal("0.5")


async def _stop(desks: Desks) -> Case:
    """Place a stop whose fired order rests."""
    sent = Ticket(
        symbol=SYMBOL,
        client_order_id=codec(desks.profile.codec).encode(_NAME),
        side=Side.BUY,
        kind=OrderKind.STOP_LIMIT,
        quantity=_QUANTITY,
        price=Decimal(51_100),
        trigger_price=Decimal(51_000),
    )
    told = Told(quantity=_QUANTITY, price=sent.price, trigger_price=sent.trigger_price)
    case = desks.cases.open(_NAME, sent, told, since_ms=START_MS)

    async def ready() -> None:
        return None

    await desks.acts.submit(case, ready=ready)
    desks.deliver()
    return case


def _to(trigger_price: int) -> Change:
    price = Decimal(51_100)
    return Change(quantity=_QUANTITY, price=price, trigger_price=Decimal(trigger_price))


async def _rounds(desks: Desks) -> None:
    for _ in range(5):
        desks.venue.turn(30)
        await desks.round()
        for _ in range(50):
            await asyncio.sleep(0)
        desks.deliver()


def _play(
    meanwhile: Callable[[Desks, Any], Any], *changes: int, keeps_names: bool, lost: bool = False
) -> Desks:
    """Replace a stop, the last time with something happening as the new one is placed."""

    async def scene() -> Desks:
        desks = Desks(1, fault_rate=0.0, amend=Amend.REPLACE, keeps_names=keeps_names)
        case = await _stop(desks)
        for trigger_price in changes[:-1]:
            await desks.acts.change(case, _to(trigger_price))
            if lost:  # the end of what was replaced is not told
                desks.held_back = [it for it in desks.held_back if it[1]["status"] != "canceled"]
            desks.deliver()
        place = desks.venue._create_order
        desks.venue._create_order = lambda *args: meanwhile(desks, place(*args))  # type: ignore[method-assign]  # something happens at once
        await desks.acts.change(case, _to(changes[-1]))
        desks.deliver()
        await _rounds(desks)
        return desks

    return asyncio.run(scene())


def _open(desks: Desks) -> list[tuple[str, str | None]]:
    orders = desks.venue.orders.values()
    return [(order.order_id, order.fired_from) for order in orders if order.status == "open"]


@pytest.mark.parametrize("keeps_names", [True, False])
def test_what_a_stop_became_stays_though_the_new_one_was_told_by_a_stream_alone(
    *, keeps_names: bool
) -> None:
    def fire(desks: Desks, placed: Any) -> Any:
        desks.deliver()
        desks.venue.fire("v1")
        desks.deliver()
        raise Unknown("timeout")

    assert _open(_play(fire, 51_020, keeps_names=keeps_names)) == [("v3", "v1")]


@pytest.mark.parametrize("keeps_names", [True, False])
def test_the_old_stop_stays_where_the_new_one_was_ended_at_once(*, keeps_names: bool) -> None:
    def end(desks: Desks, placed: Any) -> Any:
        order = desks.venue.orders[placed["id"]]
        order.status = "canceled"
        desks.venue._tell(order)
        desks.deliver()
        return placed

    desks = _play(end, 51_005, keeps_names=keeps_names)
    assert _open(desks) == [("v1", None)]
    assert any(isinstance(saying, ChangeRefused) for saying in desks.said[_NAME])


def test_what_a_stop_became_stays_and_not_a_leg_whose_end_was_never_told() -> None:
    def fire(desks: Desks, placed: Any) -> Any:
        desks.venue.fire("v2")
        return placed

    desks = _play(fire, 51_010, 51_020, keeps_names=True, lost=True)
    assert _open(desks) == [("v4", "v2")]
