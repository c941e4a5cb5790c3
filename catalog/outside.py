"""Reading of files from outside: what they say, and from when on it could be known."""

import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from catalog.columns import read_raw, read_times
from catalog.decimals import FloatArray
from catalog.errors import CatalogError
from catalog.kinds import EXTERNALS, SECOND_NS, TIME
from catalog.merging import IntArray

MINUTE_NS: Final = 60 * SECOND_NS
HOUR_NS: Final = 60 * MINUTE_NS
DAY_NS: Final = 24 * HOUR_NS
MAX_TEXT: Final = 1_000  # letters kept of a piece of news

_NAME: Final = re.compile(
    r"(?P<series>(?P<about>[A-Za-z0-9_]+)-"
    r"(?P<what>dvol|onchain|fear-greed|gdelt-sentiment|news|events|outside))(-.*)?"
)
_TIMES: Final = ("ts", "ts_event", "timestamp", "time", "date")
_SUBJECTS: Final[Mapping[str, str]] = {"bitcoin": "BTC", "ethereum": "ETH"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """How files of one sort are read.

    `lag_ns` is how long after its stamp a row is known: a column `ts_known` in the file goes
    before it, and None wants that column. `main` is the number that the series' own name means,
    `numbers` the others, None for all that there are. Texts have stamps cut to a minute or a day,
    and are known when the stamped minute or day is over.
    """

    lag_ns: int | None
    main: str = ""
    numbers: tuple[str, ...] | None = ()
    texts: tuple[str, ...] = ()  # the first that the file has


_SCORES: Final = ("polarity", "subjectivity", "finbert_score", "sentiment_score")
_LAYOUTS: Final[Mapping[str, Layout]] = {
    "dvol": Layout(lag_ns=HOUR_NS, main="close"),  # hourly, stamped at the open
    "onchain": Layout(lag_ns=2 * DAY_NS, numbers=None),  # of a whole day, told on the next
    "fear-greed": Layout(lag_ns=DAY_NS, main="value"),
    "gdelt-sentiment": Layout(  # of a whole week, told on the day after
        lag_ns=8 * DAY_NS, main="S_gdelt_normalized", numbers=None
    ),
    "news": Layout(lag_ns=0, numbers=_SCORES, texts=("title", "text")),
    "events": Layout(lag_ns=0, texts=("title",)),
    "outside": Layout(lag_ns=None, main="value", numbers=None, texts=("text",)),
}


def series_of(path: Path) -> str | None:
    """Name the series from outside that a file name tells; None where it tells none."""
    match = _NAME.fullmatch(path.stem)
    return match["series"].lower() if match else None


def read(path: Path) -> pa.Table:
    """Read and check one file as rows of the catalog, in the order of time.

    Raises CatalogError naming the file where it does not hold what its name says.
    """
    match = _NAME.fullmatch(path.stem)
    if match is None:
        raise CatalogError(f"file {path} is not named as one from outside: BTC-dvol, crypto-news")
    layout = _LAYOUTS[match["what"]]
    table = read_raw(path)
    stamps = read_times(path, table[_first(path, table, _TIMES)])
    known = _known(path, table, stamps, layout)
    symbols = _symbols(match["about"], table)
    parts = [*_numbers(path, table, layout), *_texts(table, layout)]
    items = _items(table, layout)
    pieces = [_rows(part, stamps, known, symbols, items) for part in parts]
    if not sum(piece.num_rows for piece in pieces):
        raise CatalogError(f"file {path} has no rows that say anything")
    return _sorted(pa.concat_tables(pieces))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """One column of a file, and what it is called in the catalog."""

    measure: str
    values: pa.Array | None = None
    texts: pa.Array | None = None


def _first(path: Path, table: pa.Table, names: Sequence[str]) -> str:
    found = next((name for name in names if name in table.column_names), None)
    if found is None:
        raise CatalogError(f"file {path} has no column {names[0]}")
    return found


def _known(path: Path, table: pa.Table, stamps: IntArray, layout: Layout) -> IntArray:
    if "ts_known" in table.column_names:
        known = read_times(path, table["ts_known"])
    elif layout.lag_ns is None:
        raise CatalogError(f"file {path} has no column ts_known")
    else:
        known = stamps + layout.lag_ns + (_unit(stamps) if layout.texts else 0)
    early = np.flatnonzero(known < stamps)
    if len(early):
        raise CatalogError(f"file {path}, row {early[0] + 1}: known before it was")
    return known


def _unit(stamps: IntArray) -> IntArray:
    """Measure what the stamps were cut to: a date says no hour, a whole minute no second."""
    whole_minute = np.where(stamps % MINUTE_NS == 0, MINUTE_NS, 0)
    return np.where(stamps % DAY_NS == 0, DAY_NS, whole_minute)


def _symbols(about: str, table: pa.Table) -> pa.Array:
    if "symbol" in table.column_names:
        return table["symbol"].cast(pa.string()).fill_null("").combine_chunks()
    if "subject" in table.column_names:
        words = table["subject"].to_pylist()
        return pa.array([_SUBJECTS.get(word, "") for word in words], pa.string())
    return pa.array([about if about.isupper() else ""] * table.num_rows, pa.string())


def _numbers(path: Path, table: pa.Table, layout: Layout) -> list[_Part]:
    if layout.main and layout.main not in table.column_names and not layout.texts:
        raise CatalogError(f"file {path} has no column {layout.main}")
    names = layout.numbers
    if names is None:
        others = {layout.main, *_TIMES, "ts_known"}
        names = tuple(name for name in table.column_names if name not in others)
    wanted = [name for name in (layout.main, *names) if name in table.column_names]
    return [
        _Part(measure="" if name == layout.main else name, values=_floats(table[name]))
        for name in wanted
        if pa.types.is_floating(table[name].type) or pa.types.is_integer(table[name].type)
    ]


def _floats(column: pa.ChunkedArray) -> pa.Array:
    values: FloatArray = np.asarray(column.cast(pa.float64()).fill_null(float("nan")))
    return pa.array(values, mask=~np.isfinite(values))


def _texts(table: pa.Table, layout: Layout) -> list[_Part]:
    words = _words(table, layout)
    return [] if words is None else [_Part(measure="", texts=words)]


def _words(table: pa.Table, layout: Layout) -> pa.Array | None:
    name = next((name for name in layout.texts if name in table.column_names), None)
    if name is None:
        return None
    trimmed = pc.utf8_trim_whitespace(table[name].cast(pa.string())).combine_chunks()
    cut = pc.utf8_slice_codeunits(trimmed, 0, MAX_TEXT)
    return pc.if_else(pc.equal(cut, ""), None, cut)


def _items(table: pa.Table, layout: Layout) -> pa.Array:
    words = _words(table, layout)
    if words is None:
        return pa.array([""] * table.num_rows, pa.string())
    return pa.array([_fingerprint(word or "") for word in words.to_pylist()], pa.string())


def _fingerprint(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16] if text else ""


def _rows(
    part: _Part, stamps: IntArray, known: IntArray, symbols: pa.Array, items: pa.Array
) -> pa.Table:
    count = len(stamps)
    columns = {
        "measure": pa.array([part.measure] * count, pa.string()),
        "item": items,
        "symbol": symbols,
        "value": pa.nulls(count, pa.float64()) if part.values is None else part.values,
        "text": pa.nulls(count, pa.string()) if part.texts is None else part.texts,
        "ts_event": pa.array(stamps, pa.int64()).cast(TIME),
        "ts_init": pa.array(known, pa.int64()).cast(TIME),
    }
    table = pa.table([columns[field.name] for field in EXTERNALS.fields], schema=_SCHEMA)
    said = part.values if part.texts is None else part.texts
    return table.filter(pc.is_valid(said))


_SCHEMA: Final = pa.schema(EXTERNALS.fields)


def _sorted(table: pa.Table) -> pa.Table:
    order = [(name, "ascending") for name in ("ts_event", "measure", "item")]
    return table.sort_by(order).combine_chunks()
