"""Why a case does not apply: rules over the rows of a venue, and what no venue here has."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from ccxt_nt.profiles import MarketBuy, Profile
from ccxt_nt.values import OrderKind, Product


@dataclass(frozen=True, slots=True, kw_only=True)
class Reason:
    """One rule; `text` is a sentence for the tables."""

    cases: tuple[str, ...]
    when: Callable[[Profile], bool]
    text: str


def _always(row: Profile) -> bool:
    return True


def _is_spot(row: Profile) -> bool:
    return row.product is Product.SPOT


def _lacks(kind: OrderKind) -> Callable[[Profile], bool]:
    return lambda row: kind not in row.kinds


_NO_MARKET_TRIGGER: Final = "the venue refuses market orders behind a trigger: the order is denied"

REASONS: Final = (
    Reason(
        cases=("TC-D21",),
        when=_always,
        text="the venue keeps no history of quotes: the request is refused",
    ),
    Reason(
        cases=("TC-D50", "TC-D51", "TC-D52", "TC-D53"),
        when=_is_spot,
        text="a spot instrument has no mark price, index price or funding: asking is refused",
    ),
    Reason(
        cases=("TC-D60", "TC-D61"),
        when=_always,
        text="ccxt streams no trading status, and the market never closes",
    ),
    Reason(
        cases=("TC-D62", "TC-D63"),
        when=_always,
        text="options are not served: spot and linear perpetuals only",
    ),
    Reason(
        cases=("TC-D71", "TC-D72"),
        when=_always,
        text="the adapter takes no parameters here: its table of venues says how data is asked for",
    ),
    Reason(cases=("TC-D74", "TC-D75"), when=_always, text="not a DeFi venue: it has no pools"),
    Reason(
        cases=("TC-E05",),
        when=lambda row: row.market_buy is not MarketBuy.COST,
        text="market orders count in the instrument's units: a quote quantity is denied",
    ),
    Reason(
        cases=("TC-E17", "TC-E18"),
        when=_always,
        text="no expiry date is sent with an order: the order is denied",
    ),
    Reason(
        cases=("TC-E19",),
        when=_always,
        text="the market never closes, so no order ends with the day: the order is denied",
    ),
    Reason(cases=("TC-E20", "TC-E21"), when=_lacks(OrderKind.STOP_MARKET), text=_NO_MARKET_TRIGGER),
    Reason(
        cases=("TC-E24", "TC-E25"),
        when=_lacks(OrderKind.TAKE_PROFIT_MARKET),
        text=_NO_MARKET_TRIGGER,
    ),
    Reason(cases=("TC-E36",), when=_always, text="every order that the venue takes can be changed"),
    Reason(
        cases=("TC-E43", "TC-E77", "TC-E78"),
        when=lambda row: not row.batch_cancel,
        text="the venue cancels one order at a time: a batch is sent as single cancellations",
    ),
    Reason(
        cases=("TC-E50", "TC-E51", "TC-E52", "TC-E53"),
        when=_always,
        text="the venue does not keep contingent orders: a bracket is denied as a whole",
    ),
    Reason(
        cases=("TC-E61", "TC-E71"),
        when=lambda row: not row.reduce_only,
        text="spot has no reduce-only orders: the order is denied",
    ),
    Reason(
        cases=("TC-E62",),
        when=_always,
        text="a display quantity is not offered: the order is denied",
    ),
    Reason(
        cases=("TC-E63",),
        when=_always,
        text="the adapter takes no parameters here: its table of venues says how an order is sent",
    ),
    Reason(
        cases=("TC-E86", "TC-E87"),
        when=_is_spot,
        text="spot is held as balances: the venue has no positions",
    ),
    Reason(
        cases=(
            "TC-E90",
            "TC-E91",
            "TC-E92",
            "TC-E94",
            "TC-E96",
            "TC-E99",
            "TC-E100",
            "TC-E101",
        ),
        when=_always,
        text="options are not served: spot and linear perpetuals only",
    ),
)


def reason(case_id: str, row: Profile) -> str | None:
    """Say why a case does not apply at a venue and product; None where it does."""
    if case_id in row.test_notes:
        return row.test_notes[case_id]
    for each in REASONS:
        if case_id in each.cases and each.when(row):
            return each.text
    return None
