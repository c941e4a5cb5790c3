"""That a rig still lives: what happens at the exchange now reaches the engine, exactly."""

from decimal import Decimal

from nautilus_trader.model import Bar, OrderBookDeltas, QuoteTick

from ccxt_nt.values import Health, Product
from tests.fuzz.rig import Rig, wall_ms
from tests.venue.model import Product as VenueProduct

_MINUTE_MS = 60_000
_TRIES = 40


async def prove(rig: Rig) -> None:
    """Raise TimeoutError naming whatever does not come through any more."""
    await _trades(rig)
    await _bars(rig)
    await _book(rig)
    await _account(rig)
    await rig.until(lambda: rig.board.health is Health.HEALTHY, f"health: {rig.board.report}")


async def _trades(rig: Rig) -> None:
    trade = rig.tick()
    await rig.until(lambda: trade.trade_id in rig.trade_ids, f"trade {trade.trade_id} is told")
    told = rig.trade_ids[trade.trade_id]
    if (told.price.as_decimal(), told.size.as_decimal()) != (trade.price, trade.quantity):
        raise TimeoutError(f"{trade} was told as {told}")


async def _bars(rig: Rig) -> None:
    """Trade in this minute and the next; the bar of this one must be told as it was."""
    open_ms = wall_ms() // _MINUTE_MS * _MINUTE_MS
    rig.tick()
    close_ns = (open_ms + _MINUTE_MS) * 1_000_000
    await rig.until(lambda: wall_ms() >= open_ms + _MINUTE_MS, "a minute passes")
    rig.tick()
    await rig.until(lambda: close_ns in rig.bars, f"the bar that closes at {close_ns} is told")
    bar: Bar = rig.bars[close_ns]
    true = rig.exchange.candles(rig.symbol, _MINUTE_MS, open_ms, open_ms)[0]
    told = tuple(x.as_decimal() for x in (bar.open, bar.high, bar.low, bar.close))
    if told != (true.open, true.high, true.low, true.close):
        raise TimeoutError(f"{true} was told as {bar}")


async def _book(rig: Rig) -> None:
    """The book and the quotes are the exchange's, at the latest after a reconnection."""
    for attempt in range(_TRIES):
        before = rig.engine.taken[OrderBookDeltas], rig.engine.taken[QuoteTick]
        rig.tick()
        await rig.settle(1.0)
        after = rig.engine.taken[OrderBookDeltas], rig.engine.taken[QuoteTick]
        if after > before and after[1] > before[1] and _is_true(rig):
            return
        if attempt == _TRIES // 2:
            for pipe in [pipe for pipe in rig.network.pipes if pipe.line == "data"]:
                pipe.hang_up()
    raise TimeoutError(f"the book is not the exchange's: {_tops(rig)}")


def _is_true(rig: Rig) -> bool:
    ours, quoted, theirs = _tops(rig)
    return ours == theirs == quoted


def _tops(rig: Rig) -> tuple[object, object, object]:
    true = rig.exchange.book(rig.symbol)
    book = rig.engine.books.get(str(rig.provider.instrument(rig.symbol).id))
    quote = rig.engine.last.get(QuoteTick)
    theirs = (true.bids[0].price, true.asks[0].price)
    ours: object = None
    bid, ask = (book.best_bid_price(), book.best_ask_price()) if book else (None, None)
    if bid is not None and ask is not None:
        ours = (bid.as_decimal(), ask.as_decimal())
    quoted = None if quote is None else (quote.bid_price.as_decimal(), quote.ask_price.as_decimal())
    return ours, quoted, theirs


async def _account(rig: Rig) -> None:
    """An order of ours is accepted, filled, and paid for."""
    await rig.until(lambda: rig.board.health is not Health.BLIND, "the account is seen")
    last = rig.exchange.last(rig.symbol)
    assert last is not None  # it ticked
    price = last - rig.exchange.listings[rig.symbol].tick * 60
    name = await rig.trade(price, buys=True)
    await rig.until(lambda: ("accepted", name) in rig.account.events, f"{name} is accepted")
    await rig.until(lambda: ("filled", name) in rig.account.events, f"{name} is filled")
    order = rig.exchange.order(client_id=rig.parts.codec.encode(name))
    true = {fill.trade_id for fill in rig.exchange.fills(order_id=order.order_id)}  # type: ignore[union-attr]
    await rig.until(lambda: _told(rig, name) == true, f"{name} has the fills {true}")
    await rig.until(lambda: _is_paid(rig), f"balances become the exchange's: {_wallets(rig)}")
    if rig.product is Product.LINEAR:
        position = rig.exchange.position(rig.symbol).quantity
        await rig.until(
            lambda: rig.account.positions.get(rig.symbol, Decimal(0)) == position,
            f"the position becomes {position}, was {rig.account.positions}",
        )


def _told(rig: Rig, name: str) -> set[str]:
    return {trade_id for own, trade_id in rig.account.fills if own == name}


def _is_paid(rig: Rig) -> bool:
    ours, theirs = _wallets(rig)
    room = Decimal("1e-7") + _unrealised(rig)
    return all(abs(ours.get(coin, Decimal(0)) - total) <= room for coin, total in theirs)


def _unrealised(rig: Rig) -> Decimal:
    """Reckon what an equity may differ from a balance by."""
    if rig.product is Product.SPOT:
        return Decimal(0)
    position = rig.exchange.position(rig.symbol)
    size = position.quantity * rig.exchange.listings[rig.symbol].contract_size
    prices = rig.exchange.last(rig.symbol) or Decimal(0), rig.exchange.mark(rig.symbol)
    return max(abs(size * (price - position.entry_price)) for price in prices) + Decimal("0.01")


def _wallets(rig: Rig) -> tuple[dict[str, Decimal], list[tuple[str, Decimal]]]:
    kind = VenueProduct.SPOT if rig.product is Product.SPOT else VenueProduct.PERP
    true = rig.exchange.balances(kind)
    ours = {b.currency.code: b.total.as_decimal() for b in rig.account.wallet.balances()}
    return ours, [(coin, balance.total) for coin, balance in true.items()]
