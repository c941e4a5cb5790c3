"""Bitget's accounts: balances, positions, fee rates, leverage, margin and position mode."""

from collections.abc import Callable, Mapping

from tests.venue.dialects.bitget_accounts import mix_account, position, spot_balance
from tests.venue.dialects.bitget_memory import USER, Memory, Row
from tests.venue.dialects.bitget_words import Names, ProblemError, bad, check_product, text
from tests.venue.exchange import Exchange
from tests.venue.model import Listing, Product
from tests.venue.wire import Json, Keys

type Asked = Mapping[str, Json]


class Settings:
    """What is not an order."""

    def __init__(self, exchange: Exchange, names: Names, memory: Memory, keys: Keys) -> None:
        self._keys = keys
        self._exchange = exchange
        self._names = names
        self._memory = memory

    def routes(self) -> Mapping[tuple[str, str], Callable[[Asked], Json]]:
        """Name the endpoints."""
        reads: Mapping[str, Callable[[Asked], Json]] = {
            "spot/account/assets": self._assets,
            "spot/account/info": lambda _: self._info(),
            "mix/account/accounts": self._accounts,
            "mix/account/account": self._account,
            "mix/position/all-position": self._positions,
            "mix/position/single-position": self._position,
            "common/trade-rate": self._trade_rate,
        }
        settings: Mapping[str, Callable[[Asked], Json]] = {
            "mix/account/set-leverage": self._set_leverage,
            "mix/account/set-margin-mode": self._set_margin_mode,
            "mix/account/set-position-mode": self._set_position_mode,
        }
        gets = {("GET", path): handler for path, handler in reads.items()}
        return gets | {("POST", path): handler for path, handler in settings.items()}

    def _info(self) -> Row:
        """Tell whose key asks and what it may do: codes that end in w read and write."""
        keys = self._keys
        granted = ["coow", "cpow", "stow"] if keys.may_trade else ["coor", "cpor", "stor"]
        granted += ["wtow"] if keys.may_transfer else ["wtor"]
        granted += ["wwow"] if keys.may_withdraw else []
        return {
            "userId": USER,
            "inviterId": "",
            "ips": "127.0.0.1",
            "authorities": granted,
            "parentId": 1,
            "traderType": "not_trader",
            "channelCode": "",
            "channel": "",
            "regisTime": "1704067200000",
        }

    def _assets(self, asked: Asked) -> list[Row]:
        balances = self._exchange.balances(Product.SPOT).values()
        coin = asked.get("coin")
        return [spot_balance(self._memory, one) for one in balances if coin in (None, "", one.coin)]

    def _accounts(self, asked: Asked) -> list[Row]:
        check_product(asked)
        balances = self._exchange.balances(Product.PERP).values()
        return [mix_account(self._memory, balance) for balance in balances]

    def _account(self, asked: Asked) -> Row:
        listing = self._perp(asked)
        held = self._exchange.position(listing.symbol)
        row = mix_account(self._memory, self._exchange.balances(Product.PERP)[listing.quote])
        added = {
            "crossedMarginLeverage": held.leverage,
            "isolatedLongLever": held.leverage,
            "isolatedShortLever": held.leverage,
            "marginMode": "crossed" if held.cross else "isolated",
            "posMode": "hedge_mode" if self._exchange.hedged else "one_way_mode",
        }
        keys = list(row)
        first = keys[: keys.index("crossedRiskRate") + 1]
        rest = {key: row[key] for key in keys if key not in first}
        return {key: row[key] for key in first} | added | rest | {"isolatedUnrealizedPL": ""}

    def _positions(self, asked: Asked) -> list[Row]:
        check_product(asked)
        held = [one for one in self._exchange.positions() if one.quantity]
        return [position(self._memory, one) for one in held]

    def _position(self, asked: Asked) -> list[Row]:
        held = self._exchange.position(self._perp(asked).symbol)
        return [position(self._memory, held)] if held.quantity else []

    def _trade_rate(self, asked: Asked) -> Row:
        product = Product.SPOT if asked.get("businessType") == "spot" else Product.PERP
        listing = self._names.listing(product, str(asked.get("symbol", "")))
        return {
            "makerFeeRate": text(listing.maker_fee),
            "takerFeeRate": text(listing.taker_fee),
        }

    # ---- settings ----

    def _set_leverage(self, asked: Asked) -> Row:
        listing = self._perp(asked)
        leverage = str(asked.get("leverage", ""))
        if not leverage.isdigit():
            raise bad(f"leverage {leverage}")
        self._exchange.set_leverage(listing.symbol, int(leverage))
        held = self._exchange.position(listing.symbol)
        return {
            "symbol": asked["symbol"],
            "marginCoin": listing.quote,
            "longLeverage": leverage,
            "shortLeverage": leverage,
            "crossMarginLeverage": leverage,
            "marginMode": "crossed" if held.cross else "isolated",
        }

    def _set_margin_mode(self, asked: Asked) -> Row:
        listing = self._perp(asked)
        if asked.get("marginMode") not in ("crossed", "isolated"):
            raise bad(f"marginMode {asked.get('marginMode')}")
        if self._is_engaged(listing.symbol):
            raise ProblemError(
                "45117", "Currently holding positions or orders, the margin mode cannot be adjusted"
            )
        self._exchange.set_cross(listing.symbol, asked["marginMode"] == "crossed")
        leverage = str(self._exchange.position(listing.symbol).leverage)
        return {
            "symbol": asked["symbol"],
            "marginCoin": listing.quote,
            "longLeverage": leverage,
            "shortLeverage": leverage,
            "marginMode": asked["marginMode"],
        }

    def _set_position_mode(self, asked: Asked) -> Row:
        check_product(asked)
        mode = asked.get("posMode")
        if mode not in ("one_way_mode", "hedge_mode"):
            raise bad(f"posMode {mode}")
        hedged = mode == "hedge_mode"
        engaged = any(self._is_engaged(x.symbol) for x in self._names.of(Product.PERP))
        if hedged != self._exchange.hedged and engaged:
            raise ProblemError(
                "40920", "Position or order exists, the position mode cannot be switched"
            )
        self._exchange.hedged = hedged
        return {"posMode": mode}

    def _is_engaged(self, symbol: str) -> bool:
        held = self._exchange.position(symbol).quantity
        return bool(held) or bool(self._exchange.orders(symbol=symbol, open_only=True))

    def _perp(self, asked: Asked) -> Listing:
        check_product(asked)
        return self._names.listing(Product.PERP, str(asked.get("symbol", "")))
