"""What the pictures of a model card are made of: axes, lines and colours of Plotly figures."""

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Final

from morningstar_strategy.core.records import Value
from morningstar_strategy.model.judging.findings import Evaluation

__all__ = [
    "BLUE",
    "GREY",
    "ORANGE",
    "RED",
    "SHARE",
    "SKY",
    "Chart",
    "Json",
    "color",
    "diagonal",
    "line",
    "marked",
    "titled",
    "zero",
]

# Okabe and Ito's palette, which the colour-blind can tell apart, in tones for light and dark
BLUE, ORANGE, GREEN, RED = "#2f81c7", "#e08e0b", "#1a9f78", "#d9601a"
PINK, SKY, GREY, YELLOW = "#c77ba6", "#62b5e5", "#8a8f98", "#c9b400"
_SERIES: Final = (ORANGE, GREEN, PINK, SKY, YELLOW)

type Json = dict[str, Value]

SHARE: Final[Json] = {"tickformat": ".0%"}  # of an axis


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A figure with the title and the sentence that stand above it; `height` in pixels."""

    title: str
    note: str
    height: int
    data: list[Value]
    layout: Json


def titled(text: str) -> Json:
    """Title an axis."""
    return {"title": {"text": text}}


def line(name: str, x: list[Value], y: Sequence[float], tone: str, *, bold: bool = False) -> Json:
    """Draw a line, with six significant digits."""
    style: Value = {"color": tone, "width": 2.2 if bold else 1.3}
    values: list[Value] = [float(f"{value:.6g}") for value in y]
    return {
        "type": "scatter",
        "mode": "lines",
        "name": escape(name),
        "x": x,
        "y": values,
        "line": style,
        "hovertemplate": "%{y:.4~g}",
    }


def marked(curve: Json) -> Json:
    """Put a dot on every point of a line."""
    return {**curve, "mode": "lines+markers", "marker": {"size": 7}}


def diagonal(axis: str) -> Json:
    """Draw where what is said is what comes."""
    ends: list[Value] = [0.0, 1.0]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": ends,
        "y": ends,
        "line": {"color": GREY, "width": 1, "dash": "dash"},
        "hoverinfo": "skip",
        "showlegend": False,
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def zero(x: str, y: str) -> Json:
    """Draw an upright line at zero."""
    style: Value = {"color": GREY, "width": 1, "dash": "dash"}
    ends: Json = {"x0": 0, "x1": 0, "y0": 0, "y1": 1}
    return {"type": "line", "xref": x, "yref": f"{y} domain", "line": style, **ends}


def color(found: Evaluation, family: str) -> str:
    """Give every family its colour, the champion the same on every card."""
    if family == found.champion:
        return BLUE
    others = [name for name in found.families if name != found.champion]
    return _SERIES[others.index(family) % len(_SERIES)]
