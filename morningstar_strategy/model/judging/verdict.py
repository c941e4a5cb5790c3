"""What the measured numbers amount to, in whole sentences for somebody who is no specialist."""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import Final

from morningstar_strategy.model.judging.findings import (
    Coverage,
    DirectionEdge,
    Economics,
    Head,
    Metric,
    TradeResult,
)

__all__ = ["SURE_T", "WEAK_T", "Strength", "direction_edge", "plain_words", "strength"]

SURE_T: Final = 2.5
WEAK_T: Final = 1.64
_WORSE_T: Final = -1.96
_PROVEN: Final = 0.95  # deflated Sharpe ratio


class Strength(StrEnum):
    """How sure it is that a forecast is better than its baseline."""

    SIGNIFICANT = "significant"
    WEAK = "weak"
    NONE = "none"
    WORSE = "worse"


def strength(metric: Metric) -> Strength:
    """Judge a metric by its t; its skill must point the same way."""
    if metric.skill_percent > 0.0 and metric.t > WEAK_T:
        return Strength.SIGNIFICANT if metric.t > SURE_T else Strength.WEAK
    if metric.skill_percent < 0.0 and metric.t < _WORSE_T:
        return Strength.WORSE
    return Strength.NONE


def direction_edge(direction: Metric, economics: Economics) -> DirectionEdge:
    """Say whether the side can be forecast well enough to trade on it.

    Significant takes skill with t above 2.5 and, after costs, a deflated Sharpe ratio of one of
    the family's rules above 0.95; weak takes skill with t above 1.64.
    """
    found = strength(direction)
    results = _of(direction.family, economics.results)
    best = max((result.deflated or 0.0 for result in results), default=0.0)
    if found is Strength.SIGNIFICANT and best > _PROVEN:
        return "significant"
    return "weak" if found in (Strength.SIGNIFICANT, Strength.WEAK) else "none"


def plain_words(
    metrics: Sequence[Metric],
    coverage: Sequence[Coverage],
    economics: Economics,
    *,
    champion: str,
    hours: float,
) -> tuple[str, ...]:
    """Say what the champion can and cannot forecast, and what trading on it would have brought."""
    own = {(each.head, each.baseline): each for each in metrics if each.family == champion}
    direction = own["direction", "prior"]
    return (
        _ability(own["touch", "prior"], hours),
        _ability(direction, hours),
        _initiative(direction, economics),
        f"{_ability(own['volatility', 'har'], hours)} {_also(own['volatility', 'ewma'])}",
        _ability(own["regime", "persistence"], hours),
        *(_ability(each, hours) for (head, _), each in own.items() if head in ("mfe", "mae")),
        _coverage([each for each in coverage if each.family == champion]),
        *_money(champion, economics),
        "Not booked are funding payments, slippage beyond the stated cost, and fills away from "
        "the close at which a forecast is made.",
    )


def _ability(metric: Metric, hours: float) -> str:
    what = _what(metric.head, hours)
    error = f"its error is {_beside(metric)}"
    match strength(metric):
        case Strength.SIGNIFICANT:
            return f"It can forecast {what}: {error}."
        case Strength.WEAK:
            return f"It may be able to forecast {what}, but that may be luck: {error}."
        case Strength.WORSE:
            return f"It is worse than its baseline at forecasting {what}: {error}."
        case Strength.NONE:
            return f"It has no significant skill of its own in forecasting {what}: {error}."


def _also(metric: Metric) -> str:
    return f"Beside a second baseline, its error is {_beside(metric)}."


def _beside(metric: Metric) -> str:
    size = f"{abs(metric.skill_percent):.1f}"
    way = "lower" if metric.skill_percent > 0.0 else "higher"
    compared = f"{size} % {way} than" if size != "0.0" else "practically"
    evidence = f"t = {metric.t:.1f}, {metric.count:,} forecasts"
    return f"{compared} that of {_baseline(metric)} ({evidence})"


def _what(head: Head, hours: float) -> str:
    span = f"the next {hours:g} hours"
    match head:
        case "touch":
            return f"whether the price will move by one barrier's width within {span}"
        case "direction":
            return "in which direction that move will go"
        case "volatility":
            return f"the volatility of {span}"
        case "regime":
            return "whether turbulent days lie ahead"
        case "mfe":
            return f"how far the price will rise within {span}"
        case "mae":
            return f"how far the price will fall within {span}"


