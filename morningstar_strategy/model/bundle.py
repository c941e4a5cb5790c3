"""A trained model as a folder that proves itself before it forecasts."""

import io
import os
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from morningstar_strategy.core import _steps, features
from morningstar_strategy.model.drift import DriftReference
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.manifest import (
    CARD,
    GOLDEN,
    GRAPH,
    SCHEMA_VERSION,
    BundleError,
    Draft,
    FeatureSpec,
    Manifest,
    digest,
    parse,
    sealed,
)
from morningstar_strategy.model.runtime import Graph
from morningstar_strategy.model.sources import hash_sources

__all__ = [
    "BundleError",
    "Draft",
    "Manifest",
    "MorningstarModel",
    "arming_fault",
    "feature_code_sha256",
    "feature_spec",
    "publish",
    "read_manifest",
]

type Feeds = Mapping[str, Float32Array]

_MANIFEST: Final = "manifest.json"
_RTOL: Final = 1e-3  # of the golden forecasts, across processors and versions of the runtime
_ATOL: Final = 1e-4


class MorningstarModel:
    """A bundle that was checked from end to end and can be asked.

    Raises BundleError saying in one sentence what is missing, changed or does not fit this build.
    """

    __slots__ = ("_graph", "manifest", "sha256")

    def __init__(self, folder: Path | str, *, threads: int = 1) -> None:
        folder = Path(folder)
        data = _read(folder, _MANIFEST)
        self.manifest = parse(data)
        self.sha256 = digest(data)
        files = {name: _checked(folder, name, sha) for name, sha in self.manifest.files.items()}
        _check_features(self.manifest.features)
        self._graph = Graph(files[GRAPH], threads=threads)
        told = (self._graph.inputs, self._graph.outputs, self._graph.window)
        if told != (self.manifest.inputs, self.manifest.outputs, self.manifest.window):
            raise BundleError(f"inputs and outputs of {GRAPH} must be those its manifest names")
        self._check_golden(files[GOLDEN])

    def predict(self, inputs: Feeds) -> dict[str, Float32Array]:
        """Forecast from windows of features, newest vector last.

        `inputs` holds float32 `bars` of shape [N, window, F], unscaled, and for a model that knows
        them `alt` and `alt_mask` of shape [N, A], which count as unknown where left out. Returns
        `signal` [N, 3] (short, flat, long), `ln_rv` [N], `regime` [N, 2] (calm, turbulent), `mfe_q`
        and `mae_q` [N, 4]. Raises BundleError naming the input and the value for a wrong name,
        type, shape or number.
        """
        return self._graph.run(self._graph.complete(inputs))

    def _check_golden(self, data: bytes) -> None:
        """Ask again what was asked when the bundle was made."""
        arrays = _arrays(data)
        asked = {name[3:]: array for name, array in arrays.items() if name.startswith("in_")}
        for name, answer in self.predict(asked).items():
            kept = arrays.get(f"out_{name}", np.empty(0, np.float32))
            told = (kept.dtype, kept.shape) == (answer.dtype, answer.shape)
            if not told or not np.allclose(answer, kept, rtol=_RTOL, atol=_ATOL):
                raise BundleError(f"{name} of {GOLDEN} must be reproduced by {GRAPH}, was not")


def feature_code_sha256() -> str:
    """Give the SHA-256 of the code that defines the features."""
    return hash_sources((Path(_steps.__file__), Path(features.__file__)))


def feature_spec(reference: DriftReference) -> FeatureSpec:
    """Describe the features of this build, distributed as in a training."""
    return FeatureSpec(
        set_id=features.FEATURE_SET,
        names=features.NAMES,
        code_sha256=feature_code_sha256(),
        edges=reference.edges,
        median=reference.median,
        iqr=reference.iqr,
        drift_window=reference.window,
        drift_limit=reference.limit,
        max_outliers=reference.max_outliers,
    )


def read_manifest(folder: Path | str) -> Manifest:
    """Read what a bundle says about itself, checking nothing but that."""
    return parse(_read(Path(folder), _MANIFEST))


