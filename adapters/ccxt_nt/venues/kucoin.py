"""KuCoin's rows: what was measured of it, spot and linear perpetuals."""

from dataclasses import replace
from typing import Final

from ccxt_nt.profiles import (
    FORCES,
    PLAIN,
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

_KUCOIN_CODES: Final = Codes(
    duplicate=frozenset({"126033", "126044", "400100 duplicat", "400370 duplicat", "300018"}),
    rejected=frozenset(
        {
            "200004",
            "200003",
            "200009",
            "100001 leverage",
            "300008",
            "400100 bad request",
            "400100 not supported",
            "300000",
            "300003",
            "300009",
            "300011",
            "300012",
            "330005",
            "330008",
            "330011",
            "330012",
            "400100 increment",
            "400100 minimum",
            "400100 range",
            "400100 invalid",
            "400100 parameter",
            "400330",
            "400350",
            "400370",
            "400500",
            "400600",
            "400760",
            "600100",
            "600101",
            "900001",
        }
    ),
    closed=frozenset({"100004", "400100 not_allow_to_cancel", "400100 not allow to be cancel"}),
    missing=frozenset(
        {"100001 notexist", "126043", "400100 not exist", "400100 not_exist", "404 not exist"}
    ),
    # a taking post-only order may also be accepted, then cancelled by the venue
    post_only=frozenset({"300000 post-only", "400100 post-only"}),
    untimely=frozenset({"400002"}),
)

_RIGHTS: Final = Rights(
    call="privateGetUserApiKey",
    path=("data", "permission"),
    trades=frozenset({"Spot", "Trade"}),
    withdraws=frozenset({"Withdrawal"}),
    transfers=frozenset({"Transfer", "InnerTransfer", "FlexTransfers"}),
)

# A stream of balances that first asks by itself, outside of our lane, waits for ever if that fails
_NO_SNAPSHOT: Final = {"fetchBalanceSnapshot": False, "awaitBalanceSnapshot": False}

KUCOIN_SPOT: Final = Profile(
    venue="KUCOIN",
    ccxt_id="kucoin",
    product=Product.SPOT,
    tested=True,
    credentials=("apiKey", "secret", "password"),
    environment="KUCOIN",
    # hf: ccxt would otherwise ask; accounts of the high-frequency kind have a row of their own
    options={
        "uta": False,
        "hf": False,
        "watchBalance": _NO_SNAPSHOT,
        "defaultType": "spot",
        "fetchMarkets": {"types": ["spot"], "fetchTickersFees": True},
    },
    codec="dash40",
    kinds=PLAIN | TRIGGERS,
    forces=FORCES,
    post_only=True,
    reduce_only=False,
    stops=StopStyle(
        kinds=TRIGGERS,
        params={},
        query_params={"trigger": True},
        falling={"stop": "loss"},
        rising={"stop": "entry"},
        keeps_client_id=True,
        by_client_id=True,
        fetch_params={"trigger": True},
        cancel_params={"trigger": True},
        watch_params={"trigger": True},
    ),
    market_buy=MarketBuy.BASE,
    amend=Amend.REPLACE,
    filled_rule=FilledRule.CUMULATIVE,
    codes=_KUCOIN_CODES,
    budget=Budget(data_per_sec=10, orders_per_sec=15),
    paging=Paging(
        bars=1500,
        trades=100,
        fills=100,
        orders=100,
        size_key="pageSize",
        number_keys=("currentPage",),
        window_days=7,
    ),
    book_depths=(100,),  # deeper ones need keys, which the data line has none of
    book_snapshots_depth=50,
    dialect="kucoin",
    fills_carry_fee=False,
    batch_cancel=False,
    session_options=("urls",),  # the tokens of websockets
    trade_id_key="sequence",
    book_sequence=BookSequence(
        topic=("topic",),
        prefix="/market/level2:",
        market=("topic",),
        first=("data", "sequenceStart"),
        last=("data", "sequenceEnd"),
    ),
    rights=_RIGHTS,
)

KUCOIN_FAST: Final = replace(
    KUCOIN_SPOT,
    venue="KUCOIN_HF",  # of accounts that the venue has made high-frequency ones
    options={**KUCOIN_SPOT.options, "hf": True},
    open_orders_need_symbol=True,
    paging=Paging(bars=1500, trades=100, fills=100, orders=100, window_days=7),
)

KUCOIN_LINEAR: Final = replace(
    KUCOIN_SPOT,
    product=Product.LINEAR,
    # the class kucoinfutures sends the same requests; one class is enough
    options={
        "uta": False,
        "hf": False,
        "watchBalance": _NO_SNAPSHOT,
        "defaultType": "swap",
        "defaultAccountType": "contract",
        "fetchMarkets": {"types": ["swap", "future", "contract"], "fetchTickersFees": False},
    },
    reduce_only=True,
    stops=StopStyle(
        kinds=TRIGGERS,
        params={"stopPriceType": "TP"},  # the last price; ccxt's own is the mark
        query_params={"trigger": True},
        falling={"stop": "down"},  # ccxt would take it from the side, wrong for a take profit
        rising={"stop": "up"},
        keeps_id=True,
        keeps_client_id=True,
        by_client_id=True,
        fetch_params={},
        cancel_params={},
        watch_params={"trigger": True},
    ),
    amend=Amend.REPLACE,
    budget=Budget(data_per_sec=10, orders_per_sec=15),
    paging=Paging(
        bars=500,
        trades=100,
        fills=100,
        orders=100,
        size_key="pageSize",
        number_keys=("currentPage",),
        window_days=7,
    ),
    batch_cancel=True,
    leverage_in_order=True,
    whole_amounts=True,
    margin_mode_in_order=True,
    wallet_keys=("walletBalance", "marginBalance"),
    bars_absent=frozenset({"3m", "6h"}),
    book_depths=(50,),  # ccxt builds the deeper channel wrongly under `number=str`
    book_sequence=None,
    position_mode=True,
    margin_mode=True,
    leverage=True,
    rights=replace(_RIGHTS, trades=frozenset({"Futures"})),
    mode_told=ModeTold(call="fetch_position_mode", path=("hedged",), hedged=frozenset({True})),
)
