"""KuCoin's spot wallets, fees, account kinds and websocket tokens."""

from tests.venue.dialects.kucoin_house import House, wire_name
from tests.venue.dialects.kucoin_wire import (
    FUTURES_HOST,
    SPOT_HOST,
    Call,
    Handler,
    Route,
    text,
)
from tests.venue.model import Product
from tests.venue.wire import Json, Purpose

PING_MS = 18_000
SPOT_SOCKET = "ws-api-spot.kucoin.com"
FUTURES_SOCKET = "ws-api-futures.kucoin.com"


class SpotAccount:
    """Answers what the owner asks about wallets, and hands out tokens for both products."""

    def __init__(self, house: House) -> None:
        self._house = house

    def routes(self) -> list[Route]:
        """List the endpoints."""
        spot: list[tuple[str, str, Handler, Purpose]] = [
            ("GET", "/api/v1/user/api-key", lambda _: self._key(), "read"),
            ("GET", "/api/v1/accounts", self._accounts, "read"),
            ("GET", "/api/v1/trade-fees", self._fees, "read"),
            ("GET", "/api/v1/hf/accounts/opened", self._is_fast, "read"),
            ("GET", "/api/ua/v1/account/mode", self._mode, "read"),
            ("POST", "/api/v1/bullet-public", self._bullet(SPOT_SOCKET, False), "public"),
            ("POST", "/api/v1/bullet-private", self._bullet(SPOT_SOCKET, True), "read"),
            ("POST", "/api/v2/bullet-private", self._bullet(SPOT_SOCKET, True), "read"),
        ]
        futures: list[tuple[str, str, Handler, Purpose]] = [
            ("POST", "/api/v1/bullet-public", self._bullet(FUTURES_SOCKET, False), "public"),
            ("POST", "/api/v1/bullet-private", self._bullet(FUTURES_SOCKET, True), "read"),
        ]
        return [
            Route(method=method, host=host, path=path, handler=handler, purpose=purpose)
            for host, listed in ((SPOT_HOST, spot), (FUTURES_HOST, futures))
            for method, path, handler, purpose in listed
        ]

    def _key(self) -> Json:
        """Tell what the key that asks may do."""
        keys = self._house.keys
        granted = ["General"]
        granted += ["Spot", "Margin", "Futures"] if keys.may_trade else []
        granted += ["InnerTransfer"] if keys.may_transfer else []
        granted += ["Withdrawal"] if keys.may_withdraw else []
        return {
            "remark": "trading",
            "apiKey": keys.key,
            "apiVersion": 3,
            "permission": ",".join(granted),
            "ipWhitelist": "127.0.0.1",
            "createdAt": 1704067200000,
            "uid": 165111215,
            "isMaster": True,
        }

    def _is_fast(self, _: Call) -> Json:
        return self._house.high_frequency

    def _mode(self, _: Call) -> Json:
        return {"selfAccountMode": "CLASSIC"}

    def _accounts(self, call: Call) -> Json:
        kind = "trade_hf" if self._house.high_frequency else "trade"
        if call.query.text("type", kind) != kind:
            return []
        wanted = call.query.text("currency")
        return [
            {
                "id": account_id(balance.coin),
                "currency": balance.coin,
                "type": kind,
                "balance": text(balance.total),
                "available": text(balance.free),
                "holds": text(balance.held),
            }
            for balance in self._house.exchange.balances(Product.SPOT).values()
            if wanted in ("", balance.coin)
        ]

    def _fees(self, call: Call) -> Json:
        names = call.query.need("symbols").split(",")
        listings = [self._house.listing(name, Product.SPOT) for name in names]
        return [
            {
                "symbol": wire_name(listing),
                "takerFeeRate": text(listing.taker_fee),
                "makerFeeRate": text(listing.maker_fee),
            }
            for listing in listings
        ]

    def _bullet(self, host: str, private: bool) -> Handler:
        def answer(_: Call) -> Json:
            server = {
                "endpoint": f"{self._house.base_url().replace('http', 'ws', 1)}/{host}/",
                "encrypt": True,
                "protocol": "websocket",
                "pingInterval": PING_MS,
                "pingTimeout": 10_000,
            }
            token = self._house.issue_token(private=private)
            return {"token": token, "instanceServers": [server]}

        return answer


def account_id(coin: str) -> str:
    """Give every wallet its id."""
    return coin.encode().hex().rjust(24, "5")[:24]
