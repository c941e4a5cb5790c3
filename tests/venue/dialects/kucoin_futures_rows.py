"""Contracts, orders, fills and positions of KuCoin's futures interface."""

from decimal import Decimal
from typing import Final

from tests.venue.dialects.kucoin_house import House, wire_name
from tests.venue.dialects.kucoin_rows import FORCES, is_trigger
from tests.venue.dialects.kucoin_wire import number, text
from tests.venue.model import Fill, Force, Kind, Listing, Order, Position, Status
from tests.venue.wire import Json

_NOTHING = Decimal(0)
_FUNDING_MS = 28_800_000
_MAINTENANCE: Final = Decimal("0.004")


def contract(one: Listing, house: House) -> dict[str, Json]:
    """Write one contract with its latest figures."""
    base = "XBT" if one.base == "BTC" else one.base
    day, funding = house.day(one.symbol), house.exchange.funding(one.symbol)
    change = day.last - day.open
    return {
        "symbol": wire_name(one),
        "rootSymbol": one.quote,
        "type": "FFWCSX",
        "firstOpenDate": 1585555200000,
        "expireDate": None,
        "settleDate": None,
        "baseCurrency": base,
        "quoteCurrency": one.quote,
        "settleCurrency": one.quote,
        "maxOrderQty": 1_000_000,
        "maxPrice": 1_000_000.0,
        "lotSize": number(one.lot),
        "tickSize": float(one.tick),
        "indexPriceTickSize": 0.01,
        "multiplier": float(one.contract_size),
        "initialMargin": float(1 / Decimal(one.max_leverage)),
        "maintainMargin": float(_MAINTENANCE),
        "maxRiskLimit": 100_000,
        "minRiskLimit": 100_000,
        "riskStep": 50_000,
        "makerFeeRate": float(one.maker_fee),
        "takerFeeRate": float(one.taker_fee),
        "takerFixFee": 0.0,
        "makerFixFee": 0.0,
        "settlementFee": None,
        "isDeleverage": True,
        "isQuanto": True,
        "isInverse": False,
        "markMethod": "FairPrice",
        "fairMethod": "FundingRate",
        "fundingBaseSymbol": f".{base}INT8H",
        "fundingQuoteSymbol": f".{one.quote}INT8H",
        "fundingRateSymbol": f".{wire_name(one)}FPI8H",
        "indexSymbol": f".K{base}{one.quote}",
        "settlementSymbol": "",
        "status": "Open",
        "fundingFeeRate": float(funding.rate),
        "predictedFundingFeeRate": float(funding.rate),
        "fundingRateGranularity": _FUNDING_MS,
        "openInterest": "8724443",
        "turnoverOf24h": float(day.turnover),
        "volumeOf24h": float(day.volume),
        "markPrice": float(house.exchange.mark(one.symbol)),
        "indexPrice": float(house.exchange.index(one.symbol)),
        "lastTradePrice": float(day.last),
        "nextFundingRateTime": max(funding.next_ms - house.now_ms(), 0),
        "maxLeverage": one.max_leverage,
        "sourceExchanges": ["htx", "Okex", "Binance", "Kucoin", "Poloniex", "Hitbtc"],
        "premiumsSymbol1M": f".{wire_name(one)}PI",
        "premiumsSymbol8H": f".{wire_name(one)}PI8H",
        "fundingBaseSymbol1M": f".{base}INT",
        "fundingQuoteSymbol1M": f".{one.quote}INT",
        "lowPrice": float(day.low),
        "highPrice": float(day.high),
        "priceChgPct": float(round(change / day.open, 4)) if day.open else 0.0,
        "priceChg": float(change),
    }


def _dealt(order: Order, one: Listing) -> dict[str, Json]:
    value = (order.price or _NOTHING) * (order.quantity or _NOTHING) * one.contract_size
    average = order.cost / (order.filled * one.contract_size) if order.filled else _NOTHING
    return {
        "value": text(value or order.cost),
        "dealValue": text(order.cost),
        "dealSize": number(order.filled),
        "filledValue": text(order.cost),
        "filledSize": number(order.filled),
        "avgDealPrice": text(round(average, 8)),
    }


def _stop(order: Order, house: House) -> dict[str, Json]:
    trigger = house.trigger_of(order)
    if trigger is None:
        return {"stop": "", "stopPriceType": "", "stopTriggered": False, "stopPrice": None}
    return {
        "stop": "up" if trigger.rising else "down",
        "stopPriceType": house.stop_types.get(house.shown_id(order), "TP"),
        "stopTriggered": not is_trigger(order) or order.status is Status.FIRED,
        "stopPrice": text(trigger.price),
    }


