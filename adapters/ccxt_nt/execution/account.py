"""Balances as the engine wants them."""

from collections.abc import Callable, Iterable
from decimal import Decimal

from nautilus_trader.model import AccountBalance

from ccxt_nt.conversion import money
from ccxt_nt.values import BalanceRow


class Wallet:
    """What the venue last told of each currency; a stream tells only what changed."""

    __slots__ = ("_note", "_rows")

    def __init__(self, note: Callable[[str], None] = lambda text: None) -> None:
        self._rows: dict[str, BalanceRow] = {}
        self._note = note

    def take(self, rows: Iterable[BalanceRow]) -> bool:
        """Take in rows; True where any of them is news. What the engine cannot hold is left out."""
        changed = False
        for row in rows:
            if self._rows.get(row.currency) == row:
                continue
            try:
                balance(row)
            except ValueError as e:
                self._note(f"the balance of {row.currency} is left out: {e}")
                continue
            self._rows[row.currency] = row
            changed = True
        return changed

    def balances(self) -> list[AccountBalance]:
        """List the currencies that hold anything, or held it before."""
        return [balance(row) for _, row in sorted(self._rows.items())]


def balance(row: BalanceRow) -> AccountBalance:
    """Build one balance; what is free is what rounding leaves of the total."""
    zero = Decimal(0)
    total = money(row.total, row.currency)
    locked = money(min(max(row.locked, zero), max(row.total, zero)), row.currency)
    return AccountBalance(total, locked, total - locked)
