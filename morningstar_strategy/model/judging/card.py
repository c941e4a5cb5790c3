"""The card of a model in Markdown: what it can do, what it cannot, and how that was measured."""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Final, Protocol

import numpy as np

from morningstar_strategy.model.judging.findings import Evaluation
from morningstar_strategy.model.judging.money_tables import money_tables
from morningstar_strategy.model.judging.skill_tables import skill_tables
from morningstar_strategy.model.judging.tables import Table, percent
from morningstar_strategy.model.learning.labels import LabelConfig

__all__ = ["CardFacts", "facts_table", "limits", "recipe_text", "render", "reproduction"]

_NUMBERS: Final = "---:"
_WORDS: Final = "---"


class CardFacts(Protocol):
    """What a card says of a model beside its measurements.

    `test_start` and `test_end` span the bars after the training of the very graph in the bundle;
    the walk-forward before them is that of its predecessors, made by the same recipe.
    """

    @property
    def model_id(self) -> str:
        """Name the bundle."""
        ...

    @property
    def family(self) -> str:
        """Name the family of models."""
        ...

    @property
    def interval(self) -> str:
        """Give the time between two bars."""
        ...

    @property
    def window(self) -> int:
        """Count the bars that a forecast looks at."""
        ...

    @property
    def instruments(self) -> tuple[str, ...]:
        """Name the instruments of the training."""
        ...

    @property
    def created(self) -> datetime:
        """Say when the bundle was made."""
        ...

    @property
    def life_days(self) -> int:
        """Say for how many days after training it may be used."""
        ...

    @property
    def train_start(self) -> datetime:
        """Give the close of the first bar that was learned from."""
        ...

    @property
    def train_end(self) -> datetime:
        """Give the close of the last bar that was learned from."""
        ...

    @property
    def test_start(self) -> datetime:
        """Give the close of the first bar that the graph was tested on."""
        ...

    @property
    def test_end(self) -> datetime:
        """Give the close of the last bar that the graph was tested on."""
        ...

    @property
    def labels(self) -> LabelConfig:
        """Say what is forecast."""
        ...

    @property
    def recipe(self) -> Mapping[str, object]:
        """Give what decides the fit, as JSON values."""
        ...

    @property
    def seed(self) -> int:
        """Give the seed of the training."""
        ...

    @property
    def trials(self) -> int:
        """Count the configurations that were tried."""
        ...

    @property
    def tolerance(self) -> float:
        """Say within what a second training meets the forecasts."""
        ...

    @property
    def data_sha256(self) -> str:
        """Give the hash of the bars."""
        ...

    @property
    def data_licence(self) -> str:
        """Say where the bars come from and what may be done with them."""
        ...

    @property
    def code_sha256(self) -> str:
        """Give the hash of the code that learned."""
        ...

    @property
    def versions(self) -> Mapping[str, str]:
        """Give the versions of the libraries."""
        ...


def render(facts: CardFacts, evaluation: Evaluation) -> str:
    """Render the card as Markdown; raises ValueError where it is of another family."""
    check(facts, evaluation)
    return "\n".join(_lines(facts, evaluation)) + "\n"


def check(facts: CardFacts, evaluation: Evaluation) -> None:
    """Refuse an evaluation that has another family in the champion's place."""
    if facts.family != evaluation.champion:
        raise ValueError(f"family must be {evaluation.champion}, was {facts.family}")


def facts_table(facts: CardFacts, evaluation: Evaluation) -> Table:
    """Give the facts of a model as a table."""
    labels, money = facts.labels, evaluation.economics
    rows = (
        ("Family", facts.family),
        ("Bars", f"{facts.interval}, a forecast looks at the last {facts.window}"),
        ("Instruments", ", ".join(facts.instruments)),
        ("Trained on", f"{_day(facts.train_start)} to {_day(facts.train_end)}"),
        ("This graph tested on", f"{_day(facts.test_start)} to {_day(facts.test_end)}"),
        (
            "Walk-forward tested on",
            f"{_stamp(evaluation.start_ns)} to {_stamp(evaluation.end_ns)}, "
            f"{evaluation.count:,} forecasts in {len(evaluation.quarters)} quarters, each by a "
            "model trained on earlier bars only",
        ),
        (
            "Of what there could be",
            f"{percent(evaluation.coverage_of_span)} of the rows that {len(facts.instruments)} "
            "instruments without missing bars would have",
        ),
        ("Horizon", f"{labels.horizon} bars ({evaluation.horizon_hours:g} hours)"),
        (
            "Barriers",
            f"{labels.barrier_sigmas:g} × volatility × √horizon, at least "
            f"{percent(labels.min_barrier, 2)}",
        ),
        (
            "Turbulent",
            f"variance of the next {labels.regime_horizon} bars above its "
            f"{labels.regime_quantile:.0%} quantile in training",
        ),
        (
            "Number of trials",
            f"{money.trials_stated:,} stated, {money.trials:,} used for deflation",
        ),
        ("Made", f"{_day(facts.created)}, valid for {facts.life_days} days after training"),
        ("Seed", f"{facts.seed}"),
        ("Data SHA-256", facts.data_sha256),
        ("Code SHA-256", facts.code_sha256),
        ("Versions", ", ".join(f"{name} {of}" for name, of in sorted(facts.versions.items()))),
    )
    return Table(title="Facts", note="", head=("What", "Value"), rows=rows, texts=2)


