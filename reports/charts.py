"""The charts of a report as plain Plotly figures, thinned so that a page stays small."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from html import escape
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.core.plans import Standing
from morningstar_strategy.core.records import Value
from morningstar_strategy.core.report import Report
from reports import formats

__all__ = [
    "Chart",
    "cost_chart",
    "equity_chart",
    "exposure_chart",
    "line",
    "milliseconds",
    "result_chart",
    "rounded",
    "thin",
    "time_axis",
]

# Okabe and Ito's palette, which the colour-blind can tell apart, in tones for light and dark
BLUE, ORANGE, GREEN, RED = "#2f81c7", "#e08e0b", "#1a9f78", "#d9601a"
SKY, PINK, GREY, YELLOW = "#62b5e5", "#c77ba6", "#8a8f98", "#c9b400"
SERIES: Final = (BLUE, ORANGE, GREEN, PINK, SKY, YELLOW, RED, GREY)
_BUCKETS: Final = 1_500
_BINS: Final = 60
_MILLISECOND: Final = 1_000_000

type Json = dict[str, Value]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure with the title and the sentence that stand above it; `height` in pixels."""

    title: str
    note: str
    height: int
    data: list[Value]
    layout: Json


def thin(values: FloatArray, buckets: int) -> IntArray:
    """Choose the positions of the first, the last and each bucket's lowest and highest value."""
    count = len(values)
    if count <= 2 * buckets:
        return np.arange(count, dtype=np.int64)
    edges = np.linspace(0, count, buckets + 1).astype(np.int64)
    found = {0, count - 1}
    for begin, end in zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True):
        part = values[begin:end]
        found |= {begin + int(part.argmin()), begin + int(part.argmax())}
    return np.array(sorted(found), dtype=np.int64)


