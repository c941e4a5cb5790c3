"""The pictures of a model card as plain Plotly figures, each with a sentence that explains it."""

from collections.abc import Iterator, Sequence
from typing import Final, Literal

from morningstar_strategy.core.records import Value
from morningstar_strategy.model.judging.figures import (
    BLUE,
    GREY,
    ORANGE,
    RED,
    SHARE,
    SKY,
    Chart,
    Json,
    color,
    diagonal,
    line,
    marked,
    titled,
    zero,
)
from morningstar_strategy.model.judging.findings import (
    CalibrationBin,
    CalibrationTable,
    Evaluation,
    Metric,
)
from morningstar_strategy.model.judging.skill_tables import HEAD_NAMES

__all__ = ["charts"]

_DAY_MS: Final = 86_400_000
_MS_NS: Final = 1_000_000
_ENOUGH: Final = 30  # trades of which a mean is drawn
_DRAWN: Final = 0.01  # share of the forecasts that a dot needs
_TWO_SIDED: Final = 1.96  # standard errors, 95 %


def charts(found: Evaluation) -> Iterator[Chart]:
    """Yield every picture of an evaluation."""
    yield skill_chart(found)
    yield reliability_chart(found)
    yield quarter_chart(found)
    yield coverage_chart(found)
    yield cost_chart(found)
    yield equity_chart(found)
    yield volatility_chart(found)


def skill_chart(found: Evaluation) -> Chart:
    """Draw what each family knows of touch and of direction, with 95 % intervals."""
    data: list[Value] = []
    for place, head in enumerate(("touch", "direction")):
        own = [m for m in found.metrics if m.head == head]
        data.append(_skills(own, found, "" if place == 0 else "2"))
    last = len(found.families) - 0.5
    families: Json = {"categoryarray": [*found.families], "range": [last, -0.5]}
    return Chart(
        title="Is there a move ahead, and which way?",
        note="How much lower each family's loss is than that of the average of the training years; "
        "bars are 95 % intervals. Zero or an interval across zero is no skill. Mind the scales.",
        height=320,
        data=data,
        layout={
            "showlegend": False,
            "xaxis": {**titled("Skill in touch (%)"), "domain": [0, 0.47], "zeroline": True},
            "xaxis2": {**titled("Skill in direction given touch (%)"), "domain": [0.53, 1]},
            "yaxis": {**families, "automargin": True},
            "yaxis2": {**families, "anchor": "x2", "showticklabels": False},
            "shapes": [zero("x", "y"), zero("x2", "y2")],
        },
    )


