"""What the engine streamed of a session, turned into a catalog where a kill kept it from that."""

from pathlib import Path
from typing import Final

from nautilus_trader.common import Environment
from nautilus_trader.model import NautilusDataType
from nautilus_trader.persistence import ParquetDataCatalog

from catalog.errors import CatalogError

__all__ = ["STREAMED", "promote"]

STREAMED: Final = (
    NautilusDataType.Instrument,
    NautilusDataType.Bar,
    NautilusDataType.TradeTick,
    NautilusDataType.QuoteTick,
    NautilusDataType.FundingRateUpdate,
)


def promote(root: Path) -> bool:
    """Bring what a killed session streamed into its catalog; say whether there was anything to do.

    A session that ended in order did so itself. Raises CatalogError where it cannot be read.
    """
    if (root / "data").exists() or not (root / "live").is_dir():
        return False
    catalog = ParquetDataCatalog(f"{root}")
    try:
        for run in catalog.list_live_runs():
            for kind in STREAMED:
                catalog.convert_stream_to_data(run, kind, environment=Environment.LIVE)
    except (OSError, ValueError, RuntimeError) as e:
        raise CatalogError(f"what was streamed to {root} cannot be read: {e}") from e
    return True