def arming_fault(manifest: Manifest, *, allow_no_edge: bool, now_ns: int) -> str | None:
    """Say why a model must not trade money now, None where it may."""
    if now_ns > manifest.expires_ns:
        return f"the model {manifest.model_id} expired on {manifest.expires:%Y-%m-%d}"
    if manifest.synthetic:
        return f"the model {manifest.model_id} was trained on synthetic bars"
    if manifest.direction_edge == "none" and not allow_no_edge:
        return f"the model {manifest.model_id} has direction_edge none and allow_no_edge is false"
    return None


def publish(
    folder: Path,
    *,
    graph: bytes,
    draft: Draft,
    golden: Float32Array,
    card: str,
    beside: Feeds | None = None,
) -> Manifest:
    """Make a bundle of a finished graph, all at once or not at all.

    `golden` are windows (float32 [N, window, F]) whose forecasts every later load must reproduce,
    `beside` what a graph that takes more than bars is fed with them.
    Raises FileExistsError where there is something at `folder`, and BundleError or ValueError for
    a graph or a draft that could not be loaded again.
    """
    from morningstar_strategy.model.learning import graphs  # needs onnx, which serving does not

    if folder.exists():
        raise FileExistsError(f"a bundle is never overwritten: {folder} exists")
    graphs.check(graph)
    runnable = Graph(graph)
    files = {GRAPH: graph, GOLDEN: _golden(runnable, golden, beside or {}), CARD: card.encode()}
    manifest = Manifest(
        **dict(draft),
        schema_version=SCHEMA_VERSION,
        inputs=runnable.inputs,
        outputs=runnable.outputs,
        files={name: digest(data) for name, data in files.items()},
        checksum="",
    )
    files[_MANIFEST] = sealed(manifest)
    _write(folder, files)
    return parse(files[_MANIFEST])


def _golden(graph: Graph, bars: Float32Array, beside: Feeds) -> bytes:
    """Ask the graph, and keep question and answer."""
    feeds = graph.complete({"bars": bars, **beside})
    kept = {f"in_{name}": array for name, array in feeds.items()}
    kept |= {f"out_{name}": array for name, array in graph.run(feeds).items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **kept)
    return buffer.getvalue()


def _arrays(data: bytes) -> dict[str, Float32Array]:
    """Read the arrays of an archive, whatever is in them."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            arrays = {name: stored[name] for name in stored.files}
    except Exception as e:  # what damage makes of an archive has no other common base
        raise BundleError(f"{GOLDEN} cannot be read: {(str(e) or repr(e)).splitlines()[0]}") from e
    for name, array in arrays.items():
        if not isinstance(array, np.ndarray):
            raise BundleError(f"{name} of {GOLDEN} must be an array, was {type(array).__name__}")
    return arrays


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write the files beside their place, load them as a reader would, then move them there."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}-"))
    try:
        for name, data in files.items():
            with (unfinished / name).open("xb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
        unfinished.chmod(0o755)
        MorningstarModel(unfinished)
        unfinished.rename(folder)
    except BaseException:
        shutil.rmtree(unfinished)
        raise


def _read(folder: Path, name: str) -> bytes:
    try:
        return (folder / name).read_bytes()
    except (OSError, ValueError) as e:  # ValueError: a name with a null byte
        why = e.strerror if isinstance(e, OSError) else e
        raise BundleError(f"{name} of bundle {folder.name} cannot be read: {why}") from e


def _checked(folder: Path, name: str, sha256: str) -> bytes:
    data = _read(folder, name)
    if digest(data) != sha256:
        raise BundleError(f"{name} was changed after it was published: its checksum differs")
    return data


def _check_features(spec: FeatureSpec) -> None:
    if spec.set_id != features.FEATURE_SET:
        raise BundleError(f"set_id of features must be {features.FEATURE_SET}, was {spec.set_id}")
    for at, (mine, theirs) in enumerate(zip(features.NAMES, spec.names, strict=False)):
        if mine != theirs:
            raise BundleError(f"feature {at} must be {mine}, was {theirs} when it was trained")
    if len(spec.names) != len(features.NAMES):
        counts = f"{len(features.NAMES)}, were {len(spec.names)}"
        raise BundleError(f"features must number {counts} when it was trained")
    if spec.code_sha256 != (code := feature_code_sha256()):
        raise BundleError(
            f"code of the features must be {spec.code_sha256:.12}, as trained with, was {code:.12}"
        )
