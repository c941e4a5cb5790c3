"""Model bundles of true size, trained on the benchmark's own bars."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

from benchmarks.data import INSTRUMENT, START, Prepared

BEFORE_QUARTER: Final = 129_600  # minutes of the first quarter of 2023
QUICK_BARS: Final = BEFORE_QUARTER + 8_640

_QUARTER: Final = START + timedelta(minutes=BEFORE_QUARTER)
_CALIBRATING: Final = timedelta(days=5)  # before the quarter's end
_TESTED: Final = timedelta(days=5)  # after it
_QUICKLY: Final = timedelta(days=21)  # of bars before the quarter's end are enough to show it works
_STRIDE: Final = 16
_EPOCHS: Final = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """A bundle for one-minute bars: its family, the bars that it looks at, and where it lies."""

    family: str
    window: int
    folder: Path

    @property
    def label(self) -> str:
        """Name it in a list of figures."""
        return f"{self.family} of {self.window}"


def train_bundles(
    data: Prepared,
    place: Path,
    *,
    network: bool,
    quick: bool,
    progress: Callable[[str, float], None],
) -> tuple[Bundle, ...]:
    """Train trees, and with `network` also their mean with the network, into a registry in `place`.

    The trees and the network have the sizes of every training; rows are few and the network
    learns for one epoch, since only how fast they forecast is looked at.
    Raises ValueError for bars that do not reach into the second quarter.
    """
    # Imported here: a process that is timed needs none of it
    from morningstar_strategy.model.learning.recipe import Recipe, WalkForward
    from morningstar_strategy.model.workshop import train

    if data.bars < QUICK_BARS:
        raise ValueError(f"bars must be at least {QUICK_BARS}, were {data.bars}")
    recipe = Recipe(
        catalog=data.catalog,
        instruments=(INSTRUMENT,),
        interval="1m",
        start=_QUARTER - _QUICKLY if quick else None,
        end=_QUARTER + _TESTED,
        walk_forward=WalkForward(start=_QUARTER - _CALIBRATING, stride=_STRIDE),
        families=("gbm", "hybrid", "mean") if network else ("gbm",),
        options={"hybrid": {"epochs": _EPOCHS}} if network else {},
        challengers=("mean",) if network else (),
        output=place / "registry",
        work=place / "work",
    )
    made = train(recipe, created=datetime.now(UTC), progress=progress)
    return tuple(
        Bundle(family=each.manifest.family, window=each.manifest.window, folder=each.folder)
        for each in made
    )
