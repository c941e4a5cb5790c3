"""A progress bar that follows the engine's clock."""

from typing import Any, Final, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from morningstar_strategy.actors.base import Actor

__all__ = ["ProgressActor", "RunProgress"]

_STEPS: Final = 100
_TIMER: Final = "progress"


class RunProgress:
    """Shows how far through its span a run is; nothing when `quiet`."""

    def __init__(self, *, quiet: bool) -> None:
        console = Console(stderr=True)
        self._progress = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f} %"),
            TimeElapsedColumn(),
            console=console,
            disable=quiet or not console.is_terminal,
            transient=True,
        )
        self._task = self._progress.add_task("loading", total=1.0)

    def __enter__(self) -> Self:
        self._progress.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._progress.stop()

    def show(self, description: str, share: float) -> None:
        """Show what is being done and how much of the run is behind."""
        self._progress.update(self._task, description=description, completed=share)


class ProgressActor(Actor):
    """Moves the bar a hundred times over the span of the data (UNIX nanoseconds)."""

    def __init__(self, *, progress: RunProgress, start_ns: int, end_ns: int) -> None:
        self._progress = progress
        self._start_ns = start_ns
        self._span_ns = max(end_ns - start_ns, _STEPS)

    def on_start(self) -> None:
        """Follow the clock."""
        self.clock.set_timer_ns(
            _TIMER,
            self._span_ns // _STEPS,
            start_time_ns=self._start_ns + self._span_ns // _STEPS,
            stop_time_ns=self._start_ns + self._span_ns,
            callback=self.on_tick,
        )

    def on_tick(self, event: Any) -> None:
        """Move the bar."""
        self._progress.show("trading", (event.ts_event - self._start_ns) / self._span_ns)
