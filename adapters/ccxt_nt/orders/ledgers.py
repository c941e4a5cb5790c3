"""The ledgers of one client: ours by client order id, everybody's by the venue's id."""

from collections.abc import Callable, Iterator

from ccxt_nt.orders.ledger import Ledger, News
from ccxt_nt.values import FillRow, OrderRow


class Ledgers:
    """All orders of a client: ours by client order id, everybody's by the venue's id."""

    def __init__(self, decode: Callable[[str], str | None]) -> None:
        self._decode = decode  # from the venue's client id to the engine's, None if not ours
        self._ours: dict[str, Ledger] = {}
        self._by_venue: dict[str, Ledger] = {}
        self._named: dict[str, set[str]] = {}  # decoded client id -> venue ids seen with it

    def __iter__(self) -> Iterator[Ledger]:
        return iter(self._ours.values())

    def by_client(self, client_order_id: str) -> Ledger | None:
        """Find an order by the engine's id."""
        return self._ours.get(client_order_id)

    def by_venue(self, venue_order_id: str) -> Ledger | None:
        """Find any order by the venue's id."""
        return self._by_venue.get(venue_order_id)

    def begin(self, client_order_id: str) -> Ledger:
        """Open the ledger of an order of ours before it is sent: what has its name is another's."""
        namesake = self._ours.get(client_order_id)
        if namesake is not None:
            self.disown(namesake)
        self._named.pop(client_order_id, None)
        return self.expect(client_order_id)

    def expect(self, client_order_id: str) -> Ledger:
        """Find or open the ledger of an order of ours, with all that was seen of it."""
        ledger = self._ours.setdefault(client_order_id, Ledger(client_order_id))
        for venue_order_id in self._named.get(client_order_id, ()):
            self._adopt(ledger, self._by_venue[venue_order_id])
        return ledger

    def acknowledge(self, client_order_id: str, venue_order_id: str) -> Ledger:
        """Note the venue's id of an order of ours."""
        ledger = self.expect(client_order_id)
        ledger.know(venue_order_id)
        self._claim(ledger, venue_order_id)
        return ledger

    def fire(self, venue_order_id: str, fired_id: str) -> Ledger:
        """Note what a trigger order became."""
        ledger = self._joined(venue_order_id, fired_id)
        if self._by_venue[fired_id] is ledger:
            ledger.fire(venue_order_id, fired_id)
        return ledger

    def replace(self, venue_order_id: str, new_id: str) -> Ledger:
        """Note that an order was sent in another's stead."""
        ledger = self._joined(venue_order_id, new_id)
        if self._by_venue[new_id] is ledger:
            ledger.replace(venue_order_id, new_id)
        return ledger

    def absorb_order(self, row: OrderRow) -> tuple[Ledger, News]:
        """Take in what the venue says of an order, whoever placed it."""
        ledger = self._find(row.venue_order_id, row.client_order_id)
        if row.fired_from is not None:
            self.fire(row.fired_from, row.venue_order_id)
        if row.fired_id is not None:
            self.fire(row.venue_order_id, row.fired_id)
        ledger = self._by_venue[row.venue_order_id]
        return ledger, ledger.absorb_order(row)

    def absorb_fill(self, fill: FillRow) -> tuple[Ledger, bool]:
        """Take in a fill, whoever's order it is of; True where it is new."""
        ledger = self._find(fill.venue_order_id, fill.client_order_id)
        return ledger, ledger.absorb_fill(fill)

    def disown(self, ledger: Ledger) -> None:
        """Take an order for nobody's whose client id only looked like one of ours."""
        if ledger.client_order_id is not None:
            self._ours.pop(ledger.client_order_id, None)
            ledger.client_order_id = None

    def forget(self, ledger: Ledger) -> None:
        """Drop an order that is over."""
        for venue_order_id in ledger.legs:
            if self._by_venue.get(venue_order_id) is ledger:
                del self._by_venue[venue_order_id]
        name = ledger.client_order_id
        if name is not None and self._ours.get(name) is ledger:
            del self._ours[name]
            self._named.pop(name, None)

    def _find(self, venue_order_id: str, venue_client_id: str | None) -> Ledger:
        """Find or open the ledger of a venue's order, joining what turns out to be one order."""
        ledger = self._by_venue.get(venue_order_id)
        if ledger is None:
            ledger = self._by_venue[venue_order_id] = Ledger()
            ledger.know(venue_order_id)
        decoded = None if venue_client_id is None else self._decode(venue_client_id)
        if decoded is not None:
            self._named.setdefault(decoded, set()).add(venue_order_id)
            if decoded in self._ours:
                self._claim(self._ours[decoded], venue_order_id)
        return self._by_venue[venue_order_id]

    def _joined(self, venue_order_id: str, next_id: str) -> Ledger:
        """Find the ledger of an order, and make another part of it where that is nobody's."""
        self._claim(self._find(venue_order_id, None), next_id)
        return self._by_venue[venue_order_id]

    def _claim(self, ledger: Ledger, venue_order_id: str) -> None:
        """Make a venue's order part of a ledger; what is ours never becomes another's."""
        known = self._by_venue.get(venue_order_id)
        if known is None:
            ledger.know(venue_order_id)
            self._by_venue[venue_order_id] = ledger
        elif known is not ledger:
            stays = ledger.is_external and (known.is_told or not known.is_external)
            first, second = (known, ledger) if stays else (ledger, known)
            self._adopt(first, second)

    def _adopt(self, ledger: Ledger, other: Ledger) -> None:
        if other is ledger or not other.is_external:
            return
        ledger.join(other)
        for venue_order_id in other.legs:
            self._by_venue[venue_order_id] = ledger
