"""Series from outside straight from the catalog's Parquet files, for training."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from morningstar_strategy.core.scene import External, Trust
from morningstar_strategy.core.timeline import Timeline

__all__ = ["read_outside"]

_FUNDING: Final = "funding/"  # before the name of an instrument
_EXTERNALS: Final = "externals"  # folders of the catalog
_RATES: Final = "funding_rates"


def read_outside(catalog: Path, names: Sequence[str]) -> Timeline:
    """Read all that a catalog holds of some series, named as in `data.externals` of a backtest.

    Raises ValueError in one sentence for a series that is not there, is no numbers or is several.
    """
    return Timeline(item for name in names for item in _series(catalog, name))


def _series(catalog: Path, name: str) -> list[External]:
    if name.startswith(_FUNDING):
        return list(_funding(catalog, name))
    series, _, measure = name.partition("/")
    tables = [_read(path) for path in _files(catalog, _EXTERNALS, series)]
    parts = [table.filter(pc.equal(table["measure"], measure)) for table in tables]
    if not sum(part.num_rows for part in parts):
        raise ValueError(f"outside {name!r} is not in catalog {catalog}: {_held(catalog)}")
    told = [item for part in parts for item in _numbers(name, part)]
    if not told:
        raise ValueError(f"outside {name!r} must be numbers, is texts in catalog {catalog}")
    if len(about := sorted({item.symbol for item in told})) > 1:
        raise ValueError(
            f"outside {name!r} must be one series of numbers, is of {', '.join(about)} "
            f"in catalog {catalog}"
        )
    return told


def _numbers(name: str, table: pa.Table) -> Iterator[External]:
    told = table.filter(pc.is_valid(table["value"]))
    columns = [told[column].to_pylist() for column in ("symbol", "value")]
    stamps = [told[column].cast(pa.int64()).to_pylist() for column in ("ts_event", "ts_init")]
    for symbol, value, event, known in zip(*columns, *stamps, strict=True):
        yield _number(name, symbol, value, event, known)


def _funding(catalog: Path, name: str) -> Iterator[External]:
    files = _files(catalog, _RATES, name.removeprefix(_FUNDING))
    if not files:
        raise ValueError(f"outside {name!r} is not in catalog {catalog}: {_held(catalog)}")
    for path in files:
        table = _opened(path, ["rate", "ts_event"])
        stamps = table["ts_event"].cast(pa.int64()).to_pylist()
        for rate, ts in zip(table["rate"].to_pylist(), stamps, strict=True):
            yield _number(name, "", float(rate), ts, ts)  # published before it settles


def _number(name: str, symbol: str, value: float, event: int, known: int) -> External:
    return External(
        source=name,
        symbol=symbol,
        ts_event=event,
        ts_known=known,
        trust=Trust.NUMBER,
        value=value,
    )


def _files(catalog: Path, kind: str, series: str) -> list[Path]:
    return sorted((catalog / "data" / kind / series).glob("*.parquet")) if series else []


def _read(path: Path) -> pa.Table:
    return _opened(path, ["measure", "symbol", "value", "ts_event", "ts_init"])


def _opened(path: Path, columns: list[str]) -> pa.Table:
    # A path would make it guess at partitions; a file of Python may abort a process that ends
    with pa.OSFile(str(path)) as handle:
        try:
            return pq.read_table(handle).select(columns)
        except (pa.ArrowException, KeyError) as e:
            raise ValueError(f"file {path} holds no readable series from outside: {e}") from e


def _held(catalog: Path) -> str:
    names = sorted(
        series.name if not measure else f"{series.name}/{measure}"
        for series in (catalog / "data" / _EXTERNALS).glob("*")
        for measure in _measures(catalog, series.name)
    )
    names += sorted(f"{_FUNDING}{path.name}" for path in (catalog / "data" / _RATES).glob("*"))
    return f"it holds {', '.join(names)}" if names else "it holds nothing from outside"


def _measures(catalog: Path, series: str) -> set[str]:
    tables = [_opened(path, ["measure"]) for path in _files(catalog, _EXTERNALS, series)]
    return {measure for table in tables for measure in pc.unique(table["measure"]).to_pylist()}
