"""Orders that somebody else gave the same client order id: told apart before they are joined.

Two nodes with the same trader and strategy tags on one account make the same ids in the same
second, and most venues want an id to be unique among open orders only.
"""

from ccxt_nt.orders.case import Case
from ccxt_nt.values import FillRow, OrderRow


def is_namesake(case: Case, row: OrderRow | FillRow) -> bool:
    """Say whether a row that names an order is of another one: other terms, or from before it."""
    legs, ticket = case.ledger.legs, case.ticket
    if row.venue_order_id in legs:
        return False
    if (row.symbol, row.side) != (ticket.symbol, ticket.side):
        return True
    if isinstance(row, FillRow):
        return row.ts_event < case.since_ms * 1_000_000
    return row.fired_from not in legs and (
        row.created_ns < case.since_ms * 1_000_000 or _is_otherwise(case, row)
    )


def _is_otherwise(case: Case, row: OrderRow) -> bool:
    """Compare quantities, unless it was changed since; what only reduces may have been cut."""
    if case.generation or case.changed_at or case.told.in_quote or row.quantity is None:
        return False
    if case.ticket.reduce_only:
        return row.quantity > case.ticket.quantity
    return row.quantity != case.ticket.quantity
