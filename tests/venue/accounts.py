"""The client's money: the spot wallets and the margin wallet behind one face."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal

from tests.venue.announcing import Announcer
from tests.venue.margin import CENT, MarginAccount
from tests.venue.model import (
    Balance,
    BalanceChanged,
    Listing,
    Order,
    PositionChanged,
    Product,
    Side,
)
from tests.venue.spot import SpotAccount


@dataclass(slots=True, kw_only=True)
class Accounts:
    """Routes each listing to its account and tells what changed."""

    spot: SpotAccount
    margin: MarginAccount
    announcer: Announcer
    _told: dict[tuple[Product, str], Balance] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for product in Product:
            for coin, balance in self.balances(product).items():
                self._told[product, coin] = balance

    def balances(self, product: Product) -> dict[str, Balance]:
        """Show all wallets of a product."""
        return self.spot.balances() if product is Product.SPOT else self.margin.balances()

    def check(
        self,
        listing: Listing,
        order: Order,
        *,
        quantity: Decimal,
        cost: Decimal,
        marks: Mapping[str, Decimal],
    ) -> None:
        """Raise Refused where the account cannot carry this many more units of an order."""
        if listing.product is Product.SPOT:
            self.spot.check(listing, order, quantity, cost)
        elif not order.ask.reduce_only:
            self.margin.check(listing, order, cost, marks)

    def hold(self, listing: Listing, order: Order) -> None:
        """Hold what the rest of an order may cost."""
        if listing.product is Product.SPOT:
            self.spot.hold(listing, order)
        else:
            self.margin.hold(listing, order)

    def settle(
        self,
        listing: Listing,
        side: Side,
        quantity: Decimal,
        price: Decimal,
        *,
        maker: bool,
        ts_ms: int,
    ) -> tuple[Decimal, str]:
        """Move the money of one fill; return the fee and its coin."""
        base = quantity * listing.contract_size
        cost = base * price
        rate = listing.maker_fee if maker else listing.taker_fee
        if listing.product is Product.SPOT:
            fee, coin = self.spot.fee(listing, side, base, cost, rate)
            fee = _rounded(fee)
            self.spot.settle(listing, side, base, cost, fee, coin)
        else:
            fee, coin = self.margin.fee(listing, side, base, cost, rate)
            fee = _rounded(fee)
            self.margin.settle(listing, side.sign * quantity, cost, fee, ts_ms)
        return fee, coin

    def reducible(self, symbol: str, side: Side) -> Decimal:
        """Tell how many units an order on this side can take off the position."""
        return max(-side.sign * self.margin.quantity(symbol), Decimal(0))

    def tell(self, listing: Listing) -> None:
        """Announce the wallets of a listing that changed since they were last told."""
        product = listing.product
        is_spot = product is Product.SPOT
        coins = self.spot.coins(listing) if is_spot else self.margin.coins(listing)
        changed: dict[str, Balance] = {}
        for coin in coins:
            now = self.spot.balance(coin) if is_spot else self.margin.balance(coin)
            if self._told.get((product, coin)) != now:
                self._told[product, coin] = now
                changed[coin] = now
        if changed:
            self.announcer.say(BalanceChanged(product=product, balances=changed))

    def tell_position(self, symbol: str) -> None:
        """Announce a position."""
        self.announcer.say(PositionChanged(position=self.margin.position(symbol)))


def _rounded(fee: Decimal) -> Decimal:
    rounded = fee.quantize(CENT)
    return fee if rounded == fee else rounded
