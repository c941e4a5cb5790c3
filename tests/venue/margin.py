"""The perpetuals' account: one margin wallet per quote coin, net positions, no liquidation."""

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from tests.venue.model import Balance, Listing, Order, Position, Refusal, Refused, Side, Status

ZERO: Final = Decimal(0)
CENT: Final = Decimal("1e-8")  # cash moves in these
DEFAULT_LEVERAGE: Final = 10


@dataclass(slots=True)
class _Holding:
    """One symbol: the position, its signed cost, and what the resting orders could add."""

    listing: Listing
    leverage: int
    quantity: Decimal = ZERO  # signed
    basis: Decimal = ZERO  # signed cost of the quantity held, in quote coins
    realised: Decimal = ZERO
    cross: bool = True
    was_held: bool = False
    updated_ms: int = 0
    buying: Decimal = ZERO  # notional of resting buys that may open
    selling: Decimal = ZERO

    @property
    def entry_price(self) -> Decimal:
        """Average the position's price per base coin."""
        if not self.quantity:
            return ZERO
        return self.basis / (self.quantity * self.listing.contract_size)

    def margin(self, buying: Decimal, selling: Decimal, leverage: int) -> Decimal:
        """Tell the margin of the worse of: all buys fill, all sells fill."""
        worst = max(abs(self.basis), self.basis + buying, selling - self.basis)
        return worst / leverage

    def worth(self, mark: Decimal) -> Decimal:
        """Tell the unrealised profit at this price."""
        return self.quantity * self.listing.contract_size * mark - self.basis

    def trade(self, signed: Decimal, cost: Decimal) -> Decimal:
        """Add signed units that cost this much; return the profit realised.

        The basis is split exactly, so that cash + basis always equals start - cost of all fills.
        """
        held = self.quantity
        self.quantity = held + signed
        signed_cost = cost if signed > 0 else -cost
        if held * signed >= 0:
            self.basis += signed_cost
            return ZERO
        closed = min(abs(held), abs(signed))
        closed_cost = signed_cost if closed == abs(signed) else _part(signed_cost, closed, signed)
        closed_basis = self.basis if closed == abs(held) else _part(self.basis, closed, held)
        self.basis += signed_cost - closed_cost - closed_basis
        profit = -closed_cost - closed_basis
        self.realised += profit
        return profit


def _part(amount: Decimal, part: Decimal, whole: Decimal) -> Decimal:
    return (amount * part / abs(whole)).quantize(CENT)


