"""What happens on start and stop, with the engine's own testers: ExecTester and DataTester."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from nautilus_trader.live import LiveNode
from nautilus_trader.model import ClientId, InstrumentId, Quantity, StrategyId
from nautilus_trader.testkit import DataTesterConfig, ExecTesterConfig

from ccxt_nt.ids import codec
from ccxt_nt.profiles import MarketBuy, Profile
from ccxt_nt.values import Product
from tests.conformance.bench import NOTIONAL, Bench
from tests.conformance.checks import must
from tests.conformance.reasons import reason
from tests.venue.local import LocalVenue
from tests.venue.model import Fill, Order, Side, Status

# `Any` in this module: the engine's stubs have no common type of configs

CASES: Final = ("TC-E41", "TC-E42", "TC-E43", "TC-E80", "TC-E81", "TC-E82", "TC-E83")
_PRICES: Final = {"BTC": Decimal(60_000), "ETH": Decimal(3_000)}


@dataclass(slots=True)
class Stop:
    """One node whose testers trade until it stops, and what the exchange says afterwards."""

    venue: LocalVenue
    row: Profile
    bench: Bench | None = None

    # ---- before ----

    def prepare(self, node: LiveNode) -> None:
        """Add the testers: a position and two limits, two limits each, and market data."""
        for tag, config in self._configs().items():
            config = {"strategy_id": StrategyId(f"TESTER-{tag}"), "log_data": False, **config}
            node.add_builtin_strategy("ExecTester", ExecTesterConfig(**config))
        watched = DataTesterConfig(
            client_id=ClientId(self.row.venue),
            instrument_ids=[self._id("BTC")],
            subscribe_quotes=True,
            subscribe_trades=True,
            subscribe_book_deltas=True,
            request_instruments=True,
            log_data=False,
        )
        node.add_builtin_actor("DataTester", watched)

    def _configs(self) -> Mapping[str, Mapping[str, Any]]:
        limits = {"enable_limit_buys": True, "enable_limit_sells": True, "use_post_only": True}
        eth = {**self._common("ETH"), **limits, "reduce_only_on_stop": False}
        return {
            "011": self._position(),
            "012": {**self._common("BTC"), **limits, "reduce_only_on_stop": False},
            "013": {**eth, "use_individual_cancels_on_stop": True},
            "014": {**eth, "use_batch_cancel_on_stop": True},
        }

    def _position(self) -> Mapping[str, Any]:
        common = self._common("BTC")
        by_cost = self.row.market_buy is MarketBuy.COST
        amount = NOTIONAL if by_cost else Decimal(str(common["order_qty"]))
        return {
            **common,
            "order_qty": Quantity.from_str(str(amount)),
            "open_position_on_start_qty": amount,
            "use_quote_quantity": by_cost,
            "enable_limit_buys": False,
            "enable_limit_sells": False,
            "reduce_only_on_stop": self.row.reduce_only,
        }

    def _common(self, base: str) -> dict[str, Any]:
        listing = self.venue.exchange.listings[self._symbol(base)]
        coins = NOTIONAL / _PRICES[base] / listing.contract_size
        quantity = coins - coins % listing.lot
        return {
            "instrument_id": self._id(base),
            "client_id": ClientId(self.row.venue),
            "order_qty": Quantity.from_str(format(quantity, "f")),
            "subscribe_trades": True,
        }

    def _symbol(self, base: str) -> str:
        return f"{base}/USDT" if self.row.product is Product.SPOT else f"{base}/USDT:USDT"

    def _id(self, base: str) -> InstrumentId:
        name = f"{base}USDT" if self.row.product is Product.SPOT else f"{base}USDT-PERP"
        return InstrumentId.from_str(f"{name}.{self.row.venue}")

    # ---- while it runs ----

    async def settled(self, bench: Bench) -> None:
        """Wait until every tester has done what it does on start."""
        self.bench = bench

        def stirred() -> bool:
            for base, price in _PRICES.items():
                self._tick(self._symbol(base), price)
            resting = bench.open_at_venue()
            return len(resting) == 6 and any(o.status is Status.FILLED for o in self.of("011"))

        await bench.until(stirred, "a position and six limits")
        cache = bench.cache
        await bench.until(lambda: len(cache.orders_open()) == 6, "six limits in the engine")

    def _tick(self, symbol: str, price: Decimal) -> None:
        lot = self.venue.exchange.listings[symbol].lot
        self.venue.call(lambda e: e.tick(symbol, price, lot, Side.BUY))

    # ---- afterwards ----

    def of(self, tag: str) -> list[Order]:
        """List the orders of one tester as the exchange has them, oldest first."""
        decode = codec(self.row.codec).decode
        placed = self.venue.call(lambda e: list(e.truth.placed.values()))
        return [o for o in placed if f"-{tag}-" in (decode(o.ask.client_id or "") or "")]

    def _canceled(self, tag: str) -> None:
        orders = self.of(tag)
        must(len(orders) == 2, f"{len(orders)} orders were placed, must be 2")
        for order in orders:
            must(order.status is Status.CANCELED, f"after the stop the venue has it {order.status}")

    def _batched(self) -> None:
        self._canceled("014")
        ids = [order.order_id for order in self.of("014")]
        sent = [seen for seen in self.venue.requests if seen.purpose == "cancel"]
        told = [seen for seen in sent if all(i in seen.body + str(seen.query) for i in ids)]
        must(len(told) == 1, f"{len(told)} requests cancel both orders of the batch, must be 1")

    def _opened(self) -> None:
        orders = self.of("011")
        must(orders and orders[0].status is Status.FILLED, "no position was opened on start")
        must(orders[0].ask.side is Side.BUY, "it was opened on the wrong side")

    def _closed(self) -> None:
        orders = self.of("011")
        must(len(orders) == 2, f"{len(orders)} orders were placed, must be 2")
        opening, closing = orders
        must(closing.ask.side is Side.SELL, "the closing order is on the wrong side")
        # What the venue took as a fee of the coins received was never held
        fee = sum((fill.fee for fill in self._fills(opening) if fill.fee_coin == "BTC"), Decimal(0))
        lot = self.venue.exchange.listings[self._symbol("BTC")].lot
        held = opening.filled - fee
        must(closing.filled == held - held % lot, f"{closing.filled} closed of {held}")
        must(closing.ask.reduce_only is self.row.reduce_only, "reduce-only was not sent")
        if self.row.product is Product.LINEAR:
            held = self.venue.call(lambda e: e.position(self._symbol("BTC")).quantity)
            must(not held, f"the venue still holds {held}")

    def _fills(self, order: Order) -> list[Fill]:
        return self.venue.call(lambda e: e.fills(order_id=order.order_id))

    def _silent(self) -> None:
        left = len(self.venue.sockets)
        must(not left, f"{left} connections are still open")

    def _all_canceled(self) -> None:
        left = self.venue.call(lambda e: e.orders(open_only=True))
        must(not left, f"{len(left)} orders are left at the venue")

    def outcomes(self) -> Iterator[tuple[str, str | None]]:
        """Give each case and what is wrong with it, None where nothing is."""
        checks: Mapping[str, Callable[[], None]] = {
            "TC-E41": lambda: self._canceled("012"),
            "TC-E42": lambda: self._canceled("013"),
            "TC-E43": self._batched,
            "TC-E80": self._opened,
            "TC-E81": self._all_canceled,
            "TC-E82": self._closed,
            "TC-E83": self._silent,
        }
        for case_id in applicable(CASES, self.row):
            try:
                checks[case_id]()
            except AssertionError as e:
                yield case_id, str(e)
            else:
                yield case_id, None


def applicable(cases: Sequence[str], row: Profile) -> list[str]:
    """Leave out what does not apply: the main session tells why."""
    return [case_id for case_id in cases if reason(case_id, row) is None]
