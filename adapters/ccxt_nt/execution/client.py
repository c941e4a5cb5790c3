"""The execution client: the engine on one side, one account at a venue on the other."""

import os
from decimal import Decimal
from random import Random
from typing import Final

from nautilus_trader.common import Clock, Logger
from nautilus_trader.live import ClientCache
from nautilus_trader.model import AccountId, AccountType, OmsType, Position, TraderId, Venue

from ccxt_nt.config import CcxtExecutionClientConfig
from ccxt_nt.conversion import health_data
from ccxt_nt.errors import VenueError
from ccxt_nt.execution.account import Wallet
from ccxt_nt.execution.commands import ExecutionCommands
from ccxt_nt.execution.lines import Lines
from ccxt_nt.execution.parts import Parts, Tools
from ccxt_nt.execution.scribe import Scribe
from ccxt_nt.execution.start import Reporter
from ccxt_nt.health import HealthBoard, HealthReport
from ccxt_nt.line.connecting import persist
from ccxt_nt.orders.rounds import Ears
from ccxt_nt.orders.terms import TermsOffice, refuse_hedged
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.values import BalanceRow, Health, PositionRow, Product
from ccxt_nt.venues import profile

_STOP_SECS: Final = 5.0  # acts under way have so long to end when the node stops
_APART_LOOKS: Final = 3  # positions may differ for a moment while fills are on their way
_DOORS_SECS: Final = 10.0  # without a start-up report the engine is ready after so long


class CcxtExecutionClient(ExecutionCommands):
    """Orders of one venue and product through ccxt.

    Every command only starts a task: the engine serves commands one at a time, and would wait.
    """

    def __init__(
        self,
        *,
        name: str,
        config: CcxtExecutionClientConfig,
        cache: ClientCache,
        clock: Clock,
        trader_id: TraderId,
    ) -> None:
        settings = config.settings
        row = profile(settings.venue, settings.product, allow_untested=settings.allow_untested)
        venue = Venue(settings.venue_name or row.venue)
        self._log = Logger(f"{type(self).__name__}({venue.value})")
        self._lines = Lines.of(row, settings, environment=os.environ, log=self._log.warning)
        self._lines.count_errors(config.count_error)
        self._provider = CcxtInstrumentProvider(
            self._lines.public, venue, settings=settings, now_ns=clock.timestamp_ns
        )
        super().__init__(
            name=name,
            config=config,
            cache=cache,
            clock=clock,
            trader_id=trader_id,
            venue=venue,
            account_id=AccountId(settings.account_id or f"{venue.value}-001"),
            account_type=AccountType.CASH if row.product is Product.SPOT else AccountType.MARGIN,
            oms_type=OmsType.NETTING,
            instrument_provider=self._provider,
        )
        self._settings = settings
        self._failures = config.failures
        self._venue = venue
        self.board = HealthBoard()
        self._wallet = Wallet(note=self._log.warning)
        self._apart: dict[str, int] = {}  # looks in a row that saw another position than we
        self._tools = self._make_tools()
        lines = self._lines
        self._parts = Parts(
            lines.account, lines.orders, self._tools, settle_secs=settings.settle_secs
        )
        self._reporter = self._make_reporter()

    def _make_tools(self) -> Tools:
        note = self._log.warning
        ears = Ears(on_balances=self._take_balances, on_positions=self._take_positions, note=note)
        return Tools(
            rng=Random(self._settings.seed),  # noqa: S311 - jitter, not secrets
            note=note,
            clock=self._lines.clock,
            scribe=Scribe(self, instrument=self._provider.instrument, note=note),
            board=self.board,
            ears=ears,
        )

    def _make_reporter(self) -> Reporter:
        return Reporter(
            self,
            self._venue,
            cases=self._parts.cases,
            inquiry=self._parts.inquiry,
            provider=self._provider,
            now_ms=self._tools.now_ms,
            note=self._log.warning,
            all_symbols=self._settings.instruments is not None,
            rng=self._tools.rng,
            failures=self._failures,
        )

    # ---- life ----

    async def _connect(self) -> None:
        await self._lines.open()
        self.board.listen(self._publish)
        await persist(
            self._load,
            self._begin,
            rng=self._tools.rng,
            note=self._tools.note,
            failures=self._failures,
        )
        self._lines.keeper.start()
        self._open_doors(_DOORS_SECS)

    async def _load(self) -> None:
        """Take markets and clock from a line without keys."""
        await self._provider.load_all_async()
        await self._lines.share()
        await self._parts.inquiry.balances()  # wrong keys are told before a stream needs them
        for instrument in self._provider.list_all():
            self._handle_instrument(instrument)

    async def _begin(self) -> None:
        """Put the terms into force, then watch the account and see it whole."""
        row, settings = self._parts.desk.profile, self._settings
        lines = self._lines
        names = lines.public.symbols
        office = TermsOffice(lines.orders, row, settings, names, note=self._tools.note)
        terms = await office.begin()
        self._settle = office.settle
        symbols = self._provider.symbols if settings.instruments is not None else ()
        try:
            await self._parts.start(symbols, terms)
        except VenueError:
            await self._parts.stop(patience_secs=0.0)  # the next attempt begins anew
            raise

    async def _disconnect(self) -> None:
        await self._lines.keeper.stop()
        await self._parts.stop(patience_secs=_STOP_SECS)
        await self._lines.close()

    def _publish(self, report: HealthReport) -> None:
        now_ns = self.clock.timestamp_ns()
        venue = self._venue.value
        self._handle_data(health_data(report, venue=venue, source="execution", now_ns=now_ns))
        self._log.info(f"{report.health.value} {'; '.join(report.reasons)}")

    # ---- what the account tells ----

    def _take_balances(self, rows: tuple[BalanceRow, ...]) -> None:
        if self._wallet.take(rows):
            self.generate_account_state(
                self._wallet.balances(), [], True, self.clock.timestamp_ns()
            )

    def _take_positions(self, rows: tuple[PositionRow, ...]) -> None:
        """Compare with the engine; what fills do not explain is said, and never made up."""
        refuse_hedged(rows)
        if self._parts.desk.profile.product is Product.SPOT:
            return  # balances are all there is
        if not self._parts.cases.doors_open or self._parts.cases.wanted:
            return
        held = {row.symbol: row.quantity for row in rows if self._provider.knows(row.symbol)}
        for symbol in set(held) | set(self._apart) | self._parts.cases.symbols:
            self._compare_position(symbol, held.get(symbol, Decimal(0)))

    def _compare_position(self, symbol: str, at_venue: Decimal) -> None:
        of = self._provider.instrument(symbol)
        positions = self.cache.positions_open(instrument_id=of.id, account_id=self.account_id)
        here = sum((_signed(position) for position in positions), Decimal(0))
        if here == at_venue:
            self._apart.pop(symbol, None)
            self.board.set(f"position {symbol}", Health.HEALTHY)
            return
        looks = self._apart[symbol] = self._apart.get(symbol, 0) + 1
        if looks >= _APART_LOOKS:
            reason = f"the venue holds {at_venue}, the fills told make {here}"
            self.board.set(f"position {symbol}", Health.DEGRADED, reason)


def _signed(position: Position) -> Decimal:
    size = position.quantity.as_decimal()
    return -size if position.signed_qty < 0 else size
