"""Leverage and modes are in force before an order is sent, or the venue's refusal is told."""

import asyncio
from collections.abc import Mapping
from decimal import Decimal

import pytest

from ccxt_nt.errors import Rejected, Unauthorised, Unknown, Unsupported, VenueError
from ccxt_nt.line.lanes import Urgency
from ccxt_nt.orders.desk import Desk, Terms
from ccxt_nt.orders.terms import TermsOffice, refuse_hedged
from ccxt_nt.profiles import Profile
from ccxt_nt.settings import Settings
from ccxt_nt.symbols import Symbols
from ccxt_nt.values import PositionRow, Product
from ccxt_nt.venues import PROFILES
from tests.unit.ccxt_desk_fakes import ScriptedLine, market, ticket

SYMBOL, NAME = "BTC/USDT:USDT", "BTCUSDT-PERP"
LINEAR, KUCOIN, GATE = (PROFILES[name, Product.LINEAR] for name in ("BITGET", "KUCOIN", "GATE"))


class Account:
    """Keeps what is set, as a venue does; `stubborn` settings are refused."""

    def __init__(
        self, *, stubborn: Mapping[str, VenueError] | None = None, hedged: bool = False
    ) -> None:
        self.calls: list[str] = []
        self.mode, self.leverage, self.hedged = "isolated", 20, hedged
        self._stubborn = stubborn or {}

    def offers(self, method: str) -> bool:
        return method in ("fetch_leverage", "fetch_position_mode")

    async def ask(
        self, method: str, *args: object, urgency: Urgency = Urgency.NORMAL, wrote: bool = False
    ) -> object:
        assert wrote is method.startswith("set_")
        self.calls.append(method)
        if method in self._stubborn:
            raise self._stubborn[method]
        match method, args:
            case "set_margin_mode", (str(mode), _):
                self.mode = mode
            case "set_leverage", (int(leverage), *_):
                self.leverage = leverage
            case "set_position_mode", (bool(hedged), _):
                self.hedged = hedged
            case "fetch_leverage", _:
                return {"marginMode": self.mode, "longLeverage": self.leverage}
            case "fetch_position_mode", _:
                return {"hedged": self.hedged}
        return {}


class Echoing(Account):
    """Tells the leverage of whichever mode is asked about, and its own mode only by itself."""

    def offers(self, method: str) -> bool:
        return method == "fetch_margin_mode" or super().offers(method)

    async def ask(
        self, method: str, *args: object, urgency: Urgency = Urgency.NORMAL, wrote: bool = False
    ) -> object:
        if method == "fetch_margin_mode":
            return {"marginMode": self.mode}
        if method == "fetch_leverage":
            return {"marginMode": "cross", "longLeverage": self.leverage}
        return await super().ask(method, *args, urgency=urgency, wrote=wrote)


class OfCrossOnly(Echoing):
    """Tells the leverage of cross margin alone, as KuCoin does."""

    async def ask(
        self, method: str, *args: object, urgency: Urgency = Urgency.NORMAL, wrote: bool = False
    ) -> object:
        if method in ("fetch_leverage", "set_leverage"):
            assert args[-1] == {"marginMode": "cross"}, "not supported by ccxt"
        return await super().ask(method, *args, urgency=urgency, wrote=wrote)


class OfPositions(Account):
    """Tells its terms with the position, and sets the mode by the leverage, as Gate does."""

    async def ask(
        self, method: str, *args: object, urgency: Urgency = Urgency.NORMAL, wrote: bool = False
    ) -> object:
        match method, args:
            case "fetch_leverage", _:
                raise Unsupported("fetchLeverage() does not support swap markets")
            case "set_margin_mode", _:
                raise Unsupported("setMarginMode() is not supported")
            case "set_leverage", (_, _, {"marginMode": str(mode)}):
                self.mode = mode
            case "fetch_position", _:
                leverage = self.leverage if self.mode == "isolated" else 0
                limit = 0 if self.mode == "isolated" else self.leverage
                return {
                    "symbol": SYMBOL,
                    "marginMode": self.mode,
                    "leverage": str(leverage),
                    "info": {"cross_leverage_limit": str(limit)},
                }
        return await super().ask(method, *args, urgency=urgency, wrote=wrote)


def office(
    account: Account, profile: Profile = LINEAR, **settings: object
) -> tuple[TermsOffice, list[str]]:
    notes: list[str] = []
    told = Settings(venue=profile.venue, **settings)  # type: ignore[arg-type]  # each case its own
    return TermsOffice(
        account, profile, told, Symbols([market(linear=True)]), note=notes.append
    ), notes


def test_what_is_named_is_set_and_read_back_at_once() -> None:
    account = Account()
    made, notes = office(account, instruments=(NAME,), leverage={NAME: 5}, margin_mode="cross")
    terms = asyncio.run(made.begin())
    assert (account.mode, account.leverage, notes) == ("cross", 5, [])
    assert terms.leverage == {SYMBOL: 5}
    assert terms.margin_modes == {SYMBOL: "cross"}
    assert account.calls[-1] == "fetch_leverage"


