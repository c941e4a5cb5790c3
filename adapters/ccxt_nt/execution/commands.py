"""The hooks by which the engine commands and questions an execution client."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final

from nautilus_trader.live import (
    BatchCancelOrders,
    CancelAllOrders,
    CancelOrder,
    GenerateFillReports,
    GenerateOrderStatusReport,
    GenerateOrderStatusReports,
    GeneratePositionStatusReports,
    ModifyOrder,
    QueryAccount,
    QueryOrder,
    SubmitOrder,
    SubmitOrderList,
)
from nautilus_trader.live.clients import ExecutionClient
from nautilus_trader.model import (
    ClientOrderId,
    ExecutionMassStatus,
    FillReport,
    InstrumentId,
    OrderStatusReport,
    PositionStatusReport,
    StrategyId,
    VenueOrderId,
)

from ccxt_nt.errors import Unknown, Unsupported
from ccxt_nt.execution.parts import Parts, Tools
from ccxt_nt.execution.start import Reporter
from ccxt_nt.execution.tickets import decimal, refuse_off_grid, ticket, told
from ccxt_nt.health import HealthBoard
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.desk import Change, is_protective
from ccxt_nt.providers import CcxtInstrumentProvider
from ccxt_nt.values import Health, Ticket

# `Any` in this module: the engine's stubs have no common type of orders

_BLIND: Final = "the account cannot be seen, so nothing that adds risk is sent"
_AFTER_START_SECS: Final = 1.0  # the engine takes in its start-up report meanwhile
_OVERLAP_MS: Final = 60_000


class ExecutionCommands(ExecutionClient):
    """Starts one task per command and returns at once; reports are asked for by REST."""

    board: HealthBoard
    _parts: Parts
    _tools: Tools
    _reporter: Reporter
    _provider: CcxtInstrumentProvider
    _settle: Callable[[str], Awaitable[None]]

    # ---- submit ----

    async def _submit_order(self, command: SubmitOrder) -> None:
        self._submit(command.client_order_id)

    async def _submit_order_list(self, command: SubmitOrderList) -> None:
        for initialized in command.order_inits:
            self._submit(initialized.client_order_id)

    def _submit(self, client_order_id: ClientOrderId) -> None:
        order = self.cache.order(client_order_id)
        try:
            sent = self._ticket(order)
        except (Unsupported, ValueError) as e:
            self.generate_order_denied(order, str(e))
            return
        parts = self._parts
        since_ms = self._tools.now_ms() - _OVERLAP_MS
        case = parts.cases.open(client_order_id.value, sent, told(sent), since_ms=since_ms)
        self.generate_order_submitted(order)
        act = parts.acts.submit(case, ready=lambda: self._ready(sent))
        parts.spawn(act, f"submit {client_order_id.value}")

    async def _ready(self, sent: Ticket) -> None:
        """Make sure of a symbol's terms and streams, before its first order is sent."""
        await self._settle(sent.symbol)
        await self._parts.watching.cover(sent.symbol)
        self._refuse_blind(sent)  # its streams may not have been had, or others may be gone

    def _ticket(self, order: Any) -> Ticket:
        """Read an order; raises Unsupported or ValueError with the reason to deny it."""
        market = self._provider.market(order.instrument_id)
        client_id = self._parts.codec.encode(order.client_order_id.value)
        sent = ticket(order, symbol=market.symbol, client_id=client_id)
        self._parts.desk.check(sent)
        lots = None if sent.quantity_in_quote else sent.quantity
        refuse_off_grid(market, lots, sent.price, sent.trigger_price)
        self._refuse_blind(sent)
        return sent

    def _refuse_blind(self, sent: Ticket) -> None:
        """Raise Unsupported while the account is not seen, for all but protective orders."""
        if self.board.health is Health.BLIND and not is_protective(sent, self._parts.desk.profile):
            raise Unsupported(f"{_BLIND}: {'; '.join(self.board.report.reasons)}")

    # ---- change and cancel ----

    async def _modify_order(self, command: ModifyOrder) -> None:
        case = self._case(command.client_order_id)
        if case is None:
            reason = "the adapter does not know this order"
            self._refuse_change(command, reason)
            return
        change = Change(
            quantity=decimal(command.quantity) or case.ticket.quantity,
            price=decimal(command.price) or case.ticket.price,
            trigger_price=decimal(command.trigger_price) or case.ticket.trigger_price,
        )
        try:
            market = self._provider.market(command.instrument_id)
            refuse_off_grid(market, change.quantity, change.price, change.trigger_price)
            if self._adds_risk(case.ticket, change):
                self._refuse_blind(case.ticket)
        except Unsupported as e:
            self._refuse_change(command, str(e))
            return
        act = self._parts.acts.change(case, change)
        self._parts.spawn(act, f"change {command.client_order_id.value}")

    @staticmethod
    def _adds_risk(sent: Ticket, change: Change) -> bool:
        """Say whether an order would get larger, or another price."""
        prices = (sent.price, sent.trigger_price)
        return change.quantity > sent.quantity or (change.price, change.trigger_price) != prices

    def _refuse_change(self, command: ModifyOrder, reason: str) -> None:
        order = self.cache.order(command.client_order_id)
        now_ns = self.clock.timestamp_ns()
        self.generate_order_modify_rejected(order, command.venue_order_id, reason, now_ns)

    async def _cancel_order(self, command: CancelOrder) -> None:
        case = self._case(command.client_order_id)
        if case is None:
            order = self.cache.order(command.client_order_id)
            reason, now_ns = "the adapter does not know this order", self.clock.timestamp_ns()
            self.generate_order_cancel_rejected(order, command.venue_order_id, reason, now_ns)
            return
        self._parts.spawn(self._parts.acts.cancel(case), f"cancel {command.client_order_id.value}")

    async def _batch_cancel_orders(self, command: BatchCancelOrders) -> None:
        cases = [self._case(cancel.client_order_id) for cancel in command.cancels]
        known = [case for case in cases if case is not None]
        for cancel, case in zip(command.cancels, cases, strict=True):
            if case is None:
                await self._cancel_order(cancel)
        self._parts.spawn(self._parts.acts.cancel_many(known), "cancel several")

    async def _cancel_all_orders(self, command: CancelAllOrders) -> None:
        orders = self.cache.orders_open(
            instrument_id=command.instrument_id,
            strategy_id=command.strategy_id,
            side=command.order_side,
        )
        cases = [self._case(order.client_order_id) for order in orders]
        known = [case for case in cases if case is not None]
        self._parts.spawn(self._parts.acts.cancel_many(known), "cancel all")

    def _case(self, client_order_id: ClientOrderId) -> Case | None:
        return self._parts.cases.find(client_order_id.value)

    # ---- questions ----

    async def _query_account(self, command: QueryAccount) -> None:
        self._parts.spawn(self._parts.watching.round(), "query account")

    async def _query_order(self, command: QueryOrder) -> None:
        case = self._case(command.client_order_id)
        if case is not None and case.ledger.legs:
            self._parts.spawn(self._ask_for(case), f"query {command.client_order_id.value}")

    async def _ask_for(self, case: Case) -> None:
        self._parts.cases.take_order(await self._parts.inquiry.find(self._parts.cases.key(case)))

    async def _register_external_order(
        self,
        client_order_id: ClientOrderId,
        venue_order_id: VenueOrderId | None,
        instrument_id: InstrumentId,
        strategy_id: StrategyId,
        ts_init: int,
    ) -> None:
        if venue_order_id is not None:
            self._parts.cases.registered(client_order_id.value, venue_order_id.value)

    async def _generate_mass_status(self, lookback_mins: int | None) -> ExecutionMassStatus:
        status = await self._reporter.mass_status(lookback_mins)
        self._open_doors(_AFTER_START_SECS)
        return status

    def _open_doors(self, secs: float) -> None:
        """Let orders of others be announced, once the engine has taken in how things began."""
        asyncio.get_running_loop().call_later(secs, self._parts.cases.open_doors)

    async def _generate_order_status_report(
        self, command: GenerateOrderStatusReport
    ) -> OrderStatusReport:
        """Report one order; raises rather than say that there is none, which would end it."""
        named = command.client_order_id
        case = None if named is None else self._case(named)
        if case is None or not case.ledger.legs:
            raise Unknown(f"order {named} is not known to be at the venue, or not yet")
        found = self._parts.cases.key(case)
        row = await self._parts.inquiry.find(found)
        return self._reporter.one(case, row)

    async def _generate_order_status_reports(
        self, command: GenerateOrderStatusReports
    ) -> list[OrderStatusReport]:
        return await self._reporter.orders(since_ms=_ms(command.start), open_only=command.open_only)

    async def _generate_fill_reports(self, command: GenerateFillReports) -> list[FillReport]:
        return await self._reporter.fills(since_ms=_ms(command.start))

    async def _generate_position_status_reports(
        self, command: GeneratePositionStatusReports
    ) -> list[PositionStatusReport]:
        return await self._reporter.positions()


def _ms(ns: int | None) -> int | None:
    return None if ns is None else ns // 1_000_000
