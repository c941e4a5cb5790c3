"""The data client: its life, its health, and what it watches over."""

import asyncio
from random import Random

from nautilus_trader.common import Clock, Logger
from nautilus_trader.live import ClientCache
from nautilus_trader.model import Venue

from ccxt_nt.config import CcxtDataClientConfig
from ccxt_nt.health import HealthBoard
from ccxt_nt.line.client import Line, Role
from ccxt_nt.line.clock import ClockKeeper
from ccxt_nt.line.connecting import persist
from ccxt_nt.market.feeds import Feed, Station
from ccxt_nt.market.history import History
from ccxt_nt.market.subscriptions import DataSubscriptions, Key
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.venues import profile


class CcxtDataClient(DataSubscriptions):
    """Market data of one venue and product through ccxt.

    What the venue does not have is refused with Unsupported, which the engine logs.
    """

    def __init__(
        self, *, name: str, config: CcxtDataClientConfig, cache: ClientCache, clock: Clock
    ) -> None:
        settings = config.settings
        row = profile(settings.venue, settings.product, allow_untested=settings.allow_untested)
        venue = Venue(settings.venue_name or row.venue)
        logger = Logger(f"{type(self).__name__}({venue.value})")
        line = Line(row, settings, role=Role.DATA, log=logger.warning)
        line.on_error = config.count_error
        provider = CcxtInstrumentProvider(line, venue, settings=settings, now_ns=clock.timestamp_ns)
        super().__init__(
            name=name,
            config=config,
            cache=cache,
            clock=clock,
            venue=venue,
            instrument_provider=provider,
        )
        self._log = logger
        self._line = line
        self._settings = settings
        self._failures = config.failures
        self._provider = provider
        self._venue = venue
        self._keeper = ClockKeeper(line.venue_clock, line.look_at_clock, note=logger.warning)
        self.board = HealthBoard()
        self._rng = Random(settings.seed)  # noqa: S311 - jitter, not secrets
        self._station = Station(
            line=line,
            emit=self._handle_data,
            now_ns=clock.timestamp_ns,
            board=self.board,
            log=logger.warning,
            rng=self._rng,
        )
        self._history = History(self._station)
        self._feeds: dict[Key, Feed] = {}
        self._ending: dict[Key, asyncio.Task[None]] = {}

    # ---- life ----

    async def _connect(self) -> None:
        await self._line.open()
        await persist(self._load, rng=self._rng, note=self._note, failures=self._failures)
        self._line.on_lost = self._keeper.hurry
        self._keeper.start()
        self.board.listen(self._publish)
        self._publish(self.board.report)

    def _note(self, text: str) -> None:
        self._log.warning(f"{self._line.profile.key}: {text}")

    async def _load(self) -> None:
        await self._provider.load_all_async()
        await self._line.look_at_clock()
        for instrument in self._provider.list_all():
            self._handle_instrument(instrument)

    async def _disconnect(self) -> None:
        await self._keeper.stop()
        feeds, self._feeds = self._feeds, {}
        await asyncio.gather(*(feed.stop() for feed in feeds.values()), *self._ending.values())
        await self._line.close()
