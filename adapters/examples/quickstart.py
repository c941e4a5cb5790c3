"""A plain node and strategy: python adapters/examples/quickstart.py [bitget|kucoin|gate]."""

import os
import sys
from pathlib import Path

from nautilus_trader.common import Environment
from nautilus_trader.live import LiveNode
from nautilus_trader.model import InstrumentId, OrderFilled, OrderSide, QuoteTick, TraderId
from nautilus_trader.trading import Strategy

from ccxt_nt import clients_for

sys.path.insert(0, str(Path(__file__).parents[2]))  # the local exchange lives beside the tests
from tests.venue.local import LocalVenue


class BuyOnce(Strategy):
    """Buys the least amount at the first quote, and stops the node when it filled."""

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
with LocalVenue(venue) as exchange:  # for the real venue leave this out, and `endpoint` below
    os.environ |= exchange.environment  # your own keys: BITGET_API_KEY, ..._SECRET, ..._PASSPHRASE
    builder = LiveNode.builder("QUICKSTART", TraderId("TRADER-001"), Environment.LIVE)
    node = clients_for(venue, endpoint=exchange.url).add_to(builder).build()
    node.add_strategy(BuyOnce())
    handle = node.handle()
    node.run()
