"""Gate's rows: what was measured of it, spot and linear perpetuals."""

from dataclasses import replace
from typing import Final

from ccxt_nt.profiles import (
    FORCES,
    PLAIN,
    TRIGGER_LIMITS,
    TRIGGERS,
    Amend,
    BookSequence,
    Budget,
    Codes,
    FilledRule,
    MarketBuy,
    ModeTold,
    Paging,
    Profile,
    Rights,
    StopStyle,
)
from ccxt_nt.values import Product

# NO_CHANGE is not among the rejections: the HTTP client sends a PUT again when its connection
# breaks, and the second one is answered so although the first one did change the order
_GATE_CODES: Final = Codes(
    unchanged=frozenset({"NO_CHANGE"}),
    duplicate=frozenset({"REPEATED_CREATION"}),  # client ids may be used twice
    rejected=frozenset(
        {
            "AMOUNT_TOO_LITTLE",
            "AMOUNT_TOO_MUCH",
            "AUTO_TRIGGER_PRICE_GREATE_LAST",
            "AUTO_TRIGGER_PRICE_LESS_LAST",
            "BALANCE_NOT_ENOUGH",
            "CONTRACT_NOT_FOUND",
            "FOK_NOT_FILL",
            "ORDER_FOK",
            "REPEAT_REQUEST",
            "FUTURES_BALANCE_NOT_ENOUGH",
            "INCREASE_POSITION",
            "INSUFFICIENT_AVAILABLE",
            "INVALID_ARGUMENT",
            "INVALID_CURRENCY",
            "INVALID_CURRENCY_PAIR",
            "INVALID_PARAM_VALUE",
            "INVALID_PRECISION",
            "LIQUIDATE_IMMEDIATELY",
            "MARGIN_BALANCE_NOT_ENOUGH",
            "MISSING_REQUIRED_PARAM",
            "POSITION_EMPTY",
            "PRICE_OVER_BANKRUPT",
            "PRICE_OVER_LIQUIDATION",
            "PRICE_THRESHOLD_EXCEEDED",
            "PRICE_TOO_DEVIATED",
            "QUANTITY_NOT_ENOUGH",
            "RISK_LIMIT_EXCEEDED",
            "SIZE_TOO_LARGE",
            "SIZE_TOO_SMALL",
            "TOO_MANY_ORDERS",
        }
    ),
    closed=frozenset({"ORDER_CLOSED", "ORDER_CANCELLED", "ORDER_FINISHED"}),
    missing=frozenset({"ORDER_NOT_FOUND", "CLIENT_ID_NOT_FOUND", "AUTO_ORDER_NOT_FOUND"}),
    post_only=frozenset({"POC_FILL_IMMEDIATELY", "ORDER_POC_IMMEDIATE"}),
    untimely=frozenset({"REQUEST_EXPIRED"}),
)

_RIGHTS: Final = Rights(
    call="privateAccountGetMainKeys",  # a sub-account's key is not told
    path=("perms",),
    trades=frozenset({"spot"}),
    withdraws=frozenset({"withdraw", "withdrawal"}),
    transfers=frozenset({"wallet"}),
    key_field="key",
)

GATE_SPOT: Final = Profile(
    venue="GATE",
    ccxt_id="gate",
    product=Product.SPOT,
    tested=True,
    credentials=("apiKey", "secret"),
    environment="GATE",
    options={
        "unifiedAccount": False,
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"]},
        # of waiting orders, in seconds: the most; ccxt's own is one day
        "createOrder": {"expiration": 2592000},
    },
    codec="t28",
    kinds=PLAIN | TRIGGER_LIMITS,  # the venue refuses market orders behind a trigger
    forces=FORCES,
    post_only=True,
    reduce_only=False,
    stops=StopStyle(
        kinds=TRIGGER_LIMITS,
        params={},
        query_params={"trigger": True},
        falling={},
        rising={},
        fetch_params={"trigger": True},
        cancel_params={"trigger": True},
        watch_params=None,  # pushed, but as an object where ccxt reads a list
        history_method="fetch_closed_orders",
        take_profit_price_key="takeProfitPrice",  # the side turns the rule, not a direction
        carries_client_id=False,
    ),
    market_buy=MarketBuy.COST,
    amend=Amend.ATOMIC,
    filled_rule=FilledRule.CUMULATIVE,
    codes=_GATE_CODES,
    budget=Budget(data_per_sec=15, orders_per_sec=10),
    paging=Paging(
        bars=999,
        trades=1000,
        trades_by_second=True,
        fills=1000,
        orders=100,
        size_key="limit",
        number_keys=("page",),
        offset_keys=("offset",),  # of trigger orders
        window_days=30,
    ),
    book_depths=(50, 400),
    bar_volume_in_quote=True,
    dialect="gate",
    client_id_as_id=True,
    book_sequence=BookSequence(
        topic=("channel",),
        prefix="spot.obu",
        market=("result", "s"),
        first=("result", "U"),
        last=("result", "u"),
        whole=("result", "full"),
    ),
    rights=_RIGHTS,
    signature_secs=60.0,
)

GATE_LINEAR: Final = replace(
    GATE_SPOT,
    product=Product.LINEAR,
    uid_from=("privateAccountGetDetail", "user_id"),  # private streams of contracts name the user
    options={
        "unifiedAccount": False,
        "defaultType": "swap",
        "defaultSubType": "linear",
        "fetchMarkets": {"types": ["swap"]},
        "swap": {"fetchMarkets": {"settlementCurrencies": ["usdt"]}},
    },
    kinds=PLAIN | TRIGGERS,
    reduce_only=True,
    stops=StopStyle(
        kinds=TRIGGERS,
        params={"price_type": 0},  # the last price
        query_params={"trigger": True},
        falling={},
        rising={},
        keeps_client_id=True,
        fetch_params={"trigger": True},
        cancel_params={"trigger": True},
        watch_params={"trigger": True},
        history_method="fetch_closed_orders",
        history_since=False,  # with a start ccxt lists plain orders instead
        take_profit_price_key="takeProfitPrice",
    ),
    market_buy=MarketBuy.BASE,
    batch_cancel=False,  # ccxt spells the settlement currency in capitals, another path
    budget=Budget(data_per_sec=15, orders_per_sec=30),
    book_depths=(20, 50, 100),
    bar_volume_in_quote=False,
    demo={"sandbox": True},
    position_mode=True,
    leverage=True,
    terms_from_position=True,
    mark_stream="watch_ticker",
    mark_call="fetch_funding_rate",  # tells the mark price too
    book_sequence=None,  # ccxt checks these itself
    rights=replace(_RIGHTS, trades=frozenset({"futures"})),
    mode_told=ModeTold(
        call="fetch_balance",
        path=("info", "in_dual_mode"),
        hedged=frozenset({True}),
        by_symbol=False,
    ),
)
