"""The price chart of every instrument, with the fills of its plans."""

from collections.abc import Mapping, Sequence
from html import escape
from typing import Final

import numpy as np

from morningstar_strategy.core.plans import PlanRow
from morningstar_strategy.core.records import Value
from morningstar_strategy.core.report import FillMark, Prices, Report
from reports import formats
from reports.charts import (
    BLUE,
    GREEN,
    GREY,
    PINK,
    RED,
    Chart,
    Json,
    line,
    milliseconds,
    rounded,
    thin,
    time_axis,
)

__all__ = ["MAX_MARKERS", "price_charts"]

MAX_MARKERS: Final = 6_000  # on the whole page
_BUCKETS: Final = 1_500
_MAX_REASON: Final = 80
# Name, symbol and colour of what a fill did
_STYLES: Final[Mapping[str, tuple[str, str, str]]] = {
    "BUY entry": ("Long entry", "triangle-up", BLUE),
    "SELL entry": ("Short entry", "triangle-down", PINK),
    "stop": ("Stop", "x", RED),
    "target": ("Take profit", "circle", GREEN),
    "close": ("Close", "square", GREY),
}


def price_charts(report: Report) -> tuple[Chart, ...]:
    """Draw one chart per instrument that has prices or fills."""
    prices = {price.instrument_id: price for price in report.prices}
    plans = {row.order_id: row for row in report.plans}
    names = report.head.instruments
    share = max(MAX_MARKERS // max(len(names), 1), 2)
    found = []
    for name in names:
        fills = [fill for fill in report.fills if fill.instrument_id == name]
        if name in prices or fills:
            found.append(_chart(report, name, prices.get(name), fills, plans, share))
    return tuple(found)


def _chart(
    report: Report,
    name: str,
    prices: Prices | None,
    fills: Sequence[FillMark],
    plans: Mapping[str, PlanRow],
    share: int,
) -> Chart:
    data: list[Value] = []
    if prices is not None and len(prices.close):
        at = thin(prices.close, _BUCKETS)
        style: Value = {"width": 1, "color": GREY}
        x, y = milliseconds(prices.ts_event[at]), rounded(prices.close[at])
        data.append(line("Price", x, y, line=style, hovertemplate="%{y:,}<extra></extra>"))
    shown = fills if len(fills) <= share else (*fills[: share // 2], *fills[-(share // 2) :])
    data.extend(_markers(shown, plans))
    said = f"{len(fills):,} fills" if fills else "No fill"
    if len(shown) < len(fills):
        said += f", of which the first and the last {share // 2:,} are drawn"
    return Chart(
        title=name,
        note=f"{said}. The line keeps the lowest and the highest close of each stretch.",
        height=400,
        data=data,
        layout={
            "hovermode": "closest",
            "xaxis": time_axis(report),
            "yaxis": {"title": {"text": f"Price ({report.head.currency})"}, "tickformat": ",~f"},
        },
    )


def _markers(fills: Sequence[FillMark], plans: Mapping[str, PlanRow]) -> list[Value]:
    groups: dict[str, list[FillMark]] = {key: [] for key in _STYLES}
    for fill in fills:
        key = f"{fill.side} entry" if fill.role == "entry" else fill.role
        groups.setdefault(key, []).append(fill)
    return [_trace(key, group, plans) for key, group in groups.items() if group]


def _trace(key: str, fills: Sequence[FillMark], plans: Mapping[str, PlanRow]) -> Json:
    name, symbol, color = _STYLES.get(key, (key, "diamond", GREY))
    return {
        "type": "scatter",
        "mode": "markers",
        "name": escape(name),
        "x": milliseconds(np.array([fill.ts_event for fill in fills], dtype=np.int64)),
        "y": rounded(float(fill.price) for fill in fills),
        "text": [_hover(fill, plans.get(fill.plan_id)) for fill in fills],
        "hovertemplate": f"<b>{escape(name)}</b> %{{x}}<br>%{{text}}<extra></extra>",
        "marker": {
            "symbol": symbol,
            "size": 7 if symbol == "x" else 9,
            "color": color,
            "line": {"width": 0.6, "color": "rgba(255,255,255,0.85)"},
        },
    }


def _hover(fill: FillMark, plan: PlanRow | None) -> str:
    said = f"{escape(fill.side)} {formats.amount(fill.quantity)} @ {formats.amount(fill.price)}"
    if plan is None:
        return said
    if fill.role == "entry":
        reason = plan.planned_reason
    else:
        reason = f"plan net {formats.money(plan.net, signed=True)} · {plan.end_reason}"
    short = formats.shortened(reason, _MAX_REASON)
    return f"{said}<br>{escape(short)}" if short else said
