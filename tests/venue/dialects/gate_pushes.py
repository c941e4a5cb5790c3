"""What happens on the exchange, as Gate pushes it."""

from collections.abc import Callable
from decimal import Decimal
from functools import partial

from tests.venue.dialects import gate_books as books
from tests.venue.dialects import gate_futures_rows as futures
from tests.venue.dialects import gate_margin_rows as money
from tests.venue.dialects import gate_spot_rows as spot
from tests.venue.dialects.gate_figures import (
    INTERVALS_MS,
    book_ticker,
    futures_candle_push,
    futures_ticker,
    spot_candle_push,
    spot_ticker,
    spot_trade_push,
)
from tests.venue.dialects.gate_house import House
from tests.venue.dialects.gate_topics import ALL, Topics
from tests.venue.dialects.gate_words import ZERO, Row, market_id, text
from tests.venue.model import (
    Balance,
    BalanceChanged,
    BookChanged,
    CandleChanged,
    Event,
    Fill,
    Listing,
    MarkChanged,
    Order,
    OrderChanged,
    Position,
    PositionChanged,
    Product,
    PublicTrade,
    Traded,
)
from tests.venue.wire import Json

_INTERVAL_NAMES = {width: name for name, width in INTERVALS_MS.items()}
_OBU_LEVELS = ("50", "400")


