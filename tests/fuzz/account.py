"""The engine's side of an account: orders, events, balances, reports, each of them checked."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.model import (
    AccountId,
    ClientOrderId,
    FillReport,
    InstrumentId,
    OrderStatus,
    OrderStatusReport,
    StrategyId,
    TradeId,
    VenueOrderId,
)

from ccxt_nt.conversion import Instrument
from ccxt_nt.execution.account import Wallet
from ccxt_nt.execution.reports import commission, position_report
from ccxt_nt.orders.case import Case
from ccxt_nt.orders.story import Filled, Saying
from ccxt_nt.orders.terms import refuse_hedged
from ccxt_nt.values import BalanceRow, FillRow, PositionRow
from tests.fuzz.oracle import BrokenError, Claims, Engine

# `Any` in this module: the engine's events are calls with its own types

ACCOUNT_ID: Final = AccountId("FUZZ-001")
STRATEGY_ID: Final = StrategyId("FUZZ-001")


@dataclass(frozen=True, slots=True, kw_only=True)
class EngineOrder:
    """As much of an engine's order as is asked for when events are written."""

    client_order_id: ClientOrderId
    instrument_id: InstrumentId
    strategy_id: StrategyId = STRATEGY_ID
    has_price: bool = True
    has_trigger_price: bool = False
    is_closed: bool = False
    trade_ids: list[TradeId] = field(default_factory=list)
    status: OrderStatus = OrderStatus.SUBMITTED


@dataclass(slots=True, kw_only=True)
class Cache:
    """The orders that the engine knows."""

    orders: dict[str, EngineOrder] = field(default_factory=dict)

    def order(self, client_order_id: ClientOrderId) -> EngineOrder | None:
        """Find one."""
        return self.orders.get(client_order_id.value)


class Account:
    """Stands where the execution client stands: takes what is written, and checks it."""

    def __init__(self, engine: Engine, claims: Claims, *, now_ns: Callable[[], int]) -> None:
        self.account_id = ACCOUNT_ID
        self.cache = Cache()
        self.clock = self
        self.timestamp_ns = now_ns
        self.events: list[tuple[str, str]] = []  # what was written, of which order
        self.fills: dict[tuple[str, str], int] = {}  # by order and trade id: how often told
        self.refusals: list[str] = []
        self.wallet = Wallet()
        self.positions: dict[str, Decimal] = {}
        self.reported: list[tuple[str, str]] = []  # external orders: engine's id, venue's id
        self._engine = engine
        self._claims = claims

    def generate_order_rejected(self, order: Any, reason: str, *_: Any) -> None:
        """Take a refusal."""
        self.refusals.append(reason)
        self.events.append(("rejected", order.client_order_id.value))

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Take an event that carries no amounts."""
        if not name.startswith("generate_order_"):
            raise AttributeError(name)

        def write(order: EngineOrder, *_: Any) -> None:
            self.events.append((name.removeprefix("generate_order_"), order.client_order_id.value))

        return write

    def generate_order_updated(
        self,
        order: EngineOrder,
        venue_order_id: VenueOrderId,
        quantity: Any,
        price: Any,
        trigger_price: Any,
        protection_price: Any,
        ts_event: int,
    ) -> None:
        """Take an order's new terms."""
        del venue_order_id, protection_price, ts_event
        self._insist(quantity.as_decimal() > 0, f"an order was updated to {quantity}")
        for value in (price, trigger_price):
            self._insist(value is None or value.as_decimal() > 0, f"updated to a price of {value}")
        self.events.append(("updated", order.client_order_id.value))

    def generate_order_filled(
        self,
        order: EngineOrder,
        venue_order_id: VenueOrderId,
        venue_position_id: Any,
        trade_id: Any,
        quantity: Any,
        price: Any,
        currency: Any,
        commission: Any,
        liquidity: Any,
        ts_event: int,
    ) -> None:
        """Take a fill; the same one twice is a fault."""
        del venue_order_id, venue_position_id, currency, liquidity, ts_event
        order.trade_ids.append(trade_id)
        named = order.client_order_id.value, trade_id.value
        self.fills[named] = self.fills.get(named, 0) + 1
        self._insist(self.fills[named] == 1, f"fill {named} was told twice")
        self._insist(quantity.as_decimal() > 0, f"fill {named} of {quantity}")
        self._insist(price.as_decimal() > 0, f"fill {named} at {price}")
        self._insist(commission.as_decimal().is_finite(), f"fill {named} cost {commission}")
        self.events.append(("filled", named[0]))

    def _handle_report(
        self, report: OrderStatusReport | FillReport, fills: Sequence[FillReport] = ()
    ) -> None:
        for each in (report, *fills):
            self._engine.take(each)
        if isinstance(report, OrderStatusReport) and not fills:
            venue_id = report.venue_order_id.value
            own = report.client_order_id
            self.reported.append((venue_id if own is None else own.value, venue_id))

    # ---- what the harness itself does ----

    def told(self, case: Case, saying: Saying) -> None:
        """Check a saying before it is written: its fill must have been told by the venue."""
        if isinstance(saying, Filled):
            self.check_fill(saying.fill)

    def check_fill(self, fill: FillRow) -> None:
        """Note it as a fault where nothing delivered told this fill."""
        try:
            self._claims.check(fill)
        except BrokenError as e:
            self._engine.faults.append(e)

    def take_balances(self, rows: tuple[BalanceRow, ...]) -> None:
        """Do as the execution client does with balances."""
        if self.wallet.take(rows):
            for balance in self.wallet.balances():
                self._engine.take(balance)

    def take_positions(
        self, rows: tuple[PositionRow, ...], instrument_of: Callable[[str], Instrument | None]
    ) -> None:
        """Do as the execution client does with positions, and report them as at a start."""
        refuse_hedged(rows)
        now = self.timestamp_ns()
        self.positions.clear()  # all that are not flat are told
        for row in rows:
            of = instrument_of(row.symbol)
            if of is not None:
                self.positions[row.symbol] = row.quantity
                report = position_report(row, of, account_id=self.account_id, ts_init=now)
                self._engine.take(report)

    def fee_of(self, fill: FillRow, of: Instrument) -> Decimal:
        """Give the fee that the engine is told."""
        return Decimal(str(commission(fill, of).as_decimal()))

    def _insist(self, test: object, sentence: str) -> None:
        if not test:
            self._engine.faults.append(BrokenError(sentence))