def _skills(metrics: Sequence[Metric], found: Evaluation, axis: str) -> Json:
    colors: list[Value] = [color(found, metric.family) for metric in metrics]
    errors: list[Value] = [_TWO_SIDED * metric.error_percent for metric in metrics]
    texts: list[Value] = [
        f"{metric.family}: {metric.skill_percent:.2f} %, t {metric.t:.1f}, n {metric.count:,}"
        for metric in metrics
    ]
    return {
        "type": "scatter",
        "mode": "markers",
        "x": [metric.skill_percent for metric in metrics],
        "y": [metric.family for metric in metrics],
        "error_x": {"type": "data", "array": errors, "thickness": 2, "width": 6, "color": GREY},
        "marker": {"color": colors, "size": 11},
        "text": texts,
        "hovertemplate": "%{text}<extra></extra>",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def reliability_chart(found: Evaluation) -> Chart:
    """Draw what came beside what was said, for touch and for direction."""
    data: list[Value] = [diagonal(""), diagonal("2")]
    layout: Json = {}
    for axis, head, said, domain in (
        ("", "touch", "Said: touch", [0.0, 0.46]),
        ("2", "direction", "Said: up, given touch", [0.54, 1.0]),
    ):
        curves = [(each, _told(each)) for each in found.calibration if each.head == head]
        data += [_curve(found, table, bins, axis) for table, bins in curves]
        shown = [each for _, bins in curves for each in bins]
        across = _limits([each.forecast for each in shown])
        upright = _limits([each.observed for each in shown])
        layout[f"xaxis{axis}"] = {**titled(said), "domain": [*domain], "range": across, **SHARE}
        layout[f"yaxis{axis}"] = {
            **titled("Came"),
            "anchor": f"x{axis}",
            "range": upright,
            **SHARE,
        }
    return Chart(
        title="Does a probability mean what it says?",
        note="Of all forecasts of, say, 60 %, six in ten should come true: a sound curve follows "
        "the dashed line. Large dots are made of many forecasts; probabilities that fewer than one "
        "forecast in a hundred had are in the table only. Mind the scales.",
        height=430,
        data=data,
        layout=layout,
    )


def _told(table: CalibrationTable) -> list[CalibrationBin]:
    """Choose the bins that hold enough to be drawn."""
    return [each for each in table.bins if each.count >= _DRAWN * table.count]


def _curve(
    found: Evaluation, table: CalibrationTable, bins: Sequence[CalibrationBin], axis: str
) -> Json:
    x: list[Value] = [each.forecast for each in bins]
    tone, bold = color(found, table.family), table.family == found.champion
    most = max((each.count for each in bins), default=1)
    sizes: list[Value] = [5 + 9 * (each.count / most) ** 0.5 for each in bins]
    counts: list[Value] = [f"{each.count:,} forecasts" for each in bins]
    return {
        **line(table.family, x, [each.observed for each in bins], tone, bold=bold),
        "mode": "lines+markers",
        "marker": {"size": sizes},
        "text": counts,
        "hovertemplate": "said %{x:.1%}, came %{y:.1%}, %{text}",
        "legendgroup": table.family,
        "showlegend": axis == "",
        "xaxis": f"x{axis}",
        "yaxis": f"y{axis}",
    }


def _limits(values: Sequence[float]) -> list[Value]:
    low, high = min(values, default=0.0), max(values, default=1.0)
    room = max(0.06 * (high - low), 0.02)
    return [low - room, high + room]


def quarter_chart(found: Evaluation) -> Chart:
    """Draw the volatility loss of each quarter beside HAR and the exponential average."""
    names = [quarter.name for quarter in found.quarters]
    har, ewma = (
        [_of(quarter.metrics, baseline) for quarter in found.quarters]
        for baseline in ("har", "ewma")
    )
    return Chart(
        title="Volatility forecasts, quarter by quarter",
        note="QLIKE, the usual loss of a variance forecast, lower is better. HAR is a regression "
        "on past volatility, EWMA an exponential average of it.",
        height=340,
        data=[
            marked(line("EWMA", [*names], [m.baseline_value for m in ewma], GREY)),
            marked(line("HAR", [*names], [m.baseline_value for m in har], ORANGE)),
            marked(line(found.champion, [*names], [m.value for m in har], BLUE, bold=True)),
        ],
        layout={
            "hovermode": "x unified",
            "xaxis": {"type": "category"},
            "yaxis": {**titled("QLIKE"), "rangemode": "tozero"},
        },
    )


def _of(metrics: Sequence[Metric], baseline: str) -> Metric:
    return next(m for m in metrics if m.head == "volatility" and m.baseline == baseline)


def coverage_chart(found: Evaluation) -> Chart:
    """Draw how far each quantile's coverage is from what it should be."""
    sides: tuple[tuple[Literal["mfe", "mae"], str], ...] = (("mfe", ""), ("mae", "2"))
    data: list[Value] = []
    most = max(5.0, *(110.0 * abs(each.actual - each.nominal) for each in found.coverage))
    for head, axis in sides:
        for family in found.whole:
            own = [e for e in found.coverage if (e.family, e.head) == (family, head)]
            misses = [100.0 * (each.actual - each.nominal) for each in own]
            bar: Json = {
                "type": "bar",
                "name": family,
                "x": [f"{each.nominal:.0%}" for each in own],
                "y": [*misses],
                "marker": {"color": color(found, family)},
                "hovertemplate": "%{y:+.1f} points",
                "legendgroup": family,
                "showlegend": axis == "",
                "xaxis": f"x{axis}",
                "yaxis": f"y{axis}",
            }
            data.append(bar)
    return Chart(
        title="Do stops and targets hold as often as they say?",
        note="Share of outcomes within each forecast distance, less the share there should be, in "
        "percentage points. Zero is perfect; above zero the distance was drawn too wide.",
        height=340,
        data=data,
        layout={
            "barmode": "group",
            "xaxis": {**titled(HEAD_NAMES["mfe"]), "domain": [0, 0.47], "type": "category"},
            "xaxis2": {**titled(HEAD_NAMES["mae"]), "domain": [0.53, 1], "type": "category"},
            "yaxis": {**titled("Coverage less nominal (points)"), "range": [-most, most]},
            "yaxis2": {"anchor": "x2", "matches": "y", "showticklabels": False},
        },
    )


def cost_chart(found: Evaluation) -> Chart:
    """Draw what a trade earned before costs beside what it costs."""
    rules = list(dict.fromkeys(each.rule for each in found.economics.results))
    data: list[Value] = []
    for family in found.families:
        own = {e.rule: e for e in found.economics.results if e.family == family}
        gross: list[Value] = [
            own[rule].gross_bp if own[rule].count >= _ENOUGH else None for rule in rules
        ]
        texts: list[Value] = [f"{own[rule].count:,} trades" for rule in rules]
        data.append(
            {
                "type": "bar",
                "name": family,
                "x": [*rules],
                "y": gross,
                "text": texts,
                "textposition": "none",
                "marker": {"color": color(found, family)},
                "hovertemplate": "%{y:.1f} bp before costs, %{text}",
            }
        )
    cost = found.economics.cost_bp
    data.append(
        {
            **line(f"Cost {cost:g} bp", [*rules], [cost for _ in rules], RED),
            "line": {"color": RED, "width": 2, "dash": "dash"},
            "hoverinfo": "skip",
        }
    )
    return Chart(
        title="What a trade earns, beside what it costs",
        note="Mean simple return per trade before costs, in basis points of its notional, for each "
        "rule fixed in advance: only what stands above the dashed line is a net gain. No bar: "
        f"fewer than {_ENOUGH} trades.",
        height=380,
        data=data,
        layout={
            "barmode": "group",
            "xaxis": {"type": "category", **titled("Rule: probability of the side, or Kelly")},
            "yaxis": {**titled("Basis points per trade"), "rangemode": "tozero"},
        },
    )


def equity_chart(found: Evaluation) -> Chart:
    """Draw the growth of one unit by the first rule and of the market."""
    curve = found.equity
    x: list[Value] = [(curve.first_day + day) * _DAY_MS for day in range(len(curve.net))]
    return Chart(
        title="One unit of money",
        note=f"{found.champion} trading the side it prefers at every chance (rule "
        f"'{curve.rule}'), before and after {found.economics.cost_bp:g} bp per round trip, with "
        "an equal share of the money on each instrument; beside it all instruments bought and "
        "held. Simple returns, compounded daily, without funding; logarithmic scale.",
        height=400,
        data=[
            line("Buy and hold", x, curve.market, ORANGE),
            line("Before costs", x, curve.gross, SKY),
            line("After costs", x, curve.net, BLUE, bold=True),
        ],
        layout={
            "hovermode": "x unified",
            "xaxis": {"type": "date"},
            "yaxis": {**titled("Worth of one unit"), "type": "log", "tickformat": ".2~f"},
        },
    )


def volatility_chart(found: Evaluation) -> Chart:
    """Draw forecast and realised volatility of one instrument."""
    curve = found.volatility
    x: list[Value] = [stamp // _MS_NS for stamp in curve.ts_event]
    span = f"{found.horizon_hours:g} hours"
    return Chart(
        title=f"Volatility of {curve.instrument}: forecast and realised",
        note=f"Standard deviation of the price over the {span} after each forecast, as forecast by "
        f"{found.champion} and as it came; one point every {span}, so that no two overlap.",
        height=360,
        data=[
            line("Realised", x, [100.0 * value for value in curve.realised], GREY),
            line("Forecast", x, [100.0 * value for value in curve.forecast], BLUE, bold=True),
        ],
        layout={
            "hovermode": "x unified",
            "xaxis": {"type": "date"},
            "yaxis": {**titled(f"Percent over {span}"), "rangemode": "tozero"},
        },
    )