def milliseconds(ts_event: IntArray) -> list[Value]:
    """Give times as Plotly reads them on a date axis."""
    return [*(ts_event // _MILLISECOND).tolist()]


def rounded(values: Iterable[float]) -> list[Value]:
    """Give values with seven significant digits."""
    return [float(f"{value:.7g}") for value in values]


def line(name: str, x: list[Value], y: list[Value], **more: Value) -> Json:
    """Give a line trace."""
    return {"type": "scatter", "mode": "lines", "name": escape(name), "x": x, "y": y, **more}


def time_axis(report: Report, **more: Value) -> Json:
    """Give the time axis that all charts of a report share."""
    begin, end = (stamp / _MILLISECOND for stamp in (report.head.start_ns, report.head.end_ns))
    margin = max(0.01 * (end - begin), 60_000.0)
    limits: Value = [begin - margin, end + margin]
    return {"type": "date", "title": {"text": "Time (UTC)"}, "range": limits, **more}


def equity_chart(report: Report) -> Chart:
    """Draw the equity beside buy-and-hold, with the drawdown beneath."""
    marks, head = report.marks, report.head
    deepest = max(100 * float(marks.drawdown.max()), 0.1)
    data: list[Value] = [_thinned("Strategy", marks.ts_event, marks.equity, color=BLUE, width=2)]
    if report.basket is not None:
        worth = report.basket.value * float(head.starting_equity)
        stamps = report.basket.ts_event
        data.append(_thinned("Buy and hold", stamps, worth, color=ORANGE, width=1.3))
    fall = _thinned("Drawdown", marks.ts_event, -100 * marks.drawdown, color=RED, width=1)
    data.append({**fall, "yaxis": "y2", "fill": "tozeroy", "hovertemplate": "%{y:.2f} %"})
    return Chart(
        title="Equity and drawdown",
        note="Marked equity against an equal-weight basket bought at the first close and held, "
        "without costs. Drawdown from the highest equity so far. Drag to zoom, double-click to go "
        "back.",
        height=520,
        data=data,
        layout={
            "hovermode": "x unified",
            "xaxis": time_axis(report, anchor="y2"),
            "yaxis": {
                "title": {"text": f"Equity ({head.currency})"},
                "domain": [0.34, 1],
                "tickformat": ",~f",
            },
            "yaxis2": {
                "title": {"text": "Drawdown (%)"},
                "domain": [0, 0.26],
                "range": [-1.08 * deepest, 0],
            },
        },
    )


def _thinned(name: str, ts: IntArray, values: FloatArray, *, color: str, width: float) -> Json:
    at = thin(values, _BUCKETS)
    return line(
        name,
        milliseconds(ts[at]),
        rounded(values[at]),
        line={"color": color, "width": width},
        hovertemplate="%{y:,.2f}",
    )


def exposure_chart(report: Report, max_exposure_percent: Decimal | None) -> Chart:
    """Stack the exposure per instrument, with the net exposure and the cap."""
    marks = report.marks
    at = _fullest(marks.gross)
    equity = marks.equity[at]
    scale = 100 / np.where(equity > 0, equity, np.inf)
    x = milliseconds(marks.ts_event[at])
    data: list[Value] = []
    for number, name in enumerate(marks.instruments):
        share = np.abs(marks.exposure[at, number]) * scale
        color = SERIES[number % len(SERIES)]
        style: Value = {"width": 0.5, "color": color, "shape": "hv"}
        stacked = line(name, x, rounded(share), stackgroup="gross", line=style)
        data.append({**stacked, "hovertemplate": "%{y:.1f} %"})
    if np.any(marks.exposure < 0):
        style = {"width": 1, "color": GREY, "shape": "hv"}
        net = line("Long minus short", x, rounded(marks.net[at] * scale), line=style)
        data.append({**net, "hovertemplate": "%{y:.1f} %"})
    if max_exposure_percent is not None:
        cap = float(max_exposure_percent)
        ends: list[Value] = [x[0], x[-1]]
        dashed: Value = {"width": 1.5, "color": RED, "dash": "dash"}
        data.append(line(f"Cap {cap:g} %", ends, [cap, cap], line=dashed, hoverinfo="skip"))
    return Chart(
        title="Exposure",
        note="Absolute notional per instrument as a share of equity, stacked; of each "
        "stretch of time the fullest mark.",
        height=380,
        data=data,
        layout={
            "hovermode": "x unified",
            "xaxis": time_axis(report),
            "yaxis": {"title": {"text": "Exposure (% of equity)"}, "rangemode": "tozero"},
            "legend": {"traceorder": "normal"},
        },
    )


def _fullest(gross: FloatArray) -> IntArray:
    """Choose the first, the last and each bucket's mark of the highest gross exposure."""
    count = len(gross)
    if count <= _BUCKETS:
        return np.arange(count, dtype=np.int64)
    edges = np.linspace(0, count, _BUCKETS + 1).astype(np.int64)
    pairs = zip(edges[:-1].tolist(), edges[1:].tolist(), strict=True)
    found = {begin + int(gross[begin:end].argmax()) for begin, end in pairs}
    return np.array(sorted(found | {0, count - 1}), dtype=np.int64)


def cost_chart(report: Report) -> Chart:
    """Draw what was paid by kind."""
    costs, currency = report.costs, report.head.currency
    kinds = (
        ("Maker fees", costs.maker_fees),
        ("Taker fees", costs.taker_fees),
        ("Slippage", costs.slippage),
        ("Funding", -costs.funding),
    )
    paid = [float(value) for _, value in kinds]
    room = 1.2  # for the figures beside the bars
    limits: Value = [room * min(*paid, 0.0), room * max(*paid, 0.0) or 1.0]
    return Chart(
        title="Costs by kind",
        note="What was paid; below zero is what was received. Slippage is what a "
        "simulation charges on fills that take liquidity.",
        height=320,
        data=[
            {
                "type": "bar",
                "orientation": "h",
                "x": rounded(paid),
                "y": [name for name, _ in kinds],
                "text": [formats.money(value) for _, value in kinds],
                "textposition": "outside",
                "textangle": 0,
                "cliponaxis": False,
                "marker": {"color": [RED if value >= 0 else BLUE for value in paid]},
                "hovertemplate": f"%{{y}}: %{{x:,.2f}} {escape(currency)}<extra></extra>",
            }
        ],
        layout={
            "showlegend": False,
            "xaxis": {
                "title": {"text": f"Paid ({currency})"},
                "tickformat": ",~f",
                "range": limits,
            },
            "yaxis": {"autorange": "reversed", "automargin": True},
        },
    )


def result_chart(report: Report) -> Chart:
    """Draw how the net results of closed plans are spread."""
    nets = np.array([float(row.net) for row in report.plans if row.standing is Standing.CLOSED])
    currency = report.head.currency
    return Chart(
        title="Net result per plan",
        note="Closed plans, after fees, slippage and funding.",
        height=320,
        data=_bars(nets, currency) if len(nets) else [],
        layout={
            "showlegend": False,
            "bargap": 0.06,
            "xaxis": {"title": {"text": f"Net result ({currency})"}, "tickformat": ",~f"},
            "yaxis": {"title": {"text": "Plans"}, "tickformat": ",d", "rangemode": "tozero"},
        },
    )


def _bars(nets: FloatArray, currency: str) -> list[Value]:
    """Count results in bins of which none reaches over zero."""
    low, high = float(min(nets.min(), 0)), float(max(nets.max(), 0))
    bins = min(_BINS, max(6, round(2 * len(nets) ** 0.5)))
    width = (high - low) / bins or 1.0
    edges = width * np.arange(np.floor(low / width), np.ceil(high / width) + 1)
    if len(edges) < 2:
        edges = np.array([-0.5, 0.5])
    counts, _ = np.histogram(nets, edges)
    middles: Sequence[float] = ((edges[:-1] + edges[1:]) / 2).tolist()
    hover = [
        f"{formats.money(begin)} to {formats.money(end)} {escape(currency)}: {count} plans"
        for begin, end, count in zip(edges[:-1].tolist(), edges[1:].tolist(), counts, strict=True)
    ]
    return [
        {
            "type": "bar",
            "x": rounded(middles),
            "y": [*counts.tolist()],
            "width": float(edges[1] - edges[0]) * 0.94,
            "text": [*hover],
            "textposition": "none",
            "hovertemplate": "%{text}<extra></extra>",
            "marker": {"color": [RED if middle < 0 else BLUE for middle in middles]},
        }
    ]