class Pushes:
    """Turns events into frames for whoever subscribed."""

    def __init__(self, house: House, topics: Topics) -> None:
        self._house = house
        self._topics = topics
        self._unpaid: list[Fill] = []  # perpetual fills whose money has not moved yet
        for product in Product:
            for coin, balance in house.exchange.balances(product).items():
                house.memory.totals[product, coin] = balance.total
                house.memory.held[product, coin] = balance.held

    def happened(self, event: Event) -> None:
        """Push one event."""
        self._house.memory.updates += 1
        match event:
            case Traded(trade=trade):
                self._traded(trade)
            case BookChanged():
                self._book_changed(event)
            case CandleChanged():
                self._candle_changed(event)
            case MarkChanged():
                self._mark_changed(event.symbol)
            case _:
                self._account_changed(event)

    def _account_changed(self, event: OrderChanged | BalanceChanged | PositionChanged) -> None:
        match event:
            case OrderChanged(order=order, fill=fill):
                if fill is not None:
                    self._filled(fill)
                self._order_changed(order)
            case BalanceChanged(product=product, balances=balances):
                for balance in balances.values():
                    self._balance_changed(product, balance)
            case PositionChanged(position=position):
                self._position_changed(position)

    # ---- the market ----

    def _traded(self, trade: PublicTrade) -> None:
        listing = self._listing(trade.symbol)
        name = market_id(listing)
        if listing.product is Product.SPOT:
            self._push("spot.trades", (name,), lambda: spot_trade_push(trade, name))
            self._push("spot.tickers", (name,), lambda: spot_ticker(self._house, listing))
            return
        self._topics.push(
            "futures.trades",
            (name,),
            lambda style: [
                {
                    "id": int(trade.trade_id),
                    "size": style.size(trade.side.sign * trade.quantity),
                    "create_time": trade.ts_ms // 1000,
                    "create_time_ms": trade.ts_ms,
                    "price": text(trade.price),
                    "contract": name,
                }
            ],
        )

    def _book_changed(self, event: BookChanged) -> None:
        listing = self._listing(event.symbol)
        name = market_id(listing)
        if listing.product is Product.SPOT:
            self._spot_book_changed(event, listing, name)
            return
        self._topics.push(
            "futures.order_book_update",
            (name,),
            lambda style: books.futures_change(event, listing, style),
        )
        self._topics.push(
            "futures.book_ticker",
            (name,),
            lambda style: book_ticker(self._house, listing, decimals=style.decimals),
        )

    def _spot_book_changed(self, event: BookChanged, listing: Listing, name: str) -> None:
        for levels in _OBU_LEVELS:
            key = books.obu_key(listing, levels)
            self._push("spot.obu", (key,), partial(books.spot_change, event, key))
        self._push("spot.order_book_update", (name,), lambda: books.spot_old_change(event, listing))
        self._push(
            "spot.book_ticker",
            (name,),
            lambda: book_ticker(self._house, listing, decimals=None),
        )

    def _candle_changed(self, event: CandleChanged) -> None:
        interval = _INTERVAL_NAMES.get(event.interval_ms)
        if interval is None:
            return
        listing = self._listing(event.symbol)
        key = f"{interval}_{market_id(listing)}"
        if listing.product is Product.SPOT:
            self._push(
                "spot.candlesticks",
                (key,),
                lambda: spot_candle_push(event.candle, key, closed=event.closed),
            )
            return
        self._topics.push(
            "futures.candlesticks",
            (key,),
            lambda style: [futures_candle_push(event, listing, key, decimals=style.decimals)],
        )

    def _mark_changed(self, symbol: str) -> None:
        listing = self._listing(symbol)
        name = market_id(listing)
        self._push("futures.tickers", (name,), lambda: [self._futures_ticker(listing)])

    def _futures_ticker(self, listing: Listing) -> Row:
        funding = self._house.exchange.funding(listing.symbol)
        return futures_ticker(self._house, listing) | {
            "price_type": "last",
            "funding_interval": funding.interval_hours * 3600,
            "funding_offset": 0,
            "funding_next_apply": funding.next_ms // 1000,
            "t": self._now(),
        }

    # ---- the account ----

    def _order_changed(self, order: Order) -> None:
        memory = self._house.memory
        is_new = order.order_id not in memory.seen
        memory.seen.add(order.order_id)
        if order.status.is_closed:
            memory.seen.discard(order.order_id)
            memory.expires_ms.pop(order.order_id, None)
            memory.finished_wall_ms[order.order_id] = self._house.exchange.clock.wall_ms()
        listing = self._house.listing_of(order)
        keys = (market_id(listing), ALL)
        if listing.product is Product.SPOT:
            self._spot_order_changed(order, keys, is_new=is_new)
        else:
            self._futures_order_changed(order, keys, is_new=is_new)

    def _spot_order_changed(self, order: Order, keys: tuple[str, ...], *, is_new: bool) -> None:
        if order.trigger is not None:
            # One object, where every other channel of an account has a list
            self._push("spot.priceorders", keys, lambda: spot.price_order_push(self._house, order))
            return
        event = "finish" if order.status.is_closed else "put" if is_new else "update"
        self._push("spot.orders", keys, lambda: [spot.order_push(self._house, order, event)])

    def _futures_order_changed(self, order: Order, keys: tuple[str, ...], *, is_new: bool) -> None:
        house = self._house
        if order.trigger is not None:
            self._topics.push(
                "futures.autoorders",
                keys,
                lambda style: [
                    futures.price_order_row(house, order, style) | {"name": "price_autoorders"}
                ],
            )
            return
        self._topics.push(
            "futures.orders",
            keys,
            lambda style: [futures.order_push(house, order, style, is_new=is_new)],
        )

    def _filled(self, fill: Fill) -> None:
        listing = self._listing(fill.symbol)
        keys = (market_id(listing), ALL)
        if listing.product is Product.SPOT:
            self._push("spot.usertrades", keys, lambda: [spot.fill_push(self._house, fill)])
            return
        fees = self._house.memory.fees
        fees[fill.fee_coin] = fees.get(fill.fee_coin, ZERO) + fill.fee
        self._unpaid.append(fill)
        self._topics.push(
            "futures.usertrades",
            keys,
            lambda style: [futures.fill_push(self._house, fill, style)],
        )

    def _balance_changed(self, product: Product, balance: Balance) -> None:
        memory, key = self._house.memory, (product, balance.coin)
        change = balance.total - memory.totals.get(key, ZERO)
        froze = balance.held - memory.held.get(key, ZERO)
        memory.totals[key], memory.held[key] = balance.total, balance.held
        now = self._now()
        if product is Product.SPOT:
            row = spot.balance_push(balance, change=change, froze=froze, ts_ms=now)
            self._push("spot.balances", (ALL,), lambda: [row])
        elif change:
            rows = self._cash_rows(balance, change, now)
            self._push("futures.balances", (ALL,), lambda: rows)

    def _cash_rows(self, balance: Balance, change: Decimal, now_ms: int) -> list[Row]:
        """Say what moved the wallet: fees of fills, what they realised, or funding."""
        fills, self._unpaid = self._unpaid, []
        moves = [("fee", f"{self._name(one)}:{one.order_id}", -one.fee) for one in fills]
        rest = change - sum((amount for _, _, amount in moves), ZERO)
        if rest:
            about = f"{self._name(fills[-1])}:{fills[-1].order_id}" if fills else "-"
            moves.append(("pnl" if fills else "fund", about, rest))
        total = balance.total - change
        rows: list[Row] = []
        for kind, about, amount in moves:
            total += amount
            rows.append(
                money.balance_push(total, change=amount, kind=kind, about=about, ts_ms=now_ms)
            )
        return rows

    def _position_changed(self, position: Position) -> None:
        name = market_id(self._listing(position.symbol))
        self._topics.push(
            "futures.positions",
            (name, ALL),
            lambda style: [money.position_push(self._house, position, style)],
        )

    # ---- shared ----

    def _push(self, channel: str, keys: tuple[str, ...], say: Callable[[], Json]) -> None:
        self._topics.push(channel, keys, lambda _: say())

    def _now(self) -> int:
        return self._house.exchange.clock.now_ms()

    def _listing(self, symbol: str) -> Listing:
        return self._house.exchange.listings[symbol]

    def _name(self, fill: Fill) -> str:
        return market_id(self._listing(fill.symbol))
