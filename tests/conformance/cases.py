"""Every scenario, by the id of its case."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from tests.conformance import (
    cases_changes,
    cases_data,
    cases_data_more,
    cases_data_refused,
    cases_flags,
    cases_orders,
    cases_refusals,
    cases_stops,
)
from tests.conformance.scenario import Scenario

CASES: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        **cases_data.CASES,
        **cases_data_more.CASES,
        **cases_orders.CASES,
        **cases_stops.CASES,
        **cases_changes.CASES,
        **cases_flags.CASES,
        **cases_refusals.CASES,
    }
)

# Where a case does not apply, what the adapter does instead
REFUSALS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        **cases_data_refused.REFUSALS,
        **cases_orders.REFUSALS,
        **cases_stops.REFUSALS,
        **cases_changes.REFUSALS,
        **cases_flags.REFUSALS,
        **cases_refusals.REFUSALS,
    }
)

LAST: Final = ("TC-D40",)  # turns the venue's clock ahead
