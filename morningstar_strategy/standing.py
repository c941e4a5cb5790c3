"""What one strategy holds and has sent, as the engine knows it now."""

from decimal import Decimal

from nautilus_trader.common import Cache
from nautilus_trader.model import ClientOrderId, InstrumentId
from nautilus_trader.trading import Strategy

from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.ledger import Ledger, OrderRef
from morningstar_strategy.snapshot import Terms
from morningstar_strategy.tickets import Order, stop_cover

__all__ = ["Standing"]


class Standing:
    """Looks at positions and orders of one strategy; others' are none of ours."""

    def __init__(self, *, strategy: Strategy, cache: Cache) -> None:
        self._strategy = strategy
        self._cache = cache

    def held(self, terms: Terms) -> Decimal:
        """Give the signed position of this strategy, in base units; others' are none of ours."""
        owner, instrument_id = self._strategy.strategy_id, terms.instrument_id
        positions = self._cache.positions_open(instrument_id=instrument_id, strategy_id=owner)
        sizes = ((terms.base_of(each.quantity), each.signed_qty) for each in positions)
        return sum((size if signed > 0 else -size for size, signed in sizes), Decimal(0))

    def working(self, terms: Terms) -> list[Order]:
        """Give this strategy's orders on an instrument that are open at the venue."""
        owner = self._strategy.strategy_id
        return list(self._cache.orders_open(instrument_id=terms.instrument_id, strategy_id=owner))

    def alive(self, terms: Terms) -> list[Order]:
        """Give this strategy's orders on an instrument that are not closed, unanswered ones too."""
        return [order for order in self.all_of(terms) if not order.is_closed]

    def all_of(self, terms: Terms) -> list[Order]:
        """Give this strategy's orders on an instrument, closed ones of a short while ago too."""
        return self._of(terms.instrument_id)

    def beside(self, order: Order) -> list[Order]:
        """Give this strategy's orders on the instrument of one of them, closed ones too."""
        return self._of(order.instrument_id)

    def _of(self, instrument_id: InstrumentId) -> list[Order]:
        owner = self._strategy.strategy_id
        return list(self._cache.orders(instrument_id=instrument_id, strategy_id=owner))

    def exposed(self, terms: Terms) -> Decimal:
        """Give what is held of an instrument beyond what its working stops cover, in base units.

        A stop counts once the venue has taken it, until its cancellation is asked for.
        """
        net = self.held(terms)
        direction = Direction.LONG if net > 0 else Direction.SHORT
        covered = stop_cover(self.working(terms), direction, terms) if net else net
        return max(abs(net) - covered, Decimal(0))

    def known(self, ref: OrderRef) -> Order | None:
        """Give an order as the engine knows it, None where the venue never told of it."""
        return self.named(ref.order_id)

    def named(self, order_id: str) -> Order | None:
        """Give an order by its id, None where the engine does not know it."""
        return self._cache.order(ClientOrderId(order_id))

    def has_entry_left(self, ledger: Ledger) -> bool:
        """Say whether an entry may still fill."""
        entry = self.known(ledger.entry_ref)
        return entry is not None and not entry.is_closed
