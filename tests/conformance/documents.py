"""docs/venues/<venue>.md: what a venue can do, and how each case of the specifications ended."""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from pathlib import Path
from typing import Final

from ccxt_nt.profiles import Amend, MarketBuy, Profile, StopStyle
from ccxt_nt.values import Force, OrderKind, Product
from ccxt_nt.venues import profile
from tests.conformance.runner import DIALECTS, PRODUCTS
from tests.conformance.table import BY_ID, ROWS
from tests.conformance.verdicts import Result, Verdict

FOLDER: Final = Path(__file__).parents[2] / "docs" / "venues"
NAMES: Final[Mapping[str, str]] = {"bitget": "Bitget", "kucoin": "KuCoin", "gate": "Gate.io"}
_KINDS: Final[Mapping[OrderKind, str]] = {
    OrderKind.MARKET: "Market",
    OrderKind.LIMIT: "Limit",
    OrderKind.STOP_MARKET: "Stop market",
    OrderKind.STOP_LIMIT: "Stop limit",
    OrderKind.TAKE_PROFIT_MARKET: "Market if touched",
    OrderKind.TAKE_PROFIT_LIMIT: "Limit if touched",
}
_CHANGES: Final[Mapping[Amend, str]] = {
    Amend.ATOMIC: "in one step",
    Amend.REPLACE: "by another order",
    Amend.NONE: "no",
}
_MARKS: Final[Mapping[Verdict, str]] = {
    Verdict.PASSED: "passed",
    Verdict.FAILED: "**failed**",
    Verdict.NOT_APPLICABLE: "not applicable",
}


