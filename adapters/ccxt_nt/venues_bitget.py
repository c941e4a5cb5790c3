"""Bitget's rows: what was measured of it, spot and linear perpetuals."""

from dataclasses import replace
from typing import Final

from ccxt_nt.profiles import (
    FORCES,
    PLAIN,
    TRIGGERS,
    Amend,
    Budget,
    Codes,
    FilledRule,
    MarketBuy,
    Paging,
    Profile,
    StopStyle,
)
from ccxt_nt.values import Product

_BITGET_CODES: Final = Codes(
    duplicate=frozenset({"40786", "43118", "40757"}),
    rejected=frozenset(
        {
            "40019",  # a parameter is missing
            "40108",  # wrong quantity
            "40305",  # client id malformed
            "40706",  # wrong price
            "40711",
            "40712",
            "40754",  # balance not enough
            "40762",
            "40774",  # position mode
            "40808",  # scale
            "40889",  # too many plan orders
            "40915",  # trigger price on the wrong side
            "40917",
            "41103",  # price scale
            "41117",
            "43005",
            "43006",
            "43007",
            "43008",
            "43009",
            "43010",
            "43011",
            "43012",
            "45110",
            "45111",
            "45112",
            "45113",
            "45115",
            "45122",
            "22002",  # no position to close
        }
    ),
    closed=frozenset({"22001", "43002", "43004", "43026", "45034"}),
    missing=frozenset({"40109", "40768", "43001", "43020", "43025"}),
    post_only=frozenset({"40839"}),
)

BITGET_SPOT: Final = Profile(
    venue="BITGET",
    ccxt_id="bitget",
    product=Product.SPOT,
    tested=True,
    credentials=("apiKey", "secret", "password"),
    environment="BITGET",
    # uta: ccxt would otherwise ask, and take any error for "no" for ever
    options={"uta": False, "defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    codec="dash32",
    kinds=PLAIN | TRIGGERS,
    forces=FORCES,
    post_only=True,
    reduce_only=False,
    stops=StopStyle(
        kinds=TRIGGERS,
        params={"triggerType": "fill_price"},
        query_params={"trigger": True},
        falling={},  # the venue compares with its price when the order arrives
        rising={},
        fired_id_keys=("executeOrderId",),
        keeps_client_id=True,
        amend=Amend.ATOMIC,
        fetch_params=None,
        cancel_params={"trigger": True},
        watch_params={"trigger": True},
        history_method="fetch_canceled_and_closed_orders",
    ),
    market_buy=MarketBuy.COST,
    amend=Amend.REPLACE,  # the venue itself cancels and places anew, under another client id
    filled_rule=FilledRule.LAST,
    codes=_BITGET_CODES,
    budget=Budget(data_per_sec=10, orders_per_sec=10),
    paging=Paging(bars=200, trades=100, fills=100, orders=100),
    book_snapshots_depth=15,
    book_calls=(5, 15, 50),
    demo={"sandbox": True},
    dialect="bitget",
    closed_orders_method="fetch_canceled_and_closed_orders",
)

BITGET_LINEAR: Final = replace(
    BITGET_SPOT,
    product=Product.LINEAR,
    options={
        "uta": False,
        "defaultType": "swap",
        "defaultSubType": "linear",
        "fetchMarkets": {"types": ["swap"]},
    },
    reduce_only=True,
    market_buy=MarketBuy.BASE,
    # without a symbol ccxt resolves trigger orders into the plain orders' stream
    watch_orders_per_symbol=True,
    margin_mode_in_order=True,
    position_mode=True,
    margin_mode=True,
    leverage=True,
    mark_stream="watch_ticker",
    mark_keys={"markPrice": "markPrice", "indexPrice": "indexPrice"},
)
