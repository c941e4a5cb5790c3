"""Fitted quarters on disk, so that an interrupted training goes on where it stopped."""

import hashlib
import io
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from morningstar_strategy.model.heads import RAW_OUTPUTS, Float32Array

__all__ = ["FoldCache", "seal"]

_GRAPH: Final = "raw.onnx"
_OUTPUTS: Final = "outputs.npz"
_SEAL: Final = "seal"
_SIZE: Final = 8  # bytes of the length of each sealed part


class FoldCache:
    """One folder per quarter and family, written as a whole or not at all.

    `key` must change with everything that decides the numbers: data, code and recipe. A folder
    whose seal does not fit its place and every byte in it counts as absent.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder / key

    def get(self, fold: str, family: str) -> tuple[bytes, dict[str, Float32Array]] | None:
        """Give the raw graph and its outputs on the quarter's rows, None where not yet fitted."""
        place = self._folder / fold / family
        try:
            told = (place / _SEAL).read_bytes()
            graph, data = (place / _GRAPH).read_bytes(), (place / _OUTPUTS).read_bytes()
        except OSError:
            return None
        outputs = _outputs(data) if told == seal(fold, family, graph, data).encode() else None
        return None if outputs is None else (graph, outputs)

    def put(
        self, fold: str, family: str, graph: bytes, outputs: Mapping[str, Float32Array]
    ) -> None:
        """Keep what a fit made; a sound one in the same place stays, any other is replaced.

        Raises OSError where it cannot be written.
        """
        if self.get(fold, family) is not None:
            return
        place = self._folder / fold / family
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=place.parent, prefix="."))
        try:
            data = _archive(outputs)
            (unfinished / _GRAPH).write_bytes(graph)
            (unfinished / _OUTPUTS).write_bytes(data)
            (unfinished / _SEAL).write_text(seal(fold, family, graph, data))
            _remove(place)
            unfinished.rename(place)
        except OSError:
            if self.get(fold, family) is None:  # else another training was faster
                raise
        finally:
            shutil.rmtree(unfinished, ignore_errors=True)  # in its place by now if all went well


def seal(fold: str, family: str, graph: bytes, outputs: bytes) -> str:
    """Give the SHA-256 over a fit's place and both of its files, each behind its length."""
    hashed = hashlib.sha256()
    for part in (fold.encode(), family.encode(), graph, outputs):
        hashed.update(len(part).to_bytes(_SIZE, "little"))
        hashed.update(part)
    return hashed.hexdigest()


def _archive(outputs: Mapping[str, Float32Array]) -> bytes:
    buffer = io.BytesIO()
    kept = {name: outputs[name] for name in RAW_OUTPUTS}
    np.savez(buffer, allow_pickle=False, **kept)
    return buffer.getvalue()


def _outputs(data: bytes) -> dict[str, Float32Array] | None:
    """Read the outputs, None where whatever was sealed is no archive of them."""
    try:
        with np.load(io.BytesIO(data), allow_pickle=False) as stored:
            return {name: stored[name] for name in RAW_OUTPUTS}
    except Exception:  # what damage makes of an archive has no other common base
        return None


def _remove(place: Path) -> None:
    if place.is_dir() and not place.is_symlink():
        shutil.rmtree(place)
    else:
        place.unlink(missing_ok=True)
