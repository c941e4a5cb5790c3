"""A plain node and strategy: python adapters/examples/quickstart.py [bitget|kucoin|gate]."""

import os
import sys

from nautilus_trader.common import Environment
from nautilus_trader.live import LiveNode
from nautilus_trader.model import InstrumentId, OrderFilled, OrderSide, QuoteTick, TraderId
from nautilus_trader.trading import Strategy

from ccxt_nt import clients_for
from tests.venue.local import LocalVenue  # the real venue needs neither this
from tests.venue.markets import WalkMarket  # nor this


class BuyOnce(Strategy):
    def on_start(self) -> None:
        self.subscribe_quotes(INSTRUMENT_ID)

    def on_quote(self, quote: QuoteTick) -> None:
        if not self.cache.orders():
            quantity = self.cache.instrument(INSTRUMENT_ID).min_quantity
            self.submit_order(self.order_factory.market(INSTRUMENT_ID, OrderSide.BUY, quantity))

    def on_order_filled(self, event: OrderFilled) -> None:
        print(f"bought {event.last_qty} at {event.last_px}, fee {event.commission}")
        handle.stop()


venue = sys.argv[1] if len(sys.argv) > 1 else "bitget"
INSTRUMENT_ID = InstrumentId.from_str(f"BTCUSDT-PERP.{venue.upper()}")
with LocalVenue(venue, market=WalkMarket(seed=1)) as exchange:
    os.environ |= exchange.environment  # your own keys: BITGET_API_KEY, ..._SECRET, ..._PASSPHRASE
    builder = LiveNode.builder("QUICKSTART", TraderId("TRADER-001"), Environment.LIVE)
    builder = builder.with_delay_post_stop_secs(1)
    node = clients_for(venue, endpoint=exchange.url).add_to(builder).build()
    node.add_strategy(BuyOnce())
    handle = node.handle()
    node.run()