class MarginAccount:
    """Cash moves with realised profit, fees and funding; margin is held by position and orders."""

    def __init__(self, balances: Mapping[str, Decimal], listings: Mapping[str, Listing]) -> None:
        self._cash = dict(balances)
        self._holdings = {
            symbol: _Holding(listing, min(DEFAULT_LEVERAGE, listing.max_leverage))
            for symbol, listing in listings.items()
        }
        for listing in listings.values():
            self._cash.setdefault(listing.quote, ZERO)
        self._exposures: dict[str, tuple[str, Side, Decimal]] = {}  # by order id

    def coins(self, listing: Listing) -> tuple[str, ...]:
        """Name the wallets that an order of this listing can move."""
        return (listing.quote,)

    def balance(self, coin: str) -> Balance:
        """Show one wallet; `held` never exceeds what is there."""
        total = self._cash.get(coin, ZERO)
        return Balance(coin=coin, total=total, held=min(self._margin(coin), max(total, ZERO)))

    def balances(self) -> dict[str, Balance]:
        """Show all wallets."""
        return {coin: self.balance(coin) for coin in self._cash}

    def position(self, symbol: str) -> Position:
        """Show the position, flat or not."""
        held = self._holdings[symbol]
        return Position(
            symbol=symbol,
            quantity=held.quantity,
            entry_price=held.entry_price,
            realised=held.realised,
            leverage=held.leverage,
            cross=held.cross,
            updated_ms=held.updated_ms,
        )

    def quantity(self, symbol: str) -> Decimal:
        """Tell the signed position."""
        return self._holdings[symbol].quantity

    def basis(self, symbol: str) -> Decimal:
        """Tell the signed cost of the position, in quote coins."""
        return self._holdings[symbol].basis

    def held_symbols(self) -> list[str]:
        """List symbols that were ever held."""
        return [symbol for symbol, held in self._holdings.items() if held.was_held]

    def check(
        self, listing: Listing, order: Order, cost: Decimal, marks: Mapping[str, Decimal]
    ) -> None:
        """Raise Refused where the margin does not suffice; an order that needs none always may."""
        held = self._holdings[listing.symbol]
        buying, selling = held.buying, held.selling
        own = self._exposures.get(order.order_id, ("", order.ask.side, ZERO))[2]
        if order.ask.side is Side.BUY:
            buying += cost - own
        else:
            selling += cost - own
        more = held.margin(buying, selling, held.leverage) - held.margin(
            held.buying, held.selling, held.leverage
        )
        if more <= 0:
            return
        free = self.free(listing.quote, marks)
        need = more + cost * listing.taker_fee
        if need > free:
            raise Refused(
                Refusal.INSUFFICIENT_BALANCE, f"needs {need} {listing.quote}, free {free}"
            )

    def free(self, coin: str, marks: Mapping[str, Decimal]) -> Decimal:
        """Tell what may become margin; unrealised losses count, unrealised profits do not."""
        worth = sum(
            (
                held.worth(marks[symbol])
                for symbol, held in self._holdings.items()
                if held.quantity and held.listing.quote == coin and symbol in marks
            ),
            ZERO,
        )
        return self._cash.get(coin, ZERO) + min(worth, ZERO) - self._margin(coin)

    def hold(self, listing: Listing, order: Order) -> None:
        """Count what the rest of an open limit order may add; forget it when it is closed."""
        symbol, side, old = self._exposures.pop(order.order_id, ("", Side.BUY, ZERO))
        if symbol:
            self._expose(symbol, side, -old)
        opens = order.status is Status.OPEN and not order.ask.reduce_only
        if not opens or order.price is None or not order.left:
            return
        notional = order.left * listing.contract_size * order.price
        self._expose(listing.symbol, order.ask.side, notional)
        self._exposures[order.order_id] = (listing.symbol, order.ask.side, notional)

    def fee(
        self, listing: Listing, side: Side, base: Decimal, cost: Decimal, rate: Decimal
    ) -> tuple[Decimal, str]:
        """Tell the fee of a fill and the coin it is paid in."""
        return cost * rate, listing.quote

    def settle(
        self, listing: Listing, signed: Decimal, cost: Decimal, fee: Decimal, ts_ms: int
    ) -> None:
        """Move position and cash of one fill."""
        held = self._holdings[listing.symbol]
        held.was_held = True
        held.updated_ms = ts_ms
        self._cash[listing.quote] += held.trade(signed, cost) - fee

    def fund(self, symbol: str, mark: Decimal, rate: Decimal) -> Decimal:
        """Pay (positive) or receive funding; return what was paid."""
        held = self._holdings[symbol]
        paid = (held.quantity * held.listing.contract_size * mark * rate).quantize(CENT)
        self._cash[held.listing.quote] -= paid
        return paid

    def set_leverage(self, symbol: str, leverage: int, ts_ms: int) -> None:
        """Change the leverage; raise Refused where the margin would not suffice."""
        held = self._holdings[symbol]
        if not 1 <= leverage <= held.listing.max_leverage:
            raise Refused(
                Refusal.BAD_REQUEST,
                f"leverage must be in [1, {held.listing.max_leverage}], was {leverage}",
            )
        more = held.margin(held.buying, held.selling, leverage) - held.margin(
            held.buying, held.selling, held.leverage
        )
        if more > max(self.balance(held.listing.quote).free, ZERO):
            raise Refused(Refusal.INSUFFICIENT_BALANCE, f"leverage {leverage} needs {more} more")
        held.leverage = leverage
        held.updated_ms = ts_ms

    def set_cross(self, symbol: str, ts_ms: int, *, cross: bool) -> None:
        """Choose cross or isolated margin; only told, both are margined alike."""
        self._holdings[symbol].cross = cross
        self._holdings[symbol].updated_ms = ts_ms

    def _expose(self, symbol: str, side: Side, notional: Decimal) -> None:
        held = self._holdings[symbol]
        if side is Side.BUY:
            held.buying += notional
        else:
            held.selling += notional

    def _margin(self, coin: str) -> Decimal:
        return sum(
            (
                held.margin(held.buying, held.selling, held.leverage)
                for held in self._holdings.values()
                if held.listing.quote == coin
            ),
            ZERO,
        ).quantize(CENT)
