"""What fixed trade rules would have earned on the forecasts, beside their cost and controls."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray
from morningstar_strategy.core.sharpe import sharpe_evidence
from morningstar_strategy.model import statistics
from morningstar_strategy.model.judging.findings import (
    CoinFlips,
    Economics,
    EquityCurve,
    TradeResult,
)
from morningstar_strategy.model.judging.market import (
    annual_sharpe,
    buy_and_hold,
    exposure,
    market_returns,
    reach_days,
)
from morningstar_strategy.model.judging.trades import RULES, Calendar, Rule, Trades, take_trades
from morningstar_strategy.model.learning.dataset import Panel
from morningstar_strategy.model.learning.out_of_sample import OutOfSample

__all__ = ["DRAWS", "economics", "equity"]

DRAWS: Final = 500
_BP: Final = 1e4
_LEVELS: Final = (5, 50, 95)  # percent
_LAG: Final = 4  # times as many days as a trade may lie open


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Book:
    """The trades of one family under one rule, with their daily returns."""

    family: str
    rule: Rule
    trades: Trades
    cost: float
    gross: FloatArray  # daily
    net: FloatArray  # daily


def economics(
    panel: Panel, oos: OutOfSample, *, champion: str, cost: float, trials: int, seed: int
) -> Economics:
    """Let every family trade by every rule; `cost` is the round trip's, as a fraction.

    Every rule looked at is a trial too, so at least that many are counted.
    """
    _check(oos, champion, cost, trials)
    calendar = Calendar.of(panel, oos)
    books = [
        _book(panel, oos, family, rule, cost, calendar) for family in oos.families for rule in RULES
    ]
    free = [_book(panel, oos, champion, rule, 0.0, calendar) for rule in RULES]
    counted = max(trials, len(books))
    lags = reach_days(panel)
    market = market_returns(panel, calendar, lags=lags)
    sharpes = [ratio for book in books if (ratio := _daily_sharpe(book.net)) is not None]
    own = [book for book in books if book.family == champion and len(book.trades)]
    return Economics(
        cost_bp=cost * _BP,
        days=calendar.count,
        instruments=len(panel.instruments),
        decisions=len(oos),
        trials_stated=trials,
        trials=counted,
        results=tuple(_result(book, market, counted, sharpes) for book in books),
        zero_cost=tuple(_result(book, market, counted, sharpes) for book in free),
        coin_flips=tuple(_coin_flips(book, len(panel.instruments), seed) for book in own),
        buy_and_hold=buy_and_hold(market[lags:]),
    )


def equity(panel: Panel, oos: OutOfSample, *, family: str, cost: float) -> EquityCurve:
    """Give the growth of one unit that trades at every chance (the first rule), compounded."""
    calendar = Calendar.of(panel, oos)
    book = _book(panel, oos, family, RULES[0], cost, calendar)
    market = market_returns(panel, calendar)
    gross, net, held = (np.cumprod(1.0 + each) for each in (book.gross, book.net, market))
    return EquityCurve(
        rule=book.rule.name,
        first_day=calendar.first,
        gross=tuple(gross.tolist()),
        net=tuple(net.tolist()),
        market=tuple(held.tolist()),
    )


def _check(oos: OutOfSample, champion: str, cost: float, trials: int) -> None:
    if champion not in oos.families:
        raise ValueError(f"champion must be one of {', '.join(oos.families)}, was {champion}")
    if not 0.0 <= cost < 1.0:
        raise ValueError(f"cost must be a fraction in [0, 1), was {cost}")
    if trials < 1:
        raise ValueError(f"trials must be at least 1, was {trials}")


def _book(
    panel: Panel, oos: OutOfSample, family: str, rule: Rule, cost: float, calendar: Calendar
) -> _Book:
    forecast = oos.families[family]
    trades = take_trades(panel, oos, forecast, rule, cost=cost, calendar=calendar)
    share = len(panel.instruments)
    return _Book(
        family=family,
        rule=rule,
        trades=trades,
        cost=cost,
        gross=trades.daily(trades.gross, calendar, share),
        net=trades.daily(trades.gross - cost, calendar, share),
    )


def _result(book: _Book, market: FloatArray, trials: int, sharpes: Sequence[float]) -> TradeResult:
    """Sum up a book; luck is judged by the spread of the daily Sharpe ratios of all rules."""
    trades = book.trades
    net = trades.gross - book.cost
    lag = _LAG * (len(market) - len(book.net))
    traded = len(trades) > 0
    both = exposure(book.net, market) if traded else None
    proof = sharpe_evidence(book.net, trials=trials, trial_sharpes=sharpes)
    return TradeResult(
        family=book.family,
        rule=book.rule.name,
        candidates=trades.candidates,
        count=len(trades),
        cost_bp=book.cost * _BP,
        gross_bp=_share(trades.gross * _BP),
        net_bp=_share(net * _BP),
        win_rate=_share(net > 0.0),
        share_short=_share(trades.side < 0.0),
        share_unclear=_share(trades.unclear),
        gross_sharpe=annual_sharpe(book.gross),
        gross_t=statistics.hac_t(book.gross, lag) if traded else None,
        net_sharpe=annual_sharpe(book.net),
        net_t=statistics.hac_t(book.net, lag) if traded else None,
        beta=both[0] if both else None,
        correlation=both[1] if both else None,
        probabilistic=proof.probabilistic if proof else None,
        deflated=proof.deflated if proof else None,
    )


def _share(values: FloatArray | npt.NDArray[np.bool_]) -> float | None:
    """Give the mean, None of nothing."""
    return float(values.mean()) if len(values) else None


def _coin_flips(book: _Book, instruments: int, seed: int) -> CoinFlips:
    """Draw the sides of a book's trades anew; the entries, exits and costs stay."""
    rng = np.random.default_rng(seed)
    trades, count = book.trades, len(book.net)
    sharpes, means = np.zeros(DRAWS), np.zeros(DRAWS)
    for draw in range(DRAWS):
        net = np.where(rng.random(len(trades)) < 0.5, 1.0, -1.0) * trades.long_return - book.cost
        daily = np.bincount(trades.exit_day, weights=net, minlength=count) / instruments
        sharpes[draw] = annual_sharpe(daily) or 0.0
        means[draw] = net.mean() * _BP
    own = float((trades.gross - book.cost).mean()) * _BP
    return CoinFlips(
        rule=book.rule.name,
        count=len(trades),
        draws=DRAWS,
        net_sharpe=_levels(sharpes),
        net_bp=_levels(means),
        beaten=float((means < own).mean()),
    )


def _levels(values: FloatArray) -> tuple[float, float, float]:
    low, middle, high = np.percentile(values, _LEVELS).tolist()
    return low, middle, high


def _daily_sharpe(daily: FloatArray) -> float | None:
    ratio = annual_sharpe(daily)
    return None if ratio is None else float(np.mean(daily) / np.std(daily, ddof=1))
