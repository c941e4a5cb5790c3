"""All cases of NautilusTrader's data and execution testing specifications, in our own words."""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case."""

    case_id: str
    group: str
    name: str

    @property
    def is_data(self) -> bool:
        """Say whether it is about market data, not about orders."""
        return self.case_id.startswith("TC-D")


def _rows(groups: Mapping[str, Mapping[str, str]]) -> tuple[Row, ...]:
    return tuple(
        Row(case_id=f"TC-{short}", group=group, name=name)
        for group, cases in groups.items()
        for short, name in cases.items()
    )


_DATA: Final = _rows(
    {
        "D1 Instruments": {
            "D01": "all instruments are requested",
            "D02": "an instrument is subscribed",
            "D03": "one instrument is loaded by its id",
        },
        "D2 Order book": {
            "D10": "book deltas are subscribed",
            "D11": "books are subscribed at an interval",
            "D12": "book depth is subscribed",
            "D13": "a book snapshot is requested",
            "D14": "a book managed from deltas equals the venue's",
        },
        "D3 Quotes": {
            "D20": "quotes are subscribed",
            "D21": "past quotes are requested",
        },
        "D4 Trades": {
            "D30": "trades are subscribed",
            "D31": "past trades are requested",
        },
        "D5 Bars": {
            "D40": "bars are subscribed",
            "D41": "past bars are requested",
        },
        "D6 Derivatives": {
            "D50": "mark prices are subscribed",
            "D51": "index prices are subscribed",
            "D52": "funding rates are subscribed",
            "D53": "past funding rates are requested",
        },
        "D7 Instrument status": {
            "D60": "instrument status is subscribed",
            "D61": "instrument closes are subscribed",
        },
        "D8 Options": {
            "D62": "greeks are subscribed",
            "D63": "an option chain is subscribed",
        },
        "D9 Lifecycle": {
            "D70": "nothing comes after unsubscribing",
            "D71": "a subscription carries parameters of the adapter's",
            "D72": "a request carries parameters of the adapter's",
            "D73": "shared data goes on until its last owner has retired",
            "D74": "a pool shared by two actors is kept until its last owner goes",
            "D75": "a pool snapshot that was given up is discarded",
        },
    }
)

_EXECUTION: Final = _rows(
    {
        "E1 Market orders": {
            "E01": "market buy fills",
            "E02": "market sell fills",
            "E03": "market order, immediate or cancel",
            "E04": "market order, fill or kill",
            "E05": "market order by quote quantity",
            "E06": "a position is closed by a market order",
        },
        "E2 Limit orders": {
            "E10": "limit buy rests",
            "E11": "limit sell rests",
            "E12": "limit buy and limit sell rest at once",
            "E13": "immediate or cancel, crossing: fills",
            "E14": "immediate or cancel, passive: cancelled",
            "E15": "fill or kill, crossing: fills at once",
            "E16": "fill or kill, passive: cancelled",
            "E17": "limit order good till a date",
            "E18": "limit order expires at its date",
            "E19": "limit order good for the day",
        },
        "E3 Stops": {
            "E20": "stop-market buy waits, then fires",
            "E21": "stop-market sell waits, then fires",
            "E22": "stop-limit buy waits, then fires",
            "E23": "stop-limit sell waits, then fires",
            "E24": "market-if-touched buy waits, then fires",
            "E25": "market-if-touched sell waits, then fires",
            "E26": "limit-if-touched buy waits, then fires",
            "E27": "limit-if-touched sell waits, then fires",
        },
        "E4 Changes": {
            "E30": "price of a limit buy is changed",
            "E31": "price of a limit sell is changed",
            "E32": "limit buy is cancelled and placed anew",
            "E33": "limit sell is cancelled and placed anew",
            "E34": "trigger price of a stop is changed, no moment without a stop",
            "E35": "stop is cancelled and placed anew",
            "E36": "a change that is not supported is rejected",
        },
        "E5 Cancellations": {
            "E40": "one limit order is cancelled",
            "E41": "all orders are cancelled on stop",
            "E42": "orders are cancelled one by one on stop",
            "E43": "orders are cancelled in one batch on stop",
            "E44": "an order is cancelled a second time",
        },
        "E6 Brackets": {
            "E50": "bracket buy",
            "E51": "bracket sell",
            "E52": "the entry's fill brings stop and target to life",
            "E53": "bracket with a post-only entry",
        },
        "E7 Flags": {
            "E60": "post-only order rests",
            "E61": "a position is closed reduce-only",
            "E62": "an iceberg shows part of its quantity",
            "E63": "an order carries parameters of the adapter's",
        },
        "E8 Refusals": {
            "E70": "post-only order that would take",
            "E71": "reduce-only order without a position",
            "E72": "order type that is not supported is denied",
            "E73": "time in force that is not supported is denied",
            "E74": "outcome of a placement unknown: no rejection is made up",
            "E75": "outcome of a cancellation unknown: no rejection is made up",
            "E76": "outcome of a change unknown: no rejection is made up",
            "E77": "outcome of a batch unknown: no rejections are made up",
            "E78": "a batch is refused in part",
        },
        "E9 Lifecycle": {
            "E80": "a position is opened on start",
            "E81": "orders are cancelled on stop",
            "E82": "positions are closed on stop",
            "E83": "data ends on stop",
            "E84": "open orders of an earlier session are known after start",
            "E85": "filled orders of an earlier session are known after start",
            "E86": "a long position of an earlier session is known after start",
            "E87": "a short position of an earlier session is known after start",
        },
        "E10 Options": {
            "E90": "limit buy of an option",
            "E91": "limit sell of an option",
            "E92": "limit order of an option, priced otherwise",
            "E94": "order type that options do not have is denied",
            "E96": "stop on an option is refused",
            "E99": "fill or kill on an option",
            "E100": "an order of an option is cancelled",
            "E101": "an option position of an earlier session is known after start",
        },
    }
)

ROWS: Final = _DATA + _EXECUTION
BY_ID: Final[Mapping[str, Row]] = MappingProxyType({row.case_id: row for row in ROWS})
