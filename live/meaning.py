"""What a request to the executor means: which instrument, which order, on which terms."""

from collections.abc import Sequence

from ccxt_nt.symbols import name_of
from ccxt_nt.values import Product
from live.answers import Kind
from morningstar_strategy.core.strict import Fields
from morningstar_strategy.core.wishes import OrderWish, Side, WishType
from morningstar_strategy.strategy import MorningstarStrategy

__all__ = ["Meaning", "Refusal", "bad"]


class Refusal(Exception):  # noqa: N818 - an answer, not a fault
    """What was asked for is not done: its kind, and why in one sentence."""

    def __init__(self, kind: Kind, message: str) -> None:
        super().__init__(message)
        self.kind = kind


def bad(message: str) -> Refusal:
    """Refuse what cannot be understood or expressed."""
    return Refusal(Kind.BAD_PARAMETERS, message)


class Meaning:
    """Reads requests against what the node trades; raises Refusal, or CommandError."""

    def __init__(self, strategies: Sequence[MorningstarStrategy]) -> None:
        self._strategies = tuple(strategies)

    def wish(self, fields: Fields) -> OrderWish:
        """Read the terms of an order."""
        _, name = self.one(fields)
        kind, side = fields.text("type"), fields.text("side")
        if kind not in WishType:
            raise bad(f"type must be one of {', '.join(WishType)}, was {kind!r:.80}")
        if side not in Side:
            raise bad(f"side must be {' or '.join(Side)}, was {side!r:.80}")
        amount, price, stop_price = (
            fields.number(each, required=False) for each in ("amount", "price", "stop_price")
        )
        reasoning = fields.text("reasoning", required=False)
        params = Fields(fields.take("params"), where="params")
        wish = OrderWish(
            symbol=name,
            type=WishType(kind),
            side=Side(side),
            amount=amount,
            price=price,
            stop_price=stop_price,
            stop_loss_price=params.number("stop_loss_price", required=False),
            take_profit_prices=params.numbers("take_profit_prices", required=False),
            expires_in_secs=params.whole("expires_in_secs"),
            reduce_only=params.flag("reduce_only", required=False),
            reasoning=reasoning,
        )
        params.finish()
        return wish

    def one(self, fields: Fields) -> tuple[MorningstarStrategy, str]:
        """Read which instrument is meant."""
        exchange = fields.text("exchange", required=False)
        return self.find(fields.text("symbol"), exchange=exchange)

    def chosen(self, fields: Fields) -> tuple[tuple[MorningstarStrategy, str], ...]:
        """Give the instruments that are meant: one, those of a venue, or all."""
        exchange = fields.text("exchange", required=False)
        symbol = fields.text("symbol", required=False)
        if symbol:
            return (self.find(symbol, exchange=exchange),)
        chosen = tuple(
            (strategy, name)
            for strategy in self._strategies
            for name in strategy.names
            if not exchange or name.endswith(f".{exchange.upper()}")
        )
        if not chosen:
            raise bad(f"exchange must be one that the node trades on, was {exchange!r:.80}")
        return chosen

    def find(self, symbol: str, *, exchange: str = "") -> tuple[MorningstarStrategy, str]:
        """Find an instrument by its id, its name without the venue, or ccxt's symbol."""
        wanted = symbol
        if "/" in symbol:
            wanted = name_of(symbol, Product.LINEAR if ":" in symbol else Product.SPOT)
        ids = {wanted, f"{wanted}.{exchange.upper()}"} if exchange else {wanted}
        found = [
            (strategy, name)
            for strategy in self._strategies
            for name in strategy.names
            if name in ids or (not exchange and name.rpartition(".")[0] == wanted)
        ]
        if len(found) != 1:
            known = ", ".join(name for each in self._strategies for name in each.names)
            word = "is ambiguous among" if found else "must be one of"
            raise bad(f"symbol {word} {known}, was {symbol!r:.80}")
        return found[0]

    def owner(self, order_id: str) -> tuple[MorningstarStrategy, str]:
        """Find the instrument whose open plan an order belongs to."""
        for strategy in self._strategies:
            if (owner := strategy.owner_of(order_id)) is not None:
                return strategy, owner[0]
        raise bad(f"order {order_id!r:.80} belongs to no open plan")
