"""What the engine cannot hold is left out by name, and never costs the rest of an answer."""

import asyncio
from decimal import Decimal
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nautilus_trader.core import UUID4
from nautilus_trader.model import BarType, ClientId, Venue

from ccxt_nt.conversion import instrument
from ccxt_nt.errors import Unsupported
from ccxt_nt.market.expressing import expressed
from ccxt_nt.market.requests import DataRequests
from ccxt_nt.market.subscriptions import DataSubscriptions
from ccxt_nt.values import BarRow, Product
from ccxt_nt.venues import PROFILES
from tests.unit.ccxt_desk_fakes import market

# `Any` in this module: as much of the engine's client as is asked for

MINUTE_NS = 60_000_000_000
START_NS = 1_700_000_040 * 1_000_000_000


def small(number: int) -> int:
    """Refuse what is above nine."""
    if number > 9:
        raise ValueError(f"{number} is above nine")
    return number


@given(st.lists(st.integers(0, 20)))
def test_all_that_can_be_made_is_made_in_order_and_the_rest_is_named(numbers: list[int]) -> None:
    logged: list[str] = []
    made = expressed(numbers, small, opened=lambda number: number, log=logged.append)
    assert made == [number for number in numbers if number <= 9]
    breaks = [n for n, before in zip(numbers, [0, *numbers], strict=False) if n > 9 >= before]
    assert len(logged) == len(breaks)
    for text, number in zip(logged, breaks, strict=True):
        assert f"{number} is above nine" in text


def row(minute: int, volume: str) -> BarRow:
    price = Decimal(50_000)
    return BarRow(
        symbol="BTC/USDT",
        open_ns=START_NS + minute * MINUTE_NS,
        open=price,
        high=price,
        low=price,
        close=price,
        volume=Decimal(volume),
    )


class History:
    """Knows five bars, of which three have volumes beyond the engine's."""

    async def bars(self, *args: object, **window: object) -> list[BarRow]:
        volumes = ("1", "5e14", "600000000000000.123", "2000000000000", "7e14")
        return [row(minute, volume) for minute, volume in enumerate(volumes)]


def test_bars_of_a_volume_beyond_the_engines_are_named_and_the_others_delivered() -> None:
    listed = market()
    made = instrument(listed, Venue("GATE"), ts_init=1)
    answers: list[Any] = []
    logged: list[str] = []
    client: Any = SimpleNamespace(
        _of=lambda _: (listed, made),
        _timeframe=lambda _: "1m",
        _history=History(),
        _station=SimpleNamespace(log=logged.append),
        _handle_response=answers.append,
        clock=SimpleNamespace(timestamp_ns=lambda: START_NS),
        client_id=ClientId("GATE"),
    )
    request: Any = SimpleNamespace(
        bar_type=BarType.from_str("BTCUSDT.GATE-1-MINUTE-LAST-EXTERNAL"),
        start_ns=None,
        end_ns=None,
        limit=None,
        request_id=UUID4(),
        params=None,
    )
    asyncio.run(DataRequests._answer_bars(client, request))
    (answer,) = answers
    assert [bar.ts_event for bar in answer.data] == [START_NS + n * MINUTE_NS for n in (1, 4)]
    assert [text.partition(" which")[0] for text in logged] == [
        "bars BTCUSDT.GATE-1-MINUTE-LAST-EXTERNAL: left out from 2023-11-14T22:15:00.000+00:00 to"
        " 2023-11-14T22:16:00.000+00:00, 2 of them,",
        "bars BTCUSDT.GATE-1-MINUTE-LAST-EXTERNAL: left out 2023-11-14T22:18:00.000+00:00",
    ]


@pytest.mark.parametrize("words", ["2-HOUR", "3-DAY"])
def test_bars_that_are_kept_and_not_streamed_are_refused_to_subscribers(words: str) -> None:
    row_of = PROFILES["BITGET", Product.LINEAR]
    timeframe = {"2-HOUR": "2h", "3-DAY": "3d"}[words]
    client: Any = SimpleNamespace(
        _of=lambda _: (market(linear=True), None),
        _timeframe=lambda _: timeframe,
        _line=SimpleNamespace(profile=row_of),
    )
    bar_type = BarType.from_str(f"BTCUSDT-PERP.BITGET-{words}-LAST-EXTERNAL")
    command: Any = SimpleNamespace(bar_type=bar_type)
    with pytest.raises(Unsupported, match=f"the venue keeps {timeframe} bars and does not stream"):
        asyncio.run(DataSubscriptions._subscribe_bars(client, command))
