"""Data that a venue does not have: asked for all the same, it must do no harm."""

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType
from typing import Any, Final

from tests.conformance.bench import BUY, Bench
from tests.conformance.checks import must
from tests.conformance.scenario import Scenario

# `Any` in this module: the engine's strategy has no type here


async def _nothing_comes(bench: Bench, ask: Callable[[Any, Any], object]) -> None:
    """Hold that the venue is asked for nothing, nothing is made up, and the node goes on."""
    asked, since = _questions(bench), len(bench.desk.seen)
    ask(bench.desk.strategy, bench.instrument_id)
    await bench.placed(bench.limit(BUY))  # whatever the question brings has come before
    came = [type(i).__name__ for i in bench.desk.seen[since:] if not hasattr(i, "client_order_id")]
    data = [name for name in came if name not in ("CustomData", "Bar")]
    must(not data, f"{data} came")
    must(_questions(bench) == asked, "the venue was asked for it")


def _questions(bench: Bench) -> int:
    """Count public requests, but those of the bars, which are another case's, and of the clock."""
    others = ("candle", "kline", "/time")
    return sum(
        seen.purpose == "public" and not any(word in seen.path for word in others)
        for seen in bench.venue.requests
    )


def _call(name: str) -> Scenario:
    return partial(_nothing_comes, ask=lambda strategy, of: getattr(strategy, name)(of))


REFUSALS: Final[Mapping[str, Scenario]] = MappingProxyType(
    {
        "TC-D21": _call("request_quotes"),
        "TC-D50": _call("subscribe_mark_prices"),
        "TC-D51": _call("subscribe_index_prices"),
        "TC-D52": _call("subscribe_funding_rates"),
        "TC-D53": _call("request_funding_rates"),
        "TC-D60": _call("subscribe_instrument_status"),
        "TC-D61": _call("subscribe_instrument_close"),
        "TC-D62": _call("subscribe_option_greeks"),
    }
)
