"""What the engine streamed of a session, turned into a catalog where a kill kept it from that."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from nautilus_trader.common import Environment
from nautilus_trader.model import NautilusDataType
from nautilus_trader.persistence import ParquetDataCatalog

from catalog.errors import CatalogError

__all__ = ["STREAMED", "promote"]

_DATA: Final = "data"
_LIVE: Final = "live"
_STREAMS: Final = (_LIVE, "sandbox")  # the engine's names for what it streams; paper is the latter

STREAMED: Final = (
    NautilusDataType.Instrument,
    NautilusDataType.Bar,
    NautilusDataType.TradeTick,
    NautilusDataType.QuoteTick,
    NautilusDataType.FundingRateUpdate,
)


def promote(root: Path) -> bool:
    """Bring what a killed session streamed into its catalog; say whether there was anything to do.

    A session that ended in order did so itself. The catalog is there whole or not at all, also
    where two do this at once. Raises CatalogError where it cannot be read or written.
    """
    held, streamed = root / _DATA, [root / each for each in _STREAMS if (root / each).is_dir()]
    if held.exists() or not streamed:
        return False
    try:
        with TemporaryDirectory(prefix=".promoting-", dir=root) as made:
            (Path(made) / _LIVE).symlink_to(streamed[0].resolve())
            _convert(Path(made))
            if (Path(made) / _DATA).exists() and not held.exists():
                (Path(made) / _DATA).rename(held)
    except (OSError, ValueError, RuntimeError) as e:
        raise CatalogError(f"what was streamed to {root} cannot be read: {e}") from e
    return True


def _convert(root: Path) -> None:
    catalog = ParquetDataCatalog(f"{root}")
    for run in catalog.list_live_runs():
        for kind in STREAMED:
            catalog.convert_stream_to_data(run, kind, environment=Environment.LIVE)
