"""Fitted quarters on disk, so that an interrupted training goes on where it stopped."""

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import numpy as np

from morningstar_strategy.model.heads import RAW_OUTPUTS, Float32Array

__all__ = ["FoldCache"]

_GRAPH: Final = "raw.onnx"
_OUTPUTS: Final = "outputs.npz"


class FoldCache:
    """One folder per quarter and family, written as a whole or not at all.

    `key` must change with everything that decides the numbers: data, code and recipe.
    """

    def __init__(self, folder: Path, key: str) -> None:
        self._folder = folder / key

    def get(self, fold: str, family: str) -> tuple[bytes, dict[str, Float32Array]] | None:
        """Give the raw graph and its outputs on the quarter's rows, None where not yet fitted."""
        place = self._folder / fold / family
        if not place.is_dir():
            return None
        with np.load(place / _OUTPUTS, allow_pickle=False) as stored:
            outputs = {name: stored[name] for name in RAW_OUTPUTS}
        return (place / _GRAPH).read_bytes(), outputs

    def put(
        self, fold: str, family: str, graph: bytes, outputs: Mapping[str, Float32Array]
    ) -> None:
        """Keep what a fit made; an earlier one in the same place stays."""
        place = self._folder / fold / family
        place.parent.mkdir(parents=True, exist_ok=True)
        unfinished = Path(tempfile.mkdtemp(dir=place.parent, prefix="."))
        (unfinished / _GRAPH).write_bytes(graph)
        kept = {name: outputs[name] for name in RAW_OUTPUTS}
        np.savez(unfinished / _OUTPUTS, allow_pickle=False, **kept)
        try:
            unfinished.rename(place)
        except OSError:
            shutil.rmtree(unfinished)
            if not place.is_dir():
                raise
