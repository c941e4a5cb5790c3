"""A process that starts, forecasts once and ends: with a model bundle, or with the rule alone.

`python -m benchmarks.serving --bars FILE [--bundle FOLDER]` imports what a node trades with, reads
the settings, warms up on the bars and forecasts at the last one; it prints its peak memory. Without
a bundle nothing of the model is imported, not even the library that runs it.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Final

import numpy as np

from benchmarks.process import peak_mib
from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.core.features import FeatureStream
from morningstar_strategy.settings.load import load_settings
from morningstar_strategy.settings.schema import Settings

_PROJECT: Final = Path(__file__).parents[1]
_COLUMNS: Final = ("ts_event", "open", "high", "low", "close", "volume")
_NODE: Final = (  # what the wiring of a node imports, but for the model
    "morningstar_strategy.actors.journaling",
    "morningstar_strategy.actors.prediction",
    "morningstar_strategy.actors.shadow",
    "morningstar_strategy.actors.supervision",
    "morningstar_strategy.memory",
    "morningstar_strategy.strategy",
    "morningstar_strategy.supervisor.reviewer",
)
_RUNTIME: Final = "onnxruntime"


@dataclass(frozen=True, slots=True, kw_only=True)
class Start:
    """What a process took from its beginning to its end, one forecast later."""

    wall_secs: float
    peak_mib: float


def started(bars: Path, bundle: Path | None) -> Start:
    """Start a process that forecasts once at the end of kept bars."""
    chosen = [] if bundle is None else ["--bundle", f"{bundle}"]
    command = [sys.executable, "-m", "benchmarks.serving", "--bars", f"{bars}", *chosen]
    start = time.perf_counter()
    said = subprocess.run(command, cwd=_PROJECT, stdout=subprocess.PIPE, check=True).stdout
    return Start(wall_secs=time.perf_counter() - start, peak_mib=float(said))


def keep(bars: BarWindow, file: Path) -> None:
    """Write bars for a process to read."""
    np.savez(file, allow_pickle=False, **{name: getattr(bars, name) for name in _COLUMNS})


def _kept(file: Path) -> BarWindow:
    with np.load(file, allow_pickle=False) as stored:
        return BarWindow(**{name: stored[name] for name in _COLUMNS})


def _serve(settings: Settings, bars: BarWindow) -> None:
    from morningstar_strategy.model.forecasts import StreamForecaster
    from morningstar_strategy.settings.wiring import make_predictor

    forecaster = StreamForecaster("BTCUSDT-PERP.BINANCE", make_predictor(settings), bars[:-1])
    (last,) = bars[-1:].rows()
    if forecaster.absorb(*last) is None:
        raise RuntimeError(f"bars must be enough for a forecast, were {len(bars)}")


def _apply_rule(settings: Settings, bars: BarWindow) -> None:
    for module in _NODE:
        import_module(module)
    stream = FeatureStream()
    stream.extend(bars[:-1])
    (last,) = bars[-1:].rows()
    if not stream.update(*last):
        raise RuntimeError(f"bars must be enough for a forecast, were {len(bars)}")
    settings.predictor.baseline.signal(stream.vector)
    if _RUNTIME in sys.modules:
        raise RuntimeError(f"a process without a model must not import {_RUNTIME}, did")


def main(argv: Sequence[str] | None = None) -> int:
    """Forecast once and print the peak memory in MiB."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description=__doc__)
    parser.add_argument("--bars", type=Path, required=True, help="as written by `keep`")
    parser.add_argument("--bundle", type=Path, help="folder of a bundle for one-minute bars")
    args = parser.parse_args(argv)
    chosen = ["predictor.kind=bundle", f"predictor.bundle={args.bundle}"] if args.bundle else []
    base = _PROJECT / "config" / "base.yaml"
    settings = load_settings(base, overrides=["data.interval=1m", *chosen])
    bars = _kept(args.bars)
    if args.bundle:
        _serve(settings, bars)
    else:
        _apply_rule(settings, bars)
    print(f"{peak_mib():.1f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