def futures_order(order: Order, house: House) -> dict[str, Json]:
    """Write one order, whether it waits for a price or not."""
    one = house.listing_of(order.ask.symbol)
    is_active = not order.status.is_closed
    dealt = _dealt(order, one)
    shown = house.shown_id(order)
    return {
        "id": shown,
        "symbol": wire_name(one),
        "type": order.ask.kind.value,
        "side": order.ask.side.value,
        "price": text(order.price) if order.price is not None else None,
        "size": number(order.quantity or _NOTHING),
        "value": dealt["value"],
        "dealValue": dealt["dealValue"],
        "dealSize": dealt["dealSize"],
        "stp": "",
        **_stop(order, house),
        "timeInForce": FORCES[order.ask.force],
        "postOnly": order.ask.force is Force.POST_ONLY,
        "hidden": False,
        "iceberg": False,
        "leverage": house.order_leverage.get(
            shown, str(house.exchange.position(one.symbol).leverage)
        ),
        "forceHold": False,
        "closeOrder": False,
        "visibleSize": None,
        "clientOid": order.ask.client_id,
        "remark": None,
        "tags": None,
        "isActive": is_active,
        "cancelExist": order.status in (Status.CANCELED, Status.FAILED),
        "createdAt": order.created_ms,
        "updatedAt": order.updated_ms,
        "endAt": None if is_active else order.updated_ms,
        "orderTime": order.created_ms * 1_000_000,
        "settleCurrency": one.quote,
        "marginMode": house.margin_mode(one.symbol),
        "avgDealPrice": dealt["avgDealPrice"],
        "status": "open" if is_active else "done",
        "filledValue": dealt["filledValue"],
        "filledSize": dealt["filledSize"],
        "reduceOnly": order.ask.reduce_only,
    }


def futures_fill(fill: Fill, house: House) -> dict[str, Json]:
    """Write one fill."""
    one = house.listing_of(fill.symbol)
    order = house.exchange.order(order_id=fill.order_id)
    kind = order.ask.kind if order else Kind.LIMIT
    return {
        "symbol": wire_name(one),
        "tradeId": fill.trade_id,
        "orderId": house.fill_order_id(fill),
        "side": fill.side.value,
        "liquidity": "maker" if fill.maker else "taker",
        "forceTaker": not fill.maker,
        "price": text(fill.price),
        "size": number(fill.quantity),
        "value": text(fill.price * fill.quantity * one.contract_size),
        "feeRate": text(one.maker_fee if fill.maker else one.taker_fee),
        "fixFee": "0",
        "feeCurrency": fill.fee_coin,
        "stop": "",
        "tradeTime": fill.ts_ms * 1_000_000,
        "fee": text(fill.fee),
        "settleCurrency": one.quote,
        "orderType": kind.value,
        "tradeType": "trade",
        "createdAt": fill.ts_ms,
    }


def _results(position: Position, cost: Decimal) -> dict[str, Json]:
    """Write the figures that come from profit alone."""
    return {
        "currentCost": float(cost),
        "currentComm": 0.0,
        "unrealisedCost": float(cost),
        "realisedGrossCost": float(-position.realised),
        "realisedCost": float(-position.realised),
        "realisedGrossPnl": float(position.realised),
        "realisedPnl": float(position.realised),
    }


def position_row(position: Position, house: House) -> dict[str, Json]:
    """Write one position; a short one has a negative quantity."""
    one = house.listing_of(position.symbol)
    mark = house.exchange.mark(position.symbol)
    cost = position.quantity * one.contract_size * position.entry_price
    value = position.quantity * one.contract_size * mark
    initial = abs(cost) / position.leverage
    gain = value - cost
    kept = abs(cost) * _MAINTENANCE
    return {
        "id": f"5{wire_name(one).encode().hex()}"[:24].ljust(24, "0"),
        "symbol": wire_name(one),
        "autoDeposit": False,
        "maintMarginReq": float(_MAINTENANCE),
        "riskLimit": 1_000_000,
        "realLeverage": float(position.leverage),
        "crossMode": position.cross,
        "delevPercentage": 0.1,
        "openingTimestamp": position.updated_ms,
        "currentTimestamp": house.now_ms(),
        "currentQty": number(position.quantity),
        **_results(position, cost),
        "isOpen": bool(position.quantity),
        "markPrice": float(mark),
        "markValue": float(value),
        "posCost": float(cost),
        "posCross": 0.0,
        "posInit": float(initial),
        "posComm": 0.0,
        "posLoss": 0.0,
        "posMargin": float(initial),
        "posMaint": float(kept),
        "maintMargin": float(initial + gain),
        "unrealisedPnl": float(gain),
        "unrealisedPnlPcnt": float(round(gain / abs(cost), 4)) if cost else 0.0,
        "unrealisedRoePcnt": float(round(gain / initial, 4)) if initial else 0.0,
        "avgEntryPrice": float(position.entry_price),
        "liquidationPrice": 0.0,
        "bankruptPrice": 0.0,
        "settleCurrency": one.quote,
        "isInverse": False,
        "maintainMargin": float(_MAINTENANCE),
        "riskLimitLevel": 1,
        "marginMode": "CROSS" if position.cross else "ISOLATED",
        "positionSide": "BOTH",
        "leverage": float(position.leverage),
    }
