"""From ccxt's unified dictionaries to our rows: the border at which foreign data is read once.

Instances of ccxt must run with `number=str`. Everything raises `Unreadable`, a ValueError of one
sentence, for whatever is missing, malformed or absurd; nothing is ever filled in by guessing.
"""

from ccxt_nt.parsing.account import balance_rows, fill_row, position_row
from ccxt_nt.parsing.fields import Unreadable
from ccxt_nt.parsing.market import (
    bar_row,
    belongs,
    book_row,
    last_price,
    mark_row,
    market_row,
    market_rows,
    quote_row,
    trade_row,
)
from ccxt_nt.parsing.orders import order_row, placed_id

__all__ = [
    "Unreadable",
    "balance_rows",
    "bar_row",
    "belongs",
    "book_row",
    "fill_row",
    "last_price",
    "mark_row",
    "market_row",
    "market_rows",
    "order_row",
    "placed_id",
    "position_row",
    "quote_row",
    "trade_row",
]