def _baseline(metric: Metric) -> str:
    match metric.baseline:
        case "prior":
            return "the average of the training years"
        case "har":
            return "HAR, the usual regression on past volatility"
        case "ewma":
            return "an exponential average of past volatility"
        case "persistence":
            return "the rule that the present state goes on as often as it did"
        case _:
            return "the distances of the training years, scaled by recent volatility"


def _initiative(direction: Metric, economics: Economics) -> str:
    """Say what the edge is, why, and what the model does with it when left alone."""
    edge = direction_edge(direction, economics)
    said = f"Direction edge: {edge}."
    if edge == "weak" and strength(direction) is Strength.SIGNIFICANT:
        said += " The skill is significant, but no trade rule is shown to outlive its costs."
    kelly = _rule("kelly", direction.family, economics.results)
    if not kelly.count:
        return (
            f"{said} Sized by its own odds after costs (Kelly's rule) it took no trade in "
            f"{economics.decisions:,} decisions, so it will not take trades on its own."
        )
    doubt = (
        ""
        if edge == "significant"
        else (
            " As long as no reliable skill in direction is shown, that is no evidence that such "
            "trades pay."
        )
    )
    return (
        f"{said} Sized by its own odds after costs (Kelly's rule) it took {kelly.count:,} trades "
        f"in {economics.decisions:,} decisions, which {_earned(kelly.net_bp or 0.0)} each after "
        f"costs.{doubt}"
    )


def _coverage(found: Sequence[Coverage]) -> str:
    worst = max(found, key=lambda each: abs(each.actual - each.nominal))
    way = {"mfe": "rise", "mae": "fall"}[worst.head]
    return (
        "Of its distances for stops and targets the least reliable is the "
        f"{100 * worst.nominal:.0f} % one of the {way}: it held in "
        f"{100 * worst.actual:.1f} % of {worst.count:,} cases."
    )


def _money(champion: str, economics: Economics) -> Iterator[str]:
    plain = _of(champion, economics.results)[0]
    if plain.gross_bp is None or plain.net_bp is None or plain.share_short is None:
        yield "It never preferred a side, so no rule could trade on it."
    else:
        yield (
            f"Trading the side it prefers at every chance ({plain.count:,} trades, "
            f"{100 * plain.share_short:.0f} % of them short) {_earned(plain.gross_bp)} per trade "
            f"before costs, where a round trip costs {plain.cost_bp:.1f} bp, and so "
            f"{_earned(plain.net_bp)} after costs."
        )
    yield from _luck(champion, economics)
    held = economics.buy_and_hold
    ratio = f"Sharpe ratio {held.sharpe:.2f}" if held.sharpe is not None else "no change"
    yield (
        f"Buying all {economics.instruments} instruments and holding them over these "
        f"{economics.days:,} days brought {100 * held.total_return:.0f} % ({ratio}) with a "
        f"deepest fall of {100 * held.max_drawdown:.0f} %."
    )


def _luck(champion: str, economics: Economics) -> Iterator[str]:
    for flips in economics.coin_flips[:1]:
        yield (
            f"At the same entries it did better than {100 * flips.beaten:.0f} % of {flips.draws} "
            "traders who tossed a coin for the side; their middle one "
            f"{_earned(flips.net_bp[1])} per trade after costs."
        )
    weighed = [each for each in _of(champion, economics.results) if each.deflated is not None]
    if weighed:
        best = max(weighed, key=lambda each: (each.deflated or 0.0, each.net_sharpe or 0.0))
        enough = "enough" if (best.deflated or 0.0) > _PROVEN else "not enough"
        yield (
            f"Of its trade rules '{best.rule}' did best after costs: Sharpe ratio "
            f"{best.net_sharpe or 0.0:.2f}; the probability that this is more than the luck of "
            f"{economics.trials} trials is {100 * (best.deflated or 0.0):.0f} %, {enough} to "
            "rely on."
        )


def _earned(basis_points: float) -> str:
    return f"{'earned' if basis_points >= 0.0 else 'lost'} {abs(basis_points):.1f} bp"


def _of(family: str, results: Sequence[TradeResult]) -> list[TradeResult]:
    return [result for result in results if result.family == family]


def _rule(name: str, family: str, results: Sequence[TradeResult]) -> TradeResult:
    return next(each for each in _of(family, results) if each.rule == name)
