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

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from benchmarks.engine import parse, write
from benchmarks.features import Figure
from benchmarks.markets import Market, of_minutes, of_trades
from benchmarks.plans import Scene, script, undecided
from benchmarks.scripted import PlanActor, play
from morningstar_strategy.core.commands import Direction
from morningstar_strategy.core.policy import EntryStyle
from morningstar_strategy.core.records import Value

TOLERANCE_BP: Final = 0.5
MONTHS_BARS: Final = 129_600  # January to March 2023
QUICK_BARS: Final = 10_080
KINDS: Final = tuple((entry, targets) for entry in EntryStyle for targets in (1, 3))


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How a plan ended: in what way, at what prices, with what net result per notional."""

    planned_ns: int
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
        if not self.pairs:
            raise ValueError(f"{self.label} needs at least one plan, had none")

    def towards(self, direction: Direction) -> "Comparison":
        """Give the part of one direction."""
        pairs = tuple(pair for pair in self.pairs if pair[0].direction is direction)
        label = f"{self.label} {direction.value}"
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
        """Give the standard error of that mean, plans of one moment being one observation.

        Scenes that differ in their seed alone make several plans at each moment, which live
        through the same bars (cluster-robust: Liang and Zeger 1986). Infinite for one moment.
        """
        mean = self.surplus_bp
        sums: dict[int, float] = {}
        for coarse, fine in self.pairs:
            gone = sums.get(coarse.planned_ns, 0.0)
            sums[coarse.planned_ns] = gone + coarse.net_bp - fine.net_bp - mean
        if len(sums) < 2:
            return math.inf
        share = len(sums) / (len(sums) - 1)
        return math.sqrt(share * math.fsum(part**2 for part in sums.values())) / len(self.pairs)

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
    ended = [_ending(record.fields, risks) for record in played.ended]
    return {ending.planned_ns: ending for ending in ended}


def _ending(fields: Mapping[str, Value], risks: Mapping[int, float]) -> Ending:
    quantity = float(str(fields["quantity"]))
    entry, exit_ = (float(str(fields[name] or 0)) for name in ("entry_price", "exit_price"))
    net = float(str(fields["gross_pnl"])) - float(str(fields["fees"]))
    planned_ns = int(str(fields["planned_ns"]))
    risk = quantity * risks[planned_ns]
    return Ending(
        planned_ns=planned_ns,
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
        label=f"{market.label} {scene.label}",
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
    return [
        Scene(entry=entry, targets=targets, first=seed % 2, every=2, stops=(0.01, 0.1), seed=seed)
        for seed in range(8 if quick else 20)
    ]


def table(found: Iterable[Comparison]) -> Table:
    """Draw a row for each kind of plan on each market."""
    drawn = Table(
        title="Net result of a plan in bp: coarse bars against finer data of the same time",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
    )
    drawn.add_column("bars, entry, targets", no_wrap=True)
    for column in ("plans", "fine", "LONG", "SHORT", "alike", "open"):
        drawn.add_column(column, justify="right", no_wrap=True)
    for item in found:
        drawn.add_row(
            item.label,
            f"{len(item.pairs)}",
            f"{_mean([fine.net_bp for _, fine in item.pairs]):+.1f}",
            *(_said(item.towards(direction)) for direction in Direction),
            f"{item.agreement:.1%}",
            f"{item.undecided / len(item.pairs):.1%}",
        )
    drawn.caption = (
        "fine: mean net result on the finer data. LONG, SHORT: coarse minus fine, mean ± standard "
        "error; ! breaks the law. alike: plans that ended in the same way. open: plans that met "
        "stop and target in one coarse bar, where the path that the engine assumes decides."
    )
    return drawn


def _said(side: Comparison) -> str:
    return f"{'' if side.holds else '! '}{side.surplus_bp:+.2f} ±{side.error_bp:.2f}"


def figures(found: Sequence[Comparison]) -> list[Figure]:
    """List how many cases break the law, and the surplus in each."""
    sides = [item.towards(direction) for item in found for direction in Direction]
    broken = sum(not side.holds for side in sides)
    return [
        Figure(f"cases of {len(sides)} in which coarse bars flatter", broken, "", 0.0),
        *(Figure(f"{side.label}: surplus", side.surplus_bp, "bp") for side in sides),
        *(Figure(f"{side.label}: standard error", side.error_bp, "bp") for side in sides),
        *(Figure(f"{item.label}: surplus", item.surplus_r, "R") for item in found),
        *(Figure(f"{item.label}: open", item.undecided / len(item.pairs), "") for item in found),
    ]


def run(*, quick: bool, console: Console) -> list[Figure]:
    """Compare, show the table, and give the figures."""
    found = list(comparisons(quick=quick))
    console.print(table(found))
    told = figures(found)
    console.print(
        f"Coarse bars better than fine by more than {TOLERANCE_BP:g} bp and two standard errors: "
        f"{told[0].value:.0f} {told[0].name.removesuffix(' in which coarse bars flatter')}"
    )
    return told


def main(argv: Sequence[str] | None = None) -> int:
    """Compare and print."""
    args = parse(__doc__, argv, rounds=False)
    write(args.json, run(quick=args.quick, console=Console()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
