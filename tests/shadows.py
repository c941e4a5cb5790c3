"""Shadow logs of two models whose skill is known, and bundles that could have written them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import BarWindow, FloatArray
from morningstar_strategy.core.prediction import Prediction
from morningstar_strategy.core.records import of_forecast, to_line
from morningstar_strategy.model.bundle import Manifest, MorningstarModel, publish
from morningstar_strategy.model.learning.labels import LabelConfig
from morningstar_strategy.model.manifest import digest, sealed
from tests.models import HOUR_NS, START_NS, draft, golden, tiny_graph

HORIZON: Final = 6
BARRIER: Final = 0.01  # fraction of price
FLAT: Final = 4e-3  # what a model without skill says of every bar's volatility
NOW: Final = datetime(2024, 9, 1, tzinfo=UTC)
LABELS: Final = LabelConfig(horizon=HORIZON, regime_horizon=12, min_barrier=2 * BARRIER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Bars of an instrument with the volatility that made them."""

    bars: BarWindow
    sigma: FloatArray


def bundle(root: Path, model_id: str, seed: int, **changes: object) -> Manifest:
    """Publish a tiny bundle below a folder."""
    changes.setdefault("labels", LABELS)
    folder = root / model_id
    publish(
        folder,
        graph=tiny_graph(seed=seed),
        draft=draft(model_id=model_id, **changes),
        golden=golden(),
        card="# Made up\n",
    )
    return MorningstarModel(folder).manifest


def spoken_name(manifest: Manifest) -> str:
    """Return the name that a bundle's predictions carry."""
    return f"{manifest.model_id}-{digest(sealed(manifest))[:12]}"


def calm_and_storm(seed: int, count: int = 1_600) -> Market:
    """Return hourly bars without holes whose volatility of the next bars is known."""
    rng = np.random.default_rng(seed)
    sigma = FLAT * np.exp(0.9 * np.sin(np.arange(count) / 40.0 + seed))
    close = 100.0 * np.exp(np.cumsum(sigma * rng.standard_normal(count)))
    open_ = np.concatenate((close[:1], close[:-1]))
    above, below = sigma * np.abs(rng.standard_normal((2, count))) / 3
    bars = BarWindow(
        ts_event=START_NS + np.arange(1, count + 1) * HOUR_NS,
        open=open_,
        high=np.maximum(open_, close) * (1.0 + above),
        low=np.minimum(open_, close) * (1.0 - below),
        close=close,
        volume=np.ones(count),
    )
    return Market(bars=bars, sigma=sigma)


def said(
    market: Market,
    at: int,
    model: str,
    *,
    volatility: float = FLAT,
    touch: float = 0.5,
    up: float = 0.5,
    barrier: float = BARRIER,
    abstained: str = "",
) -> Prediction:
    """Return a forecast of one bar."""
    touch = 0.0 if abstained else touch
    return Prediction(
        instrument_id="any",
        ts_event=int(market.bars.ts_event[at]),
        price=float(market.bars.close[at]),
        p_short=touch * (1.0 - up),
        p_flat=1.0 - touch,
        p_long=touch * up,
        confidence=0.0 if abstained else 0.5,
        volatility=volatility,
        turbulence=0.2,
        stop_distance=0.02,
        target_distance=0.02,
        model=model,
        barrier=barrier,
        abstained=abstained,
    )


type Tell = Callable[[str, Market, int], Sequence[Prediction]]


def seer_and_blind(seer: str, blind: str) -> Tell:
    """Let one model know the volatility to come and the other nothing; they agree on the rest."""

    def tell(_name: str, market: Market, at: int) -> Sequence[Prediction]:
        known = float(market.sigma[at])
        return said(market, at, blind), said(market, at, seer, volatility=known)

    return tell


def lines(markets: Mapping[str, Market], tell: Tell, start: int = 0) -> list[str]:
    """Return the lines that a node would log of these markets, bar by bar."""
    count = max(len(market.bars) for market in markets.values())
    return [
        to_line(
            of_forecast(
                tell(name, market, at),
                ts_event=int(market.bars.ts_event[at]),
                instrument_id=name,
                ohlcv=row[1:],
            )
        )
        for at in range(start, count)
        for name, market in markets.items()
        for row in market.bars[at : at + 1].rows()
    ]


def write(path: Path, told: Sequence[str]) -> Path:
    """Write lines to a file."""
    path.write_text("".join(f"{line}\n" for line in told), encoding="utf-8")
    return path


def markets() -> dict[str, Market]:
    """Return two instruments with 1,600 bars each."""
    return {name: calm_and_storm(seed) for name, seed in (("BTC.X", 1), ("ETH.X", 2))}