def write_documents(results: Sequence[Result]) -> list[Path]:
    """Write one page for each venue; every case of both products must be among the results."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    written = []
    for dialect in DIALECTS:
        path = FOLDER / f"{dialect}.md"
        path.write_text(document(dialect, results), encoding="utf-8")
        written.append(path)
    return written


def document(dialect: str, results: Sequence[Result]) -> str:
    """Write the page of one venue; no date and no duration is in it."""
    by_key = {(r.product, r.case_id): r for r in results if r.dialect == dialect}
    missing = [
        (product, row.case_id)
        for product in PRODUCTS
        for row in ROWS
        if (product, row.case_id) not in by_key
    ]
    if missing:
        raise ValueError(f"results of {dialect} must hold every case, {missing[0]} is missing")
    rows = {product: profile(dialect, Product(product)) for product in PRODUCTS}
    parts = [
        *_head(dialect),
        *_matrix(rows),
        *_ways(dialect, rows),
        *_summary(by_key),
        *_cases(by_key),
    ]
    return "\n".join(parts) + "\n"


def _head(dialect: str) -> Iterator[str]:
    yield f"# {NAMES[dialect]}"
    yield ""
    yield (
        "This page is made by `python -m tests.conformance --write-docs`: the first part from the"
        " adapter's table of venues, the second from NautilusTrader's own testing specifications"
        " for [data](https://github.com/nautechsystems/nautilus_trader/blob/develop/docs/developer_guide/spec_data_testing.md)"
        " and [execution](https://github.com/nautechsystems/nautilus_trader/blob/develop/docs/developer_guide/spec_exec_testing.md),"
        " each case run against a local exchange that speaks the venue's dialect. What the exchange"
        " itself recorded decides, not the events alone. The venue's own servers were not asked."
    )
    yield ""


# ---- the rows ----


def _yes(holds: object) -> str:
    return "yes" if holds else "no"


def _matrix(rows: Mapping[str, Profile]) -> Iterator[str]:
    yield "## What it can do"
    yield ""
    yield "| | " + " | ".join(rows) + " |"
    yield "|---|" + "---|" * len(rows)
    lines: dict[str, list[str]] = {}
    for row in rows.values():
        for name, value in _abilities(row).items():
            lines.setdefault(name, []).append(value)
    for name, values in lines.items():
        yield f"| {name} | " + " | ".join(values) + " |"
    yield ""


def _abilities(row: Profile) -> dict[str, str]:
    by_cost = row.market_buy is MarketBuy.COST
    return {
        **{name: _yes(kind in row.kinds) for kind, name in _KINDS.items()},
        "Market buy counts in": "quote coins" if by_cost else "the instrument's units",
        **{force.value: _yes(force in row.forces) for force in Force},
        "Post-only": _yes(row.post_only),
        "Reduce-only": _yes(row.reduce_only),
        "Change an order": _CHANGES[row.amend],
        "Change a stop": "no" if row.stops is None else _CHANGES[row.stops.amend],
        "Cancel in batches": _yes(row.batch_cancel),
        "Set leverage": _yes(row.leverage),
        "Set margin mode": _yes(row.margin_mode),
        "One-way mode set and verified": _yes(row.position_mode),
        "Quotes": "a stream" if row.bids_asks else "from the book",
        "Mark and index price": _marks(row),
        "Fees on fills": "on the stream" if row.fills_carry_fee else "asked for",
        "Test environment": _yes(row.demo is not None),
        "Requests a second, data": f"{row.budget.data_per_sec:g}",
        "Requests a second, orders": f"{row.budget.orders_per_sec:g}",
    }


def _marks(row: Profile) -> str:
    if row.product is Product.SPOT:
        return "no"
    return "asked for" if row.mark_stream is None else "a stream"


def _ways(dialect: str, rows: Mapping[str, Profile]) -> Iterator[str]:
    venue = rows["spot"].venue
    keys = ", ".join(f"`{venue}_{each}`" for each in _variables(rows["spot"]))
    yield "## How it works here"
    yield ""
    yield (
        f"- **Instruments** are `BTCUSDT.{venue}` for spot and `BTCUSDT-PERP.{venue}` for linear"
        " perpetuals. Quantities are the venue's own units; where those are contracts, the"
        " instrument's multiplier is the size of one. One client serves one product; give one of"
        " two clients another `venue_name`."
    )
    yield f"- **Keys** are read from {keys}."
    yield (
        f"- **Client order ids** are encoded as `{rows['spot'].codec}` (`ids.py`) for the venue and"
        " can be decoded after a restart: no table of them is kept. Orders placed by hand or by"
        " another program are reported as external and left alone."
    )
    for product, row in rows.items():
        yield f"- **Stops, {product}**: {_stops(row)}"
    for product, row in rows.items():
        yield f"- **Changes, {product}**: {_changing(row)}"
    yield "- **Fees** come with every fill, as the venue charges them: " + _fees(rows)
    yield "- **Limits**: " + _limits(rows)
    for product, row in rows.items():
        if row.book_depths or row.book_snapshots_depth:
            yield f"- **Books, {product}**: {_books(row)}"
    yield ""


def _variables(row: Profile) -> list[str]:
    named = {"apiKey": "API_KEY", "secret": "API_SECRET", "password": "API_PASSPHRASE"}
    return [named[each] for each in row.credentials if each in named]


def _stops(row: Profile) -> str:
    stops = row.stops
    if stops is None:
        return "there are none."
    kinds = ", ".join(name.lower() for kind, name in _KINDS.items() if kind in stops.kinds)
    return (
        f"{kinds}; they wait at the venue and are compared with the last price. {_fired(stops)}"
        f" {_pushed(stops)}"
    )


def _fired(stops: StopStyle) -> str:
    if stops.keeps_id:
        return "A stop that fires keeps its id."
    name = "keeps the client order id" if stops.keeps_client_id else "is found by the id it names"
    return f"A stop that fires becomes another order, which {name}."


def _pushed(stops: StopStyle) -> str:
    if stops.watch_params is None:
        return (
            "Waiting stops are not pushed: they are asked for every `reconcile_secs`, and at once"
            " when one may have fired."
        )
    return "Waiting stops are pushed."


def _changing(row: Profile) -> str:
    plain = {
        Amend.ATOMIC: "an order is changed in one step",
        Amend.REPLACE: "an order is cancelled, and what is left of it is placed anew",
        Amend.NONE: "an order cannot be changed",
    }[row.amend]
    amend = Amend.NONE if row.stops is None else row.stops.amend
    stop = {
        Amend.ATOMIC: "a stop is changed in one step",
        Amend.REPLACE: "a stop is placed anew before the old one is cancelled, so none is missing",
        Amend.NONE: "a stop cannot be changed",
    }[amend]
    return f"{plain}; {stop}."


def _fees(rows: Mapping[str, Profile]) -> str:
    asked = [product for product, row in rows.items() if not row.fills_carry_fee]
    if not asked:
        return "the stream of fills carries them."
    products = " and ".join(asked)
    return f"for {products} the stream has none, so they are asked for before a fill is told."


def _limits(rows: Mapping[str, Profile]) -> str:
    told = [
        f"{product} sends at most {row.budget.data_per_sec:g} requests a second for data and"
        f" {row.budget.orders_per_sec:g} for orders, on connections of their own"
        for product, row in rows.items()
    ]
    return "; ".join(told) + ". Protective orders overtake others that wait."


def _books(row: Profile) -> str:
    parts = []
    if row.book_depths:
        parts.append(f"streams of {', '.join(str(each) for each in row.book_depths)} levels")
    if row.book_snapshots_depth:
        parts.append(f"whole books of {row.book_snapshots_depth} levels, immune to lost updates")
    return "; ".join(parts) + "."


# ---- the cases ----


def _summary(by_key: Mapping[tuple[str, str], Result]) -> Iterator[str]:
    yield "## Conformance"
    yield ""
    yield "| | " + " | ".join(each.value for each in Verdict) + " |"
    yield "|---|" + "---|" * len(Verdict)
    for product in PRODUCTS:
        mine = [r for (p, _), r in by_key.items() if p == product]
        counts = [str(sum(r.verdict is each for r in mine)) for each in Verdict]
        yield f"| {product} | " + " | ".join(counts) + " |"
    yield ""
    yield (
        "Where a case does not apply, the adapter refuses what is asked for, with a reason and"
        " before anything reaches the venue; wherever it can be asked for at all, that refusal is"
        " run too. The cases of start and stop are run with the engine's own `ExecTester` and"
        " `DataTester`."
    )
    yield ""


def _cases(by_key: Mapping[tuple[str, str], Result]) -> Iterator[str]:
    for group, members in groupby(ROWS, key=lambda row: row.group):
        yield f"### {group}"
        yield ""
        yield "| case | | " + " | ".join(PRODUCTS) + " |"
        yield "|---|---|" + "---|" * len(PRODUCTS)
        for row in members:
            cells = [_cell(by_key[product, row.case_id]) for product in PRODUCTS]
            yield f"| {row.case_id} | {BY_ID[row.case_id].name} | " + " | ".join(cells) + " |"
        yield ""


def _cell(result: Result) -> str:
    note = result.note.replace("|", "/").replace("\n", " ")
    return f"{_MARKS[result.verdict]}: {note}" if note else _MARKS[result.verdict]
