"""KuCoin's futures wallet, positions, leverage and modes."""

from decimal import Decimal

from tests.venue.dialects.kucoin_futures_rows import position_row
from tests.venue.dialects.kucoin_house import House, wire_name
from tests.venue.dialects.kucoin_wire import (
    FUTURES_HOST,
    Call,
    Fields,
    Handler,
    KuCoinError,
    Route,
    futures_error,
    text,
)
from tests.venue.model import Listing, Position, Product, Refused
from tests.venue.wire import Json, Purpose

_NOTHING = Decimal(0)


def unrealised(position: Position, house: House) -> Decimal:
    """Tell what a position would win if it were closed at the mark price."""
    move = house.exchange.mark(position.symbol) - position.entry_price
    return move * position.quantity * house.listing_of(position.symbol).contract_size


def initial_margin(position: Position, house: House) -> Decimal:
    """Tell what a position binds."""
    size = house.listing_of(position.symbol).contract_size
    return abs(position.quantity) * size * position.entry_price / position.leverage


def wallet(coin: str, house: House) -> dict[str, Decimal]:
    """Add up one margin wallet."""
    positions = [
        position
        for position in house.exchange.positions()
        if house.listing_of(position.symbol).quote == coin
    ]
    balance = house.exchange.balances(Product.PERP).get(coin)
    if balance is None:
        raise KuCoinError("200005", f"currency {coin} is not supported")
    gain = dict.fromkeys((False, True), _NOTHING)
    margin = dict(gain)
    for position in positions:
        gain[position.cross] += unrealised(position, house)
        margin[position.cross] += initial_margin(position, house)
    return {
        "total": balance.total,
        "free": balance.free,
        "orders": max(balance.held - sum(margin.values(), _NOTHING), _NOTHING),
        "isolated": margin[False],
        "cross": margin[True],
        "isolated_gain": gain[False],
        "cross_gain": gain[True],
    }


class FuturesAccount:
    """Answers and changes what belongs to the owner's margin account."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[Route]:
        """List the endpoints."""
        listed: list[tuple[str, str, Handler, Purpose]] = [
            ("GET", "/api/v1/account-overview", self._overview, "read"),
            ("GET", "/api/v1/trade-fees", self._fees, "read"),
            ("GET", "/api/v1/position", self._position, "read"),
            ("GET", "/api/v1/positions", self._positions, "read"),
            ("GET", "/api/v2/position/getMarginMode", self._margin_mode, "read"),
            ("POST", "/api/v2/position/changeMarginMode", self._change_margin_mode, "read"),
            ("GET", "/api/v2/position/getPositionMode", lambda _: self._mode(), "read"),
            ("POST", "/api/v2/position/switchPositionMode", self._switch_mode, "read"),
            ("GET", "/api/v2/getCrossUserLeverage", self._leverage, "read"),
            ("POST", "/api/v2/changeCrossUserLeverage", self._change_leverage, "read"),
        ]
        return [
            Route(method=method, host=FUTURES_HOST, path=path, handler=handler, purpose=purpose)
            for method, path, handler, purpose in listed
        ]

    def _asked(self, fields: Fields) -> Listing:
        return self._house.listing(fields.need("symbol"), Product.PERP)

    def _overview(self, call: Call) -> Json:
        coin = call.query.text("currency", "USDT")
        sums = wallet(coin, self._house)
        gain = sums["isolated_gain"] + sums["cross_gain"]
        return {
            "accountEquity": float(sums["total"] + gain),
            "unrealisedPNL": float(gain),
            "marginBalance": float(sums["total"]),
            "positionMargin": float(sums["isolated"] + sums["cross"]),
            "orderMargin": float(sums["orders"]),
            "frozenFunds": 0.0,
            "availableBalance": float(sums["free"]),
            "currency": coin,
        }

    def _fees(self, call: Call) -> Json:
        one = self._asked(call.query)
        return {
            "symbol": wire_name(one),
            "takerFeeRate": text(one.taker_fee),
            "makerFeeRate": text(one.maker_fee),
            "feeTaxRate": "0",
        }

    def _position(self, call: Call) -> Json:
        one = self._asked(call.query)
        return position_row(self._house.exchange.position(one.symbol), self._house)

    def _positions(self, _: Call) -> Json:
        held = self._house.exchange.positions()
        return [position_row(one, self._house) for one in held if one.quantity]

    def _margin_mode(self, call: Call) -> Json:
        one = self._asked(call.query)
        return {"symbol": wire_name(one), "marginMode": self._house.margin_mode(one.symbol)}

    def _change_margin_mode(self, call: Call) -> Json:
        one, mode = self._asked(call.body), call.body.need("marginMode")
        if mode not in ("CROSS", "ISOLATED"):
            raise KuCoinError("100001", "marginMode parameter invalid.")
        busy = self._house.exchange.orders(symbol=one.symbol, open_only=True)
        if mode != self._house.margin_mode(one.symbol):
            if busy or self._house.exchange.position(one.symbol).quantity:
                words = "Please close the current positions and cancel all orders"
                raise KuCoinError("330006", f"{words} before switching the margin mode.")
            self._house.exchange.set_cross(one.symbol, mode == "CROSS")
            if mode == "CROSS":
                self._lever(one, self._house.cross_leverage[one.symbol])
        return {"symbol": wire_name(one), "marginMode": mode}

    def _mode(self) -> Json:
        return {"positionMode": 1 if self._house.exchange.hedged else 0}

    def _switch_mode(self, call: Call) -> Json:
        self._house.exchange.hedged = call.body.need("positionMode") == "1"
        return self._mode()

    def _leverage(self, call: Call) -> Json:
        one = self._asked(call.query)
        return {
            "symbol": wire_name(one),
            "leverage": str(self._house.cross_leverage[one.symbol]),
        }

    def _change_leverage(self, call: Call) -> Json:
        one, leverage = self._asked(call.body), call.body.decimal("leverage")
        if leverage is None or not 1 <= leverage <= one.max_leverage:
            raise KuCoinError("300016", f"The leverage cannot be greater than {one.max_leverage}.")
        if self._house.is_cross(one.symbol):
            self._lever(one, int(leverage))
        self._house.cross_leverage[one.symbol] = int(leverage)
        return True

    def _lever(self, one: Listing, leverage: int) -> None:
        try:
            self._house.exchange.set_leverage(one.symbol, leverage)
        except Refused as e:
            raise futures_error(e) from e
