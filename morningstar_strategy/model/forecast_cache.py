"""Forecasts made once, kept on disk until bundle, code or data change."""

import hashlib
import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Final

import numpy as np

from morningstar_strategy.core.bars import BarWindow
from morningstar_strategy.model import (
    bundle,
    drift,
    forecast_table,
    forecasts,
    heads,
    predictor,
    reading,
    runtime,
)
from morningstar_strategy.model.bundle import feature_code_sha256
from morningstar_strategy.model.forecast_table import ForecastTable
from morningstar_strategy.model.heads import Float32Array
from morningstar_strategy.model.predictor import BundlePredictor
from morningstar_strategy.model.reading import COLUMNS
from morningstar_strategy.model.runtime import library_version
from morningstar_strategy.model.sources import hash_sources

__all__ = ["ForecastCache", "key", "key_of"]

_MAGIC: Final = b"morningstar forecasts 1\n"
_DIGEST: Final = 32  # bytes
_SIZE: Final = 8  # bytes of the length of the header
_NOTHING: Final[Mapping[str, Float32Array]] = MappingProxyType({})
# The code between a bundle's bytes and its forecasts; that of the features is told apart
_SERVING: Final = (
    bundle,
    drift,
    forecast_table,
    forecasts,
    heads,
    predictor,
    reading,
    runtime,
)


class ForecastCache:
    """One file per key, written whole; a file with any byte changed counts as absent."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, key: str) -> ForecastTable | None:
        """Give the table kept under a key, None where none can be read or it is damaged."""
        try:
            data = self._path(key).read_bytes()
        except OSError:
            return None
        body = memoryview(data)[len(_MAGIC) + _DIGEST :]
        if data[: len(_MAGIC) + _DIGEST] != _MAGIC + hashlib.sha256(body).digest():
            return None
        size = int.from_bytes(body[:_SIZE], "little")
        header = json.loads(bytes(body[_SIZE : _SIZE + size]))
        return _table(header, body[_SIZE + size :]) if header["key"] == key else None

    def put(self, key: str, table: ForecastTable) -> bool:
        """Keep a table under a key, in place of any other; say whether it could be kept."""
        said = {"key": key, "model": table.model, "reasons": table.reasons, "count": len(table)}
        header = json.dumps(said).encode()
        columns = (table.ts_event.tobytes(), table.values.tobytes(), table.codes.tobytes())
        body = b"".join((len(header).to_bytes(_SIZE, "little"), header, *columns))
        path = self._path(key)
        try:
            self._write(path, body)
        except OSError:
            return False
        return True

    def _write(self, path: Path, body: bytes) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=self._folder, prefix=".", delete=False) as file:
            unfinished = Path(file.name)
            try:
                file.write(_MAGIC + hashlib.sha256(body).digest())
                file.write(body)
                file.close()
                unfinished.replace(path)
            except BaseException:
                unfinished.unlink()
                raise

    def _path(self, key: str) -> Path:
        if len(key) != 2 * _DIGEST or not set(key) <= set("0123456789abcdef"):
            raise ValueError(f"key must be 64 hexadecimal digits, was {key}")
        return self._folder / f"{key}.forecasts"


def key(
    bundle_sha256: str,
    feature_code_sha256: str,
    instrument_id: str,
    bars: BarWindow,
    fed: Mapping[str, Float32Array] = _NOTHING,
) -> str:
    """Hash everything that forecasts depend on: model, code, library, every byte of the bars.

    `fed` is what the model is given beside them, every byte of it too.
    """
    code = (feature_code_sha256, _serving_code_sha256(), library_version())
    told = (bundle_sha256, *code, instrument_id, len(bars))
    hashed = hashlib.sha256(json.dumps(told).encode())
    for column in (bars.ts_event, bars.open, bars.high, bars.low, bars.close, bars.volume):
        hashed.update(column.data)
    for name, columns in fed.items():
        hashed.update(f"{name} {columns.shape}\n".encode())
        hashed.update(np.ascontiguousarray(columns).data)
    return hashed.hexdigest()


def key_of(model: BundlePredictor, instrument_id: str, bars: BarWindow) -> str:
    """Hash everything that a predictor's forecasts of some bars depend on in this build."""
    fed = model.fed(bars.ts_event)
    return key(model.bundle.sha256, feature_code_sha256(), instrument_id, bars, fed)


def _serving_code_sha256() -> str:
    return hash_sources(Path(str(module.__file__)) for module in _SERVING)


def _table(header: dict[str, str | int | list[str]], columns: memoryview) -> ForecastTable:
    count, reasons = header["count"], header["reasons"]
    assert isinstance(count, int)
    assert isinstance(reasons, list)
    wide = count * len(COLUMNS)
    # Copies, since what lies behind a header of any length is not aligned
    stamps = np.frombuffer(columns, np.int64, count).copy()
    values = np.frombuffer(columns, np.float64, wide, offset=stamps.nbytes).copy()
    codes = np.frombuffer(columns, np.int8, count, offset=stamps.nbytes + values.nbytes)
    return ForecastTable(
        model=str(header["model"]),
        reasons=tuple(reasons),
        ts_event=stamps,
        values=values.reshape(count, len(COLUMNS)),
        codes=codes,
    )
