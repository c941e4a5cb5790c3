"""What fuzzing found, each once more by itself, so that it stays mended."""

from collections.abc import Awaitable, Callable
from decimal import Decimal

import pytest

from ccxt_nt.execution.account import Wallet
from ccxt_nt.line.guard import is_absurd
from ccxt_nt.market.bars import BarKeeper
from ccxt_nt.market.tape import Tape
from ccxt_nt.parsing import Unreadable, balance_rows, fill_row
from ccxt_nt.parsing.fields import decimal, identifier
from ccxt_nt.values import BalanceRow, BarRow, Product, Side, TradeRow
from ccxt_nt.venues.gate import GATE_SPOT
from tests.fuzz.proofs import prove
from tests.fuzz.rig import Rig
from tests.fuzz.warp import StalledError, run

_MINUTE_NS = 60_000_000_000
_NOW_NS = 1_786_542_400_000_000_000 // _MINUTE_NS * _MINUTE_NS


@pytest.mark.parametrize(
    "text",
    ['{"price":"1e999999999"}', '{"price":1E-99999}', '["5.0e+100000"]', b'{"a":"1e99999"}'],
)
def test_a_number_that_nobody_can_write_out_is_absurd(text: str | bytes) -> None:
    assert is_absurd(text)


@pytest.mark.parametrize(
    "text",
    [
        '{"price":"1e-8","id":"63e559791e1cbc0001f319bc"}',
        '{"id":"123456789012e45678901234"}',  # an id of 24 digits that has the form of a number
        '{"trace":"7cf7e001267d7b34a017965ee828d62ff"}',
        "{}",
        "",
    ],
)
def test_ids_and_small_numbers_are_not_absurd(text: str) -> None:
    assert not is_absurd(text)


def _lives_after(dialect: str, product: Product, *frames: str, line: str = "account") -> None:
    """Send frames to one line's connection, and see everything come through afterwards."""

    async def scene() -> None:
        rig = Rig(dialect, product, seed=3)
        await rig.open()
        rig.tick()
        await rig.settle(1.0)
        for frame in frames:
            (pipe,) = [each for each in rig.network.pipes if each.line == line]
            rig.network.deliver(pipe, frame)
            await rig.settle()
        await prove(rig)
        assert not rig.engine.faults
        await rig.close()

    run(scene)


def test_an_absurd_exponent_does_not_freeze_the_client() -> None:
    order = (
        '{"topic":"/contractMarket/tradeOrders:XBTUSDTM","type":"message","subject":"symbolOrder'
        'Change","channelType":"private","data":{"symbol":"XBTUSDTM","orderType":"limit","side":'
        '"buy","orderId":"77","type":"match","size":"20","filledSize":"1e999999999","price":"1",'
        '"remainSize":"2","status":"match","ts":1786542403206000000,"tradeId":"9"}}'
    )
    _lives_after("kucoin", Product.LINEAR, order)


def test_a_refusal_nobody_waited_for_is_not_repeated_for_ever() -> None:
    refusal = '{"id":"1","type":"error","code":400,"data":"no"}'
    _lives_after("gate", Product.SPOT, *[refusal] * 3)


def test_a_quote_of_the_future_does_not_make_all_later_ones_late() -> None:
    ticker = (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"ticker","instId":"BTCUSDT"},'
        '"data":[{"instId":"BTCUSDT","lastPr":"60000","bidPr":"59999.99","askPr":"60000",'
        '"bidSz":"1","askSz":"1","ts":"%s"}],"ts":%s}'
    )
    soon, late = 1_786_542_400_000 + 1_800_000, 4_102_444_700_000
    _lives_after(
        "bitget",
        Product.SPOT,
        *(ticker % (moment, moment) for moment in (soon, late)),
        line="data",
    )


def test_an_order_of_an_unknown_market_does_not_keep_fills_from_being_fetched() -> None:
    order = (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"orders","instId":"default"},'
        '"data":[{"instId":"NOSUCHUSDT","orderId":"71","clientOid":"x","size":"5","newSize":"5",'
        '"orderType":"limit","side":"buy","price":"60000","accBaseVolume":"5","status":"filled",'
        '"cTime":"1786542400124","uTime":"1786542400124"}],"ts":1786542400124}'
    )
    _lives_after("bitget", Product.SPOT, order)


