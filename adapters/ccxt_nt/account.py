"""Balances as the engine wants them."""

from collections.abc import Iterable
from decimal import Decimal

from nautilus_trader.model import AccountBalance

from ccxt_nt.conversion import money
from ccxt_nt.values import BalanceRow


class Wallet:
    """What the venue last told of each currency; a stream tells only what changed."""

    __slots__ = ("_rows",)

    def __init__(self) -> None:
        self._rows: dict[str, BalanceRow] = {}

    def take(self, rows: Iterable[BalanceRow]) -> bool:
        """Take in rows; True where any of them is news."""
        changed = False
        for row in rows:
            if self._rows.get(row.currency) != row:
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
