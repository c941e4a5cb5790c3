"""Plants leaks and looks for each with its detector: `python -m tests.leaks --help`."""

import argparse
import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.table import Table

from catalog import sample
from tests.leaks.features import FEATURES
from tests.leaks.fits import FITS
from tests.leaks.labels import LABELS
from tests.leaks.outside import OUTSIDE
from tests.leaks.planting import Plant
from tests.leaks.prompts import PROMPTS
from tests.leaks.runs import runs
from tests.leaks.streams import STREAMS

__all__ = ["PLANTS", "main"]

PLANTS: Final = (*FEATURES, *STREAMS, *LABELS, *FITS, *OUTSIDE, *PROMPTS)
_DAYS: Final = "10"


def main(argv: Sequence[str] | None = None) -> int:
    """Look for every leak; 1 where one is missed, misnamed or suspected of what is honest."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.leaks",
        description=__doc__,
        epilog="Exit code 0: all found, nothing suspected. 1: a miss. 2: no sample can be made.",
    )
    parser.add_argument("--json", action="store_true", help="print the figures as JSON only")
    args = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        catalog = Path(folder) / "sample"
        with contextlib.redirect_stdout(sys.stderr):
            made = sample.main(["--catalog", str(catalog), "--days", _DAYS])
        if made != 0:
            return made
        results = [(plant, plant.miss()) for plant in _all(catalog)]
    planted = [each for each in results if each[0].detector is not None]
    honest = [each for each in results if each[0].detector is None]
    figures = {
        "planted": len(planted),
        "found": sum(miss is None for _, miss in planted),
        "honest": len(honest),
        "suspected": sum(miss is not None for _, miss in honest),
    }
    if args.json:
        misses = {plant.name: miss for plant, miss in results if miss is not None}
        print(json.dumps({**figures, "misses": misses}, sort_keys=True))
    else:
        _print(results)
        print(
            f"found {figures['found']} of {figures['planted']} planted leaks, suspected "
            f"{figures['suspected']} of {figures['honest']} honest twins"
        )
    return 0 if all(miss is None for _, miss in results) else 1


def _all(catalog: Path) -> Iterator[Plant]:
    yield from PLANTS
    yield from runs(catalog)


def _print(results: Sequence[tuple[Plant, str | None]]) -> None:
    table = Table(title="Planted leaks")
    table.add_column("detector", no_wrap=True)
    for name in ("planted", "outcome"):
        table.add_column(name, overflow="fold")
    for plant, miss in results:
        expected = "none, it is honest" if plant.detector is None else plant.detector.value
        right = "clean" if plant.detector is None else "found"
        table.add_row(expected, plant.name, right if miss is None else f"[bold red]{miss}[/]")
    Console().print(table)


if __name__ == "__main__":
    sys.exit(main())