def test_an_order_that_the_engine_cannot_hold_does_not_blind_the_client() -> None:
    order = (
        '{"action":"snapshot","arg":{"instType":"SPOT","channel":"orders","instId":"default"},'
        '"data":[{"instId":"BTCUSDT","orderId":"%s","clientOid":"x","size":"5","newSize":"5",'
        '"orderType":"limit","side":"buy","price":"%s","accBaseVolume":"5","status":"live",'
        '"cTime":"1786542400124","uTime":"1786542400124"}],"ts":1786542400124}'
    )
    prices = ("9223372036854775808", "60000.123456789", "60000")
    _lives_after("bitget", Product.SPOT, *(order % (f"7{n}/x", p) for n, p in enumerate(prices)))
    _lives_after("bitget", Product.SPOT, *(order % (f"7{n}", p) for n, p in enumerate(prices[:2])))


def test_one_trade_of_the_future_does_not_make_the_tape_deaf() -> None:
    tape = Tape(start_ns=0, memory=3)
    moments = [_NOW_NS, _NOW_NS * 2, *(_NOW_NS + n for n in range(1, 9))]
    told = [len(tape.take([_trade(n, at)])) for n, at in enumerate(moments)]
    assert told == [1] * len(moments)


def test_a_bar_that_begins_between_two_bars_hides_neither() -> None:
    keeper = BarKeeper(interval_ns=_MINUTE_NS, confirm_ns=0, now_ns=_NOW_NS)
    odd = _bar(_NOW_NS - _MINUTE_NS // 2)
    late_ns = _NOW_NS + 3 * _MINUTE_NS
    assert keeper.asked([odd], now_ns=late_ns) == ()
    assert keeper.hear(odd) == ()
    whole = [_bar(_NOW_NS), _bar(_NOW_NS + _MINUTE_NS)]
    assert keeper.asked(whole, now_ns=late_ns) == tuple(whole)


def test_a_balance_beyond_the_engine_leaves_the_others_in_place() -> None:
    notes: list[str] = []
    wallet = Wallet(notes.append)
    rows = [
        BalanceRow(currency=name, total=Decimal(total), free=Decimal(total))
        for name, total in (("BTC", "2"), ("SHIB", "1e20"))
    ]
    assert wallet.take(rows)
    assert [each.currency.code for each in wallet.balances()] == ["BTC"]
    assert "balance of SHIB is left out" in notes[0]


def test_a_balance_without_a_currency_is_refused_in_a_sentence() -> None:
    with pytest.raises(Unreadable, match="currency must be a text"):
        balance_rows({None: {"total": "1", "free": "1"}, "BTC": {"total": "1", "free": "1"}})


@pytest.mark.parametrize("text", ["1e999999999", "-1e999999999", "1_000", "１２"])
def test_what_is_no_plain_number_is_refused_in_a_sentence(text: str) -> None:
    with pytest.raises(Unreadable, match="price must be a"):
        decimal(text, "price")


@pytest.mark.parametrize("text", ["a/b", "1 2", "x?y", "'; DROP", "é", "a" * 129])
def test_an_id_that_would_change_a_path_is_refused(text: str) -> None:
    with pytest.raises(Unreadable, match="id must be an id"):
        identifier({"id": text}, "id")


def test_a_number_that_only_ccxt_made_is_no_fill() -> None:
    raw = {"id": "8", "amount": "1.2.3", "price": "60000"}
    fill = {
        "info": raw,
        "symbol": "BTC/USDT",
        "id": "8",
        "order": "9",
        "side": "buy",
        "price": "60000",
        "amount": "0.123",  # as ccxt reads 1.2.3
        "timestamp": 1_786_542_400_000,
    }
    with pytest.raises(Unreadable, match="amount must be a number that the venue wrote"):
        fill_row(fill, GATE_SPOT)
    assert fill_row({**fill, "info": {**raw, "amount": "0.1230"}}, GATE_SPOT).quantity


def test_a_loop_on_which_nothing_will_happen_says_so() -> None:
    from asyncio import Event

    wait: Callable[[], Awaitable[bool]] = lambda: Event().wait()  # noqa: E731 - one call
    with pytest.raises(StalledError, match="every task waits"):
        run(wait)


def _trade(number: int, ts_event: int) -> TradeRow:
    return TradeRow(
        symbol="BTC/USDT",
        trade_id=str(number),
        price=Decimal(1),
        quantity=Decimal(1),
        side=Side.BUY,
        ts_event=ts_event,
    )


def _bar(open_ns: int) -> BarRow:
    one = Decimal(1)
    return BarRow(
        symbol="BTC/USDT", open_ns=open_ns, open=one, high=one, low=one, close=one, volume=one
    )