@pytest.mark.parametrize("mode", ["cross", "isolated"])
@pytest.mark.parametrize(
    ("kind", "profile"), [(Account, LINEAR), (OfCrossOnly, KUCOIN), (OfPositions, GATE)]
)
def test_a_mode_that_nobody_named_is_read_and_kept(
    kind: type[Account], profile: Profile, mode: str
) -> None:
    account = kind()
    account.mode = mode
    made, notes = office(account, profile, leverage={NAME: 5})
    terms = asyncio.run(made.begin())
    assert (account.mode, notes) == (mode, [])
    assert "set_margin_mode" not in account.calls
    travels = profile is KUCOIN and mode == "isolated"  # with each order
    assert account.leverage == (20 if travels else 5)
    assert terms.margin_modes == ({} if profile is GATE else {SYMBOL: mode})


def test_nothing_is_set_that_is_so_already() -> None:
    account = Account()
    made, _ = office(account, margin_mode="isolated", leverage={NAME: 20})
    asyncio.run(made.begin())
    assert [call for call in account.calls if call.startswith("set_")] == ["set_position_mode"]


def test_what_is_not_named_is_settled_before_its_first_order_and_only_then() -> None:
    account = Account()
    made, _ = office(account, margin_mode="cross")
    terms = asyncio.run(made.begin())
    assert "set_margin_mode" not in account.calls

    async def twice() -> None:
        await asyncio.gather(made.settle(SYMBOL), made.settle(SYMBOL))

    asyncio.run(twice())
    assert account.mode == "cross"
    assert terms.margin_modes == {SYMBOL: "cross"}  # those that began with it know it too
    assert account.calls.count("set_margin_mode") == 1


@pytest.mark.parametrize(
    ("refused", "settings", "told"),
    [
        (
            "set_margin_mode",
            {"margin_mode": "cross"},
            "margin_mode of BTC/USDT:USDT is 'isolated' and could not be set to 'cross'",
        ),
        ("set_leverage", {"leverage": {NAME: 5}}, "leverage of BTC/USDT:USDT is 20"),
    ],
)
def test_a_setting_that_did_not_take_is_told(
    refused: str, settings: dict[str, object], told: str
) -> None:
    account = Account(stubborn={refused: Rejected("no")})
    made, notes = office(account, LINEAR, instruments=(NAME,), **settings)
    with pytest.raises(Unsupported, match=told):
        asyncio.run(made.begin())
    assert len(notes) == 1


def test_the_mode_in_force_is_asked_for_where_leverage_tells_only_of_the_mode_asked_about() -> None:
    account = Echoing(stubborn={"set_margin_mode": Rejected("orders are open")})
    made, _ = office(account, instruments=(NAME,), margin_mode="cross")
    with pytest.raises(Unsupported, match="margin_mode of BTC/USDT:USDT is 'isolated'"):
        asyncio.run(made.begin())


def test_a_mode_that_is_set_with_the_leverage_wants_the_leverage_named() -> None:
    made, _ = office(OfPositions(), GATE, instruments=(NAME,), margin_mode="cross")
    with pytest.raises(Unsupported, match="is set together with its leverage at GATE/linear"):
        asyncio.run(made.begin())
    account = OfPositions()
    made, _ = office(account, GATE, margin_mode="cross", leverage={NAME: 7})
    asyncio.run(made.begin())
    assert (account.mode, account.leverage) == ("cross", 7)


def test_a_mode_that_cannot_be_read_is_never_guessed() -> None:
    account = Account()
    account.mode = "portfolio"
    made, _ = office(account, instruments=(NAME,))
    with pytest.raises(Unknown, match="the terms of BTC/USDT:USDT could not be read: marginMode"):
        asyncio.run(made.begin())


def test_orders_carry_the_mode_in_force_of_their_own_symbol() -> None:
    line = ScriptedLine({"create_order": [{"id": "1"}, {"id": "2"}]})
    desk = Desk(LINEAR, line, terms=Terms(margin_modes={SYMBOL: "isolated"}))

    async def run() -> None:
        for symbol in (SYMBOL, "ETH/USDT:USDT"):
            await desk.place(ticket(symbol=symbol))

    asyncio.run(run())
    first, second = (call.args[-1] for call in line.sent("create_order"))
    assert isinstance(first, dict)
    assert isinstance(second, dict)
    assert first["marginMode"] == "isolated"
    assert "marginMode" not in second


def test_an_account_that_stays_in_hedge_mode_is_refused() -> None:
    account = Account(stubborn={"set_position_mode": Rejected("position open")}, hedged=True)
    made, _ = office(account)
    with pytest.raises(Unsupported, match="is in hedge mode and did not leave it"):
        asyncio.run(made.begin())


def test_wrong_keys_end_it_at_once() -> None:
    account = Account(stubborn={"set_position_mode": Unauthorised("key")})
    made, _ = office(account)
    with pytest.raises(Unauthorised):
        asyncio.run(made.begin())


def test_a_failed_settling_is_tried_again_before_the_next_order() -> None:
    account = Account(stubborn={"fetch_leverage": Rejected("busy")})
    made, _ = office(account, margin_mode="cross")
    with pytest.raises(Unsupported):
        asyncio.run(made.settle(SYMBOL))
    account._stubborn = {}
    asyncio.run(made.settle(SYMBOL))
    assert account.mode == "cross"


def test_positions_held_apart_are_refused() -> None:
    row = PositionRow(
        symbol=SYMBOL,
        quantity=Decimal(1),
        entry_price=None,
        leverage=None,
        cross=None,
        hedged=True,
        ts_event=1,
    )
    with pytest.raises(Unsupported, match="hedge mode"):
        refuse_hedged((row,))
