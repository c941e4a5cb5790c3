"""What a session leaves beside its journal, so that it can be replayed."""

import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nautilus_trader.model import Bar, BarType
from nautilus_trader.persistence import DataCatalogConfig, ParquetDataCatalog, StreamingConfig

from catalog.streams import STREAMED
from live.supervising import tape_of
from morningstar_strategy.border import Recorder, crossings_file
from morningstar_strategy.database.address import DatabaseError
from morningstar_strategy.database.exporting import export
from morningstar_strategy.journal import HISTORY, MANIFEST, RECORD, SETTINGS
from morningstar_strategy.settings.load import SettingsError, dump_settings, load_settings
from morningstar_strategy.settings.schema import Settings

__all__ = ["Recording", "complete_earlier", "open_recording"]

_FLUSH_MS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """Where a session is recorded: the market, and what crossed each strategy's border."""

    folder: Path
    borders: tuple[Recorder, ...]
    kept: set[BarType] = field(default_factory=set)  # whose history is on disk

    @property
    def fault(self) -> str:
        """Say why the session could not be replayed as it stands, "" where it could."""
        return "; ".join(each.fault for each in self.borders if each.fault)

    def keep_history(self, bars: Sequence[Bar]) -> None:
        """Keep the bars of before the session from which a model went on."""
        if bars and bars[0].bar_type not in self.kept:  # models that only watch ask again
            self.kept.add(bars[0].bar_type)
            root = self.folder / HISTORY
            root.mkdir(exist_ok=True)
            ParquetDataCatalog(f"{root}").write_bars(list(bars))

    @property
    def streaming(self) -> StreamingConfig:
        """Have the engine write all market data that comes into a catalog of its own."""
        root = f"{self.folder / RECORD}"
        return StreamingConfig(
            root,
            catalog=DataCatalogConfig(root),
            flush_interval_ms=_FLUSH_MS,
            promote_on_close=True,
            data_types=list(STREAMED),
            record_types=[],
        )


def complete_earlier(settings: Settings, url: str, say: Callable[[str], None]) -> None:
    """Write the journals of sessions that were killed beside what they recorded.

    Only of this node's own state, of which nobody else can be running.
    """
    for folder in sorted(settings.runs.glob("*/")):
        try:
            if _is_complete(folder):
                continue
            earlier = load_settings(folder / SETTINGS)
            if earlier.node.state != settings.node.state:
                continue
            if _has_begun(folder):
                export(url, folder.name, folder, tape=tape_of(earlier), killed=True)
            else:
                shutil.rmtree(folder)
        except (SettingsError, DatabaseError, OSError) as e:  # an old record stops no session
            say(f"{folder} stays without a journal: {e}")


def _is_complete(folder: Path) -> bool:
    """Say whether nothing is to be written beside what a session recorded, if that is one."""
    return (folder / MANIFEST).exists() or not (folder / crossings_file(0)).exists()


def _has_begun(folder: Path) -> bool:
    """Say whether anything crossed a border in a session."""
    return any(path.stat().st_size for path in folder.glob(crossings_file(0).replace("001", "*")))


@contextmanager
def open_recording(
    settings: Settings, folder: Path, *, venues: int, now_ns: int
) -> Iterator[Recording | None]:
    """Record a session in its run folder; one that never began leaves nothing there."""
    if not settings.node.record:
        yield None
        return
    folder.mkdir(parents=True)
    (folder / SETTINGS).write_text(dump_settings(settings), encoding="utf-8")
    files = [folder / crossings_file(index) for index in range(venues)]
    try:
        with ExitStack() as stack:
            opened = (Recorder(path, clock_ns=lambda: now_ns) for path in files)
            borders = tuple(stack.enter_context(each) for each in opened)
            yield Recording(folder=folder, borders=borders)
    finally:
        if not _has_begun(folder):
            shutil.rmtree(folder)
