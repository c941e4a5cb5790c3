"""Losses of two models on the same logged bars, once what followed them is known."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from morningstar_strategy.core.bars import FloatArray, IntArray
from morningstar_strategy.model import statistics
from morningstar_strategy.model.learning.barfiles import interval_ns
from morningstar_strategy.model.learning.baselines import ln_variance
from morningstar_strategy.model.learning.labels import LabelConfig, Labels, label
from morningstar_strategy.model.manifest import Manifest, digest, sealed
from morningstar_strategy.model.shadow_log import Said, Watched

__all__ = ["HEADS", "Evidence", "Head", "HeadLosses", "gather"]

type Head = Literal["touch", "direction", "volatility"]
type BoolArray = npt.NDArray[np.bool_]

HEADS: Final[tuple[Head, ...]] = ("touch", "direction", "volatility")
_SAME: Final = 1e-4  # relative difference up to which two barriers are one


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class HeadLosses:
    """Losses of both models on one head, row by row, of any instruments."""

    head: Head
    ts_event: IntArray  # [N], ns, close of the bar that was forecast at
    champion: FloatArray  # [N]
    challenger: FloatArray  # [N]

    def __post_init__(self) -> None:
        for name in ("champion", "challenger"):
            column: FloatArray = getattr(self, name)
            if column.shape != (shape := self.ts_event.shape):
                raise ValueError(f"{name} must have shape {shape}, was {column.shape}")
            if not np.isfinite(column).all():
                raise ValueError(f"{name} must hold finite losses on {self.head}, did not")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Evidence:
    """Everything that a promotion is judged by: losses on each of `HEADS`, in their order."""

    losses: tuple[HeadLosses, ...]
    ece: float  # of the challenger's probability of up, given a touch

    def __post_init__(self) -> None:
        if (told := tuple(each.head for each in self.losses)) != HEADS:
            raise ValueError(f"losses must be on {HEADS}, were on {told}")
        if not 0.0 <= self.ece <= 1.0:
            raise ValueError(f"ece must be in [0, 1], was {self.ece}")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Rows:
    """What counts of one instrument: bars that both models gave odds of and what followed."""

    ts_event: IntArray
    champion: Said
    challenger: Said
    labels: Labels


def gather(log: Mapping[str, Watched], champion: Manifest, challenger: Manifest) -> Evidence:
    """Label the logged bars by the champion's barrier and score what both models said of them.

    A bar counts where it closed after the training of both, both gave odds of the same barrier, and
    its whole horizon was logged without a gap. Raises ValueError where the two are not comparable
    or one of them is in no log.
    """
    _check_comparable(champion, challenger)
    _check_told(log, champion, challenger)
    found = [_rows(watched, champion, challenger) for watched in log.values()]
    pieces = [rows for rows in found if rows is not None]
    horizon = champion.labels.horizon
    return Evidence(
        losses=(
            _joined("touch", [_touch(rows) for rows in pieces]),
            _joined("direction", [_direction(rows) for rows in pieces]),
            _joined("volatility", [_volatility(rows, horizon) for rows in pieces]),
        ),
        ece=_ece(pieces),
    )


def _check_comparable(champion: Manifest, challenger: Manifest) -> None:
    if champion.model_id == challenger.model_id:
        raise ValueError(f"challenger must be another model than {champion.model_id}")
    pairs = (
        ("interval", champion.interval, challenger.interval),
        ("labels", champion.labels, challenger.labels),
    )
    for name, mine, theirs in pairs:
        if mine != theirs:
            raise ValueError(
                f"{name} of {challenger.model_id} must be the champion's {mine}, was {theirs}"
            )


def _check_told(log: Mapping[str, Watched], *models: Manifest) -> None:
    told = {name for watched in log.values() for name in watched.said}
    for manifest in models:
        if (name := _name(manifest)) not in told:
            others = ", ".join(sorted(told)) or "no model"
            raise ValueError(f"shadow logs must tell of {name}, told of {others}")


def _name(manifest: Manifest) -> str:
    """Name a bundle with the hash of its manifest, as its predictions do."""
    return f"{manifest.model_id}-{digest(sealed(manifest))[:12]}"


def _rows(watched: Watched, champion: Manifest, challenger: Manifest) -> _Rows | None:
    old, new = watched.said.get(_name(champion)), watched.said.get(_name(challenger))
    if old is None or new is None:
        return None
    labels = _labels(watched, old, champion.labels)
    stamps = watched.bars.ts_event
    trained = max(champion.train_end.timestamp(), challenger.train_end.timestamp())
    with np.errstate(invalid="ignore"):  # NaN where a model was silent, which no bar counts for
        same = np.abs(old.barrier - new.barrier) <= _SAME * old.barrier
    counts = old.spoke & new.spoke & same & labels.valid & (stamps > trained * 1e9)
    counts &= _gapless(stamps, champion.labels.horizon, interval_ns(champion.interval))
    kept = np.flatnonzero(counts)
    return _Rows(
        ts_event=stamps[kept],
        champion=old.take(kept),
        challenger=new.take(kept),
        labels=labels.take(kept),
    )


def _labels(watched: Watched, said: Said, config: LabelConfig) -> Labels:
    """Label with the barriers that were logged: a sigma of its own would need a long history."""
    barrier = np.where(said.spoke, np.log1p(said.barrier), np.nan)
    one = replace(config, barrier_sigmas=1.0, min_barrier=0.0, regime_horizon=1)
    return label(watched.bars, barrier / math.sqrt(config.horizon), one)


def _gapless(stamps: IntArray, horizon: int, step_ns: int) -> BoolArray:
    """Say of which bars the next `horizon` ones follow without a gap."""
    whole = np.zeros(len(stamps), np.bool_)
    if len(stamps) > horizon:
        whole[:-horizon] = stamps[horizon:] - stamps[:-horizon] == horizon * step_ns
    return whole


def _touch(rows: _Rows) -> tuple[IntArray, FloatArray, FloatArray]:
    touched = rows.labels.touch
    champion, challenger = (
        statistics.log_loss(said.p_short + said.p_long, touched)
        for said in (rows.champion, rows.challenger)
    )
    return rows.ts_event, champion, challenger


def _direction(rows: _Rows) -> tuple[IntArray, FloatArray, FloatArray]:
    touched = np.flatnonzero(rows.labels.touch == 1)
    up = rows.labels.up[touched]
    champion, challenger = (
        statistics.log_loss(_up(said)[touched], up) for said in (rows.champion, rows.challenger)
    )
    return rows.ts_event[touched], champion, challenger


def _volatility(rows: _Rows, horizon: int) -> tuple[IntArray, FloatArray, FloatArray]:
    ln_rv = ln_variance(rows.labels.rv, horizon)
    champion, challenger = (
        statistics.qlike(ln_rv, ln_variance(horizon * said.volatility**2, horizon))
        for said in (rows.champion, rows.challenger)
    )
    return rows.ts_event, champion, challenger


def _up(said: Said) -> FloatArray:
    """Give the probability of the upper barrier, given that one is touched."""
    touch = said.p_short + said.p_long
    up = np.full(len(touch), 0.5)
    np.divide(said.p_long, touch, out=up, where=touch > 0.0)
    return up


def _ece(pieces: list[_Rows]) -> float:
    touched = [rows.labels.touch == 1 for rows in pieces]
    told = [_up(rows.challenger)[kept] for rows, kept in zip(pieces, touched, strict=True)]
    came = [rows.labels.up[kept] for rows, kept in zip(pieces, touched, strict=True)]
    empty = np.empty(0)
    return statistics.ece(np.concatenate([empty, *told]), np.concatenate([empty, *came]))


def _joined(head: Head, parts: list[tuple[IntArray, FloatArray, FloatArray]]) -> HeadLosses:
    """Put the instruments one after the other."""
    empty = np.empty(0)
    return HeadLosses(
        head=head,
        ts_event=np.concatenate([empty.astype(np.int64), *(part[0] for part in parts)]),
        champion=np.concatenate([empty, *(part[1] for part in parts)]),
        challenger=np.concatenate([empty, *(part[2] for part in parts)]),
    )