def limits(facts: CardFacts, evaluation: Evaluation) -> Iterator[str]:
    """Yield what the numbers leave out, one sentence each."""
    money = evaluation.economics
    yield (
        f"Trades enter at the very close of the forecast and pay {money.cost_bp:.1f} bp per round "
        "trip; slippage beyond that, funding payments and market impact are not booked."
    )
    unclear = max((each.share_unclear or 0.0 for each in money.results), default=0.0)
    yield (
        "A bar that reaches both barriers does not tell which came first: it counts as no touch "
        f"and pays nothing. At most {percent(unclear, 2)} of a rule's trades ended so."
    )
    yield (
        "Trades are booked on the day of their exit, so daily returns are coarser than a marked "
        "account; beta therefore adds up the market's returns of the days a trade may lie open."
    )
    yield (
        f"The recipe was settled with knowledge of earlier trials on these bars; {facts.trials:,} "
        "are counted. Only bars after the walk-forward are untouched by that."
    )
    yield (
        "Nothing corrects for the choice of instruments: whoever chooses them later chooses among "
        "those that still trade."
    )
    yield (
        "A t allows for overlapping horizons (lag of four horizons, for turbulence of four of its "
        "own), not for the number of comparisons on this card: about one in twenty of those "
        "without any content passes 2 either way."
    )
    yield (
        "The walk-forward judges the recipe; the graph in the bundle is its last quarter's, and "
        "what it says after its own span is not measured here."
    )


def recipe_text(facts: CardFacts) -> str:
    """Write the recipe as JSON."""
    return json.dumps(facts.recipe, indent=1, sort_keys=True, ensure_ascii=False)


def reproduction(facts: CardFacts) -> tuple[str, str]:
    """Give the command that takes these numbers again, and within what they should agree."""
    return (
        "python -m morningstar_strategy.model.training --evaluate BUNDLE",
        "BUNDLE is the folder in which this card lies. On the same bars (data SHA-256 "
        f"{facts.data_sha256[:12]}…) every loss in the tables of skill is met within "
        f"{facts.tolerance:g}, and the forecasts of a second training with seed {facts.seed} too.",
    )


def _lines(facts: CardFacts, found: Evaluation) -> Iterator[str]:
    yield from (f"# {facts.model_id}", "", f"**direction_edge: {found.direction_edge}**", "")
    yield from ("## What it can and cannot forecast", "")
    yield from (f"- {sentence}" for sentence in found.plain_words)
    yield from ("", "## Data and licence", "", facts.data_licence.strip(), "")
    yield from _markdown(facts_table(facts, found), level=2)
    yield from ("## Skill out of sample", "")
    for table in skill_tables(found):
        yield from _markdown(table, level=3)
    yield from ("## Trades", "")
    for table in money_tables(found):
        yield from _markdown(table, level=3)
    yield from ("## Limits", "")
    yield from (f"- {sentence}" for sentence in limits(facts, found))
    command, agreement = reproduction(facts)
    yield from ("", "## How to reproduce", "", "```", command, "```", "", agreement, "")
    yield from ("## Recipe", "", "```json", recipe_text(facts), "```")


def _markdown(table: Table, *, level: int) -> Iterator[str]:
    yield from (f"{'#' * level} {table.title}", "")
    if table.note:
        yield from (table.note, "")
    if not table.rows:
        yield from ("There is nothing to show.", "")
        return
    yield _row(table.head)
    yield _row([_WORDS if at < table.texts else _NUMBERS for at in range(len(table.head))])
    yield from (_row(row) for row in table.rows)
    yield ""


def _row(cells: tuple[str, ...] | list[str]) -> str:
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"


def _stamp(ns: int) -> str:
    return f"{np.datetime64(ns, 'ns').astype('datetime64[D]')}"
