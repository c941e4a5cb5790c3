"""What a model bundle says about itself: the one document beside its graph."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, Self

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    ConfigDict,
    Field,
    JsonValue,
    ValidationError,
    model_validator,
)

from morningstar_strategy.model.drift import DriftReference
from morningstar_strategy.model.judging.findings import DirectionEdge, Metric
from morningstar_strategy.model.learning.labels import LabelConfig

__all__ = [
    "ALT",
    "ALT_MASK",
    "CARD",
    "GOLDEN",
    "GRAPH",
    "SCHEMA_VERSION",
    "BundleError",
    "Draft",
    "FeatureSpec",
    "Manifest",
    "TensorSpec",
    "digest",
    "parse",
    "sealed",
]

SCHEMA_VERSION: Final = 1
GRAPH: Final = "model.onnx"
GOLDEN: Final = "golden.npz"
CARD: Final = "card.md"
ALT: Final = "alt"  # the graph's input of numbers from outside,
ALT_MASK: Final = "alt_mask"  # and the one that says which of them were known
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_END: Final = datetime(2200, 1, 1, tzinfo=UTC)  # nanoseconds are told in 64 bits until 2262
_MICROSECOND: Final = timedelta(microseconds=1)
_MOST_DAYS: Final = 3_650
_LONGEST_WINDOW: Final = 100_000  # bars

type Text = Annotated[str, Field(min_length=1, pattern=r"\S")]
type Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
type Utc = Annotated[
    AwareDatetime,
    Field(ge=_EPOCH, lt=_END),
    AfterValidator(lambda moment: moment.astimezone(UTC)),
]


class BundleError(ValueError):
    """The bundle, or what it was fed, is not what it must be: nothing may be forecast with it."""


class _Section(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


class TensorSpec(_Section):
    """One float32 input or output of the graph; None is the length of the batch."""

    name: Text
    shape: tuple[int | None, ...]


class FeatureSpec(_Section):
    """The features a model was trained on, and how they were distributed then."""

    set_id: Text
    names: tuple[Text, ...] = Field(min_length=1)
    code_sha256: Sha256
    edges: tuple[tuple[float, ...], ...]
    median: tuple[float, ...]
    iqr: tuple[float, ...]
    drift_window: int = Field(le=_LONGEST_WINDOW)
    drift_limit: float
    max_outliers: int

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if len(self.reference.median) != len(self.names):
            counts = (len(self.names), len(self.median))
            raise ValueError(f"names and median must be equally long, were {counts}")
        return self

    @property
    def reference(self) -> DriftReference:
        """Give what today's features are compared with."""
        return DriftReference(
            edges=self.edges,
            median=self.median,
            iqr=self.iqr,
            window=self.drift_window,
            limit=self.drift_limit,
            max_outliers=self.max_outliers,
        )


class Draft(_Section):
    """What whoever trained a model states about it, before the files exist."""

    model_id: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")
    family: Text
    interval: str = Field(pattern=r"^[1-9]\d{0,2}[mhd]$")
    window: int = Field(ge=1)
    instruments: tuple[Text, ...] = Field(min_length=1)
    created: Utc
    life_days: int = Field(ge=1, le=_MOST_DAYS)
    labels: LabelConfig
    features: FeatureSpec
    train_start: Utc
    train_end: Utc
    test_start: Utc
    test_end: Utc
    data_sha256: Sha256
    data_licence: Text
    synthetic: bool  # whether the bars were generated and show no market that ever was
    recipe: dict[str, JsonValue]  # everything that decides the fit
    seed: int
    trials: int = Field(ge=1)
    code_sha256: Sha256
    versions: dict[str, str]
    calibration: dict[str, tuple[float, float]]  # head: (offset, slope)
    metrics: tuple[Metric, ...]
    direction_edge: DirectionEdge
    plain_words: tuple[Text, ...]
    tolerance: float = Field(gt=0.0)  # within which a second training reproduces the forecasts

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        for name in ("train", "test"):
            start, end = getattr(self, f"{name}_start"), getattr(self, f"{name}_end")
            if start >= end:
                raise ValueError(f"{name}_end must be after {start:%Y-%m-%d}, was {end:%Y-%m-%d}")
        return self

    @property
    def expires(self) -> datetime:
        """Give the moment after which the model is too old to open anything new."""
        return self.train_end + timedelta(days=self.life_days)

    @property
    def expires_ns(self) -> int:
        """Give `expires` in UNIX nanoseconds."""
        return (self.expires - _EPOCH) // _MICROSECOND * 1_000


class Manifest(Draft):
    """Everything a bundle says about itself, sealed by a checksum over the whole text."""

    schema_version: Literal[1]
    inputs: tuple[TensorSpec, ...]
    outputs: tuple[TensorSpec, ...]
    files: dict[str, Sha256]
    checksum: Sha256 | Literal[""]  # of this document with an empty checksum

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if self.files.keys() != {GRAPH, GOLDEN, CARD}:
            named = ", ".join(sorted(self.files)) or "none"
            raise ValueError(f"files must be {GRAPH}, {GOLDEN}, {CARD}, were {named}")
        return self

    @model_validator(mode="after")
    def _series_are_fed(self) -> Self:
        named, wide = len(self.outside), self._wide
        if named not in (0, wide):
            raise ValueError(f"outside of recipe must name {wide} series, named {named}")
        return self

    @property
    def outside(self) -> tuple[str, ...]:
        """Name the series from outside that the graph is fed, in the order of its columns.

        A family that takes none has none, whatever others of its training were fed.
        """
        told = self.recipe.get("outside")
        return tuple(map(str, told)) if isinstance(told, list) and self._wide else ()

    @property
    def _wide(self) -> int:
        """Count the columns of numbers from outside that the graph takes."""
        return next((spec.shape[-1] or 0 for spec in self.inputs if spec.name == ALT), 0)


def digest(data: bytes) -> str:
    """Give the SHA-256 of bytes in hexadecimal digits."""
    return hashlib.sha256(data).hexdigest()


def sealed(manifest: Manifest) -> bytes:
    """Render a manifest as the text of its file, with its checksum filled in."""
    text = manifest.model_copy(update={"checksum": ""}).model_dump_json(indent=1)
    return text.replace(_seal(""), _seal(digest(text.encode()))).encode()


def parse(data: bytes) -> Manifest:
    """Read the text of a manifest file.

    Raises BundleError saying in one sentence why it is none, or not as it was written.
    """
    try:
        tree = json.loads(data)
    except (ValueError, RecursionError) as e:  # RecursionError: brackets without end
        raise BundleError(f"manifest.json cannot be read: {e}") from e
    version = tree.get("schema_version") if isinstance(tree, dict) else None
    if version != SCHEMA_VERSION or isinstance(version, bool):
        told = "nested" if isinstance(version, list | dict) else f"{version!r:.80}"
        raise BundleError(f"schema_version of manifest.json must be {SCHEMA_VERSION}, was {told}")
    try:
        manifest = Manifest.model_validate_json(data)
    except ValidationError as e:
        raise BundleError(f"manifest.json is not valid: {_first(e)}") from e
    text = data.replace(_seal(manifest.checksum).encode(), _seal("").encode())
    if digest(text) != manifest.checksum:
        raise BundleError("manifest.json was changed after it was written: its checksum differs")
    return manifest


def _seal(checksum: str) -> str:
    return f'"checksum": "{checksum}"'


def _first(e: ValidationError) -> str:
    fault = e.errors(include_url=False)[0]
    place = ".".join(str(part) for part in fault["loc"]) or "it"
    return f"{place}: {fault['msg']}"
