"""Laws of the local exchange, whatever market and client do."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.property.venue_sessions import (
    LISTINGS,
    PERP,
    SPOT,
    START,
    SYMBOLS,
    ZERO,
    Act,
    D,
    Tick,
    attempt,
    make,
    options,
    scripts,
)
from tests.property.venue_witness import witnessed
from tests.venue.exchange import Exchange
from tests.venue.model import (
    Force,
    Kind,
    OrderChanged,
    Product,
    Side,
    Status,
)

# Long scripts, fewer of them: it takes a crowd of orders before the rare things happen
fewer = settings(max_examples=max(settings().max_examples // 4, 20))


@fewer
@given(options, scripts())
def test_every_event_is_legal_and_adds_up_to_what_the_exchange_answers(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange, witness = witnessed(chosen)
    for act in script:
        attempt(exchange, act)
        witness.check_against(exchange)


@fewer
@given(options, scripts())
def test_spot_wallets_are_the_start_plus_what_fills_moved(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
    wallets = dict(START[Product.SPOT])
    for fill in exchange.fills(symbol=SPOT.symbol):
        wallets["BTC"] += fill.side.sign * fill.quantity
        wallets["USDT"] -= fill.side.sign * fill.quantity * fill.price
        wallets[fill.fee_coin] -= fill.fee
    assert {c: b.total for c, b in exchange.balances(Product.SPOT).items()} == wallets


@fewer
@given(options, scripts())
def test_perpetual_cash_and_position_are_worth_what_fills_fees_and_funding_left(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
    cash, quantity = START[Product.PERP]["USDT"], ZERO
    for fill in exchange.fills(symbol=PERP.symbol):
        signed = fill.side.sign * fill.quantity
        cash -= signed * PERP.contract_size * fill.price + fill.fee
        quantity += signed
    cash -= sum((paid for _, _, paid in exchange.truth.funding), ZERO)
    position = exchange.position(PERP.symbol)
    total = exchange.balances(Product.PERP)["USDT"].total
    assert position.quantity == quantity
    if quantity:
        cost = quantity * PERP.contract_size * position.entry_price
        assert abs(total - cost - cash) < D("1e-18")  # the entry price is a rounded quotient
    else:
        assert total == cash


@fewer
@given(options, scripts())
def test_spot_holds_are_exactly_what_open_orders_may_cost(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    fee = 1 if chosen["fee_in_received"] else 1 + SPOT.taker_fee
    for act in script:
        attempt(exchange, act)
        held = {"USDT": ZERO, "BTC": ZERO}
        for order in exchange.orders(symbol=SPOT.symbol, open_only=True, triggers=False):
            assert order.price is not None
            if order.ask.side is Side.BUY:
                held["USDT"] += order.left * order.price * fee
            else:
                held["BTC"] += order.left
        assert {c: b.held for c, b in exchange.balances(Product.SPOT).items()} == held


@fewer
@given(options, scripts())
def test_margin_held_covers_the_worse_of_all_buys_and_all_sells(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        position, wallet = exchange.position(PERP.symbol), exchange.balances(Product.PERP)["USDT"]
        basis = position.quantity * PERP.contract_size * position.entry_price
        reach = {Side.BUY: ZERO, Side.SELL: ZERO}
        for order in exchange.orders(symbol=PERP.symbol, open_only=True, triggers=False):
            if not order.ask.reduce_only and order.price is not None:
                reach[order.ask.side] += order.left * PERP.contract_size * order.price
        worst = max(abs(basis), basis + reach[Side.BUY], reach[Side.SELL] - basis)
        expected = min(worst / position.leverage, max(wallet.total, ZERO))
        assert abs(wallet.held - expected) <= D("1e-8")


@fewer
@given(options, scripts())
def test_what_is_refused_changes_nothing_and_says_nothing(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange, witness = witnessed(chosen)
    for act in script:
        before = _state(exchange)
        heard = len(witness.events)
        if not attempt(exchange, act):
            assert _state(exchange) == before
            assert len(witness.events) == heard


def _state(exchange: Exchange) -> object:
    return (
        exchange.orders(),
        exchange.fills(),
        exchange.positions(),
        [exchange.balances(product) for product in Product],
        [exchange.book(symbol) for symbol in SYMBOLS],
        [exchange.trades(symbol) for symbol in SYMBOLS],
    )


@fewer
@given(options, scripts(), st.integers(0, 2**32))
def test_the_same_seed_gives_the_same_events_and_listeners_change_nothing(
    chosen: dict[str, bool], script: list[Act], seed: int
) -> None:
    first, witness = witnessed(chosen, seed)
    second, again = witnessed(chosen, seed)
    deaf = make(chosen, seed)
    for act in script:
        assert len({attempt(exchange, act) for exchange in (first, second, deaf)}) == 1
    assert witness.events == again.events
    assert deaf.fills() == first.fills()
    assert deaf.orders() == first.orders()
    for symbol in SYMBOLS:
        ours, theirs = deaf.book(symbol), first.book(symbol)
        assert (ours.bids, ours.asks) == (theirs.bids, theirs.asks)


@fewer
@given(options, scripts())
def test_a_trigger_fires_at_most_once_and_only_at_its_price(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange, witness = witnessed(chosen)
    for act in script:
        attempt(exchange, act)
    waiting = {o.order_id for o in witness.orders.values() if o.ask.trigger is not None}
    told = [e.order for e in witness.events if isinstance(e, OrderChanged)]
    for order_id in waiting:
        fates = [o for o in told if o.order_id == order_id and o.status is Status.FIRED]
        children = [o for o in witness.orders.values() if o.fired_from == order_id]
        assert len(fates) <= 1
        assert len(children) == len(fates)
        assert [child.order_id for child in children] == [fate.fired_as for fate in fates]
    for order in exchange.orders(open_only=True, triggers=True):
        assert order.trigger is not None
        last = exchange.last(order.ask.symbol)
        assert last is not None
        assert (
            (last < order.trigger.price) if order.trigger.rising else (last > order.trigger.price)
        )


@fewer
@given(options, scripts())
def test_a_force_does_what_it_says(chosen: dict[str, bool], script: list[Act]) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        for order in exchange.orders(triggers=False):
            if order.ask.kind is Kind.MARKET or order.ask.force in (Force.IOC, Force.FOK):
                assert order.status.is_closed
            if order.ask.force is Force.FOK and not order.ask.reduce_only:
                assert order.filled in (ZERO, order.quantity)
            if order.ask.cost is not None:
                assert order.cost <= order.ask.cost


@fewer
@given(options, scripts())
def test_a_public_trade_leaves_no_limit_order_behind(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        if not isinstance(act, Tick):
            continue
        for order in exchange.orders(symbol=act.symbol, open_only=True, triggers=False):
            if order.ask.trigger is None and order.fired_from is None:  # else fired by this trade
                assert order.price is not None
                assert (order.price - act.price) * order.ask.side.sign <= 0


@fewer
@given(options, scripts())
def test_client_ids_are_as_unique_as_the_venue_says(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
        placed = [order for order in exchange.orders() if order.fired_from is None]
        named = [o for o in placed if o.ask.client_id is not None]
        if not chosen["unique_client_ids"]:
            named = [o for o in named if not o.status.is_closed]
        assert len({o.ask.client_id for o in named}) == len(named)
    assert exchange.truth.accepted <= exchange.truth.requests


@fewer
@given(options, scripts())
def test_candles_of_every_interval_hold_all_that_was_traded(
    chosen: dict[str, bool], script: list[Act]
) -> None:
    exchange = make(chosen)
    for act in script:
        attempt(exchange, act)
    for listing in LISTINGS:
        tape = exchange.trades(listing.symbol, 10_000)
        volume = sum((trade.quantity for trade in tape), ZERO) * listing.contract_size
        for interval_ms in (10_000, 60_000, 3_600_000, 604_800_000):
            candles = exchange.candles(listing.symbol, interval_ms)
            assert sum((candle.volume for candle in candles), ZERO) == volume
            opened = [candle.open_ms for candle in candles]
            assert opened == sorted(set(opened))
            assert max(c.high for c in candles) == max(trade.price for trade in tape)
            assert min(c.low for c in candles) == min(trade.price for trade in tape)
            assert candles[-1].close == tape[-1].price
