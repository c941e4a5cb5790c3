"""The recipe of a training: what is learnt from which bars, and how it is judged."""

import hashlib
import json
import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    field_validator,
    model_validator,
)

from morningstar_strategy.model.learning.labels import LabelConfig
from morningstar_strategy.tree import SettingsError, read_tree, sentence

__all__ = ["FAMILIES", "NETWORKS", "Recipe", "WalkForward", "load_recipe"]

type FamilyName = Literal["gbm", "hybrid", "mean", "mlp", "logistic"]
type Options = Mapping[str, int | float | str]

FAMILIES: tuple[FamilyName, ...] = ("gbm", "hybrid", "mean", "mlp", "logistic")
NETWORKS: tuple[FamilyName, ...] = ("hybrid", "mlp")  # what can be fed more than bars
_MEAN_OF = ("gbm", "hybrid")
_NO_OPTION = "alternative"  # of a network: what it is fed is named elsewhere


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class WalkForward(_Section):
    """Expanding quarterly retraining: the first quarter only calibrates, the last may be partial.

    `stride` takes every n-th row of an instrument for fitting, `embargo_bars` keeps the last bars
    before a quarter out of it.
    """

    start: datetime
    stride: int = Field(default=3, ge=1)
    embargo_bars: int = Field(default=64, ge=0)

    @field_validator("start")
    @classmethod
    def _utc(cls, value: datetime) -> datetime:
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Recipe(_Section):
    """Everything that a training depends on; `work` and `output` only say where things lie.

    A bundle whose edge in direction is below `serve_direction_from` serves even odds. `outside`
    names series of numbers in the catalog, such as `btc-dvol` or `btc-onchain/AdrActCnt`, that the
    networks are fed beside the bars, each as it was known at a bar's close.
    """

    catalog: Path = Path("data/catalog")
    instruments: tuple[str, ...] = Field(min_length=1)
    interval: str = Field(pattern=r"^[1-9]\d{0,2}[mhd]$")
    start: datetime | None = None
    end: datetime | None = None
    outside: tuple[str, ...] = ()
    labels: LabelConfig = Field(default_factory=LabelConfig)
    walk_forward: WalkForward
    families: tuple[FamilyName, ...] = FAMILIES
    options: Mapping[str, Options] = Field(default_factory=dict)
    champion: FamilyName = "gbm"
    challengers: tuple[FamilyName, ...] = ()
    serve_direction_from: Literal["weak", "significant"] = "significant"
    cost_percent: float = Field(default=0.14, ge=0.0, lt=5.0)
    prior_trials: int = Field(default=0, ge=0)
    seed: int = Field(default=7, ge=0)
    threads: int = Field(default=1, ge=1, le=64)
    device: Literal["cpu", "cuda", "auto"] = "cpu"
    life_days: int = Field(default=365, ge=1, le=3_650)
    data_licence: str = Field(default="not stated", min_length=1)
    tolerance: float = Field(default=0.0005, gt=0.0, le=0.01)
    output: Path = Path("models/registry")
    work: Path = Path("data/training")

    @field_validator("start", "end")
    @classmethod
    def _utc(cls, value: datetime | None) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)

    @field_validator("instruments", "families", "outside")
    @classmethod
    def _distinct(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if len(set(value)) != len(value):
            raise ValueError(f"names must be distinct, were {', '.join(value)}")
        return value

    @field_validator("options")
    @classmethod
    def _finite(cls, value: Mapping[str, Options]) -> Mapping[str, Options]:
        for options in value.values():
            for name, number in options.items():
                if isinstance(number, float) and not math.isfinite(number):
                    raise ValueError(f"{name} must be finite, was {number}")
            if _NO_OPTION in options:
                raise ValueError(f"{_NO_OPTION} is no option: name series in outside")
        return value

    @model_validator(mode="after")
    def _consistent(self) -> "Recipe":
        for name in (self.champion, *self.challengers):
            if name not in self.families:
                raise ValueError(f"champion and challengers must be families, was {name}")
        if self.champion in self.challengers:
            raise ValueError(f"challengers must not hold the champion, was {self.champion}")
        if "mean" in self.families and not set(_MEAN_OF) <= set(self.families):
            raise ValueError(f"families must hold {' and '.join(_MEAN_OF)} where they hold mean")
        unknown = set(self.options) - set(self.fitted)
        if unknown:
            raise ValueError(f"options must be of a family that is fitted, were of {min(unknown)}")
        if self.outside and not set(NETWORKS) & set(self.families):
            raise ValueError(
                f"outside takes a network among families, {' or '.join(NETWORKS)}, "
                f"families were {', '.join(self.families)}"
            )
        return self

    @property
    def fitted(self) -> tuple[FamilyName, ...]:
        """List the families that are fitted themselves: the mean is made of two others."""
        return tuple(name for name in self.families if name != "mean")

    def essence(self) -> dict[str, JsonValue]:
        """Give what decides the numbers of a training, as JSON values."""
        plain: dict[str, JsonValue] = self.model_dump(mode="json")
        for name in ("catalog", "work", "output", "threads", "device", "data_licence"):
            plain.pop(name)
        if not self.outside:  # as before there were any
            plain.pop("outside")
        return plain

    def digest(self) -> str:
        """Give the SHA-256 of what decides the numbers."""
        return _sha256(self.essence())

    def learning_digest(self) -> str:
        """Give the SHA-256 of what decides the fits, however they are judged and published."""
        judging = ("champion", "challengers", "cost_percent", "prior_trials", "life_days")
        plain = self.essence()
        for name in (*judging, "tolerance", "families", "serve_direction_from"):
            plain.pop(name)
        return _sha256(plain)


def load_recipe(path: Path, *, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe; raise SettingsError naming the field and the value."""
    try:
        return Recipe.model_validate(read_tree(path, overrides=overrides))
    except ValidationError as e:
        raise SettingsError(sentence(e)) from e


def _sha256(plain: Mapping[str, JsonValue]) -> str:
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()
