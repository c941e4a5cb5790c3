"""Two actors that share data with each other, and retire one after the other."""

from typing import Any

from nautilus_trader.common import DataActor, DataActorConfig
from nautilus_trader.live import LiveNode
from nautilus_trader.model import ActorId, BarType, InstrumentId

# `Any` in this module: the engine's constructors take what they do not declare


class Listener(DataActor):
    """Counts the trades, and the bars made of them, once it is told to listen."""

    def __new__(cls, name: str) -> "Listener":
        """Keep our own argument away from the engine's constructor."""
        return super().__new__(cls, DataActorConfig(actor_id=ActorId(name)))  # type: ignore[call-arg] # the stub has only __init__

    def __init__(self, name: str) -> None:
        del name
        self.trades = 0
        self.bars = 0
        self.is_gone = False

    def listen(self, instrument_id: InstrumentId) -> None:
        """Subscribe to trades and to bars that the engine makes of them."""
        self.subscribe_trades(instrument_id)
        self.subscribe_bars(BarType.from_str(f"{instrument_id}-3-TICK-LAST-INTERNAL"))

    def retire(self) -> None:
        """Stop and go, subscriptions and all."""
        self.stop()
        self.dispose()

    def on_trade(self, trade: Any) -> None:
        """Count it."""
        self.trades += 1

    def on_bar(self, bar: Any) -> None:
        """Count it."""
        self.bars += 1

    def on_dispose(self) -> None:
        """Note it."""
        self.is_gone = True


class Listeners:
    """The two of them."""

    def __init__(self, instrument_id: InstrumentId) -> None:
        self.instrument_id = instrument_id
        self.both = (Listener("LISTENER-1"), Listener("LISTENER-2"))

    def add_to(self, node: LiveNode) -> None:
        """Put them on a node."""
        for each in self.both:
            node.add_actor(each)
