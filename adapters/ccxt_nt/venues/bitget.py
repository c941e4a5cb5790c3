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
    ModeTold,
    Paging,
    Profile,
    Rights,
    StopStyle,
)
from ccxt_nt.values import Product

_BITGET_CODES: Final = Codes(
    duplicate=frozenset({"40786", "43118", "45034"}),
    rejected=frozenset(
        {
            "22002",  # no position to close
            "40017",  # a parameter is wrong
            "400172",
            "40019",  # a parameter is missing
            "40020",
            "40034",
            "40108",  # wrong quantity
            "40305",  # client id malformed
            "40309",  # the contract was removed
            "40500",
            "40706",  # wrong price
            "40711",  # balance and margin not enough
            "40712",
            "40754",
            "40757",  # position not enough
            "40762",
            "40774",  # position mode
            "40808",  # too many digits
            "40811",
            "40812",
            "40889",  # too many plan orders
            "40915",  # trigger price on the wrong side
            "40917",
            "40920",
            "40923",  # nothing would change
            "40924",
            "41103",
            "41117",  # price limits
            "43005",  # too many orders
            "43006",
            "43007",
            "43008",
            "43009",
            "43010",
            "43011",
            "43012",  # balance not enough
            "43013",
            "43023",
            "43027",
            "45110",  # smallest and largest amounts
            "45111",
            "45112",
            "45113",
            "45115",  # not a multiple of the price step
            "45117",
            "45122",
        }
    ),
    closed=frozenset({"22001", "43004", "43026"}),
    missing=frozenset({"40109", "40768", "43001", "43020", "43025"}),
    untimely=frozenset({"40004", "40005", "40008"}),
    # a post-only order that would take is accepted, then cancelled by the venue
)

_RIGHTS: Final = Rights(
    call="privateSpotGetV2SpotAccountInfo",
    path=("data", "authorities"),
    trades=frozenset({"stow", "trade"}),  # the venue's own example still tells the old words
    withdraws=frozenset({"wwow", "withdraw"}),
    transfers=frozenset({"wtow", "transfer"}),
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
        falling={},
        rising={},
        direction_implied=True,
        names_fired=True,
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
    paging=Paging(bars=200, trades=100, fills=100, orders=100, window_days=90),
    bars_absent=frozenset({"2h"}),  # of spot there is no such request either
    bars_unstreamed=frozenset({"3d"}),
    book_snapshots_depth=15,
    book_calls=(5, 15, 50),
    demo={"sandbox": True},
    dialect="bitget",
    closed_orders_method="fetch_canceled_and_closed_orders",
    rights=_RIGHTS,
    signature_secs=30.0,
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
    paging=Paging(
        bars=200,
        trades=100,
        fills=100,
        orders=100,
        window_days=7,
        bars_days=90,
        funding_number_key="pageNo",
    ),
    bars_absent=frozenset(),
    bars_unstreamed=frozenset({"2h", "3d"}),
    # without a symbol ccxt resolves trigger orders into the plain orders' stream
    watch_orders_per_symbol=True,
    margin_mode_in_order=True,
    unrealised_key="unrealizedPL",  # not pushed: the account is asked then
    position_mode=True,
    margin_mode=True,
    leverage=True,
    mark_stream="watch_ticker",
    mark_keys={"markPrice": "markPrice", "indexPrice": "indexPrice"},
    rights=replace(_RIGHTS, trades=frozenset({"coow", "trade"})),
    mode_told=ModeTold(
        call="fetch_margin_mode", path=("info", "posMode"), hedged=frozenset({"hedge_mode"})
    ),
)
