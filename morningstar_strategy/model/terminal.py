"""What a training shows in the terminal: a bar while it works, tables when it is done."""

from collections.abc import Iterator, Sequence
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table

from morningstar_strategy.model.judging.findings import Metric
from morningstar_strategy.model.reproduction import Reproduction

__all__ = ["TrainingProgress", "metrics_table", "reproduction_tables"]


class TrainingProgress:
    """Shows how far a training is; where there is no terminal, one line per step of it."""

    def __init__(self, *, quiet: bool) -> None:
        self._console = Console(stderr=True)
        self._quiet = quiet
        self._last = ""
        self._progress = Progress(
            TextColumn("{task.description:24}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=self._console,
            disable=quiet or not self._console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("", total=1.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop()

    def show(self, description: str, share: float) -> None:
        """Show what is being done and which share of the whole is behind."""
        self._progress.update(self._task, description=description, completed=share)
        if description != self._last and not self._quiet and not self._console.is_terminal:
            self._console.print(f"{share:4.0%} {description}")
        self._last = description

    def stop(self) -> None:
        """Clear the bar away."""
        self._progress.stop()


def metrics_table(metrics: Sequence[Metric], *, family: str) -> Table:
    """Lay out a family's metrics beside their baselines."""
    table = Table("head", "loss", "value", "baseline", "its value", "better by", "t", "forecasts")
    for metric in metrics:
        if metric.family == family:
            table.add_row(
                metric.head,
                metric.name,
                f"{metric.value:.4f}",
                metric.baseline,
                f"{metric.baseline_value:.4f}",
                f"{metric.skill_percent:+.1f} %",
                f"{metric.t:+.1f}",
                f"{metric.count:,}",
            )
    return table


def reproduction_tables(found: Reproduction) -> Iterator[Table]:
    """Lay out the card's numbers beside those taken again, then those of later bars."""
    again = Table("number", "card", "now", "difference", title=f"Card of {found.model_id}")
    for each in found.taken:
        again.add_row(each.name, f"{each.card:.6f}", f"{each.now:.6f}", f"{each.difference:.1e}")
    yield again
    if found.fresh is not None:
        table = metrics_table(found.fresh.metrics, family=found.fresh.champion)
        table.title = f"The bundle on {found.fresh.count:,} rows after those of its card"
        yield table
