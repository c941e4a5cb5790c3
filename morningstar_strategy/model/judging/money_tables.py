"""The tables of a model card that say what trading on the forecasts would have brought."""

from collections.abc import Iterator, Sequence

from morningstar_strategy.model.judging.findings import Evaluation, TradeResult
from morningstar_strategy.model.judging.tables import Table, number, percent, rows_in

__all__ = ["money_tables"]


def money_tables(found: Evaluation) -> Iterator[Table]:
    """Yield what trades on the forecasts would have brought."""
    money = found.economics
    rules = "One open trade per instrument, entered at the close, left at a barrier or the horizon."
    yield _per_trade("Per trade", f"{rules} Basis points of the notional.", money.results)
    yield _per_day(
        "Per day",
        f"Daily simple returns on {money.instruments} equal shares, booked on the day of the exit, "
        f"{money.days:,} days; Sharpe ratios with 365 days a year. PSR is the probability that the "
        f"net Sharpe ratio is above 0, DSR that it is above the luck of {money.trials} trials. "
        "Beta and correlation are those of the net returns with the equal-weight market.",
        money.results,
    )
    free = "The champion's rules were trading free; Kelly's rule then sees other trades."
    yield _per_trade("Control: zero cost, per trade", free, money.zero_cost)
    yield _per_day("Control: zero cost, per day", free, money.zero_cost)
    yield _coin_flips(found)
    yield _market(found)


def _per_trade(title: str, note: str, results: Sequence[TradeResult]) -> Table:
    return Table(
        title=title,
        note=note,
        head=(
            *("Family", "Rule", "Wanted", "Trades", "Gross bp", "t gross", "Cost bp", "Net bp"),
            *("t net", "Won", "Short", "Unclear"),
        ),
        rows=tuple(
            (
                *(each.family, each.rule, f"{each.candidates:,}", rows_in(each)),
                *(number(each.gross_bp, 1), number(each.gross_t), number(each.cost_bp, 1)),
                *(number(each.net_bp, 1), number(each.net_t), percent(each.win_rate)),
                *(percent(each.share_short), percent(each.share_unclear, 2)),
            )
            for each in results
        ),
        texts=2,
    )


def _per_day(title: str, note: str, results: Sequence[TradeResult]) -> Table:
    return Table(
        title=title,
        note=note,
        head=(
            *("Family", "Rule", "Trades", "Sharpe gross", "Sharpe net"),
            *("PSR", "DSR", "Beta", "Correlation"),
        ),
        rows=tuple(
            (
                *(each.family, each.rule, rows_in(each)),
                *(number(each.gross_sharpe), number(each.net_sharpe)),
                *(number(each.probabilistic, 3), number(each.deflated, 3)),
                *(number(each.beta), number(each.correlation)),
            )
            for each in results
        ),
        texts=2,
    )


def _coin_flips(found: Evaluation) -> Table:
    return Table(
        title=f"Control: coin flips at the entries of {found.champion}",
        note="Same entries, exits and costs; the side is tossed. 5, 50 and 95 % of the draws, and "
        "the share of draws that earned less than the model.",
        head=("Rule", "Trades", "Draws", "Net Sharpe", "Net bp per trade", "Beaten"),
        rows=tuple(
            (
                *(each.rule, rows_in(each), f"{each.draws}"),
                " / ".join(number(value) for value in each.net_sharpe),
                " / ".join(number(value, 1) for value in each.net_bp),
                percent(each.beaten),
            )
            for each in found.economics.coin_flips
        ),
    )


def _market(found: Evaluation) -> Table:
    held = found.economics.buy_and_hold
    return Table(
        title="Control: buy and hold",
        note="All instruments at equal weight, balanced daily, without costs or funding.",
        head=("Return", "Sharpe", "Deepest fall", "Days"),
        rows=(
            (
                *(percent(held.total_return), number(held.sharpe)),
                *(percent(held.max_drawdown), f"{held.days:,}"),
            ),
        ),
        texts=0,
    )
