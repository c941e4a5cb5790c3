"""A finished graph in onnxruntime: its session, its signature, and what may be fed to it."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import onnxruntime as ort

from morningstar_strategy.core.features import NAMES
from morningstar_strategy.model.heads import OUTPUTS, QUANTILES, Float32Array
from morningstar_strategy.model.manifest import ALT, ALT_MASK, GRAPH, BundleError, TensorSpec

__all__ = ["Graph", "library_version"]

type Feeds = Mapping[str, Float32Array]
type Specs = tuple[TensorSpec, ...]

_WIDTHS: Final[Mapping[str, tuple[int, ...]]] = {
    "signal": (3,),
    "ln_rv": (),
    "regime": (2,),
    "mfe_q": (len(QUANTILES),),
    "mae_q": (len(QUANTILES),),
}
_UNKNOWN: Final = (ALT, ALT_MASK)  # inputs that count as unknown where left out
_QUIET: Final = 3  # errors only: the runtime warns about graphics cards it did not find


class Graph:
    """A graph that is ready to run and has the one signature all models share.

    Raises BundleError in one sentence for bytes that cannot be run or another signature.
    """

    __slots__ = ("_outputs", "_session", "_shapes", "inputs", "outputs", "window")

    def __init__(self, data: bytes, *, threads: int = 1) -> None:
        self._session = _session(data, threads)
        self.inputs = _specs(self._session.get_inputs())
        self.outputs = _specs(self._session.get_outputs())
        self._shapes: dict[str, tuple[int, ...]] = _input_shapes(self.inputs)
        _check_outputs(self.outputs)
        self._outputs = [spec.name for spec in self.outputs]
        self.window = self._shapes["bars"][0]

    def complete(self, inputs: Feeds) -> dict[str, Float32Array]:
        """Check what is to be fed and add alternative data that was left out as unknown."""
        _check_arrays(inputs)
        unknown = set(inputs) - set(self._shapes)
        if unknown or "bars" not in inputs:
            raise BundleError(f"inputs must be {', '.join(self._shapes)}, were {sorted(inputs)}")
        count = len(inputs["bars"]) if inputs["bars"].ndim else 0
        for name, array in inputs.items():
            _check_input(name, array, (count, *self._shapes[name]))
        feeds = dict(inputs)
        for name, shape in self._shapes.items():
            if name not in feeds:
                feeds[name] = np.zeros((count, *shape), np.float32)
        return feeds

    def run(self, feeds: Feeds) -> dict[str, Float32Array]:
        """Forecast from complete feeds; raises BundleError for a forecast that is no number."""
        told: list[Float32Array] = self._session.run(self._outputs, feeds)
        for name, array in zip(self._outputs, told, strict=True):
            if not (finite := np.isfinite(array)).all():
                at = tuple(np.argwhere(~finite)[0].tolist())
                raise BundleError(
                    f"{name} forecast by {GRAPH} must be finite, was {array[at]} at {at}"
                )
        return dict(zip(self._outputs, told, strict=True))


def library_version() -> str:
    """Give the version of the library that runs graphs; another may round otherwise."""
    return str(ort.__version__)


def _session(data: bytes, threads: int) -> ort.InferenceSession:
    if threads < 1:
        raise ValueError(f"threads must be at least 1, was {threads}")
    options = ort.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = _QUIET
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return ort.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as e:  # the runtime's own classes have no other common base
        raise BundleError(f"{GRAPH} cannot be run: {(str(e) or repr(e)).splitlines()[0]}") from e


def _specs(tensors: Any) -> Specs:  # Any: the runtime has no types
    return tuple(
        TensorSpec(
            name=tensor.name,
            shape=tuple(size if isinstance(size, int) else None for size in tensor.shape),
        )
        for tensor in tensors
    )


def _input_shapes(inputs: Specs) -> dict[str, tuple[int, ...]]:
    """Give each input's shape without the batch, which must be free as the rest must be fixed."""
    shapes: dict[str, tuple[int, ...]] = {}
    for spec in inputs:
        fixed = tuple(size for size in spec.shape if size is not None)
        if spec.name not in ("bars", *_UNKNOWN) or spec.shape != (None, *fixed):
            raise BundleError(f"input {spec.name} of {GRAPH} with shape {spec.shape} is not known")
        shapes[spec.name] = fixed
    bars = shapes.get("bars", ())
    if len(bars) != 2 or bars[1] != len(NAMES):
        raise BundleError(f"bars of {GRAPH} must have shape [N, window, {len(NAMES)}], was {bars}")
    if shapes.get("alt") != shapes.get("alt_mask"):
        raise BundleError(f"alt and alt_mask of {GRAPH} must have one shape, were {shapes}")
    return shapes


def _check_outputs(outputs: Specs) -> None:
    names = tuple(spec.name for spec in outputs)
    if names != OUTPUTS:
        raise BundleError(f"outputs of {GRAPH} must be {', '.join(OUTPUTS)}, were {names}")
    for spec in outputs:
        if spec.shape != (None, *_WIDTHS[spec.name]):
            wanted = ("N", *_WIDTHS[spec.name])
            raise BundleError(f"{spec.name} of {GRAPH} must have shape {wanted}, was {spec.shape}")


def _check_arrays(inputs: object) -> None:
    if not isinstance(inputs, Mapping):
        raise BundleError(f"inputs must map names to arrays, were of type {type(inputs).__name__}")
    for name, array in inputs.items():
        if not isinstance(name, str):
            raise BundleError(f"names of inputs must be texts, were {name!r:.80}")
        if not isinstance(array, np.ndarray) or isinstance(array, np.ma.MaskedArray):
            raise BundleError(f"{name} must be a plain array, was a {type(array).__name__}")


def _check_input(name: str, array: Float32Array, shape: tuple[int, ...]) -> None:
    if array.dtype != np.float32:
        raise BundleError(f"{name} must be float32, was {array.dtype}")
    if array.shape != shape or not shape[0]:
        wanted = ", ".join(map(str, ("N", *shape[1:])))
        raise BundleError(f"{name} must have shape [{wanted}], was {array.shape}")
    if not np.isfinite(array).all():
        at = tuple(np.argwhere(~np.isfinite(array))[0].tolist())
        what = f"{NAMES[at[-1]]} in bars" if name == "bars" else name
        raise BundleError(f"{what} must be finite, was {array[at]} at {at}")
