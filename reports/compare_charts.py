"""The charts of a comparison: two equity curves, the bridge, slippage and delays."""

from collections.abc import Sequence
from decimal import Decimal
from html import escape
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.divergence.ladder import Divergence
from morningstar_strategy.core.divergence.values import Side
from morningstar_strategy.core.fields import money
from morningstar_strategy.core.records import Kind, Value
from reports import formats
from reports.charts import BLUE, GREY, ORANGE, RED, Chart, Json, line, milliseconds, rounded, thin

__all__ = ["bridge_chart", "delay_chart", "equity_curves", "slippage_chart"]

_BUCKETS: Final = 1_500
_BINS: Final = 40
_VISIBLE: Final = Decimal("0.005")  # half a cent
_COLORS: Final = (BLUE, ORANGE)


def equity_curves(divergence: Divergence) -> Chart:
    """Draw the equity of both runs."""
    data: list[Value] = []
    for letter, side, color in _sides(divergence):
        stamps, equity = _equity(side)
        at = thin(equity, _BUCKETS)
        if len(at):
            style: Value = {"color": color, "width": 1.8}
            name = f"{letter} {side.name}"
            x = milliseconds(stamps[at])
            data.append(line(name, x, rounded(equity[at]), line=style, hovertemplate="%{y:,.2f}"))
    return Chart(
        title="Equity",
        note="As each run marked it. Drag to zoom, double-click to go back.",
        height=420,
        data=data,
        layout={
            "hovermode": "x unified",
            "xaxis": {"type": "date", "title": {"text": "Time (UTC)"}},
            "yaxis": {"title": {"text": f"Equity ({_currency(divergence)})"}, "tickformat": ",~f"},
        },
    )


def _sides(divergence: Divergence) -> tuple[tuple[str, Side, str], ...]:
    return ("A", divergence.a, _COLORS[0]), ("B", divergence.b, _COLORS[1])


def _currency(divergence: Divergence) -> str:
    return divergence.bridge.currency or "account currency"


def _equity(side: Side) -> tuple[np.ndarray[tuple[int], np.dtype[np.int64]], FloatArray]:
    marks = [record for record in side.records if record.kind is Kind.EQUITY]
    stamps = np.array([mark.ts_event for mark in marks], dtype=np.int64)
    equity = np.array([float(money(mark, "equity")) for mark in marks], dtype=np.float64)
    return stamps, equity


def bridge_chart(divergence: Divergence) -> Chart:
    """Draw the way from the result of A to that of B as a waterfall."""
    bridge = divergence.bridge
    parts = [part for part in bridge.contributions if abs(part.amount) >= _VISIBLE]
    amounts = [bridge.start, *(part.amount for part in parts), bridge.end]
    labels = ["Result of A", *(part.label for part in parts), "Result of B"]
    measures = ["absolute", *("relative" for _ in parts), "total"]
    signed = [0 < place < len(amounts) - 1 for place in range(len(amounts))]
    return Chart(
        title="From the result of A to that of B",
        note="Each cause with its part. The table below has all of them, and they sum exactly.",
        height=400,
        data=[
            {
                "type": "waterfall",
                "measure": [*measures],
                "x": [escape(label) for label in labels],
                "y": rounded(float(amount) for amount in amounts),
                "text": [
                    formats.money(amount, signed=is_part)
                    for amount, is_part in zip(amounts, signed, strict=True)
                ],
                "textposition": "outside",
                "cliponaxis": False,
                "connector": {"line": {"color": GREY, "width": 1}},
                "increasing": {"marker": {"color": BLUE}},
                "decreasing": {"marker": {"color": RED}},
                "totals": {"marker": {"color": GREY}},
                "hovertemplate": "%{x}: %{y:,.8~f}<extra></extra>",
            }
        ],
        layout={
            "showlegend": False,
            "xaxis": {"automargin": True},
            "yaxis": {"title": {"text": _currency(divergence)}, "tickformat": ",~f"},
        },
    )


def slippage_chart(divergence: Divergence) -> Chart:
    """Draw what fills lost against the price they were expected at."""
    samples = [quality.slippage for quality in divergence.quality]
    return Chart(
        title="Slippage",
        note="Of every fill, in basis points of the price it was decided on, or of its stop or "
        f"take profit; what was charged included. {_medians(samples, 'bp')}",
        height=320,
        data=_histograms(samples),
        layout=_counted("Lost (basis points)"),
    )


def delay_chart(divergence: Divergence) -> Chart:
    """Draw how long after the close of its bar an entry was filled."""
    samples = [quality.fill_secs for quality in divergence.quality]
    return Chart(
        title="Delay",
        note=f"From a bar's close to the first fill of its entry. {_medians(samples, 's')}",
        height=320,
        data=_histograms(samples),
        layout=_counted("Delay (s)"),
    )


def _counted(title: str) -> Json:
    return {
        "barmode": "overlay",
        "xaxis": {"title": {"text": title}},
        "yaxis": {"title": {"text": "Fills"}, "rangemode": "tozero"},
    }


def _medians(samples: Sequence[Sequence[float]], unit: str) -> str:
    told = [
        f"{letter} {np.median(sample):.3g} {unit} of {len(sample):,}"
        for letter, sample in zip("AB", samples, strict=True)
        if sample
    ]
    return f"Median: {', '.join(told)}." if told else ""


def _histograms(samples: Sequence[Sequence[float]]) -> list[Value]:
    """Count both samples in the same bins."""
    everything = np.array([value for sample in samples for value in sample], dtype=np.float64)
    if not len(everything):
        return []
    low, high = float(everything.min()), float(everything.max())
    if high - low < 1e-9:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, _BINS + 1)
    middles = rounded(((edges[:-1] + edges[1:]) / 2).tolist())
    data: list[Value] = []
    for letter, sample, color in zip("AB", samples, _COLORS, strict=True):
        counts, _ = np.histogram(np.array(sample, dtype=np.float64), edges)
        data.append(
            {
                "type": "bar",
                "name": letter,
                "x": middles,
                "y": [*counts.tolist()],
                "width": float(edges[1] - edges[0]),
                "opacity": 0.6,
                "marker": {"color": color},
                "hovertemplate": f"{letter}: %{{y}} at %{{x:.4g}}<extra></extra>",
            }
        )
    return data
