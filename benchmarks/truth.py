"""Whether coarse bars flatter: the same plans on coarse bars and on finer data of the same time.

Plans with absolute prices are made at fixed closes of 15-minute and one-hour bars and traded on
those bars, and on the one-minute bars that they were joined from; and on bars of recorded trades,
and on the trades themselves. The law: in no direction may the coarse result be better than the
fine one by more than half a basis point of notional a plan and twice the standard error.
"""

import math
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from rich.console import Console
from rich.table import Table

from benchmarks.engine import parse, write
from benchmarks.features import Figure
from benchmarks.markets import Market, of_minutes, of_trades
from benchmarks.plans import Scene, script, undecided
from benchmarks.scripted import PlanActor, play
from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.decision import EntryStyle
from morningstar_strategy.core.records import Value

TOLERANCE_BP: Final = 0.5
MONTHS_BARS: Final = 129_600  # January to March 2023
QUICK_BARS: Final = 10_080
KINDS: Final = tuple((entry, targets) for entry in EntryStyle for targets in (1, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a plan ended: in what way, at what prices, with what net result per notional."""

    direction: Direction
    outcome: str
    entry_price: float
    exit_price: float
    net_bp: float  # 0 where nothing was filled
    net_r: float  # of the loss at the stop without costs


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The plans of one scene in both runs; `undecided` are those that a path had to decide."""

    label: str
    pairs: tuple[tuple[Ending, Ending], ...]  # coarse, fine
    undecided: int

    def __post_init__(self) -> None:
        if len(self.pairs) < 2:
            raise ValueError(f"{self.label} needs at least two plans, had {len(self.pairs)}")

    def towards(self, direction: Direction) -> "Comparison":
        """Give the part of one direction."""
        pairs = tuple(pair for pair in self.pairs if pair[0].direction is direction)
        label = f"{self.label}, {direction.value}"
        return Comparison(label=label, pairs=pairs, undecided=self.undecided)

    @property
    def surplus_bp(self) -> float:
        """Give by how much coarse earned more than fine, the mean of a plan."""
        return _mean([coarse.net_bp - fine.net_bp for coarse, fine in self.pairs])

    @property
    def surplus_r(self) -> float:
        """Give the same in multiples of the risk at the stop."""
        return _mean([coarse.net_r - fine.net_r for coarse, fine in self.pairs])

    @property
    def error_bp(self) -> float:
        """Give the standard error of that mean."""
        mean, count = self.surplus_bp, len(self.pairs)
        squares = [(coarse.net_bp - fine.net_bp - mean) ** 2 for coarse, fine in self.pairs]
        return math.sqrt(math.fsum(squares) / (count - 1) / count)

    @property
    def allowed_bp(self) -> float:
        """Give the largest surplus that the law lets pass."""
        return TOLERANCE_BP + 2 * self.error_bp

    @property
    def holds(self) -> bool:
        """Say whether the law holds."""
        return self.surplus_bp <= self.allowed_bp

    @property
    def agreement(self) -> float:
        """Give the share of plans that ended alike in both runs."""
        return _mean([float(coarse.outcome == fine.outcome) for coarse, fine in self.pairs])


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values)


def endings(played: PlanActor, risks: Mapping[int, float]) -> dict[int, Ending]:
    """Read how the plans of a run ended, by the moment at which each was made."""
    if played.denied:
        raise ValueError(f"a scripted plan was denied: {played.denied[0].fields['reason']}")
    return {
        int(str(record.fields["planned_ns"])): _ending(record.fields, risks)
        for record in played.ended
    }


def _ending(fields: Mapping[str, Value], risks: Mapping[int, float]) -> Ending:
    quantity = float(str(fields["quantity"]))
    entry, exit_ = (float(str(fields[name] or 0)) for name in ("entry_price", "exit_price"))
    net = float(str(fields["gross_pnl"])) - float(str(fields["fees"]))
    risk = quantity * risks[int(str(fields["planned_ns"]))]
    return Ending(
        direction=Direction(str(fields["direction"])),
        outcome=f"{fields['state']}: {fields['reason']}",
        entry_price=entry,
        exit_price=exit_,
        net_bp=net / (quantity * entry) * 1e4 if quantity else 0.0,
        net_r=net / risk if quantity else 0.0,
    )


def compare(market: Market, scene: Scene) -> Comparison:
    """Trade a scene on coarse bars and on the fine data."""
    coarse = market.coarse
    written = script(coarse, scene, market.instrument)
    index = {bar.ts_event: place for place, bar in enumerate(coarse)}
    risks = {
        moment: abs(
            float(plan.trade_setup.entry_price or coarse[index[moment]].close)
            - float(plan.trade_setup.stop_loss_price)
        )
        for moment, plan in written.plans.items()
    }
    runs = (coarse[0].bar_type, coarse), (market.fine_type, market.fine)
    ended = [
        endings(play(market.instrument, bar_type, data, written), risks) for bar_type, data in runs
    ]
    if not ended[0].keys() == ended[1].keys() == written.plans.keys():
        counts = (len(written.plans), *map(len, ended))
        raise ValueError(f"of {counts[0]} plans {counts[1]} ended coarse and {counts[2]} fine")
    lives = {
        moment: coarse[index[moment] + 1 : index[moment] + scene.every] for moment in written.plans
    }
    return Comparison(
        label=f"{market.label}, {scene.label}",
        pairs=tuple((ended[0][moment], ended[1][moment]) for moment in written.plans),
        undecided=sum(undecided(plan, lives[moment]) for moment, plan in written.plans.items()),
    )


def pooled(comparisons: Sequence[Comparison]) -> Comparison:
    """Join scenes that differ in their seed alone."""
    return Comparison(
        label=comparisons[0].label,
        pairs=tuple(pair for comparison in comparisons for pair in comparison.pairs),
        undecided=sum(comparison.undecided for comparison in comparisons),
    )


def comparisons(*, quick: bool) -> Iterator[Comparison]:
    """Compare every kind of plan on every market."""
    for market in of_minutes(QUICK_BARS if quick else MONTHS_BARS):
        for entry, targets in KINDS:
            yield compare(market, Scene(entry=entry, targets=targets))
    for market in of_trades():
        for entry, targets in KINDS:
            yield pooled([compare(market, scene) for scene in tight(entry, targets, quick=quick)])


def tight(entry: EntryStyle, targets: int, *, quick: bool) -> list[Scene]:
    """Give scenes with stops that a few minutes of trades can reach."""
    seeds = range(2 if quick else 20)
    return [
        Scene(entry=entry, targets=targets, every=2, stops=(0.01, 0.1), seed=seed) for seed in seeds
    ]


def table(found: Iterable[Comparison]) -> Table:
    """Draw a row for each kind of plan on each market."""
    drawn = Table(title="Net result of a plan, coarse bars against finer data of the same time")
    drawn.add_column("coarse bars, plans", no_wrap=True)
    for column in (
        "plans",
        "fine bp",
        "surplus bp",
        "R",
        "LONG bp",
        "SHORT bp",
        "same end",
        "open",
    ):
        drawn.add_column(column, justify="right")
    for item in found:
        sides = [item.towards(direction) for direction in Direction]
        drawn.add_row(
            item.label,
            f"{len(item.pairs)}",
            f"{_mean([fine.net_bp for _, fine in item.pairs]):+.1f}",
            _said(item),
            f"{item.surplus_r:+.3f}",
            *(_said(side) + ("" if side.holds else " !") for side in sides),
            f"{item.agreement:.1%}",
            f"{item.undecided / len(item.pairs):.1%}",
        )
    drawn.caption = (
        "surplus: coarse minus fine, mean ± standard error; ! breaks the law. same end: plans that "
        "ended alike. open: plans that met stop and target in one coarse bar, where the engine's "
        "assumed path decides."
    )
    return drawn


def _said(item: Comparison) -> str:
    return f"{item.surplus_bp:+.2f}±{item.error_bp:.2f}"


def run(*, quick: bool, rounds: int = 1, console: Console) -> list[Figure]:
    """Compare, show the table, and give the figures; nothing is timed, so one round is enough."""
    del rounds
    found = list(comparisons(quick=quick))
    console.print(table(found))
    sides = [item.towards(direction) for item in found for direction in Direction]
    broken = [side.label for side in sides if not side.holds]
    console.print(
        f"Surplus of coarse bars at most {TOLERANCE_BP:g} bp and two standard errors: "
        + (f"BROKEN by {'; '.join(broken)}" if broken else f"holds in all {len(sides)} cases")
    )
    return [Figure(side.label, side.surplus_bp, "bp", side.allowed_bp) for side in sides]


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print."""
    args = parse(__doc__, argv)
    write(args.json, run(quick=args.quick, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
