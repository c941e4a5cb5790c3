"""What differs from venue to venue and product to product: a table of data, no code."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

from ccxt_nt.values import Force, OrderKind, Product

PLAIN: Final = frozenset({OrderKind.LIMIT, OrderKind.MARKET})
TRIGGER_LIMITS: Final = frozenset({OrderKind.STOP_LIMIT, OrderKind.TAKE_PROFIT_LIMIT})
TRIGGERS: Final = TRIGGER_LIMITS | {OrderKind.STOP_MARKET, OrderKind.TAKE_PROFIT_MARKET}
FORCES: Final = frozenset(Force)


class MarketBuy(Enum):
    """What a spot market buy counts in at the venue."""

    BASE = "base"
    COST = "cost"  # the venue wants quote currency; a base quantity is refused, never guessed


class FilledRule(Enum):
    """How far the unified `filled` of a pushed order may be believed."""

    CUMULATIVE = "cumulative"
    LAST = "last"  # it is the last fill: only `info` or amount - remaining tells the sum
    NEVER = "never"  # only fills count


class Amend(Enum):
    """How an order is changed."""

    ATOMIC = "atomic"
    REPLACE = "replace"  # by another order: a stop's before the old one ends, others' after
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopStyle:
    """How a trigger order is sent, found, changed and recognised once it fired."""

    kinds: frozenset[OrderKind]
    params: Mapping[str, object]  # sent with every trigger order
    query_params: Mapping[str, object]  # for fetching, cancelling and listing trigger orders
    falling: Mapping[str, object]  # params of a trigger at or below its price
    rising: Mapping[str, object]
    keeps_id: bool = False  # the fired order keeps the trigger order's id
    keeps_client_id: bool = False  # the fired order keeps the client order id
    names_fired: bool = False  # the fired order's client id is the trigger order's id
    by_client_id: bool = False  # the venue can be asked for a trigger order by client id
    amend: Amend = Amend.REPLACE
    # `query_params` lists the waiting ones; asking for one and cancelling one differ at some venues
    fetch_params: Mapping[str, object] | None = None  # None: one cannot be asked for, list them
    cancel_params: Mapping[str, object] = field(default_factory=dict)
    amend_params: Mapping[str, object] = field(default_factory=dict)
    watch_params: Mapping[str, object] | None = None  # of watch_orders; None: they are not pushed
    history_method: str | None = None  # lists the closed ones (with `query_params`), where one does
    history_since: bool = True  # that list can be asked for from a time on
    price_key: str = "triggerPrice"  # the parameter that carries a stop's trigger price
    take_profit_price_key: str = "triggerPrice"
    direction_implied: bool = False  # by the last price on arrival: one sent late waits for ever
    market_needs_price: bool = False  # a market order behind the trigger wants its price as `price`
    carries_client_id: bool = True  # the venue keeps the client order id of a waiting order


@dataclass(frozen=True, slots=True, kw_only=True)
class Codes:
    """The venue's own error codes, as they appear in its answers."""

    duplicate: frozenset[str]  # the client order id exists
    rejected: frozenset[str]  # definitely refused
    closed: frozenset[str]  # the order is no longer open
    missing: frozenset[str]  # there is no such order
    post_only: frozenset[str] = frozenset()  # definitely refused because it would have taken
    unchanged: frozenset[str] = frozenset()  # a setting already was as it was asked to be
    untimely: frozenset[str] = frozenset()  # the time of the signature is too far from the venue's


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """How many requests a second each lane may send, and in how large a burst."""

    data_per_sec: float
    orders_per_sec: float
    burst: int = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """After how many seconds of silence a stream is looked after."""

    trades_secs: float = 60.0
    book_secs: float = 30.0
    private_secs: float = 60.0  # then the account is asked by REST; silence there is normal


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How much one request of history brings."""

    bars: int
    trades: int
    fills: int
    orders: int
    funding: int = 100
    funding_number_key: str | None = None  # where its pages are counted from 1, not cut by time
    trades_by_second: bool = False  # their times are asked for in whole seconds
    bars_days: int | None = None  # that one request of bars covers at most
    # Where pages of orders and fills are counted rather than cut by time: the venue's own words
    # for a page's length and for which one. ccxt's `limit` is not used then: at some venues it is
    # not sent, at others it cuts off what other symbols brought.
    size_key: str | None = None
    number_keys: tuple[str, ...] = ()  # count pages, from 1
    offset_keys: tuple[str, ...] = ()  # count the rows before
    window_days: int | None = None  # the longest time that one question may span


@dataclass(frozen=True, slots=True, kw_only=True)
class BookSequence:
    """Where the raw updates of a book carry their numbers; a path is a tuple of keys."""

    topic: tuple[str, ...]  # the text that names the channel
    prefix: str  # with which that text begins where it is about books
    market: tuple[str, ...]  # the text with the native id of the market in it
    first: tuple[str, ...]
    last: tuple[str, ...]
    whole: tuple[str, ...] | None = None  # true where the update is a whole book


@dataclass(frozen=True, slots=True, kw_only=True)
class Rights:
    """Where the venue tells what a key may do, and in which words.

    `path` leads to a list of words, a text with commas, or rows with a `name` and `read_only`.
    """

    call: str
    path: tuple[str, ...]
    trades: frozenset[str]  # any of them trades the product
    withdraws: frozenset[str]
    transfers: frozenset[str]
    key_field: str | None = None  # the answer lists several keys, each with most of it masked


@dataclass(frozen=True, slots=True, kw_only=True)
class ModeTold:
    """Where the venue tells whether long and short are held apart; lists are entered first."""

    call: str
    path: tuple[str, ...]
    hedged: frozenset[object]  # what is told then
    by_symbol: bool = True  # else the call takes the type's parameters


@dataclass(frozen=True, slots=True, kw_only=True)
class Profile:
    """One venue and product. Rows are in `ccxt_nt.venues`; nothing else names a venue."""

    venue: str  # the engine's default Venue, e.g. BITGET
    ccxt_id: str
    product: Product
    tested: bool  # false for whatever `allow_untested` opened
    credentials: tuple[str, ...]  # of "apiKey", "secret", "password", "uid"
    environment: str  # prefix of the variables: BITGET -> BITGET_API_KEY, ...
    options: Mapping[str, object]  # forced into ccxt's options
    codec: str  # name of a codec in ccxt_nt.ids
    kinds: frozenset[OrderKind]
    forces: frozenset[Force]
    post_only: bool
    reduce_only: bool
    stops: StopStyle | None
    market_buy: MarketBuy
    amend: Amend
    filled_rule: FilledRule
    codes: Codes
    budget: Budget
    paging: Paging
    staleness: Staleness = field(default_factory=Staleness)
    timeframes: Mapping[str, str] = field(default_factory=dict)  # "5m" -> ccxt's, where it differs
    bars_absent: frozenset[str] = frozenset()  # timeframes that ccxt names and the venue lacks
    bars_unstreamed: frozenset[str] = frozenset()  # and those that are in its history only
    book_depths: tuple[int, ...] = ()  # levels that can be subscribed; empty: any
    book_snapshots_depth: int | None = None  # a channel where each message is the whole book
    bids_asks: bool = True  # watchBidsAsks is offered, else quotes come from the book
    bar_volume_in_quote: bool = False  # the stream's bar volume must be read from the raw frame
    bar_confirm_secs: float = 1.0  # a bar is asked for this long after its close
    bar_pushes_final: bool = False  # the last push of a bar is known to be its final state
    cancel_by_client_id: bool = True
    batch_cancel: bool = True
    demo: Mapping[str, object] | None = None  # how the venue's test environment is switched on
    place_params: Mapping[str, object] = field(default_factory=dict)  # with every order
    fills_carry_fee: bool = True  # on the stream; otherwise asked for by REST
    position_mode: bool = False  # can be set and read
    margin_mode: bool = False  # can be set by itself
    leverage: bool = False
    terms_from_position: bool = False  # mode and leverage are told with the position alone
    test_notes: Mapping[str, str] = field(default_factory=dict)  # case id -> why not applicable
    dialect: str = "unified"  # name of a reader of raw orders in ccxt_nt.parsing.orders
    type_params: Mapping[str, object] = field(default_factory=dict)  # of calls without a symbol
    open_orders_need_symbol: bool = False
    watch_orders_per_symbol: bool = False
    watch_fills: bool = True  # watch_my_trades is offered, else fills come by REST
    closed_orders_method: str = "fetch_closed_orders"
    client_id_as_id: bool = False  # asking and cancelling take the client id in the id's place
    leverage_in_order: bool = False  # every order must carry `leverage`
    whole_amounts: bool = False  # quantities are integers, and ccxt reckons with them as such
    margin_mode_in_order: bool = False  # every order must carry `marginMode`
    wallet_keys: tuple[str, ...] = ()  # of a raw account row: the wallet without open profit
    unrealised_key: str | None = None  # of a raw account row: profit that ccxt's total includes
    uid_from: tuple[str, str] | None = None  # the call and the key that tell the user's number
    session_options: tuple[str, ...] = ()  # ccxt's memory of a connection, void once it is lost
    trade_id_key: str | None = None  # of `info`, where ccxt leaves a trade of the tape without id
    mark_stream: str | None = None  # watch call with mark and index price; None: asked for by REST
    mark_keys: Mapping[str, str] = field(default_factory=dict)  # unified -> key of `info`, if lost
    mark_call: str = "fetch_mark_price"
    book_calls: tuple[int, ...] = (20, 100)  # levels that one request may ask for
    book_sequence: BookSequence | None = None  # where ccxt does not notice lost updates itself
    rights: Rights | None = None  # None: the venue does not tell a key what it may do
    mode_told: ModeTold | None = None  # None: only positions tell their mode
    signature_secs: float = 5.0  # a signature older than that is refused

    @property
    def key(self) -> str:
        """Name it for people and tables."""
        return f"{self.venue}/{self.product.value}"
