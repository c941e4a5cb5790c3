"""Bitget's websocket topics: what can be subscribed to, and how a subscription is written."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from tests.venue.candles import INTERVALS_MS
from tests.venue.dialects.bitget_books import Books
from tests.venue.dialects.bitget_memory import Row
from tests.venue.dialects.bitget_words import INST_TYPES, Names, ProblemError, interval_ms
from tests.venue.model import Product

PRIVATE: Final = ("orders", "orders-algo", "fill", "account", "positions")
TYPE_OF: Final[Mapping[Product, str]] = {product: name for name, product in INST_TYPES.items()}
_STREAMS: Final[Mapping[str, str]] = {
    "trade": "trades",
    "ticker": "ticker",
    "orders": "orders",
    "orders-algo": "orders",
    "fill": "fills",
    "account": "balances",
    "positions": "positions",
}


@dataclass(frozen=True, slots=True)
class Topic:
    """What one subscribes to; `of` is a symbol, a coin, or "default" for all."""

    inst_type: str
    channel: str
    of: str

    @property
    def arg(self) -> Row:
        """Write it as the venue does."""
        of = "coin" if self.channel == "account" else "instId"
        return {"instType": self.inst_type, "channel": self.channel, of: self.of}

    @property
    def stream(self) -> str:
        """Name it for faults."""
        if self.channel.startswith("candle"):
            return "candles"
        return "book" if self.channel.startswith("books") else _STREAMS[self.channel]


def is_served(topic: Topic, names: Names) -> bool:
    """Say whether there is such a channel of such a market."""
    product = INST_TYPES.get(topic.inst_type)
    if product is None:
        return False
    if topic.channel in PRIVATE:
        if topic.channel == "positions" and product is Product.SPOT:
            return False
        return topic.of == "default" or names.has(product, topic.of)
    if topic.channel.startswith("candle"):
        try:
            if interval_ms(topic.channel.removeprefix("candle")) not in INTERVALS_MS:
                return False
        except ProblemError:
            return False
    elif topic.channel not in ("trade", "ticker", *Books.DEPTHS):
        return False
    return names.has(product, topic.of)
