"""The spot account: one wallet per coin, with holds for resting orders."""

from collections.abc import Mapping
from decimal import Decimal

from tests.venue.model import Balance, Listing, Order, Refusal, Refused, Side, Status

ZERO = Decimal(0)


class SpotAccount:
    """Cash moves with fills and nothing else; a hold is what a resting order may still cost."""

    def __init__(self, balances: Mapping[str, Decimal], *, fee_in_received: bool) -> None:
        self._totals = dict(balances)
        self._held: dict[str, Decimal] = {}
        self._holds: dict[str, tuple[str, Decimal]] = {}  # by order id
        self._fee_in_received = fee_in_received

    def coins(self, listing: Listing) -> tuple[str, ...]:
        """Name the wallets that an order of this listing can move."""
        return (listing.base, listing.quote)

    def balance(self, coin: str) -> Balance:
        """Show one wallet."""
        return Balance(
            coin=coin, total=self._totals.get(coin, ZERO), held=self._held.get(coin, ZERO)
        )

    def balances(self) -> dict[str, Balance]:
        """Show all wallets."""
        return {coin: self.balance(coin) for coin in self._totals}

    def check(self, listing: Listing, order: Order, quantity: Decimal, cost: Decimal) -> None:
        """Raise Refused where the order cannot be paid; its own present hold counts as free."""
        coin, need = self._need(listing, order.ask.side, quantity, cost)
        own_coin, own = self._holds.get(order.order_id, (coin, ZERO))
        free = self.balance(coin).free + (own if own_coin == coin else ZERO)
        if need > free:
            raise Refused(Refusal.INSUFFICIENT_BALANCE, f"needs {need} {coin}, free {free}")

    def hold(self, listing: Listing, order: Order) -> None:
        """Hold what the rest of an open limit order may cost; release it all when it is closed."""
        coin, old = self._holds.pop(order.order_id, ("", ZERO))
        if coin:
            self._held[coin] -= old
        if order.status is not Status.OPEN or order.price is None or not order.left:
            return
        base = order.left * listing.contract_size
        coin, need = self._need(listing, order.ask.side, order.left, base * order.price)
        self._held[coin] = self._held.get(coin, ZERO) + need
        self._holds[order.order_id] = (coin, need)

    def fee(
        self, listing: Listing, side: Side, base: Decimal, cost: Decimal, rate: Decimal
    ) -> tuple[Decimal, str]:
        """Tell the fee of a fill and the coin it is paid in."""
        if self._fee_in_received and side is Side.BUY:
            return base * rate, listing.base
        return cost * rate, listing.quote

    def settle(
        self, listing: Listing, side: Side, base: Decimal, cost: Decimal, fee: Decimal, coin: str
    ) -> None:
        """Move the cash of one fill."""
        self._add(listing.base, side.sign * base)
        self._add(listing.quote, -side.sign * cost)
        self._add(coin, -fee)

    def _add(self, coin: str, amount: Decimal) -> None:
        self._totals[coin] = self._totals.get(coin, ZERO) + amount

    def _need(
        self, listing: Listing, side: Side, quantity: Decimal, cost: Decimal
    ) -> tuple[str, Decimal]:
        if side is Side.SELL:
            return listing.base, quantity * listing.contract_size
        if self._fee_in_received:
            return listing.quote, cost
        return listing.quote, cost * (1 + max(listing.taker_fee, listing.maker_fee, ZERO))
