"""What KuCoin's parts share: the exchange, names of markets, tokens, counted book changes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal

from tests.venue.dialects.kucoin_wire import KuCoinError, sign
from tests.venue.exchange import Exchange
from tests.venue.model import Candle, Fill, Listing, Order, Product, Trigger
from tests.venue.wire import Keys

_DAY_MS = 86_400_000
_HOUR_MS = 3_600_000
_BOOK_START = 1_700_000_000  # where the counting of book changes begins


def wire_name(listing: Listing) -> str:
    """Spell a market as the venue does: BTC-USDT, XBTUSDTM."""
    if listing.product is Product.SPOT:
        return f"{listing.base}-{listing.quote}"
    base = "XBT" if listing.base == "BTC" else listing.base
    return f"{base}{listing.quote}M"


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """What happened within the last day."""

    last: Decimal
    open: Decimal
    high: Decimal
    low: Decimal
    volume: Decimal  # base coins
    turnover: Decimal


@dataclass(slots=True, kw_only=True)
class House:
    """Everything that the parts of the dialect look at together."""

    exchange: Exchange
    keys: Keys
    base_url: Callable[[], str]
    high_frequency: bool = False
    tokens: dict[str, bool] = field(default_factory=dict)  # whether private
    sequences: dict[str, int] = field(default_factory=dict)
    cross_leverage: dict[str, int] = field(default_factory=dict)  # by symbol, while not used too
    order_leverage: dict[str, str] = field(default_factory=dict)  # as asked for, by order id
    stop_types: dict[str, str] = field(default_factory=dict)  # TP, MP or IP, by order id
    _issued: int = 0
    _names: dict[str, Listing] = field(init=False)

    def __post_init__(self) -> None:
        listings = self.exchange.listings.values()
        self._names = {wire_name(listing): listing for listing in listings}
        for listing in self.listings(Product.PERP):  # the venue starts with isolated margin
            self.exchange.set_cross(listing.symbol, False)
            self.cross_leverage[listing.symbol] = self.exchange.position(listing.symbol).leverage

    def now_ms(self) -> int:
        """Tell market time."""
        return self.exchange.clock.now_ms()

    def now_wall_ms(self) -> int:
        """Tell the time that signatures are checked against."""
        return self.exchange.clock.wall_ms()

    def listings(self, product: Product) -> list[Listing]:
        """List the markets of one product."""
        return [one for one in self.exchange.listings.values() if one.product is product]

    def listing(self, name: str, product: Product) -> Listing:
        """Find a market by the venue's spelling."""
        found = self._names.get(name)
        if found is None or found.product is not product:
            spot = product is Product.SPOT
            code = ("400600", "symbol not exists") if spot else ("200003", "Invalid symbol")
            raise KuCoinError(*code)
        return found

    def listing_of(self, symbol: str) -> Listing:
        """Find a market by ccxt's spelling."""
        return self.exchange.listings[symbol]

    def name(self, symbol: str) -> str:
        """Spell a market as the venue does."""
        return wire_name(self.listing_of(symbol))

    # ---- orders: a fired futures stop keeps its id, a fired spot stop does not ----

    def shown_id(self, order: Order) -> str:
        """Tell the id under which clients know an order."""
        if order.fired_from and self.listing_of(order.ask.symbol).product is Product.PERP:
            return order.fired_from
        return order.order_id

    def order(self, order_id: str) -> Order | None:
        """Find an order by the id under which clients know it."""
        found = self.exchange.order(order_id=order_id)
        return None if found is None else self._present(found)

    def order_of_client(self, client_id: str, *, triggers: bool | None = None) -> Order | None:
        """Find the newest order of a client's id, stops only or all but stops if asked so."""
        found = self.exchange.order(client_id=client_id, triggers=triggers)
        return None if found is None else self._present(found)

    def trigger_of(self, order: Order) -> Trigger | None:
        """Tell the trigger of a stop, also of one that has fired."""
        if order.trigger is not None or order.fired_from is None:
            return order.trigger
        parent = self.exchange.order(order_id=order.fired_from)
        return parent.trigger if parent else None

    def _present(self, order: Order) -> Order:
        """Follow a fired futures stop to the order that it became."""
        is_perp = self.listing_of(order.ask.symbol).product is Product.PERP
        fired = self.exchange.order(order_id=order.fired_as) if order.fired_as else None
        return fired if is_perp and fired is not None else order

    def fill_order_id(self, fill: Fill) -> str:
        """Tell under which id clients know the order of a fill."""
        order = self.exchange.order(order_id=fill.order_id)
        return fill.order_id if order is None else self.shown_id(order)

    def is_cross(self, symbol: str) -> bool:
        """Say whether a symbol's margin is shared."""
        return self.exchange.position(symbol).cross

    def margin_mode(self, symbol: str) -> str:
        """Spell a symbol's margin mode."""
        return "CROSS" if self.is_cross(symbol) else "ISOLATED"

    # ---- tokens ----

    def issue_token(self, *, private: bool) -> str:
        """Make a token that opens a websocket."""
        self._issued += 1
        token = sign(self.keys.secret, f"token {self._issued}")
        self.tokens[token] = private
        return token

    def expire_tokens(self) -> None:
        """Forget every token, as the venue does after a day."""
        self.tokens.clear()

    # ---- books ----

    def sequence(self, symbol: str) -> int:
        """Tell the number of the last change of a book."""
        return self.sequences.get(symbol, _BOOK_START)

    def count(self, symbol: str, changes: int) -> int:
        """Count changes of a book; tell the number of the first."""
        first = self.sequence(symbol) + 1
        self.sequences[symbol] = first + changes - 1
        return first

    # ---- the last day ----

    def day(self, symbol: str) -> Day:
        """Sum up the last day."""
        now = self.now_ms()
        candles = self.exchange.candles(symbol, _HOUR_MS, now - _DAY_MS, now)
        if not candles:
            last = self.last(symbol)
            return Day(
                last=last, open=last, high=last, low=last, volume=Decimal(0), turnover=Decimal(0)
            )
        return Day(
            last=candles[-1].close,
            open=candles[0].open,
            high=max(candle.high for candle in candles),
            low=min(candle.low for candle in candles),
            volume=_total(candles, lambda candle: candle.volume),
            turnover=_total(candles, lambda candle: candle.turnover),
        )

    def last(self, symbol: str) -> Decimal:
        """Tell the last price, 0 before the first trade."""
        return self.exchange.last(symbol) or Decimal(0)


def _total(candles: list[Candle], of: Callable[[Candle], Decimal]) -> Decimal:
    return sum((of(candle) for candle in candles), Decimal(0))
